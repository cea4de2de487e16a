using Annotator.Core.Projects;
using Annotator.Core.Review;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Quality;

/// <summary>What a project's labels have cost so far, and what labelling everything by hand would cost at the same pace.</summary>
/// <param name="Decisions">Decisions of people that gave a label and stand.</param>
/// <param name="Timed">Decisions of any kind whose active time is known.</param>
/// <param name="Seconds">Active time of those, in seconds.</param>
/// <param name="SecondsEach">Mean active time of a decision, in seconds; null with fewer than <see cref="ProjectCostReader.EnoughTimed"/> to tell.</param>
/// <param name="Money">Spent on the LLM, in the currency of the configured prices.</param>
/// <param name="Labels">Items that have their label.</param>
/// <param name="ByHandDecisions">Decisions that those labels would have needed by hand: one an item and overlap.</param>
public sealed record ProjectCosts(long Decisions, long Timed, double Seconds, double? SecondsEach, double Money, long Labels, long ByHandDecisions)
{
    /// <summary>People's time so far, in seconds: what was measured, and the mean for decisions whose time is not known.</summary>
    public double? PeopleSeconds => SecondsEach is { } each ? Math.Max(Seconds, each * Decisions) : null;

    /// <summary>The time that the labels would have taken by hand, in seconds.</summary>
    public double? ByHandSeconds => SecondsEach is { } each ? each * ByHandDecisions : null;

    /// <summary>The part of the decisions that people did not have to make, 0 to 1; null before there is a label.</summary>
    public double? Spared => ByHandDecisions > 0 ? Math.Clamp(1 - ((double)Decisions / ByHandDecisions), 0, 1) : null;
}

/// <summary>Reads what projects have cost, from the facts.</summary>
public sealed class ProjectCostReader(AnnotatorDatabase database)
{
    /// <summary>Timed decisions below which a mean would say little.</summary>
    public const int EnoughTimed = 5;

    /// <summary>What a project has cost.</summary>
    /// <param name="project">The project.</param>
    /// <param name="metrics">Where it stands.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public Task<ProjectCosts> ReadAsync(Project project, ProjectMetrics metrics, CancellationToken cancellationToken = default) => database.ReadAsync(
        async db =>
        {
            var timed = db.Decisions.Where(d => d.ProjectId == project.Id && d.UserId != null && d.Seconds != null && d.Action != DecisionAction.Undo && d.Action != DecisionAction.Import);
            var count = await timed.LongCountAsync(cancellationToken);
            var seconds = count == 0 ? 0 : await timed.SumAsync(d => d.Seconds ?? 0, cancellationToken);
            return Of(project, metrics, count, seconds);
        },
        cancellationToken);

    /// <summary>What a project has cost, where the time is known already.</summary>
    /// <param name="project">The project.</param>
    /// <param name="metrics">Where it stands.</param>
    /// <param name="timed">Decisions whose active time is known.</param>
    /// <param name="seconds">Active time of those, in seconds.</param>
    public static ProjectCosts Of(Project project, ProjectMetrics metrics, long timed, double seconds)
    {
        // Labels that came with the data were somebody else's work: they are neither spared nor spent here.
        var labels = Math.Max(0, metrics.Items.Final - metrics.Decisions.Import);
        return new ProjectCosts(metrics.Decisions.Human, timed, seconds, timed >= EnoughTimed ? seconds / timed : null, metrics.Llm?.Cost ?? 0, labels, labels * project.Settings.Overlap);
    }

    /// <summary>The certificate as it stood over time, oldest first.</summary>
    /// <param name="projectId">The project.</param>
    /// <param name="limit">The newest so many.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public Task<List<CertificateSnapshot>> CertificatesAsync(long projectId, int limit, CancellationToken cancellationToken = default) => database.ReadAsync(
        async db =>
        {
            var rows = await db.Certificates.Where(c => c.ProjectId == projectId).OrderByDescending(c => c.Id).Take(limit).ToListAsync(cancellationToken);
            rows.Reverse();
            return rows;
        },
        cancellationToken);
}
