using System.Globalization;
using System.Text.Json;
using Annotator.Core.Cascade;
using Annotator.Core.Labels;
using Annotator.Core.Projects;
using Annotator.Core.Storage;

namespace Annotator.Core.Media;

/// <summary>A file that was stored as an item, or why it was not.</summary>
/// <param name="FileName">Name of the file as it was sent.</param>
/// <param name="Item">The item; null where the file was refused.</param>
/// <param name="Refused">Why it was refused.</param>
public sealed record StoredMedia(string FileName, StoredItem? Item, string? Refused);

/// <summary>Keeps uploaded images and videos, under names of our own, and makes items of them.</summary>
public sealed class MediaService(IBlobStore blobs, ItemIntake intake)
{
    /// <summary>Stores a file as an item whose key is the file's name. Where an item of that key is there already, it stays as it is.</summary>
    /// <param name="project">A project of images or videos.</param>
    /// <param name="fileName">Name of the file as it was sent.</param>
    /// <param name="content">The file; read once, at constant memory.</param>
    /// <param name="cancellationToken">Cancels; nothing stays then.</param>
    public async Task<StoredMedia> StoreAsync(Project project, string fileName, Stream content, CancellationToken cancellationToken = default)
    {
        var name = BareName(fileName);
        if (name.Length is 0 or > 500) return new StoredMedia(fileName, null, "A file name of 1 to 500 characters is needed.");
        var head = new byte[MediaKind.HeadBytes];
        var read = await content.ReadAtLeastAsync(head, head.Length, throwOnEndOfStream: false, cancellationToken);
        if (MediaKind.Of(head.AsSpan(0, read)) is not { } kind) return new StoredMedia(name, null, $"Not an image or video of a known kind ({MediaKind.Known}).");
        if (kind.Modality != project.Modality) return new StoredMedia(name, null, $"This is {Names.Of(kind.Modality)}, and the project takes {Names.Of(project.Modality)}.");

        await using var whole = new HeadedStream(head.AsMemory(0, read), content);
        var (blob, bytes) = await blobs.PutAsync(Folder(project.Id), whole, cancellationToken);
        var address = string.Create(CultureInfo.InvariantCulture, $"/api/v1/projects/{project.Id}/media/{blob[(blob.LastIndexOf('/') + 1)..]}");
        var kept = false;
        try
        {
            var metadata = JsonSerializer.Serialize(new { fileName = name, contentType = kind.ContentType, bytes }, ProjectJson.Options);
            var stored = await intake.StoreAsync(project, [new NewItem(name, null, address, metadata)], cancellationToken);
            if (!stored.Succeeded) return new StoredMedia(name, null, string.Join(' ', stored.Errors.Select(e => e.Message)));
            kept = string.Equals(stored.Value[0].Item.Url, address, StringComparison.Ordinal);
            return new StoredMedia(name, stored.Value[0], null);
        }
        finally
        {
            if (!kept) await blobs.DeleteAsync(blob, CancellationToken.None);
        }
    }

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

    /// <summary>The blob of an item's address; null where the address is none of ours.</summary>
    internal static string? BlobOf(long projectId, string? address)
    {
        var prefix = string.Create(CultureInfo.InvariantCulture, $"/api/v1/projects/{projectId}/media/");
        return address is not null && address.StartsWith(prefix, StringComparison.Ordinal) && Guid.TryParseExact(address[prefix.Length..], "n", out _) ? $"{Folder(projectId)}/{address[prefix.Length..]}" : null;
    }

    private static string Folder(long projectId) => string.Create(CultureInfo.InvariantCulture, $"media-{projectId}");

    // Some browsers and tools send whole paths, of either kind.
    private static string BareName(string fileName) => fileName[(fileName.LastIndexOfAny(['/', '\\']) + 1)..].Trim();

    /// <summary>A stream whose beginning has been read already.</summary>
    private sealed class HeadedStream(ReadOnlyMemory<byte> head, Stream rest) : Stream
    {
        private ReadOnlyMemory<byte> _head = head;

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            if (_head.IsEmpty) return rest.ReadAsync(buffer, cancellationToken);
            var count = Math.Min(buffer.Length, _head.Length);
            _head[..count].CopyTo(buffer);
            _head = _head[count..];
            return ValueTask.FromResult(count);
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
