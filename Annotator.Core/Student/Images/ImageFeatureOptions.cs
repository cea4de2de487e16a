namespace Annotator.Core.Student.Images;

/// <summary>Features of images: what an encoder says of them, a value for each of its outputs.</summary>
/// <param name="Encoder">Which encoder; students of another one are not comparable.</param>
/// <param name="Dimensions">Number of its outputs.</param>
public sealed record ImageFeatureOptions(string Encoder, int Dimensions) : FeatureOptions
{
    /// <inheritdoc/>
    public override int Buckets => Dimensions;

    internal override bool ByRarity => false;

    /// <inheritdoc/>
    public override SoftmaxOptions Training(bool multiple) => new() { Multiple = multiple, Balanced = true, MinimumRows = 1, Cost = ImageEncoder.Cost };
}
