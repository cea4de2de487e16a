using System.Globalization;
using System.Xml;
using System.Xml.Linq;
using Annotator.Core.Labels;
using Annotator.Core.Media;

namespace Annotator.Core.Formats.Media;

/// <summary>
/// Reads CVAT XML 1.1, for images (<c>image</c> elements with boxes, polygons and tags) and for video (<c>track</c> elements whose boxes are keyframes; rows that are interpolated are
/// interpolated here again). Corners are pixels as they stand; a rotated box is turned about its centre.
/// </summary>
internal sealed class CvatReader : IMediaFormatReader
{
    /// <inheritdoc/>
    public MediaAnnotations Read(MediaSource source, LabelSchema schema)
    {
        var annotations = new MediaAnnotations();
        var files = source.Names.Where(n => n.EndsWith(".xml", StringComparison.OrdinalIgnoreCase)).ToList();
        if (files.Count == 0) throw new FormatException("There is no XML file of annotations.");
        foreach (var name in files)
        {
            XElement root;
            try
            {
                using var stream = source.Open(name);
                root = SafeXml.Load(stream);
            }
            catch (XmlException e)
            {
                throw new FormatException($"{Path.GetFileName(name)} is no valid XML: line {e.LineNumber}.", e);
            }
            catch (FormatException e)
            {
                throw new FormatException($"{Path.GetFileName(name)}: {e.Message}", e);
            }

            if (root.Name.LocalName is not "annotations") throw new FormatException($"{Path.GetFileName(name)} has no <annotations> at its root: it is no CVAT file.");
            if (root.Elements("track").Any() || schema.Type is TaskType.Tracks) ReadTracks(root, name, source, schema, annotations);
            else ReadImages(root, schema, annotations);
        }

        return annotations;
    }

    private static void ReadImages(XElement root, LabelSchema schema, MediaAnnotations into)
    {
        var line = 0L;
        foreach (var image in root.Elements("image"))
        {
            line++;
            if (image.Attribute("name")?.Value is not { Length: > 0 } name)
            {
                into.Rejected.Add((line, "image without a name"));
                continue;
            }

            var place = line;
            into.Items.Add(new MediaAnnotation(name, _ => ValueOf(image, schema, into.Losses), place) { Stated = SizeOf(image) });
        }
    }

    private static LabelValue? ValueOf(XElement image, LabelSchema schema, FormatLosses losses)
    {
        if (schema.Type == TaskType.Classification)
        {
            var names = image.Elements("tag").Select(LabelOf).ToList();
            if (names.Count == 0) names = [.. image.Elements().Where(e => e.Attribute("label") is not null).Select(LabelOf)];
            return names.Count == 0 && !schema.Multiple ? null : Shape.ToValue([.. names.Select(n => new Shape(n, 0, 0, 0, 0))], schema, losses);
        }

        var shapes = new List<Shape>();
        foreach (var element in image.Elements())
        {
            var kind = element.Name.LocalName;
            if (kind is "box") shapes.Add(BoxOf(element, schema, losses));
            else if (kind is "polygon") shapes.Add(Shape.Of(LabelOf(element), PointsOf(element)));
            else losses.Count($"{kind} elements are not read");
            CountExtras(element, losses, canBeOccluded: false);
        }

        return Shape.ToValue(shapes, schema, losses);
    }

    private static Shape BoxOf(XElement element, LabelSchema schema, FormatLosses losses)
    {
        var label = LabelOf(element);
        var (left, top, right, bottom) = (SafeXml.Attribute(element, "xtl"), SafeXml.Attribute(element, "ytl"), SafeXml.Attribute(element, "xbr"), SafeXml.Attribute(element, "ybr"));
        if (element.Attribute("rotation") is null || SafeXml.Attribute(element, "rotation") is var degrees && degrees == 0) return new Shape(label, left, top, right - left, bottom - top);
        var (x, y, turn) = ((left + right) / 2, (top + bottom) / 2, degrees * Math.PI / 180);
        (double X, double Y) Turned(double px, double py) => (x + ((px - x) * Math.Cos(turn)) - ((py - y) * Math.Sin(turn)), y + ((px - x) * Math.Sin(turn)) + ((py - y) * Math.Cos(turn)));
        var turned = Shape.Of(label, [Turned(left, top), Turned(right, top), Turned(right, bottom), Turned(left, bottom)]);
        if (schema.Type == TaskType.Polygons) return turned;
        losses.Count("boxes are rotated, and were taken as the rectangles around them");
        return turned with { Corners = null };
    }

