using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Annotator.Core.Formats;

/// <summary>Which columns mean what. All other columns become metadata.</summary>
/// <param name="Text">The column with the text of the item.</param>
/// <param name="Key">The column with the item's key; null: the key is derived from the text.</param>
/// <param name="Label">The column with a known label.</param>
/// <param name="Annotator">The column with the name of the annotator who gave the label.</param>
public sealed record RecordMapping(string Text, string? Key = null, string? Label = null, string? Annotator = null)
{
    /// <summary>The columns named that a file does not have.</summary>
    /// <param name="columns">The columns of the file.</param>
    public IReadOnlyList<string> Missing(IReadOnlyList<string> columns) =>
        [.. new[] { Text, Key, Label, Annotator }.OfType<string>().Where(c => !columns.Contains(c, StringComparer.Ordinal))];
}

/// <summary>A record with its meaning: what becomes an item.</summary>
/// <param name="Key">The key, unique within a project.</param>
/// <param name="IsKeyDerived">Whether the key was made from the text, so that the same text is the same item.</param>
/// <param name="Text">The text, never blank.</param>
/// <param name="Label">
/// The known label: a name, several names (see <see cref="LabelText"/>), or a label value as JSON; null where there is none.
/// </param>
/// <param name="Annotator">Who gave the label; null where that is not said.</param>
/// <param name="Metadata">The other columns as one JSON object; null where there are none.</param>
/// <param name="LineNumber">1-based number of the line in the file.</param>
/// <param name="Url">Address of an image or video; the item has no text then.</param>
public sealed record ImportRecord(string Key, bool IsKeyDerived, string Text, string? Label, string? Annotator, string? Metadata, long LineNumber, string? Url = null);

/// <summary>Turns raw records into import records. Not for use by two threads at once.</summary>
public sealed class RecordMapper : IDisposable
{
    /// <summary>The column whose JSON object is taken as metadata itself, so that an export can be imported again.</summary>
    private const string MetadataColumn = "metadata";

    private readonly RecordMapping _mapping;
    private readonly ArrayBufferWriter<byte> _buffer = new(1024);
    private readonly Utf8JsonWriter _json;
    private RecordColumns? _columns;
    private int _text;
    private int _key;
    private int _label;
    private int _annotator;

    /// <summary>Makes a mapper.</summary>
    /// <param name="mapping">The meaning of the columns.</param>
    public RecordMapper(RecordMapping mapping)
    {
        ArgumentNullException.ThrowIfNull(mapping);
        _mapping = mapping;
        // Metadata is stored and answered as JSON, never put into HTML unescaped: Korean stays readable.
        _json = new Utf8JsonWriter(_buffer, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true });
    }

    /// <summary>Maps one record.</summary>
    /// <param name="record">The record.</param>
    /// <param name="mapped">The result.</param>
    /// <param name="rejected">Why there is none.</param>
    public bool TryMap(RawRecord record, [NotNullWhen(true)] out ImportRecord? mapped, [NotNullWhen(false)] out RejectedLine? rejected)
    {
        ArgumentNullException.ThrowIfNull(record);
        if (record.Columns != _columns) Locate(record.Columns);
        mapped = null;
        rejected = null;
        var fields = record.Fields;
        var text = _text >= 0 ? fields[_text] : default;
        if (string.IsNullOrWhiteSpace(text.Text) || (text.IsJson && text.Text[0] is '{' or '['))
        {
            string reason = _text < 0 ? $"there is no column \"{_mapping.Text}\"" : text.Text is null or "" ? $"the column \"{_mapping.Text}\" is empty" : $"the column \"{_mapping.Text}\" holds no text";
            rejected = new RejectedLine(record.LineNumber, record.ByteOffset, RejectionKind.MissingText, reason);
            return false;
        }
        string? key = Value(fields, _key);
        mapped = new ImportRecord(
            key ?? DeriveKey(text.Text), key is null, text.Text, Value(fields, _label), Value(fields, _annotator), Metadata(record), record.LineNumber);
        return true;
    }

    /// <summary>The key of an item that has none: the first half of the text's SHA-256 in hexadecimal, after <c>sha256-</c>.</summary>
    public static string DeriveKey(string text)
    {
        int length = Encoding.UTF8.GetMaxByteCount(text.Length);
        byte[]? rented = length > 1024 ? ArrayPool<byte>.Shared.Rent(length) : null;
        Span<byte> utf8 = rented ?? stackalloc byte[1024];
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(utf8[..Encoding.UTF8.GetBytes(text, utf8)], hash);
        if (rented is not null) ArrayPool<byte>.Shared.Return(rented);
        return string.Concat("sha256-", Convert.ToHexStringLower(hash[..16]));
    }

    /// <inheritdoc/>
    public void Dispose() => _json.Dispose();

    private static string? Value(RawField[] fields, int index) =>
        index >= 0 && !string.IsNullOrWhiteSpace(fields[index].Text) ? fields[index].Text : null;

    private void Locate(RecordColumns columns)
    {
        _columns = columns;
        _text = columns.IndexOf(_mapping.Text);
        _key = _mapping.Key is null ? -1 : columns.IndexOf(_mapping.Key);
        _label = _mapping.Label is null ? -1 : columns.IndexOf(_mapping.Label);
        _annotator = _mapping.Annotator is null ? -1 : columns.IndexOf(_mapping.Annotator);
    }

    private string? Metadata(RawRecord record)
    {
        _buffer.ResetWrittenCount();
        _json.Reset();
        bool any = false;
        JsonDocument? object_ = null;
        int merged = -1;
        for (int i = 0; i < record.Fields.Length; i++)
        {
            if (i == _text || i == _key || i == _label || i == _annotator) continue;
            string name = record.Columns.Names[i];
            var field = record.Fields[i];
            if (string.Equals(name, MetadataColumn, StringComparison.Ordinal) && merged < 0 && ParseObject(field.Text) is { } parsed)
            {
                object_ = parsed;
                merged = i;
                continue;
            }
            if (!any) _json.WriteStartObject();
            any = true;
            _json.WritePropertyName(name);
            if (!field.IsJson) _json.WriteStringValue(field.Text);
            else if (field.Text is null) _json.WriteNullValue();
            else _json.WriteRawValue(field.Text, skipInputValidation: true);
        }
        if (object_ is not null)
        {
            using (object_)
            {
                foreach (var property in object_.RootElement.EnumerateObject())
                {
                    // A column of the file stands before a property of the same name.
                    if (record.Columns.IndexOf(property.Name) is var i and >= 0 && i != merged && i != _text && i != _key && i != _label && i != _annotator) continue;
                    if (!any) _json.WriteStartObject();
                    any = true;
                    property.WriteTo(_json);
                }
            }
        }
        if (!any) return null;
        _json.WriteEndObject();
        _json.Flush();
        return Encoding.UTF8.GetString(_buffer.WrittenSpan);
    }

    private static JsonDocument? ParseObject(string? text)
    {
        if (text is null || !text.AsSpan().TrimStart().StartsWith('{')) return null;
        try
        {
            return JsonDocument.Parse(text, new JsonDocumentOptions { AllowDuplicateProperties = false });
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
