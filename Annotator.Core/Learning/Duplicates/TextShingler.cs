using System.Globalization;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

namespace Annotator.Core.Learning.Duplicates;

/// <summary>
/// Turns a text into what near-duplicate search compares: compatibility composition (NFKC), lower case, punctuation dropped, white space
/// collapsed, then the set of character 3-grams as sorted 32-bit hashes. Two different 3-grams of one pair of short texts share a hash with
/// probability around 1e-6, so Jaccard over the hashes is the exact one for every practical purpose.
/// </summary>
internal static class TextShingler
{
    /// <summary>Length of a shingle in code points.</summary>
    internal const int Order = 3;

    /// <summary>Writes the normalised code points of <paramref name="text"/> to <paramref name="target"/> and returns their number.</summary>
    internal static int Normalize(string text, ref int[] target)
    {
        if (!Ascii.IsValid(text) && !IsNormalized(text))
            text = ReplaceLoneSurrogates(text).Normalize(NormalizationForm.FormKC);
        if (target.Length < text.Length)
            target = new int[Math.Max(text.Length, target.Length * 2)];

        // At most one code point comes out for each char that goes in, the collapsed spaces included.
        var points = target;
        var count = 0;
        var space = false;
        for (var i = 0; i < text.Length; i++)
        {
            int point = text[i];
            if (point < 128)
            {
                if (char.IsAsciiLetterUpper((char)point))
                    point |= 0x20;
                else if (point is ' ' or (>= '\t' and <= '\r'))
                {
                    space = true;
                    continue;
                }
                else if (!char.IsAsciiLetterLower((char)point) && !char.IsAsciiDigit((char)point) && point != '$')
                    continue;
            }
            else if (point is < 0xAC00 or > 0xD7A3)
            {
                // Not a Hangul syllable: look the category up.
                if (char.IsHighSurrogate((char)point) && i + 1 < text.Length && char.IsLowSurrogate(text[i + 1]))
                {
                    point = char.ConvertToUtf32((char)point, text[i + 1]);
                    i++;
                    if (Rune.IsUpper(new Rune(point)))
                        point = Rune.ToLowerInvariant(new Rune(point)).Value;
                }
                else
                {
                    point = char.ToLowerInvariant((char)point);
                }

                switch (CharUnicodeInfo.GetUnicodeCategory(point))
                {
                    case UnicodeCategory.SpaceSeparator or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator:
                        space = true;
                        continue;
                    case UnicodeCategory.ConnectorPunctuation or UnicodeCategory.DashPunctuation or UnicodeCategory.OpenPunctuation
                        or UnicodeCategory.ClosePunctuation or UnicodeCategory.InitialQuotePunctuation
                        or UnicodeCategory.FinalQuotePunctuation or UnicodeCategory.OtherPunctuation or UnicodeCategory.MathSymbol
                        or UnicodeCategory.ModifierSymbol or UnicodeCategory.Control or UnicodeCategory.Format
                        or UnicodeCategory.Surrogate:
                        continue;
                }
            }

            if (space && count > 0)
                points[count++] = ' ';

            space = false;
            points[count++] = point;
        }

        return count;
    }

    /// <summary>The 128-bit content hash of normalised text: the head of its SHA-256, so that nobody can craft two texts that count as one.</summary>
    internal static UInt128 ContentHash(ReadOnlySpan<int> points)
    {
        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(MemoryMarshal.AsBytes(points), digest);
        return MemoryMarshal.Read<UInt128>(digest);
    }

