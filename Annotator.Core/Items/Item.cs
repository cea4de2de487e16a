using Annotator.Core.Labels;

namespace Annotator.Core.Items;

/// <summary>Where an item stands. <c>inReview</c> is no state of its own: it is <see cref="Queued"/> with a live lease.</summary>
public enum ItemState
{
    /// <summary>Stored, not yet seen by the cascade.</summary>
    New,

    /// <summary>Has a pre-label and waits for nobody: the cascade goes on with it by itself.</summary>
    Prelabelled,

    /// <summary>Waits for a person.</summary>
    Queued,

    /// <summary>Has its label.</summary>
    Final,
}

/// <summary>Who or what said something of an item.</summary>
public enum LabelSource
{
    /// <summary>A person of this installation.</summary>
    Human,

    /// <summary>Accepted without a person, within the target.</summary>
    Auto,

    /// <summary>Taken over from a near-duplicate or from neighbours.</summary>
    Propagated,

    /// <summary>Came with the data.</summary>
    Import,

    /// <summary>The student model.</summary>
    Student,

    /// <summary>A large language model.</summary>
    Llm,

    /// <summary>A weak first guess from the names and descriptions of the labels.</summary>
    Hint,
}

/// <summary>Where the cascade sent an item.</summary>
public enum Route
{
    /// <summary>Accepted without a person.</summary>
    Auto,

    /// <summary>Waits for the LLM.</summary>
    Llm,

    /// <summary>Waits for a person.</summary>
    Human,
}

/// <summary>Why an item is shown to a person.</summary>
public enum QueueReason
{
    /// <summary>Part of a diverse first sample.</summary>
    Diverse,

    /// <summary>The models are unsure.</summary>
    Uncertain,

    /// <summary>Student and LLM say different things.</summary>
    Disagreement,

    /// <summary>A class that has few examples is expected here.</summary>
    RareClass,

    /// <summary>Drawn at random.</summary>
    Random,

    /// <summary>Nothing could pre-label it.</summary>
    NoPrediction,

    /// <summary>The LLM failed on it.</summary>
    LlmFailed,

    /// <summary>People disagree on it.</summary>
    PeopleDisagree,

    /// <summary>A person asked to have it looked at again.</summary>
    Reopened,

    /// <summary>Was accepted, and later evidence spoke against it.</summary>
    TakenBack,

    /// <summary>A pre-label was rejected without a better one.</summary>
    Rejected,

    /// <summary>Arrived by the streaming API and could not wait.</summary>
    Urgent,
}

/// <summary>One thing to be labelled. Rows are keyed by (project, id).</summary>
public sealed class Item
{
    /// <summary>The project.</summary>
    public long ProjectId { get; set; }

    /// <summary>Identifier, unique over all projects; grows with time of arrival.</summary>
    public long Id { get; set; }

    /// <summary>The caller's name for it, unique in the project.</summary>
    public required string Key { get; set; }

    /// <summary>The text, for text projects.</summary>
    public string? Text { get; set; }

    /// <summary>Address of the medium, for images and video.</summary>
    public string? Url { get; set; }

    /// <summary>The caller's other fields, as a JSON object.</summary>
    public string? Metadata { get; set; }

    /// <summary>Near-duplicate group: the id of its first item; null where the item stands alone.</summary>
    public long? GroupId { get; set; }

    /// <summary>Where it stands. Changed through <see cref="ItemTransitions"/> only.</summary>
    public ItemState State { get; set; }

    /// <summary>The pre-label's value as canonical JSON.</summary>
    public string? PredictionValue { get; set; }

    /// <summary>Calibrated probability that the pre-label is right.</summary>
    public double? PredictionConfidence { get; set; }

    /// <summary>Who made the pre-label.</summary>
    public LabelSource? PredictionSource { get; set; }

    /// <summary>Student or prompt version that made the pre-label.</summary>
    public int? PredictionVersion { get; set; }

