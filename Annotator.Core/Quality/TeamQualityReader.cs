namespace Annotator.Core.Quality;

/// <summary>Reads what can be said of a team from all its votes: how right each annotator probably is, and how far the coefficients of agreement would move with other items.</summary>
public sealed class TeamQualityReader(SharedItems shared)
{
    /// <summary>How right each annotator probably is; null where too few items have several labels, or labels are drawn.</summary>
    public Task<AnnotatorEstimates?> EstimatesAsync(long projectId, CancellationToken cancellationToken = default) => shared.ComputeAsync(projectId, AnnotatorEstimates.Of, cancellationToken);

    /// <summary>95 % intervals of the coefficients; null where no two people decided the same item, or so many items were that an interval would say nothing.</summary>
    public Task<AgreementIntervals?> IntervalsAsync(long projectId, CancellationToken cancellationToken = default) => shared.ComputeAsync(projectId, AgreementIntervals.Of, cancellationToken);
}
