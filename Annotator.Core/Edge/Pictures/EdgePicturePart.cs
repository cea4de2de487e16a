using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Annotator.Core.Edge;

/// <summary>A piece of a picture that a device is sending.</summary>
public sealed class EdgePicturePart
{
    /// <summary>The project.</summary>
    public long ProjectId { get; set; }

    /// <summary>The device.</summary>
    public long DeviceId { get; set; }

    /// <summary>The device's running number of the picture's label.</summary>
    public long Sequence { get; set; }

    /// <summary>Place of the piece in the picture, from 0.</summary>
    public int Number { get; set; }

    /// <summary>SHA-256 of the whole picture, as hexadecimal.</summary>
    public required string Sha256 { get; set; }

    /// <summary>Length of the piece.</summary>
    public long Bytes { get; set; }

    /// <summary>Name of the piece in the blob store.</summary>
    public required string Blob { get; set; }

    /// <summary>When it came.</summary>
    public DateTimeOffset CreatedAt { get; set; }
}

internal sealed class EdgePicturePartConfiguration : IEntityTypeConfiguration<EdgePicturePart>
{
    public void Configure(EntityTypeBuilder<EdgePicturePart> builder)
    {
        builder.ToTable("edge_picture_parts");
        builder.HasKey(p => new { p.DeviceId, p.Sequence, p.Number });
        builder.Property(p => p.Sha256).HasMaxLength(64);
    }
}
