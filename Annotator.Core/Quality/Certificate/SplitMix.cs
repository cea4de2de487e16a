namespace Annotator.Core.Quality.Certificate;

/// <summary>
/// SplitMix64 (Steele, Lea and Flood 2014): a small generator whose whole state is one number, so that a run's draws can be stored with the run
/// and repeated on any version of .NET (the sequence of <see cref="Random"/> is not promised across versions).
/// </summary>
/// <param name="seed">Any number; equal seeds give equal sequences.</param>
public struct SplitMix(ulong seed)
{
    private ulong _state = seed;

    /// <summary>The next 64 random bits.</summary>
    /// <returns>A number, uniform over all 64-bit values.</returns>
    public ulong NextBits()
    {
        _state += 0x9E3779B97F4A7C15UL;
        return Mix(_state);
    }

    /// <summary>A number in [0, 1) with 53 random bits.</summary>
    /// <returns>The number.</returns>
    public double NextDouble() => (NextBits() >> 11) * (1.0 / (1UL << 53));

    /// <summary>A number from 0 to <paramref name="limit"/> - 1.</summary>
    /// <param name="limit">How many values there are; at least 1.</param>
    /// <returns>The number (the bias of the multiplication is below 2^-32 for any limit of 32 bits).</returns>
    public int Next(int limit) => (int)Math.BigMul(NextBits(), (ulong)limit, out _);

    /// <summary>A standard normal number (Box and Muller).</summary>
    /// <returns>The number.</returns>
    public double NextNormal() => Math.Sqrt(-2 * Math.Log(Math.Max(NextDouble(), 1e-300))) * Math.Cos(2 * Math.PI * NextDouble());

    /// <summary>Puts a list into random order (Fisher and Yates).</summary>
    /// <typeparam name="T">Type of the elements.</typeparam>
    /// <param name="values">Reordered in place.</param>
    public void Shuffle<T>(Span<T> values)
    {
        for (var i = values.Length - 1; i > 0; i--)
        {
            var j = Next(i + 1);
            (values[i], values[j]) = (values[j], values[i]);
        }
    }

    /// <summary>The finaliser of SplitMix64: a hash of one number.</summary>
    /// <param name="z">Any number.</param>
    /// <returns>Its hash.</returns>
    public static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9UL;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBUL;
        return z ^ (z >> 31);
    }
}
