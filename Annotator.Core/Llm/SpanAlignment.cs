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

    /// <summary>A piece of a text as a model names it.</summary>
    /// <param name="text">The text.</param>
    /// <param name="start">First code point.</param>
    /// <param name="end">Code point behind the last.</param>
    /// <returns>The piece, and which of its places in the text is meant; null where it is none, or overlaps an earlier place of itself, so that it has no number.</returns>
    public static (string Quote, int Occurrence)? Quote(string text, int start, int end)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (Piece(text, start, end) is not { } quote) return null;
        var from = Place(text, start);
        var occurrence = 1;
        for (var at = text.IndexOf(quote, StringComparison.Ordinal); at >= 0 && at <= from; at = text.IndexOf(quote, at + quote.Length, StringComparison.Ordinal), occurrence++)
        {
            if (at == from) return (quote, occurrence);
        }

        return null;
    }

    /// <summary>A piece of a text; null where the text ends before it does.</summary>
    /// <param name="text">The text.</param>
    /// <param name="start">First code point.</param>
    /// <param name="end">Code point behind the last.</param>
    public static string? Piece(string text, int start, int end)
    {
        ArgumentNullException.ThrowIfNull(text);
        return start >= 0 && end > start && Place(text, start) is { } from && Place(text, end) is { } to ? text[from..to] : null;
    }

    // Where a code point begins, or the text ends; null where it is shorter.
    internal static int? Place(string text, int codePoint)
    {
        var at = 0;
        for (; codePoint > 0; codePoint--)
        {
            if (at >= text.Length) return null;
            at += at + 1 < text.Length && char.IsSurrogatePair(text[at], text[at + 1]) ? 2 : 1;
        }

        return at;
    }

    // A lone surrogate counts as one, as it does in Python and in the label values.
    internal static int CodePoints(ReadOnlySpan<char> text)
    {
        int count = 0;
        foreach (var _ in text.EnumerateRunes()) count++;
        return count;
    }
}
