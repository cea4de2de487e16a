using System.Buffers;
using System.Globalization;

namespace Annotator.Core.Formats;

/// <summary>
/// Cuts one CSV record out of bytes (RFC 4180, with the leniency that the readers report). Knows neither encodings nor streams.
/// </summary>
/// <remarks>
/// A quote that is not closed within the longest field ends the record there: reading goes on behind the line on which that quote stands.
/// Between this quote and the bound every run of quotes has even length, so no quote opened there stays open, and the bytes looked at twice
/// stay linear in the size of the file.
/// </remarks>
internal sealed class CsvParser
{
    private readonly byte _delimiter;
    private readonly int _quote;
    private readonly int _maximumField;
    private readonly int _maximumLine;
    private readonly int _maximumColumns;
    private readonly SearchValues<byte> _stops;
    private Cell[] _cells = new Cell[16];

    public CsvParser(CsvDialect dialect, ReaderOptions options)
    {
        dialect.Validate();
        _delimiter = (byte)dialect.Delimiter;
        _quote = dialect.Quote is { } quote ? quote : -1;
        _maximumField = options.MaximumFieldLength;
        _maximumLine = options.MaximumLineLength;
        _maximumColumns = options.MaximumColumns;
        _stops = SearchValues.Create([_delimiter, (byte)'\r', (byte)'\n']);
    }

    /// <summary>A field: where its content stands, and whether doubled quotes in it have to be halved.</summary>
    public readonly record struct Cell(int Start, int Length, bool Quoted, bool Doubled);

    /// <summary>The fields of the last record.</summary>
    public ReadOnlySpan<Cell> Cells => _cells.AsSpan(0, Count);

    /// <summary>The number of fields of the last record.</summary>
    public int Count { get; private set; }

    /// <summary>Length of the last record without its line break, in bytes.</summary>
    public int Length { get; private set; }

    /// <summary>Unquoted fields of the last record with a quote inside.</summary>
    public int BareQuotes { get; private set; }

    /// <summary>Quoted fields of the last record with blanks behind them.</summary>
    public int PaddedQuotes { get; private set; }

    /// <summary>Parses the record at the start of <paramref name="data"/>. A record found has its cells in <see cref="Cells"/>.</summary>
    public ReadStep Parse(ReadOnlySpan<byte> data, bool final)
    {
        Count = 0;
        BareQuotes = PaddedQuotes = 0;
        if (data.IsEmpty) return new ReadStep(final ? ReadStepKind.End : ReadStepKind.NeedMore);

        // The outcome must depend on the file only, never on how much of it happens to be in memory: so never look beyond the bound.
        bool capped = data.Length > _maximumLine + 2;
        if (capped)
        {
            data = data[..(_maximumLine + 2)];
            final = false;
        }

        int position = 0;
        int lineBreaks = 0;
        ReadStep? problem = null;
        while (true)
        {
            int start = position;
            Cell cell;
            if (start < data.Length && data[start] == _quote)
            {
                bool closed = FindClosingQuote(data, start, final, out int close, out bool doubled, out bool undecided);
                if (undecided && !capped) return new ReadStep(ReadStepKind.NeedMore);
                if (!closed)
                {
                    string line = (lineBreaks + 1).ToString(CultureInfo.InvariantCulture);
                    string reach = data.Length - start > _maximumField ? Invariant($"the longest field ({_maximumField} bytes)") : final ? "the end of the file" : Invariant($"the longest line ({_maximumLine} bytes)");
                    return ReadStep.Reject(RejectionKind.UnterminatedQuote, $"the quote opened in column {Ordinal(Count)} on line {line} of this record is not closed before {reach}", start + 1, lineBreaks, skipToLineEnd: true);
                }
                cell = new Cell(start + 1, close - start - 1, Quoted: true, doubled);
                if (cell.Length > _maximumField) problem ??= FieldTooLong();
                int inside = CountLineBreaks(data.Slice(cell.Start, cell.Length));
                lineBreaks += inside;
                position = close + 1;
                while (position < data.Length && (data[position] == ' ' || (data[position] == '\t' && _delimiter != '\t')) && data[position] != _delimiter) position++;
                if (position > close + 1) PaddedQuotes++;
                if (position == data.Length && !final) return Incomplete(capped, data);
                if (position < data.Length && data[position] != _delimiter && data[position] is not ((byte)'\r' or (byte)'\n'))
                    return ReadStep.Reject(RejectionKind.TextAfterQuote, $"column {Ordinal(Count)} has text behind its closing quote; quotes inside a quoted field must be doubled", position, lineBreaks, skipToLineEnd: true);
            }
            else
            {
                int length = data[start..].IndexOfAny(_stops);
                if (length < 0)
                {
                    if (!final) return Incomplete(capped, data);
                    length = data.Length - start;
                }
                cell = new Cell(start, length, Quoted: false, Doubled: false);
                position = start + length;
                if (length > _maximumField)
                    problem ??= FieldTooLong();
                else if (_quote >= 0 && length > 0 && data.Slice(start, length).Contains((byte)_quote))
                    BareQuotes++;
            }

            if (Count < _maximumColumns)
            {
                if (Count == _cells.Length) Array.Resize(ref _cells, 2 * Count);
                _cells[Count] = cell;
            }
            else
            {
                problem ??= ReadStep.Reject(RejectionKind.TooManyColumns, Invariant($"more than {_maximumColumns} columns"), 0, 0);
            }
            Count++;

            if (position < data.Length && data[position] == _delimiter)
            {
                position++;
                // A delimiter as the very last byte is followed by one more, empty field.
                if (position < data.Length || final) continue;
                return Incomplete(capped, data);
            }

            // Only the end of the record is left: a line break, or the end of the file.
            Length = position;
            if (Length > _maximumLine) return TooLong(data);
            int end = position;
            if (position < data.Length)
            {
                if (data[position] == '\r' && position + 1 == data.Length && !final) return Incomplete(capped, data);
                end += data[position..].StartsWith("\r\n"u8) ? 2 : 1;
                lineBreaks++;
            }
            Count = Math.Min(Count, _maximumColumns);
            if (problem is { } found) return found with { Consumed = end, LineBreaks = lineBreaks };
            bool blank = Length == 0;
            return new ReadStep(blank ? ReadStepKind.Passed : ReadStepKind.Record, end, lineBreaks);
        }
    }

