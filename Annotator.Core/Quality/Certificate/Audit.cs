namespace Annotator.Core.Quality.Certificate;

/// <summary>Where an audit stands.</summary>
public enum AuditState
{
    /// <summary>Items are drawn and people answer.</summary>
    Running,

    /// <summary>The bound meets the target; what nobody has decided is being accepted.</summary>
    Passed,

    /// <summary>Passed, and everything is accepted.</summary>
    Settled,

    /// <summary>Given up: the labels or the settings of the project changed under it. Its share of the error probability is spent.</summary>
    Abandoned,
}

/// <summary>
/// An audit of all proposed labels that no person has decided: the proposals are frozen in a file, items are drawn by risk, and what people say bounds the
/// number of wrong ones. With its records it can be recomputed to the last digit (rule 8).
/// </summary>
public sealed class Audit
{
    /// <summary>The project.</summary>
    public long ProjectId { get; set; }

    /// <summary>Number, from 1 in every project.</summary>
    public int Number { get; set; }

    /// <summary>Where it stands.</summary>
    public AuditState State { get; set; }

    /// <summary>Seed of the draws.</summary>
    public long Seed { get; set; }

    /// <summary>Error probability of the bound.</summary>
    public double Alpha { get; set; }

    /// <summary>Accuracy asked for when it began.</summary>
    public double Target { get; set; }

    /// <summary>Confidence of the whole statement.</summary>
    public double Confidence { get; set; }

    /// <summary>Wrong labels that could remain when it began: what the weights of the draws were chosen for.</summary>
    public double Allowed { get; set; }

    /// <summary>Items that people (or the data) had decided when it began.</summary>
    public int DecidedBefore { get; set; }

    /// <summary>Items whose proposals it covers.</summary>
    public int Population { get; set; }

    /// <summary>Version of the label schema; another one ends the audit.</summary>
    public int SchemaVersion { get; set; }

    /// <summary>Student that made the proposals.</summary>
    public int StudentVersion { get; set; }

    /// <summary>Classes of the frozen proposals in order, as a JSON list.</summary>
    public required string Classes { get; set; }

    /// <summary>The frozen proposals in the blob store, see <see cref="FrozenProposals"/>.</summary>
    public required string Blob { get; set; }

    /// <summary>When it began.</summary>
    public DateTimeOffset StartedAt { get; set; }

    /// <summary>When it passed or was given up.</summary>
    public DateTimeOffset? EndedAt { get; set; }
}

/// <summary>An item that left the population of an audit, in order: a draw, or a decision that no draw asked for.</summary>
public sealed class AuditRecord
{
    /// <summary>The project.</summary>
    public long ProjectId { get; set; }

    /// <summary>The audit.</summary>
    public int Number { get; set; }

    /// <summary>Place in the order, from 0.</summary>
    public int Ordinal { get; set; }

    /// <summary>The item.</summary>
    public long ItemId { get; set; }

    /// <summary>Whether it was drawn.</summary>
    public AuditEntry Kind { get; set; }

    /// <summary>Whether the frozen proposal was wrong; null while nobody has said.</summary>
    public bool? Wrong { get; set; }

    /// <summary>When it was drawn, or found to be decided.</summary>
    public DateTimeOffset CreatedAt { get; set; }
}
