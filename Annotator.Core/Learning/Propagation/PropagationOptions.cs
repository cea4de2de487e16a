namespace Annotator.Core.Learning.Propagation;

/// <summary>How labels travel over the graph.</summary>
public enum PropagationMethod
{
    /// <summary>Label spreading (Zhou et al. 2004): soft, given labels may yield; the normalised graph Laplacian regularises.</summary>
    Spreading,

    /// <summary>Label propagation (Zhu and Ghahramani 2002), the harmonic solution: given labels stay as they are.</summary>
    Harmonic,
}

/// <summary>Settings of <see cref="LabelPropagation"/>.</summary>
public sealed record PropagationOptions
{
    /// <summary>How labels travel.</summary>
    public PropagationMethod Method { get; init; } = PropagationMethod.Spreading;

    /// <summary>Spreading only: the share of a row's distribution that comes from its neighbours, above 0 and below 1.</summary>
    /// <value>Default 0.9.</value>
    public double Alpha { get; init; } = 0.9;

    /// <summary>At most so many rounds.</summary>
    /// <value>Default 50.</value>
    public int MaximumIterations { get; init; } = 50;

    /// <summary>Stops once a round changes a row by less than this on average (sum of absolute differences).</summary>
    /// <value>Default 1e-6.</value>
    public double Tolerance { get; init; } = 1e-6;

    internal void Validate()
    {
        if (!(Alpha > 0 && Alpha < 1))
            throw new ArgumentOutOfRangeException(nameof(Alpha), Alpha, "Alpha lies between 0 and 1.");
        ArgumentOutOfRangeException.ThrowIfLessThan(MaximumIterations, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(Tolerance);
    }
}
