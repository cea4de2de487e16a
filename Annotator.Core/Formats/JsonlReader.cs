using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;

namespace Annotator.Core.Formats;

/// <summary>
/// Streams JSON objects: one a line (JSON Lines), or the elements of a top-level array, which is told by a first bracket before an object.
/// </summary>
/// <remarks>
/// In an array, commas between elements are not insisted on, and several arrays may follow each other. A broken element rejects its line; reading goes on at the next line that
/// starts with an object. Strings hold no raw line breaks, so an unclosed string never reaches beyond its line.
/// </remarks>
public sealed class JsonlReader : RecordReader
{
    private readonly Encoding? _transcoder;
    private readonly JsonReaderOptions _json;
    private readonly NestedNames _nested = new();
    private readonly List<string> _names = [];
    private readonly List<RawField> _values = [];
    private readonly HashSet<string> _seen = new(StringComparer.Ordinal);
    private Layout _layout;
    private bool _damaged;
    private bool _closed;
    private bool _inside;

    /// <summary>Opens a file.</summary>
    /// <param name="stream">The file, standing at its start. Disposed with the reader unless <paramref name="leaveOpen"/>.</param>
    /// <param name="encoding">Its text encoding; a byte order mark is passed over.</param>
    /// <param name="options">Bounds; null: the defaults.</param>
    /// <param name="from">Where to go on; null: from the start.</param>
    /// <param name="leaveOpen">Whether the stream outlives the reader.</param>
    /// <exception cref="ArgumentException">A bound makes no sense.</exception>
    public JsonlReader(
        Stream stream, TextEncoding encoding = TextEncoding.Utf8, ReaderOptions? options = null, ReaderCheckpoint? from = null, bool leaveOpen = false)
        : base(stream, encoding, options, from, leaveOpen)
    {
        _transcoder = encoding is TextEncoding.Korean949 or TextEncoding.Windows1252 ? TextEncodings.Decoder(encoding) : null;
        _json = new JsonReaderOptions { MaxDepth = Options.MaximumDepth };
    }

    private enum Layout
    {
        Unknown,
        Lines,
        Array,
    }

    private protected override bool KnowsBeginning => _layout != Layout.Unknown;

    // Where a broken element is being passed over, a reader that does not know of it would find values in it; and behind the
    // end of an array it would take another array for an element.
    private protected override bool IsSettled => !_damaged && !_closed;

    private protected override ReadStep Parse(ReadOnlySpan<byte> data, bool final)
    {
        if (_layout == Layout.Unknown && DetectLayout(data, final) is { } step) return step;
        return _layout == Layout.Lines ? ParseLine(data, final) : ParseElement(data, final);
    }

    private ReadStep? DetectLayout(ReadOnlySpan<byte> data, bool final)
    {
        int first = data.IndexOfAnyExcept(" \t\r\n"u8);
        if (first < 0 && !final && data.Length <= Options.MaximumLineLength)
        {
            // Whole blank lines can go; what follows the last line break belongs to the record to come.
            int last = data.LastIndexOf((byte)'\n') + 1;
            return last == 0 ? new ReadStep(ReadStepKind.NeedMore) : PassLines(data[..last], last);
        }
        _layout = Layout.Lines;
        if (first < 0 || data[first] != '[') return null;
        int second = data[(first + 1)..].IndexOfAnyExcept(" \t\r\n"u8);
        if (second < 0 && !final && data.Length <= Options.MaximumLineLength)
        {
            _layout = Layout.Unknown;
            return new ReadStep(ReadStepKind.NeedMore);
        }
        // An array of anything but objects is a bad line of a file of lines.
        if (second >= 0 && data[first + 1 + second] is not ((byte)'{' or (byte)']')) return null;
        _layout = Layout.Array;
        return PassLines(data[..first], first + 1);
    }

    private ReadStep PassLines(ReadOnlySpan<byte> blanks, int consumed)
    {
        int breaks = CsvParser.CountLineBreaks(blanks);
        Notes = Notes with { BlankLines = Notes.BlankLines + breaks };
        return new ReadStep(ReadStepKind.Passed, consumed, breaks);
    }

