namespace Annotator.Core.Learning.Map;

/// <summary>How a map is laid out.</summary>
public sealed record MapLayoutOptions
{
    /// <summary>Neighbours of each point that pull, 2 to 100.</summary>
    public int Neighbours { get; init; } = 15;

    /// <summary>Rounds over all pairs of neighbours; 0: by the number of points, 500 for small sets to 120 for large ones.</summary>
    public int Rounds { get; init; }

    /// <summary>Random points that push for each neighbour that pulls, 1 to 50.</summary>
    public int Pushes { get; init; } = 5;

    /// <summary>Seed: the same points with the same seed give the same map.</summary>
    public int Seed { get; init; } = 1;
}
