using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json;
using Annotator.Core.Learning.Neighbours;
using Annotator.Core.Learning.Representation;
using Annotator.Core.Models.Encoders;
using Annotator.Core.Projects;
using Annotator.Core.Runs;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Learning;

/// <summary>A representation of a project's items, as the run that made it says: two files and what they cover.</summary>
/// <param name="Version">Id of the run that made it; grows.</param>
/// <param name="Space">Blob of the <see cref="EmbeddingSpace"/>, or of the <see cref="PrincipalComponents"/> of an encoder's vectors; empty for images, whose rows are made again with each representation.</param>
/// <param name="Vectors">Blob of the <see cref="CompactVectors"/>.</param>
/// <param name="Items">How many items it holds.</param>
/// <param name="Through">The last item that was there.</param>
/// <param name="Dimensions">Length of a vector.</param>
public sealed record RepresentationVersion(long Version, string Space, string Vectors, long Items, long Through, int Dimensions)
{
    /// <summary>Id of the uploaded encoder that it is of; null where it is built in.</summary>
    public string? Encoder { get; init; }

    /// <summary>Name and version of that encoder.</summary>
    public string? EncoderName { get; init; }

    /// <summary>Texts that the principal components of an encoder's vectors were found from.</summary>
    public int Sampled { get; init; }

    /// <summary>Why it is built in although the project has chosen an encoder; null where that is not so.</summary>
    public string? Fallback { get; init; }
}

/// <summary>A representation in memory.</summary>
/// <param name="Version">Which.</param>
/// <param name="Space">For texts that are not in it; null for images, and where an encoder does it.</param>
/// <param name="Vectors">For items that are.</param>
/// <param name="Components">For an encoder's vectors of texts that are not in it; null where there is none.</param>
public sealed record LoadedRepresentation(RepresentationVersion Version, EmbeddingSpace? Space, CompactVectors Vectors, PrincipalComponents? Components = null);

/// <summary>Where an item lies among the others.</summary>
/// <param name="ItemId">The item.</param>
/// <param name="Cluster">Number of its cluster, from 0.</param>
/// <param name="Density">How close it is to the centre of its cluster, 0 to 1: typical items have much, outliers little.</param>
public readonly record struct ItemCluster(long ItemId, int Cluster, float Density);

/// <summary>
/// Finds, loads and searches the representations of projects. One is loaded when it is first asked for and dropped when nobody has for a while;
/// a newer one takes its place by itself.
/// </summary>
public sealed class Representations(AnnotatorDatabase database, IBlobStore blobs, TextEncoders encoders, TimeProvider time) : IDisposable
{
    /// <summary>How long a representation that nobody uses stays in memory.</summary>
    public static readonly TimeSpan Idle = TimeSpan.FromMinutes(10);

    private const int MostSpread = 20_000;

    private static readonly TimeSpan Freshness = TimeSpan.FromSeconds(10);

    private readonly ConcurrentDictionary<long, Entry> _entries = new();
    private readonly SemaphoreSlim _loading = new(1, 1);
    private ITimer? _sweep;

    /// <summary>Number of representations in memory.</summary>
    public int InMemory => _entries.Count(e => e.Value.Loaded is not null);

    /// <summary>The newest representation's description, or null.</summary>
    public async Task<RepresentationVersion?> LatestAsync(long projectId, CancellationToken cancellationToken = default) =>
        (await AllAsync(projectId, 5, cancellationToken)).FirstOrDefault();

    /// <summary>The newest representation, loaded; null before the first. One that came seconds ago may not be known yet.</summary>
    public Task<LoadedRepresentation?> FindAsync(long projectId, CancellationToken cancellationToken = default) => FindAsync(projectId, Freshness, cancellationToken);

    /// <summary>The newest representation, loaded, looked for now: for work that lasts; null before the first.</summary>
    public Task<LoadedRepresentation?> FindNewestAsync(long projectId, CancellationToken cancellationToken = default) => FindAsync(projectId, TimeSpan.Zero, cancellationToken);