    /// <summary>Where the cascade sent it.</summary>
    public Route? Route { get; set; }

    /// <summary>The label's value as canonical JSON; null before the item is final.</summary>
    public string? LabelValue { get; set; }

    /// <summary>Where the label came from.</summary>
    public LabelSource? LabelSource { get; set; }

    /// <summary>Probability that the label is right, as known when it was decided.</summary>
    public double? LabelConfidence { get; set; }

    /// <summary>When the label was decided.</summary>
    public DateTimeOffset? DecidedAt { get; set; }

    /// <summary>How many people have decided it.</summary>
    public int Votes { get; set; }

    /// <summary>Whether a person asked for it to be looked at by a lead.</summary>
    public bool Flagged { get; set; }

    /// <summary>Whether the item is an audit draw: shown without a pre-label, and counted for the certificate.</summary>
    public bool Audit { get; set; }

    /// <summary>Until when a person should have decided it; null where nobody waits for it.</summary>
    public DateTimeOffset? DueAt { get; set; }

    /// <summary>The device that sent it; null where it came another way.</summary>
    public long? DeviceId { get; set; }

    /// <summary>When it arrived.</summary>
    public DateTimeOffset CreatedAt { get; set; }

    /// <summary>Concurrency token, set by the application.</summary>
    public int Version { get; set; }

    /// <summary>The label, parsed.</summary>
    public LabelValue? Label => LabelValue is null ? null : LabelJson.Read(LabelValue);

    /// <summary>The pre-label, parsed.</summary>
    public LabelValue? Prediction => PredictionValue is null ? null : LabelJson.Read(PredictionValue);
}

/// <summary>The newest prediction of one labeller for one item.</summary>
public sealed class Prediction
{
    /// <summary>The project.</summary>
    public long ProjectId { get; set; }

    /// <summary>The item.</summary>
    public long ItemId { get; set; }

    /// <summary>The kind of labeller.</summary>
    public LabelSource Source { get; set; }

    /// <summary>Student or prompt version.</summary>
    public int Version { get; set; }

    /// <summary>Value as canonical JSON; null where the labeller failed.</summary>
    public string? Value { get; set; }

    /// <summary>What the labeller itself stated, 0 to 1.</summary>
    public double Confidence { get; set; }

    /// <summary>Why it failed, where it did.</summary>
    public string? Failure { get; set; }

    /// <summary>When.</summary>
    public DateTimeOffset CreatedAt { get; set; }
}

/// <summary>Something that happened to an item: appended, never changed.</summary>
public sealed class ItemEvent
{
    /// <summary>Identifier; grows with time.</summary>
    public long Id { get; set; }

    /// <summary>The project.</summary>
    public long ProjectId { get; set; }

    /// <summary>The item.</summary>
    public long ItemId { get; set; }

    /// <summary>What happened: <c>accepted</c>, <c>decided</c>, <c>takenBack</c>, <c>undone</c>, <c>flagged</c>, <c>propagated</c>, <c>reopened</c>, ….</summary>
    public required string Kind { get; set; }

    /// <summary>Value that it concerns, as canonical JSON.</summary>
    public string? Value { get; set; }

    /// <summary>More, for people to read.</summary>
    public string? Detail { get; set; }

    /// <summary>Who, where a person did it.</summary>
    public long? UserId { get; set; }

    /// <summary>When.</summary>
    public DateTimeOffset CreatedAt { get; set; }
}

/// <summary>A counter of a project, kept in the transaction of what it counts.</summary>
public sealed class ProjectCounter
{
    /// <summary>The project.</summary>
    public long ProjectId { get; set; }

    /// <summary>What is counted: <c>state:queued</c>, <c>source:human</c>, <c>decisions:human</c>, ….</summary>
    public required string Name { get; set; }

    /// <summary>The count.</summary>
    public long Value { get; set; }
}
