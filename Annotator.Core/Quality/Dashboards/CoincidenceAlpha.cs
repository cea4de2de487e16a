using Annotator.Core.Quality.Tallies;

namespace Annotator.Core.Quality.Dashboards;

/// <summary>Krippendorff's alpha of names from weighed pairs alone, as the tallies keep them.</summary>
public static class CoincidenceAlpha
{
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

    /// <summary>The weight of one pair of an item with two labels.</summary>
    public static long TallyWhole => TallyRules.Whole;
}
