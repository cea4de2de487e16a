namespace Annotator.Core.Labels;

/// <summary>A shape of one label that was found to be one of another.</summary>
/// <param name="First">Its place in the first.</param>
/// <param name="Second">Its place in the second.</param>
/// <param name="Overlap">Intersection over union, 0 to 1.</param>
public readonly record struct ShapePair(int First, int Second, double Overlap);

/// <summary>How two sets of shapes agree.</summary>
/// <param name="Pairs">Shapes that are in both, best first.</param>
/// <param name="OnlyFirst">Number of shapes of the first that the second lacks.</param>
/// <param name="OnlySecond">Number of shapes of the second that the first lacks.</param>
public sealed record ShapeAgreement(IReadOnlyList<ShapePair> Pairs, int OnlyFirst, int OnlySecond)
{
    /// <summary>2 · pairs / (shapes of both), 1 for two empty ones: the F1 of either against the other.</summary>
    public double F1 => Pairs.Count + OnlyFirst + OnlySecond == 0 ? 1 : 2.0 * Pairs.Count / ((2 * Pairs.Count) + OnlyFirst + OnlySecond);

    /// <summary>Mean overlap of the pairs; 1 where there are none.</summary>
    public double MeanOverlap => Pairs.Count == 0 ? 1 : Pairs.Average(p => p.Overlap);
}

/// <summary>Matches boxes and polygons by intersection over union (Jaccard 1901), wherever people and models are compared: greedily, the greatest overlap first, within a label.</summary>
public static class ShapeMatching
{
    /// <summary>The overlap from which two shapes are the same, where nobody says otherwise.</summary>
    public const double UsualOverlap = 0.5;

    // Polygons are measured on so many lines through what they have in common.
    private const int Lines = 256;

    /// <summary>Matches two label values of boxes or of polygons.</summary>
    /// <param name="first">A value.</param>
    /// <param name="second">A value of the same kind.</param>
    /// <param name="overlap">Least overlap of a pair, above 0 to 1.</param>
    /// <param name="labels">Whether only shapes of the same label are pairs.</param>
    /// <returns>Null where the values are not both of boxes or of polygons.</returns>
    public static ShapeAgreement? Match(LabelValue first, LabelValue second, double overlap = UsualOverlap, bool labels = true) => (first, second) switch
    {
        (BoxesValue a, BoxesValue b) => Match(a.Boxes, b.Boxes, x => x.Label, Overlap, overlap, labels),
        (PolygonsValue a, PolygonsValue b) => Match(a.Polygons, b.Polygons, x => x.Label, Overlap, overlap, labels),
        _ => null,
    };

    /// <summary>Intersection over union of two boxes.</summary>
    public static double Overlap(Box a, Box b)
    {
        ArgumentNullException.ThrowIfNull(a);
        ArgumentNullException.ThrowIfNull(b);
        var width = Math.Min(a.X + a.Width, b.X + b.Width) - Math.Max(a.X, b.X);
        var height = Math.Min(a.Y + a.Height, b.Y + b.Height) - Math.Max(a.Y, b.Y);
        if (width <= 0 || height <= 0) return 0;
        var common = width * height;
        return common / ((a.Width * a.Height) + (b.Width * b.Height) - common);
    }

    /// <summary>Intersection over union of two polygons by the even-odd rule, to about a hundredth.</summary>
    public static double Overlap(Polygon a, Polygon b)
    {
        ArgumentNullException.ThrowIfNull(a);
        ArgumentNullException.ThrowIfNull(b);
        double top = Math.Min(a.Points.Min(p => p.Y), b.Points.Min(p => p.Y)), bottom = Math.Max(a.Points.Max(p => p.Y), b.Points.Max(p => p.Y));
        if (!(bottom > top) || a.Points.Max(p => p.X) <= b.Points.Min(p => p.X) || b.Points.Max(p => p.X) <= a.Points.Min(p => p.X)) return 0;
        double common = 0, either = 0;
        for (var i = 0; i < Lines; i++)
        {
            var y = top + ((bottom - top) * (i + 0.5) / Lines);
            var (first, second) = (Crossings(a, y), Crossings(b, y));
            double both = 0;
            for (var p = 0; p + 1 < first.Count; p += 2)
            {
                for (var q = 0; q + 1 < second.Count; q += 2) both += Math.Max(0, Math.Min(first[p + 1], second[q + 1]) - Math.Max(first[p], second[q]));
            }

            common += both;
            either += Length(first) + Length(second) - both;
        }

        return either > 0 ? common / either : 0;
    }

    private static ShapeAgreement Match<T>(IReadOnlyList<T> first, IReadOnlyList<T> second, Func<T, string> labelOf, Func<T, T, double> overlapOf, double least, bool labels)
    {
        var candidates = new List<ShapePair>();
        for (var i = 0; i < first.Count; i++)
        {
            for (var j = 0; j < second.Count; j++)
            {
                if (labels && !string.Equals(labelOf(first[i]), labelOf(second[j]), StringComparison.Ordinal)) continue;
                if (overlapOf(first[i], second[j]) is var overlap && overlap >= least && overlap > 0) candidates.Add(new ShapePair(i, j, overlap));
            }
        }

        var (takenFirst, takenSecond) = (new bool[first.Count], new bool[second.Count]);
        var pairs = new List<ShapePair>();
        foreach (var pair in candidates.OrderByDescending(c => c.Overlap).ThenBy(c => c.First).ThenBy(c => c.Second))
        {
            if (takenFirst[pair.First] || takenSecond[pair.Second]) continue;
            (takenFirst[pair.First], takenSecond[pair.Second]) = (true, true);
            pairs.Add(pair);
        }

        return new ShapeAgreement(pairs, first.Count - pairs.Count, second.Count - pairs.Count);
    }

    private static List<double> Crossings(Polygon polygon, double y)
    {
        var at = new List<double>();
        for (var i = 0; i < polygon.Points.Count; i++)
        {
            var (a, b) = (polygon.Points[i], polygon.Points[(i + 1) % polygon.Points.Count]);
            if (a.Y <= y != b.Y <= y) at.Add(a.X + ((y - a.Y) / (b.Y - a.Y) * (b.X - a.X)));
        }

        at.Sort();
        return at;
    }

    private static double Length(List<double> crossings)
    {
        double length = 0;
        for (var i = 0; i + 1 < crossings.Count; i += 2) length += crossings[i + 1] - crossings[i];
        return length;
    }
}