    /// <summary>The items most like one item, the most like first; null where there is no representation or no such item.</summary>
    /// <param name="projectId">The project.</param>
    /// <param name="itemId">The item; it need not be in the representation yet.</param>
    /// <param name="limit">How many at the most, at least 1.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public async Task<IReadOnlyList<SimilarItem>?> SimilarAsync(long projectId, long itemId, int limit, CancellationToken cancellationToken = default)
    {
        if (await FindAsync(projectId, cancellationToken) is not { } loaded) return null;
        var query = new float[loaded.Vectors.Dimensions];
        var row = loaded.Vectors.RowOf(itemId);
        if (row >= 0)
        {
            loaded.Vectors.Read(row, query);
        }
        else
        {
            var text = await database.ReadAsync(db => db.Items.Where(i => i.ProjectId == projectId && i.Id == itemId).Select(i => i.Text).FirstOrDefaultAsync(cancellationToken), cancellationToken);
            if (text is null || !await PlaceAsync(loaded, text, query, cancellationToken)) return null;
        }

        return await Task.Run(() => loaded.Vectors.Nearest(query, limit, itemId, cancellationToken), cancellationToken);
    }

    /// <summary>Clusters a project's items: for a cold start by coverage, and for batches that are not all alike.</summary>
    /// <param name="projectId">The project.</param>
    /// <param name="clusters">Wished number of clusters, 1 to 4,096.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <returns>The items of the newest representation in order of id; null where there is none yet.</returns>
    public async Task<IReadOnlyList<ItemCluster>?> ClustersAsync(long projectId, int clusters, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(clusters, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(clusters, 4096);
        if (await FindAsync(projectId, cancellationToken) is not { } loaded) return null;
        return await Task.Run(
            () =>
            {
                var vectors = loaded.Vectors;
                var found = KMeans.Fit(vectors.ToFloats(), vectors.Dimensions, clusters, cancellationToken: cancellationToken);
                var items = new ItemCluster[vectors.Count];
                for (var row = 0; row < items.Length; row++)
                {
                    // Of two unit vectors the squared distance is at most 4.
                    items[row] = new ItemCluster(vectors.Ids[row], found.Assignment[row], Math.Clamp(1 - (found.Distances[row] / 2), 0, 1));
                }

                return items;
            },
            cancellationToken);
    }

    /// <summary>Some of many items that are as different as can be: the one nearest to the centre of each of as many clusters.</summary>
    /// <param name="projectId">The project.</param>
    /// <param name="items">The items.</param>
    /// <param name="count">How many are wanted, 1 to 4,096.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <returns>At most as many as are wanted; null where too few of the items are in a representation.</returns>
    public async Task<IReadOnlyList<long>?> SpreadAsync(long projectId, IReadOnlyList<long> items, int count, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(items);
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, 4096);
        if (await FindAsync(projectId, cancellationToken) is not { } loaded) return null;
        return await Task.Run<IReadOnlyList<long>?>(
            () =>
            {
                // Of very many a part says as much.
                var step = Math.Max(1, items.Count / MostSpread);
                var rows = items.Where((_, i) => i % step == 0).Select(id => (Id: id, Row: loaded.Vectors.RowOf(id))).Where(r => r.Row >= 0).ToList();
                if (rows.Count < count) return null;
                var dimensions = loaded.Vectors.Dimensions;
                var floats = new float[rows.Count * dimensions];
                for (var i = 0; i < rows.Count; i++) loaded.Vectors.Read(rows[i].Row, floats.AsSpan(i * dimensions, dimensions));
                var found = KMeans.Fit(floats, dimensions, count, cancellationToken: cancellationToken);
                return [.. Enumerable.Range(0, rows.Count).GroupBy(i => found.Assignment[i]).Select(g => rows[g.MinBy(i => found.Distances[i])].Id)];
            },
            cancellationToken);
    }

    /// <inheritdoc />
    public void Dispose()
    {
        _sweep?.Dispose();
        _loading.Dispose();
    }