    private static void ReadTracks(XElement root, string name, MediaSource source, LabelSchema schema, MediaAnnotations into)
    {
        // The name of the video stands in the meta data; where it does not, the file of annotations is called as the video is, or it is the only one.
        var said = root.Descendants("source").FirstOrDefault(e => e.Parent?.Name.LocalName is "meta" or "task" or "job")?.Value.Trim();
        var videos = source.Names.Where(MediaArchiveNames.IsVideo).ToList();
        var file = said is { Length: > 0 } ? said : videos.Count == 1 ? videos[0] : root.Descendants("task").FirstOrDefault()?.Element("name")?.Value.Trim() is { Length: > 0 } task ? task : name;
        var size = root.Descendants("original_size").FirstOrDefault();
        into.Items.Add(new MediaAnnotation(file, _ => TracksOf(root, schema, into.Losses), 1)
        {
            Stated = size is not null && int.TryParse(size.Element("width")?.Value, CultureInfo.InvariantCulture, out var width) && int.TryParse(size.Element("height")?.Value, CultureInfo.InvariantCulture, out var height) ? new ImageSize(width, height) : null,
        });
    }

    private static TracksValue TracksOf(XElement root, LabelSchema schema, FormatLosses losses)
    {
        if (schema.Type != TaskType.Tracks) throw new FormatException($"tracks are no labels of a task of type {Names.Of(schema.Type)}");
        var tracks = new List<Track>();
        foreach (var track in root.Elements("track"))
        {
            var other = track.Elements().Where(e => e.Name.LocalName is not ("box" or "attribute")).ToList();
            losses.Count("tracks of polygons, points or skeletons are not read", other.Count > 0 ? 1 : 0);
            var keyframes = new List<Keyframe>();
            foreach (var box in track.Elements("box"))
            {
                CountExtras(box, losses, canBeOccluded: true);
                if (Flag(box, "keyframe", otherwise: true) is false) continue;
                if (box.Attribute("rotation") is not null && SafeXml.Attribute(box, "rotation") != 0) losses.Count("boxes of tracks are rotated, which is not kept");
                var (left, top, right, bottom) = (SafeXml.Attribute(box, "xtl"), SafeXml.Attribute(box, "ytl"), SafeXml.Attribute(box, "xbr"), SafeXml.Attribute(box, "ybr"));
                keyframes.Add(new Keyframe((int)SafeXml.Attribute(box, "frame"), left, top, right - left, bottom - top, Flag(box, "outside", otherwise: false), Flag(box, "occluded", otherwise: false)));
            }

            if (keyframes.Count > 0) tracks.Add(new Track(track.Attribute("id")?.Value ?? (tracks.Count + 1).ToString(CultureInfo.InvariantCulture), LabelOf(track), keyframes));
        }

        return new TracksValue(tracks);
    }

    private static bool Flag(XElement element, string name, bool otherwise) => element.Attribute(name)?.Value switch { null => otherwise, "1" or "true" or "True" => true, _ => false };

    private static string LabelOf(XElement element) => element.Attribute("label")?.Value is { Length: > 0 } label ? label : throw new FormatException($"a <{element.Name.LocalName}> has no label");

    private static ImageSize? SizeOf(XElement image) =>
        int.TryParse(image.Attribute("width")?.Value, CultureInfo.InvariantCulture, out var width) && int.TryParse(image.Attribute("height")?.Value, CultureInfo.InvariantCulture, out var height) ? new ImageSize(width, height) : null;

    private static List<(double X, double Y)> PointsOf(XElement element)
    {
        var points = new List<(double, double)>();
        foreach (var pair in (element.Attribute("points")?.Value ?? "").Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            var comma = pair.IndexOf(',', StringComparison.Ordinal);
            if (comma < 0 || !double.TryParse(pair.AsSpan(0, comma), NumberStyles.Float, CultureInfo.InvariantCulture, out var x) || !double.TryParse(pair.AsSpan(comma + 1), NumberStyles.Float, CultureInfo.InvariantCulture, out var y))
                throw new FormatException("the points of a polygon are no pairs of numbers");
            points.Add((x, y));
        }

        return points.Count > 0 ? points : throw new FormatException("a polygon has no points");
    }

    private static void CountExtras(XElement element, FormatLosses losses, bool canBeOccluded)
    {
        losses.Count("shapes have attributes, which are not kept", element.Elements("attribute").Any() ? 1 : 0);
        losses.Count("shapes are marked occluded, which is not kept", !canBeOccluded && Flag(element, "occluded", otherwise: false) ? 1 : 0);
        losses.Count("shapes are in groups, which are not kept", element.Attribute("group_id") is not null ? 1 : 0);
    }
}
