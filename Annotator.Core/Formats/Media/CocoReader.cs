using System.Text.Json;
using Annotator.Core.Labels;
using Annotator.Core.Media;

namespace Annotator.Core.Formats.Media;

/// <summary>
/// Reads COCO object detection and segmentation JSON (cocodataset.org, "Data format"): <c>bbox</c> is x, y, width and height in pixels from the top left corner; <c>segmentation</c> is
/// a list of polygons x1, y1, x2, y2, …. Ids may be sparse and begin at 0 or 1. An image without annotations is a checked one without objects.
/// </summary>
internal sealed class CocoReader : IMediaFormatReader
{
    /// <summary>Whether a file is COCO, from its beginning.</summary>
    public static bool IsCoco(MediaSource source, string name)
    {
        using var stream = source.Open(name);
        var head = new byte[1 << 16];
        var read = stream.ReadAtLeast(head, head.Length, throwOnEndOfStream: false);
        var text = head.AsSpan(0, read);
        return text.IndexOf("\"images\""u8) >= 0 || text.IndexOf("\"annotations\""u8) >= 0 && text.IndexOf("\"image_id\""u8) >= 0;
    }

    /// <inheritdoc/>
    public MediaAnnotations Read(MediaSource source, LabelSchema schema)
    {
        var annotations = new MediaAnnotations();
        var (any, place) = (false, 0L);
        var read = new List<(string Name, bool Fits, List<MediaAnnotation> Items)>();
        foreach (var name in source.Names.Where(n => n.EndsWith(".json", StringComparison.OrdinalIgnoreCase)).Where(n => source.Names.Count == 1 || IsCoco(source, n)))
        {
            any = true;
            place++;
            try
            {
                using var stream = source.Open(name);
                using var document = Parse(stream);
                var items = new List<MediaAnnotation>();
                Read(document.RootElement, schema, annotations, items);
                read.Add((name, schema.Type == TaskType.Polygons && HasPolygons(document.RootElement), items));
            }
            catch (FormatException e) when (source.Names.Count > 1)
            {
                // The images of an archive, and its other files, are worth something without.
                annotations.Rejected.Add((place, $"{MediaArchive.Shown(name)}: {e.Message}"));
            }
        }

        AddOnce(read, annotations);
        return any ? annotations : throw new FormatException("There is no COCO file (JSON with \"images\" and \"annotations\").");
    }

