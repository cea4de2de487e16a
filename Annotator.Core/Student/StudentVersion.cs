namespace Annotator.Core.Student;

/// <summary>A trained student: immutable.</summary>
public sealed class StudentVersion
{
    /// <summary>The project.</summary>
    public long ProjectId { get; set; }

    /// <summary>Number, from 1 in every project.</summary>
    public int Version { get; set; }

    /// <summary>Name of the ONNX file in the blob store.</summary>
    public required string Blob { get; set; }

    /// <summary>SHA-256 of the ONNX file, as hexadecimal.</summary>
    public required string Hash { get; set; }

    /// <summary>Classes in the order of the model's probabilities, as a JSON list.</summary>
    public required string Classes { get; set; }

    /// <summary>How many labels it was trained on.</summary>
    public int TrainedOn { get; set; }

    /// <summary>How many decisions of people there were.</summary>
    public int Decisions { get; set; }

    /// <summary>Accuracy out of fold on people's labels; null with too few to tell.</summary>
    public double? Accuracy { get; set; }

    /// <summary>Expected calibration error (15 bins) out of fold.</summary>
    public double? Ece { get; set; }

    /// <summary>Everything else that was measured, as JSON.</summary>
    public string Metrics { get; set; } = "{}";

    /// <summary>Size of the file in bytes.</summary>
    public long Bytes { get; set; }

    /// <summary>How long training took, in milliseconds.</summary>
    public int TrainingMilliseconds { get; set; }

    /// <summary>When.</summary>
    public DateTimeOffset CreatedAt { get; set; }
}