    /// <summary>The newest ones, newest first.</summary>
    internal async Task<List<RepresentationVersion>> AllAsync(long projectId, int limit, CancellationToken cancellationToken)
    {
        var results = await database.ReadAsync(
            db => db.Runs.Where(r => r.ProjectId == projectId && r.Kind == RepresentHandler.RunKind && r.State == RunState.Succeeded && r.Result != null)
                .OrderByDescending(r => r.Id).Select(r => new { r.Id, r.Result }).Take(limit).ToListAsync(cancellationToken),
            cancellationToken);
        return [.. results.Select(r => JsonSerializer.Deserialize<RepresentResult>(r.Result!, ProjectJson.Options)?.ToVersion(r.Id)).OfType<RepresentationVersion>()];
    }

    private async Task<LoadedRepresentation?> FindAsync(long projectId, TimeSpan freshness, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        if (_entries.TryGetValue(projectId, out var entry) && now - entry.Checked < freshness) return Touch(entry, now);
        await _loading.WaitAsync(cancellationToken);
        try
        {
            if (_entries.TryGetValue(projectId, out entry) && now - entry.Checked < freshness) return Touch(entry, now);
            var latest = await LatestAsync(projectId, cancellationToken);
            var loaded = latest is null ? null : entry?.Loaded is { } there && there.Version.Version == latest.Version ? there : await LoadAsync(latest, cancellationToken);
            if (loaded is null) return null;
            _entries[projectId] = new Entry(loaded, now) { Used = now };
            _sweep ??= time.CreateTimer(_ => Sweep(), null, Idle / 5, Idle / 5);
            return loaded;
        }
        finally
        {
            _loading.Release();
        }
    }

    private static LoadedRepresentation? Touch(Entry entry, DateTimeOffset now)
    {
        entry.Used = now;
        return entry.Loaded;
    }

    private async Task<LoadedRepresentation> LoadAsync(RepresentationVersion version, CancellationToken cancellationToken)
    {
        await using var vectors = await blobs.OpenAsync(version.Vectors, cancellationToken);
        var read = await CompactVectors.ReadAsync(vectors, cancellationToken);
        if (version.Space.Length == 0) return new LoadedRepresentation(version, null, read);
        await using var space = await blobs.OpenAsync(version.Space, cancellationToken);
        var bytes = await ReadAllAsync(space, cancellationToken);
        return version.Encoder is null ? new LoadedRepresentation(version, EmbeddingSpace.FromBytes(bytes), read) : new LoadedRepresentation(version, null, read, PrincipalComponents.FromBytes(bytes));
    }

    internal static async Task<byte[]> ReadAllAsync(Stream stream, CancellationToken cancellationToken)
    {
        var bytes = new byte[stream.Length];
        await stream.ReadExactlyAsync(bytes, cancellationToken);
        return bytes;
    }

    // Where a text lies that has no row; false where nothing says so any more.
    private async Task<bool> PlaceAsync(LoadedRepresentation loaded, string text, float[] query, CancellationToken cancellationToken)
    {
        if (loaded.Space is { } space)
        {
            space.Transform(text, query);
            return true;
        }

        if (loaded is not { Components: { } components, Version.Encoder: { } id }) return false;
        try
        {
            if (await encoders.OpenAsync(long.Parse(id, CultureInfo.InvariantCulture), cancellationToken) is not { } lent) return false;
            using (lent) components.Transform(await Task.Run(() => lent.Session.Encode([text], cancellationToken), cancellationToken)).CopyTo(query, 0);
            return true;
        }
        catch (EncoderRefusedException)
        {
            // The next representation says why, and is built in.
            return false;
        }
    }

    private void Sweep()
    {
        var now = time.GetUtcNow();
        foreach (var (project, entry) in _entries)
        {
            if (now - entry.Used >= Idle) _entries.TryRemove(KeyValuePair.Create(project, entry));
        }
    }

    private sealed class Entry(LoadedRepresentation? loaded, DateTimeOffset at)
    {
        public LoadedRepresentation? Loaded { get; } = loaded;

        public DateTimeOffset Checked { get; } = at;

        public DateTimeOffset Used { get; set; }
    }
}
