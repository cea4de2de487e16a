using System.Buffers;
using System.Text;

namespace Annotator.Core.Formats;

/// <summary>
/// Writes delimited text in UTF-8 (RFC 4180, CRLF). What it writes, <see cref="CsvReader"/> reads as it was, NUL characters excepted.
/// </summary>
/// <remarks>Cells go into one buffer that is handed to the stream when it is full; nothing is allocated for a row.</remarks>
public sealed class CsvWriter : IAsyncDisposable
{
    private const int FlushAt = 64 << 10;

    private readonly Stream _stream;
    private readonly bool _leaveOpen;
    private readonly bool _spreadsheetSafe;
    private readonly byte _delimiter;
    private readonly char _quote;
    private readonly SearchValues<char> _special;
    private readonly ArrayBufferWriter<byte> _buffer = new(FlushAt + 4096);
    private int _cells;
    private bool _empty;

    /// <summary>Makes a writer.</summary>
    /// <param name="stream">Where to. Disposed with the writer unless <paramref name="leaveOpen"/>.</param>
    /// <param name="dialect">Delimiter and quote; null: comma and double quote. The header is a row like any other.</param>
    /// <param name="spreadsheetSafe">
    /// Whether cells that a spreadsheet would take for a formula get an apostrophe in front (those that start with = + - @, their full-width
    /// forms, tab, CR, LF or NUL; OWASP ASVS 5.0, 1.2.10). Such a file does not round-trip.
    /// </param>
    /// <param name="byteOrderMark">Whether the file starts with a byte order mark, by which Excel knows UTF-8.</param>
    /// <param name="leaveOpen">Whether the stream outlives the writer.</param>
    /// <exception cref="ArgumentException">The dialect has no quote or makes no sense.</exception>
    public CsvWriter(Stream stream, CsvDialect? dialect = null, bool spreadsheetSafe = false, bool byteOrderMark = false, bool leaveOpen = false)
    {
        ArgumentNullException.ThrowIfNull(stream);
        dialect ??= new CsvDialect();
        dialect.Validate();
        _stream = stream;
        _leaveOpen = leaveOpen;
        _spreadsheetSafe = spreadsheetSafe;
        _delimiter = (byte)dialect.Delimiter;
        _quote = dialect.Quote ?? throw new ArgumentException("A writer needs a quote.", nameof(dialect));
        _special = SearchValues.Create([dialect.Delimiter, _quote, '\r', '\n']);
        if (byteOrderMark) _buffer.Write("\uFEFF"u8);
    }

    /// <summary>Writes one cell of the current row.</summary>
    public void WriteCell(ReadOnlySpan<char> cell)
    {
        if (_cells > 0) _buffer.Write([_delimiter]);
        bool guarded = _spreadsheetSafe && !cell.IsEmpty && IsFormula(cell[0]);
        // U+FEFF at the start of a file would be taken for a byte order mark.
        bool quoted = cell.ContainsAny(_special) || (!cell.IsEmpty && cell[0] == '\uFEFF');
        _empty = _cells == 0 && cell.IsEmpty;
        _cells++;
        if (quoted) _buffer.Write([(byte)_quote]);
        if (guarded) _buffer.Write("'"u8);
        while (quoted && cell.IndexOf(_quote) is var found and >= 0)
        {
            Encoding.UTF8.GetBytes(cell[..(found + 1)], _buffer);
            _buffer.Write([(byte)_quote]);
            cell = cell[(found + 1)..];
        }
        Encoding.UTF8.GetBytes(cell, _buffer);
        if (quoted) _buffer.Write([(byte)_quote]);
    }

    /// <summary>Ends the current row and hands the buffer on if it is full.</summary>
    public ValueTask EndRowAsync(CancellationToken cancellationToken = default)
    {
        EndRow();
        return _buffer.WrittenCount < FlushAt ? ValueTask.CompletedTask : FlushAsync(cancellationToken);
    }

    /// <summary>Ends the current row in the buffer.</summary>
    internal void EndRow()
    {
        // A row of one empty cell would be a blank line, which readers pass over.
        if (_empty && _cells == 1) _buffer.Write([(byte)_quote, (byte)_quote]);
        _cells = 0;
        _buffer.Write("\r\n"u8);
    }

    /// <summary>Writes a row.</summary>
    public ValueTask WriteRowAsync(IReadOnlyList<string> cells, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(cells);
        for (int i = 0; i < cells.Count; i++) WriteCell(cells[i]);
        return EndRowAsync(cancellationToken);
    }

    /// <summary>Hands what is buffered to the stream.</summary>
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
        if (!_leaveOpen) await _stream.DisposeAsync();
    }

    private static bool IsFormula(char first) =>
        first is '=' or '+' or '-' or '@' or '\t' or '\r' or '\n' or '\0' or '＝' or '＋' or '－' or '＠';
}
