namespace Annotator.Core.Llm;

/// <summary>A version of the prompt of a project: immutable.</summary>
public sealed class PromptVersion
{
    /// <summary>The project.</summary>
    public long ProjectId { get; set; }

    /// <summary>Number, from 1 in every project.</summary>
    public int Version { get; set; }

    /// <summary>The prompt's parts as JSON.</summary>
    public required string Content { get; set; }

    /// <summary>Whether this is the one in use.</summary>
    public bool Active { get; set; }

    /// <summary>Why it was made.</summary>
    public string? Note { get; set; }

    /// <summary>The version it was made from; null for the first.</summary>
    public int? Parent { get; set; }

    /// <summary>Who made it; null for the product itself.</summary>
    public long? CreatedBy { get; set; }

    /// <summary>What it was last measured at, as JSON (<see cref="Prompts.PromptFigures"/>); null before.</summary>
    public string? Figures { get; set; }

    /// <summary>When.</summary>
    public DateTimeOffset CreatedAt { get; set; }
}

/// <summary>One call to a model: the ledger.</summary>
public sealed class LlmCall
{
    /// <summary>Identifier; grows with time.</summary>
    public long Id { get; set; }

    /// <summary>The project.</summary>
    public long ProjectId { get; set; }

    /// <summary>The run that asked.</summary>
    public long? RunId { get; set; }

    /// <summary>Name of the model.</summary>
    public required string Model { get; set; }

    /// <summary>Prompt version.</summary>
    public int PromptVersion { get; set; }

    /// <summary>How many items were asked about.</summary>
    public int Items { get; set; }

    /// <summary>How many got a valid answer.</summary>
    public int Answered { get; set; }

    /// <summary>Tokens of the request, as the server counted.</summary>
    public long PromptTokens { get; set; }

    /// <summary>Tokens of the answer, as the server counted.</summary>
    public long CompletionTokens { get; set; }

    /// <summary>Cost of these tokens by the configured prices.</summary>
    public double Cost { get; set; }

    /// <summary>What may have been charged beyond that, where the server told no usage.</summary>
    public double EstimatedCost { get; set; }

    /// <summary>How long it took, in milliseconds.</summary>
    public int Milliseconds { get; set; }

    /// <summary>HTTP status; 0 where none came.</summary>
    public int Status { get; set; }

    /// <summary>How it ended: <see cref="LlmCallOutcome"/> by name.</summary>
    public required string Outcome { get; set; }

    /// <summary>When.</summary>
    public DateTimeOffset CreatedAt { get; set; }
}

/// <summary>An OpenAI-compatible endpoint that an administrator has connected.</summary>
public sealed class LlmProvider
{
    /// <summary>Identifier.</summary>
    public long Id { get; set; }

    /// <summary>Name, unique.</summary>
    public required string Name { get; set; }

    /// <summary>Address, model, limits and prices as JSON (<see cref="LlmProviderSettings"/>); no key.</summary>
    public required string Settings { get; set; }

    /// <summary>The key, encrypted by Data Protection; null where the server wants none.</summary>
    public string? ProtectedKey { get; set; }

    /// <summary>What the last test found, as JSON (<see cref="LlmProbeResult"/>); null before.</summary>
    public string? Probe { get; set; }

    /// <summary>When it was made.</summary>
    public DateTimeOffset CreatedAt { get; set; }

    /// <summary>Concurrency token, set by the application.</summary>
    public int Version { get; set; }
}

/// <summary>What a version of a prompt answered about an item when it was measured.</summary>
public sealed class PromptAnswer
{
    /// <summary>The project.</summary>
    public long ProjectId { get; set; }

    /// <summary>The version.</summary>
    public int PromptVersion { get; set; }

    /// <summary>The item.</summary>
    public long ItemId { get; set; }

    /// <summary>The answer as canonical JSON; null where there was none.</summary>
    public string? Value { get; set; }

    /// <summary>Its confidence, 0 to 1; null where there was none.</summary>
    public double? Confidence { get; set; }
}
