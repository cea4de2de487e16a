using System.Text;

namespace Annotator.Core.Llm;

/// <summary>Finds a quote in a text.</summary>
public static class SpanAlignment
{
    /// <summary>Code-point offsets of a quote.</summary>
    /// <param name="text">The text.</param>
    /// <param name="quote">The quote, compared character by character.</param>
    /// <param name="occurrence">Which place, counted from 1; places do not overlap.</param>
    /// <returns>First code point and the one behind the last, counted from 0; null where the quote does not stand so often in the text.</returns>
    public static (int Start, int End)? Find(string text, string quote, int occurrence)
    {
        ArgumentNullException.ThrowIfNull(text);
        ArgumentNullException.ThrowIfNull(quote);
        if (quote.Length == 0 || occurrence < 1) return null;
        int at = -quote.Length;
        for (int found = 0; found < occurrence; found++)
        {
            at = text.IndexOf(quote, at + quote.Length, StringComparison.Ordinal);
            if (at < 0) return null;
        }
        int start = CodePoints(text.AsSpan(0, at));
        return (start, start + CodePoints(quote));
    }

    // A lone surrogate counts as one, as it does in Python and in the label values.
    private static int CodePoints(ReadOnlySpan<char> text)
    {
        int count = 0;
        foreach (var _ in text.EnumerateRunes()) count++;
        return count;
    }
}
