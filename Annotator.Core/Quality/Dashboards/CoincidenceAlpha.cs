using Annotator.Core.Quality.Tallies;

namespace Annotator.Core.Quality.Dashboards;

/// <summary>Krippendorff's alpha of names from weighed pairs alone, as the tallies keep them.</summary>
public static class CoincidenceAlpha
{
    private const int Resamples = 200;
    private const int FewestItems = 10;

    /// <summary>The coefficient: 1 - D_o / D_e over the coincidences (Krippendorff 2011).</summary>
    /// <param name="pairs">Each unordered pair of labels with the sum of its weights: <see cref="TallyWhole"/> over (labels of the item - 1) for each occurrence.</param>
    /// <returns>Alpha; null where all labels are the same or there is no pair.</returns>
    public static double? Of(IEnumerable<(string Label, string Other, long Weight)> pairs)
    {
        ArgumentNullException.ThrowIfNull(pairs);
        var sums = new Dictionary<string, double>(StringComparer.Ordinal);
        var (total, unequal) = (0.0, 0.0);
        foreach (var (label, other, weight) in pairs)
        {
            var w = (double)weight / TallyRules.Whole;
            sums[label] = sums.GetValueOrDefault(label) + w;
            sums[other] = sums.GetValueOrDefault(other) + w;
            total += 2 * w;
            if (!string.Equals(label, other, StringComparison.Ordinal)) unequal += 2 * w;
        }

        var expected = (total * total) - sums.Values.Sum(s => s * s);
        return expected <= 1e-9 ? null : 1 - ((total - 1) * unequal / expected);
    }

    /// <summary>
    /// The 95 % bootstrap interval of the coefficient. The tallies know pairs, not items: as many pairs are drawn as there were items, from all pairs by their weight
    /// (each cell by Poisson's law, Hanley and MacGibbon 2006), which for items with more than two labels errs on the wide side.
    /// </summary>
    /// <param name="pairs">As for <see cref="Of"/>, each with how many pairs it stands for.</param>
    /// <returns>The interval; null where alpha is undefined or fewer than ten items are behind it.</returns>
    public static Interval? IntervalOf(IReadOnlyCollection<(string Label, string Other, long Count, long Weight)> pairs)
    {
        ArgumentNullException.ThrowIfNull(pairs);
        if (Of(pairs.Select(p => (p.Label, p.Other, p.Weight))) is not { } alpha) return null;
        var (count, weight) = ((double)pairs.Sum(p => p.Count), pairs.Sum(p => p.Weight) / (double)TallyRules.Whole);

        // An item of m labels has m (m - 1) / 2 pairs that weigh m / 2 together.
        var items = weight + count == 0 ? 0 : 2 * weight * weight / (count + weight);
        if (items < FewestItems) return null;
        var cells = pairs.Where(p => p.Weight > 0).Select(p => (p.Label, p.Other, Mean: items * p.Weight / TallyRules.Whole / weight)).ToArray();
        return Bootstrap.Of(alpha, random => Of(cells.Select(c => (c.Label, c.Other, Bootstrap.Poisson(random, c.Mean) * TallyRules.Whole))), Resamples);
    }

    /// <summary>The weight of one pair of an item with two labels.</summary>
    public static long TallyWhole => TallyRules.Whole;
}
