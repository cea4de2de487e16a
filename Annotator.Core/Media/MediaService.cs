using System.Globalization;
using System.Text.Json;
using Annotator.Core.Cascade;
using Annotator.Core.Labels;
using Annotator.Core.Projects;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace Annotator.Core.Media;

/// <summary>A file that was stored as an item, or why it was not.</summary>
/// <param name="FileName">Name of the file as it was sent.</param>
/// <param name="Items">The items, more than one where a film was cut into jobs; none where the file was refused.</param>
/// <param name="Refused">Why it was refused.</param>
public sealed record StoredMedia(string FileName, IReadOnlyList<StoredItem> Items, string? Refused);

/// <summary>A file that is kept, or why it is not.</summary>
/// <param name="File">What is known of it; null where it was refused. It is in the blob store, and not yet in the database.</param>
/// <param name="Refused">Why it was refused.</param>
public sealed record KeptMedia(MediaFile? File, string? Refused);

/// <summary>Keeps uploaded images and videos, under names of our own, and makes items of them. An image is decoded once, when it comes: what cannot be decoded is not kept.</summary>
public sealed class MediaService(AnnotatorDatabase database, IBlobStore blobs, ItemIntake intake, TimeProvider time, IOptions<MediaOptions> options)
{
    // Decoders take memory by the size of the image.
    private static readonly SemaphoreSlim s_decoding = new(2, 2);

    /// <summary>Stores a file as an item whose key is the file's name; a long film as several, where the project wants that. Where an item of that key is there already, it stays as it is.</summary>
    /// <param name="project">A project of images or videos.</param>
    /// <param name="fileName">Name of the file as it was sent.</param>
    /// <param name="content">The file; read once.</param>
    /// <param name="cancellationToken">Cancels; nothing stays then.</param>
    public Task<StoredMedia> StoreAsync(Project project, string fileName, Stream content, CancellationToken cancellationToken = default) => StoreAsync(project, fileName, content, null, cancellationToken);

    /// <summary>Stores a file with more to be said of it in the item's metadata.</summary>
    /// <inheritdoc cref="StoreAsync(Project, string, Stream, CancellationToken)"/>
    internal async Task<StoredMedia> StoreAsync(Project project, string fileName, Stream content, IReadOnlyDictionary<string, object>? more, CancellationToken cancellationToken)
    {
        var name = BareName(fileName);
        return name.Length is 0 or > 500 ? new StoredMedia(fileName, [], "A file name of 1 to 500 characters is needed.") : await StoreAsync(project, new NewItem(name, null), name, content, more, cancellationToken);
    }

    /// <summary>Stores a file as an item of which more is known. Where an item of its key is there already, it stays as it is.</summary>
    /// <param name="project">A project of images or videos.</param>
    /// <param name="item">The item, without its address and metadata.</param>
    /// <param name="name">Name of the file, for people.</param>
    /// <param name="content">The file; read once.</param>
    /// <param name="cancellationToken">Cancels; nothing stays then.</param>
    public Task<StoredMedia> StoreAsync(Project project, NewItem item, string name, Stream content, CancellationToken cancellationToken = default) => StoreAsync(project, item, name, content, null, cancellationToken);

    /// <summary>Stores a file as an item of which more is known, with more to be said of it in the item's metadata.</summary>
    /// <inheritdoc cref="StoreAsync(Project, NewItem, string, Stream, CancellationToken)"/>
    internal async Task<StoredMedia> StoreAsync(Project project, NewItem item, string name, Stream content, IReadOnlyDictionary<string, object>? more, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(item);
        var (file, refused) = await KeepAsync(project, content, cancellationToken);
        if (file is null) return new StoredMedia(name, [], refused);
        var kept = false;
        try
        {
            // The fast stage looks at the picture, so it must be known before the item.
            await database.WriteAsync(scope => scope.Dialect.InsertAsync(scope.Db, [file], ignoreConflicts: false, cancellationToken), cancellationToken);
            var address = AddressOf(project.Id, file.Name);
            var described = item with { Url = address, Metadata = WithMore(MetadataOf(name, file), more) };
            var stored = await intake.StoreAsync(project, FilmJobs.Of(described, file.Film, project.Settings.Vision.JobSeconds), cancellationToken);
            if (!stored.Succeeded) return new StoredMedia(name, [], string.Join(' ', stored.Errors.Select(e => e.Message)));
            kept = stored.Value.Any(s => string.Equals(s.Item.Url, address, StringComparison.Ordinal));
            return new StoredMedia(name, stored.Value, null);
        }
        finally
        {
            if (!kept)
            {
                await ForgetAsync(file);
                await database.WriteAsync(scope => scope.Db.MediaFiles.Where(m => m.ProjectId == file.ProjectId && m.Name == file.Name).ExecuteDeleteAsync(CancellationToken.None), CancellationToken.None);
            }
        }
    }

