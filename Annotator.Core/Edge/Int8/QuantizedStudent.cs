using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Annotator.Core.Edge;

/// <summary>A student version with weights of eight bits, and what that costs, measured on labels of people that the measured model had not seen.</summary>
public sealed class QuantizedStudent
{
    /// <summary>The project.</summary>
    public long ProjectId { get; set; }

    /// <summary>The student version.</summary>
    public int Version { get; set; }

    /// <summary>Name of the ONNX file in the blob store; empty where there is none, or none any more.</summary>
    public string Blob { get; set; } = "";

    /// <summary>SHA-256 of the file, as hexadecimal.</summary>
    public string Hash { get; set; } = "";

    /// <summary>Size of the file in bytes.</summary>
    public long Bytes { get; set; }

    /// <summary>Size of the file it was made of.</summary>
    public long FullBytes { get; set; }

    /// <summary>Items with labels of people that were held out.</summary>
    public int HeldOut { get; set; }

    /// <summary>On how many of them the full model is right.</summary>
    public int FullRight { get; set; }

    /// <summary>On how many of them the one of eight bits is right.</summary>
    public int Right { get; set; }

    /// <summary>On how many of them the two say different things.</summary>
    public int Changed { get; set; }

    /// <summary>Why it could not be made or measured; null where it was.</summary>
    public string? Reason { get; set; }

    /// <summary>When.</summary>
    public DateTimeOffset CreatedAt { get; set; }

    /// <summary>By how much its accuracy is below that of the full model; null where it was not measured. Below zero: it is better, by chance.</summary>
    public double? Loss => HeldOut > 0 ? (double)(FullRight - Right) / HeldOut : null;

    /// <summary>Why it may not go to devices; null where it may.</summary>
    /// <param name="mostLoss">The greatest loss of accuracy that is taken.</param>
    public string? RefusedFor(double mostLoss)
    {
        if (Reason is not null) return Reason;
        if (Loss is not { } loss) return "It was not measured.";
        if (Blob.Length == 0) return "Its file is no longer kept.";
        return loss <= mostLoss ? null : string.Create(System.Globalization.CultureInfo.InvariantCulture, $"It loses {loss:0.0%} of accuracy ({FullRight} and {Right} right of {HeldOut}), more than {mostLoss:0.0%} (settings.edge.mostInt8Loss).");
    }
}

internal sealed class QuantizedStudentConfiguration : IEntityTypeConfiguration<QuantizedStudent>
{
    public void Configure(EntityTypeBuilder<QuantizedStudent> builder)
    {
        builder.ToTable("quantized_students");
        builder.HasKey(q => new { q.ProjectId, q.Version });
        builder.Ignore(q => q.Loss);
    }
}
