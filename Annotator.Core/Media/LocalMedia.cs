using Annotator.Core.Storage;

namespace Annotator.Core.Media;

/// <summary>
/// A stored film as a file that a program can open: a film's index often stands at its end, so a pipe will not do. Where the store keeps files on this machine it is that
/// file, else a copy that goes when this is disposed of.
/// </summary>
public sealed class LocalMedia : IAsyncDisposable
{
    private readonly Stream _stream;
    private readonly bool _copied;

    private LocalMedia(Stream stream, string path, bool copied) => (_stream, Path, _copied) = (stream, path, copied);

    /// <summary>Where it is.</summary>
    public string Path { get; }

    /// <summary>Opens a stored file; null where there is none.</summary>
    /// <param name="blobs">The store.</param>
    /// <param name="blob">Its name there.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public static async Task<LocalMedia?> OpenAsync(IBlobStore blobs, string blob, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(blobs);
        Stream stream;
        try
        {
            stream = await blobs.OpenAsync(blob, cancellationToken);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }

        if (stream is FileStream { Name: var path }) return new LocalMedia(stream, path, copied: false);
        var copy = System.IO.Path.GetTempFileName();
        try
        {
            await using (var target = File.Create(copy)) await stream.CopyToAsync(target, cancellationToken);
            return new LocalMedia(stream, copy, copied: true);
        }
        catch
        {
            File.Delete(copy);
            await stream.DisposeAsync();
            throw;
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _stream.DisposeAsync();
        if (_copied) File.Delete(Path);
    }
}