    // Sets often have a file a task of the same images (boxes, instances, key points): of each image the first that says something of it is read, those that fit the project's task before others.
    private static void AddOnce(List<(string Name, bool Fits, List<MediaAnnotation> Items)> read, MediaAnnotations annotations)
    {
        var places = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var item in read.OrderByDescending(r => r.Fits).ThenBy(r => r.Name, StringComparer.Ordinal).SelectMany(r => r.Items))
        {
            if (places.TryAdd(item.FileName, annotations.Items.Count))
            {
                annotations.Items.Add(item);
                continue;
            }

            var place = places[item.FileName];
            if (!annotations.Items[place].SaysSomething) annotations.Items[place] = item;
            else if (item.SaysSomething) annotations.Losses.Count("images are in more than one list of annotations, of which one was read");
        }
    }

    private static bool HasPolygons(JsonElement root) =>
        root.TryGetProperty("annotations", out var list) && list.ValueKind == JsonValueKind.Array
        && list.EnumerateArray().Take(100).Any(a => a.ValueKind == JsonValueKind.Object && a.TryGetProperty("segmentation", out var segmentation) && segmentation.ValueKind == JsonValueKind.Array && segmentation.GetArrayLength() > 0);

    internal static JsonDocument Parse(Stream stream)
    {
        try
        {
            return JsonDocument.Parse(stream, new JsonDocumentOptions { MaxDepth = 64 });
        }
        catch (JsonException e)
        {
            throw new FormatException($"The file is no valid JSON: line {e.LineNumber + 1}, byte {e.BytePositionInLine + 1}.", e);
        }
    }

    private static void Read(JsonElement root, LabelSchema schema, MediaAnnotations into, List<MediaAnnotation> items)
    {
        if (root.ValueKind != JsonValueKind.Object || !root.TryGetProperty("images", out var images) || images.ValueKind != JsonValueKind.Array)
            throw new FormatException("The file has no list \"images\": it is no COCO file.");
        var names = Categories(root);
        var shapes = new Dictionary<string, (List<Shape> Shapes, List<string> Wrong)>(StringComparer.Ordinal);
        var known = new HashSet<string>(images.EnumerateArray().Select(i => Id(i, "id")).OfType<string>(), StringComparer.Ordinal);
        if (root.TryGetProperty("annotations", out var list) && list.ValueKind == JsonValueKind.Array)
        {
            var line = 0L;
            foreach (var annotation in list.EnumerateArray())
            {
                line++;
                var image = Id(annotation, "image_id");
                if (image is null || !known.Contains(image))
                {
                    into.Rejected.Add((line, "annotation of an image that is not in \"images\""));
                    continue;
                }

                if (!shapes.TryGetValue(image, out var of)) shapes[image] = of = ([], []);
                if (Id(annotation, "category_id") is not { } category || !names.TryGetValue(category, out var label)) of.Wrong.Add("an annotation names a category that is not in \"categories\"");
                else ReadShapes(annotation, label, schema, of.Shapes, into);
            }
        }

        var place = 0L;
        foreach (var image in images.EnumerateArray())
        {
            place++;
            if (image.ValueKind != JsonValueKind.Object || !image.TryGetProperty("file_name", out var file) || file.ValueKind != JsonValueKind.String)
            {
                into.Rejected.Add((place, "image without \"file_name\""));
                continue;
            }

            var (found, wrong) = Id(image, "id") is { } id && shapes.TryGetValue(id, out var of) ? of : ([], []);
            items.Add(new MediaAnnotation(file.GetString()!, _ => wrong.Count > 0 ? throw new FormatException(wrong[0]) : ValueOf(found, schema, into.Losses), place)
            {
                SaysSomething = found.Count > 0 || wrong.Count > 0,
                Stated = Number(image, "width") is { } width && Number(image, "height") is { } height ? new ImageSize((int)width, (int)height) : null,
                Url = image.TryGetProperty("coco_url", out var url) && url.ValueKind == JsonValueKind.String ? url.GetString() : null,
            });
        }
    }

    // An image of a set of classes that nobody gave one has no label; one of a set of boxes without a box is a checked one.
    private static LabelValue? ValueOf(List<Shape> shapes, LabelSchema schema, FormatLosses losses) =>
        shapes.Count == 0 && schema is { Type: TaskType.Classification, Multiple: false } ? null : Shape.ToValue(shapes, schema, losses);

    private static void ReadShapes(JsonElement annotation, string label, LabelSchema schema, List<Shape> shapes, MediaAnnotations into)
    {
        if (annotation.TryGetProperty("iscrowd", out var crowd) && crowd.ValueKind == JsonValueKind.Number && crowd.GetDouble() != 0) into.Losses.Count("annotations are of crowds, which is not kept");
        if (annotation.TryGetProperty("keypoints", out var keypoints) && keypoints.ValueKind == JsonValueKind.Array && keypoints.GetArrayLength() > 0) into.Losses.Count("annotations have keypoints, which are not kept");
        if (annotation.TryGetProperty("attributes", out var attributes) && attributes.ValueKind == JsonValueKind.Object && attributes.EnumerateObject().Any()) into.Losses.Count("annotations have attributes, which are not kept");
        var rectangle = Rectangle(annotation, label);
        var polygons = Polygons(annotation, label, into.Losses);
        if (schema.Type == TaskType.Polygons && polygons.Count > 0)
        {
            if (polygons.Count > 1) into.Losses.Count("objects of several polygons became one object each");
            shapes.AddRange(polygons);
        }
        else if (rectangle is not null)
        {
            shapes.Add(rectangle);
        }
        else if (polygons.Count > 0)
        {
            shapes.Add(Shape.Of(label, [.. polygons.SelectMany(p => p.Corners!)]));
        }
        else if (schema.Type == TaskType.Classification)
        {
            shapes.Add(new Shape(label, 0, 0, 0, 0));
        }
        else
        {
            into.Losses.Count("annotations have neither a box nor a polygon, and were left out");
        }
    }

    private static Shape? Rectangle(JsonElement annotation, string label)
    {
        if (!annotation.TryGetProperty("bbox", out var box) || box.ValueKind != JsonValueKind.Array || box.GetArrayLength() != 4) return null;
        var values = box.EnumerateArray().Select(v => v.ValueKind == JsonValueKind.Number ? v.GetDouble() : double.NaN).ToArray();
        return values.All(double.IsFinite) ? new Shape(label, values[0], values[1], values[2], values[3]) : null;
    }

    private static List<Shape> Polygons(JsonElement annotation, string label, FormatLosses losses)
    {
        var polygons = new List<Shape>();
        if (!annotation.TryGetProperty("segmentation", out var segmentation)) return polygons;
        if (segmentation.ValueKind == JsonValueKind.Object)
        {
            losses.Count("masks (RLE) are not read; their boxes are");
            return polygons;
        }

        if (segmentation.ValueKind != JsonValueKind.Array) return polygons;
        foreach (var part in segmentation.EnumerateArray().Where(p => p.ValueKind == JsonValueKind.Array))
        {
            var values = part.EnumerateArray().Select(v => v.ValueKind == JsonValueKind.Number ? v.GetDouble() : double.NaN).ToArray();
            if (values.Length >= 6 && values.Length % 2 == 0 && values.All(double.IsFinite)) polygons.Add(Shape.Of(label, [.. values.Chunk(2).Select(c => (c[0], c[1]))]));
            else losses.Count("polygons have fewer than three corners, and were left out");
        }

        return polygons;
    }

    private static Dictionary<string, string> Categories(JsonElement root)
    {
        var names = new Dictionary<string, string>(StringComparer.Ordinal);
        if (!root.TryGetProperty("categories", out var categories) || categories.ValueKind != JsonValueKind.Array) return names;
        foreach (var category in categories.EnumerateArray())
        {
            if (Id(category, "id") is { } id && category.TryGetProperty("name", out var name) && name.ValueKind == JsonValueKind.String) names[id] = name.GetString()!;
        }

        return names;
    }

    private static string? Id(JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out var id) && id.ValueKind is JsonValueKind.Number or JsonValueKind.String ? id.ToString() : null;

    private static double? Number(JsonElement element, string name) => element.TryGetProperty(name, out var number) && number.ValueKind == JsonValueKind.Number ? number.GetDouble() : null;
}
