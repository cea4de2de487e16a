using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Annotator.Core.Labels;
using Annotator.Core.Media;

namespace Annotator.Core.Formats.Media;

/// <summary>
/// Writes COCO JSON (<c>annotations.json</c> in an archive, so that images and the report may stand beside it). Categories are numbered from 1 in the order of the schema; every item is in <c>images</c>,
/// those without objects too. A class of a whole image is an annotation without a box.
/// </summary>
internal sealed class CocoWriter : ZipExportWriter
{
    private readonly LabelSchema _schema;
    private readonly ArrayBufferWriter<byte> _images = new(1 << 16);
    private readonly ArrayBufferWriter<byte> _annotations = new(1 << 16);
    private long _imageCount;
    private long _annotationCount;

    public CocoWriter(LabelSchema schema, Stream output, MediaOpener? open)
        : base(output, open) => _schema = schema;

    /// <inheritdoc/>
    protected override void Add(ExportRow row, string fileName)
    {
        var size = MediaMetadata.SizeOf(row.Metadata);
        if (size is null) Losses.Count("images have no known size, which COCO asks for");
        _imageCount++;
        Append(_images, json =>
        {
            json.WriteStartObject();
            json.WriteNumber("id", _imageCount);
            json.WriteString("file_name", fileName);
            if (size is { } known)
            {
                json.WriteNumber("width", known.Width);
                json.WriteNumber("height", known.Height);
            }

            if (row.Url is { } url && url.StartsWith("http", StringComparison.OrdinalIgnoreCase)) json.WriteString("coco_url", url);
            json.WriteEndObject();
        });
        if (row.Label is null) Losses.Count("items have no label yet; COCO cannot tell them from checked ones without objects");
        else if (LabelJson.Read(row.Label) is var value && value is ChoiceValue or ChoicesValue) foreach (var name in value.LabelNames) Annotation(name, null, null);
        else if (value is BoxesValue boxes) foreach (var box in boxes.Boxes) Annotation(box.Label, Shape.Of(box), null);
        else if (value is PolygonsValue polygons) foreach (var polygon in polygons.Polygons) Annotation(polygon.Label, Shape.Of(polygon.Label, polygon.Points), polygon);
    }

    /// <inheritdoc/>
    protected override void Finish() => Entry("annotations.json", stream =>
    {
        stream.Write("{\"info\":{\"description\":\"Annotator\",\"version\":\"1.0\"},\"licenses\":[],\n\"categories\":["u8);
        var categories = new ArrayBufferWriter<byte>();
        for (var i = 0; i < _schema.Labels.Count; i++)
        {
            var label = _schema.Labels[i];
            Append(categories, json =>
            {
                json.WriteStartObject();
                json.WriteNumber("id", i + 1);
                json.WriteString("name", label.Name);
                json.WriteString("supercategory", label.Parent ?? "");
                json.WriteEndObject();
            });
        }

        stream.Write(categories.WrittenSpan);
        stream.Write("],\n\"images\":["u8);
        stream.Write(_images.WrittenSpan);
        stream.Write("],\n\"annotations\":["u8);
        stream.Write(_annotations.WrittenSpan);
        stream.Write("]}\n"u8);
    });

    private void Annotation(string label, Shape? shape, Polygon? polygon)
    {
        _annotationCount++;
        Append(_annotations, json =>
        {
            json.WriteStartObject();
            json.WriteNumber("id", _annotationCount);
            json.WriteNumber("image_id", _imageCount);
            json.WriteNumber("category_id", _schema.IndexOf(label) + 1);
            if (shape is not null)
            {
                json.WriteStartArray("bbox");
                foreach (var value in (ReadOnlySpan<double>)[shape.X, shape.Y, shape.Width, shape.Height]) json.WriteNumberValue(value);
                json.WriteEndArray();
                json.WriteNumber("area", polygon is null ? shape.Width * shape.Height : Area(polygon.Points));
                json.WriteStartArray("segmentation");
                if (polygon is not null)
                {
                    json.WriteStartArray();
                    foreach (var (x, y) in polygon.Points)
                    {
                        json.WriteNumberValue(x);
                        json.WriteNumberValue(y);
                    }

                    json.WriteEndArray();
                }

                json.WriteEndArray();
            }

            json.WriteNumber("iscrowd", 0);
            json.WriteEndObject();
        });
    }

    // The shoelace formula.
    private static double Area(IReadOnlyList<(double X, double Y)> points)
    {
        double sum = 0;
        for (var i = 0; i < points.Count; i++)
        {
            var (a, b) = (points[i], points[(i + 1) % points.Count]);
            sum += (a.X * b.Y) - (b.X * a.Y);
        }

        return Math.Abs(sum) / 2;
    }

    private static void Append(ArrayBufferWriter<byte> to, Action<Utf8JsonWriter> write)
    {
        to.Write(to.WrittenCount == 0 ? "\n"u8 : ",\n"u8);
        using var json = new Utf8JsonWriter(to, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
        write(json);
    }
}
