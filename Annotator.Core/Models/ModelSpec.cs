using System.ComponentModel.DataAnnotations;

namespace Annotator.Core.Models;

/// <summary>What an uploaded model is for.</summary>
public enum ModelKind
{
    /// <summary>Says the class of an image.</summary>
    Classifier,

    /// <summary>Finds boxes.</summary>
    Detector,

    /// <summary>Says what an image is like, in numbers that students learn from.</summary>
    Encoder,
}

/// <summary>How the outputs of a detector are laid out.</summary>
public enum DetectorLayout
{
    /// <summary>Not a detector.</summary>
    None,

    /// <summary>YOLOX as exported: [1, n, 5 + classes], offsets in the cells of strides 8, 16 and 32, sizes as logarithms (Ge et al. 2021).</summary>
    Yolox,

    /// <summary>YOLOv5 to v7: [1, n, 5 + classes], centre, size and objectness in pixels.</summary>
    Yolov5,

    /// <summary>YOLOv8 and later: [1, 4 + classes, n], centre and size in pixels, no objectness.</summary>
    Yolov8,

    /// <summary>DETR: [1, n, classes + 1] logits and [1, n, 4] centre and size as parts of the image (Carion et al. 2020).</summary>
    Detr,

    /// <summary>[1, n, classes with background first] scores and [1, n, 4] corners as parts of the image (SSD and the like).</summary>
    ScoresAndCorners,

    /// <summary>FastestDet: [1, 5 + classes, rows, columns], objectness, offset, size and classes of each cell (Ma 2022).</summary>
    FastestDet,

    /// <summary>YuNet: <c>cls</c>, <c>obj</c> and <c>bbox</c> for each of the strides 8, 16 and 32 (Wu et al. 2023).</summary>
    YuNet,
}

/// <summary>How an image goes into a model and an answer comes out.</summary>
public sealed record ModelSpec : IValidatableObject
{
    /// <summary>The kind.</summary>
    public ModelKind Kind { get; init; } = ModelKind.Detector;

    /// <summary>Layout of a detector's outputs; null: found out from their shapes.</summary>
    public DetectorLayout? Layout { get; init; }

    /// <summary>Names of the classes in the order of the model's numbers.</summary>
    public IReadOnlyList<string> Labels { get; init; } = [];

    /// <summary>Whether the model takes blue before red.</summary>
    public bool Bgr { get; init; }

    /// <summary>Values that a byte of 0 to 255 is divided by; 1: none.</summary>
    [Range(0.001, 1_000_000)]
    public double Divisor { get; init; } = 255;

    /// <summary>Subtracted from each channel after the division; empty: nothing.</summary>
    public IReadOnlyList<double> Mean { get; init; } = [];

    /// <summary>Each channel is divided by this after that; empty: nothing.</summary>
    public IReadOnlyList<double> Deviation { get; init; } = [];

    /// <summary>Whether the image keeps its shape, in the top left corner of grey (114); else it is stretched.</summary>
    public bool Letterbox { get; init; } = true;

    /// <summary>Overlap from which the weaker of two boxes of a class is dropped.</summary>
    [Range(0.05, 1)]
    public double Suppression { get; init; } = 0.45;

    /// <summary>Boxes below this score are not pre-labels, 0 to 1.</summary>
    [Range(0, 1)]
    public double Threshold { get; init; } = 0.3;

    /// <inheritdoc/>
    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        var named = Kind != ModelKind.Encoder;
        if (!named && Labels is { Count: > 0 }) yield return new("An encoder has no labels.", [nameof(Labels)]);
        if (Labels is null || (named && Labels.Count == 0) || Labels.Count > 10_000 || Labels.Any(l => string.IsNullOrWhiteSpace(l) || l.Length > 200)) yield return new("1 to 10,000 names of 1 to 200 characters are needed.", [nameof(Labels)]);
        if (Mean is null || Mean.Count is not (0 or 1 or 3) || Mean.Any(m => !double.IsFinite(m))) yield return new("None, one or three numbers.", [nameof(Mean)]);
        if (Deviation is null || Deviation.Count is not (0 or 1 or 3) || Deviation.Any(d => !(d > 0) || !double.IsFinite(d))) yield return new("None, one or three numbers above 0.", [nameof(Deviation)]);
    }
}
