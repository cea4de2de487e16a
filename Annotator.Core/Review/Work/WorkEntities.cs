using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Annotator.Core.Review.Work;

/// <summary>
/// A part of the queue that only some people are lent from. Its entries carry minus the lane's id as <see cref="QueueEntry.LastAnnotatorId"/>, so that they
/// stand apart in the queue's index and nobody wades through what is not for them.
/// </summary>
public sealed class WorkLane
{
    /// <summary>Identifier.</summary>
    public long Id { get; set; }

    /// <summary>The project.</summary>
    public long ProjectId { get; set; }

    /// <summary>The person; 0 where it is a group's.</summary>
    public long UserId { get; set; }

    /// <summary>The group's name; empty where it is a person's.</summary>
    public string GroupName { get; set; } = "";
}

/// <summary>Items given to a person or a group.</summary>
public sealed class Assignment
{
    /// <summary>Identifier.</summary>
    public long Id { get; set; }

    /// <summary>The project.</summary>
    public long ProjectId { get; set; }

    /// <summary>The lane.</summary>
    public long LaneId { get; set; }

    /// <summary>What it is about; may be empty.</summary>
    public string Note { get; set; } = "";

    /// <summary>Until when it is to be done; null: no such time.</summary>
    public DateTimeOffset? DueAt { get; set; }

    /// <summary>Items that were assigned.</summary>
    public int Items { get; set; }

    /// <summary>Who assigned them.</summary>
    public long CreatedBy { get; set; }

    /// <summary>When.</summary>
    public DateTimeOffset CreatedAt { get; set; }

    /// <summary>When it was taken back; null: it holds.</summary>
    public DateTimeOffset? EndedAt { get; set; }
}

/// <summary>An item that is for somebody; the newest assignment holds.</summary>
public sealed class AssignedItem
{
    /// <summary>The project.</summary>
    public long ProjectId { get; set; }

    /// <summary>The item.</summary>
    public long ItemId { get; set; }

    /// <summary>The lane.</summary>
    public long LaneId { get; set; }

    /// <summary>The assignment.</summary>
    public long AssignmentId { get; set; }
}

internal sealed class WorkLaneConfiguration : IEntityTypeConfiguration<WorkLane>
{
    public void Configure(EntityTypeBuilder<WorkLane> builder)
    {
        builder.ToTable("work_lanes");
        builder.Property(l => l.GroupName).HasMaxLength(100);
        builder.HasIndex(l => new { l.ProjectId, l.UserId, l.GroupName }).IsUnique();
    }
}

internal sealed class AssignmentConfiguration : IEntityTypeConfiguration<Assignment>
{
    public void Configure(EntityTypeBuilder<Assignment> builder)
    {
        builder.ToTable("assignments");
        builder.Property(a => a.Note).HasMaxLength(WorkSettings.MaxNote);
        builder.HasIndex(a => new { a.ProjectId, a.Id });
    }
}

internal sealed class AssignedItemConfiguration : IEntityTypeConfiguration<AssignedItem>
{
    public void Configure(EntityTypeBuilder<AssignedItem> builder)
    {
        builder.ToTable("assigned_items");
        builder.HasKey(a => new { a.ProjectId, a.ItemId });
        builder.HasIndex(a => new { a.ProjectId, a.AssignmentId, a.ItemId });
    }
}
