using System.Globalization;

namespace Annotator.Core.Cascade;

/// <summary>Whether two texts say the same in the same words: letters, digits and marks alike, whatever their case and what stands between them.</summary>
internal static class SameWords
{
    /// <summary>Compares two texts.</summary>
    public static bool In(string one, string? other)
    {
        if (other is null) return false;
        var (i, j) = (0, 0);
        while (true)
        {
            while (i < one.Length && !Counts(one[i])) i++;
            while (j < other.Length && !Counts(other[j])) j++;
            if (i == one.Length || j == other.Length) return i == one.Length && j == other.Length;
            if (char.ToUpperInvariant(one[i++]) != char.ToUpperInvariant(other[j++])) return false;
        }
    }

    // Halves of characters beyond the first plane count as they stand.
    private static bool Counts(char c) =>
        char.IsLetterOrDigit(c) || char.IsSurrogate(c) || CharUnicodeInfo.GetUnicodeCategory(c) is UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark;
}
