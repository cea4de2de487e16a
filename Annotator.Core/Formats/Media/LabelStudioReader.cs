using System.Globalization;
using System.Text.Json;
using Annotator.Core.Labels;
using Annotator.Core.Media;

namespace Annotator.Core.Formats.Media;

/// <summary>
/// Reads Label Studio tasks of images and videos (Label Studio documentation, "Label Studio JSON format"): places are per cent of the original's size, rotation is about the
/// top left corner, frames are counted from 1. Of several annotations of a task the first that was not cancelled is read.
/// </summary>
internal sealed class LabelStudioReader : IMediaFormatReader
{
    private const int Decimals = 6;
    private static readonly string[] s_media = ["image", "img", "picture", "video", "url", "file"];

    /// <inheritdoc/>
    public MediaAnnotations Read(MediaSource source, LabelSchema schema)
    {
        var annotations = new MediaAnnotations();
        var files = source.Names.Where(n => n.EndsWith(".json", StringComparison.OrdinalIgnoreCase) || source.Names.Count == 1).ToList();
        if (files.Count == 0) throw new FormatException("There is no JSON file of tasks.");
        foreach (var name in files)
        {
            using var stream = source.Open(name);
            using var document = CocoReader.Parse(stream);
            var root = document.RootElement;
            if (root.ValueKind != JsonValueKind.Array) throw new FormatException("Label Studio's tasks are a list.");
            var line = 0L;
            foreach (var task in root.EnumerateArray())
            {
                line++;
                Read(task, schema, annotations, line);
            }
        }

        return annotations;
    }

    private static void Read(JsonElement task, LabelSchema schema, MediaAnnotations into, long line)
    {
        if (task.ValueKind != JsonValueKind.Object || Medium(Child(task, "data") ?? task) is not { } address)
        {
            into.Rejected.Add((line, "the task has no image or video under \"data\""));
            return;
        }

        var key = Child(task, "meta") is { } meta && Text(meta, "key") is { Length: > 0 } said ? said : NameOf(address);
        var results = new List<JsonElement>();
        var annotated = false;
        if ((Child(task, "annotations") ?? Child(task, "completions")) is { ValueKind: JsonValueKind.Array } list)
        {
            var valid = list.EnumerateArray().Where(a => !(Child(a, "was_cancelled") is { ValueKind: JsonValueKind.True }) && Child(a, "result") is { ValueKind: JsonValueKind.Array }).ToList();
            annotated = valid.Count > 0;
            if (annotated) results.AddRange(Child(valid[0], "result")!.Value.EnumerateArray().Select(r => r.Clone()));
            into.Losses.Count("further annotations of tasks were not read", Math.Max(0, valid.Count - 1));
        }

        into.Items.Add(new MediaAnnotation(key, size => annotated ? ValueOf(results, size, schema, into.Losses) : null, line)
        {
            Url = address.StartsWith("http://", StringComparison.OrdinalIgnoreCase) || address.StartsWith("https://", StringComparison.OrdinalIgnoreCase) || address.StartsWith("s3://", StringComparison.OrdinalIgnoreCase) ? address : null,
        });
    }

    private static LabelValue? ValueOf(List<JsonElement> results, ImageSize? size, LabelSchema schema, FormatLosses losses)
    {
        if (schema.Type == TaskType.Tracks) return TracksOf(results, size, losses);
        var (shapes, choices) = (new List<Shape>(), new List<string>());
        foreach (var result in results)
        {
            var type = Text(result, "type") ?? "";
            if (Child(result, "value") is not { } value) continue;
            switch (type)
            {
                case "choices":
                    choices.AddRange(Strings(value, "choices"));
                    break;
                case "rectanglelabels" or "rectangle" or "polygonlabels" or "polygon":
                    var (width, height) = SizeOf(result, size);
                    foreach (var label in Strings(value, type.StartsWith("rect", StringComparison.Ordinal) ? "rectanglelabels" : "polygonlabels"))
                        shapes.Add(type.StartsWith("rect", StringComparison.Ordinal) ? Rectangle(value, label, width, height, schema, losses) : PolygonOf(value, label, width, height));
                    break;
                default:
                    losses.Count($"results of type {(type.Length <= 40 ? type : type[..40])} are not read");
                    break;
            }
        }

        if (schema.Type == TaskType.Classification) shapes = choices.Count > 0 ? [.. choices.Select(c => new Shape(c, 0, 0, 0, 0))] : shapes;
        return shapes.Count == 0 && schema is { Type: TaskType.Classification, Multiple: false } ? null : Shape.ToValue(shapes, schema, losses);
    }

