using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Annotator.Core.Review.Discussion;

/// <summary>What somebody wrote about an item.</summary>
public sealed class ItemComment
{
    /// <summary>Identifier; grows with time.</summary>
    public long Id { get; set; }

    /// <summary>The project.</summary>
    public long ProjectId { get; set; }

    /// <summary>The item.</summary>
    public long ItemId { get; set; }

    /// <summary>Who wrote it.</summary>
    public long UserId { get; set; }

    /// <summary>What they wrote; empty where it was taken away.</summary>
    public string Text { get; set; } = "";

    /// <summary>When.</summary>
    public DateTimeOffset CreatedAt { get; set; }

    /// <summary>When it was taken away: that it was there stays to be seen.</summary>
    public DateTimeOffset? DeletedAt { get; set; }
}

/// <summary>Somebody who is named in a comment.</summary>
public sealed class CommentMention
{
    /// <summary>The comment.</summary>
    public long CommentId { get; set; }

    /// <summary>Who is named.</summary>
    public long UserId { get; set; }

    /// <summary>The project.</summary>
    public long ProjectId { get; set; }

    /// <summary>When they saw it; null: not yet.</summary>
    public DateTimeOffset? ReadAt { get; set; }
}

internal sealed class ItemCommentConfiguration : IEntityTypeConfiguration<ItemComment>
{
    public void Configure(EntityTypeBuilder<ItemComment> builder)
    {
        builder.ToTable("item_comments");
        builder.HasIndex(c => new { c.ProjectId, c.ItemId, c.Id });
        builder.HasIndex(c => new { c.ProjectId, c.Id });
    }
}

internal sealed class CommentMentionConfiguration : IEntityTypeConfiguration<CommentMention>
{
    public void Configure(EntityTypeBuilder<CommentMention> builder)
    {
        builder.ToTable("comment_mentions");
        builder.HasKey(m => new { m.CommentId, m.UserId });
        builder.HasIndex(m => new { m.UserId, m.ProjectId, m.CommentId });
    }
}
