using System.Globalization;

namespace Annotator.Core.Items.Search;

/// <summary>
/// Cuts texts into all their runs of three characters: what a text contains can then be asked of an index of words, in every script and for parts of
/// words too. Two line ends stand behind the text, so that its last characters begin a run as well.
/// </summary>
internal static class TextGrams
{
    /// <summary>Length of a run, in code points.</summary>
    public const int Length = 3;

    /// <summary>Never part of a run.</summary>
    public const char Separator = '\u0001';

    /// <summary>Stands behind every text.</summary>
    public const string End = "\n\n";

    /// <summary>The different runs of a text.</summary>
    public static IReadOnlyCollection<string> Of(string text)
    {
        var grams = new HashSet<string>(StringComparer.Ordinal);
        var runes = Runes(text + End);
        for (var i = 0; i + Length <= runes.Count; i++) grams.Add(string.Concat(runes[i], runes[i + 1], runes[i + 2]));
        return grams;
    }

    /// <summary>The runs that every text has that contains a part; where it is too short for one, how such runs begin.</summary>
    public static (IReadOnlyCollection<string> Grams, bool Begin) OfPart(string part)
    {
        var runes = Runes(part);
        if (runes.Count < Length) return ([string.Concat(runes)], true);
        var grams = new HashSet<string>(StringComparer.Ordinal);
        for (var i = 0; i + Length <= runes.Count; i++) grams.Add(string.Concat(runes[i], runes[i + 1], runes[i + 2]));
        return (grams, false);
    }

    private static List<string> Runes(string text) =>
        [.. SearchQuery.Fold(text).Replace(Separator, ' ').ToLower(CultureInfo.InvariantCulture).EnumerateRunes().Select(r => r.ToString())];
}
