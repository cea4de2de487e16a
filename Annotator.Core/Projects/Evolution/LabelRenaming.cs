using Annotator.Core.Labels;

namespace Annotator.Core.Projects.Evolution;

/// <summary>Gives the labels inside a value other names.</summary>
public static class LabelRenaming
{
    /// <summary>The value with each label name replaced.</summary>
    /// <param name="value">The value.</param>
    /// <param name="name">The new name of a label; the same for those that keep theirs.</param>
    public static LabelValue Apply(LabelValue value, Func<string, string> name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return value switch
        {
            ChoiceValue v => new ChoiceValue(name(v.Choice)),
            ChoicesValue v => new ChoicesValue(v.Choices.Select(name)),
            SpansValue v => new SpansValue(v.Spans.Select(s => s with { Label = name(s.Label) })),
            BoxesValue v => new BoxesValue(v.Boxes.Select(b => b with { Label = name(b.Label) })),
            PolygonsValue v => new PolygonsValue(v.Polygons.Select(p => new Polygon(name(p.Label), p.Points))),
            TracksValue v => new TracksValue(v.Tracks.Select(t => new Track(t.Id, name(t.Label), t.Keyframes))),
            SegmentsValue v => new SegmentsValue(v.Segments.Select(s => s with { Label = name(s.Label) })),
            _ => throw new ArgumentOutOfRangeException(nameof(value), value, "Unknown kind of value."),
        };
    }
}
