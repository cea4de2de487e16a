using System.Globalization;
using Annotator.Core.Labels;

namespace Annotator.Core.Llm.Prompts;

/// <summary>Answers in words, for a model that is to learn from them and for people who compare.</summary>
public static class AnswerWords
{
    /// <summary>An answer in one line: labels; of spans the piece of the text and its label; of boxes the label and its edges.</summary>
    /// <param name="value">The answer as JSON; null: none.</param>
    /// <param name="text">The item's text.</param>
    /// <param name="size">Size of the whole picture in pixels: boxes are then given as models give them, in thousandths; null: in pixels.</param>
    /// <param name="masked">Whether personal data are taken out of the pieces of the text.</param>
    /// <returns>Null where there is no answer; empty where nothing is there.</returns>
    public static string? Of(string? value, string? text, (int Width, int Height)? size = null, bool masked = false) => value is null ? null : LabelJson.Read(value) switch
    {
        ChoiceValue choice => choice.Choice,
        ChoicesValue choices => string.Join(", ", choices.Choices),
        SpansValue spans => string.Join("; ", spans.Spans.Select(s => $"\"{Piece(text, s, masked)}\" → {s.Label}")),
        BoxesValue boxes => string.Join("; ", boxes.Boxes.Select(b => size is { } of
            ? string.Create(CultureInfo.InvariantCulture, $"{b.Label} [{Part(b.Y, of.Height)},{Part(b.X, of.Width)},{Part(b.Y + b.Height, of.Height)},{Part(b.X + b.Width, of.Width)}]")
            : string.Create(CultureInfo.InvariantCulture, $"{b.Label} ({b.X:0}, {b.Y:0}, {b.Width:0} × {b.Height:0})"))),
        _ => value,
    };

    // A text that was shortened may end before the span does.
    private static string Piece(string? text, Span span, bool masked)
    {
        if (!masked) return SpanAlignment.Piece(text ?? "", span.Start, span.End) ?? "…";
        var hidden = PersonalData.Hide(text ?? "");
        var (start, end) = hidden.ToMasked(span.Start, span.End);
        return SpanAlignment.Piece(hidden.Text, start, end) ?? "…";
    }

    private static int Part(double at, int of) => (int)Math.Clamp(Math.Round(at * LlmBox.Whole / Math.Max(1, of)), 0, LlmBox.Whole);
}
