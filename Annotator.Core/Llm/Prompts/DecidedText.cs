using Annotator.Core.Labels;

namespace Annotator.Core.Llm.Prompts;

/// <summary>A decided item, as an example and as a measure.</summary>
/// <param name="ItemId">The item.</param>
/// <param name="Text">Its text; empty where it has none.</param>
/// <param name="Value">What people said of it, as canonical JSON.</param>
/// <param name="Corrected">Whether that was said against a proposal: these teach most.</param>
/// <param name="Url">Address of its picture, where it is one.</param>
public sealed record DecidedText(long ItemId, string Text, string Value, bool Corrected, string? Url = null)
{
    // More marks than this would make an example a burden.
    private const int MostQuotes = 30;

    /// <summary>A text of one label.</summary>
    public static DecidedText Of(long itemId, string text, string label, bool corrected = false) => new(itemId, text, LabelJson.Write(new ChoiceValue(label)), corrected);

    /// <summary>It as an example of a text with its right answer.</summary>
    /// <param name="prepare">Takes personal data out of the text, as of those of items; null: it stays as it is.</param>
    /// <returns>Null where the answer cannot be said as a model says it.</returns>
    public LlmExample? ToExample(Func<string, string>? prepare = null)
    {
        switch (LabelJson.Read(Value))
        {
            case ChoiceValue choice:
                return new LlmExample(prepare is null ? Text : prepare(Text), [choice.Choice]);
            case ChoicesValue choices:
                return new LlmExample(prepare is null ? Text : prepare(Text), choices.Choices);
            case SpansValue { Spans.Count: <= MostQuotes } spans:
                var quotes = new List<LlmQuote>(spans.Spans.Count);
                foreach (var span in spans.Spans)
                {
                    if (SpanAlignment.Quote(Text, span.Start, span.End) is not { } found) return null;
                    quotes.Add(new LlmQuote(found.Quote, found.Occurrence, span.Label));
                }

                // Whoever changes texts takes personal data out of them, and nothing else: the quotes follow.
                var example = new LlmExample(Text, [], quotes);
                return prepare is null ? example : MaskedText.Mask(example, PersonalData.Hide);
            default:
                return null;
        }
    }
}