    private ReadStep ParseLine(ReadOnlySpan<byte> data, bool final)
    {
        if (data.IsEmpty) return new ReadStep(final ? ReadStepKind.End : ReadStepKind.NeedMore);
        int maximum = Options.MaximumLineLength;
        int length = data[..Math.Min(data.Length, maximum + 1)].IndexOfAny((byte)'\r', (byte)'\n');
        if (length < 0)
        {
            if (data.Length > maximum) return CsvParser.TooLong(data, maximum);
            if (!final) return new ReadStep(ReadStepKind.NeedMore);
            length = data.Length;
        }
        int consumed = length;
        if (length < data.Length)
        {
            if (data[length] == '\r' && length + 1 == data.Length && !final) return new ReadStep(ReadStepKind.NeedMore);
            consumed += data[length..].StartsWith("\r\n"u8) ? 2 : 1;
        }
        int breaks = consumed > length ? 1 : 0;
        var line = data[..length].Trim(" \t"u8);
        if (line.IsEmpty)
        {
            Notes = Notes with { BlankLines = Notes.BlankLines + 1 };
            return new ReadStep(ReadStepKind.Passed, consumed, breaks);
        }
        return ParseObject(line, consumed, breaks);
    }

    private ReadStep ParseElement(ReadOnlySpan<byte> data, bool final)
    {
        int start = data.IndexOfAnyExcept(" \t\r\n,"u8);
        if (start < 0)
        {
            if (data.IsEmpty || (data.Length == 1 && data[0] == '\r' && !final))
            {
                if (!final) return new ReadStep(ReadStepKind.NeedMore);
                // A reader opened behind the bracket finds nothing; the end was judged before the checkpoint was taken.
                if (_closed || _damaged || (Resumed && !_inside)) return new ReadStep(ReadStepKind.End);
                _closed = true;
                return ReadStep.Reject(RejectionKind.BrokenArray, "the file ends before the array does", 0, 0);
            }
            return Blank(data, final);
        }
        // What stands before the element is used up on its own, so that a record starts at its brace.
        if (start > 0) return Blank(data[..start], final: true);
        _inside = true;
        if (_closed)
        {
            // Another array, or objects without one: read all the same, and a bracket that is missing is missed at the end.
            _closed = false;
            if (data[0] == '[') return new ReadStep(ReadStepKind.Passed, 1);
        }
        if (data[0] == ']' && !_damaged)
        {
            _closed = true;
            return new ReadStep(ReadStepKind.Passed, 1, 0);
        }
        if (_damaged)
        {
            _damaged = data[0] != '{';
            return new ReadStep(ReadStepKind.Passed, SkipToLineEnd: _damaged);
        }

        int maximum = Options.MaximumLineLength;
        var bounded = data[..Math.Min(data.Length, maximum + 1)];
        int length = JsonExtent.Measure(bounded, final && bounded.Length == data.Length, out int breaks, out bool broken);
        if (broken)
        {
            _damaged = true;
            return ReadStep.Reject(RejectionKind.InvalidJson, "not well-formed JSON", length, breaks, skipToLineEnd: true);
        }
        if (length < 0)
        {
            if (data.Length > maximum)
            {
                _damaged = true;
                return CsvParser.TooLong(data, maximum);
            }
            if (!final) return new ReadStep(ReadStepKind.NeedMore);
            _closed = true;
            return ReadStep.Reject(RejectionKind.InvalidJson, "the file ends within this element", data.Length, CsvParser.CountLineBreaks(data));
        }
        return ParseObject(data[..length], length, breaks);
    }

    private ReadStep ParseObject(ReadOnlySpan<byte> json, int consumed, int breaks)
    {
        byte[]? rented = null;
        try
        {
            if (_transcoder is not null)
            {
                string text = _transcoder.GetString(json);
                rented = ArrayPool<byte>.Shared.Rent(Encoding.UTF8.GetMaxByteCount(text.Length));
                json = rented.AsSpan(0, Encoding.UTF8.GetBytes(text, rented));
            }
            else if (!Utf8.IsValid(json))
            {
                return ReadStep.Reject(RejectionKind.InvalidEncoding, "the line is not valid UTF-8", consumed, breaks);
            }
            return ReadObject(json, consumed, breaks);
        }
        catch (DecoderFallbackException)
        {
            return ReadStep.Reject(RejectionKind.InvalidEncoding, $"the line is not valid {_transcoder!.WebName}", consumed, breaks);
        }
        catch (JsonException) when (JsonExtent.Depth(json) > Options.MaximumDepth)
        {
            return ReadStep.Reject(RejectionKind.TooDeep, string.Create(CultureInfo.InvariantCulture, $"nested deeper than {Options.MaximumDepth}"), consumed, breaks);
        }
        catch (JsonException e)
        {
            return ReadStep.Reject(RejectionKind.InvalidJson, string.Create(CultureInfo.InvariantCulture, $"not well-formed JSON, at byte {e.BytePositionInLine ?? 0}"), consumed, breaks);
        }
        catch (InvalidOperationException)
        {
            // What Utf8JsonReader throws for an escaped lone surrogate: there is no such text.
            return ReadStep.Reject(RejectionKind.InvalidJson, "a string holds half a surrogate pair", consumed, breaks);
        }
        finally
        {
            if (rented is not null) ArrayPool<byte>.Shared.Return(rented);
        }
    }

