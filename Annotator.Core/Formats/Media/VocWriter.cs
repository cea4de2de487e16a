using System.Globalization;
using System.Text;
using System.Xml;
using Annotator.Core.Labels;
using Annotator.Core.Media;

namespace Annotator.Core.Formats.Media;

/// <summary>Writes Pascal VOC: <c>Annotations/*.xml</c>, <c>JPEGImages/</c> and <c>ImageSets/Main/default.txt</c>. Coordinates stand as they are, with their fractions; nothing is shifted by a pixel.</summary>
internal sealed class VocWriter(LabelSchema schema, Stream output, MediaOpener? open) : ZipExportWriter(output, open)
{
    private static readonly XmlWriterSettings s_settings = new() { Indent = true, Encoding = new UTF8Encoding(false), OmitXmlDeclaration = true, CloseOutput = false };
    private readonly StringBuilder _names = new();

    /// <inheritdoc/>
    protected override string ImagePath(string fileName) => $"JPEGImages/{fileName}";

    /// <inheritdoc/>
    protected override void Add(ExportRow row, string fileName)
    {
        if (row.Label is null)
        {
            Losses.Count("items have no label yet, and no file");
            return;
        }

        var value = LabelJson.Read(row.Label);
        var size = MediaMetadata.SizeOf(row.Metadata);
        if (size is null) Losses.Count("images have no known size");
        var shapes = Shape.Of(value);
        Losses.Count("polygons became the rectangles around them", shapes.Count(s => s.Corners is not null));
        _names.Append(Stem(fileName)).Append('\n');
        Entry($"Annotations/{Stem(fileName)}.xml", stream =>
        {
            using var xml = XmlWriter.Create(stream, s_settings);
            xml.WriteStartElement("annotation");
            xml.WriteElementString("folder", "JPEGImages");
            xml.WriteElementString("filename", fileName);
            xml.WriteStartElement("source");
            xml.WriteElementString("database", "Annotator");
            xml.WriteEndElement();
            xml.WriteStartElement("size");
            xml.WriteElementString("width", Text(size?.Width ?? 0));
            xml.WriteElementString("height", Text(size?.Height ?? 0));
            xml.WriteElementString("depth", "3");
            xml.WriteEndElement();
            xml.WriteElementString("segmented", "0");
            foreach (var shape in shapes)
            {
                xml.WriteStartElement("object");
                xml.WriteElementString("name", Plain(shape.Label));
                xml.WriteElementString("pose", "Unspecified");
                xml.WriteElementString("truncated", "0");
                xml.WriteElementString("difficult", "0");
                xml.WriteStartElement("bndbox");
                xml.WriteElementString("xmin", Text(shape.X));
                xml.WriteElementString("ymin", Text(shape.Y));
                xml.WriteElementString("xmax", Text(shape.X + shape.Width));
                xml.WriteElementString("ymax", Text(shape.Y + shape.Height));
                xml.WriteEndElement();
                xml.WriteEndElement();
            }

            xml.WriteEndElement();
        });
    }

    /// <inheritdoc/>
    protected override void Finish()
    {
        Entry("ImageSets/Main/default.txt", _names.ToString());
        Entry("labelmap.txt", "# label:color_rgb:parts:actions\n" + string.Concat(schema.Labels.Select(l => $"{Plain(l.Name)}:{Colour(l.Color)}::\n")));
    }

    // XML holds no control characters.
    private static string Plain(string text) => string.Concat(text.Where(XmlConvert.IsXmlChar));

    private static string Text(double value) => Math.Round(value, 6).ToString("0.######", CultureInfo.InvariantCulture);

    private static string Colour(string? colour) =>
        colour is { Length: 7 } && int.TryParse(colour.AsSpan(1), NumberStyles.HexNumber, CultureInfo.InvariantCulture, out var rgb) ? string.Create(CultureInfo.InvariantCulture, $"{rgb >> 16},{(rgb >> 8) & 255},{rgb & 255}") : "";
}
