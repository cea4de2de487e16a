using System.Runtime.CompilerServices;

namespace Annotator.Core.Storage;

/// <summary>Keeps files under names of our own: uploads, media, models.</summary>
public interface IBlobStore
{
    /// <summary>Stores a stream under a new name in a folder; nothing is seen under the name before all of it is stored.</summary>
    /// <returns>The name and the number of bytes.</returns>
    Task<(string Name, long Bytes)> PutAsync(string folder, Stream content, CancellationToken cancellationToken);

    /// <summary>Opens a file for reading, seekable.</summary>
    /// <exception cref="FileNotFoundException">No such file.</exception>
    Task<Stream> OpenAsync(string name, CancellationToken cancellationToken);

    /// <summary>Removes a file; not an error if it is gone.</summary>
    Task DeleteAsync(string name, CancellationToken cancellationToken);

    /// <summary>Names of the files in a folder that were stored, or begun, before a moment.</summary>
    IAsyncEnumerable<string> ListAsync(string folder, DateTimeOffset before, CancellationToken cancellationToken);

    /// <summary>Whether the store can be reached; throws with the reason where not.</summary>
    Task CheckAsync(CancellationToken cancellationToken);
}

/// <summary>What is done to many files.</summary>
public static class BlobStoreExtensions
{
    // A store across the network answers many at once as soon as one.
    private const int AtOnce = 16;

    /// <summary>Removes files, several at a time; not an error if some are gone.</summary>
    public static Task DeleteAsync(this IBlobStore store, IEnumerable<string> names, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(store);
        return Parallel.ForEachAsync(names, new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = cancellationToken }, async (name, cancel) => await store.DeleteAsync(name, cancel));
    }
}

/// <summary>Files in a folder of this machine.</summary>
public sealed class FolderBlobStore(string root) : IBlobStore
{
    // For the owner only: what people upload is nobody else's business on this machine.
    private static FileStream Create(string path)
    {
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, Share = FileShare.None, BufferSize = 1 << 16, Options = FileOptions.Asynchronous };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        return new FileStream(path, options);
    }

    /// <inheritdoc />
    public async Task<(string Name, long Bytes)> PutAsync(string folder, Stream content, CancellationToken cancellationToken)
    {
        var name = $"{folder}/{Guid.CreateVersion7():n}";
        var path = PathOf(name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        var temporary = path + ".part";
        try
        {
            long bytes;
            await using (var file = Create(temporary))
            {
                await content.CopyToAsync(file, 1 << 16, cancellationToken);
                await file.FlushAsync(cancellationToken);
                file.Flush(flushToDisk: true);
                bytes = file.Length;
            }

            File.Move(temporary, path);
            return (name, bytes);
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }
    }

    /// <inheritdoc />
    public Task<Stream> OpenAsync(string name, CancellationToken cancellationToken) =>
        Task.FromResult<Stream>(new FileStream(PathOf(name), FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, 1 << 16, FileOptions.Asynchronous | FileOptions.SequentialScan));

    /// <inheritdoc />
    public Task DeleteAsync(string name, CancellationToken cancellationToken)
    {
        File.Delete(PathOf(name));
        return Task.CompletedTask;
    }

    /// <inheritdoc />
    public async IAsyncEnumerable<string> ListAsync(string folder, DateTimeOffset before, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await Task.CompletedTask;
        var directory = new DirectoryInfo(PathOf(folder));
        if (!directory.Exists) yield break;
        foreach (var file in directory.EnumerateFiles())
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (file.LastWriteTimeUtc < before.UtcDateTime) yield return $"{folder}/{file.Name}";
        }
    }

    /// <inheritdoc />
    public async Task CheckAsync(CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(root);
        var probe = Path.Combine(root, $".probe-{Guid.NewGuid():n}");
        await File.WriteAllTextAsync(probe, "ok", cancellationToken);
        File.Delete(probe);
    }

    private string PathOf(string name)
    {
        // Names are made by PutAsync; anything else is a mistake of ours and must not become a path.
        var full = Path.GetFullPath(Path.Combine(root, name));
        return full.StartsWith(Path.GetFullPath(root) + Path.DirectorySeparatorChar, StringComparison.Ordinal)
            ? full
            : throw new ArgumentException("Not a blob name.", nameof(name));
    }
}
