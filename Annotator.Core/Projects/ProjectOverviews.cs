using Annotator.Core.Accounts;
using Annotator.Core.Items;
using Annotator.Core.Quality;
using Annotator.Core.Review;
using Annotator.Core.Runs;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Projects;

/// <summary>A project as a line of the list of projects.</summary>
/// <param name="Project">The project.</param>
/// <param name="Items">All its items.</param>
/// <param name="Final">Items that have their label.</param>
/// <param name="Queued">Items that wait for a person.</param>
/// <param name="HumanDecisions">Decisions of people that gave a label and stand.</param>
/// <param name="Accuracy">Out-of-fold accuracy of the student in service; null before there is one, or with too few labels to tell.</param>
/// <param name="StudentVersion">Its version; null before there is one.</param>
/// <param name="Working">How many runs wait or are under way.</param>
/// <param name="LastActivityAt">When somebody last decided, a run last began, or else when the project was made.</param>
public sealed record ProjectOverview(
    Project Project, long Items, long Final, long Queued, long HumanDecisions, double? Accuracy, int? StudentVersion, int Working, DateTimeOffset LastActivityAt);

/// <summary>A decision as a line of "what happened lately".</summary>
/// <param name="DecisionId">The decision.</param>
/// <param name="ItemId">The item.</param>
/// <param name="ItemKey">The caller's name for the item.</param>
/// <param name="Excerpt">The beginning of its text; null for media.</param>
/// <param name="UserId">Who decided; null for labels that came with the data and name nobody.</param>
/// <param name="UserName">Name to show.</param>
/// <param name="Action">What was done.</param>
/// <param name="Value">The label that was given, as canonical JSON.</param>
/// <param name="Changed">Whether a pre-label was shown and the label is another one.</param>
/// <param name="TakenBack">Whether it was undone since.</param>
/// <param name="CreatedAt">When.</param>
public sealed record RecentDecision(
    long DecisionId, long ItemId, string ItemKey, string? Excerpt, long? UserId, string? UserName, DecisionAction Action, string? Value, bool Changed, bool TakenBack, DateTimeOffset CreatedAt);

/// <summary>Reads what the pages about projects show. Every query goes by an index; none of them counts items.</summary>
public sealed class ProjectOverviews(AnnotatorDatabase database, ProjectAccess access)
{
    /// <summary>Length of an excerpt, in characters.</summary>
    public const int ExcerptLength = 160;

    /// <summary>Projects that a caller may see, newest first.</summary>
    /// <param name="caller">Who asks.</param>
    /// <param name="before">Only projects with a smaller id, for the next page.</param>
    /// <param name="limit">How many at the most.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public async Task<List<ProjectOverview>> ListAsync(Caller caller, long? before, int limit, CancellationToken cancellationToken = default)
    {
        var projects = await access.ListAsync(caller, before, limit, cancellationToken);
        if (projects.Count == 0) return [];
        var ids = projects.Select(p => p.Id).ToArray();
        return await database.ReadAsync(
            async db =>
            {
                var counters = (await db.Counters.Where(c => ids.Contains(c.ProjectId)).ToListAsync(cancellationToken)).ToLookup(c => c.ProjectId);
                var working = await db.Runs.Where(r => ids.Contains(r.ProjectId) && (r.State == RunState.Queued || r.State == RunState.Running))
                    .GroupBy(r => r.ProjectId).Select(g => new { g.Key, Count = g.Count() }).ToDictionaryAsync(g => g.Key, g => g.Count, cancellationToken);
                var list = new List<ProjectOverview>(projects.Count);
                foreach (var project in projects)
                {
                    var of = counters[project.Id].ToDictionary(c => c.Name, c => c.Value, StringComparer.Ordinal);
                    long Counter(string name) => Math.Max(0, of.GetValueOrDefault(name));
                    var student = await db.Students.Where(s => s.ProjectId == project.Id).OrderByDescending(s => s.Version)
                        .Select(s => new { s.Version, s.Accuracy }).FirstOrDefaultAsync(cancellationToken);
                    var decided = await db.Decisions.Where(d => d.ProjectId == project.Id).OrderByDescending(d => d.Id)
                        .Select(d => (DateTimeOffset?)d.CreatedAt).FirstOrDefaultAsync(cancellationToken);
                    var ran = await db.Runs.Where(r => r.ProjectId == project.Id).OrderByDescending(r => r.Id)
                        .Select(r => (DateTimeOffset?)r.CreatedAt).FirstOrDefaultAsync(cancellationToken);
                    list.Add(new ProjectOverview(
                        project,
                        Enum.GetValues<ItemState>().Sum(s => Counter(CounterNames.State(s))),
                        Counter(CounterNames.State(ItemState.Final)),
                        Counter(CounterNames.State(ItemState.Queued)),
                        Counter(CounterNames.HumanDecisions),
                        student?.Accuracy,
                        student?.Version,
                        working.GetValueOrDefault(project.Id),
                        Latest(project.CreatedAt, decided, ran)));
                }

                return list;
            },
            cancellationToken);
    }

    /// <summary>The last decisions in a project, newest first.</summary>
    public Task<List<RecentDecision>> RecentAsync(long projectId, int limit, CancellationToken cancellationToken = default) => database.ReadAsync(
        async db =>
        {
            var rows = await (
                    from d in db.Decisions.Where(d => d.ProjectId == projectId && d.Action != DecisionAction.Import && d.Action != DecisionAction.Undo).OrderByDescending(d => d.Id).Take(limit)
                    join i in db.Items on new { d.ProjectId, Id = d.ItemId } equals new { i.ProjectId, i.Id } into items
                    from i in items.DefaultIfEmpty()
                    join u in db.Users on d.UserId equals (long?)u.Id into users
                    from u in users.DefaultIfEmpty()
                    orderby d.Id descending
                    select new
                    {
                        d.Id, d.ItemId, Key = (string?)i.Key, Text = i.Text == null ? null : i.Text.Substring(0, ExcerptLength), d.UserId, Name = (string?)u.DisplayName, Email = u.Email,
                        d.Action, d.Value, d.ShownValue, d.UndoneById, d.CreatedAt,
                    })
                .ToListAsync(cancellationToken);
            return rows.ConvertAll(r => new RecentDecision(
                r.Id, r.ItemId, r.Key ?? "", r.Text, r.UserId, string.IsNullOrEmpty(r.Name) ? r.Email : r.Name, r.Action, r.Value,
                r.ShownValue is not null && r.Value is not null && !string.Equals(r.ShownValue, r.Value, StringComparison.Ordinal), r.UndoneById is not null, r.CreatedAt));
        },
        cancellationToken);

    private static DateTimeOffset Latest(DateTimeOffset first, params ReadOnlySpan<DateTimeOffset?> others)
    {
        foreach (var other in others)
        {
            if (other > first) first = other.Value;
        }

        return first;
    }
}
