using System.Text;
using Annotator.Core.Formats;

namespace Annotator.Tests.Formats;

/// <summary>Reads whole files for the tests.</summary>
internal static class ReaderDriver
{
    internal static async Task<(List<RawRecord> Records, List<RejectedLine> Rejected, ReaderNotes Notes)> ReadAllAsync(RecordReader reader, int batch = 7)
    {
        var records = new List<RawRecord>();
        var rejected = new List<RejectedLine>();
        var notes = default(ReaderNotes);
        await using (reader)
        {
            await foreach (var b in reader.ReadBatchesAsync(batch, TestContext.Current.CancellationToken))
            {
                records.AddRange(b.Records);
                rejected.AddRange(b.Rejected);
                notes = new ReaderNotes(notes.BlankLines + b.Notes.BlankLines, notes.BareQuotes + b.Notes.BareQuotes, notes.PaddedQuotes + b.Notes.PaddedQuotes);
            }
        }
        return (records, rejected, notes);
    }

    internal static MemoryStream Utf8(string text) => new(Encoding.UTF8.GetBytes(text));

    internal static string?[] Texts(this RawRecord record) => [.. record.Fields.Select(f => f.Text)];

    /// <summary>What two readings must have in common.</summary>
    internal static string Describe(IEnumerable<RawRecord> records, IEnumerable<RejectedLine> rejected) =>
        string.Join('\n', records.Select(r => $"{r.LineNumber}@{r.ByteOffset} {string.Join('\u241F', r.Columns.Names)} = {string.Join('\u241F', r.Fields.Select(f => (f.IsJson ? "j" : "s") + f.Text))}"))
        + "\n--\n" + string.Join('\n', rejected);
}

/// <summary>A stream that gives a few bytes at a time and cannot seek, like a slow upload.</summary>
internal sealed class TrickleStream(byte[] content, int step) : Stream
{
    private int _position;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override int Read(Span<byte> buffer)
    {
        int count = Math.Min(Math.Min(step, buffer.Length), content.Length - _position);
        content.AsSpan(_position, count).CopyTo(buffer);
        _position += count;
        return count;
    }

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => new(Read(buffer.Span));

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}
