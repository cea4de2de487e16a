namespace Annotator.Core.Learning.Acquisition;

/// <summary>Picks at random: what everything else is measured against.</summary>
public sealed class RandomStrategy : IAcquisitionStrategy
{
    /// <inheritdoc/>
    public string Name => "random";

    /// <inheritdoc/>
    public AcquisitionPick[] Select(AcquisitionRequest request, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        request.Validate();
        var picks = OpenItems.Sample(OpenItems.With(request, ItemUse.Open), request.Batch, new Random(request.Seed));
        return Array.ConvertAll(picks, item => new AcquisitionPick(item, PickReason.Control, 0));
    }
}

/// <summary>Picks the items of which the student is least sure, whatever they have in common; at random before there is a student.</summary>
/// <param name="measure">How uncertainty is measured.</param>
public sealed class UncertaintyStrategy(UncertaintyMeasure measure) : IAcquisitionStrategy
{
    /// <inheritdoc/>
    public string Name => measure switch
    {
        UncertaintyMeasure.Margin => "margin",
        UncertaintyMeasure.Entropy => "entropy",
        UncertaintyMeasure.LeastConfidence => "least-confidence",
        _ => throw new InvalidOperationException($"Unknown measure {measure}."),
    };

    /// <inheritdoc/>
    public AcquisitionPick[] Select(AcquisitionRequest request, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        request.Validate();
        var open = OpenItems.With(request, ItemUse.Open);
        var values = Uncertainty.Of(request, open, measure);
        var picks = OpenItems.Top(open, values, request.Batch, new Random(request.Seed));
        var reason = request.HasProbabilities ? PickReason.Uncertain : PickReason.Control;
        return Array.ConvertAll(picks, item => new AcquisitionPick(item, reason, values[Array.BinarySearch(open, item)]));
    }
}
