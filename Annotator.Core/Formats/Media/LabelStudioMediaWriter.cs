using System.Buffers;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using Annotator.Core.Labels;
using Annotator.Core.Media;

namespace Annotator.Core.Formats.Media;

/// <summary>Writes images and videos as Label Studio tasks, one array of JSON. What it cannot say of a task, for want of the original's size, stands in the task's <c>meta.note</c>.</summary>
internal sealed class LabelStudioMediaWriter : IExportWriter
{
    private const int FlushAt = 1 << 16;
    private readonly Stream _stream;
    private readonly bool _video;
    private readonly ArrayBufferWriter<byte> _buffer = new(FlushAt + 4096);
    private readonly Utf8JsonWriter _json;
    private bool _started;

    public LabelStudioMediaWriter(Stream stream, bool video)
    {
        (_stream, _video) = (stream, video);
        _json = new Utf8JsonWriter(_buffer, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true });
    }

    /// <inheritdoc/>
    public ValueTask WriteAsync(ExportRow row, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(row);
        _buffer.Write(_started ? ",\n"u8 : "[\n"u8);
        _started = true;
        var value = row.Label is null ? null : LabelJson.Read(row.Label);
        var size = MediaMetadata.SizeOf(row.Metadata);
        var unsaid = size is null && value is not (null or ChoiceValue or ChoicesValue);
        _json.Reset();
        _json.WriteStartObject();
        _json.WriteNumber("id", long.Parse(row.Id, CultureInfo.InvariantCulture));
        _json.WriteStartObject("data");
        _json.WriteString(_video ? "video" : "image", row.Url);
        _json.WriteEndObject();
        _json.WriteStartObject("meta");
        _json.WriteString("key", row.Key);
        if (unsaid) _json.WriteString("note", "The size of the original is not known, and places are per cent of it: the label is left out.");
        _json.WriteEndObject();
        _json.WriteStartArray("annotations");
        if (value is not null && !unsaid) WriteAnnotation(row, value, size);
        _json.WriteEndArray();
        _json.WriteStartArray("predictions");
        _json.WriteEndArray();
        _json.WriteEndObject();
        _json.Flush();
        return _buffer.WrittenCount < FlushAt ? ValueTask.CompletedTask : FlushAsync(cancellationToken);
    }

    /// <inheritdoc/>
    public async ValueTask FlushAsync(CancellationToken cancellationToken = default)
    {
        if (_buffer.WrittenCount > 0) await _stream.WriteAsync(_buffer.WrittenMemory, cancellationToken);
        _buffer.ResetWrittenCount();
        await _stream.FlushAsync(cancellationToken);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        _buffer.Write(_started ? "\n]\n"u8 : "[]\n"u8);
        await FlushAsync();
        await _json.DisposeAsync();
    }

    private void WriteAnnotation(ExportRow row, LabelValue value, ImageSize? size)
    {
        _json.WriteStartObject();
        _json.WriteStartArray("result");
        var number = 0;
        switch (value)
        {
            case ChoiceValue or ChoicesValue:
                Begin("choices", number, null);
                Names("choices", value.LabelNames);
                End();
                break;
            case BoxesValue boxes:
                foreach (var box in boxes.Boxes) WriteBox(box, number++, size!.Value);
                break;
            case PolygonsValue polygons:
                foreach (var polygon in polygons.Polygons) WritePolygon(polygon, number++, size!.Value);
                break;
            case TracksValue tracks:
                foreach (var track in tracks.Tracks) WriteTrack(track, size!.Value, MediaMetadata.Number(row.Metadata, "frames"));
                break;
        }

        _json.WriteEndArray();
        _json.WriteBoolean("was_cancelled", false);
        _json.WriteBoolean("ground_truth", false);
        if (row.DecidedAt is { } decided) _json.WriteString("created_at", decided.UtcDateTime);
        if (row.Annotators.Count > 0)
        {
            _json.WriteStartObject("completed_by");
            _json.WriteString("email", row.Annotators[0]);
            _json.WriteEndObject();
        }

        _json.WriteEndObject();
    }

    private void WriteBox(Box box, int number, ImageSize size)
    {
        Begin("rectanglelabels", number, size);
        Place(box.X, box.Y, box.Width, box.Height, size);
        Names("rectanglelabels", [box.Label]);
        End();
    }

    private void WritePolygon(Polygon polygon, int number, ImageSize size)
    {
        Begin("polygonlabels", number, size);
        _json.WriteStartArray("points");
        foreach (var (x, y) in polygon.Points)
        {
            _json.WriteStartArray();
            _json.WriteNumberValue(x * 100 / size.Width);
            _json.WriteNumberValue(y * 100 / size.Height);
            _json.WriteEndArray();
        }

        _json.WriteEndArray();
        _json.WriteBoolean("closed", true);
        Names("polygonlabels", [polygon.Label]);
        End();
    }

    private void WriteTrack(Track track, ImageSize size, double? frames)
    {
        Begin("videorectangle", 0, size, track.Id);
        if (frames is { } known) _json.WriteNumber("framesCount", known);
        _json.WriteStartArray("sequence");
        for (var i = 0; i < track.Keyframes.Count; i++)
        {
            var keyframe = track.Keyframes[i];
            if (keyframe.Outside)
            {
                // The frame before is the last that is seen; where it is no keyframe, it becomes one.
                if (i > 0 && !track.Keyframes[i - 1].Outside && track.Keyframes[i - 1].Frame < keyframe.Frame - 1 && TrackFrames.At(track, keyframe.Frame - 1) is { } last) Point(last, enabled: false, size);
                continue;
            }

            var leaves = i + 1 < track.Keyframes.Count && track.Keyframes[i + 1] is { Outside: true } next && next.Frame == keyframe.Frame + 1;
            Point(keyframe, enabled: !leaves, size);
        }

        _json.WriteEndArray();
        Names("labels", [track.Label]);
        End();
    }

    private void Point(Keyframe keyframe, bool enabled, ImageSize size)
    {
        _json.WriteStartObject();
        _json.WriteNumber("frame", keyframe.Frame + 1);
        _json.WriteBoolean("enabled", enabled);
        Place(keyframe.X, keyframe.Y, keyframe.Width, keyframe.Height, size);
        _json.WriteEndObject();
    }

    private void Place(double x, double y, double width, double height, ImageSize size)
    {
        _json.WriteNumber("x", x * 100 / size.Width);
        _json.WriteNumber("y", y * 100 / size.Height);
        _json.WriteNumber("width", width * 100 / size.Width);
        _json.WriteNumber("height", height * 100 / size.Height);
        _json.WriteNumber("rotation", 0);
    }

    private void Names(string name, IEnumerable<string> labels)
    {
        _json.WriteStartArray(name);
        foreach (var label in labels) _json.WriteStringValue(label);
        _json.WriteEndArray();
    }

    private void Begin(string type, int number, ImageSize? size, string? id = null)
    {
        _json.WriteStartObject();
        _json.WriteString("id", id ?? string.Create(CultureInfo.InvariantCulture, $"r{number}"));
        _json.WriteString("type", type);
        _json.WriteString("from_name", "label");
        _json.WriteString("to_name", _video ? "video" : "image");
        _json.WriteString("origin", "manual");
        if (size is { } known)
        {
            _json.WriteNumber("original_width", known.Width);
            _json.WriteNumber("original_height", known.Height);
            _json.WriteNumber("image_rotation", 0);
        }

        _json.WriteStartObject("value");
    }

    private void End()
    {
        _json.WriteEndObject();
        _json.WriteEndObject();
    }
}
