using Annotator.Core.Storage;

namespace Annotator.Core.Media;

/// <summary>What is found out about a film when it comes.</summary>
/// <param name="Size">Size of its picture as it is shown.</param>
/// <param name="Frames">How many frames it has.</param>
/// <param name="Seconds">How long it is.</param>
/// <param name="Thumbnail">A small picture of it, as WebP; null where none can be made.</param>
public sealed record FilmFacts(ImageSize Size, int Frames, double Seconds, byte[]? Thumbnail)
{
    // Many films begin with black: the picture is taken a little later.
    private const double PictureAt = 0.1;

    /// <summary>Looks at a stored film. Nothing is found, and nothing refused, where ffmpeg is not there: a browser may play it.</summary>
    /// <param name="blobs">The store.</param>
    /// <param name="blob">The film's name there.</param>
    /// <param name="bounds">How large its picture may be, and the thumbnail.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <returns>What was found, or why the file is no film that can be taken.</returns>
    public static async Task<(FilmFacts? Found, string? Refused)> ReadAsync(IBlobStore blobs, string blob, MediaOptions bounds, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(bounds);
        await using var file = await LocalMedia.OpenAsync(blobs, blob, cancellationToken);
        if (file is null) return (null, "The file is gone.");
        var (frames, wrong) = await VideoProbe.LookAsync(file.Path, cancellationToken);
        if (wrong is not null) return (null, wrong);
        if (!frames.Succeeded) return (null, string.Equals(frames.Errors[0].Message, VideoProbe.Missing, StringComparison.Ordinal) ? null : frames.Errors[0].Message);
        try
        {
            var size = await VideoDecoder.SizeAsync(file.Path, cancellationToken);
            if (size.Width < 1 || size.Height < 1 || (long)size.Width * size.Height > bounds.Megapixels * 1_000_000L) return (null, $"The video's picture has {size.Width} x {size.Height} pixels; at most {bounds.Megapixels} million are taken.");
            var seconds = frames.Value.Length;
            return (new FilmFacts(size, frames.Value.Count, seconds, await PictureAsync(file.Path, size, seconds * PictureAt, bounds.ThumbnailPixels, cancellationToken)), null);
        }
        catch (VideoRefusedException e)
        {
            return (null, e.Message);
        }
    }

    private static async Task<byte[]?> PictureAsync(string path, ImageSize size, double at, int side, CancellationToken cancellationToken)
    {
        var scale = Math.Min(1, (double)side / Math.Max(size.Width, size.Height));
        var (width, height) = (Math.Max(1, (int)(size.Width * scale)), Math.Max(1, (int)(size.Height * scale)));
        try
        {
            return await VideoDecoder.PictureAsync(path, at, width, height, cancellationToken) is { } pixels ? ImageFiles.ThumbnailOf(pixels, width, height) : null;
        }
        catch (ImageRefusedException)
        {
            return null;
        }
    }
}