    private ReadStep ReadObject(ReadOnlySpan<byte> json, int consumed, int breaks)
    {
        var reader = new Utf8JsonReader(json, _json);
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            // Read on to the end, so that broken JSON is called so and not a wrong shape.
            while (reader.Read()) { }
            return ReadStep.Reject(RejectionKind.NotAnObject, "not a JSON object", consumed, breaks);
        }

        _names.Clear();
        _values.Clear();
        var known = Columns;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            int index = _names.Count;
            bool same = known is not null && index < known.Names.Count && reader.ValueTextEquals(known.Names[index]);
            string name = same ? known!.Names[index] : reader.GetString()!;
            // As long as the names are those of the record before, in order, none can be there twice.
            if (!same)
            {
                if (known is not null || index == 0) _seen.Clear();
                if (known is not null) _seen.UnionWith(_names);
                known = null;
                if (!_seen.Add(name)) return Duplicate(consumed, breaks);
            }
            if (index == Options.MaximumColumns)
                return ReadStep.Reject(RejectionKind.TooManyColumns, string.Create(CultureInfo.InvariantCulture, $"more than {Options.MaximumColumns} properties"), consumed, breaks);
            _names.Add(name);
            reader.Read();
            if (ReadValue(json, ref reader, consumed, breaks) is { } problem) return problem;
        }
        if (reader.Read()) throw new JsonException();
        if (known is null || known.Names.Count != _names.Count) Columns = new RecordColumns(_names);
        return new ReadStep(ReadStepKind.Record, consumed, breaks) { Fields = [.. _values], Columns = Columns };
    }

    private ReadStep? ReadValue(ReadOnlySpan<byte> json, ref Utf8JsonReader reader, int consumed, int breaks)
    {
        switch (reader.TokenType)
        {
            case JsonTokenType.String:
                string text = reader.GetString()!;
                if (reader.ValueSpan.Length > Options.MaximumFieldLength) return FieldTooLong(consumed, breaks);
                if (text.Contains('\0', StringComparison.Ordinal))
                    return ReadStep.Reject(RejectionKind.NulCharacter, "a string holds a NUL character", consumed, breaks);
                _values.Add(new RawField(text, IsJson: false));
                return null;
            case JsonTokenType.Null:
                _values.Add(new RawField(null, IsJson: true));
                return null;
            case JsonTokenType.StartObject or JsonTokenType.StartArray:
                int start = (int)reader.TokenStartIndex;
                if (_nested.PassOver(json, ref reader)) return Duplicate(consumed, breaks);
                var nested = json[start..(int)reader.BytesConsumed];
                if (nested.Length > Options.MaximumFieldLength) return FieldTooLong(consumed, breaks);
                if (HasNul(nested)) return ReadStep.Reject(RejectionKind.NulCharacter, "a string holds a NUL character", consumed, breaks);
                _values.Add(new RawField(Encoding.UTF8.GetString(nested), IsJson: true));
                return null;
            default:
                if (reader.ValueSpan.Length > Options.MaximumFieldLength) return FieldTooLong(consumed, breaks);
                _values.Add(new RawField(Encoding.UTF8.GetString(reader.ValueSpan), IsJson: true));
                return null;
        }
    }

    // A NUL can only stand in JSON as the escape \u0000, behind an even number of further backslashes.
    private static bool HasNul(ReadOnlySpan<byte> json)
    {
        int from = 0;
        while (json[from..].IndexOf("\\u0000"u8) is var found and >= 0)
        {
            int at = from + found;
            int slashes = 0;
            while (at - slashes - 1 >= 0 && json[at - slashes - 1] == '\\') slashes++;
            if (slashes % 2 == 0) return true;
            from = at + 6;
        }
        return false;
    }

    private ReadStep FieldTooLong(int consumed, int breaks) =>
        ReadStep.Reject(RejectionKind.FieldTooLong, string.Create(CultureInfo.InvariantCulture, $"a value is longer than {Options.MaximumFieldLength} bytes"), consumed, breaks);

    private static ReadStep Duplicate(int consumed, int breaks) =>
        ReadStep.Reject(RejectionKind.DuplicateProperty, "a property is there twice", consumed, breaks);

    // Blanks, up to a CR that may turn out to be half of a line break.
    private static ReadStep Blank(ReadOnlySpan<byte> blanks, bool final)
    {
        if (!final && !blanks.IsEmpty && blanks[^1] == '\r') blanks = blanks[..^1];
        if (!blanks.IsEmpty) return new ReadStep(ReadStepKind.Passed, blanks.Length, CsvParser.CountLineBreaks(blanks));
        return new ReadStep(final ? ReadStepKind.End : ReadStepKind.NeedMore);
    }
}
