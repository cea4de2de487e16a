namespace Annotator.Core.Labels;

/// <summary>
/// How alike two labels of an item are. Classes are equal or not; what was drawn never is to the last pixel, so shapes are matched by how far they overlap, and what counts is
/// the F1 of one set against the other: boxes and polygons by area, segments by time, tracks by the area that they share over their frames (as in track mAP, Yang et al. 2019),
/// spans by the stretch of text and the label (Brandsen et al. 2020: F1 in place of kappa, since what is not an entity cannot be counted).
/// </summary>
public static class LabelLikeness
{
    // A track is looked at in so many of its frames.
    private const int Looks = 64;

    /// <summary>F1 of one label against the other, 0 to 1; of classes 0 or 1.</summary>
    /// <param name="first">A label, as canonical JSON.</param>
    /// <param name="second">Another label of the same task.</param>
    public static double Of(string first, string second)
    {
        ArgumentNullException.ThrowIfNull(first);
        ArgumentNullException.ThrowIfNull(second);
        if (string.Equals(first, second, StringComparison.Ordinal)) return 1;
        return IsDrawn(first) && IsDrawn(second) ? Of(LabelJson.Read(first), LabelJson.Read(second)) : 0;
    }

    /// <inheritdoc cref="Of(string, string)"/>
    public static double Of(LabelValue first, LabelValue second) => (first, second) switch
    {
        (SpansValue a, SpansValue b) => F1(a.Spans.Intersect(b.Spans).Count(), a.Spans.Count, b.Spans.Count),
        (SegmentsValue a, SegmentsValue b) => Match(a.Segments, b.Segments, (x, y) => string.Equals(x.Label, y.Label, StringComparison.Ordinal) ? Overlap(x, y) : 0),
        (TracksValue a, TracksValue b) => Match(a.Tracks, b.Tracks, (x, y) => string.Equals(x.Label, y.Label, StringComparison.Ordinal) ? Overlap(x, y) : 0),
        _ => ShapeMatching.Match(first, second) is { } matched ? matched.F1 : Equals(first, second) ? 1 : 0,
    };

    /// <summary>Whether two labels are the same answer: equal, or of what was drawn every shape of one is in the other.</summary>
    /// <param name="first">A label, as canonical JSON.</param>
    /// <param name="second">Another label of the same task.</param>
    public static bool Same(string first, string second) => Of(first, second) >= 1 - 1e-9;

    /// <summary>Whether a label is one of shapes, which two people never draw alike.</summary>
    /// <param name="value">The label, as canonical JSON.</param>
    public static bool IsDrawn(string value)
    {
        ArgumentNullException.ThrowIfNull(value);
        return !value.StartsWith("{\"choice", StringComparison.Ordinal);
    }

    // Greedily, the greatest overlap first.
    private static double Match<T>(IReadOnlyList<T> first, IReadOnlyList<T> second, Func<T, T, double> overlap)
    {
        var pairs = new List<(int First, int Second, double Overlap)>();
        for (var i = 0; i < first.Count; i++)
        {
            for (var j = 0; j < second.Count; j++)
            {
                if (overlap(first[i], second[j]) is var here && here >= ShapeMatching.UsualOverlap) pairs.Add((i, j, here));
            }
        }

        var (takenFirst, takenSecond, count) = (new bool[first.Count], new bool[second.Count], 0);
        foreach (var (i, j, _) in pairs.OrderByDescending(p => p.Overlap).ThenBy(p => p.First).ThenBy(p => p.Second))
        {
            if (takenFirst[i] || takenSecond[j]) continue;
            takenFirst[i] = takenSecond[j] = true;
            count++;
        }

        return F1(count, first.Count, second.Count);
    }

    private static double F1(int common, int first, int second) => first + second == 0 ? 1 : 2.0 * common / (first + second);

    private static double Overlap(Segment a, Segment b)
    {
        var common = Math.Min(a.End, b.End) - Math.Max(a.Start, b.Start);
        return common <= 0 ? 0 : common / (Math.Max(a.End, b.End) - Math.Min(a.Start, b.Start));
    }

    // Area that both cover over area that either does, summed over frames.
    private static double Overlap(Track a, Track b)
    {
        int from = Math.Min(a.Keyframes[0].Frame, b.Keyframes[0].Frame), to = Math.Max(a.Keyframes[^1].Frame, b.Keyframes[^1].Frame);
        var step = Math.Max(1, (to - from) / Looks);
        double common = 0, either = 0;
        for (var frame = from; frame <= to; frame += step)
        {
            var (x, y) = (TrackFrames.At(a, frame), TrackFrames.At(b, frame));
            double areaA = x is null ? 0 : x.Width * x.Height, areaB = y is null ? 0 : y.Width * y.Height;
            if (x is not null && y is not null)
            {
                double width = Math.Min(x.X + x.Width, y.X + y.Width) - Math.Max(x.X, y.X), height = Math.Min(x.Y + x.Height, y.Y + y.Height) - Math.Max(x.Y, y.Y);
                if (width > 0 && height > 0) common += width * height;
            }

            either += areaA + areaB;
        }

        return either - common > 0 ? common / (either - common) : 0;
    }
}