    /// <summary>Checks a file and keeps it with its thumbnail. The caller writes the row, in the transaction of the item that it belongs to.</summary>
    /// <param name="project">A project of images or videos.</param>
    /// <param name="content">The file; read once.</param>
    /// <param name="cancellationToken">Cancels; nothing stays then.</param>
    public async Task<KeptMedia> KeepAsync(Project project, Stream content, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(content);
        var head = new byte[MediaKind.HeadBytes];
        var read = await content.ReadAtLeastAsync(head, head.Length, throwOnEndOfStream: false, cancellationToken);
        if (read == 0) return Refuse("The file is empty.");
        if (MediaKind.Of(head.AsSpan(0, read)) is not { } kind) return Refuse($"Not an image or video of a known kind ({MediaKind.Known}).");
        if (kind.Modality != project.Modality) return Refuse($"This is {Names.Of(kind.Modality)}, and the project takes {Names.Of(project.Modality)}.");
        var most = (kind.Modality == Modality.Image ? options.Value.ImageMegabytes : options.Value.VideoMegabytes) * 1_000_000L;
        await using var whole = new HeadedStream(head.AsMemory(0, read), content, most);
        try
        {
            return kind.Modality == Modality.Image ? await KeepImageAsync(project, kind, whole, cancellationToken) : await KeepVideoAsync(project, kind, whole, cancellationToken);
        }
        catch (FileTooLargeException)
        {
            return Refuse($"The file is larger than {most / 1_000_000} MB.");
        }
    }

    /// <summary>Removes the files of something that was kept and did not become an item.</summary>
    public async Task ForgetAsync(MediaFile file)
    {
        ArgumentNullException.ThrowIfNull(file);
        await blobs.DeleteAsync($"{Folder(file.ProjectId)}/{file.Name}", CancellationToken.None);
        if (file.Thumbnail is { } thumbnail) await blobs.DeleteAsync(thumbnail, CancellationToken.None);
    }

    /// <summary>What an item's metadata says of its file, as JSON.</summary>
    public static string MetadataOf(string fileName, MediaFile file)
    {
        ArgumentNullException.ThrowIfNull(file);
        if (file.Film is { } film)
            return JsonSerializer.Serialize(new { fileName, contentType = file.ContentType, bytes = file.Bytes, width = file.Width, height = file.Height, frames = film.Frames, seconds = Math.Round(film.Seconds, 3) }, ProjectJson.Options);
        return JsonSerializer.Serialize(
            file.Width > 0 ? (object)new { fileName, contentType = file.ContentType, bytes = file.Bytes, width = file.Width, height = file.Height } : new { fileName, contentType = file.ContentType, bytes = file.Bytes },
            ProjectJson.Options);
    }

