using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Annotator.Core.Models;

/// <summary>An uploaded model for images.</summary>
public sealed class VisionModel
{
    /// <summary>Identifier.</summary>
    public long Id { get; set; }

    /// <summary>Name, 1 to 200 characters.</summary>
    public required string Name { get; set; }

    /// <summary>Name of the file in the blob store.</summary>
    public required string Blob { get; set; }

    /// <summary>SHA-256 of the file, as hexadecimal.</summary>
    public required string Hash { get; set; }

    /// <summary>Size in bytes.</summary>
    public long Bytes { get; set; }

    /// <summary>A <see cref="ModelSpec"/> as JSON.</summary>
    public required string Spec { get; set; }

    /// <summary>What the check found: inputs, outputs, time, as JSON.</summary>
    public required string Report { get; set; }

    /// <summary>When it came.</summary>
    public DateTimeOffset CreatedAt { get; set; }

    /// <summary>Who sent it.</summary>
    public long? CreatedBy { get; set; }
}

internal sealed class VisionModelConfiguration : IEntityTypeConfiguration<VisionModel>
{
    public void Configure(EntityTypeBuilder<VisionModel> builder)
    {
        builder.ToTable("vision_models");
        builder.HasKey(m => m.Id);
        builder.Property(m => m.Name).HasMaxLength(200);
    }
}
