using System.Collections.Concurrent;
using System.Globalization;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace Annotator.Core.Media;

/// <summary>A scale of a large image.</summary>
/// <param name="Level">Its number; 0 is the image as it is, each further one has half the width and height.</param>
/// <param name="Width">Width in pixels.</param>
/// <param name="Height">Height in pixels.</param>
public sealed record TileLevel(int Level, int Width, int Height);

/// <summary>How a large image is cut.</summary>
/// <param name="Width">Width in pixels as it is shown.</param>
/// <param name="Height">Height in pixels as it is shown.</param>
/// <param name="Side">Width and height of a tile; those at the right and bottom edges may be smaller.</param>
/// <param name="Levels">The scales, the largest first.</param>
public sealed record TileSet(int Width, int Height, int Side, IReadOnlyList<TileLevel> Levels);

/// <summary>
/// Large images by parts at several scales, so that a browser shows a hundred million pixels without ever decoding them all. The parts are made when somebody first wants to see one, as one file of tiles, and kept
/// on this machine as long as there is room (<see cref="MediaCache"/>); they can be made again at any time.
/// </summary>
public sealed class ImageTiles(AnnotatorDatabase database, IBlobStore blobs, MediaCache cache, IOptions<MediaOptions> options) : IDisposable
{
    /// <summary>Media type of tiles.</summary>
    public const string TileType = "image/jpeg";

    private const int Side = 512;
    private const int Quality = 90;

    // Making one holds the decoded image in memory.
    private readonly SemaphoreSlim _making = new(1, 1);
    private readonly ConcurrentDictionary<string, TileSet> _sets = new(StringComparer.Ordinal);

    /// <summary>How an image is cut; null where there is none, or where it is so small that it is shown whole.</summary>
    /// <param name="projectId">The project.</param>
    /// <param name="name">The last part of the item's address.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="ImageRefusedException">The image cannot be decoded.</exception>
    public async Task<TileSet?> DescribeAsync(long projectId, string name, CancellationToken cancellationToken = default)
    {
        if (await FindAsync(projectId, name, cancellationToken) is not { } found) return null;
        found.File.Dispose();
        return found.Set;
    }

    /// <summary>A tile as a JPEG file; null where there is none.</summary>
    /// <param name="projectId">The project.</param>
    /// <param name="name">The last part of the item's address.</param>
    /// <param name="level">The scale.</param>
    /// <param name="column">Number of the tile from the left.</param>
    /// <param name="row">Number of the tile from the top.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="ImageRefusedException">The image cannot be decoded.</exception>
    public async Task<byte[]?> TileAsync(long projectId, string name, int level, int column, int row, CancellationToken cancellationToken = default)
    {
        for (var again = false; ; again = true)
        {
            if (await FindAsync(projectId, name, cancellationToken) is not { } found) return null;
            using var file = found.File;
            if (found.Set.Levels.FirstOrDefault(l => l.Level == level) is not { } scale) return null;
            var (x, y) = (column * (long)Side, row * (long)Side);
            if (column < 0 || row < 0 || x >= scale.Width || y >= scale.Height) return null;
            try
            {
                return await Task.Run(() => ImageFiles.Tile(file.Path, level, (int)x, (int)y, (int)Math.Min(Side, scale.Width - x), (int)Math.Min(Side, scale.Height - y), Quality), cancellationToken);
            }
            catch (ImageRefusedException) when (!again && !File.Exists(file.Path))
            {
                // Another process, or a person, cleared the folder: it is made once more.
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _making.Dispose();

    private async Task<(CachedFile File, TileSet Set)?> FindAsync(long projectId, string name, CancellationToken cancellationToken)
    {
        var key = string.Create(CultureInfo.InvariantCulture, $"tiles-{projectId}-{name}");
        if (_sets.ContainsKey(key) && Known(key) is { } known) return known;
        var file = await database.ReadAsync(db => db.MediaFiles.FirstOrDefaultAsync(m => m.ProjectId == projectId && m.Name == name, cancellationToken), cancellationToken);
        if (file is null || (long)file.Width * file.Height <= options.Value.TiledMegapixels * 1_000_000L || !file.ContentType.StartsWith("image/", StringComparison.Ordinal)) return null;
        await _making.WaitAsync(cancellationToken);
        try
        {
            if (Known(key) is { } meanwhile) return meanwhile;
            await using var local = await LocalMedia.OpenAsync(blobs, MediaService.BlobOf(projectId, MediaService.AddressOf(projectId, name))!, cancellationToken);
            if (local is null) return null;
            var made = cache.Begin(key, ".tif");
            try
            {
                // Who goes away meanwhile will be back: what was begun is finished.
                await Task.Run(() => ImageFiles.MakeTiles(local.Path, made, Side, Quality), CancellationToken.None);
            }
            catch
            {
                File.Delete(made);
                throw;
            }

            var kept = cache.Keep(key, made);
            return (kept, _sets[key] = SetOf(kept.Path));
        }
        finally
        {
            _making.Release();
        }
    }

    private (CachedFile File, TileSet Set)? Known(string key)
    {
        if (cache.Find(key) is not { } file) return null;
        try
        {
            return (file, _sets.GetOrAdd(key, _ => SetOf(file.Path)));
        }
        catch (ImageRefusedException)
        {
            // Of an earlier process, and broken since: it is made anew.
            file.Dispose();
            return null;
        }
    }

    private static TileSet SetOf(string path)
    {
        var levels = ImageFiles.TileLevels(path);
        return new TileSet(levels[0].Width, levels[0].Height, Side, levels);
    }
}