    /// <summary>Opens an item's thumbnail; null where it has none.</summary>
    /// <param name="projectId">The project.</param>
    /// <param name="name">The last part of the item's address.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public async Task<Stream?> OpenThumbnailAsync(long projectId, string name, CancellationToken cancellationToken = default)
    {
        var thumbnail = await database.ReadAsync(db => db.MediaFiles.Where(m => m.ProjectId == projectId && m.Name == name).Select(m => m.Thumbnail).FirstOrDefaultAsync(cancellationToken), cancellationToken);
        if (thumbnail is null) return null;
        try
        {
            return await blobs.OpenAsync(thumbnail, cancellationToken);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    }

    private async Task<KeptMedia> KeepImageAsync(Project project, MediaKind kind, Stream content, CancellationToken cancellationToken)
    {
        using var memory = new MemoryStream();
        await content.CopyToAsync(memory, 1 << 16, cancellationToken);
        var bytes = memory.ToArray();
        if (HostileContent.FindIn(bytes) is { } other) return Refuse($"The file is an image and {other} at the same time.");
        await s_decoding.WaitAsync(cancellationToken);
        ImageSize size;
        byte[] thumbnail;
        Learning.Duplicates.PerceptualHash hash;
        try
        {
            size = ImageFiles.SizeOf(bytes);
            if ((long)size.Width * size.Height > options.Value.Megapixels * 1_000_000L) return Refuse($"The image has {size.Width} x {size.Height} pixels; at most {options.Value.Megapixels} million are taken.");
            thumbnail = await Task.Run(() => ImageFiles.Thumbnail(bytes, options.Value.ThumbnailPixels), cancellationToken);
            hash = ImageFiles.HashOf(thumbnail);

            // No browser shows a TIFF: the same pixels are kept as one that they show.
            if (kind.ContentType is "image/tiff") (kind, bytes) = (new MediaKind("image/png", Modality.Image), await Task.Run(() => ImageFiles.ToPng(bytes), cancellationToken));
        }
        catch (ImageRefusedException e)
        {
            return Refuse(e.Message);
        }
        finally
        {
            s_decoding.Release();
        }

        var (blob, length) = await blobs.PutAsync(Folder(project.Id), new MemoryStream(bytes, writable: false), cancellationToken);
        var (small, _) = await blobs.PutAsync(ThumbnailFolder(project.Id), new MemoryStream(thumbnail, writable: false), cancellationToken);
        return new KeptMedia(
            new MediaFile
            {
                ProjectId = project.Id, Name = LastPart(blob), ContentType = kind.ContentType, Bytes = length, Width = size.Width, Height = size.Height, Thumbnail = small,
                DifferenceHash = unchecked((long)hash.Difference), FrequencyHash = unchecked((long)hash.Frequency), CreatedAt = time.GetUtcNow(),
            },
            null);
    }

    private async Task<KeptMedia> KeepVideoAsync(Project project, MediaKind kind, Stream content, CancellationToken cancellationToken)
    {
        var (blob, length) = await blobs.PutAsync(Folder(project.Id), content, cancellationToken);
        var looked = false;
        FilmFacts? film;
        string? refused;
        await s_decoding.WaitAsync(cancellationToken);
        try
        {
            (film, refused) = await FilmFacts.ReadAsync(blobs, blob, options.Value, cancellationToken);
            looked = true;
        }
        finally
        {
            s_decoding.Release();
            if (!looked) await blobs.DeleteAsync(blob, CancellationToken.None);
        }

        if (refused is not null)
        {
            await blobs.DeleteAsync(blob, CancellationToken.None);
            return Refuse(refused);
        }

        var thumbnail = film?.Thumbnail is { } picture ? (await blobs.PutAsync(ThumbnailFolder(project.Id), new MemoryStream(picture, writable: false), cancellationToken)).Name : null;
        return new KeptMedia(
            new MediaFile
            {
                ProjectId = project.Id, Name = LastPart(blob), ContentType = kind.ContentType, Bytes = length, Width = film?.Size.Width ?? 0, Height = film?.Size.Height ?? 0, Thumbnail = thumbnail, Film = film, CreatedAt = time.GetUtcNow(),
            },
            null);
    }

    private static string WithMore(string metadata, IReadOnlyDictionary<string, object>? more)
    {
        if (more is null) return metadata;
        var all = JsonSerializer.Deserialize<Dictionary<string, object>>(metadata, ProjectJson.Options)!;
        foreach (var (name, value) in more) all[name] = value;
        return JsonSerializer.Serialize(all, ProjectJson.Options);
    }

    private static KeptMedia Refuse(string reason) => new(null, reason);

    /// <summary>Opens a stored file; null where there is none.</summary>
    /// <param name="projectId">The project.</param>
    /// <param name="name">The last part of the item's address.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public async Task<(Stream Content, MediaKind Kind)?> OpenAsync(long projectId, string name, CancellationToken cancellationToken = default)
    {
        if (!Guid.TryParseExact(name, "n", out _)) return null;
        Stream file;
        try
        {
            file = await blobs.OpenAsync($"{Folder(projectId)}/{name}", cancellationToken);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }

        var head = new byte[MediaKind.HeadBytes];
        var read = await file.ReadAtLeastAsync(head, head.Length, throwOnEndOfStream: false, cancellationToken);
        file.Position = 0;
        if (MediaKind.Of(head.AsSpan(0, read)) is { } kind) return (file, kind);
        await file.DisposeAsync();
        return null;
    }

    /// <summary>Address of a kept file.</summary>
    public static string AddressOf(long projectId, string name) => string.Create(CultureInfo.InvariantCulture, $"/api/v1/projects/{projectId}/media/{name}");

    /// <summary>The name of a kept file in an item's address; null where the address is none of ours.</summary>
    public static string? NameOf(long projectId, string? address)
    {
        var prefix = AddressOf(projectId, "");
        return address is not null && address.StartsWith(prefix, StringComparison.Ordinal) && Guid.TryParseExact(address[prefix.Length..], "n", out _) ? address[prefix.Length..] : null;
    }

    /// <summary>The blob of an item's address; null where the address is none of ours.</summary>
    internal static string? BlobOf(long projectId, string? address) => NameOf(projectId, address) is { } name ? $"{Folder(projectId)}/{name}" : null;

    private static string Folder(long projectId) => string.Create(CultureInfo.InvariantCulture, $"media-{projectId}");

    private static string ThumbnailFolder(long projectId) => string.Create(CultureInfo.InvariantCulture, $"thumbnails-{projectId}");

    private static string LastPart(string blob) => blob[(blob.LastIndexOf('/') + 1)..];

    // Some browsers and tools send whole paths, of either kind.
    private static string BareName(string fileName) => fileName[(fileName.LastIndexOfAny(['/', '\\']) + 1)..].Trim();

    private sealed class FileTooLargeException() : IOException("The file is too large.");

    /// <summary>A stream whose beginning has been read already, of no more than so many bytes.</summary>
    private sealed class HeadedStream(ReadOnlyMemory<byte> head, Stream rest, long most) : Stream
    {
        private ReadOnlyMemory<byte> _head = head;
        private long _read;

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            if (_head.IsEmpty)
            {
                var more = await rest.ReadAsync(buffer, cancellationToken);
                return (_read += more) > most ? throw new FileTooLargeException() : more;
            }

            var count = Math.Min(buffer.Length, _head.Length);
            _head[..count].CopyTo(buffer);
            _head = _head[count..];
            _read += count;
            return count;
        }

        public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException("Read asynchronously.");

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
