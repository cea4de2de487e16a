namespace Annotator.Core.Labels;

/// <summary>
/// What a labeller said of an item: a closed set, one shape a task. Equality is by meaning: order does not count for
/// choices and shapes, and coordinates are compared as written.
/// </summary>
public abstract record LabelValue
{
    private protected LabelValue()
    {
    }

    /// <summary>All label names in the value, in order, with repeats.</summary>
    public abstract IEnumerable<string> LabelNames { get; }

    /// <summary>The label of a single choice, else null.</summary>
    public virtual string? Single => null;
}

/// <summary>One label for the whole item.</summary>
/// <param name="Choice">The label's name.</param>
public sealed record ChoiceValue(string Choice) : LabelValue
{
    /// <inheritdoc />
    public override IEnumerable<string> LabelNames => [Choice];

    /// <inheritdoc />
    public override string? Single => Choice;
}

/// <summary>Any number of labels for the whole item; a set.</summary>
public sealed record ChoicesValue : LabelValue
{
    /// <summary>Makes a value; names are sorted and repeats dropped.</summary>
    public ChoicesValue(IEnumerable<string> choices) => Choices = [.. choices.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];

    /// <summary>The labels, sorted by ordinal.</summary>
    public IReadOnlyList<string> Choices { get; }

    /// <inheritdoc />
    public override IEnumerable<string> LabelNames => Choices;

    /// <inheritdoc />
    public bool Equals(ChoicesValue? other) => other is not null && Choices.SequenceEqual(other.Choices, StringComparer.Ordinal);

    /// <inheritdoc />
    public override int GetHashCode() => ListHash.Of(Choices);
}

/// <summary>A labelled stretch of a text.</summary>
/// <param name="Start">First code point.</param>
/// <param name="End">Code point after the last.</param>
/// <param name="Label">The label's name.</param>
public sealed record Span(int Start, int End, string Label);

/// <summary>Labelled stretches of a text, sorted by start, end and label.</summary>
public sealed record SpansValue : LabelValue
{
    /// <summary>Makes a value; spans are sorted.</summary>
    public SpansValue(IEnumerable<Span> spans) =>
        Spans = [.. spans.Distinct().OrderBy(s => s.Start).ThenBy(s => s.End).ThenBy(s => s.Label, StringComparer.Ordinal)];

    /// <summary>The spans.</summary>
    public IReadOnlyList<Span> Spans { get; }

    /// <inheritdoc />
    public override IEnumerable<string> LabelNames => Spans.Select(s => s.Label);

    /// <inheritdoc />
    public bool Equals(SpansValue? other) => other is not null && Spans.SequenceEqual(other.Spans);

    /// <inheritdoc />
    public override int GetHashCode() => ListHash.Of(Spans);
}

/// <summary>A labelled rectangle, in pixels of the full-size image, origin top left.</summary>
/// <param name="Label">The label's name.</param>
/// <param name="X">Left edge.</param>
/// <param name="Y">Top edge.</param>
/// <param name="Width">Width, above zero.</param>
/// <param name="Height">Height, above zero.</param>
public sealed record Box(string Label, double X, double Y, double Width, double Height);

/// <summary>Labelled rectangles.</summary>
public sealed record BoxesValue : LabelValue
{
    /// <summary>Makes a value; the order of drawing is kept.</summary>
    public BoxesValue(IEnumerable<Box> boxes) => Boxes = [.. boxes];

    /// <summary>The boxes.</summary>
    public IReadOnlyList<Box> Boxes { get; }

    /// <inheritdoc />
    public override IEnumerable<string> LabelNames => Boxes.Select(b => b.Label);

    /// <inheritdoc />
    public bool Equals(BoxesValue? other) => other is not null && ListHash.SameSet(Boxes, other.Boxes);

    /// <inheritdoc />
    public override int GetHashCode() => ListHash.OfSet(Boxes);
}

/// <summary>A labelled polygon, at least three points of x and y in pixels.</summary>
public sealed record Polygon
{
    /// <summary>Makes a polygon.</summary>
    public Polygon(string label, IEnumerable<(double X, double Y)> points) => (Label, Points) = (label, [.. points]);

    /// <summary>The label's name.</summary>
    public string Label { get; }

    /// <summary>The corners in order.</summary>
    public IReadOnlyList<(double X, double Y)> Points { get; }

    /// <inheritdoc />
    public bool Equals(Polygon? other) =>
        other is not null && string.Equals(Label, other.Label, StringComparison.Ordinal) && Points.SequenceEqual(other.Points);

    /// <inheritdoc />
    public override int GetHashCode() => HashCode.Combine(Label, ListHash.Of(Points));
}

/// <summary>Labelled polygons.</summary>
public sealed record PolygonsValue : LabelValue
{
    /// <summary>Makes a value; the order of drawing is kept.</summary>
    public PolygonsValue(IEnumerable<Polygon> polygons) => Polygons = [.. polygons];