    private static Shape Rectangle(JsonElement value, string label, double width, double height, LabelSchema schema, FormatLosses losses)
    {
        double x = Number(value, "x") * width / 100, y = Number(value, "y") * height / 100, w = Number(value, "width") * width / 100, h = Number(value, "height") * height / 100;
        var degrees = Child(value, "rotation") is { ValueKind: JsonValueKind.Number } rotation ? rotation.GetDouble() : 0;
        if (degrees == 0) return new Shape(label, Round(x), Round(y), Round(w), Round(h));
        var (cos, sin) = (Math.Cos(degrees * Math.PI / 180), Math.Sin(degrees * Math.PI / 180));
        (double, double) Turned(double dx, double dy) => (Round(x + (dx * cos) - (dy * sin)), Round(y + (dx * sin) + (dy * cos)));
        var turned = Shape.Of(label, [Turned(0, 0), Turned(w, 0), Turned(w, h), Turned(0, h)]);
        if (schema.Type == TaskType.Polygons) return turned;
        losses.Count("boxes are rotated, and were taken as the rectangles around them");
        return turned with { Corners = null };
    }

    private static Shape PolygonOf(JsonElement value, string label, double width, double height)
    {
        if (Child(value, "points") is not { ValueKind: JsonValueKind.Array } points) throw new FormatException("a polygon has no points");
        return Shape.Of(label, [.. points.EnumerateArray().Select(p => p.ValueKind == JsonValueKind.Array && p.GetArrayLength() == 2 ? (Round(p[0].GetDouble() * width / 100), Round(p[1].GetDouble() * height / 100)) : throw new FormatException("the points of a polygon are no pairs"))]);
    }

    private static TracksValue TracksOf(List<JsonElement> results, ImageSize? size, FormatLosses losses)
    {
        var tracks = new List<Track>();
        foreach (var result in results)
        {
            if (Text(result, "type") is not ("videorectangle" or "labels") || Child(result, "value") is not { } value || Child(value, "sequence") is not { ValueKind: JsonValueKind.Array } sequence)
            {
                losses.Count("results that are no tracks are not read");
                continue;
            }

            var (width, height) = SizeOf(result, size);
            var keyframes = new SortedDictionary<int, Keyframe>();
            foreach (var point in sequence.EnumerateArray())
            {
                losses.Count("boxes of tracks are rotated, which is not kept", Child(point, "rotation") is { ValueKind: JsonValueKind.Number } rotation && rotation.GetDouble() != 0 ? 1 : 0);
                var keyframe = new Keyframe(
                    (int)Number(point, "frame") - 1, Round(Number(point, "x") * width / 100), Round(Number(point, "y") * height / 100), Round(Number(point, "width") * width / 100), Round(Number(point, "height") * height / 100), false);
                keyframes[keyframe.Frame] = keyframe;

                // A keyframe that is not enabled is the last that is seen.
                if (Child(point, "enabled") is { ValueKind: JsonValueKind.False }) keyframes.TryAdd(keyframe.Frame + 1, keyframe with { Frame = keyframe.Frame + 1, Outside = true });
            }

            var label = Strings(value, "labels").FirstOrDefault() ?? throw new FormatException("a track has no label");
            if (keyframes.Count > 0) tracks.Add(new Track(Text(result, "id") is { Length: > 0 } id ? id : (tracks.Count + 1).ToString(CultureInfo.InvariantCulture), label, keyframes.Values));
        }

        return new TracksValue(tracks);
    }

    private static (double Width, double Height) SizeOf(JsonElement result, ImageSize? size)
    {
        if (Child(result, "original_width") is { ValueKind: JsonValueKind.Number } width && Child(result, "original_height") is { ValueKind: JsonValueKind.Number } height) return (width.GetDouble(), height.GetDouble());
        return size is { } known ? (known.Width, known.Height) : throw new FormatException("the size of the original is not known, and places are per cent of it");
    }

    private static string? Medium(JsonElement data)
    {
        if (data.ValueKind != JsonValueKind.Object) return null;
        return s_media.Select(name => Text(data, name)).FirstOrDefault(t => t is { Length: > 0 })
            ?? data.EnumerateObject().Where(p => p.Value.ValueKind == JsonValueKind.String).Select(p => p.Value.GetString()!).FirstOrDefault(t => MediaArchiveNames.IsImage(t) || MediaArchiveNames.IsVideo(t));
    }

    private static string NameOf(string address)
    {
        var path = address.Split('?', '#')[0];
        return Uri.UnescapeDataString(path[(path.LastIndexOf('/') + 1)..]) is { Length: > 0 } name ? name : address;
    }

    private static IEnumerable<string> Strings(JsonElement value, string name) =>
        Child(value, name) is { ValueKind: JsonValueKind.Array } list ? list.EnumerateArray().Where(e => e.ValueKind == JsonValueKind.String).Select(e => e.GetString()!) : [];

    private static double Number(JsonElement value, string name) => Child(value, name) is { ValueKind: JsonValueKind.Number } number ? number.GetDouble() : throw new FormatException($"\"{name}\" is no number");

    private static string? Text(JsonElement value, string name) => Child(value, name) is { ValueKind: JsonValueKind.String } text ? text.GetString() : null;

    private static JsonElement? Child(JsonElement value, string name) => value.ValueKind == JsonValueKind.Object && value.TryGetProperty(name, out var child) ? child : null;

    private static double Round(double value) => Math.Round(value, Decimals);
}
