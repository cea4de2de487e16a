namespace Annotator.Core.Llm;

/// <summary>An item to be labelled.</summary>
/// <param name="Id">Its id, which is not sent: within a call items are numbered.</param>
/// <param name="Text">Its text; empty where it has none.</param>
/// <param name="Picture">Its picture, where it is a picture that is asked about.</param>
public sealed record LlmItem(string Id, string Text, LlmPicture? Picture = null);

/// <summary>A question to a model that is not about labels.</summary>
/// <param name="Schema">Name of the schema of the answer.</param>
/// <param name="AnswerSchema">The JSON schema of the answer.</param>
/// <param name="Messages">The messages.</param>
/// <param name="Tokens">Most tokens of the answer.</param>
public sealed record LlmQuestion(string Schema, ReadOnlyMemory<byte> AnswerSchema, IReadOnlyList<LlmMessage> Messages, int Tokens);

/// <summary>The kinds of labels a model is asked for.</summary>
public enum LlmTask
{
    /// <summary>Exactly one label.</summary>
    SingleChoice,

    /// <summary>Any number of labels, none included.</summary>
    MultipleChoice,

    /// <summary>Labelled pieces of the text.</summary>
    Spans,

    /// <summary>Labelled rectangles of the picture.</summary>
    Boxes,
}

/// <summary>A label that may be given.</summary>
/// <param name="Name">Its name, which is what the model answers.</param>
/// <param name="Description">What it means; null: the name says it.</param>
public sealed record LlmLabel(string Name, string? Description = null);

/// <summary>A piece of a text with a label, as a model names it.</summary>
/// <param name="Quote">The piece, word for word.</param>
/// <param name="Occurrence">Which of the places where the quote stands is meant, counted from 1.</param>
/// <param name="Label">Its label.</param>
public sealed record LlmQuote(string Quote, int Occurrence, string Label);

/// <summary>An example with its right answer, shown to the model.</summary>
/// <param name="Text">The text.</param>
/// <param name="Labels">Its labels: one for single choice; not used for spans.</param>
/// <param name="Quotes">Its spans; not used for choices.</param>
public sealed record LlmExample(string Text, IReadOnlyList<string> Labels, IReadOnlyList<LlmQuote>? Quotes = null);

/// <summary>A labelled span of a text.</summary>
/// <param name="Start">First code point, counted from 0.</param>
/// <param name="End">Code point behind the last.</param>
/// <param name="Label">Its label.</param>
public sealed record LlmSpan(int Start, int End, string Label);

/// <summary>Where a confidence is from.</summary>
public enum ConfidenceSource
{
    /// <summary>There is none.</summary>
    None,

    /// <summary>The model wrote a number, which says little (METHODS: AUROC about 0.58).</summary>
    Stated,

    /// <summary>The probability of the label's tokens (METHODS: AUROC about 0.83).</summary>
    LogProbability,

    /// <summary>The share of several answers to the same question that say the same (Wang et al. 2023, "Self-Consistency").</summary>
    Agreement,
}

/// <summary>What a model answered about an item.</summary>
/// <param name="Labels">The labels: one for single choice, any number for multiple choice, none for spans.</param>
/// <param name="Spans">The spans, by start; none for choices.</param>
/// <param name="Confidence">Confidence from 0 to 1, null where there is none.</param>
/// <param name="ConfidenceSource">Where it is from.</param>
/// <param name="IsConfidenceClamped">Whether the stated number was outside 0 to 1 and was moved to the nearer end.</param>
/// <param name="Boxes">The boxes, in the order given; null where none were asked for.</param>
public sealed record LlmAnswer(
    IReadOnlyList<string> Labels, IReadOnlyList<LlmSpan> Spans, double? Confidence, ConfidenceSource ConfidenceSource, bool IsConfidenceClamped, IReadOnlyList<LlmBox>? Boxes = null);

/// <summary>Why an item has no answer.</summary>
public enum LlmFailure
{
    /// <summary>It has one.</summary>
    None,

    /// <summary>The answer says nothing about the item.</summary>
    Missing,

    /// <summary>The answer speaks about the item twice.</summary>
    DuplicateId,

    /// <summary>A label that is not one of the project's.</summary>
    UnknownLabel,

    /// <summary>Something else than the shape asked for.</summary>
    WrongShape,

    /// <summary>A confidence that is no finite number.</summary>
    InvalidConfidence,

    /// <summary>A quote that is not in the text, or not so often.</summary>
    QuoteNotFound,

    /// <summary>A box that is not inside the picture, or has no area.</summary>
    BoxOutOfRange,

    /// <summary>The picture is not there, or cannot be decoded; it was not asked about.</summary>
    PictureUnreadable,

    /// <summary>The answer is no JSON.</summary>
    NotJson,

    /// <summary>The answer ended at the limit of tokens.</summary>
    Truncated,

    /// <summary>The model refused, or its filter did.</summary>
    Refused,

    /// <summary>The answer is longer than any answer could be.</summary>
    AnswerTooLong,

    /// <summary>The text is longer than what is sent; it was not asked.</summary>
    ItemTooLong,

    /// <summary>No answer came: connection, time-out or an error of the server, after all attempts.</summary>
    Unreachable,

    /// <summary>The server was asked too much (429), after all attempts.</summary>
    RateLimited,

    /// <summary>The server does not take the request (4xx).</summary>
    Rejected,

    /// <summary>The server failed too often in a row; it was not asked again.</summary>
    CircuitOpen,

    /// <summary>The money would not have been enough; it was not asked.</summary>
    BudgetSpent,

    /// <summary>The bound on requests was reached; it was not asked.</summary>
    RequestsSpent,
}
