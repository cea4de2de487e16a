using System.Buffers;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Annotator.Core.Formats;

/// <summary>A streamed export.</summary>
public interface IExportWriter : IAsyncDisposable
{
    /// <summary>Writes one item.</summary>
    /// <param name="row">The item.</param>
    /// <param name="cancellationToken">Ends the writing.</param>
    ValueTask WriteAsync(ExportRow row, CancellationToken cancellationToken = default);

    /// <summary>Hands what is buffered to the stream.</summary>
    /// <param name="cancellationToken">Ends the writing.</param>
    ValueTask FlushAsync(CancellationToken cancellationToken = default);
}

/// <summary>Writes items as JSON Lines with exactly the fields of the API.</summary>
public sealed class JsonlExportWriter : IExportWriter
{
    private const int FlushAt = 64 << 10;

    private static readonly JsonEncodedText s_id = JsonEncodedText.Encode("id");
    private static readonly JsonEncodedText s_key = JsonEncodedText.Encode("key");
    private static readonly JsonEncodedText s_text = JsonEncodedText.Encode("text");
    private static readonly JsonEncodedText s_url = JsonEncodedText.Encode("url");
    private static readonly JsonEncodedText s_label = JsonEncodedText.Encode("label");
    private static readonly JsonEncodedText s_source = JsonEncodedText.Encode("source");
    private static readonly JsonEncodedText s_confidence = JsonEncodedText.Encode("confidence");
    private static readonly JsonEncodedText s_annotators = JsonEncodedText.Encode("annotators");
    private static readonly JsonEncodedText s_predictionVersion = JsonEncodedText.Encode("predictionVersion");
    private static readonly JsonEncodedText s_decidedAt = JsonEncodedText.Encode("decidedAt");
    private static readonly JsonEncodedText s_metadata = JsonEncodedText.Encode("metadata");

    private readonly Stream _stream;
    private readonly bool _leaveOpen;
    private readonly ArrayBufferWriter<byte> _buffer = new(FlushAt + 4096);
    private readonly Utf8JsonWriter _json;

    /// <summary>Makes a writer.</summary>
    /// <param name="stream">Where to. Disposed with the writer unless <paramref name="leaveOpen"/>.</param>
    /// <param name="leaveOpen">Whether the stream outlives the writer.</param>
    public JsonlExportWriter(Stream stream, bool leaveOpen = false)
    {
        ArgumentNullException.ThrowIfNull(stream);
        _stream = stream;
        _leaveOpen = leaveOpen;
        // A file, not a page: Korean stays readable, and half the size.
        _json = new Utf8JsonWriter(_buffer, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true });
    }

    /// <inheritdoc/>
    public ValueTask WriteAsync(ExportRow row, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(row);
        _json.Reset();
        _json.WriteStartObject();
        _json.WriteString(s_id, row.Id);
        _json.WriteString(s_key, row.Key);
        if (row.Url is not null) _json.WriteString(s_url, row.Url);
        else _json.WriteString(s_text, row.Text);
        _json.WritePropertyName(s_label);
        WriteJson(row.Label);
        _json.WriteString(s_source, row.Source);
        _json.WritePropertyName(s_confidence);
        if (row.Confidence is { } confidence && double.IsFinite(confidence)) _json.WriteNumberValue(confidence);
        else _json.WriteNullValue();
        _json.WriteStartArray(s_annotators);
        for (int i = 0; i < row.Annotators.Count; i++) _json.WriteStringValue(row.Annotators[i]);
        _json.WriteEndArray();
        _json.WritePropertyName(s_predictionVersion);
        if (row.PredictionVersion is { } version) _json.WriteNumberValue(version);
        else _json.WriteNullValue();
        _json.WritePropertyName(s_decidedAt);
        if (row.DecidedAt is { } decided) _json.WriteStringValue(decided.UtcDateTime);
        else _json.WriteNullValue();
        _json.WritePropertyName(s_metadata);
        WriteJson(row.Metadata ?? "{}");
        _json.WriteEndObject();
        _json.Flush();
        _buffer.Write("\n"u8);
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
        await FlushAsync();
        await _json.DisposeAsync();
        if (!_leaveOpen) await _stream.DisposeAsync();
    }

    // Stored JSON may be indented: a raw line break in it would break the line, while within a string there can be none.
    private void WriteJson(string? json)
    {
        if (json is null)
        {
            _json.WriteNullValue();
        }
        else if (json.AsSpan().IndexOfAny('\r', '\n') < 0)
        {
            _json.WriteRawValue(json, skipInputValidation: true);
        }
        else
        {
            using var document = JsonDocument.Parse(json);
            document.WriteTo(_json);
        }
    }
}

