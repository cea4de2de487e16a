using Annotator.Core.Items;

namespace Annotator.Core.Review;

/// <summary>An item that waits for people: a narrow row, so that re-ranking and leasing touch little.</summary>
public sealed class QueueEntry
{
    /// <summary>The project.</summary>
    public long ProjectId { get; set; }

    /// <summary>The item.</summary>
    public long ItemId { get; set; }

    /// <summary>The annotator who decided or skipped it last; 0 for nobody; minus the id of a <see cref="Work.WorkLane"/> where it is for some people only. Part of the index, so that nobody wades through what they have done or may not have.</summary>
    public long LastAnnotatorId { get; set; }

    /// <summary>Order: smallest first.</summary>
    public double Rank { get; set; }

    /// <summary>How many more people may lease it now.</summary>
    public int Open { get; set; }

    /// <summary>Why it is here.</summary>
    public QueueReason Reason { get; set; }

    /// <summary>Whether it is shown without a pre-label.</summary>
    public bool Blind { get; set; }

    /// <summary>Whether it waits for the people who sign; not stored, it is on its way to their lane.</summary>
    internal bool Signs { get; set; }
}

/// <summary>An item lent to an annotator for a while, with what was shown.</summary>
public sealed class Lease
{
    /// <summary>Identifier, not guessable.</summary>
    public required string Id { get; set; }

    /// <summary>The project.</summary>
    public long ProjectId { get; set; }

    /// <summary>The item.</summary>
    public long ItemId { get; set; }

    /// <summary>The annotator.</summary>
    public long UserId { get; set; }

    /// <summary>When it ends, on the database's clock.</summary>
    public DateTimeOffset ExpiresAt { get; set; }

    /// <summary>The pre-label that was shown, as canonical JSON.</summary>
    public string? PredictionValue { get; set; }

    /// <summary>Its confidence.</summary>
    public double? PredictionConfidence { get; set; }

    /// <summary>Who made it.</summary>
    public LabelSource? PredictionSource { get; set; }

    /// <summary>Which version of it.</summary>
    public int? PredictionVersion { get; set; }

    /// <summary>Whether the item was shown without its pre-label.</summary>
    public bool Blind { get; set; }

    /// <summary>Why the item was shown.</summary>
    public QueueReason Reason { get; set; }
}

/// <summary>What a person did with an item.</summary>
public enum DecisionAction
{
    /// <summary>The pre-label is right.</summary>
    Accept,

    /// <summary>This is the label (also where there was no pre-label).</summary>
    Correct,

    /// <summary>Not by me.</summary>
    Skip,

    /// <summary>A lead should look at it.</summary>
    Flag,

    /// <summary>The pre-label is wrong; the right one is not given.</summary>
    Reject,

    /// <summary>Takes an earlier decision back.</summary>
    Undo,

    /// <summary>Came with the data.</summary>
    Import,
}

/// <summary>What became of a decision.</summary>
public enum DecisionStatus
{
    /// <summary>Counts.</summary>
    Recorded,

    /// <summary>Somebody else had decided the item; kept in its history.</summary>
    Conflict,

    /// <summary>No such item, or nothing to accept.</summary>
    Unknown,
}

/// <summary>A person's decision: a fact, appended and never overwritten. The label is derived from the decisions.</summary>
public sealed class Decision
{
    /// <summary>Identifier; grows with time.</summary>
    public long Id { get; set; }

    /// <summary>The project.</summary>
    public long ProjectId { get; set; }

    /// <summary>The item.</summary>
    public long ItemId { get; set; }

    /// <summary>The annotator; null for labels that came with the data and name nobody.</summary>
    public long? UserId { get; set; }

    /// <summary>What was done.</summary>
    public DecisionAction Action { get; set; }

    /// <summary>The label that was given, as canonical JSON.</summary>
    public string? Value { get; set; }

    /// <summary>What became of it.</summary>
    public DecisionStatus Status { get; set; }

    /// <summary>The pre-label that was shown, as canonical JSON; null where none was.</summary>
    public string? ShownValue { get; set; }

    /// <summary>Confidence of the pre-label that was shown.</summary>
    public double? ShownConfidence { get; set; }

    /// <summary>Who made the pre-label that was shown.</summary>
    public LabelSource? ShownSource { get; set; }

    /// <summary>Which version of it.</summary>
    public int? ShownVersion { get; set; }

    /// <summary>Whether the item was shown without its pre-label.</summary>
    public bool Blind { get; set; }

    /// <summary>Whether the item was an audit draw when it was decided.</summary>
    public bool Audit { get; set; }

    /// <summary>Whether it is a lead's last word: the item has this label, whatever others said.</summary>
    public bool Settles { get; set; }

    /// <summary>Active time spent, in seconds.</summary>
    public double? Seconds { get; set; }

    /// <summary>The annotator's remark.</summary>
    public string? Comment { get; set; }

    /// <summary>For an undo: the decision that is taken back.</summary>
    public long? UndoesId { get; set; }

    /// <summary>For a decision that was taken back: the undo.</summary>
    public long? UndoneById { get; set; }

    /// <summary>Version of the label schema it was made under.</summary>
    public int SchemaVersion { get; set; }

    /// <summary>When.</summary>
    public DateTimeOffset CreatedAt { get; set; }
}
