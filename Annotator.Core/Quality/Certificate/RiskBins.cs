namespace Annotator.Core.Quality.Certificate;

/// <summary>
/// The population of an audit, counted by risk: items of nearly equal risk of a wrong label share a bin, and within a bin all are drawn alike.
/// Bins keep a draw, a bet and a forecast at a cost that does not depend on the number of items.
/// </summary>
internal sealed class RiskBins
{
    /// <summary>Eight bins a decade from 0.0001 to 1.</summary>
    public const int Length = 33;

    private const double Smallest = 1e-4;

    public RiskBins()
    {
    }

    public RiskBins(RiskBins other)
    {
        other.Counts.CopyTo(Counts, 0);
        other.Risks.CopyTo(Risks, 0);
        other.Weights.CopyTo(Weights, 0);
    }

    /// <summary>Items in each bin.</summary>
    public double[] Counts { get; } = new double[Length];

    /// <summary>Mean risk of a bin's items: believed, never relied on.</summary>
    public double[] Risks { get; } = new double[Length];

    /// <summary>How much more often an item of this bin is drawn than one of weight 1.</summary>
    public double[] Weights { get; } = new double[Length];

    public static int BinOf(double risk) => Math.Clamp((int)((Math.Log10(Math.Max(risk, Smallest)) + 4) * (Length - 1) / 4), 0, Length - 1);

    /// <summary>Counts items by risk; every weight is 1.</summary>
    public static RiskBins Of(ReadOnlySpan<double> risk, Span<byte> binOf)
    {
        var bins = new RiskBins();
        for (var i = 0; i < risk.Length; i++)
        {
            var value = double.IsNaN(risk[i]) ? 1 : Math.Clamp(risk[i], Smallest, 0.999);
            var bin = BinOf(value);
            if (!binOf.IsEmpty) binOf[i] = (byte)bin;
            bins.Counts[bin]++;
            bins.Risks[bin] += value;
        }

        for (var b = 0; b < Length; b++) bins.Risks[b] = bins.Counts[b] > 0 ? bins.Risks[b] / bins.Counts[b] : 0;
        Array.Fill(bins.Weights, 1);
        return bins;
    }

    public double Items()
    {
        double items = 0;
        foreach (var count in Counts) items += count;
        return items;
    }

    public double ExpectedErrors()
    {
        double errors = 0;
        for (var b = 0; b < Length; b++) errors += Counts[b] * Risks[b];
        return errors;
    }

    public double TotalWeight()
    {
        double weight = 0;
        for (var b = 0; b < Length; b++) weight += Counts[b] * Weights[b];
        return weight;
    }

    /// <summary>What a gambler needs to know about the next draw; made once a draw, used for every claim.</summary>
    public DrawOdds Odds() => new(this);
}
