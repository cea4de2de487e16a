using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Annotator.Core.Models.Encoders;

/// <summary>An uploaded encoder of texts.</summary>
public sealed class TextEncoderRow
{
    /// <summary>Identifier.</summary>
    public long Id { get; set; }

    /// <summary>Name, 1 to 200 characters.</summary>
    public required string Name { get; set; }

    /// <summary>Counts the uploads of the name, from 1.</summary>
    public int Version { get; set; }

    /// <summary>Name of the ONNX file in the blob store.</summary>
    public required string Blob { get; set; }

    /// <summary>A list of <see cref="EncoderFile"/> as JSON: the files of the tokenizer.</summary>
    public required string Files { get; set; }

    /// <summary>SHA-256 of the model and its tokenizer's files, as hexadecimal.</summary>
    public required string Hash { get; set; }

    /// <summary>Size of all files in bytes.</summary>
    public long Bytes { get; set; }

    /// <summary>A <see cref="TextEncoderSpec"/> as JSON.</summary>
    public required string Spec { get; set; }

    /// <summary>A <see cref="TextEncoderReport"/> as JSON.</summary>
    public required string Report { get; set; }

    /// <summary>When it came.</summary>
    public DateTimeOffset CreatedAt { get; set; }

    /// <summary>Who sent it.</summary>
    public long? CreatedBy { get; set; }
}

/// <summary>A file of an encoder's tokenizer.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Blob">Its name in the blob store.</param>
/// <param name="Bytes">Its size.</param>
public sealed record EncoderFile(TokenizerFileKind Kind, string Blob, long Bytes);

internal sealed class TextEncoderConfiguration : IEntityTypeConfiguration<TextEncoderRow>
{
    public void Configure(EntityTypeBuilder<TextEncoderRow> builder)
    {
        builder.ToTable("text_encoders");
        builder.HasKey(e => e.Id);
        builder.Property(e => e.Name).HasMaxLength(200);
        builder.HasIndex(e => new { e.Name, e.Version }).IsUnique();
    }
}
