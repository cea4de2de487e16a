using Microsoft.Extensions.Options;

namespace Annotator.Core.Media;

/// <summary>Where <see cref="MediaCache"/> keeps its files.</summary>
/// <param name="Path">The folder; it is made when something is kept.</param>
public sealed record MediaCacheFolder(string Path);

/// <summary>A file of the cache that stays there until this is disposed of.</summary>
public sealed class CachedFile : IDisposable
{
    private Action? _release;

    internal CachedFile(string path, Action release) => (Path, _release) = (path, release);

    /// <summary>Where it is.</summary>
    public string Path { get; }

    /// <inheritdoc/>
    public void Dispose() => Interlocked.Exchange(ref _release, null)?.Invoke();
}

/// <summary>
/// Files that are made of images and films to be seen (tiles of large images, films that browsers play), on this machine and never more than the settings allow (<see cref="MediaOptions.TileMegabytes"/>): what
/// was looked at longest ago goes first, and what is being read never. They outlive the process, and can all be made again at any time.
/// </summary>
public sealed class MediaCache(MediaCacheFolder folder, IOptions<MediaOptions> options)
{
    // Between a file's key and what tells one making of it from the next.
    private const char Mark = '~';
    private const string Unfinished = ".part";

    private readonly Lock _lock = new();
    private Dictionary<string, Entry>? _entries;
    private long _bytes;
    private long _clock;

    /// <summary>A file that is there; null where it is not. The caller disposes of it once it is read.</summary>
    /// <param name="key">Its key: letters, digits and hyphens.</param>
    public CachedFile? Find(string key)
    {
        lock (_lock)
        {
            if (!Entries().TryGetValue(key, out var entry)) return null;
            if (File.Exists(entry.Path)) return Hold(entry);

            // Somebody cleared the folder.
            Remove(entry);
            return null;
        }
    }

    /// <summary>Where a file is to be made; it is not seen before <see cref="Keep"/>.</summary>
    /// <param name="key">Its key.</param>
    /// <param name="extension">How its name ends, with the dot.</param>
    public string Begin(string key, string extension)
    {
        Directory.CreateDirectory(folder.Path);

        // What is there already is looked at before anything is made: that would be taken for an earlier process's.
        lock (_lock) Entries();
        return Path.Combine(folder.Path, $"{key}{Mark}{Guid.NewGuid():n}{Unfinished}{extension}");
    }

    /// <summary>Keeps a file that was made, and makes room for it. The caller disposes of it once it is read.</summary>
    /// <param name="key">Its key.</param>
    /// <param name="made">What <see cref="Begin"/> gave.</param>
    public CachedFile Keep(string key, string made)
    {
        ArgumentNullException.ThrowIfNull(made);
        var path = made.Replace(Unfinished, "", StringComparison.Ordinal);
        File.Move(made, path);
        var entry = new Entry(key, path, new FileInfo(path).Length);
        List<string> gone = [];
        CachedFile held;
        lock (_lock)
        {
            var entries = Entries();
            if (entries.TryGetValue(key, out var before)) gone.Add(Remove(before));
            Add(entry);
            held = Hold(entry);
            var room = options.Value.TileMegabytes * 1_000_000L;
            foreach (var old in _bytes <= room ? [] : entries.Values.Where(e => e.Readers == 0).OrderBy(e => e.Used).ToList())
            {
                gone.Add(Remove(old));
                if (_bytes <= room) break;
            }
        }

        // Nobody finds them any more; on Windows one that another process reads stays until the next start.
        gone.ForEach(TryDelete);
        return held;
    }

    private CachedFile Hold(Entry entry)
    {
        entry.Readers++;
        entry.Used = ++_clock;
        return new CachedFile(entry.Path, () =>
        {
            lock (_lock) entry.Readers--;
        });
    }

    // What an earlier process made is taken over, what it did not finish is not.
    private Dictionary<string, Entry> Entries()
    {
        if (_entries is not null) return _entries;
        _entries = new Dictionary<string, Entry>(StringComparer.Ordinal);
        var directory = new DirectoryInfo(folder.Path);
        if (!directory.Exists) return _entries;
        foreach (var file in directory.EnumerateFiles().OrderBy(f => f.LastWriteTimeUtc).ToList())
        {
            var mark = file.Name.IndexOf(Mark, StringComparison.Ordinal);
            if (mark > 0 && !file.Name.Contains(Unfinished, StringComparison.Ordinal) && Add(new Entry(file.Name[..mark], file.FullName, file.Length) { Used = ++_clock })) continue;
            TryDelete(file.FullName);
        }

        return _entries;
    }

    // False where there is one of its key.
    private bool Add(Entry entry)
    {
        if (!_entries!.TryAdd(entry.Key, entry)) return false;
        _bytes += entry.Bytes;
        return true;
    }

    private string Remove(Entry entry)
    {
        _entries!.Remove(entry.Key);
        _bytes -= entry.Bytes;
        return entry.Path;
    }

    private static void TryDelete(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
        }
    }

    private sealed class Entry(string key, string path, long bytes)
    {
        public string Key => key;

        public string Path => path;

        public long Bytes => bytes;

        public int Readers { get; set; }

        public long Used { get; set; }
    }
}
