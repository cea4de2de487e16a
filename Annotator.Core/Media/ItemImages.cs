using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Media;

/// <summary>Items' images as models see them, from their thumbnails.</summary>
public sealed class ItemImages(AnnotatorDatabase database, IBlobStore blobs)
{
    private const int Readers = 2;

    /// <summary>The canvases of items: red, green and blue of each pixel, row by row.</summary>
    /// <param name="projectId">The project.</param>
    /// <param name="addresses">The items' addresses.</param>
    /// <param name="width">Width in pixels.</param>
    /// <param name="height">Height in pixels.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <returns>One for each address; null where the image is none of those that are kept here.</returns>
    public async Task<byte[]?[]> CanvasesAsync(long projectId, IReadOnlyList<string?> addresses, int width, int height, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(addresses);
        var canvases = new byte[]?[addresses.Count];
        var names = addresses.Select(a => MediaService.NameOf(projectId, a)).ToArray();
        var thumbnails = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var part in names.OfType<string>().Distinct(StringComparer.Ordinal).Chunk(500))
        {
            var rows = await database.ReadAsync(
                db => db.MediaFiles.Where(m => m.ProjectId == projectId && part.Contains(m.Name) && m.Thumbnail != null).Select(m => new { m.Name, m.Thumbnail }).ToListAsync(cancellationToken), cancellationToken);
            foreach (var row in rows) thumbnails[row.Name] = row.Thumbnail!;
        }

        await Parallel.ForAsync(0, addresses.Count, new ParallelOptions { MaxDegreeOfParallelism = Readers, CancellationToken = cancellationToken }, async (i, cancel) =>
        {
            if (names[i] is { } name && thumbnails.TryGetValue(name, out var thumbnail)) canvases[i] = await ReadAsync(thumbnail, width, height, cancel);
        });
        return canvases;
    }

    private async Task<byte[]?> ReadAsync(string thumbnail, int width, int height, CancellationToken cancellationToken)
    {
        try
        {
            await using var stored = await blobs.OpenAsync(thumbnail, cancellationToken);
            var file = new byte[stored.Length];
            await stored.ReadExactlyAsync(file, cancellationToken);
            return ImageFiles.Pixels(file, width, height);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException or ImageRefusedException)
        {
            // Its project is being removed, or the file was damaged: an item without a picture is one that no model sees.
            return null;
        }
    }
}
