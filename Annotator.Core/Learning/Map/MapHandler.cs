using System.ComponentModel.DataAnnotations;
using Annotator.Core.Runs;
using Annotator.Core.Storage;

namespace Annotator.Core.Learning.Map;

/// <summary>Arguments of a map run.</summary>
public sealed record MapRunOptions
{
    /// <summary>Items on the map at the most, 100 to 200,000; of more, so many are drawn at random.</summary>
    [Range(100, 200_000, ErrorMessage = "Must be 100 to 200,000.")]
    public int Points { get; init; } = 100_000;
}

/// <summary>Lays the items of the newest representation out in a plane and stores where they lie.</summary>
internal sealed class MapHandler(IBlobStore blobs, Representations representations, ItemMaps maps) : IRunHandler
{
    public const string RunKind = "map";

    private const int VersionsKept = 2;

    public string Kind => RunKind;

    public async Task ExecuteAsync(RunContext run, CancellationToken cancellationToken)
    {
        var options = run.Options<MapRunOptions>();
        if (await representations.FindAsync(run.ProjectId, cancellationToken) is not { } loaded)
        {
            run.SetResult(new MapResult { Reason = $"There is no representation of the items yet; it is made once there are {RepresentHandler.FewestItems} of them." });
            return;
        }

        var vectors = loaded.Vectors;
        var chosen = Sample(vectors.Count, options.Points);
        const int Steps = 1_000;
        await run.CheckpointAsync(null, null, total: Steps, cancellationToken: cancellationToken);
        var share = 0d;
        var laying = Task.Run(
            () => ItemMap.Of([.. chosen.Select(row => vectors.Ids[row])], MapLayout.Lay(vectors.ToFloats(chosen), vectors.Dimensions, progress: p => Volatile.Write(ref share, p), cancellationToken: cancellationToken)),
            cancellationToken);
        var told = 0L;
        while (await Task.WhenAny(laying, Task.Delay(TimeSpan.FromSeconds(1), cancellationToken)) != laying)
        {
            var now = (long)(Volatile.Read(ref share) * Steps);
            await run.CheckpointAsync(null, null, done: now - told, cancellationToken: cancellationToken);
            told = now;
        }

        var map = await laying;
        var (name, _) = await blobs.PutAsync("maps", new MemoryStream(map.ToBytes()), cancellationToken);
        await run.CheckpointAsync(null, null, done: Steps - told, cancellationToken: cancellationToken);
        run.SetResult(new MapResult { Map = name, Items = map.Ids.Count, Of = vectors.Count, Representation = loaded.Version.Version });
        foreach (var old in (await maps.AllAsync(run.ProjectId, 50, cancellationToken)).Skip(VersionsKept - 1)) await blobs.DeleteAsync(old.Blob, cancellationToken);
    }

    // All rows, or so many drawn without order, the same whenever they are drawn.
    private static int[] Sample(int count, int most)
    {
        if (count <= most) return [.. Enumerable.Range(0, count)];
        var random = new Random(1);
        var (sample, left) = (new int[most], most);
        for (var row = 0; row < count && left > 0; row++)
        {
            if (random.Next(count - row) < left) sample[most - left--] = row;
        }

        return sample;
    }
}

/// <summary>Result of a map run; names the file.</summary>
internal sealed record MapResult
{
    public string? Map { get; init; }

    public string? Reason { get; init; }

    public int Items { get; init; }

    public long Of { get; init; }

    public long Representation { get; init; }
}
