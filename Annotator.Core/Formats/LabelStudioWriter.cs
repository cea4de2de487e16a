using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Annotator.Core.Labels;

namespace Annotator.Core.Formats;

/// <summary>
/// Writes items as a Label Studio JSON list of tasks (Label Studio documentation, "Label Studio JSON format"): the text under <c>data.text</c>, the
/// label as one annotation with <c>choices</c> or <c>labels</c> results of the control <c>label</c>, key and origin under <c>meta</c>.
/// </summary>
/// <remarks>Offsets of spans are UTF-16 code units there, as its editor counts them; ours are code points.</remarks>
public sealed class LabelStudioWriter : IExportWriter
{
    private const int FlushAt = 64 << 10;

    private readonly Stream _stream;
    private readonly bool _leaveOpen;
    private readonly ArrayBufferWriter<byte> _buffer = new(FlushAt + 4096);
    private readonly Utf8JsonWriter _json;
    private bool _started;

    /// <summary>Makes a writer.</summary>
    /// <param name="stream">Where to. Disposed with the writer unless <paramref name="leaveOpen"/>.</param>
    /// <param name="leaveOpen">Whether the stream outlives the writer.</param>
    public LabelStudioWriter(Stream stream, bool leaveOpen = false)
    {
        ArgumentNullException.ThrowIfNull(stream);
        (_stream, _leaveOpen) = (stream, leaveOpen);
        _json = new Utf8JsonWriter(_buffer, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true });
    }

    /// <inheritdoc/>
    public ValueTask WriteAsync(ExportRow row, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(row);
        _buffer.Write(_started ? ",\n"u8 : "[\n"u8);
        _started = true;
        _json.Reset();
        _json.WriteStartObject();
        _json.WriteNumber("id", long.Parse(row.Id, CultureInfo.InvariantCulture));
        _json.WriteStartObject("data");
        _json.WriteString("text", row.Text);
        _json.WriteEndObject();
        _json.WriteStartObject("meta");
        _json.WriteString("key", row.Key);
        if (row.Metadata is { } metadata) WriteMetadata(metadata);
        _json.WriteEndObject();
        _json.WriteStartArray("annotations");
        if (row.Label is { } label) WriteAnnotation(row, LabelJson.Read(label));
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
        if (!_leaveOpen) await _stream.DisposeAsync();
    }

    private void WriteMetadata(string metadata)
    {
        using var document = JsonDocument.Parse(metadata);
        foreach (var property in document.RootElement.EnumerateObject().Where(p => !p.NameEquals("key"))) property.WriteTo(_json);
    }

    private void WriteAnnotation(ExportRow row, LabelValue label)
    {
        _json.WriteStartObject();
        _json.WriteStartArray("result");
        switch (label)
        {
            case ChoiceValue choice:
                WriteChoices([choice.Choice]);
                break;
            case ChoicesValue choices:
                WriteChoices(choices.Choices);
                break;
            case SpansValue spans:
                for (var i = 0; i < spans.Spans.Count; i++) WriteSpan(row.Text ?? "", spans.Spans[i], i);
                break;
            default:
                throw new NotSupportedException($"A label of kind {label.GetType().Name} is no label of a text.");
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

    private void WriteChoices(IReadOnlyList<string> names)
    {
        BeginResult("choices", 0);
        _json.WriteStartArray("choices");
        foreach (var name in names) _json.WriteStringValue(name);
        _json.WriteEndArray();
        EndResult();
    }

    private void WriteSpan(string text, Span span, int index)
    {
        var (start, end) = (Utf16At(text, span.Start), Utf16At(text, span.End));
        BeginResult("labels", index);
        _json.WriteNumber("start", start);
        _json.WriteNumber("end", end);
        _json.WriteString("text", text[start..end]);
        _json.WriteStartArray("labels");
        _json.WriteStringValue(span.Label);
        _json.WriteEndArray();
        EndResult();
    }

    private void BeginResult(string type, int index)
    {
        _json.WriteStartObject();
        _json.WriteString("id", string.Create(CultureInfo.InvariantCulture, $"r{index}"));
        _json.WriteString("type", type);
        _json.WriteString("from_name", "label");
        _json.WriteString("to_name", "text");
        _json.WriteString("origin", "manual");
        _json.WriteStartObject("value");
    }

    private void EndResult()
    {
        _json.WriteEndObject();
        _json.WriteEndObject();
    }

    private static int Utf16At(string text, int codePoints)
    {
        var at = 0;
        foreach (var rune in text.EnumerateRunes())
        {
            if (codePoints-- <= 0) return at;
            at += rune.Utf16SequenceLength;
        }

        return at;
    }
}
