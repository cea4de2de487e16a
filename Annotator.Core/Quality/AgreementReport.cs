using System.Globalization;
using Annotator.Core.Labels;
using Annotator.Core.Quality.Agreement;

namespace Annotator.Core.Quality;

/// <summary>A figure with its 95 % bootstrap interval over items.</summary>
/// <param name="Value">The figure; null where it is undefined.</param>
/// <param name="Lower">Lower end; null with fewer than ten items, or so many that it would say nothing.</param>
/// <param name="Upper">Upper end.</param>
public readonly record struct MeasuredFigure(double? Value, double? Lower, double? Upper);

/// <summary>Agreement on what is drawn: spans, boxes, polygons, tracks and segments, by pairs of people.</summary>
/// <param name="F1">F1 of what one person drew against the other's: spans the same to the character, shapes from an overlap (IoU) of a half, of the same label.</param>
/// <param name="Boundaries">The same whatever the label: whether people see the same things in the same places.</param>
/// <param name="Naming">Of what both see in the same place, the share that both name alike.</param>
/// <param name="Strict">F1 of shapes from an overlap of three quarters; of spans that overlap at all, of the same label.</param>
/// <param name="Overlap">Mean overlap (IoU) of shapes that both drew; of spans in characters.</param>
/// <param name="IsText">Whether these are spans.</param>
public sealed record DrawnReport(MeasuredFigure F1, MeasuredFigure Boundaries, MeasuredFigure Naming, MeasuredFigure Strict, MeasuredFigure Overlap, bool IsText);

