namespace Annotator.Core.Learning.Representation;

/// <summary>How an <see cref="EmbeddingSpace"/> is learned.</summary>
public sealed record EmbeddingOptions
{
    /// <summary>Length of a row, 2 to 256.</summary>
    /// <value>Default 96.</value>
    public int Dimensions { get; init; } = 96;

    /// <summary>How many texts, drawn at random, the space is learned from; at least 1.</summary>
    /// <value>Default 50,000.</value>
    public int SampleSize { get; init; } = 50_000;

    /// <summary>How many n-grams count, the most frequent ones; at least 16.</summary>
    /// <value>Default 65,536; with 96 dimensions the space then takes 26 MB.</value>
    public int MaximumFeatures { get; init; } = 65_536;

    /// <summary>An n-gram counts only where at least this many sampled texts have it.</summary>
    /// <value>Default 2.</value>
    public int MinimumDocumentFrequency { get; init; } = 2;

    /// <summary>Rounds of subspace iteration; each sharpens the order of the singular vectors. 1 to 50.</summary>
    /// <value>Default 4.</value>
    public int Iterations { get; init; } = 4;

    /// <summary>Seed of the sample and of the starting subspace.</summary>
    public int Seed { get; init; } = 1;

    internal void Validate()
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(Dimensions, 2);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(Dimensions, 256);
        ArgumentOutOfRangeException.ThrowIfLessThan(SampleSize, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(MaximumFeatures, 16);
        ArgumentOutOfRangeException.ThrowIfLessThan(MinimumDocumentFrequency, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(Iterations, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(Iterations, 50);
    }
}
