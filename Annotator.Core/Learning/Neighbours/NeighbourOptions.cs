namespace Annotator.Core.Learning.Neighbours;

/// <summary>How a <see cref="NeighbourIndex"/> is built and searched.</summary>
public sealed record NeighbourOptions
{
    /// <summary>How far apart two rows are.</summary>
    /// <value>Default cosine; rows are then scaled to length 1 as they come in.</value>
    public DistanceMetric Metric { get; init; } = DistanceMetric.Cosine;

    /// <summary>Links of a row on the upper layers; twice as many on the lowest. 4 to 64.</summary>
    /// <value>Default 14.</value>
    public int Links { get; init; } = 14;

    /// <summary>Breadth of the search while building, at least <see cref="Links"/>: larger is better and slower.</summary>
    /// <value>Default 80.</value>
    public int BuildBreadth { get; init; } = 80;

    /// <summary>Least breadth of a search; what is searched is at least twice the neighbours asked for.</summary>
    /// <value>Default 80.</value>
    public int SearchBreadth { get; init; } = 80;

    /// <summary>Seed of the layers.</summary>
    public int Seed { get; init; } = 1;

    internal void Validate()
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(Links, 4);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(Links, 64);
        ArgumentOutOfRangeException.ThrowIfLessThan(BuildBreadth, Links);
        ArgumentOutOfRangeException.ThrowIfLessThan(SearchBreadth, 1);
    }
}
