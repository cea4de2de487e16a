using Annotator.Core.Labels;

namespace Annotator.Core.Quality;

/// <summary>
/// Agreement on labels that are drawn (spans, boxes, polygons, tracks, segments): pairs of people are compared by the F1 of what they drew. Krippendorff's alpha takes
/// 1 - F1 as its distance, and what chance would give from labels of different items (Krippendorff 2011; for such labels Braylan, Alonso and Lease 2022). Kappas need
/// categories that repeat, and are not given.
/// </summary>
internal static class DrawnAgreement
{
    // Pairs of labels of different items that are looked at: enough for two digits.
    private const int ChancePairs = 4_000;

    /// <summary>The figures.</summary>
    /// <param name="items">Labels of each item that two people or more decided.</param>
    public static AgreementMetrics Of(IReadOnlyList<IReadOnlyList<string>> items)
    {
        double likeness = 0, distance = 0;
        long pairs = 0, ratings = 0;
        foreach (var votes in items)
        {
            var item = Compare(votes);
            (likeness, distance, pairs, ratings) = (likeness + item.Likeness, distance + item.Distance, pairs + item.Pairs, ratings + item.Ratings);
        }

        var chance = Chance(items);
        var alpha = chance is > 0 and var expected ? 1 - (distance / ratings / expected) : (double?)null;
        return new AgreementMetrics(null, null, alpha, likeness / pairs, null, null, items.Count, (int)ratings);
    }

    /// <summary>The labels of one item held against each other: sum of likeness over pairs, distance as alpha weighs it (pairs by one less than the labels), pairs, labels.</summary>
    public static (double Likeness, double Distance, int Pairs, int Ratings) Compare(IReadOnlyList<string> votes)
    {
        var (likeness, pairs) = (0.0, 0);
        for (var i = 0; i < votes.Count; i++)
        {
            for (var j = i + 1; j < votes.Count; j++)
            {
                likeness += LabelLikeness.Of(votes[i], votes[j]);
                pairs++;
            }
        }

        return (likeness, 2 * (pairs - likeness) / (votes.Count - 1), pairs, votes.Count);
    }

    // The mean distance of labels of different items, from a sample that is the same every time.
    internal static double? Chance(IReadOnlyList<IReadOnlyList<string>> items)
    {
        if (items.Count < 2) return null;
        var random = new Random(items.Count);
        double sum = 0;
        for (var n = 0; n < ChancePairs; n++)
        {
            var (a, b) = (random.Next(items.Count), random.Next(items.Count - 1));
            if (b >= a) b++;
            sum += 1 - LabelLikeness.Of(items[a][random.Next(items[a].Count)], items[b][random.Next(items[b].Count)]);
        }

        return sum / ChancePairs;
    }
}
