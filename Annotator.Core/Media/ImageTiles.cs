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
/// on this machine as long as there is room; they can be made again at any time.
/// </summary>
public sealed class ImageTiles(AnnotatorDatabase database, IBlobStore blobs, IOptions<MediaOptions> options) : IDisposable
{
    /// <summary>Media type of tiles.</summary>
    public const string TileType = "image/jpeg";

    private const int Side = 512;
    private const int Quality = 90;

    // Making one holds the decoded image in memory.
    private readonly SemaphoreSlim _making = new(1, 1);
    private readonly Dictionary<(long Project, string Name), (string Path, TileSet Set, long Bytes, long Used)> _made = [];
    private readonly Lazy<DirectoryInfo> _folder = new(() => Directory.CreateTempSubdirectory("annotator-tiles-"));
    private long _clock;

    /// <summary>How an image is cut; null where there is none, or where it is so small that it is shown whole.</summary>
    /// <param name="projectId">The project.</param>
    /// <param name="name">The last part of the item's address.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="ImageRefusedException">The image cannot be decoded.</exception>
    public async Task<TileSet?> DescribeAsync(long projectId, string name, CancellationToken cancellationToken = default) => (await FindAsync(projectId, name, cancellationToken))?.Set;

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
        if (await FindAsync(projectId, name, cancellationToken) is not { } made || made.Set.Levels.FirstOrDefault(l => l.Level == level) is not { } scale) return null;
        var (x, y) = (column * (long)Side, row * (long)Side);
        if (column < 0 || row < 0 || x >= scale.Width || y >= scale.Height) return null;
        return await Task.Run(() => ImageFiles.Tile(made.Path, level, (int)x, (int)y, (int)Math.Min(Side, scale.Width - x), (int)Math.Min(Side, scale.Height - y), Quality), cancellationToken);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _making.Dispose();
        if (_folder.IsValueCreated) _folder.Value.Delete(recursive: true);
    }

    private async Task<(string Path, TileSet Set)?> FindAsync(long projectId, string name, CancellationToken cancellationToken)
    {
        if (Known(projectId, name) is { } known) return known;
        var file = await database.ReadAsync(db => db.MediaFiles.FirstOrDefaultAsync(m => m.ProjectId == projectId && m.Name == name, cancellationToken), cancellationToken);
        if (file is null || (long)file.Width * file.Height <= options.Value.TiledMegapixels * 1_000_000L || !file.ContentType.StartsWith("image/", StringComparison.Ordinal)) return null;
        await _making.WaitAsync(cancellationToken);
        try
        {
            if (Known(projectId, name) is { } meanwhile) return meanwhile;
            await using var local = await LocalMedia.OpenAsync(blobs, MediaService.BlobOf(projectId, MediaService.AddressOf(projectId, name))!, cancellationToken);
            if (local is null) return null;
            var path = Path.Combine(_folder.Value.FullName, $"{Guid.NewGuid():n}.tif");

            // Who goes away meanwhile will be back: what was begun is finished.
            var levels = await Task.Run(() => ImageFiles.MakeTiles(local.Path, path, Side, Quality), CancellationToken.None);
            var set = new TileSet(file.Width, file.Height, Side, levels);
            lock (_made)
            {
                _made[(projectId, name)] = (path, set, new FileInfo(path).Length, ++_clock);
                while (_made.Count > 1 && _made.Values.Sum(m => m.Bytes) > options.Value.TileMegabytes * 1_000_000L)
                {
                    var oldest = _made.MinBy(m => m.Value.Used);
                    _made.Remove(oldest.Key);
                    File.Delete(oldest.Value.Path);
                }
            }

            return (path, set);
        }
        finally
        {
            _making.Release();
        }
    }

    private (string Path, TileSet Set)? Known(long projectId, string name)
    {
        lock (_made)
        {
            if (!_made.TryGetValue((projectId, name), out var known)) return null;
            _made[(projectId, name)] = known with { Used = ++_clock };
            return (known.Path, known.Set);
        }
    }
}
