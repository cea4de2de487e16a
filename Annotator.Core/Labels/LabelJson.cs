using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Annotator.Core.Labels;

/// <summary>Reads, checks and writes label values: the only place that knows their JSON (the table "Label values" of the API).</summary>
public static class LabelJson
{
    private static readonly JsonWriterOptions Writer = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The most spans, boxes, polygons, tracks or segments in one value, and points in one polygon.</summary>
    public const int MaxShapes = 10_000;

    /// <summary>The canonical form: equal values give equal text, so that the database can compare them.</summary>
    public static string Write(LabelValue value)
    {
        var buffer = new ArrayBufferWriter<byte>(128);
        using (var json = new Utf8JsonWriter(buffer, Writer)) Write(json, value);
        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    /// <summary>Writes a value as one JSON object.</summary>
    public static void Write(Utf8JsonWriter json, LabelValue value)
    {
        json.WriteStartObject();
        switch (value)
        {
            case ChoiceValue choice:
                json.WriteString("choice", choice.Choice);
                break;
            case ChoicesValue choices:
                json.WriteStartArray("choices");
                foreach (var name in choices.Choices) json.WriteStringValue(name);
                json.WriteEndArray();
                break;
            case SpansValue spans:
                json.WriteStartArray("spans");
                foreach (var s in spans.Spans)
                {
                    json.WriteStartObject();
                    json.WriteNumber("start", s.Start);
                    json.WriteNumber("end", s.End);
                    json.WriteString("label", s.Label);
                    json.WriteEndObject();
                }

                json.WriteEndArray();
                break;
            case BoxesValue boxes:
                json.WriteStartArray("boxes");
                foreach (var b in boxes.Boxes)
                {
                    json.WriteStartObject();
                    json.WriteString("label", b.Label);
                    WriteRectangle(json, b.X, b.Y, b.Width, b.Height);
                    json.WriteEndObject();
                }

                json.WriteEndArray();
                break;
            case PolygonsValue polygons:
                json.WriteStartArray("polygons");
                foreach (var p in polygons.Polygons)
                {
                    json.WriteStartObject();
                    json.WriteString("label", p.Label);
                    json.WriteStartArray("points");
                    foreach (var (x, y) in p.Points)
                    {
                        json.WriteStartArray();
                        json.WriteNumberValue(x);
                        json.WriteNumberValue(y);
                        json.WriteEndArray();
                    }

                    json.WriteEndArray();
                    json.WriteEndObject();
                }

                json.WriteEndArray();
                break;
            case TracksValue tracks:
                json.WriteStartArray("tracks");
                foreach (var t in tracks.Tracks)
                {
                    json.WriteStartObject();
                    json.WriteString("id", t.Id);
                    json.WriteString("label", t.Label);
                    json.WriteStartArray("keyframes");
                    foreach (var k in t.Keyframes)
                    {
                        json.WriteStartObject();
                        json.WriteNumber("frame", k.Frame);
                        WriteRectangle(json, k.X, k.Y, k.Width, k.Height);
                        json.WriteBoolean("outside", k.Outside);
                        if (k.Occluded) json.WriteBoolean("occluded", true);
                        json.WriteEndObject();
                    }

                    json.WriteEndArray();
                    json.WriteEndObject();
                }

                json.WriteEndArray();
                break;
            case SegmentsValue segments:
                json.WriteStartArray("segments");
                foreach (var s in segments.Segments)
                {
                    json.WriteStartObject();
                    json.WriteString("label", s.Label);
                    json.WriteNumber("start", s.Start);
                    json.WriteNumber("end", s.End);
                    json.WriteEndObject();
                }

                json.WriteEndArray();
                break;
        }

        json.WriteEndObject();
    }

    /// <summary>Reads a value that was written by <see cref="Write(LabelValue)"/>.</summary>
    /// <exception cref="FormatException">The text is no label value.</exception>
    public static LabelValue Read(string text)
    {
        using var document = JsonDocument.Parse(text);
        return TryRead(document.RootElement, out var value, out var error) ? value! : throw new FormatException(error);
    }

    /// <summary>Reads a value of any shape, without a schema.</summary>
    public static bool TryRead(JsonElement json, out LabelValue? value, out string? error)
    {
        value = null;
        error = null;
        if (json.ValueKind != JsonValueKind.Object)
        {
            error = "A label value is a JSON object.";
            return false;
        }

        try
        {
            if (json.TryGetProperty("choice", out var choice)) value = new ChoiceValue(Text(choice, "choice"));
            else if (json.TryGetProperty("choices", out var choices)) value = new ChoicesValue(List(choices, "choices").Select((c, i) => Text(c, $"choices[{i}]")));
            else if (json.TryGetProperty("spans", out var spans)) value = new SpansValue(List(spans, "spans").Select(ReadSpan));
            else if (json.TryGetProperty("boxes", out var boxes)) value = new BoxesValue(List(boxes, "boxes").Select(ReadBox));
            else if (json.TryGetProperty("polygons", out var polygons)) value = new PolygonsValue(List(polygons, "polygons").Select(ReadPolygon));
            else if (json.TryGetProperty("tracks", out var tracks)) value = new TracksValue(List(tracks, "tracks").Select(ReadTrack));
            else if (json.TryGetProperty("segments", out var segments)) value = new SegmentsValue(List(segments, "segments").Select(ReadSegment));
            else error = "A label value has one of: choice, choices, spans, boxes, polygons, tracks, segments.";
        }
        catch (FormatException e)
        {
            error = e.Message;
        }

        return value is not null;
    }

    /// <summary>Reads a value and checks it against a schema.</summary>
    /// <param name="json">The value.</param>
    /// <param name="schema">The project's schema.</param>
    /// <param name="textLength">Length of the item's text in code points, where spans are to be checked against it.</param>
    /// <param name="value">The value, where all is well.</param>
    /// <param name="error">What is wrong, where it is not.</param>
    public static bool TryRead(JsonElement json, LabelSchema schema, int? textLength, out LabelValue? value, out string? error)
    {
        if (!TryRead(json, out value, out error)) return false;
        error = Check(value!, schema, textLength);
        if (error is null) return true;
        value = null;
        return false;
    }

    /// <summary>Checks a value against a schema; null when it fits.</summary>
    public static string? Check(LabelValue value, LabelSchema schema, int? textLength = null)
    {
        var expected = schema.Type switch
        {
            TaskType.Classification => schema.Multiple ? typeof(ChoicesValue) : typeof(ChoiceValue),
            TaskType.Spans => typeof(SpansValue),
            TaskType.Boxes => typeof(BoxesValue),
            TaskType.Polygons => typeof(PolygonsValue),
            TaskType.Tracks => typeof(TracksValue),
            TaskType.Segments => typeof(SegmentsValue),
            _ => throw new InvalidOperationException($"Unknown task {schema.Type}."),
        };
        if (value.GetType() != expected) return $"This project takes {Shape(expected)}, not {Shape(value.GetType())}.";
        foreach (var name in value.LabelNames)
        {
            if (!schema.Contains(name)) return $"There is no label '{Shorten(name)}' in this project.";
        }

        // What comes after the end of every film would be written out frame by frame all the same.
        if (value is TracksValue { Tracks: var tracks } && tracks.FirstOrDefault(t => t.Keyframes.Any(k => k.Frame is < 0 or > TrackFrames.MostFrames)) is { } beyond)
            return $"Track '{Shorten(beyond.Id)}' has a keyframe before frame 0 or after frame {TrackFrames.MostFrames}.";
        if (value is SpansValue spans && textLength is { } length)
        {
            foreach (var span in spans.Spans)
            {
                if (span.End > length) return $"A span ends at {span.End}, the text has {length} characters.";
            }
        }

        return null;
    }

    private static string Shape(Type type) => type.Name switch
    {
        nameof(ChoiceValue) => "{\"choice\": …}",
        nameof(ChoicesValue) => "{\"choices\": […]}",
        nameof(SpansValue) => "{\"spans\": […]}",
        nameof(BoxesValue) => "{\"boxes\": […]}",
        nameof(PolygonsValue) => "{\"polygons\": […]}",
        nameof(TracksValue) => "{\"tracks\": […]}",
        _ => "{\"segments\": […]}",
    };

    private static string Shorten(string text) => text.Length <= 80 ? text : string.Concat(text.AsSpan(0, 80), "…");

    private static void WriteRectangle(Utf8JsonWriter json, double x, double y, double width, double height)
    {
        json.WriteNumber("x", x);
        json.WriteNumber("y", y);
        json.WriteNumber("width", width);
        json.WriteNumber("height", height);
    }

    private static Span ReadSpan(JsonElement json, int i)
    {
        var at = $"spans[{i}]";
        var (start, end) = (Whole(json, "start", at), Whole(json, "end", at));
        if (end <= start) throw new FormatException($"{at}: end must be after start.");
        return new Span(start, end, Text(Property(json, "label", at), $"{at}.label"));
    }

    private static Box ReadBox(JsonElement json, int i)
    {
        var at = $"boxes[{i}]";
        var box = new Box(Text(Property(json, "label", at), $"{at}.label"), Number(json, "x", at), Number(json, "y", at), Number(json, "width", at), Number(json, "height", at));
        return box.Width > 0 && box.Height > 0 ? box : throw new FormatException($"{at}: width and height must be above zero.");
    }

    private static Polygon ReadPolygon(JsonElement json, int i)
    {
        var at = $"polygons[{i}]";
        var points = List(Property(json, "points", at), $"{at}.points").Select((p, j) =>
            p.ValueKind == JsonValueKind.Array && p.GetArrayLength() == 2
                ? (Finite(p[0], $"{at}.points[{j}]"), Finite(p[1], $"{at}.points[{j}]"))
                : throw new FormatException($"{at}.points[{j}]: a point is [x, y].")).ToList();
        return points.Count >= 3
            ? new Polygon(Text(Property(json, "label", at), $"{at}.label"), points)
            : throw new FormatException($"{at}: a polygon has at least three points.");
    }

    private static Track ReadTrack(JsonElement json, int i)
    {
        var at = $"tracks[{i}]";
        var keyframes = List(Property(json, "keyframes", at), $"{at}.keyframes").Select((k, j) =>
        {
            var here = $"{at}.keyframes[{j}]";
            return new Keyframe(Whole(k, "frame", here), Number(k, "x", here), Number(k, "y", here), Number(k, "width", here), Number(k, "height", here), IsSet(k, "outside"), IsSet(k, "occluded"));
        }).ToList();
        if (keyframes.Count == 0) throw new FormatException($"{at}: a track has at least one keyframe.");
        if (keyframes.Select(k => k.Frame).Distinct().Count() != keyframes.Count) throw new FormatException($"{at}: two keyframes at one frame.");
        return new Track(Text(Property(json, "id", at), $"{at}.id"), Text(Property(json, "label", at), $"{at}.label"), keyframes);
    }

    private static Segment ReadSegment(JsonElement json, int i)
    {
        var at = $"segments[{i}]";
        var segment = new Segment(Text(Property(json, "label", at), $"{at}.label"), Number(json, "start", at), Number(json, "end", at));
        return segment.Start >= 0 && segment.End > segment.Start ? segment : throw new FormatException($"{at}: end must be after start.");
    }

    private static bool IsSet(JsonElement json, string name) => json.TryGetProperty(name, out var flag) && flag.ValueKind == JsonValueKind.True;

    private static JsonElement Property(JsonElement json, string name, string at) =>
        json.ValueKind == JsonValueKind.Object && json.TryGetProperty(name, out var value) ? value : throw new FormatException($"{at}: '{name}' is missing.");

    private static string Text(JsonElement json, string at) =>
        json.ValueKind == JsonValueKind.String && json.GetString() is { Length: > 0 } text ? text : throw new FormatException($"{at}: a text is needed.");

    private static IEnumerable<JsonElement> List(JsonElement json, string at)
    {
        if (json.ValueKind != JsonValueKind.Array) throw new FormatException($"{at}: a list is needed.");
        if (json.GetArrayLength() > MaxShapes) throw new FormatException($"{at}: at most {MaxShapes} entries.");
        return json.EnumerateArray();
    }

    private static int Whole(JsonElement json, string name, string at) =>
        Property(json, name, at) is { ValueKind: JsonValueKind.Number } number && number.TryGetInt32(out var value) && value >= 0
            ? value
            : throw new FormatException($"{at}.{name}: a whole number from 0 is needed.");

    private static double Number(JsonElement json, string name, string at) => Finite(Property(json, name, at), $"{at}.{name}");

    private static double Finite(JsonElement json, string at) =>
        json.ValueKind == JsonValueKind.Number && json.TryGetDouble(out var value) && double.IsFinite(value) ? value : throw new FormatException($"{at}: a number is needed.");
}
