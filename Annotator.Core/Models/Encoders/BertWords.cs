using System.Globalization;
using System.Text;

namespace Annotator.Core.Models.Encoders;

/// <summary>
/// Cuts a text into words as BERT does (Devlin et al. 2018, <c>BasicTokenizer</c>), one space between two: control characters go, marks of punctuation and Chinese characters stand alone, and where it
/// is asked for letters become lower case and lose their accents. The library's own way differs: it joins the words around a line break and drops symbols such as <c>$</c>, and the vectors with them.
/// </summary>
internal static class BertWords
{
    /// <summary>The words of a text.</summary>
    /// <param name="text">The text.</param>
    /// <param name="lowercase">Whether letters become lower case.</param>
    /// <param name="stripAccents">Whether marks above and below letters go; Hangul is left in its letters then, as BERT's vocabularies have it.</param>
    /// <param name="splitChinese">Whether Chinese characters stand alone.</param>
    public static string Split(string text, bool lowercase, bool stripAccents, bool splitChinese)
    {
        if (lowercase) text = text.ToLowerInvariant();
        if (stripAccents) text = Whole(text).Normalize(NormalizationForm.FormD);
        var words = new StringBuilder(text.Length + 16);
        foreach (var rune in text.EnumerateRunes())
        {
            var category = Rune.GetUnicodeCategory(rune);
            if (rune.Value is '\t' or '\n' or '\r' || category == UnicodeCategory.SpaceSeparator) Space(words);
            else if (rune.Value is 0 or 0xFFFD || category is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned || (stripAccents && category == UnicodeCategory.NonSpacingMark)) continue;
            else if (IsPunctuation(rune, category) || (splitChinese && IsChinese(rune.Value))) words.Append(Spaced(words)).Append(rune.ToString()).Append(' ');
            else words.Append(rune.ToString());
        }

        while (words.Length > 0 && words[^1] == ' ') words.Length--;
        return words.ToString();
    }

    private static void Space(StringBuilder words)
    {
        if (words.Length > 0 && words[^1] != ' ') words.Append(' ');
    }

    private static string Spaced(StringBuilder words) => words.Length > 0 && words[^1] != ' ' ? " " : "";

    // Halves of characters cannot be normalized.
    private static string Whole(string text)
    {
        foreach (var rune in text.EnumerateRunes())
        {
            if (rune == Rune.ReplacementChar) return string.Concat(text.EnumerateRunes());
        }

        return text;
    }

    // All that is neither letter, digit nor space in ASCII, and what Unicode calls punctuation.
    private static bool IsPunctuation(Rune rune, UnicodeCategory category) => rune.Value is (>= 33 and <= 47) or (>= 58 and <= 64) or (>= 91 and <= 96) or (>= 123 and <= 126)
        || category is UnicodeCategory.ConnectorPunctuation or UnicodeCategory.DashPunctuation or UnicodeCategory.OpenPunctuation or UnicodeCategory.ClosePunctuation
            or UnicodeCategory.InitialQuotePunctuation or UnicodeCategory.FinalQuotePunctuation or UnicodeCategory.OtherPunctuation;

    private static bool IsChinese(int value) => value is (>= 0x4E00 and <= 0x9FFF) or (>= 0x3400 and <= 0x4DBF) or (>= 0xF900 and <= 0xFAFF)
        or (>= 0x20000 and <= 0x2A6DF) or (>= 0x2A700 and <= 0x2CEAF) or (>= 0x2F800 and <= 0x2FA1F);
}
