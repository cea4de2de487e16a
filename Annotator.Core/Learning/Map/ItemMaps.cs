using System.Text.Json;
using Annotator.Core.Items;
using Annotator.Core.Labels;
using Annotator.Core.Projects;
using Annotator.Core.Runs;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace Annotator.Core.Learning.Map;

/// <summary>A map of a project, as the run that made it says.</summary>
/// <param name="Run">Id of the run; grows.</param>
/// <param name="Blob">File of the <see cref="ItemMap"/>.</param>
/// <param name="Items">Items on it.</param>
/// <param name="Of">Items that it was drawn from.</param>
/// <param name="Representation">The representation that it shows.</param>
public sealed record MapVersion(long Run, string Blob, int Items, long Of, long Representation);

/// <summary>What is known of an item on a map, at the moment.</summary>
/// <param name="Label">Place of its label in the schema, its pre-label's where it has none; -1 for neither.</param>
/// <param name="Source">Who said so; null for nobody.</param>
/// <param name="Uncertainty">1 less the probability that it is right, 0 to 1; 0 where a person said so, 1 where nobody said anything.</param>
/// <param name="State">Where it stands.</param>
public readonly record struct MapMark(int Label, LabelSource? Source, double Uncertainty, ItemState State);

/// <summary>A region of a map: what it holds, for those who read instead of look.</summary>
/// <param name="Number">Its number.</param>
/// <param name="Items">Items in it.</param>
/// <param name="Label">Its most frequent label, as place in the schema; -1 for none.</param>
/// <param name="Share">Share of that label.</param>
/// <param name="Uncertainty">Mean uncertainty.</param>
/// <param name="Final">Items that have their label.</param>
/// <param name="Example">The item nearest to its middle.</param>
/// <param name="X">Middle, in coordinates of the map.</param>
/// <param name="Y">Middle, in coordinates of the map.</param>
public sealed record MapRegion(int Number, int Items, int Label, double Share, double Uncertainty, int Final, long Example, int X, int Y);

/// <summary>Finds and reads the maps of projects.</summary>
public sealed class ItemMaps(AnnotatorDatabase database, IBlobStore blobs)
{
    private const int Part = 10_000;

    /// <summary>The newest map's description, or null.</summary>
    public async Task<MapVersion?> LatestAsync(long projectId, CancellationToken cancellationToken = default) => (await AllAsync(projectId, 1, cancellationToken)).FirstOrDefault();

    /// <summary>Reads a map.</summary>
    public async Task<ItemMap> ReadAsync(MapVersion version, CancellationToken cancellationToken = default)
    {
        await using var file = await blobs.OpenAsync(version.Blob, cancellationToken);
        using var memory = new MemoryStream();
        await file.CopyToAsync(memory, cancellationToken);
        return ItemMap.FromBytes(memory.ToArray());
    }

    /// <summary>What is known of the items of a map now, in its order; null for items that are gone.</summary>
    public async Task<MapMark?[]> MarksAsync(Project project, ItemMap map, CancellationToken cancellationToken = default)
    {
        var schema = project.Schema;
        var places = new Dictionary<long, int>(map.Ids.Count);
        for (var i = 0; i < map.Ids.Count; i++) places[map.Ids[i]] = i;
        var marks = new MapMark?[map.Ids.Count];
        var known = new Dictionary<string, int>(StringComparer.Ordinal);
        await database.ReadAsync(
            async db =>
            {
                foreach (var part in map.Ids.Chunk(Part))
                {
                    var (from, to) = (part.Min(), part.Max());

                    // Where most items of a stretch are on the map, the stretch is read; where few are, they are picked out.
                    var items = db.Items.Where(i => i.ProjectId == project.Id);
                    items = to - from < part.Length * 4L ? items.Where(i => i.Id >= from && i.Id <= to) : items.Where(i => part.Contains(i.Id));
                    await foreach (var i in items.Select(i => new { i.Id, i.LabelValue, i.LabelSource, i.LabelConfidence, i.PredictionValue, i.PredictionSource, i.PredictionConfidence, i.State }).AsAsyncEnumerable().WithCancellation(cancellationToken))
                    {
                        if (!places.TryGetValue(i.Id, out var place)) continue;
                        var value = i.LabelValue ?? i.PredictionValue;
                        var label = value is null ? -1 : known.TryGetValue(value, out var there) ? there : known[value] = LabelOf(schema, value);
                        var sure = i.LabelValue is not null ? i.LabelConfidence ?? 1 : i.PredictionValue is not null ? i.PredictionConfidence ?? 0 : 0;
                        marks[place] = new MapMark(label, i.LabelValue is not null ? i.LabelSource : i.PredictionValue is not null ? i.PredictionSource : null, Math.Clamp(1 - sure, 0, 1), i.State);
                    }
                }

                return true;
            },
            cancellationToken);
        return marks;
    }

    /// <summary>The regions of a map, the largest first.</summary>
    public static IReadOnlyList<MapRegion> Regions(ItemMap map, IReadOnlyList<MapMark?> marks)
    {
        var regions = new List<MapRegion>();
        foreach (var region in Enumerable.Range(0, map.Ids.Count).Where(i => marks[i] is not null).GroupBy(i => map.Region[i]))
        {
            var members = region.ToList();
            var (x, y) = (members.Average(i => map.X[i]), members.Average(i => map.Y[i]));
            var example = members.MinBy(i => ((map.X[i] - x) * (map.X[i] - x)) + ((map.Y[i] - y) * (map.Y[i] - y)));
            var labels = members.Where(i => marks[i]!.Value.Label >= 0).CountBy(i => marks[i]!.Value.Label).OrderByDescending(c => c.Value).ThenBy(c => c.Key).ToList();
            regions.Add(new MapRegion(
                region.Key,
                members.Count,
                labels.Count == 0 ? -1 : labels[0].Key,
                labels.Count == 0 ? 0 : (double)labels[0].Value / members.Count,
                members.Average(i => marks[i]!.Value.Uncertainty),
                members.Count(i => marks[i]!.Value.State == ItemState.Final),
                map.Ids[example],
                (int)x,
                (int)y));
        }

        return [.. regions.OrderByDescending(r => r.Items).ThenBy(r => r.Number)];
    }

    internal async Task<List<MapVersion>> AllAsync(long projectId, int limit, CancellationToken cancellationToken)
    {
        var results = await database.ReadAsync(
            db => db.Runs.Where(r => r.ProjectId == projectId && r.Kind == MapHandler.RunKind && r.State == RunState.Succeeded && r.Result != null)
                .OrderByDescending(r => r.Id).Select(r => new { r.Id, r.Result }).Take(limit + 5).ToListAsync(cancellationToken),
            cancellationToken);
        return [.. results.Select(r => (r.Id, Result: JsonSerializer.Deserialize<MapResult>(r.Result!, ProjectJson.Options)))
            .Where(r => r.Result?.Map is not null).Select(r => new MapVersion(r.Id, r.Result!.Map!, r.Result.Items, r.Result.Of, r.Result.Representation)).Take(limit)];
    }

    private static int LabelOf(LabelSchema schema, string value) => LabelJson.Read(value).LabelNames.FirstOrDefault() is { } name ? schema.IndexOf(name) : -1;
}

/// <summary>Wires the maps.</summary>
public static class MapServices
{
    /// <summary>Adds the maps.</summary>
    public static IServiceCollection AddItemMaps(this IServiceCollection services)
    {
        services.AddSingleton<ItemMaps>();
        services.AddSingleton<IRunHandler, MapHandler>().AddStartableRun<MapRunOptions>(MapHandler.RunKind);
        return services;
    }
}
