using System.Globalization;
using System.IO.Compression;
using System.IO.Hashing;

namespace Annotator.Core.Media;

/// <summary>An archive as a whole cannot be taken; the message says why, for the person who sent it.</summary>
public sealed class ArchiveRefusedException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>A file of an archive that is read.</summary>
/// <param name="Number">Its place in the archive, from 1.</param>
/// <param name="Name">Its path, with forward slashes.</param>
/// <param name="Bytes">Its size as the archive says; what is read has exactly this size.</param>
public sealed record ArchiveFile(int Number, string Name, long Bytes);

/// <summary>
/// Reads a zip archive of a stranger: nothing is unpacked to disk, names are data and never paths, and a file whose bytes are not what the archive says
/// of them is an error and never a shorter file. What is refused is refused alone; the others stay.
/// </summary>
public sealed class MediaArchive : IDisposable
{
    private const long RatioFrom = 1_000_000;
    private readonly ZipArchive _zip;
    private readonly Dictionary<string, ZipArchiveEntry> _entries = new(StringComparer.Ordinal);

    private MediaArchive(ZipArchive zip) => _zip = zip;

    /// <summary>Files that may be read, in the order of the archive.</summary>
    public IReadOnlyList<ArchiveFile> Files { get; private set; } = [];

    /// <summary>Files that are refused, with their places and reasons.</summary>
    public IReadOnlyList<(int Number, string Reason)> Refused { get; private set; } = [];

    /// <summary>Opens an archive and looks at its directory.</summary>
    /// <param name="stream">The archive, seekable; it stays open.</param>
    /// <param name="options">Bounds.</param>
    /// <exception cref="ArchiveRefusedException">It is no archive, or is one that must not be unpacked.</exception>
    public static MediaArchive Open(Stream stream, MediaOptions options)
    {
        ArgumentNullException.ThrowIfNull(stream);
        ArgumentNullException.ThrowIfNull(options);
        ZipArchive zip;
        try
        {
            zip = new ZipArchive(stream, ZipArchiveMode.Read, leaveOpen: true);
            var archive = new MediaArchive(zip);
            archive.Look(stream.Length, options);
            return archive;
        }
        catch (Exception e) when (e is InvalidDataException or EndOfStreamException or OverflowException)
        {
            throw new ArchiveRefusedException("The file is no zip archive, or ends early.", e);
        }
    }

    /// <summary>Opens a file of the archive. Reading it to its end checks its length and checksum.</summary>
    /// <exception cref="ArchiveRefusedException">It cannot be unpacked.</exception>
    public Stream OpenFile(ArchiveFile file)
    {
        ArgumentNullException.ThrowIfNull(file);
        var entry = _entries[file.Name];
        try
        {
            return new CheckedStream(entry.Open(), entry.Length, entry.Crc32);
        }
        catch (Exception e) when (e is InvalidDataException or NotSupportedException or IOException)
        {
            throw new ArchiveRefusedException("it cannot be unpacked: the archive is damaged, encrypted or packed in a way that is not read", e);
        }
    }

