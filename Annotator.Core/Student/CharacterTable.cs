using System.Globalization;
using System.Text;

namespace Annotator.Core.Student;

/// <summary>
/// What the student knows of a Unicode code point: its number after folding (case, white space, full-width Latin) and whether it is part of a word.
/// The exported graph carries the same folding and the same word ranges as data, so neither a locale of the operating system nor the Unicode
/// version of another library can change an answer.
/// </summary>
internal static class CharacterTable
{
    /// <summary>Numbers of characters and n-grams are residues of this prime (2^31-1): products of two stay below 2^62, so no step of the graph can overflow.</summary>
    public const long Prime = 2147483647;

    /// <summary>Stands before the text.</summary>
    public const char Start = '\u0002';

    /// <summary>Stands after the text.</summary>
    public const char End = '\u0003';

    private const uint WordFlag = 0x8000_0000;

    // The basic multilingual plane is looked up; the rest (emoji, rare ideographs) is computed when met.
    private static readonly Lazy<uint[]> s_basic = new(() =>
    {
        var table = new uint[0x10000];
        for (var c = 0; c < table.Length; c++) table[c] = Rune.IsValid(c) ? Compute(new Rune(c)) : 0;
        return table;
    });

    /// <summary>The lookup table of the basic multilingual plane, to be fetched once per text.</summary>
    public static uint[] Basic => s_basic.Value;

    /// <summary>Number of the character, 1 … <see cref="Prime"/> - 1, from a table entry.</summary>
    public static long Number(uint entry) => entry & ~WordFlag;

    /// <summary>True for letters, digits and combining marks, from a table entry.</summary>
    public static bool IsWord(uint entry) => (entry & WordFlag) != 0;

    /// <summary>Table entry of any code point: <see cref="Number"/> and <see cref="IsWord"/> in one.</summary>
    public static uint Compute(Rune rune)
    {
        Span<byte> utf8 = stackalloc byte[4];
        var length = Fold(rune).EncodeToUtf8(utf8);
        return NumberOfHash(MurmurHash3.Hash(utf8[..length], 0)) | (IsWordRune(rune) ? WordFlag : 0);
    }

    /// <summary>Brings an unsigned 32-bit hash into 1 … <see cref="Prime"/> - 1 (0 is free to mean padding).</summary>
    public static uint NumberOfHash(uint hash) => (uint)((hash % (Prime - 1)) + 1);

    /// <summary>The character that stands for <paramref name="rune"/>: one code point to one code point, so positions stay.</summary>
    public static Rune Fold(Rune rune)
    {
        var value = rune.Value;
        if (value is >= 0xFF01 and <= 0xFF5E) value -= 0xFF01 - 0x21;
        var folded = new Rune(value);
        return Rune.IsWhiteSpace(folded) ? new Rune(' ') : Rune.ToLowerInvariant(folded);
    }

    /// <summary>Every code point that <see cref="Fold"/> changes.</summary>
    public static IEnumerable<Rune> FoldedRunes() => AllRunes().Where(rune => Fold(rune) != rune);

    /// <summary>A regular expression (RE2 syntax) that matches one word character, as explicit ranges.</summary>
    public static string WordPattern()
    {
        var pattern = new StringBuilder("[");
        var first = -1;
        var last = -1;
        void Flush()
        {
            if (first < 0) return;
            pattern.Append(CultureInfo.InvariantCulture, $"\\x{{{first:x}}}");
            if (last > first) pattern.Append(CultureInfo.InvariantCulture, $"-\\x{{{last:x}}}");
        }

        foreach (var rune in AllRunes().Where(IsWordRune))
        {
            if (rune.Value != last + 1 || first < 0)
            {
                Flush();
                first = rune.Value;
            }

            last = rune.Value;
        }

        Flush();
        return pattern.Append(']').ToString();
    }

    private static bool IsWordRune(Rune rune) => Rune.GetUnicodeCategory(rune) is
        UnicodeCategory.UppercaseLetter or UnicodeCategory.LowercaseLetter or UnicodeCategory.TitlecaseLetter or UnicodeCategory.ModifierLetter
        or UnicodeCategory.OtherLetter or UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.EnclosingMark
        or UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber;

    private static IEnumerable<Rune> AllRunes()
    {
        for (var value = 0; value <= 0x10FFFF; value++)
        {
            if (Rune.IsValid(value)) yield return new Rune(value);
        }
    }
}
