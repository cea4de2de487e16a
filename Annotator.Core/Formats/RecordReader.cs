using System.Runtime.CompilerServices;

namespace Annotator.Core.Formats;

/// <summary>What a parser made of the bytes before it.</summary>
internal enum ReadStepKind
{
    /// <summary>The record is not complete in the bytes at hand.</summary>
    NeedMore,

    /// <summary>Nothing is left.</summary>
    End,

    /// <summary>Bytes without a record: a blank line, a header, a bracket.</summary>
    Passed,

    /// <summary>A record.</summary>
    Record,

    /// <summary>A line that cannot be read.</summary>
    Rejected,
}

/// <summary>One step of a parser.</summary>
/// <param name="Kind">What was found.</param>
/// <param name="Consumed">Bytes used up.</param>
/// <param name="LineBreaks">Line breaks among them.</param>
/// <param name="SkipToLineEnd">Whether the rest of the line is to be thrown away as well.</param>
internal readonly record struct ReadStep(ReadStepKind Kind, int Consumed = 0, int LineBreaks = 0, bool SkipToLineEnd = false)
{
    /// <summary>The fields of a record.</summary>
    public RawField[]? Fields { get; init; }

    /// <summary>The columns of a record.</summary>
    public RecordColumns? Columns { get; init; }

    /// <summary>The kind of a rejection.</summary>
    public RejectionKind Rejection { get; init; }

    /// <summary>The reason of a rejection.</summary>
    public string? Reason { get; init; }

    /// <summary>A rejection.</summary>
    public static ReadStep Reject(RejectionKind kind, string reason, int consumed, int lineBreaks, bool skipToLineEnd = false) =>
        new(ReadStepKind.Rejected, consumed, lineBreaks, skipToLineEnd) { Rejection = kind, Reason = reason };
}

/// <summary>
/// Streams the records of a file in batches at constant memory. What cannot be read is reported with its line number and never stops the
/// rest. Reading can be taken up at any record or at <see cref="Position"/>.
/// </summary>
/// <remarks>Not for use by two threads at once.</remarks>
public abstract class RecordReader : IAsyncDisposable
{
    private readonly Stream _stream;
    private readonly TextEncoding _encoding;
    private readonly ReaderCheckpoint? _from;
    private readonly bool _leaveOpen;
    private readonly long _origin;
    private ByteWindow? _window;
    private long _line = 1;

    private protected RecordReader(Stream stream, TextEncoding encoding, ReaderOptions? options, ReaderCheckpoint? from, bool leaveOpen)
    {
        ArgumentNullException.ThrowIfNull(stream);
        Options = options ?? ReaderOptions.Default;
        Options.Validate();
        _stream = stream;
        _encoding = encoding;
        _from = from is { ByteOffset: > 0 } ? from : null;
        _leaveOpen = leaveOpen;
        _origin = stream.CanSeek ? stream.Position : 0;
    }

    /// <summary>Where the next record starts.</summary>
    public ReaderCheckpoint Position => new(_window?.Offset ?? 0, _line);

    /// <summary>The columns of the last record read; null before the first.</summary>
    public RecordColumns? Columns { get; private protected set; }

    /// <summary>The bounds.</summary>
    private protected ReaderOptions Options { get; }

    /// <summary>Counts of what was forgiven since the batch began.</summary>
    private protected ReaderNotes Notes { get; set; }

    /// <summary>Whether reading started at a checkpoint.</summary>
    private protected bool Resumed => _from is not null;

    /// <summary>Whether the beginning of the file has been seen, which is needed even when reading starts further on (a header, a bracket).</summary>
    private protected abstract bool KnowsBeginning { get; }

    /// <summary>Whether reading could be taken up here by another reader; a batch does not end where it could not.</summary>
    private protected virtual bool IsSettled => true;

    /// <summary>Parses one record at the start of <paramref name="data"/>.</summary>
    /// <param name="data">Bytes of the file (UTF-8 if that is UTF-16).</param>
    /// <param name="final">Whether nothing follows <paramref name="data"/>.</param>
    private protected abstract ReadStep Parse(ReadOnlySpan<byte> data, bool final);

