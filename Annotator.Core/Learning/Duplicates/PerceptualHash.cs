using System.Numerics;

namespace Annotator.Core.Learning.Duplicates;

/// <summary>
/// A fingerprint of a picture that survives resizing, recompression, brightness and slight crops: a 64-bit difference hash and a 63-bit
/// hash of low frequencies, 127 bits in all.
/// </summary>
/// <param name="Difference">dHash: the picture at 9 x 8, one bit for each pair of horizontal neighbours (Krawetz 2013).</param>
/// <param name="Frequency">pHash: the picture at 32 x 32, its lowest 8 x 8 cosine frequencies without the constant one, one bit for above their median (Zauner 2010).</param>
public readonly record struct PerceptualHash(ulong Difference, ulong Frequency)
{
    /// <summary>Number of bits that are compared.</summary>
    public const int Bits = 127;

    private const int Side = 32;
    private const int Kept = 8;
    private static readonly double[] s_cosines = Cosines();

    /// <summary>The number of bits in which two hashes differ, 0 to <see cref="Bits"/>.</summary>
    public int Distance(PerceptualHash other) =>
        BitOperations.PopCount(Difference ^ other.Difference) + BitOperations.PopCount(Frequency ^ other.Frequency);

    /// <summary>The hash of a grey picture.</summary>
    /// <param name="pixels">Row by row, one byte a pixel, 0 black to 255 white.</param>
    /// <param name="width">Pixels a row, at least 1.</param>
    /// <param name="height">Rows, at least 1.</param>
    /// <exception cref="ArgumentException">The buffer does not hold width x height pixels.</exception>
    public static PerceptualHash Compute(ReadOnlySpan<byte> pixels, int width, int height)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(height, 1);
        if (pixels.Length != (long)width * height)
            throw new ArgumentException($"{width} x {height} pixels need {(long)width * height} bytes, not {pixels.Length}.", nameof(pixels));
        return new(DifferenceHash(Shrink(pixels, width, height, 9, 8)), FrequencyHash(Shrink(pixels, width, height, Side, Side)));
    }

    private static ulong DifferenceHash(double[] small)
    {
        var hash = 0UL;
        for (var y = 0; y < 8; y++)
        {
            for (var x = 0; x < 8; x++)
            {
                // A margin far below one grey level, so that a flat area is 0 whatever the rounding of the averages.
                if (small[y * 9 + x + 1] > small[y * 9 + x] + 1e-6)
                    hash |= 1UL << (y * 8 + x);
            }
        }

        return hash;
    }

    private static ulong FrequencyHash(double[] small)
    {
        // DCT-II of the rows, then of the columns, lowest frequencies only; scale does not matter to a comparison with the median.
        Span<double> rows = stackalloc double[Side * Kept];
        for (var y = 0; y < Side; y++)
        {
            for (var u = 0; u < Kept; u++)
            {
                var sum = 0.0;
                for (var x = 0; x < Side; x++)
                    sum += small[y * Side + x] * s_cosines[u * Side + x];
                rows[y * Kept + u] = sum;
            }
        }

        Span<double> low = stackalloc double[Kept * Kept];
        for (var v = 0; v < Kept; v++)
        {
            for (var u = 0; u < Kept; u++)
            {
                var sum = 0.0;
                for (var y = 0; y < Side; y++)
                    sum += rows[y * Kept + u] * s_cosines[v * Side + y];
                low[v * Kept + u] = sum;
            }
        }

        var ac = low[1..];
        Span<double> sorted = stackalloc double[ac.Length];
        ac.CopyTo(sorted);
        sorted.Sort();
        var median = sorted[ac.Length / 2];
        var hash = 0UL;
        for (var i = 0; i < ac.Length; i++)
        {
            if (ac[i] > median + 1e-6)
                hash |= 1UL << i;
        }

        return hash;
    }

    /// <summary>Resizes by area average (box filter), columns first.</summary>
    private static double[] Shrink(ReadOnlySpan<byte> pixels, int width, int height, int toWidth, int toHeight)
    {
        var narrow = new double[height * toWidth];
        for (var x = 0; x < toWidth; x++)
        {
            double from = (double)x * width / toWidth, to = (double)(x + 1) * width / toWidth;
            int first = (int)from, last = Math.Min(width - 1, (int)Math.Ceiling(to) - 1);
            for (var y = 0; y < height; y++)
            {
                var sum = 0.0;
                for (var i = first; i <= last; i++)
                    sum += pixels[y * width + i] * (Math.Min(to, i + 1) - Math.Max(from, i));
                narrow[y * toWidth + x] = sum / (to - from);
            }
        }

        var small = new double[toHeight * toWidth];
        for (var y = 0; y < toHeight; y++)
        {
            double from = (double)y * height / toHeight, to = (double)(y + 1) * height / toHeight;
            int first = (int)from, last = Math.Min(height - 1, (int)Math.Ceiling(to) - 1);
            for (var i = first; i <= last; i++)
            {
                var weight = (Math.Min(to, i + 1) - Math.Max(from, i)) / (to - from);
                for (var x = 0; x < toWidth; x++)
                    small[y * toWidth + x] += narrow[i * toWidth + x] * weight;
            }
        }

        return small;
    }

    private static double[] Cosines()
    {
        var cosines = new double[Kept * Side];
        for (var u = 0; u < Kept; u++)
        {
            for (var x = 0; x < Side; x++)
                cosines[u * Side + x] = Math.Cos(Math.PI * (2 * x + 1) * u / (2 * Side));
        }

        return cosines;
    }
}