    /// <summary>A whole file of the archive.</summary>
    /// <exception cref="ArchiveRefusedException">It cannot be unpacked, or is not what the archive says of it.</exception>
    public async Task<byte[]> ReadAsync(ArchiveFile file, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(file);
        try
        {
            await using var stream = OpenFile(file);
            var bytes = new byte[file.Bytes];
            await stream.ReadExactlyAsync(bytes, cancellationToken);
            if (await stream.ReadAsync(new byte[1], cancellationToken) > 0) throw new ArchiveRefusedException("it is longer than the archive says");
            return bytes;
        }
        catch (Exception e) when (e is InvalidDataException or EndOfStreamException)
        {
            throw new ArchiveRefusedException("it is damaged: its bytes are not what the archive says of them", e);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _zip.Dispose();

    private void Look(long length, MediaOptions options)
    {
        var entries = _zip.Entries;
        if (entries.Count > options.ArchiveFiles) throw new ArchiveRefusedException($"The archive has {entries.Count} files; at most {options.ArchiveFiles} are taken.");
        var (files, refused) = (new List<ArchiveFile>(), new List<(int, string)>());
        long packed = 0, total = 0;
        for (var i = 0; i < entries.Count; i++)
        {
            var entry = entries[i];
            packed += entry.CompressedLength;
            if (entry.FullName.EndsWith('/') || MediaArchiveNames.IsIgnored(entry.FullName)) continue;
            if (ReasonAgainst(entry, options) is { } reason)
            {
                refused.Add((i + 1, $"{Shown(entry.FullName)}: {reason}"));
                continue;
            }

            total += entry.Length;
            _entries[entry.FullName] = entry;
            files.Add(new ArchiveFile(i + 1, entry.FullName, entry.Length));
        }

        // Files that share bytes are how a small archive becomes a huge one.
        if (packed > length) throw new ArchiveRefusedException("Files of the archive overlap each other.");
        if (total > options.ArchiveMegabytes * 1_000_000L) throw new ArchiveRefusedException(string.Create(CultureInfo.InvariantCulture, $"The files of the archive have {total / 1_000_000} MB together; at most {options.ArchiveMegabytes} are taken."));
        (Files, Refused) = (files, refused);
    }

    private string? ReasonAgainst(ZipArchiveEntry entry, MediaOptions options)
    {
        if (MediaArchiveNames.Wrong(entry.FullName) is { } wrong) return wrong;
        if (((entry.ExternalAttributes >> 16) & 0xF000) == 0xA000) return "it is a link to another file";
        if (entry.IsEncrypted) return "it is encrypted";
        if (_entries.ContainsKey(entry.FullName)) return "another file of the archive has the same name";
        if (entry.Length > RatioFrom && entry.Length / Math.Max(1, entry.CompressedLength) > options.ArchiveRatio) return $"it is {entry.Length / Math.Max(1, entry.CompressedLength)} times larger than packed; at most {options.ArchiveRatio} is taken";
        var most = MediaArchiveNames.IsImage(entry.FullName) ? options.ImageMegabytes : MediaArchiveNames.IsVideo(entry.FullName) ? options.VideoMegabytes : options.AnnotationMegabytes;
        return entry.Length > most * 1_000_000L ? $"it has {entry.Length / 1_000_000} MB; at most {most} are taken" : null;
    }

    /// <summary>A name as it may be shown: without what is not to be seen, and not too long.</summary>
    internal static string Shown(string name)
    {
        var plain = string.Concat(name.Select(c => char.IsControl(c) ? '\uFFFD' : c));
        return plain.Length <= 120 ? plain : $"…{plain[^119..]}";
    }

    /// <summary>Counts and checks what passes; throws at the end where it is not what was said.</summary>
    private sealed class CheckedStream(Stream inner, long length, uint checksum) : Stream
    {
        private readonly Crc32 _crc = new();
        private long _read;

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => length;

        public override long Position
        {
            get => _read;
            set => throw new NotSupportedException();
        }

        public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

        public override int Read(Span<byte> buffer)
        {
            var read = inner.Read(buffer);
            return Check(buffer[..read], buffer.IsEmpty);
        }

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            var read = await inner.ReadAsync(buffer, cancellationToken);
            return Check(buffer.Span[..read], buffer.IsEmpty);
        }

        public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        protected override void Dispose(bool disposing)
        {
            if (disposing) inner.Dispose();
            base.Dispose(disposing);
        }

        private int Check(ReadOnlySpan<byte> part, bool nothingAsked)
        {
            _read += part.Length;
            _crc.Append(part);
            if (_read > length) throw new InvalidDataException("Longer than the archive says.");
            if (part.IsEmpty && !nothingAsked && (_read != length || _crc.GetCurrentHashAsUInt32() != checksum)) throw new InvalidDataException("The checksum or length is not what the archive says.");
            return part.Length;
        }
    }
}

/// <summary>Names of files in archives.</summary>
internal static class MediaArchiveNames
{
    private static readonly HashSet<string> s_images = new(StringComparer.OrdinalIgnoreCase) { ".jpg", ".jpeg", ".jpe", ".png", ".gif", ".webp", ".avif", ".bmp", ".tif", ".tiff" };
    private static readonly HashSet<string> s_videos = new(StringComparer.OrdinalIgnoreCase) { ".mp4", ".m4v", ".mov", ".webm", ".avi" };
    private static readonly HashSet<string> s_archives = new(StringComparer.OrdinalIgnoreCase) { ".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar", ".zst", ".jar" };
    private static readonly HashSet<string> s_annotations = new(StringComparer.OrdinalIgnoreCase) { ".json", ".xml", ".txt", ".yaml", ".yml", ".names", ".data", ".csv", ".md", ".cfg", ".ini", ".jsonl" };

    /// <summary>Whether a file is called as an image is; what it is, its bytes say.</summary>
    public static bool IsImage(string name) => s_images.Contains(Path.GetExtension(name));

    /// <summary>Whether a file is called as a video is.</summary>
    public static bool IsVideo(string name) => s_videos.Contains(Path.GetExtension(name));

    /// <summary>Whether a file may hold annotations.</summary>
    public static bool IsAnnotation(string name) => s_annotations.Contains(Path.GetExtension(name));

    /// <summary>Whether a file is what operating systems leave in archives.</summary>
    public static bool IsIgnored(string name) =>
        name.StartsWith("__MACOSX/", StringComparison.Ordinal) || name.Contains("/__MACOSX/", StringComparison.Ordinal)
        || Path.GetFileName(name) is ".DS_Store" or "Thumbs.db" or "desktop.ini" or ".gitkeep" or ".gitignore";

    /// <summary>What is wrong with a name; null where nothing is.</summary>
    public static string? Wrong(string name)
    {
        if (name.Length is 0 or > 500) return "its name has to have 1 to 500 characters";
        if (name.Any(char.IsControl)) return "its name has control characters";
        if (name.Contains('\uFFFD', StringComparison.Ordinal)) return "its name is no valid text";
        if (name[0] is '/' or '\\' || (name.Length > 1 && name[1] == ':')) return "its name is an absolute path";
        if (name.Split('/', '\\', '\u2215', '\u2044', '\uFF0F').Any(p => p.Trim(' ', '.').Length == 0 && p.Length > 0 || p is "..")) return "its name leads out of the archive";
        if (name.Contains('\\', StringComparison.Ordinal)) return "its name has backslashes";
        if (name.Contains("%2e%2e", StringComparison.OrdinalIgnoreCase) || name.Contains("%2f", StringComparison.OrdinalIgnoreCase) || name.Contains("%5c", StringComparison.OrdinalIgnoreCase)) return "its name hides a path";
        return s_archives.Contains(Path.GetExtension(name)) ? "it is an archive within the archive" : null;
    }
}
