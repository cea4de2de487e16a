namespace Annotator.Core.Llm;

/// <summary>Bounds and wishes of one run over items.</summary>
public sealed record LlmRunOptions
{
    /// <summary>Money that may be spent, in the currency of the endpoint's prices; null: no bound. It is never passed as long as the server counts tokens rightly.</summary>
    public decimal? Budget { get; init; }

    /// <summary>Money that other sessions spend at the same time.</summary>
    internal IReadOnlyList<LlmPurse> Purses { get; init; } = [];

    /// <summary>Items of a call, 1 to 100; null: those of the endpoint.</summary>
    public int? ItemsPerCall { get; init; }

    /// <summary>Told every request; null: nobody is.</summary>
    public ILlmLedger? Ledger { get; init; }

    /// <summary>Changes texts before they leave, such as taking personal data out; it must keep an item's text apart from those of others. Null: nothing is changed.</summary>
    public Func<string, string>? Mask { get; init; }

    /// <summary>Leads an answer about a changed text back to the text as it was, which it is given; null: answers do not depend on it.</summary>
    internal Func<string, LlmAnswer, LlmAnswer>? Restore { get; init; }

    /// <summary>Requests that may be sent; null: <see cref="DefaultRequests"/> of each part.</summary>
    public int? MaximumRequests { get; init; }

    /// <summary>How often an item is asked about, in answers that came; 1 to 10.</summary>
    public int MaximumItemAttempts { get; init; } = 3;

    /// <summary>
    /// Failed requests in a row after which the server is not asked again, at least 1; null: two for each call under way at a time, and five
    /// at least. A time-out counts twice; an answer of 429 counts only where the server asks for too long a wait.
    /// </summary>
    public int? BreakAfter { get; init; }

    /// <summary>Longest text that is asked about, in UTF-16 characters; a longer one is given back, never cut.</summary>
    public int MaximumTextLength { get; init; } = 32_000;

    /// <summary>Texts of one call together, in UTF-16 characters.</summary>
    public int MaximumCallLength { get; init; } = 64_000;

    /// <summary>Seed of label orders and of the jitter of waits.</summary>
    public int Seed { get; init; }

    /// <summary>Examples for a call, such as the nearest corrections; null: those of the prompt alone.</summary>
    public Func<IReadOnlyList<LlmItem>, IReadOnlyList<LlmExample>>? ExamplesFor { get; init; }

    /// <summary>Decided pictures as examples for a call; null: none.</summary>
    internal Func<IReadOnlyList<LlmItem>, CancellationToken, Task<IReadOnlyList<LlmPictureExample>>>? PicturesFor { get; init; }

    /// <summary>Another prompt for a call, of the same task and with some of the labels of the session's; null: the session's for all.</summary>
    internal Func<IReadOnlyList<LlmItem>, LabellingPrompt>? PromptFor { get; init; }

    /// <summary>The temperature of the calls, 0 to 2: above 0 the same question may be answered in another way.</summary>
    public double Temperature { get; init; }

    /// <summary>The bound on requests that holds where none is set: four for each call that the items need, and sixteen.</summary>
    /// <param name="items">Items of the run.</param>
    /// <param name="itemsPerCall">Items of a call.</param>
    public static int DefaultRequests(int items, int itemsPerCall) =>
        (int)Math.Min(int.MaxValue, (4L * ((items + (long)itemsPerCall - 1) / itemsPerCall)) + 16);

    /// <summary>Throws where a bound makes no sense.</summary>
    internal void Validate()
    {
        ArgumentOutOfRangeException.ThrowIfNegative(Budget ?? 0);
        ArgumentOutOfRangeException.ThrowIfNegative(MaximumRequests ?? 0);
        ArgumentOutOfRangeException.ThrowIfLessThan(ItemsPerCall ?? 1, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(ItemsPerCall ?? 1, 100);
        ArgumentOutOfRangeException.ThrowIfLessThan(MaximumItemAttempts, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(MaximumItemAttempts, 10);
        ArgumentOutOfRangeException.ThrowIfLessThan(BreakAfter ?? 1, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(Temperature);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(Temperature, 2);
        ArgumentOutOfRangeException.ThrowIfLessThan(MaximumTextLength, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(MaximumCallLength, 1);
    }
}

/// <summary>What became of an item.</summary>
/// <param name="Item">The item.</param>
/// <param name="Answer">The answer; null where there is none: then a person decides.</param>
/// <param name="Failure">Why there is none; the last reason where there were several.</param>
/// <param name="Detail">The reason in English; it never quotes text or answer.</param>
/// <param name="Attempts">Answers that came in which the item was asked about.</param>
public sealed record LlmItemResult(LlmItem Item, LlmAnswer? Answer, LlmFailure Failure, string? Detail, int Attempts);

/// <summary>What became of a run.</summary>
/// <param name="Results">One for each item, in the order given.</param>
/// <param name="Requests">Requests sent.</param>
/// <param name="PromptTokens">Tokens sent, as the server counted them.</param>
/// <param name="CompletionTokens">Tokens answered, as the server counted them.</param>
/// <param name="Cost">What it cost, estimates for lost answers included.</param>
public sealed record LlmRunResult(IReadOnlyList<LlmItemResult> Results, int Requests, long PromptTokens, long CompletionTokens, decimal Cost);