    /// <summary>Reads the file to its end.</summary>
    /// <param name="maximumRecords">Most records and rejected lines of a batch.</param>
    /// <param name="cancellationToken">Ends the reading between two reads of the stream.</param>
    /// <returns>Batches, none of them empty of records, rejections and notes together.</returns>
    /// <exception cref="IOException">The stream failed. What the file contains never makes this method throw.</exception>
    public async IAsyncEnumerable<RecordBatch> ReadBatchesAsync(
        int maximumRecords = 1000, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(maximumRecords, 1);
        if (_window is null) await StartAsync(cancellationToken);
        bool more = true;
        while (more)
        {
            var records = new List<RawRecord>(Math.Min(maximumRecords, 1024));
            var rejected = new List<RejectedLine>();
            Notes = default;
            long from = _window!.Offset;
            while ((records.Count + rejected.Count < maximumRecords && _window.Offset - from < Options.MaximumBatchBytes) || !IsSettled)
            {
                var start = Position;
                var step = Parse(_window.Unread, _window.AtEnd);
                if (step.Kind == ReadStepKind.NeedMore)
                {
                    await _window.FillAsync(cancellationToken);
                    continue;
                }
                if (step.Kind == ReadStepKind.End)
                {
                    more = false;
                    break;
                }
                Take(step);
                if (step.SkipToLineEnd) await SkipToLineEndAsync(cancellationToken);
                if (step.Kind == ReadStepKind.Record)
                    records.Add(new RawRecord(start.LineNumber, start.ByteOffset, step.Columns!, step.Fields!));
                else if (step.Kind == ReadStepKind.Rejected)
                    rejected.Add(new RejectedLine(start.LineNumber, start.ByteOffset, step.Rejection, step.Reason!));
            }
            if (records.Count + rejected.Count > 0 || Notes != default)
                yield return new RecordBatch(records, rejected, Position, Notes);
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        _window?.Dispose();
        if (!_leaveOpen) await _stream.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    private async ValueTask StartAsync(CancellationToken cancellationToken)
    {
        _window = new ByteWindow(_stream, _encoding, Options.BufferLength, 0);
        while (_window.Unread.Length < 3 && !_window.AtEnd) await _window.FillAsync(cancellationToken);
        // U+FEFF, whatever the file's encoding was; in CP949 and Windows-1252 these bytes would be text.
        if (_encoding is not (TextEncoding.Korean949 or TextEncoding.Windows1252) && _window.Unread.StartsWith("\uFEFF"u8)) _window.Advance(3);
        if (_from is not { } from) return;

        // Never past the checkpoint: a stream that cannot seek does not come back, and what stands there tells as much.
        while (!KnowsBeginning && _window.Offset < from.ByteOffset)
        {
            var step = Parse(_window.Unread, _window.AtEnd);
            if (step.Kind == ReadStepKind.End) break;
            if (step.Kind == ReadStepKind.NeedMore)
            {
                await _window.FillAsync(cancellationToken);
                continue;
            }
            Take(step);
            if (step.SkipToLineEnd) await SkipToLineEndAsync(cancellationToken);
        }
        if (_stream.CanSeek)
        {
            _window.Dispose();
            _stream.Seek(_origin + from.ByteOffset, SeekOrigin.Begin);
            _window = new ByteWindow(_stream, _encoding, Options.BufferLength, from.ByteOffset);
        }
        else
        {
            await ReadOnToAsync(from.ByteOffset, cancellationToken);
        }
        _line = from.LineNumber;
        Notes = default;
    }

    // A stream that cannot seek is read and thrown away up to the place; for UTF-16 byte by byte at the end, as a character is 1 to 4 bytes here.
    private async ValueTask ReadOnToAsync(long offset, CancellationToken cancellationToken)
    {
        while (_window!.Offset < offset)
        {
            if (_window.Unread.IsEmpty)
            {
                if (_window.AtEnd) return;
                await _window.FillAsync(cancellationToken);
                continue;
            }
            long missing = offset - _window.Offset;
            int count = (int)Math.Min(missing, _window.Unread.Length);
            if (_encoding.IsUtf16())
            {
                // Whole characters only: missing / 2 code units are at least missing / 2 bytes of UTF-8 per unit.
                count = System.Text.Rune.DecodeFromUtf8(_window.Unread, out _, out int first) == System.Buffers.OperationStatus.NeedMoreData ? 0 : first;
                if (count == 0 && _window.AtEnd) return;
                if (count == 0)
                {
                    await _window.FillAsync(cancellationToken);
                    continue;
                }
            }
            _window.Advance(count);
        }
    }

    private void Take(in ReadStep step)
    {
        _window!.Advance(step.Consumed);
        _line += step.LineBreaks;
    }

    private async ValueTask SkipToLineEndAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            int found = _window!.Unread.IndexOfAny((byte)'\r', (byte)'\n');
            if (found >= 0)
            {
                _window.Advance(found);
                if (_window.Unread.Length < 2 && _window.Unread[0] == '\r' && !_window.AtEnd)
                {
                    await _window.FillAsync(cancellationToken);
                    continue;
                }
                _window.Advance(_window.Unread.StartsWith("\r\n"u8) ? 2 : 1);
                _line++;
                return;
            }
            _window.Advance(_window.Unread.Length);
            if (_window.AtEnd) return;
            await _window.FillAsync(cancellationToken);
        }
    }
}
