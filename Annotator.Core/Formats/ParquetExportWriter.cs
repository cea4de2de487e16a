using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using Parquet;
using Parquet.Schema;

namespace Annotator.Core.Formats;

/// <summary>
/// Writes items as Parquet, with the columns of a JSONL line: label, annotators and metadata are JSON text, the rest has types of its own. Rows
/// are gathered into row groups, so that memory stays bounded whatever the size.
/// </summary>
public sealed class ParquetExportWriter : IExportWriter
{
    // A row group is kept in memory until it is written: so many rows, or so many characters of text.
    private const int MostRows = 20_000;
    private const int MostCharacters = 16 << 20;

    private static readonly JsonSerializerOptions s_readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly DataField _id = new("id", typeof(string), isNullable: false);
    private readonly DataField _key = new("key", typeof(string), isNullable: false);
    private readonly DataField _content;
    private readonly DataField _label = new("label", typeof(string), isNullable: true);
    private readonly DataField _source = new("source", typeof(string), isNullable: true);
    private readonly DataField _confidence = new("confidence", typeof(double), isNullable: true);
    private readonly DataField _annotators = new("annotators", typeof(string), isNullable: false);
    private readonly DataField _predictionVersion = new("predictionVersion", typeof(int), isNullable: true);
    private readonly DateTimeDataField _decidedAt = new("decidedAt", DateTimeFormat.Timestamp, isAdjustedToUTC: true, DateTimeTimeUnit.Millis, isNullable: true);
    private readonly DataField _metadata = new("metadata", typeof(string), isNullable: true);

    private readonly Stream _stream;
    private readonly bool _urls;
    private readonly bool _leaveOpen;
    private readonly List<ExportRow> _rows = [];
    private ParquetWriter? _writer;
    private long _characters;

    /// <summary>Makes a writer.</summary>
    /// <param name="stream">Where to; need not be able to seek. Disposed with the writer unless <paramref name="leaveOpen"/>.</param>
    /// <param name="urls">Whether the third column is <c>url</c> and not <c>text</c>.</param>
    /// <param name="leaveOpen">Whether the stream outlives the writer.</param>
    public ParquetExportWriter(Stream stream, bool urls = false, bool leaveOpen = false)
    {
        ArgumentNullException.ThrowIfNull(stream);
        _stream = new CountingStream(stream);
        (_urls, _leaveOpen) = (urls, leaveOpen);
        _content = new DataField(urls ? "url" : "text", typeof(string), isNullable: true);
    }

    /// <inheritdoc/>
    public ValueTask WriteAsync(ExportRow row, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(row);
        _rows.Add(row);
        _characters += (row.Text?.Length ?? 0) + (row.Metadata?.Length ?? 0) + (row.Label?.Length ?? 0);
        return _rows.Count < MostRows && _characters < MostCharacters ? ValueTask.CompletedTask : new ValueTask(WriteGroupAsync(cancellationToken));
    }

    /// <summary>Hands what is written to the stream; a row group that is not full yet stays open.</summary>
    /// <param name="cancellationToken">Cancels.</param>
    public async ValueTask FlushAsync(CancellationToken cancellationToken = default) => await _stream.FlushAsync(cancellationToken);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_rows.Count > 0 || _writer is null) await WriteGroupAsync(CancellationToken.None);
        await _writer!.DisposeAsync();
        await _stream.FlushAsync();
        if (!_leaveOpen) await _stream.DisposeAsync();
    }

    private async Task WriteGroupAsync(CancellationToken cancellationToken)
    {
        _writer ??= await ParquetWriter.CreateAsync(
            new ParquetSchema(_id, _key, _content, _label, _source, _confidence, _annotators, _predictionVersion, _decidedAt, _metadata), _stream, cancellationToken: cancellationToken);
        if (_rows.Count == 0) return;
        using (var group = _writer.CreateRowGroup())
        {
            await group.WriteAsync(_id, Texts(r => r.Id));
            await group.WriteAsync(_key, Texts(r => r.Key));
            await group.WriteAsync(_content, Texts(r => _urls ? r.Url : r.Text));
            await group.WriteAsync(_label, Texts(r => r.Label));
            await group.WriteAsync(_source, Texts(r => r.Source));
            await group.WriteAsync<double>(_confidence, _rows.Select(r => r.Confidence is { } c && double.IsFinite(c) ? c : (double?)null).ToArray(), cancellationToken: cancellationToken);
            await group.WriteAsync(_annotators, Texts(r => JsonSerializer.Serialize(r.Annotators, s_readable)));
            await group.WriteAsync<int>(_predictionVersion, _rows.Select(r => r.PredictionVersion).ToArray(), cancellationToken: cancellationToken);
            await group.WriteAsync<DateTime>(_decidedAt, _rows.Select(r => r.DecidedAt?.UtcDateTime).ToArray(), cancellationToken: cancellationToken);
            await group.WriteAsync(_metadata, Texts(r => r.Metadata));
        }

        _rows.Clear();
        _characters = 0;
    }

    private string[] Texts(Func<ExportRow, string?> of) => [.. _rows.Select(r => of(r)!)];

    /// <summary>
    /// A stream that knows how much was written: the format keeps offsets, and an answer over HTTP cannot be asked for its place. What the
    /// library writes without waiting is kept until it waits: such an answer takes no other writes.
    /// </summary>
    private sealed class CountingStream(Stream inner) : Stream
    {
        private readonly ArrayBufferWriter<byte> _pending = new();
        private long _written;

        public override bool CanRead => false;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => _written;

        public override long Position
        {
            get => _written;
            set => throw new NotSupportedException();
        }

        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            await SendAsync(cancellationToken);
            await inner.WriteAsync(buffer, cancellationToken);
            _written += buffer.Length;
        }

        public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

        public override void Write(ReadOnlySpan<byte> buffer)
        {
            _pending.Write(buffer);
            _written += buffer.Length;
        }

        public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

        public override async Task FlushAsync(CancellationToken cancellationToken)
        {
            await SendAsync(cancellationToken);
            await inner.FlushAsync(cancellationToken);
        }

        public override void Flush()
        {
        }

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override async ValueTask DisposeAsync()
        {
            await inner.DisposeAsync();
            await base.DisposeAsync();
        }

        private async ValueTask SendAsync(CancellationToken cancellationToken)
        {
            if (_pending.WrittenCount == 0) return;
            await inner.WriteAsync(_pending.WrittenMemory, cancellationToken);
            _pending.ResetWrittenCount();
        }
    }
}