    /// <summary>The polygons.</summary>
    public IReadOnlyList<Polygon> Polygons { get; }

    /// <inheritdoc />
    public override IEnumerable<string> LabelNames => Polygons.Select(p => p.Label);

    /// <inheritdoc />
    public bool Equals(PolygonsValue? other) => other is not null && ListHash.SameSet(Polygons, other.Polygons);

    /// <inheritdoc />
    public override int GetHashCode() => ListHash.OfSet(Polygons);
}

/// <summary>A box at one frame of a track; linear between keyframes.</summary>
/// <param name="Frame">Frame number, from 0.</param>
/// <param name="X">Left edge in pixels.</param>
/// <param name="Y">Top edge in pixels.</param>
/// <param name="Width">Width in pixels.</param>
/// <param name="Height">Height in pixels.</param>
/// <param name="Outside">Whether the object is out of sight from this frame on.</param>
/// <param name="Occluded">Whether something stands before the object from this frame on.</param>
public sealed record Keyframe(int Frame, double X, double Y, double Width, double Height, bool Outside, bool Occluded = false);

/// <summary>One object followed through a video.</summary>
public sealed record Track
{
    /// <summary>Makes a track; keyframes are sorted by frame.</summary>
    public Track(string id, string label, IEnumerable<Keyframe> keyframes) =>
        (Id, Label, Keyframes) = (id, label, [.. keyframes.OrderBy(k => k.Frame)]);

    /// <summary>Identifier within the value.</summary>
    public string Id { get; }

    /// <summary>The label's name.</summary>
    public string Label { get; }

    /// <summary>At least one keyframe, sorted by frame.</summary>
    public IReadOnlyList<Keyframe> Keyframes { get; }

    /// <inheritdoc />
    public bool Equals(Track? other) =>
        other is not null && string.Equals(Id, other.Id, StringComparison.Ordinal) && string.Equals(Label, other.Label, StringComparison.Ordinal)
        && Keyframes.SequenceEqual(other.Keyframes);

    /// <inheritdoc />
    public override int GetHashCode() => HashCode.Combine(Id, Label, ListHash.Of(Keyframes));
}

/// <summary>Objects followed through a video.</summary>
public sealed record TracksValue : LabelValue
{
    /// <summary>Makes a value.</summary>
    public TracksValue(IEnumerable<Track> tracks) => Tracks = [.. tracks];

    /// <summary>The tracks.</summary>
    public IReadOnlyList<Track> Tracks { get; }

    /// <inheritdoc />
    public override IEnumerable<string> LabelNames => Tracks.Select(t => t.Label);

    /// <inheritdoc />
    public bool Equals(TracksValue? other) => other is not null && ListHash.SameSet(Tracks, other.Tracks);

    /// <inheritdoc />
    public override int GetHashCode() => ListHash.OfSet(Tracks);
}

/// <summary>A labelled stretch of time.</summary>
/// <param name="Label">The label's name.</param>
/// <param name="Start">Start in seconds.</param>
/// <param name="End">End in seconds, after the start.</param>
public sealed record Segment(string Label, double Start, double End);

/// <summary>Labelled stretches of a video.</summary>
public sealed record SegmentsValue : LabelValue
{
    /// <summary>Makes a value; segments are sorted by start.</summary>
    public SegmentsValue(IEnumerable<Segment> segments) =>
        Segments = [.. segments.OrderBy(s => s.Start).ThenBy(s => s.End).ThenBy(s => s.Label, StringComparer.Ordinal)];

    /// <summary>The segments.</summary>
    public IReadOnlyList<Segment> Segments { get; }

    /// <inheritdoc />
    public override IEnumerable<string> LabelNames => Segments.Select(s => s.Label);

    /// <inheritdoc />
    public bool Equals(SegmentsValue? other) => other is not null && Segments.SequenceEqual(other.Segments);

    /// <inheritdoc />
    public override int GetHashCode() => ListHash.Of(Segments);
}

internal static class ListHash
{
    public static int Of<T>(IEnumerable<T> items)
    {
        var hash = default(HashCode);
        foreach (var item in items) hash.Add(item);
        return hash.ToHashCode();
    }

    public static int OfSet<T>(IEnumerable<T> items) => items.Aggregate(0, (sum, item) => sum ^ (item?.GetHashCode() ?? 0));

    public static bool SameSet<T>(IReadOnlyList<T> a, IReadOnlyList<T> b)
        where T : notnull
    {
        if (a.Count != b.Count) return false;
        var counts = new Dictionary<T, int>();
        foreach (var item in a) counts[item] = counts.GetValueOrDefault(item) + 1;
        foreach (var item in b)
        {
            if (counts.GetValueOrDefault(item) == 0) return false;
            counts[item]--;
        }

        return true;
    }
}
