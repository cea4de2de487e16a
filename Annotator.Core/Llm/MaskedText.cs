using System.Text;

namespace Annotator.Core.Llm;

/// <summary>A text from which pieces were taken out, each with a mark in its place; offsets lead from the one to the other.</summary>
/// <remarks>Offsets outside of marks are exact. One inside a mark, or inside what it stands for, belongs to the whole of it: a span is never half hidden.</remarks>
public sealed class MaskedText
{
    private readonly List<Piece> _pieces;

    private MaskedText(string original, List<Piece> pieces)
    {
        (Original, _pieces) = (original, pieces);
        if (pieces.Count == 0)
        {
            Text = original;
            return;
        }

        var text = new StringBuilder(original.Length);
        var at = 0;
        foreach (var piece in pieces)
        {
            text.Append(original, at, piece.Start - at).Append(piece.Mark);
            at = piece.Start + piece.Length;
        }

        Text = text.Append(original, at, original.Length - at).ToString();
    }

    /// <summary>The text as it was.</summary>
    public string Original { get; }

    /// <summary>The text with the marks.</summary>
    public string Text { get; }

    /// <summary>A text of which nothing is hidden.</summary>
    /// <param name="text">The text.</param>
    public static MaskedText Of(string text) => new(text, []);

    /// <summary>The same text with further pieces hidden.</summary>
    /// <param name="found">Pieces of <see cref="Text"/>, in order, which touch no mark: first character and length.</param>
    /// <param name="mark">What stands in their place.</param>
    internal MaskedText Hide(IEnumerable<(int Start, int Length)> found, string mark)
    {
        var more = found.Select(f => new Piece(Back(f.Start, toEnd: false), Back(f.Start + f.Length, toEnd: true) - Back(f.Start, toEnd: false), mark)).ToList();
        return more.Count == 0 ? this : new MaskedText(Original, [.. _pieces.Concat(more).OrderBy(p => p.Start)]);
    }

    /// <summary>Where a span of the masked text stands in the original one.</summary>
    /// <param name="start">First code point.</param>
    /// <param name="end">Code point behind the last.</param>
    public (int Start, int End) ToOriginal(int start, int end) => _pieces.Count == 0 ? (start, end) : (
        SpanAlignment.CodePoints(Original.AsSpan(0, Back(SpanAlignment.Place(Text, start) ?? Text.Length, toEnd: false))),
        SpanAlignment.CodePoints(Original.AsSpan(0, Back(SpanAlignment.Place(Text, end) ?? Text.Length, toEnd: true))));

    /// <summary>Where a span of the original text stands in the masked one.</summary>
    /// <param name="start">First code point.</param>
    /// <param name="end">Code point behind the last.</param>
    public (int Start, int End) ToMasked(int start, int end) => _pieces.Count == 0 ? (start, end) : (
        SpanAlignment.CodePoints(Text.AsSpan(0, Forth(SpanAlignment.Place(Original, start) ?? Original.Length, toEnd: false))),
        SpanAlignment.CodePoints(Text.AsSpan(0, Forth(SpanAlignment.Place(Original, end) ?? Original.Length, toEnd: true))));

    /// <summary>An answer about the masked text, as one about the original.</summary>
    internal LlmAnswer ToOriginal(LlmAnswer answer) => answer.Spans.Count == 0 ? answer : answer with
    {
        Spans = [.. answer.Spans.Select(s =>
        {
            var (start, end) = ToOriginal(s.Start, s.End);
            return s with { Start = start, End = end };
        }).Distinct()],
    };

    /// <summary>An example as it may leave: its text masked, and its quotes with it.</summary>
    /// <returns>Null where a quote does not stand in its text.</returns>
    internal static LlmExample? Mask(LlmExample example, Func<string, MaskedText> hide)
    {
        var hidden = hide(example.Text);
        if (example.Quotes is not { Count: > 0 } || hidden._pieces.Count == 0) return example with { Text = hidden.Text };
        var quotes = new List<LlmQuote>(example.Quotes.Count);
        foreach (var quote in example.Quotes)
        {
            if (SpanAlignment.Find(example.Text, quote.Quote, quote.Occurrence) is not var (start, end)) return null;
            var (from, to) = hidden.ToMasked(start, end);
            if (SpanAlignment.Quote(hidden.Text, from, to) is not { } found) return null;
            quotes.Add(new LlmQuote(found.Quote, found.Occurrence, quote.Label));
        }

        return example with { Text = hidden.Text, Quotes = quotes };
    }

    // A place of the masked text, in the original.
    private int Back(int at, bool toEnd)
    {
        var shift = 0;
        foreach (var piece in _pieces)
        {
            var start = piece.Start + shift;
            if (at <= start) break;
            if (at < start + piece.Mark.Length) return toEnd ? piece.Start + piece.Length : piece.Start;
            shift += piece.Mark.Length - piece.Length;
        }

        return at - shift;
    }

    // A place of the original, in the masked text.
    private int Forth(int at, bool toEnd)
    {
        var shift = 0;
        foreach (var piece in _pieces)
        {
            if (at <= piece.Start) break;
            if (at < piece.Start + piece.Length) return piece.Start + shift + (toEnd ? piece.Mark.Length : 0);
            shift += piece.Mark.Length - piece.Length;
        }

        return at + shift;
    }

    private sealed record Piece(int Start, int Length, string Mark);
}
