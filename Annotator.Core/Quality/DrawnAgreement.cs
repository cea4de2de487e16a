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
            double within = 0;
            for (var i = 0; i < votes.Count; i++)
            {
                for (var j = i + 1; j < votes.Count; j++)
                {
                    var here = LabelLikeness.Of(votes[i], votes[j]);
                    likeness += here;
                    within += 1 - here;
                    pairs++;
                }
            }

            // As alpha weighs an item: its pairs by one less than its labels.
            distance += 2 * within / (votes.Count - 1);
            ratings += votes.Count;
        }

        var chance = Chance(items);
        var alpha = chance is > 0 and var expected ? 1 - (distance / ratings / expected) : (double?)null;
        return new AgreementMetrics(null, null, alpha, likeness / pairs, null, null, items.Count, (int)ratings);
    }

    // The mean distance of labels of different items, from a sample that is the same every time.
    private static double? Chance(IReadOnlyList<IReadOnlyList<string>> items)
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
