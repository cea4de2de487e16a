namespace Annotator.Core.Runs;

/// <summary>State of a run.</summary>
public enum RunState
{
    /// <summary>Waits for a worker.</summary>
    Queued,

    /// <summary>A worker is at it.</summary>
    Running,

    /// <summary>Done.</summary>
    Succeeded,

    /// <summary>Ended by an error that repeating does not mend.</summary>
    Failed,

    /// <summary>Ended by a person.</summary>
    Cancelled,
}

/// <summary>A long piece of work: a row that outlives its process. Rule 1 of the design.</summary>
public sealed class Run
{
    /// <summary>Identifier.</summary>
    public long Id { get; set; }

    /// <summary>The project.</summary>
    public long ProjectId { get; set; }

    /// <summary>What kind of work; names a <see cref="IRunHandler"/>.</summary>
    public required string Kind { get; set; }

    /// <summary>Arguments as JSON.</summary>
    public string Options { get; set; } = "{}";

    /// <summary>State.</summary>
    public RunState State { get; set; }

    /// <summary>How far the work has come, in the handler's own JSON; committed with the effects up to there.</summary>
    public string? Cursor { get; set; }

    /// <summary>Units done.</summary>
    public long Done { get; set; }

    /// <summary>Units in all; 0 while unknown.</summary>
    public long Total { get; set; }

    /// <summary>Units that could not be read; see <see cref="RunRejection"/>.</summary>
    public long Rejected { get; set; }

    /// <summary>What is going on, or why it failed, for people.</summary>
    public string? Message { get; set; }

    /// <summary>Result as JSON.</summary>
    public string? Result { get; set; }

    /// <summary>The worker that holds it: a new random text for every execution; every step checks it.</summary>
    public string? Owner { get; set; }

    /// <summary>Until when the owner is believed to live without a further sign, on the database's clock.</summary>
    public DateTimeOffset? OwnedUntil { get; set; }

    /// <summary>How often it was started.</summary>
    public int Attempts { get; set; }

    /// <summary>Whether a person asked it to stop.</summary>
    public bool CancelRequested { get; set; }

    /// <summary>When it was asked for.</summary>
    public DateTimeOffset CreatedAt { get; set; }

    /// <summary>Who asked; null for the product itself.</summary>
    public long? CreatedBy { get; set; }

    /// <summary>When it was first started.</summary>
    public DateTimeOffset? StartedAt { get; set; }

    /// <summary>When it ended.</summary>
    public DateTimeOffset? FinishedAt { get; set; }
}

/// <summary>A part of a run's input that could not be read.</summary>
public sealed class RunRejection
{
    /// <summary>The run.</summary>
    public long RunId { get; set; }

    /// <summary>Line number in the input, from 1.</summary>
    public long Line { get; set; }

    /// <summary>Running number within the line.</summary>
    public int Ordinal { get; set; }

    /// <summary>What is wrong.</summary>
    public required string Reason { get; set; }

    /// <summary>The beginning of the line.</summary>
    public string? Excerpt { get; set; }
}
