namespace Annotator.Core.Llm;

/// <summary>How a request ended.</summary>
public enum LlmCallOutcome
{
    /// <summary>An answer came; how many items it answered stands beside.</summary>
    Answered,

    /// <summary>An answer came that answers no item.</summary>
    Useless,

    /// <summary>429.</summary>
    RateLimited,

    /// <summary>5xx, or 408.</summary>
    ServerError,

    /// <summary>4xx: the request, the key or the model is not accepted.</summary>
    Rejected,

    /// <summary>No connection, or cut while the answer came.</summary>
    ConnectionFailed,

    /// <summary>The time for a request ran out.</summary>
    TimedOut,

    /// <summary>Given up by the caller.</summary>
    Cancelled,
}

/// <summary>One request to a model, as the ledger keeps it. It holds neither texts nor answers nor keys.</summary>
public sealed record LlmCallRecord
{
    /// <summary>When it was sent.</summary>
    public required DateTimeOffset StartedAt { get; init; }

    /// <summary>The model asked.</summary>
    public required string Model { get; init; }

    /// <summary>The model that answered, by the server's word; null where it gave none.</summary>
    public string? AnsweredBy { get; init; }

    /// <summary><see cref="LabellingPrompt.Version"/>.</summary>
    public required string PromptVersion { get; init; }

    /// <summary>Items asked about.</summary>
    public required int Items { get; init; }

    /// <summary>Items answered.</summary>
    public int Answered { get; init; }

    /// <summary>Results for ids that were not asked.</summary>
    public int UnaskedIds { get; init; }

    /// <summary>Which sending of the same call this is, counted from 1.</summary>
    public required int Attempt { get; init; }

    /// <summary>Prompt tokens, by the server's count; 0 where it told none.</summary>
    public long PromptTokens { get; init; }

    /// <summary>Completion tokens, by the server's count; 0 where it told none.</summary>
    public long CompletionTokens { get; init; }

    /// <summary>Cost of the tokens that the server counted, in the currency of the endpoint's prices.</summary>
    public decimal Cost { get; init; }

    /// <summary>What may have been charged beyond that, to be on the safe side: the server told no usage, or its answer was lost on its way. Counts against budgets only.</summary>
    public decimal EstimatedCost { get; init; }

    /// <summary>From sending to the end of the answer.</summary>
    public TimeSpan Latency { get; init; }

    /// <summary>How it ended.</summary>
    public required LlmCallOutcome Outcome { get; init; }

    /// <summary>HTTP status; null where none came.</summary>
    public int? HttpStatus { get; init; }
}

/// <summary>Keeps account of every request sent. Called by several calls at a time.</summary>
public interface ILlmLedger
{
    /// <summary>Records a request, with what it answered: kept together, so that no answered item is asked about again. An exception ends the run.</summary>
    /// <param name="call">The request.</param>
    /// <param name="answers">The items it answered.</param>
    ValueTask RecordAsync(LlmCallRecord call, IReadOnlyList<LlmItemResult> answers);
}
