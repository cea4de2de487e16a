using Annotator.Core.Projects;
using Annotator.Core.Quality.Agreement;
using Annotator.Core.Quality.Dashboards;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Quality;

/// <summary>
/// Reads what can be said of a team from all its votes, or from those of a part of the work: how right each annotator probably is, what they agree on, and what they say together.
/// Votes of a part are read from its newest items, see <see cref="WorkPart"/>.
/// </summary>
public sealed class TeamQualityReader(SharedItems shared, DashboardReader dashboards, AnnotatorDatabase database)
{
    // Items whose labels differ from what the team says together, those that it is surest of.
    private const int MostDifferences = 200;

    /// <summary>How right each annotator probably is; null where too few items have several labels, or labels are drawn.</summary>
    /// <param name="project">The project.</param>
    /// <param name="filter">What part of it; null: all.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public Task<AnnotatorEstimates?> EstimatesAsync(Project project, DashboardFilter? filter = null, CancellationToken cancellationToken = default) =>
        OfAsync(project, filter, "", votes => AnnotatorEstimates.Of([.. votes.Values]), cancellationToken);

    /// <summary>The coefficients of agreement with their intervals; null where no two people decided the same item.</summary>
    /// <param name="project">The project.</param>
    /// <param name="scale">What the labels are: names, or ranks or numbers in the order of the labels.</param>
    /// <param name="filter">What part of it; null: all.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public Task<AgreementReport?> AgreementAsync(Project project, MeasurementScale scale = MeasurementScale.Nominal, DashboardFilter? filter = null, CancellationToken cancellationToken = default) =>
        OfAsync(project, filter, $"{scale} {project.Schema.Labels.Count}", votes => AgreementReport.Of([.. votes.Values], project.Schema, scale), cancellationToken);

    /// <summary>What the team says together, and how each annotator's labels differ from it; null where too few items have several labels, or labels are drawn.</summary>
    /// <param name="project">The project.</param>
    /// <param name="method">How votes are weighed.</param>
    /// <param name="filter">What part of it; null: all.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public async Task<(Consensus Found, IReadOnlyList<ConsensusDifference> Differences)?> ConsensusAsync(Project project, ConsensusMethod method, DashboardFilter? filter = null, CancellationToken cancellationToken = default)
    {
        if (filter is null || filter == DashboardFilter.None)
        {
            // Which labels differ is told from what is kept in memory; of those that it is surest of, what stands in the database is read again.
            var whole = await shared.ComputeAsync(
                project.Id, method.ToString(), (votes, labels) => Consensus.Of(votes, method) is { } consensus ? new Compared(consensus, Differing(consensus.Items, labels).Take(2 * MostDifferences).ToList()) : null, cancellationToken);
            return whole is null ? null : (whole.Found, await DifferencesAsync(project, whole.Differing, cancellationToken));
        }

        var part = await dashboards.VotesAsync(project, filter, cancellationToken);
        return await Task.Run(() => Consensus.Of(part, method), cancellationToken) is { } found ? (found, await DifferencesAsync(project, Surest(found.Items), cancellationToken)) : null;
    }

    private static IEnumerable<ConsensusItem> Surest(IEnumerable<ConsensusItem> items) => items.OrderByDescending(i => i.Probability).ThenBy(i => i.ItemId);

    private static IEnumerable<ConsensusItem> Differing(IEnumerable<ConsensusItem> items, IReadOnlyDictionary<long, string> labels) =>
        Surest(items.Where(i => labels.TryGetValue(i.ItemId, out var label) && !string.Equals(label, i.Value, StringComparison.Ordinal)));

    private async Task<IReadOnlyList<ConsensusDifference>> DifferencesAsync(Project project, IEnumerable<ConsensusItem> items, CancellationToken cancellationToken)
    {
        var differences = new List<ConsensusDifference>();
        foreach (var part in items.Chunk(1_000))
        {
            if (differences.Count >= MostDifferences) break;
            var ids = Array.ConvertAll(part, i => i.ItemId);
            var labels = await database.ReadAsync(
                db => db.Items.Where(i => i.ProjectId == project.Id && ids.Contains(i.Id)).Select(i => new { i.Id, i.Key, i.LabelValue }).ToDictionaryAsync(i => i.Id, cancellationToken), cancellationToken);
            differences.AddRange(part.Where(i => labels.TryGetValue(i.ItemId, out var item) && item.LabelValue is { } label && !string.Equals(label, i.Value, StringComparison.Ordinal))
                .Select(i => new ConsensusDifference(i.ItemId, labels[i.ItemId].Key, labels[i.ItemId].LabelValue!, i.Value, i.Probability, i.Votes)));
        }

        return differences.Count > MostDifferences ? differences.GetRange(0, MostDifferences) : differences;
    }

    private async Task<T> OfAsync<T>(Project project, DashboardFilter? filter, string variant, Func<IReadOnlyDictionary<long, Vote[]>, T> compute, CancellationToken cancellationToken)
        where T : class?
    {
        if (filter is null || filter == DashboardFilter.None) return await shared.ComputeByItemAsync(project.Id, variant, compute, cancellationToken);
        var votes = await dashboards.VotesAsync(project, filter, cancellationToken);
        return await Task.Run(() => compute(votes), cancellationToken);
    }

    private sealed record Compared(Consensus Found, IReadOnlyList<ConsensusItem> Differing);
}
