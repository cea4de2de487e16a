using Annotator.Core.Media;
using Microsoft.Extensions.Options;

namespace Annotator.Tests.Media;

/// <summary>Files that are made to be seen: bounded, and never taken away from who reads them.</summary>
public sealed class MediaCacheTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("annotator-cache-");

    [Fact]
    public void Of_more_than_there_is_room_for_the_oldest_goes_and_what_is_read_stays()
    {
        var cache = Cache();
        using var read = Keep(cache, "read");
        Keep(cache, "old").Dispose();
        Assert.NotNull(Find(cache, "old"));

        // A megabyte is room for one: what is read is not touched, what was looked at longest ago goes.
        Keep(cache, "new").Dispose();
        Assert.Null(Find(cache, "old"));
        Assert.True(File.Exists(read.Path));
        read.Dispose();
        Keep(cache, "newest").Dispose();
        Assert.Null(Find(cache, "read"));
        Assert.False(File.Exists(read.Path));
        Assert.NotNull(Find(cache, "newest"));
    }

    [Fact]
    public void Files_outlive_the_process_and_what_was_not_finished_does_not()
    {
        var first = Cache();
        Keep(first, "tiles-1-a").Dispose();
        File.WriteAllText(first.Begin("tiles-1-b", ".tif"), "half");
        var second = Cache();
        Assert.Equal(Find(first, "tiles-1-a"), Find(second, "tiles-1-a"));
        Assert.Null(Find(second, "tiles-1-b"));
        Assert.Single(_folder.GetFiles());

        // Somebody cleared the folder: it is not there, and can be made again.
        File.Delete(Find(second, "tiles-1-a")!);
        Assert.Null(Find(second, "tiles-1-a"));
        Keep(second, "tiles-1-a").Dispose();
        Assert.NotNull(Find(second, "tiles-1-a"));
    }

    [Fact]
    public void What_is_made_again_or_gone_takes_no_room()
    {
        var cache = new MediaCache(new MediaCacheFolder(_folder.FullName), Options.Create(new MediaOptions { TileMegabytes = 2 }));
        Keep(cache, "first").Dispose();
        for (var i = 0; i < 5; i++) Keep(cache, "again").Dispose();
        Assert.NotNull(Find(cache, "first"));
        File.Delete(Find(cache, "again")!);
        Assert.Null(Find(cache, "again"));
        Keep(cache, "other").Dispose();
        Assert.NotNull(Find(cache, "first"));
        Keep(cache, "third").Dispose();
        Assert.Null(Find(cache, "other"));
        Assert.Equal(2, _folder.GetFiles().Length);
    }

    [Fact]
    public async Task Whoever_reads_while_others_make_room_reads_to_the_end()
    {
        var cache = Cache();
        Keep(cache, "a").Dispose();
        await Parallel.ForAsync(0, 400, TestContext.Current.CancellationToken, async (i, cancel) =>
        {
            if (i % 4 == 0) Keep(cache, $"k{i % 3}").Dispose();
            using var found = cache.Find($"k{i % 3}");
            if (found is not null) Assert.Equal(700_000, (await File.ReadAllBytesAsync(found.Path, cancel)).Length);
        });
    }

    public void Dispose() => _folder.Delete(recursive: true);

    private MediaCache Cache() => new(new MediaCacheFolder(_folder.FullName), Options.Create(new MediaOptions { TileMegabytes = 1 }));

    private static CachedFile Keep(MediaCache cache, string key)
    {
        var path = cache.Begin(key, ".bin");
        File.WriteAllBytes(path, new byte[700_000]);
        return cache.Keep(key, path);
    }

    private static string? Find(MediaCache cache, string key)
    {
        using var found = cache.Find(key);
        return found?.Path;
    }
}
