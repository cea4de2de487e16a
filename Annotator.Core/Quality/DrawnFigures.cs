using Annotator.Core.Labels;
using Annotator.Core.Quality.Agreement;

namespace Annotator.Core.Quality;

/// <summary>What people agree on where labels are drawn: in place, in name and in how far shapes overlap.</summary>
internal static class DrawnFigures
{
    // Shapes are compared with each other: of more items that several people decided so many are taken, spread over all.
    private const int MostItems = 2_000;
    private const int Resamples = 400;
    private const int FewestItems = 10;
    private const double StrictOverlap = 0.75;
    private const string AnyLabel = "-";

    public static AgreementReport? Of(IReadOnlyCollection<Vote[]> items, MeasurementScale scale)
    {
        var all = items.Select(i => i.Where(v => v.UserId != 0).ToArray()).Where(v => v.Length > 1).ToList();
        if (all.Count == 0) return null;
        var step = Math.Max(1, (all.Count + MostItems - 1) / MostItems);
        var taken = all.Where((_, i) => i % step == 0).ToList();
        IReadOnlyList<IReadOnlyList<string>> votes = [.. taken.Select(v => v.Select(x => x.Value).ToList())];
        var chance = DrawnAgreement.Chance(votes);
        var sums = taken.ConvertAll(v => Compare(Array.ConvertAll(v, x => x.Value)));
        var own = Figures(sums, chance);
        var drawn = new double?[sums.Count < FewestItems ? 0 : Resamples][];
        for (var i = 0; i < drawn.Length; i++)
        {
            var random = new Random(i + 1);
            drawn[i] = Figures([.. sums.Select(_ => sums[random.Next(sums.Count)])], chance);
        }

        MeasuredFigure At(int figure) => AgreementReport.Measured(own[figure], drawn.Select(d => d[figure]));
        return new AgreementReport(
            scale, all.Count, all.Sum(v => v.Length), all.SelectMany(v => v).Select(v => v.UserId).Distinct().Count(), At(0), default, default, default, default, default, At(1),
            new DrawnReport(At(0), At(2), At(3), At(4), At(5), LabelJson.Read(taken[0][0].Value) is SpansValue));
    }

    private static double?[] Figures(List<Sums> items, double? chance)
    {
        var all = default(Sums);
        foreach (var item in items) all = all.Plus(item);
        return
        [
            all.Pairs == 0 ? null : all.Likeness / all.Pairs,
            chance is > 0 and var expected ? 1 - (all.Distance / all.Ratings / expected) : null,
            all.Pairs == 0 ? null : all.Boundaries / all.Pairs,
            all.Placed == 0 ? null : (double)all.Named / all.Placed,
            all.Pairs == 0 ? null : all.Strict / all.Pairs,
            all.Overlaps == 0 ? null : all.Overlap / all.Overlaps,
        ];
    }

    private static Sums Compare(string[] votes)
    {
        var (_, distance, _, ratings) = DrawnAgreement.Compare(votes);
        var sums = new Sums { Distance = distance, Ratings = ratings };
        var values = Array.ConvertAll(votes, LabelJson.Read);
        for (var i = 0; i < values.Length; i++)
        {
            for (var j = i + 1; j < values.Length; j++) sums = sums.Plus(Pair(values[i], values[j]));
        }

        return sums;
    }

    private static Sums Pair(LabelValue first, LabelValue second)
    {
        var sums = new Sums { Pairs = 1, Likeness = LabelLikeness.Of(first, second), Boundaries = LabelLikeness.Of(Nameless(first), Nameless(second)) };
        if (first is SpansValue a && second is SpansValue b)
        {
            var placed = a.Spans.Select(s => (s.Start, s.End)).Intersect(b.Spans.Select(s => (s.Start, s.End))).ToHashSet();
            sums = sums with { Placed = placed.Count, Named = placed.Count(p => a.Spans.Any(x => (x.Start, x.End) == p && b.Spans.Contains(x))) };
            return Overlapping(a, b, sums);
        }

        if (ShapeMatching.Match(first, second, labels: false) is not { } seen) return sums with { Strict = sums.Likeness };
        return sums with
        {
            Placed = seen.Pairs.Count,
            Named = seen.Pairs.Count(p => string.Equals(LabelAt(first, p.First), LabelAt(second, p.Second), StringComparison.Ordinal)),
            Strict = ShapeMatching.Match(first, second, StrictOverlap)!.F1,
            Overlap = seen.Pairs.Sum(p => p.Overlap),
            Overlaps = seen.Pairs.Count,
        };
    }

    // Spans of one label that share a character, each with one other, the longest overlap first.
    private static Sums Overlapping(SpansValue a, SpansValue b, Sums sums)
    {
        var candidates = new List<(int First, int Second, double Overlap)>();
        for (var i = 0; i < a.Spans.Count; i++)
        {
            for (var j = 0; j < b.Spans.Count; j++)
            {
                var (x, y) = (a.Spans[i], b.Spans[j]);
                var common = Math.Min(x.End, y.End) - Math.Max(x.Start, y.Start);
                if (common > 0 && string.Equals(x.Label, y.Label, StringComparison.Ordinal)) candidates.Add((i, j, (double)common / (Math.Max(x.End, y.End) - Math.Min(x.Start, y.Start))));
            }
        }

        var (taken, matched, overlap) = (new HashSet<(bool, int)>(), 0, 0.0);
        foreach (var (i, j, share) in candidates.OrderByDescending(c => c.Overlap).ThenBy(c => c.First).ThenBy(c => c.Second))
        {
            if (taken.Contains((true, i)) || taken.Contains((false, j))) continue;
            taken.Add((true, i));
            taken.Add((false, j));
            (matched, overlap) = (matched + 1, overlap + share);
        }

        var all = a.Spans.Count + b.Spans.Count;
        return sums with { Strict = all == 0 ? 1 : 2.0 * matched / all, Overlap = overlap, Overlaps = matched };
    }

    private static string LabelAt(LabelValue value, int place) => value switch
    {
        BoxesValue boxes => boxes.Boxes[place].Label,
        PolygonsValue polygons => polygons.Polygons[place].Label,
        _ => "",
    };

    private static LabelValue Nameless(LabelValue value) => value switch
    {
        SpansValue spans => new SpansValue(spans.Spans.Select(s => s with { Label = AnyLabel }).Distinct()),
        BoxesValue boxes => new BoxesValue(boxes.Boxes.Select(b => b with { Label = AnyLabel })),
        PolygonsValue polygons => new PolygonsValue(polygons.Polygons.Select(p => new Polygon(AnyLabel, p.Points))),
        TracksValue tracks => new TracksValue(tracks.Tracks.Select(t => new Track(t.Id, AnyLabel, t.Keyframes))),
        SegmentsValue segments => new SegmentsValue(segments.Segments.Select(s => s with { Label = AnyLabel })),
        _ => value,
    };

    // What the figures are made of; those of several items are added up.
    private readonly record struct Sums(
        int Pairs = 0, int Ratings = 0, double Likeness = 0, double Distance = 0, double Boundaries = 0, double Strict = 0, int Placed = 0, int Named = 0, double Overlap = 0, int Overlaps = 0)
    {
        public Sums Plus(Sums o) => new(
            Pairs + o.Pairs, Ratings + o.Ratings, Likeness + o.Likeness, Distance + o.Distance, Boundaries + o.Boundaries, Strict + o.Strict, Placed + o.Placed, Named + o.Named, Overlap + o.Overlap, Overlaps + o.Overlaps);
    }
}