    /// <summary>
    /// The sorted distinct hashes of all 3-grams of <paramref name="points"/>, at most <paramref name="maximum"/>: the smallest ones, which are a
    /// uniform sample (bottom-k sketch, Cohen and Kaplan 2007). <paramref name="scratch"/> is grown as needed and holds the result.
    /// </summary>
    internal static ReadOnlySpan<uint> Shingles(ReadOnlySpan<int> points, int maximum, ref uint[] scratch)
    {
        var count = points.Length - Order + 1;
        if (count <= 0)
            return [];
        if (scratch.Length < count)
            scratch = new uint[Math.Max(count, scratch.Length * 2)];
        for (var i = 0; i < count; i++)
            scratch[i] = Hash(points[i], points[i + 1], points[i + 2]);
        var hashes = scratch.AsSpan(0, count);
        hashes.Sort();
        var distinct = 1;
        for (var i = 1; i < count; i++)
        {
            if (hashes[i] != hashes[distinct - 1])
                hashes[distinct++] = hashes[i];
        }

        return hashes[..Math.Min(distinct, maximum)];
    }

    /// <summary>
    /// Jaccard similarity of two sorted sets of hashes, or a negative number as soon as it is known to be below <paramref name="threshold"/>.
    /// A set of <paramref name="maximum"/> hashes counts as cut off there: both sides are then compared below the smaller cut only.
    /// </summary>
    internal static double Jaccard(ReadOnlySpan<uint> a, ReadOnlySpan<uint> b, int maximum, double threshold = 0)
    {
        if (a.Length == maximum || b.Length == maximum)
        {
            var cut = Math.Min(a.Length == maximum ? a[^1] : uint.MaxValue, b.Length == maximum ? b[^1] : uint.MaxValue);
            a = Below(a, cut);
            b = Below(b, cut);
        }

        if (a.IsEmpty || b.IsEmpty)
            return -1;
        // |a ∩ b| must reach t / (1 + t) (|a| + |b|) for a Jaccard similarity of t.
        var needed = (int)Math.Ceiling(threshold / (1 + threshold) * (a.Length + b.Length) - 1e-9);
        var missable = a.Length - needed;
        if (missable < 0 || needed > b.Length)
            return -1;
        var common = 0;
        int i = 0, j = 0;
        ref var pa = ref MemoryMarshal.GetReference(a);
        ref var pb = ref MemoryMarshal.GetReference(b);
        while (i < a.Length && j < b.Length)
        {
            var x = Unsafe.Add(ref pa, i);
            var y = Unsafe.Add(ref pb, j);
            // Without branches: the comparison of two hash values is a coin toss to the predictor.
            common += x == y ? 1 : 0;
            i += x <= y ? 1 : 0;
            j += y <= x ? 1 : 0;
            if (i - common > missable)
                return -1;
        }

        var similarity = (double)common / (a.Length + b.Length - common);
        return similarity + 1e-12 >= threshold ? similarity : -1;
    }

    private static ReadOnlySpan<uint> Below(ReadOnlySpan<uint> hashes, uint cut)
    {
        var index = hashes.BinarySearch(cut);
        return hashes[..(index >= 0 ? index + 1 : ~index)];
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Hash(int a, int b, int c)
    {
        // The three code points fit 63 bits; the finaliser of splitmix64 spreads them.
        var z = (uint)a | (ulong)(uint)b << 21 | (ulong)(uint)c << 42;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9UL;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBUL;
        return (uint)(z >> 32) ^ BitOperations.RotateLeft((uint)z, 7);
    }

    /// <summary>True where NFKC certainly changes nothing: only ASCII and Hangul syllables. Everything else is left to the full algorithm.</summary>
    private static bool IsNormalized(string text)
    {
        foreach (var c in text)
        {
            if (c >= 128 && c is < '\uAC00' or > '\uD7A3')
                return false;
        }

        return true;
    }

    private static string ReplaceLoneSurrogates(string text)
    {
        // Normalize refuses ill-formed UTF-16; a round trip through UTF-8 turns each lone surrogate into U+FFFD.
        for (var i = 0; i < text.Length; i++)
        {
            if (!char.IsSurrogate(text[i]))
                continue;
            if (char.IsHighSurrogate(text[i]) && i + 1 < text.Length && char.IsLowSurrogate(text[i + 1]))
            {
                i++;
                continue;
            }

            return Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text));
        }

        return text;
    }
}
