using Annotator.Core.Labels;
using Annotator.Core.Projects;
using Annotator.Core.Quality.Dashboards;
using Annotator.Core.Review;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Quality;

/// <summary>A share with its interval and what it rests on.</summary>
/// <param name="Share">The share; null without a case.</param>
/// <param name="Lower">Lower end of the 95 % interval (Wilson); null without a case.</param>
/// <param name="Upper">Upper end; null without a case.</param>
/// <param name="Count">Cases.</param>
public sealed record MeasuredShare(double? Share, double? Lower, double? Upper, int Count)
{
    internal static MeasuredShare Of(long successes, long trials) => Of((int)Math.Min(successes, int.MaxValue), (int)Math.Min(trials, int.MaxValue));

    internal static MeasuredShare Of(int successes, int trials) =>
        ProportionInterval.Wilson(successes, trials) is { } i ? new MeasuredShare(i.Estimate, i.Lower, i.Upper, trials) : new MeasuredShare(null, null, null, 0);
}

/// <summary>What is known of an annotator's work in a project. No ranking: with few cases the interval is wide, and that is what it says.</summary>
/// <param name="UserId">The annotator.</param>
/// <param name="Name">Name to show.</param>
/// <param name="Imported">Known by name only, from the data.</param>
/// <param name="Decisions">Decisions that stand, skips and flags included; for imported annotators, their labels.</param>
/// <param name="Skipped">Skips among them.</param>
/// <param name="Flagged">Flags among them.</param>
/// <param name="SecondsPerDecision">Mean active time a decision, where it was measured.</param>
/// <param name="Accepted">Pre-labels taken as they were, of those shown and judged.</param>
/// <param name="Others">Labels equal to another person's of the same item, over all such pairs.</param>
/// <param name="Audit">Labels equal to another person's blind audit of the same item.</param>
/// <param name="Gold">Labels equal to the known label that came with the data.</param>
/// <param name="LastAt">When the last decision was made.</param>
public sealed record AnnotatorQuality(
    long UserId, string Name, bool Imported, int Decisions, int Skipped, int Flagged, double? SecondsPerDecision,
    MeasuredShare Accepted, MeasuredShare Others, MeasuredShare Audit, MeasuredShare Gold, DateTimeOffset? LastAt);

/// <summary>Reads how the people of a project work.</summary>
public sealed class AnnotatorReader(AnnotatorDatabase database, SharedItems shared, DashboardReader dashboards)
{
    /// <summary>All who decided something in a project, or one of them, by name.</summary>
    /// <param name="projectId">The project.</param>
    /// <param name="userId">Null for all.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public async Task<IReadOnlyList<AnnotatorQuality>> ReadAsync(long projectId, long? userId = null, CancellationToken cancellationToken = default)
    {
        var pairs = await shared.ComputeAsync(projectId, Pairs, cancellationToken);
        var (groups, people) = await database.ReadAsync(
            async db =>
            {
                var groups = await db.Decisions
                    .Where(d => d.ProjectId == projectId && d.UserId != null && (userId == null || d.UserId == userId) && d.UndoneById == null && d.Status == DecisionStatus.Recorded && d.Action != DecisionAction.Undo)
                    .GroupBy(d => new { UserId = d.UserId!.Value, d.Action, Shown = d.ShownValue != null })
                    .Select(g => new { g.Key.UserId, g.Key.Action, g.Key.Shown, Count = g.Count(), Timed = g.Count(d => d.Seconds != null), Seconds = g.Sum(d => d.Seconds ?? 0), Last = g.Max(d => d.Id) })
                    .ToListAsync(cancellationToken);
                var ids = groups.Select(g => g.UserId).Distinct().ToList();
                var newest = groups.GroupBy(g => g.UserId).Select(g => g.Max(x => x.Last)).ToList();
                var times = await db.Decisions.Where(d => newest.Contains(d.Id)).Select(d => new { d.UserId, d.CreatedAt }).ToDictionaryAsync(d => d.UserId!.Value, d => d.CreatedAt, cancellationToken);
                var users = await db.Users.Where(u => ids.Contains(u.Id)).Select(u => new { u.Id, u.DisplayName, u.IsImported }).ToListAsync(cancellationToken);
                return (groups.ToLookup(g => g.UserId), users.Select(u => (u.Id, u.DisplayName, u.IsImported, Last: times.GetValueOrDefault(u.Id))).ToList());
            },
            cancellationToken);
        return
        [
            .. people.OrderBy(p => p.DisplayName, StringComparer.OrdinalIgnoreCase).ThenBy(p => p.Id).Select(p =>
            {
                var own = groups[p.Id].ToList();
                var judged = own.Where(g => g.Shown && g.Action is (DecisionAction.Accept or DecisionAction.Correct or DecisionAction.Reject)).ToList();
                var found = pairs.By.GetValueOrDefault(p.Id) ?? new Tally();
                var timed = own.Sum(g => g.Timed);
                return new AnnotatorQuality(
                    p.Id, p.DisplayName ?? "", p.IsImported, own.Sum(g => g.Count), own.Where(g => g.Action == DecisionAction.Skip).Sum(g => g.Count),
                    own.Where(g => g.Action == DecisionAction.Flag).Sum(g => g.Count), timed == 0 ? null : own.Sum(g => g.Seconds) / timed,
                    MeasuredShare.Of(judged.Where(g => g.Action == DecisionAction.Accept).Sum(g => g.Count), judged.Sum(g => g.Count)),
                    MeasuredShare.Of(found.Equal, found.Compared), MeasuredShare.Of(found.AuditEqual, found.Audited), MeasuredShare.Of(found.GoldEqual, found.Gold),
                    p.Last);
            }),
        ];
    }

