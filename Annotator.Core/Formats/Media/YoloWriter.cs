using System.Globalization;
using System.Text;
using System.Text.Json;
using Annotator.Core.Labels;
using Annotator.Core.Media;

namespace Annotator.Core.Formats.Media;

/// <summary>
/// Writes a YOLO archive as Ultralytics reads it: <c>data.yaml</c>, <c>labels/train/*.txt</c> (boxes, or polygons of segmentation) and images beside them; classes of whole images as folders. An item
/// without a label has no file, a checked one without objects an empty one. Numbers have all their digits, so that pixels come back exactly.
/// </summary>
internal sealed class YoloWriter(LabelSchema schema, Stream output, MediaOpener? open) : ZipExportWriter(output, open)
{
    private readonly StringBuilder _text = new();
    private string? _folder;

    /// <inheritdoc/>
    protected override string? ImagePath(string fileName) => schema.Type == TaskType.Classification ? _folder is null ? null : $"train/{_folder}/{fileName}" : $"images/train/{fileName}";

    /// <inheritdoc/>
    protected override void Add(ExportRow row, string fileName)
    {
        _folder = null;
        if (row.Label is null) return;
        var value = LabelJson.Read(row.Label);
        if (value is ChoiceValue or ChoicesValue)
        {
            // One folder an image: of several classes the first.
            _folder = value.LabelNames.FirstOrDefault()?.Replace('/', '_');
            Losses.Count("images have several classes, of which the first is kept", value.LabelNames.Count() > 1 ? 1 : 0);
            return;
        }

        var shapes = Shape.Of(value);
        var size = MediaMetadata.SizeOf(row.Metadata);
        if (size is null && shapes.Count > 0)
        {
            Losses.Count("images have no known size, without which YOLO says nothing of their objects");
            return;
        }

        _text.Clear();
        foreach (var shape in shapes)
        {
            _text.Append(CultureInfo.InvariantCulture, $"{schema.IndexOf(shape.Label)}");
            if (shape.Corners is null)
            {
                Number((shape.X + (shape.Width / 2)) / size!.Value.Width);
                Number((shape.Y + (shape.Height / 2)) / size.Value.Height);
                Number(shape.Width / size.Value.Width);
                Number(shape.Height / size.Value.Height);
            }
            else
            {
                foreach (var (x, y) in shape.Corners)
                {
                    Number(x / size!.Value.Width);
                    Number(y / size.Value.Height);
                }
            }

            _text.Append('\n');
        }

        Entry($"labels/train/{Stem(fileName)}.txt", _text.ToString());
    }

    /// <inheritdoc/>
    protected override void Finish()
    {
        // A name in JSON quotes is one in YAML too.
        var names = string.Concat(schema.Labels.Select((l, i) => string.Create(CultureInfo.InvariantCulture, $"  {i}: {JsonSerializer.Serialize(l.Name)}\n")));
        Entry("data.yaml", $"path: .\ntrain: {(schema.Type == TaskType.Classification ? "train" : "images/train")}\nval: {(schema.Type == TaskType.Classification ? "train" : "images/train")}\nnames:\n{names}");
        Losses.Count("labels have a label above them, which YOLO does not know", schema.Labels.Count(l => l.Parent is not null));
    }

    private void Number(double value) => _text.Append(' ').Append(value.ToString("0.######################", CultureInfo.InvariantCulture));
}
