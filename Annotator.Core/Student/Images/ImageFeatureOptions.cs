namespace Annotator.Core.Student.Images;

/// <summary>Features of images: what an encoder says of them, a value for each of its outputs.</summary>
/// <param name="Encoder">Which encoder; students of another one are not comparable.</param>
/// <param name="Dimensions">Number of its outputs.</param>
public sealed record ImageFeatureOptions(string Encoder, int Dimensions) : FeatureOptions
{
    /// <inheritdoc/>
    public override int Buckets => Dimensions;

    /// <summary>The encoder itself, which becomes the front half of a student's file; null of rows that no student is written from.</summary>
    internal ImageEncoder? Source { get; init; }

    internal override bool ByRarity => false;

    /// <inheritdoc/>
    public override SoftmaxOptions Training(bool multiple) => new() { Multiple = multiple, Balanced = true, MinimumRows = 1, Cost = ImageEncoder.Cost };

    /// <inheritdoc/>
    public bool Equals(ImageFeatureOptions? other) => other is not null && string.Equals(Encoder, other.Encoder, StringComparison.Ordinal) && Dimensions == other.Dimensions;

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Encoder, Dimensions);
}
