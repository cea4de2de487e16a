using System.Globalization;
using Annotator.Core.Items;
using Annotator.Core.Media;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Llm;

/// <summary>Items' images as they go to a model: upright, scaled down, and without anything that the file says beside its pixels.</summary>
[System.Diagnostics.CodeAnalysis.SuppressMessage("Design", "CA1001", Justification = "A semaphore whose wait handle nobody asks for holds nothing.")]
public sealed class LlmPictures(AnnotatorDatabase database, IBlobStore blobs)
{
    private const int Part = 500;

    // Decoders take memory by the size of the image.
    private readonly SemaphoreSlim _decoding = new(2, 2);

    /// <summary>The pictures of items, in their order; null where an item's image is none of those that are kept here.</summary>
    /// <param name="projectId">The project.</param>
    /// <param name="items">The items.</param>
    /// <param name="pixels">Longest side at which they are sent.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public async Task<IReadOnlyList<LlmPicture?>> FindAsync(long projectId, IReadOnlyList<Item> items, int pixels, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(items);
        var names = items.Select(i => MediaService.NameOf(projectId, i.Url)).ToList();
        var sizes = new Dictionary<string, (int Width, int Height)>(StringComparer.Ordinal);
        foreach (var part in names.OfType<string>().Distinct(StringComparer.Ordinal).Chunk(Part))
        {
            var rows = await database.ReadAsync(
                db => db.MediaFiles.Where(m => m.ProjectId == projectId && part.Contains(m.Name) && m.Width > 0).Select(m => new { m.Name, m.Width, m.Height }).ToListAsync(cancellationToken), cancellationToken);
            foreach (var row in rows) sizes[row.Name] = (row.Width, row.Height);
        }

        return [.. items.Select((item, i) => names[i] is { } name && sizes.TryGetValue(name, out var size)
            ? new LlmPicture(string.Create(CultureInfo.InvariantCulture, $"{name}@{pixels}"), size.Width, size.Height, cancel => OpenAsync(MediaService.BlobOf(projectId, item.Url)!, pixels, cancel))
            : null)];
    }

    private async ValueTask<LlmImage?> OpenAsync(string blob, int pixels, CancellationToken cancellationToken)
    {
        await _decoding.WaitAsync(cancellationToken);
        try
        {
            await using var stored = await blobs.OpenAsync(blob, cancellationToken);
            var file = new byte[stored.Length];
            await stored.ReadExactlyAsync(file, cancellationToken);
            var (bytes, kind, size) = await Task.Run(() => ImageFiles.ForModel(file, pixels), cancellationToken);
            return new LlmImage(kind, bytes, size.Width, size.Height);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException or EndOfStreamException or ImageRefusedException)
        {
            return null;
        }
        finally
        {
            _decoding.Release();
        }
    }
}
