using System.Globalization;

namespace Annotator.Web.Components.Charts;

/// <summary>How much room words take in a drawing: an estimate on the wide side, for drawings are written without a browser.</summary>
internal static class Words
{
    private const double Narrow = 7.2;
    private const double Wide = 12.8;

    // From here on writing is as wide as it is high: Hangul, kana, Han, full-width forms, pictographs.
    private const int FirstWide = 0x1100;

    /// <summary>Width of words at the size of names in charts, in units of the drawing.</summary>
    public static double Width(string words) => words.EnumerateRunes().Sum(r => r.Value >= FirstWide ? Wide : Narrow);

    /// <summary>The width of the widest of some names, within bounds, with room to their right.</summary>
    public static double Column(IEnumerable<string> names, double least, double most) => Math.Clamp(names.Select(Width).DefaultIfEmpty(0).Max() + 18, least, most);

    /// <summary>Words cut to a width, with a sign that they are; never within a character as it is read.</summary>
    public static string Cut(string words, double width)
    {
        if (Width(words) <= width) return words;
        var (room, end) = (width - Narrow, 0);
        var parts = StringInfo.GetTextElementEnumerator(words);
        while (parts.MoveNext())
        {
            room -= Width(parts.GetTextElement());
            if (room < 0) break;
            end = parts.ElementIndex + parts.GetTextElement().Length;
        }

        return string.Concat(words.AsSpan(0, end).TrimEnd(), "…");
    }
}