    /// <summary>All who decided something in a part of a project, by name. Agreement with others, with audits and with known labels is counted from the part's newest items, see <see cref="WorkPart"/>.</summary>
    /// <param name="project">The project.</param>
    /// <param name="filter">What part of it: what an annotator did in it is held against what others said at any time.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public async Task<IReadOnlyList<AnnotatorQuality>> ReadAsync(Project project, DashboardFilter filter, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(project);
        ArgumentNullException.ThrowIfNull(filter);
        if (filter with { UserId = null } == DashboardFilter.None) return await ReadAsync(project.Id, filter.UserId, cancellationToken);
        var board = await dashboards.ReadAsync(project, filter, cancellationToken);
        var compared = await dashboards.ComparedAsync(project, filter, cancellationToken);
        var pairs = Pairs(compared.Select(i => Array.ConvertAll(i, v => (v.Vote, v.Counts))));
        var last = compared.SelectMany(i => i).Where(v => v.Counts).GroupBy(v => v.Vote.UserId).ToDictionary(g => g.Key, g => g.Max(v => v.At));
        return
        [
            .. board.Annotators.Where(a => filter.UserId is null || a.UserId == filter.UserId).Select(a =>
            {
                var found = pairs.By.GetValueOrDefault(a.UserId) ?? new Tally();
                return new AnnotatorQuality(
                    a.UserId, a.Name, a.Imported, (int)Math.Min(int.MaxValue, a.Work.Decisions + a.Work.Imported), (int)a.Work.Skipped, (int)a.Work.Flagged, a.Work.SecondsEach, a.Work.Acceptance,
                    MeasuredShare.Of(found.Equal, found.Compared), MeasuredShare.Of(found.AuditEqual, found.Audited), MeasuredShare.Of(found.GoldEqual, found.Gold), last.TryGetValue(a.UserId, out var at) ? at : null);
            }),
        ];
    }

    /// <summary>The name of a person as dashboards show it; null where there is no such person.</summary>
    public Task<string?> NameAsync(long userId, CancellationToken cancellationToken = default) => database.ReadAsync(
        db => db.Users.Where(u => u.Id == userId).Select(u => u.DisplayName == null || u.DisplayName == "" ? u.Email : u.DisplayName).FirstOrDefaultAsync(cancellationToken), cancellationToken);

    private static Tallies Pairs(IReadOnlyCollection<Vote[]> items) => Pairs(items.Select(i => Array.ConvertAll(i, v => (v, true))));

    private static Tallies Pairs(IEnumerable<(Vote Vote, bool Counts)[]> items)
    {
        var by = new Dictionary<long, Tally>();
        foreach (var votes in items)
        {
            foreach (var (mine, counts) in votes)
            {
                if (mine.UserId == 0 || !counts) continue;
                if (!by.TryGetValue(mine.UserId, out var tally)) by[mine.UserId] = tally = new Tally();
                foreach (var (other, _) in votes)
                {
                    if (other.UserId == mine.UserId) continue;
                    var equal = LabelLikeness.Same(mine.Value, other.Value) ? 1 : 0;
                    if (other.UserId == 0)
                    {
                        tally.Gold++;
                        tally.GoldEqual += equal;
                        continue;
                    }

                    tally.Compared++;
                    tally.Equal += equal;
                    if (!other.Audit) continue;
                    tally.Audited++;
                    tally.AuditEqual += equal;
                }
            }
        }

        return new Tallies(by);
    }

    private sealed record Tallies(Dictionary<long, Tally> By);

    private sealed class Tally
    {
        public int Compared { get; set; }

        public int Equal { get; set; }

        public int Audited { get; set; }

        public int AuditEqual { get; set; }

        public int Gold { get; set; }

        public int GoldEqual { get; set; }
    }
}
