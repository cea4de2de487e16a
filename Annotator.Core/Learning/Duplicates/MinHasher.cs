using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Annotator.Core.Learning.Duplicates;

/// <summary>
/// MinHash (Broder 1997): the minimum of each of <see cref="Functions"/> random permutations of the shingle hashes; two sets agree in one
/// minimum with a probability equal to their Jaccard similarity. <see cref="Bands"/> groups of <see cref="Rows"/> minima are the keys of the
/// locality-sensitive tables (a pair of similarity s shares a key with probability 1 - (1 - s^6)^53: 0.92 at 0.6, 0.982 at 0.65, 0.9985 at 0.7,
/// 0.0006 at 0.15), and one bit of each of the first 256 minima is the sketch that refuses most chance candidates without touching their shingles
/// (b-bit minwise hashing, Li and König 2010).
/// </summary>
internal static class MinHasher
{
    internal const int Functions = 320;
    internal const int Bands = 53;
    internal const int Rows = 6;
    internal const int SketchBits = 256;

    private static readonly uint[] s_masks = new uint[Functions];
    private static readonly uint[] s_multipliers = new uint[Functions];

    static MinHasher()
    {
        // Constants of the format, from splitmix64 with state 1: the same on every machine and in every version.
        var state = 1UL;
        for (var i = 0; i < Functions; i++)
        {
            s_masks[i] = (uint)Next(ref state);
            s_multipliers[i] = (uint)Next(ref state) | 1;
        }

        static ulong Next(ref ulong state)
        {
            state += 0x9E3779B97F4A7C15UL;
            var z = state;
            z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9UL;
            z = (z ^ (z >> 27)) * 0x94D049BB133111EBUL;
            return (z ^ (z >> 31)) >> 32;
        }
    }

    /// <summary>Writes the <see cref="Functions"/> minima over the set <paramref name="shingles"/>, which is not empty.</summary>
    internal static void Minima(ReadOnlySpan<uint> shingles, Span<uint> minima)
    {
        ref var masks = ref MemoryMarshal.GetArrayDataReference(s_masks);
        ref var multipliers = ref MemoryMarshal.GetArrayDataReference(s_multipliers);
        ref var target = ref MemoryMarshal.GetReference(minima[..Functions]);
        // Four vectors of functions at a time keep minima and constants in registers while the shingles stream past.
        for (nuint f = 0; f < Functions; f += 32)
        {
            var m0 = Vector256<uint>.AllBitsSet;
            var m1 = m0;
            var m2 = m0;
            var m3 = m0;
            var x0 = Vector256.LoadUnsafe(ref masks, f);
            var x1 = Vector256.LoadUnsafe(ref masks, f + 8);
            var x2 = Vector256.LoadUnsafe(ref masks, f + 16);
            var x3 = Vector256.LoadUnsafe(ref masks, f + 24);
            var a0 = Vector256.LoadUnsafe(ref multipliers, f);
            var a1 = Vector256.LoadUnsafe(ref multipliers, f + 8);
            var a2 = Vector256.LoadUnsafe(ref multipliers, f + 16);
            var a3 = Vector256.LoadUnsafe(ref multipliers, f + 24);
            foreach (var shingle in shingles)
            {
                var s = Vector256.Create(shingle);
                m0 = Vector256.Min(m0, (s ^ x0) * a0);
                m1 = Vector256.Min(m1, (s ^ x1) * a1);
                m2 = Vector256.Min(m2, (s ^ x2) * a2);
                m3 = Vector256.Min(m3, (s ^ x3) * a3);
            }

            m0.StoreUnsafe(ref target, f);
            m1.StoreUnsafe(ref target, f + 8);
            m2.StoreUnsafe(ref target, f + 16);
            m3.StoreUnsafe(ref target, f + 24);
        }
    }

    /// <summary>The key of one band: a mixture of its minima whose high bits are usable.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static uint BandKey(ReadOnlySpan<uint> minima, int band)
    {
        var rows = minima.Slice(band * Rows, Rows);
        var z = (ulong)rows[0] << 32 | rows[1];
        z = (z ^ (z >> 32)) * 0xBF58476D1CE4E5B9UL + rows[2];
        z = (z ^ (z >> 29)) * 0x94D049BB133111EBUL + ((ulong)rows[3] << 32 | rows[4]) + (ulong)rows[5] * 0xD1342543DE82EF95UL;
        z = (z ^ (z >> 31)) * 0x9E3779B97F4A7C15UL;
        return (uint)(z >> 32);
    }

    /// <summary>One bit of each of the first <see cref="SketchBits"/> minima.</summary>
    internal static Vector256<ulong> Sketch(ReadOnlySpan<uint> minima)
    {
        Span<ulong> words = stackalloc ulong[SketchBits / 64];
        for (var i = 0; i < SketchBits; i++)
            words[i >> 6] |= (ulong)((minima[i] * 0x9E3779B1u) >> 31) << (i & 63);
        return Vector256.Create<ulong>(words);
    }

    /// <summary>The number of equal bits of two sketches, of 256: (1 + J) / 2 of them are to be expected.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static int Agreement(in Vector256<ulong> a, in Vector256<ulong> b)
    {
        var x = a ^ b;
        return SketchBits - BitOperations.PopCount(x.GetElement(0)) - BitOperations.PopCount(x.GetElement(1))
            - BitOperations.PopCount(x.GetElement(2)) - BitOperations.PopCount(x.GetElement(3));
    }

    /// <summary>Equal bits below which a pair is refused: four standard deviations under the mean of a pair at the threshold.</summary>
    internal static int AgreementFloor(double threshold)
    {
        var p = (1 + threshold) / 2;
        return (int)Math.Floor(SketchBits * p - 4 * Math.Sqrt(SketchBits * p * (1 - p)));
    }
}
