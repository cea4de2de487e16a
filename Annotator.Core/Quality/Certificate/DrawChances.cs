namespace Annotator.Core.Quality.Certificate;

/// <summary>The chances that the draws of an audit had, made anew from its facts: what an estimate for a part of its population weighs them by.</summary>
/// <remarks>
/// With weights w and no replacement, an item that is still there when the other weights sum to W is drawn next with probability w/W. Over all draws so far it has been drawn with about
/// 1 - exp(-w sum of 1/W): the successive sampling of Rosen (1972), exact in the limit of many items. A part of the population is drawn by the same chances.
/// </remarks>
internal static class DrawChances
{
    /// <summary>The chance of each record's item to have been drawn by the end.</summary>
    /// <param name="risk">The audit's risks, item by item.</param>
    /// <param name="allowed">Wrong labels that could remain when it began.</param>
    /// <param name="alpha">Its error probability.</param>
    /// <param name="records">What left the population, in order.</param>
    /// <returns>A chance in (0, 1] a record; of a review what it would have been.</returns>
    public static double[] Of(ReadOnlySpan<double> risk, double allowed, double alpha, IReadOnlyList<(int Item, AuditEntry Kind)> records)
    {
        var binOf = new byte[risk.Length];
        var open = RiskBins.Of(risk, binOf);
        AuditDesign.Choose(open, allowed, alpha).Weights.CopyTo(open.Weights, 0);
        double exposure = 0;
        foreach (var (item, kind) in records)
        {
            if (kind == AuditEntry.Draw) exposure += 1 / open.TotalWeight();
            open.Counts[binOf[item]]--;
        }

        return [.. records.Select(r => Math.Clamp(1 - Math.Exp(-open.Weights[binOf[r.Item]] * exposure), 1e-12, 1))];
    }
}