    /// <summary>Copies the content of a cell, doubled quotes halved; the target has to be as long as the cell.</summary>
    public int CopyUnescaped(ReadOnlySpan<byte> content, Span<byte> target)
    {
        int written = 0;
        while (!content.IsEmpty)
        {
            int found = content.IndexOf((byte)_quote);
            int take = found < 0 ? content.Length : found + 1;
            content[..take].CopyTo(target[written..]);
            written += take;
            content = content[Math.Min(content.Length, found < 0 ? take : take + 1)..];
        }
        return written;
    }

    /// <summary>Line breaks in a text: LF, CRLF and lone CR each count once.</summary>
    public static int CountLineBreaks(ReadOnlySpan<byte> text)
    {
        int count = text.Count((byte)'\n');
        if (!text.Contains((byte)'\r')) return count;
        for (int i = 0; i < text.Length; i++)
        {
            if (text[i] == '\r' && (i + 1 == text.Length || text[i + 1] != '\n')) count++;
        }
        return count;
    }

    private bool FindClosingQuote(ReadOnlySpan<byte> data, int start, bool final, out int close, out bool doubled, out bool undecided)
    {
        doubled = undecided = false;
        close = -1;
        // The quote itself, the longest content, the closing quote and the byte that proves it closing.
        bool cut = data.Length - start > _maximumField + 3;
        var field = cut ? data.Slice(start, _maximumField + 3) : data[start..];
        final &= !cut;
        int scan = 1;
        while (true)
        {
            int found = field[scan..].IndexOf((byte)_quote);
            if (found < 0) break;
            int at = scan + found;
            if (at + 1 == field.Length)
            {
                // The last byte at hand: closing, unless another quote follows.
                if (!final) break;
                close = start + at;
                return true;
            }
            if (field[at + 1] != _quote)
            {
                close = start + at;
                return true;
            }
            doubled = true;
            scan = at + 2;
        }
        undecided = !final && !cut;
        return false;
    }

    private ReadStep Incomplete(bool capped, ReadOnlySpan<byte> data) => capped ? TooLong(data) : new ReadStep(ReadStepKind.NeedMore);

    private ReadStep TooLong(ReadOnlySpan<byte> data) => TooLong(data, _maximumLine);

    /// <summary>The rejection of a record that passes the bound; it uses up the bytes up to there.</summary>
    public static ReadStep TooLong(ReadOnlySpan<byte> data, int maximum)
    {
        // A CR just before the cut may be half of a line break: it is left to whoever skips the rest of the line.
        int cut = data[maximum - 1] == '\r' ? maximum - 1 : maximum;
        return ReadStep.Reject(RejectionKind.LineTooLong, Invariant($"the record is longer than {maximum} bytes"), cut, CountLineBreaks(data[..cut]), skipToLineEnd: true);
    }

    private ReadStep FieldTooLong() =>
        ReadStep.Reject(RejectionKind.FieldTooLong, Invariant($"column {Ordinal(Count)} is longer than {_maximumField} bytes"), 0, 0);

    private static string Ordinal(int index) => (index + 1).ToString(CultureInfo.InvariantCulture);

    private static string Invariant(FormattableString text) => FormattableString.Invariant(text);
}
