using System.Globalization;
using Annotator.Core.Labels;

namespace Annotator.Core.Formats.Media;

/// <summary>A labelled shape as a file has it, in pixels of the full-size image; corners are null for a shape that is a rectangle.</summary>
/// <param name="Label">The label's name.</param>
/// <param name="X">Left edge.</param>
/// <param name="Y">Top edge.</param>
/// <param name="Width">Width.</param>
/// <param name="Height">Height.</param>
/// <param name="Corners">The corners of a polygon, in order.</param>
internal sealed record Shape(string Label, double X, double Y, double Width, double Height, IReadOnlyList<(double X, double Y)>? Corners = null)
{
    /// <summary>A rectangle.</summary>
    public static Shape Of(Box box) => new(box.Label, box.X, box.Y, box.Width, box.Height);

    /// <summary>A polygon with the rectangle around it.</summary>
    public static Shape Of(string label, IReadOnlyList<(double X, double Y)> corners)
    {
        var (left, top) = (corners.Min(c => c.X), corners.Min(c => c.Y));
        return new Shape(label, left, top, corners.Max(c => c.X) - left, corners.Max(c => c.Y) - top, corners);
    }

    /// <summary>The shapes of a label value; empty for one without shapes.</summary>
    public static IReadOnlyList<Shape> Of(LabelValue? value) => value switch
    {
        BoxesValue boxes => [.. boxes.Boxes.Select(Of)],
        PolygonsValue polygons => [.. polygons.Polygons.Select(p => Of(p.Label, p.Points))],
        _ => [],
    };

    /// <summary>The corners, also of a rectangle: clockwise from the top left.</summary>
    public IReadOnlyList<(double X, double Y)> Outline() => Corners ?? [(X, Y), (X + Width, Y), (X + Width, Y + Height), (X, Y + Height)];

    /// <summary>What shapes say in the terms of a project's task.</summary>
    /// <param name="shapes">The shapes of one image.</param>
    /// <param name="schema">The project's schema.</param>
    /// <param name="losses">Is told what the task cannot hold.</param>
    /// <exception cref="FormatException">The task takes one label and the shapes have several.</exception>
    public static LabelValue ToValue(IReadOnlyList<Shape> shapes, LabelSchema schema, FormatLosses losses)
    {
        switch (schema.Type)
        {
            case TaskType.Boxes:
                losses.Count("polygons were taken as the rectangles around them", shapes.Count(s => s.Corners is not null));
                losses.Count("shapes without an area were left out", shapes.Count(s => !(s.Width > 0 && s.Height > 0)));
                return new BoxesValue(shapes.Where(s => s.Width > 0 && s.Height > 0).Select(s => new Box(s.Label, s.X, s.Y, s.Width, s.Height)));
            case TaskType.Polygons:
                losses.Count("rectangles were taken as polygons of four corners", shapes.Count(s => s.Corners is null));
                losses.Count("shapes of fewer than three corners were left out", shapes.Count(s => s.Corners is { Count: < 3 }));
                return new PolygonsValue(shapes.Select(s => new Polygon(s.Label, s.Outline())).Where(p => p.Points.Count >= 3));
            case TaskType.Classification when schema.Multiple:
                return new ChoicesValue(shapes.Select(s => s.Label));
            case TaskType.Classification:
                var names = shapes.Select(s => s.Label).Distinct(StringComparer.Ordinal).ToList();
                return names.Count == 1 ? new ChoiceValue(names[0]) : throw new FormatException($"{names.Count} different labels, and the project takes one an item");
            default:
                throw new FormatException($"shapes in images are no labels of a task of type {Names.Of(schema.Type)}");
        }
    }
}

/// <summary>Counts what a format or a task could not hold, so that nothing is dropped in silence.</summary>
public sealed class FormatLosses
{
    private readonly SortedDictionary<string, long> _counts = new(StringComparer.Ordinal);

    /// <summary>Counts something that was lost or changed.</summary>
    /// <param name="what">What, for people to read, fit to stand behind a number.</param>
    /// <param name="count">How often; 0 counts nothing.</param>
    public void Count(string what, long count = 1)
    {
        if (count > 0) _counts[what] = _counts.GetValueOrDefault(what) + count;
    }

    /// <summary>A line for each kind.</summary>
    public IReadOnlyList<string> Lines => [.. _counts.Select(c => string.Create(CultureInfo.InvariantCulture, $"{c.Value} {c.Key}"))];

    /// <summary>Goes on from lines of an earlier part.</summary>
    internal static FormatLosses From(IEnumerable<string> lines)
    {
        var losses = new FormatLosses();
        foreach (var line in lines)
        {
            var space = line.IndexOf(' ', StringComparison.Ordinal);
            if (space > 0 && long.TryParse(line[..space], CultureInfo.InvariantCulture, out var count)) losses.Count(line[(space + 1)..], count);
        }

        return losses;
    }
}