/// <summary>What people agree on, with all coefficients that suit the labels.</summary>
/// <param name="Scale">What labels were taken for.</param>
/// <param name="Items">Items that several people decided.</param>
/// <param name="Ratings">Their labels.</param>
/// <param name="Annotators">People.</param>
/// <param name="Percent">Share of pairs of labels that are equal; of what is drawn their mean F1.</param>
/// <param name="Cohen">Cohen's kappa; with more than two people the mean over pairs (Light).</param>
/// <param name="WeightedCohen">The same with quadratic weights, for ranks and numbers; else undefined.</param>
/// <param name="Scott">Scott's pi, the mean over pairs of people.</param>
/// <param name="Fleiss">Fleiss's kappa.</param>
/// <param name="Gwet">Gwet's AC1.</param>
/// <param name="Alpha">Krippendorff's alpha at the scale; of what is drawn with 1 - F1 as the distance.</param>
/// <param name="Drawn">More of what is drawn; null of classes.</param>
public sealed record AgreementReport(
    MeasurementScale Scale, int Items, int Ratings, int Annotators, MeasuredFigure Percent, MeasuredFigure Cohen, MeasuredFigure WeightedCohen, MeasuredFigure Scott, MeasuredFigure Fleiss, MeasuredFigure Gwet, MeasuredFigure Alpha,
    DrawnReport? Drawn)
{
    private const long Work = 10_000_000;
    private const int MostResamples = 400;
    private const int FewestResamples = 50;
    private const int FewestItems = 10;

    // Tables of all pairs of people and labels are made up to this many of each.
    private const int MostPaired = 50;

    internal static AgreementReport? Of(IReadOnlyCollection<Vote[]> items, LabelSchema schema, MeasurementScale scale)
    {
        if (items.SelectMany(i => i).FirstOrDefault() is { Value: { } any } && LabelLikeness.IsDrawn(any)) return DrawnFigures.Of(items, scale);
        var values = items.SelectMany(i => i).Where(v => v.UserId != 0).Select(v => v.Value).Distinct(StringComparer.Ordinal).ToList();
        var (order, positions) = Order(values, schema);
        if (RatingsOf(items, order) is not { } ratings) return null;
        var own = Figures(ratings, scale, positions);
        var resamples = (int)Math.Min(Work / Math.Max(1, ratings.Count), MostResamples);
        var drawn = new double?[ratings.Units < FewestItems || resamples < FewestResamples ? 0 : resamples][];
        Parallel.For(0, drawn.Length, Bootstrap.Threads, i => drawn[i] = Figures(ratings.Resample(new Random(i + 1)), scale, positions));
        MeasuredFigure At(int figure) => Measured(own[figure], drawn.Select(d => d[figure]));
        return new AgreementReport(scale, ratings.Units, ratings.Count, ratings.Raters, At(0), At(1), At(2), At(3), At(4), At(5), At(6), null);
    }

    /// <summary>A figure with the interval that its resamples give.</summary>
    internal static MeasuredFigure Measured(double? value, IEnumerable<double?> resampled)
    {
        if (value is not { } own || !double.IsFinite(own)) return default;
        var sorted = resampled.OfType<double>().Where(double.IsFinite).Order().ToArray();
        return sorted.Length < FewestResamples / 2
            ? new MeasuredFigure(own, null, null)
            : new MeasuredFigure(own, Math.Min(own, sorted[(int)(0.025 * (sorted.Length - 1))]), Math.Max(own, sorted[(int)Math.Ceiling(0.975 * (sorted.Length - 1))]));
    }

    private static double?[] Figures(Ratings ratings, MeasurementScale scale, double[] positions)
    {
        var countable = ratings.Categories <= TeamAgreement.MostCategories;
        var paired = ratings.Raters <= MostPaired && ratings.Categories <= MostPaired;
        return
        [
            Kappa.Percent(ratings),
            countable ? Kappa.CohenPairwise(ratings) : null,
            paired && scale != MeasurementScale.Nominal ? OverPairs(ratings, table => Kappa.Cohen(table, KappaWeights.Quadratic)) : null,
            paired ? OverPairs(ratings, Kappa.Scott) : null,
            Kappa.Fleiss(ratings),
            Kappa.GwetAc1(ratings),
            countable ? Krippendorff.Alpha(ratings, scale, scale is MeasurementScale.Interval or MeasurementScale.Ratio ? positions : []) : null,
        ];
    }

    private static double? OverPairs(Ratings ratings, Func<int[,], double?> of)
    {
        var (sum, count) = (0.0, 0);
        for (var a = 0; a < ratings.Raters; a++)
        {
            for (var b = a + 1; b < ratings.Raters; b++)
            {
                if (of(ratings.Confusion(a, b)) is not { } value || !double.IsFinite(value)) continue;
                (sum, count) = (sum + value, count + 1);
            }
        }

        return count == 0 ? null : sum / count;
    }

    // Labels in the order of the schema, or of the numbers that they are; where a label stands among ranks is its place, among numbers the number.
    private static (Dictionary<string, int> Order, double[] Positions) Order(List<string> values, LabelSchema schema)
    {
        var names = values.ConvertAll(v => string.Join(" + ", LabelJson.Read(v).LabelNames));
        var numbers = names.ConvertAll(n => double.TryParse(n, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number) ? number : (double?)null);
        var numeric = numbers.TrueForAll(n => n is not null);
        var place = Enumerable.Range(0, values.Count).Select(i => numeric ? numbers[i]!.Value : schema.IndexOf(names[i]) is >= 0 and var at ? at : schema.Labels.Count + i).ToArray();
        var sorted = Enumerable.Range(0, values.Count).OrderBy(i => place[i]).ThenBy(i => values[i], StringComparer.Ordinal).ToArray();
        return (sorted.Select((i, at) => (values[i], at)).ToDictionary(p => p.Item1, p => p.at, StringComparer.Ordinal), Array.ConvertAll(sorted, i => place[i]));
    }

    private static Ratings? RatingsOf(IReadOnlyCollection<Vote[]> items, Dictionary<string, int> order)
    {
        List<int> units = [], raters = [], categories = [];
        var people = new Dictionary<long, int>();
        var unit = 0;
        foreach (var votes in items)
        {
            if (votes.Count(v => v.UserId != 0) < 2) continue;
            foreach (var vote in votes.Where(v => v.UserId != 0))
            {
                if (!people.TryGetValue(vote.UserId, out var person)) people[vote.UserId] = person = people.Count;
                units.Add(unit);
                raters.Add(person);
                categories.Add(order[vote.Value]);
            }

            unit++;
        }

        return unit == 0 ? null : Agreement.Ratings.Create(units.ToArray(), raters.ToArray(), categories.ToArray(), unit, people.Count, order.Count);
    }
}
