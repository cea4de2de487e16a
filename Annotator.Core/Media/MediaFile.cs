using System.ComponentModel.DataAnnotations.Schema;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Annotator.Core.Media;

/// <summary>An uploaded image or video that is kept under a name of ours, and what was found out about it when it came.</summary>
public sealed class MediaFile
{
    /// <summary>The project.</summary>
    public long ProjectId { get; set; }

    /// <summary>The last part of its address.</summary>
    public required string Name { get; set; }

    /// <summary>Media type, told by its bytes.</summary>
    public required string ContentType { get; set; }

    /// <summary>Size in bytes.</summary>
    public long Bytes { get; set; }

    /// <summary>Width in pixels as it is shown; 0 where it is not known.</summary>
    public int Width { get; set; }

    /// <summary>Height in pixels as it is shown; 0 where it is not known.</summary>
    public int Height { get; set; }

    /// <summary>Name of its thumbnail in the blob store; null where it has none.</summary>
    public string? Thumbnail { get; set; }

    /// <summary>First half of its perceptual hash, as bits.</summary>
    public long? DifferenceHash { get; set; }

    /// <summary>Second half of its perceptual hash, as bits.</summary>
    public long? FrequencyHash { get; set; }

    /// <summary>What was found out about a film; null of an image. It is kept in the item's metadata only.</summary>
    [NotMapped]
    public FilmFacts? Film { get; set; }

    /// <summary>When it came.</summary>
    public DateTimeOffset CreatedAt { get; set; }
}

internal sealed class MediaFileConfiguration : IEntityTypeConfiguration<MediaFile>
{
    public void Configure(EntityTypeBuilder<MediaFile> builder)
    {
        builder.ToTable("media_files");
        builder.HasKey(m => new { m.ProjectId, m.Name });
        builder.Property(m => m.Name).HasMaxLength(64);
    }
}
