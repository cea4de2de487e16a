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

    /// <summary>Cost by the configured prices.</summary>
    public double Cost { get; set; }

    /// <summary>How long it took, in milliseconds.</summary>
    public int Milliseconds { get; set; }

    /// <summary>HTTP status; 0 where none came.</summary>
    public int Status { get; set; }

    /// <summary><c>ok</c>, <c>partial</c> or the reason of the failure.</summary>
    public required string Outcome { get; set; }

    /// <summary>When.</summary>
    public DateTimeOffset CreatedAt { get; set; }
}
