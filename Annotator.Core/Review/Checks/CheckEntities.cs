using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Annotator.Core.Review.Checks;

/// <summary>An item whose right label is known: shown among the others now and then, to measure people.</summary>
public sealed class GoldItem
{
    /// <summary>The project.</summary>
    public long ProjectId { get; set; }

    /// <summary>The item.</summary>
    public long ItemId { get; set; }

    /// <summary>The right label, as canonical JSON.</summary>
    public required string Value { get; set; }

    /// <summary>Why it is right: shown after a wrong answer, where the project gives feedback.</summary>
    public string? Note { get; set; }

    /// <summary>Who said so.</summary>
    public long? AddedBy { get; set; }

    /// <summary>When.</summary>
    public DateTimeOffset CreatedAt { get; set; }
}

/// <summary>What a check compares with.</summary>
public enum CheckKind
{
    /// <summary>A known label.</summary>
    Gold,

    /// <summary>The person's own earlier label.</summary>
    Repeat,
}

/// <summary>One item shown to one person to measure them. It looks like any other in the queue, and what they say changes no label.</summary>
public sealed class QualityCheck
{
    /// <summary>Identifier, given out as the lease.</summary>
    public required string Id { get; set; }

    /// <summary>The project.</summary>
    public long ProjectId { get; set; }

    /// <summary>The item.</summary>
    public long ItemId { get; set; }

    /// <summary>The person.</summary>
    public long UserId { get; set; }

    /// <summary>What it is compared with.</summary>
    public CheckKind Kind { get; set; }

    /// <summary>The label it is compared with, as canonical JSON.</summary>
    public required string Expected { get; set; }

    /// <summary>The label that was given; null before the answer, and where none was given.</summary>
    public string? Given { get; set; }

    /// <summary>Whether the answer was the expected one; null where there is none, or the person skipped or flagged.</summary>
    public bool? Correct { get; set; }

    /// <summary>Active time spent, in seconds.</summary>
    public double? Seconds { get; set; }

    /// <summary>The pre-label that was shown, as canonical JSON.</summary>
    public string? ShownValue { get; set; }

    /// <summary>When it was shown.</summary>
    public DateTimeOffset CreatedAt { get; set; }

    /// <summary>Until when an answer is waited for.</summary>
    public DateTimeOffset ExpiresAt { get; set; }

    /// <summary>When it was answered.</summary>
    public DateTimeOffset? AnsweredAt { get; set; }
}

/// <summary>A stretch of time in which a person gets no work in a project, because their measured accuracy fell too low or a lead said so.</summary>
public sealed class AnnotatorPause
{
    /// <summary>Identifier.</summary>
    public long Id { get; set; }

    /// <summary>The project.</summary>
    public long ProjectId { get; set; }

    /// <summary>The person.</summary>
    public long UserId { get; set; }

    /// <summary>Known labels answered rightly, of <see cref="Answered"/>, when it began; 0 where a lead began it.</summary>
    public int Correct { get; set; }

    /// <summary>Known labels answered when it began; 0 where a lead began it.</summary>
    public int Answered { get; set; }

    /// <summary>Labels from this moment on were put back into the queue; null: none were.</summary>
    public DateTimeOffset? TakenBackFrom { get; set; }

    /// <summary>When it began.</summary>
    public DateTimeOffset CreatedAt { get; set; }

    /// <summary>Who began it; null: the rule.</summary>
    public long? CreatedBy { get; set; }

    /// <summary>When it ended; null: it lasts.</summary>
    public DateTimeOffset? EndedAt { get; set; }

    /// <summary>Who ended it.</summary>
    public long? EndedBy { get; set; }
}

internal sealed class GoldItemConfiguration : IEntityTypeConfiguration<GoldItem>
{
    public void Configure(EntityTypeBuilder<GoldItem> builder)
    {
        builder.ToTable("gold_items");
        builder.HasKey(g => new { g.ProjectId, g.ItemId });
    }
}

internal sealed class QualityCheckConfiguration : IEntityTypeConfiguration<QualityCheck>
{
    public void Configure(EntityTypeBuilder<QualityCheck> builder)
    {
        builder.ToTable("quality_checks");
        builder.HasKey(c => c.Id);
        builder.Property(c => c.Id).HasMaxLength(40);
        builder.HasIndex(c => new { c.ProjectId, c.UserId, c.AnsweredAt });
        builder.HasIndex(c => new { c.ProjectId, c.ItemId });
    }
}

internal sealed class AnnotatorPauseConfiguration : IEntityTypeConfiguration<AnnotatorPause>
{
    public void Configure(EntityTypeBuilder<AnnotatorPause> builder)
    {
        builder.ToTable("annotator_pauses");
        builder.HasIndex(p => new { p.ProjectId, p.UserId, p.Id });
    }
}
