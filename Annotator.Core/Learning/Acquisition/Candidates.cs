namespace Annotator.Core.Learning.Acquisition;

/// <summary>The items that <see cref="HerdingStrategy"/> looks at closely, with how much each is in doubt (times how many items it stands for).</summary>
/// <param name="Items">Positions in the request.</param>
/// <param name="Own">Doubt of the item itself.</param>
/// <param name="Doubt">The same, times how many items that were not taken the item stands for.</param>
/// <param name="Reasons">Why it would be picked.</param>
internal sealed record Candidates(int[] Items, float[] Own, float[] Doubt, PickReason[] Reasons)
{
    public static Candidates Choose(AcquisitionRequest request, int[] open, int labelled, int most, HerdingOptions options, Random random)
    {
        var doubt = Uncertainty.Of(request, open);

        // While classes have few labels the student's doubt says little.
        var cold = !request.HasProbabilities ? 1 : options.ColdLabels * request.Classes / ((options.ColdLabels * request.Classes) + labelled);
        var rarity = Rarity(request, options);
        var reasons = new PickReason[open.Length];
        for (var i = 0; i < open.Length; i++)
        {
            var sure = MathF.Pow(doubt[i], (float)options.Sharpness);
            var rare = request.HasProbabilities ? Expected(request.Probabilities.Span.Slice(open[i] * request.Classes, request.Classes), rarity, request.Multiple) : 1;
            reasons[i] = !request.HasProbabilities || cold > sure ? PickReason.Coverage : rare > 1.5f ? PickReason.RareClass : PickReason.Uncertain;
            doubt[i] = (float)(((1 - cold) * sure * rare) + cold);
            if (request.Density.Length > 0) doubt[i] *= request.Density.Span[open[i]];
        }

        if (open.Length <= most) return new Candidates(open, doubt, doubt, reasons);

        // The most doubtful half; the other half at random out of the rest, each standing for as many as it was drawn from.
        var places = Enumerable.Range(0, open.Length).ToArray();
        var top = OpenItems.Top(places, doubt, most / 2, random);
        var isTop = new bool[open.Length];
        foreach (var place in top) isTop[place] = true;
        var drawn = OpenItems.Sample(Array.FindAll(places, place => !isTop[place]), most - top.Length, random);
        var weight = (open.Length - top.Length) / (float)drawn.Length;
        int[] kept = [.. top, .. drawn];
        var own = Array.ConvertAll(kept, p => doubt[p]);
        var weighted = own.Select((d, i) => i < top.Length ? d : d * weight).ToArray();
        return new Candidates(Array.ConvertAll(kept, p => open[p]), own, weighted, Array.ConvertAll(kept, p => reasons[p]));
    }

    /// <summary>Weight of each class, 1 on average over the labels: a power of (mean labels a class / labels of the class).</summary>
    private static float[] Rarity(AcquisitionRequest request, HerdingOptions options)
    {
        var weights = new float[request.Classes];
        Array.Fill(weights, 1);
        if (request.ClassCounts.Length == 0) return weights;
        var counts = request.ClassCounts.Span;
        double total = 0;
        foreach (var count in counts) total += count + 1;
        for (var c = 0; c < weights.Length; c++)
            weights[c] = (float)Math.Clamp(Math.Pow(total / weights.Length / (counts[c] + 1), options.RareClasses), 0.25, 4);
        return weights;
    }

    private static float Expected(ReadOnlySpan<float> probabilities, float[] weights, bool multiple)
    {
        float sum = 0, total = 0;
        for (var c = 0; c < weights.Length; c++)
        {
            sum += probabilities[c] * weights[c];
            total += probabilities[c];
        }

        return total > 0 ? sum / (multiple ? MathF.Max(1, total) : total) : 1;
    }
}
