using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Unicode;

namespace Annotator.Core.Formats;

/// <summary>
/// Streams the records of a delimited text file (RFC 4180: quoted fields with line breaks, doubled quotes; CRLF, LF or CR).
/// </summary>
/// <remarks>
/// Forgiven and counted in <see cref="ReaderNotes"/>: blank lines, quotes in unquoted fields, blanks behind a closing quote. Everything else
/// that is not right rejects the record and nothing more. Throughput is a benchmark: <c>Annotator.Benchmarks -- formats</c>.
/// </remarks>
public sealed class CsvReader : RecordReader
{
    private readonly CsvDialect _dialect;
    private readonly CsvParser _parser;
    private readonly Encoding _decoder;
    private readonly bool _utf8;
    private bool _headerSeen;

    /// <summary>Opens a file.</summary>
    /// <param name="stream">The file, standing at its start. Disposed with the reader unless <paramref name="leaveOpen"/>.</param>
    /// <param name="dialect">How it is written.</param>
    /// <param name="encoding">Its text encoding; a byte order mark is passed over.</param>
    /// <param name="options">Bounds; null: the defaults.</param>
    /// <param name="from">Where to go on; null: from the start. The header is read again in any case.</param>
    /// <param name="leaveOpen">Whether the stream outlives the reader.</param>
    /// <exception cref="ArgumentException">The dialect or a bound makes no sense.</exception>
    public CsvReader(
        Stream stream, CsvDialect dialect, TextEncoding encoding = TextEncoding.Utf8, ReaderOptions? options = null,
        ReaderCheckpoint? from = null, bool leaveOpen = false)
        : base(stream, encoding, options, from, leaveOpen)
    {
        ArgumentNullException.ThrowIfNull(dialect);
        _dialect = dialect;
        _parser = new CsvParser(dialect, Options);
        _utf8 = encoding is TextEncoding.Utf8 || encoding.IsUtf16();
        _decoder = _utf8 ? TextEncodings.StrictUtf8 : TextEncodings.Decoder(encoding);
    }

    private protected override bool KnowsBeginning => Columns is not null;

    private protected override ReadStep Parse(ReadOnlySpan<byte> data, bool final)
    {
        var step = _parser.Parse(data, final);
        if (step.Kind == ReadStepKind.Passed)
        {
            Notes = Notes with { BlankLines = Notes.BlankLines + 1 };
            return step;
        }
        bool header = _dialect.HasHeader && !_headerSeen && step.Kind is ReadStepKind.Record or ReadStepKind.Rejected;
        if (header) _headerSeen = true;
        if (step.Kind != ReadStepKind.Record) return step;

        var record = data[.._parser.Length];
        if (record.Contains((byte)0))
            return ReadStep.Reject(RejectionKind.NulCharacter, "the line holds a NUL byte", step.Consumed, step.LineBreaks);
        if (_utf8 && !Utf8.IsValid(record)) return Undecodable(step);
        if (!header && Columns is { } columns && _parser.Count != columns.Names.Count) return WrongCount(step, columns.Names.Count);

        var fields = new RawField[_parser.Count];
        try
        {
            for (int i = 0; i < fields.Length; i++) fields[i] = new RawField(Decode(record, _parser.Cells[i]), IsJson: false);
        }
        catch (DecoderFallbackException)
        {
            return Undecodable(step);
        }
        Notes = Notes with { BareQuotes = Notes.BareQuotes + _parser.BareQuotes, PaddedQuotes = Notes.PaddedQuotes + _parser.PaddedQuotes };
        if (header)
        {
            Columns = RecordColumns.FromHeader([.. fields.Select(f => f.Text!)]);
            return step with { Kind = ReadStepKind.Passed };
        }
        Columns ??= RecordColumns.Numbered(fields.Length);
        return step with { Fields = fields, Columns = Columns };
    }

    private string Decode(ReadOnlySpan<byte> record, in CsvParser.Cell cell)
    {
        var content = record.Slice(cell.Start, cell.Length);
        if (!cell.Doubled) return _decoder.GetString(content);
        byte[] buffer = ArrayPool<byte>.Shared.Rent(content.Length);
        try
        {
            return _decoder.GetString(buffer.AsSpan(0, _parser.CopyUnescaped(content, buffer)));
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private ReadStep WrongCount(in ReadStep step, int expected)
    {
        var kind = _parser.Count < expected ? RejectionKind.MissingColumns : RejectionKind.ExtraColumns;
        return ReadStep.Reject(kind, string.Create(CultureInfo.InvariantCulture, $"{_parser.Count} columns where there should be {expected}"), step.Consumed, step.LineBreaks);
    }

    private ReadStep Undecodable(in ReadStep step) =>
        ReadStep.Reject(RejectionKind.InvalidEncoding, $"the line is not valid {(_utf8 ? "UTF-8" : _decoder.WebName)}", step.Consumed, step.LineBreaks);
}
