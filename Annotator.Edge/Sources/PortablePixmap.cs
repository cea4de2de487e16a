using Annotator.Edge.Annotating;

namespace Annotator.Edge.Sources;

/// <summary>Pictures in the portable pixmap format (P6), one behind the other, and frames in other sizes.</summary>
internal static class PortablePixmap
{
    private const int LargestSide = 16_384;

    /// <summary>Reads the next picture; null where the stream has ended.</summary>
    /// <exception cref="InvalidDataException">It is none, or cut off.</exception>
    public static async Task<Frame?> ReadAsync(Stream stream, CancellationToken cancellationToken)
    {
        if (await WordAsync(stream, cancellationToken) is not { Length: > 0 } kind) return null;
        if (kind is not "P6") throw new InvalidDataException("No portable pixmap.");
        var (width, height, most) = (await NumberAsync(stream, cancellationToken), await NumberAsync(stream, cancellationToken), await NumberAsync(stream, cancellationToken));
        if (width > LargestSide || height > LargestSide || most != 255) throw new InvalidDataException("A pixmap of another kind than eight bits.");
        var pixels = new byte[3 * width * height];
        if (await stream.ReadAtLeastAsync(pixels, pixels.Length, throwOnEndOfStream: false, cancellationToken) < pixels.Length) throw new InvalidDataException("A picture is cut off.");
        return new Frame(width, height, pixels);
    }

    /// <summary>A frame in another size: each pixel is the mean of those that it covers, or the nearest where it covers none.</summary>
    public static Frame Scale(Frame frame, int width, int height)
    {
        if (frame.Width == width && frame.Height == height) return frame;
        var pixels = new byte[3 * width * height];
        for (var y = 0; y < height; y++)
        {
            var (top, bottom) = Span(y, frame.Height, height);
            for (var x = 0; x < width; x++)
            {
                var (left, right) = Span(x, frame.Width, width);
                var (red, green, blue, count) = (0, 0, 0, (bottom - top) * (right - left));
                for (var row = top; row < bottom; row++)
                {
                    var at = 3 * ((row * frame.Width) + left);
                    for (var column = left; column < right; column++, at += 3) (red, green, blue) = (red + frame.Pixels[at], green + frame.Pixels[at + 1], blue + frame.Pixels[at + 2]);
                }

                var to = 3 * ((y * width) + x);
                (pixels[to], pixels[to + 1], pixels[to + 2]) = ((byte)(red / count), (byte)(green / count), (byte)(blue / count));
            }
        }

        return new Frame(width, height, pixels);
    }

    private static (int From, int To) Span(int index, int of, int into)
    {
        var from = (int)((long)index * of / into);
        return (from, Math.Max(from + 1, (int)((long)(index + 1) * of / into)));
    }

    private static async Task<int> NumberAsync(Stream stream, CancellationToken cancellationToken) =>
        int.TryParse(await WordAsync(stream, cancellationToken), System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out var number) && number > 0
            ? number
            : throw new InvalidDataException("No number where the pixmap needs one.");

    // Up to and with the one blank behind it.
    private static async Task<string> WordAsync(Stream stream, CancellationToken cancellationToken)
    {
        var word = new System.Text.StringBuilder();
        var one = new byte[1];
        while (await stream.ReadAsync(one, cancellationToken) == 1)
        {
            if (!char.IsWhiteSpace((char)one[0])) word.Append((char)one[0]);
            else if (word.Length > 0) break;
            if (word.Length > 16) throw new InvalidDataException("No portable pixmap.");
        }

        return word.ToString();
    }
}
