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

    /// <summary>Looks at a stored film; null where ffmpeg is not there, or cannot read it. The film is kept all the same: a browser may play it.</summary>
    /// <param name="blobs">The store.</param>
    /// <param name="blob">The film's name there.</param>
    /// <param name="side">Longest side of the thumbnail in pixels.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public static async Task<FilmFacts?> ReadAsync(IBlobStore blobs, string blob, int side, CancellationToken cancellationToken = default)
    {
        await using var file = await LocalMedia.OpenAsync(blobs, blob, cancellationToken);
        if (file is null) return null;
        try
        {
            var frames = await VideoProbe.ProbeAsync(file.Path, cancellationToken);
            if (!frames.Succeeded) return null;
            var size = await VideoDecoder.SizeAsync(file.Path, cancellationToken);
            var seconds = frames.Value.Length;
            return new FilmFacts(size, frames.Value.Count, seconds, await PictureAsync(file.Path, size, seconds * PictureAt, side, cancellationToken));
        }
        catch (VideoRefusedException)
        {
            return null;
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
