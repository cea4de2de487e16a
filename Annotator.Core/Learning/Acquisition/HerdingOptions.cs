namespace Annotator.Core.Learning.Acquisition;

/// <summary>How <see cref="HerdingStrategy"/> weighs what it knows. The defaults measured best over the public sets (docs/active-learning.md).</summary>
public sealed record HerdingOptions
{
    /// <summary>Items looked at closely, 256 to 16,384. Memory grows with its square (4 bytes each), time with its square.</summary>
    /// <value>Default 4,096.</value>
    public int Candidates { get; init; } = 4096;

    /// <summary>Reach of an item's label, relative to the distance at which labels and batch would cover all items evenly; above 0.</summary>
    public double Reach { get; init; } = 1.25;

    /// <summary>Power of the uncertainty: 0 would be coverage alone.</summary>
    public double Sharpness { get; init; } = 2;

    /// <summary>How much items of classes with few labels count more: 0 not at all, 1 in full inverse proportion.</summary>
    public double RareClasses { get; init; } = 0.5;

    /// <summary>Labels a class at which uncertainty counts half and coverage half.</summary>
    public double ColdLabels { get; init; } = 2;

    /// <summary>
    /// Share drawn at random before there is a student, if larger than the request's control share, 0 … 1: what covers evenly shows rare regions too often, and a first
    /// student that saw nothing else thinks them common.
    /// </summary>
    public double FirstRandom { get; init; } = 0.5;

    internal void Validate()
    {
        if (Candidates is < 256 or > 16_384) throw new ArgumentException("Candidates must be 256 … 16,384.", nameof(Candidates));
        if (!(Reach > 0)) throw new ArgumentException("The reach must be above 0.", nameof(Reach));
        if (!(Sharpness >= 0)) throw new ArgumentException("The sharpness must be at least 0.", nameof(Sharpness));
        if (RareClasses is not (>= 0 and <= 1)) throw new ArgumentException("The weight of rare classes must be 0 … 1.", nameof(RareClasses));
        if (FirstRandom is not (>= 0 and <= 1)) throw new ArgumentException("The first random share must be 0 … 1.", nameof(FirstRandom));
        if (!(ColdLabels >= 0)) throw new ArgumentException("Cold labels must be at least 0.", nameof(ColdLabels));
    }
}
