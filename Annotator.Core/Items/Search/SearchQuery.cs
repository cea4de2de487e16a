using System.Text;

namespace Annotator.Core.Items.Search;

/// <summary>
/// What somebody looks for: parts that must all occur in an item's text or key, whatever their case. Words apart are parts of their own; what stands in
/// double quotes is one.
/// </summary>
public sealed class SearchQuery
{
    /// <summary>The longest question, in characters; the rest is not heeded.</summary>
    public const int MaxLength = 500;

    /// <summary>The most parts; the rest is not heeded.</summary>
    public const int MaxParts = 16;

    private SearchQuery(List<string> parts) => Parts = parts;

    /// <summary>The parts, at least one, none of them empty.</summary>
    public IReadOnlyList<string> Parts { get; }

    /// <summary>Reads a question.</summary>
    /// <param name="text">As it was typed.</param>
    /// <returns>Null where nothing is asked.</returns>
    public static SearchQuery? Parse(string? text)
    {
        if (string.IsNullOrWhiteSpace(text)) return null;
        var given = Fold(text.Length > MaxLength ? text[..MaxLength] : text);
        var (parts, part, quoted) = (new List<string>(), new StringBuilder(), false);
        foreach (var c in given)
        {
            if (c == '"' || (char.IsWhiteSpace(c) && !quoted))
            {
                Take();
                if (c == '"') quoted = !quoted;
            }
            else
            {
                part.Append(c);
            }
        }

        Take();

        // Nothing but quotation marks: they are what is looked for.
        if (parts.Count == 0) parts.Add(given.Trim());
        return new SearchQuery(parts);

        void Take()
        {
            var found = part.ToString().Trim();
            part.Clear();
            if (found.Length > 0 && parts.Count < MaxParts && !parts.Contains(found, StringComparer.OrdinalIgnoreCase)) parts.Add(found);
        }
    }

    /// <summary>Cuts a text to a length around the first place that was looked for, and says which parts of it were.</summary>
    /// <param name="text">The text.</param>
    /// <param name="length">How many characters at the most, without the dots that stand for what is left out.</param>
    /// <returns>Pieces in their order.</returns>
    public IReadOnlyList<(string Text, bool Found)> Excerpt(string text, int length)
    {
        var first = Parts.Select(p => text.IndexOf(p, StringComparison.OrdinalIgnoreCase)).Where(at => at >= 0).DefaultIfEmpty(0).Min();

        // What comes before is of use only where the place would not be seen at once.
        var from = first > length / 3 ? Start(text, first - (length / 6)) : 0;
        var to = Math.Min(text.Length, from + length);
        var marks = new bool[to - from];
        foreach (var part in Parts)
        {
            for (var at = text.IndexOf(part, from, to - from, StringComparison.OrdinalIgnoreCase); at >= 0; at = at + part.Length >= to ? -1 : text.IndexOf(part, at + part.Length, to - at - part.Length, StringComparison.OrdinalIgnoreCase))
                Array.Fill(marks, true, at - from, Math.Min(part.Length, to - at));
        }

        var pieces = new List<(string, bool)>();
        if (from > 0) pieces.Add(("…", false));
        for (var at = 0; at < marks.Length;)
        {
            var end = at;
            while (end < marks.Length && marks[end] == marks[at]) end++;
            pieces.Add((text[(from + at)..(from + end)], marks[at]));
            at = end;
        }

        if (to < text.Length) pieces.Add(("…", false));
        return pieces;
    }

    /// <summary>How texts and questions are written alike: composed characters, no NUL.</summary>
    internal static string Fold(string text)
    {
        var clean = text.Contains('\0', StringComparison.Ordinal) ? text.Replace('\0', ' ') : text;
        try
        {
            return clean.Normalize(NormalizationForm.FormC);
        }
        catch (ArgumentException)
        {
            // Half a surrogate pair cannot be normalised; it is looked for as it stands.
            return clean;
        }
    }

    private static int Start(string text, int at)
    {
        at = Math.Max(0, at);
        return at > 0 && char.IsLowSurrogate(text[at]) ? at - 1 : at;
    }
}
