using System.IO.Compression;
using System.Text;
using Annotator.Core.Media;

namespace Annotator.Core.Formats.Media;

/// <summary>Opens the image or video of an exported item; null where it is not kept here.</summary>
public delegate Task<Stream?> MediaOpener(ExportRow row, CancellationToken cancellationToken);

/// <summary>
/// Writes an archive as a stream: a file an item, some at the end, the images themselves where they are asked for, and a report of what the format could not
/// hold. What the archive writes is held until it is handed on, so that nothing is ever written to a connection but asynchronously.
/// </summary>
/// <param name="output">Where to; stays open.</param>
/// <param name="open">Opens the media to be put beside the annotations; null: annotations only.</param>
internal abstract class ZipExportWriter(Stream output, MediaOpener? open) : IExportWriter
{
    /// <summary>Name of the report in the archive.</summary>
    public const string ReportName = "report.txt";

    private readonly HashSet<string> _names = new(StringComparer.Ordinal);
    private readonly MemoryStream _held = new();
    private ZipArchive? _zip;

    /// <summary>What could not be held.</summary>
    protected FormatLosses Losses { get; } = new();

    private ZipArchive Zip => _zip ??= new ZipArchive(new Passing(_held), ZipArchiveMode.Create, leaveOpen: true);

    /// <inheritdoc/>
    public async ValueTask WriteAsync(ExportRow row, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(row);
        var name = FileNameOf(row);
        Add(row, name);
        if (open is not null && ImagePath(name) is { } path && await open(row, cancellationToken) is { } content)
        {
            await using (content)
            {
                // Media are packed already.
                await using var entry = Zip.CreateEntry(path, CompressionLevel.NoCompression).Open();
                var buffer = new byte[1 << 18];
                int read;
                while ((read = await content.ReadAsync(buffer, cancellationToken)) > 0)
                {
                    entry.Write(buffer, 0, read);
                    await FlushAsync(cancellationToken);
                }
            }
        }

        if (_held.Length > 1 << 18) await FlushAsync(cancellationToken);
    }

    /// <inheritdoc/>
    public async ValueTask FlushAsync(CancellationToken cancellationToken = default)
    {
        if (_held.Length == 0) return;
        await output.WriteAsync(_held.GetBuffer().AsMemory(0, (int)_held.Length), cancellationToken);
        _held.SetLength(0);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        Finish();
        if (Losses.Lines is { Count: > 0 } lines) Entry(ReportName, string.Join('\n', lines.Prepend("What this format cannot hold:")) + "\n");
        Zip.Dispose();
        await FlushAsync();
        await _held.DisposeAsync();
    }

    /// <summary>Adds one item.</summary>
    /// <param name="row">The item.</param>
    /// <param name="fileName">Its name among the images: no other item has it.</param>
    protected abstract void Add(ExportRow row, string fileName);

    /// <summary>Adds what stands at the end.</summary>
    protected virtual void Finish()
    {
    }

    /// <summary>Where an image goes; null: this format has no images.</summary>
    protected virtual string? ImagePath(string fileName) => $"images/{fileName}";

    /// <summary>Writes a file of text.</summary>
    protected void Entry(string name, string content) => Entry(name, stream => stream.Write(Encoding.UTF8.GetBytes(content)));

    /// <summary>Writes a file.</summary>
    protected void Entry(string name, Action<Stream> write)
    {
        using var stream = Zip.CreateEntry(name, CompressionLevel.Fastest).Open();
        write(stream);
    }

    /// <summary>A name without its ending, for the file of annotations beside it.</summary>
    protected static string Stem(string fileName) => fileName.LastIndexOf('.') is var dot && dot > fileName.LastIndexOf('/') + 1 ? fileName[..dot] : fileName;

    // The key, made harmless: whoever unpacks the archive gets files in it and nowhere else. Two keys never become one file.
    private string FileNameOf(ExportRow row)
    {
        var parts = row.Key.Replace('\\', '/').Split('/', StringSplitOptions.RemoveEmptyEntries)
            .Select(p => string.Concat(p.Select(c => char.IsControl(c) || c is ':' or '*' or '?' or '"' or '<' or '>' or '|' ? '_' : c)).Trim(' ', '.') is { Length: > 0 } safe ? safe : "_");
        var name = string.Join('/', parts) is { Length: > 0 } joined ? joined : row.Id;
        if (!MediaArchiveNames.IsImage(name) && !MediaArchiveNames.IsVideo(name)) name += EndingOf(row);
        if (_names.Add(name)) return name;
        name = $"{row.Id}-{name.Replace('/', '-')}";
        _names.Add(name);
        return name;
    }

    private static string EndingOf(ExportRow row) => MediaMetadata.Text(row.Metadata, "contentType") switch
    {
        "image/png" => ".png",
        "image/webp" => ".webp",
        "image/gif" => ".gif",
        "image/bmp" => ".bmp",
        "image/avif" => ".avif",
        "video/mp4" => ".mp4",
        "video/webm" => ".webm",
        "video/quicktime" => ".mov",
        "video/x-msvideo" => ".avi",
        _ => ".jpg",
    };

    // The archive must not know that what it writes to can seek: what was handed on is gone.
    private sealed class Passing(MemoryStream held) : Stream
    {
        public override bool CanRead => false;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override void Write(byte[] buffer, int offset, int count) => held.Write(buffer, offset, count);

        public override void Write(ReadOnlySpan<byte> buffer) => held.Write(buffer);

        public override void Flush()
        {
        }

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();
    }
}
