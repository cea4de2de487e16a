using System.Globalization;
using System.Xml;
using System.Xml.Linq;
using Annotator.Core.Labels;
using Annotator.Core.Media;

namespace Annotator.Core.Formats.Media;

/// <summary>
/// Reads Pascal VOC XML (VOC2012 development kit): one file an image. Coordinates are read as they stand, as numbers with or without a fraction: width is
/// xmax - xmin, and nothing is shifted by a pixel.
/// </summary>
internal sealed class VocReader : IMediaFormatReader
{
    /// <inheritdoc/>
    public MediaAnnotations Read(MediaSource source, LabelSchema schema)
    {
        var annotations = new MediaAnnotations();
        var files = source.Names.Where(n => n.EndsWith(".xml", StringComparison.OrdinalIgnoreCase)).ToList();
        if (files.Count == 0) throw new FormatException("There is no XML file of annotations.");
        var line = 0L;
        foreach (var name in files)
        {
            line++;
            try
            {
                using var stream = source.Open(name);
                var root = SafeXml.Load(stream);
                if (root.Name.LocalName is not "annotation") throw new FormatException("its root is no <annotation>");
                Read(root, name, schema, annotations, line);
            }
            catch (Exception e) when (e is FormatException or XmlException)
            {
                annotations.Rejected.Add((line, $"{Path.GetFileName(name)}: {e.Message}"));
            }
        }

        return annotations;
    }

    private static void Read(XElement root, string name, LabelSchema schema, MediaAnnotations into, long line)
    {
        var shapes = new List<Shape>();
        foreach (var thing in root.Elements("object"))
        {
            var label = thing.Element("name")?.Value.Trim();
            if (string.IsNullOrEmpty(label)) throw new FormatException("an object has no <name>");
            var box = thing.Element("bndbox") ?? throw new FormatException("an object has no <bndbox>");
            var (left, top, right, bottom) = (SafeXml.Number(box, "xmin"), SafeXml.Number(box, "ymin"), SafeXml.Number(box, "xmax"), SafeXml.Number(box, "ymax"));
            shapes.Add(new Shape(label, left, top, right - left, bottom - top));
            if (new[] { "truncated", "difficult", "occluded" }.Any(flag => thing.Element(flag)?.Value.Trim() is "1")) into.Losses.Count("objects are marked truncated, difficult or occluded, which is not kept");
            if (thing.Elements("part").Any()) into.Losses.Count("objects have parts, which are not kept");
            if (thing.Element("attributes")?.Elements().Any() == true || thing.Element("actions")?.Elements().Any() == true) into.Losses.Count("objects have attributes or actions, which are not kept");
        }

        // Images are named in the file; where they are not, the file has their name.
        var file = root.Element("filename")?.Value.Trim() is { Length: > 0 } said ? said : Path.GetFileName(name);
        var size = root.Element("size");
        into.Items.Add(new MediaAnnotation(file, _ => shapes.Count == 0 && schema is { Type: TaskType.Classification, Multiple: false } ? null : Shape.ToValue(shapes, schema, into.Losses), line)
        {
            Stated = size is not null && int.TryParse(size.Element("width")?.Value, CultureInfo.InvariantCulture, out var width) && int.TryParse(size.Element("height")?.Value, CultureInfo.InvariantCulture, out var height)
                ? new ImageSize(width, height) : null,
        });
    }
}

/// <summary>XML of strangers: no document types, no entities, no addresses.</summary>
internal static class SafeXml
{
    // Deeper than any tool writes: an element within an element costs a step of the stack in many a place.
    private const int MostDepth = 64;

    // Built as it is read, so that what lies too deep is refused before it takes memory.
    public static XElement Load(Stream stream)
    {
        using var reader = XmlReader.Create(stream, Bounds());
        XElement? root = null, inside = null;
        while (reader.Read())
        {
            if (reader.Depth > MostDepth) throw new FormatException($"elements lie {MostDepth} deep and deeper within each other");
            switch (reader.NodeType)
            {
                case XmlNodeType.Element:
                    var (element, isEmpty) = (new XElement(XName.Get(reader.LocalName, reader.NamespaceURI)), reader.IsEmptyElement);
                    while (reader.MoveToNextAttribute()) element.Add(new XAttribute(XName.Get(reader.LocalName, reader.Prefix.Length == 0 ? "" : reader.NamespaceURI), reader.Value));
                    root ??= element;
                    inside?.Add(element);
                    if (!isEmpty) inside = element;
                    break;
                case XmlNodeType.EndElement:
                    inside = inside!.Parent;
                    break;
                case XmlNodeType.Text or XmlNodeType.CDATA or XmlNodeType.SignificantWhitespace:
                    inside!.Add(new XText(reader.Value));
                    break;
            }
        }

        return root ?? throw new FormatException("it is empty");
    }

    private static XmlReaderSettings Bounds() => new() { DtdProcessing = DtdProcessing.Prohibit, XmlResolver = null, MaxCharactersInDocument = 1L << 30, CloseInput = false };

    public static double Number(XElement element, string child) => Parse(element.Element(child)?.Value, child);

    public static double Attribute(XElement element, string name) => Parse(element.Attribute(name)?.Value, name);

    private static double Parse(string? text, string name) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) && double.IsFinite(value) ? value : throw new FormatException($"\"{name}\" is no number");
}