/// <summary>
/// Writes items as CSV, with the columns of a JSONL line. A label is its bare name where it is a choice (<see cref="LabelText.FromValue"/>),
/// annotators are joined by <c>;</c>, metadata is JSON.
/// </summary>
public sealed class CsvExportWriter : IExportWriter
{
    private readonly CsvWriter _csv;
    private readonly bool _urls;
    private bool _headed;

    /// <summary>Makes a writer.</summary>
    /// <param name="stream">Where to. Disposed with the writer unless <paramref name="leaveOpen"/>.</param>
    /// <param name="urls">Whether the third column is <c>url</c> and not <c>text</c>.</param>
    /// <param name="spreadsheetSafe">See <see cref="CsvWriter"/>.</param>
    /// <param name="byteOrderMark">See <see cref="CsvWriter"/>.</param>
    /// <param name="leaveOpen">Whether the stream outlives the writer.</param>
    public CsvExportWriter(Stream stream, bool urls = false, bool spreadsheetSafe = false, bool byteOrderMark = false, bool leaveOpen = false)
    {
        _csv = new CsvWriter(stream, dialect: null, spreadsheetSafe, byteOrderMark, leaveOpen);
        _urls = urls;
    }

    /// <inheritdoc/>
    public ValueTask WriteAsync(ExportRow row, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(row);
        WriteHeader();
        _csv.WriteCell(row.Id);
        _csv.WriteCell(row.Key);
        _csv.WriteCell(_urls ? row.Url : row.Text);
        _csv.WriteCell(row.Label is null ? null : LabelText.FromValue(row.Label));
        _csv.WriteCell(row.Source);
        Span<char> number = stackalloc char[40];
        int length = 0;
        if (row.Confidence is { } confidence && double.IsFinite(confidence)) confidence.TryFormat(number, out length, default, CultureInfo.InvariantCulture);
        _csv.WriteCell(number[..length]);
        _csv.WriteCell(row.Annotators.Count switch { 0 => null, 1 => row.Annotators[0], _ => string.Join(';', row.Annotators) });
        length = 0;
        row.PredictionVersion?.TryFormat(number, out length, default, CultureInfo.InvariantCulture);
        _csv.WriteCell(number[..length]);
        length = 0;
        row.DecidedAt?.UtcDateTime.TryFormat(number, out length, "yyyy-MM-ddTHH:mm:ss.FFFFFFFK", CultureInfo.InvariantCulture);
        _csv.WriteCell(number[..length]);
        _csv.WriteCell(row.Metadata);
        return _csv.EndRowAsync(cancellationToken);
    }

    /// <inheritdoc/>
    public ValueTask FlushAsync(CancellationToken cancellationToken = default) => _csv.FlushAsync(cancellationToken);

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        // An export of nothing still names its columns.
        WriteHeader();
        return _csv.DisposeAsync();
    }

    private void WriteHeader()
    {
        if (_headed) return;
        _headed = true;
        foreach (string name in (string[])["id", "key", _urls ? "url" : "text", "label", "source", "confidence", "annotators", "predictionVersion", "decidedAt", "metadata"])
            _csv.WriteCell(name);
        _csv.EndRow();
    }
}
