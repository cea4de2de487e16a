using Annotator.Core.Items;
using Annotator.Core.Live;
using Annotator.Core.Projects;
using Annotator.Core.Review.Checks;
using Annotator.Core.Review.Work;
using Annotator.Core.Runs;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Review;

/// <summary>An item as it is lent to an annotator.</summary>
/// <param name="Item">The item.</param>
/// <param name="Lease">The lease, with the pre-label as it is shown.</param>
public sealed record LeasedItem(Item Item, Lease Lease);

/// <summary>How a queue stands for one annotator.</summary>
/// <param name="Waiting">Items that wait for people.</param>
/// <param name="Leased">Items that others hold now.</param>
/// <param name="SeenByMe">Waiting items that the annotator has decided or skipped, and that need somebody else.</param>
/// <param name="Flagged">Items set aside for a lead.</param>
/// <param name="Open">Items that the annotator could lease now, counted up to 1,000.</param>
/// <param name="ForMe">Waiting items that are for the annotator, by name or by group.</param>
/// <param name="Paused">Whether the project rests.</param>
/// <param name="Deadline">Until when the project is to be done.</param>
public sealed record QueueStanding(long Waiting, long Leased, long SeenByMe, long Flagged, long Open, long ForMe = 0, bool Paused = false, DateTimeOffset? Deadline = null);

/// <summary>Lends items to annotators, the most valuable first. Rule 2: the queue is an index, not a query over the items.</summary>
public sealed class ReviewQueue(AnnotatorDatabase database, ReviewPacing pacing, Courtesy courtesy)
{
    /// <summary>The most items that one call lends.</summary>
    public const int MostAtOnce = 100;

    /// <summary>Lends the best items that the annotator has not seen; fewer than asked for, or none, while the learning catches up.</summary>
    public async Task<IReadOnlyList<LeasedItem>> LeaseAsync(Project project, long userId, int count, CancellationToken cancellationToken = default)
    {
        if (project.Settings.Work.Paused) return [];
        courtesy.Served();
        var room = await pacing.RoomAsync(project, Math.Clamp(count, 1, MostAtOnce), cancellationToken);
        if (room <= 0) return [];
        return await database.WriteRepeatedlyAsync(
            async scope =>
            {
                if (await QualityChecks.IsPausedAsync(scope.Db, project.Id, userId, cancellationToken)) return [];
                var now = await scope.Dialect.NowAsync(scope.Db, cancellationToken);
                await ReclaimAsync(scope, project.Id, now);
                var entries = await scope.Dialect.ClaimQueueAsync(scope.Db, project.Id, userId, await WorkLanes.OfAsync(scope.Db, project, userId, cancellationToken), room, cancellationToken);
                return await QualityChecks.MixAsync(scope, project, userId, await LendAsync(scope, project, userId, entries, now), now);
            },
            cancellationToken);
    }

    /// <summary>Gives leases back before their time.</summary>
    public Task ReleaseAsync(long projectId, long userId, IReadOnlyList<string> leases, CancellationToken cancellationToken = default) => database.WriteRepeatedlyAsync(
        async scope =>
        {
            await QualityChecks.ReleaseAsync(scope, projectId, userId, leases);
            var items = await scope.Db.Leases.Where(l => l.ProjectId == projectId && l.UserId == userId && leases.Contains(l.Id)).Select(l => l.ItemId).ToListAsync(cancellationToken);
            await scope.Dialect.LockItemsAsync(scope.Db, projectId, items, cancellationToken);
            await EndAsync(scope, projectId, await scope.Db.Leases.AsNoTracking().Where(l => l.ProjectId == projectId && l.UserId == userId && leases.Contains(l.Id)).ToListAsync(cancellationToken));
        },
        cancellationToken);

    /// <summary>Keeps leases for another term.</summary>
    /// <returns>Those that are still there, with their new end.</returns>
    public Task<List<Lease>> RenewAsync(Project project, long userId, IReadOnlyList<string> leases, CancellationToken cancellationToken = default) => database.WriteRepeatedlyAsync(
        async scope =>
        {
            var until = (await scope.Dialect.NowAsync(scope.Db, cancellationToken)).AddSeconds(project.Settings.LeaseSeconds);
            await scope.Db.Leases.Where(l => l.ProjectId == project.Id && l.UserId == userId && leases.Contains(l.Id)).ExecuteUpdateAsync(x => x.SetProperty(l => l.ExpiresAt, until), cancellationToken);
            var kept = await scope.Db.Leases.AsNoTracking().Where(l => l.ProjectId == project.Id && l.UserId == userId && leases.Contains(l.Id)).ToListAsync(cancellationToken);
            if (kept.Count < leases.Count) kept.AddRange(await QualityChecks.RenewAsync(scope, project.Id, userId, leases, until));
            return kept;
        },
        cancellationToken);

    /// <summary>How the queue stands for an annotator: what an empty page tells them.</summary>
    public Task<QueueStanding> StandingAsync(long projectId, long userId, CancellationToken cancellationToken = default) => database.ReadAsync(
        async db =>
        {
            var now = await database.Dialect.NowAsync(db, cancellationToken);
            var waiting = await db.Counters.Where(c => c.ProjectId == projectId && c.Name == "state:queued").Select(c => c.Value).FirstOrDefaultAsync(cancellationToken);
            var leased = await db.Leases.LongCountAsync(l => l.ProjectId == projectId && l.UserId != userId && l.ExpiresAt >= now, cancellationToken);
            var seen = await db.Queue.Where(q => q.ProjectId == projectId && q.LastAnnotatorId == userId && q.Open > 0).Take(10_000).LongCountAsync(cancellationToken);
            var flagged = await db.Items.Where(i => i.ProjectId == projectId && i.Flagged).Take(10_000).LongCountAsync(cancellationToken);
            var project = await db.Projects.FirstAsync(p => p.Id == projectId, cancellationToken);
            var lanes = await WorkLanes.OfAsync(db, project, userId, cancellationToken);
            var open = await db.Queue.Where(q => q.ProjectId == projectId && q.LastAnnotatorId != userId && (q.LastAnnotatorId >= 0 || lanes.Contains(q.LastAnnotatorId)) && q.Open > 0).Take(1_000).LongCountAsync(cancellationToken);
            var mine = lanes.Length == 0 ? 0 : await db.Queue.Where(q => q.ProjectId == projectId && lanes.Contains(q.LastAnnotatorId) && q.Open > 0).Take(10_000).LongCountAsync(cancellationToken);
            return new QueueStanding(waiting, leased, seen, flagged, open, mine, project.Settings.Work.Paused, project.Settings.Work.Deadline);
        },
        cancellationToken);

    /// <summary>Shows an annotator once more what they skipped.</summary>
    /// <returns>How many items came back.</returns>
    public Task<int> RecallSkippedAsync(long projectId, long userId, CancellationToken cancellationToken = default) => database.WriteRepeatedlyAsync(
        async scope =>
        {
            var skipped = await scope.Db.Decisions.AsNoTracking()
                .Where(d => d.ProjectId == projectId && d.UserId == userId && d.Action == DecisionAction.Skip && d.UndoneById == null && d.Status == DecisionStatus.Recorded
                    && scope.Db.Queue.Any(q => q.ProjectId == projectId && q.ItemId == d.ItemId))
                .OrderByDescending(d => d.Id).Take(1_000).ToListAsync(cancellationToken);
            scope.Tallies.TakenBack(skipped);
            var (decisions, items) = (skipped.Select(s => s.Id).ToList(), skipped.Select(s => s.ItemId).Distinct().ToList());
            var undo = scope.NextId("decision");
            await scope.Db.Decisions.Where(d => decisions.Contains(d.Id)).ExecuteUpdateAsync(x => x.SetProperty(d => d.UndoneById, undo), cancellationToken);
            return await scope.Db.Queue.Where(q => q.ProjectId == projectId && items.Contains(q.ItemId) && q.LastAnnotatorId == userId)
                .ExecuteUpdateAsync(x => x.SetProperty(q => q.LastAnnotatorId, 0L), cancellationToken);
        },
        cancellationToken);

    /// <summary>Gives back what was lent in projects where nobody has come since to do it.</summary>
    /// <param name="before">Only leases that ran out before this moment.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public async Task CleanAsync(DateTimeOffset before, CancellationToken cancellationToken = default)
    {
        var projects = await database.ReadAsync(db => db.Leases.Where(l => l.ExpiresAt < before).Select(l => l.ProjectId).Distinct().ToListAsync(cancellationToken), cancellationToken);
        foreach (var project in projects)
        {
            await database.WriteRepeatedlyAsync(
                async scope =>
                {
                    await ReclaimAsync(scope, project, before);

                    // Those whose item waits no more have no place to give back.
                    await scope.Db.Leases.Where(l => l.ProjectId == project && l.ExpiresAt < before && !scope.Db.Queue.Any(q => q.ProjectId == project && q.ItemId == l.ItemId)).ExecuteDeleteAsync(cancellationToken);
                },
                cancellationToken);
        }
    }

    /// <summary>Lends one given item, as an undo and a reopening do.</summary>
    internal static async Task<LeasedItem> LendOneAsync(WriteScope scope, Project project, Item item, long userId, QueueReason reason, bool blind)
    {
        var now = await scope.Dialect.NowAsync(scope.Db, scope.CancellationToken);
        await scope.Db.Leases.Where(l => l.ProjectId == project.Id && l.ItemId == item.Id && l.UserId == userId).ExecuteDeleteAsync(scope.CancellationToken);
        var entry = new QueueEntry { ProjectId = project.Id, ItemId = item.Id, Reason = reason, Blind = blind };
        var lease = NewLease(project, item, entry, userId, now);
        await scope.Dialect.InsertAsync(scope.Db, [lease], ignoreConflicts: false, scope.CancellationToken);
        return new LeasedItem(item, lease);
    }

    private static async Task<IReadOnlyList<LeasedItem>> LendAsync(WriteScope scope, Project project, long userId, IReadOnlyList<QueueEntry> entries, DateTimeOffset now)
    {
        var ids = entries.Select(e => e.ItemId).ToList();
        var items = await scope.Db.Items.AsNoTracking().Where(i => i.ProjectId == project.Id && ids.Contains(i.Id)).ToDictionaryAsync(i => i.Id, scope.CancellationToken);
        var lent = new List<LeasedItem>(entries.Count);
        foreach (var entry in entries)
        {
            if (items.TryGetValue(entry.ItemId, out var item)) lent.Add(new LeasedItem(item, NewLease(project, item, entry, userId, now)));
        }

        await scope.Dialect.InsertAsync(scope.Db, lent.Select(l => l.Lease).ToList(), ignoreConflicts: false, scope.CancellationToken);
        return lent;
    }

    private static Lease NewLease(Project project, Item item, QueueEntry entry, long userId, DateTimeOffset now) => new()
    {
        Id = Guid.NewGuid().ToString("n"),
        ProjectId = project.Id,
        ItemId = item.Id,
        UserId = userId,
        ExpiresAt = now.AddSeconds(project.Settings.LeaseSeconds),
        PredictionValue = entry.Blind ? null : item.PredictionValue,
        PredictionConfidence = entry.Blind ? null : item.PredictionConfidence,
        PredictionSource = entry.Blind ? null : item.PredictionSource,
        PredictionVersion = entry.Blind ? null : item.PredictionVersion,
        Blind = entry.Blind,
        Reason = entry.Reason,
    };

    // Expired leases are ended by whoever comes next: no clock of its own is needed, and an idle project costs nothing.
    private static async Task ReclaimAsync(WriteScope scope, long projectId, DateTimeOffset now)
    {
        var expired = await scope.Db.Leases.AsNoTracking().Where(l => l.ProjectId == projectId && l.ExpiresAt < now).OrderBy(l => l.ExpiresAt).Take(500).Select(l => l.ItemId).Distinct().ToListAsync(scope.CancellationToken);
        if (expired.Count == 0) return;

        // Whose place somebody holds at this moment is left to the next one.
        var held = await scope.Dialect.TryLockPlacesAsync(scope.Db, projectId, expired, scope.CancellationToken);
        await EndAsync(scope, projectId, await scope.Db.Leases.AsNoTracking().Where(l => l.ProjectId == projectId && held.Contains(l.ItemId) && l.ExpiresAt < now).ToListAsync(scope.CancellationToken));
    }

    // The places must be held: nobody else ends these leases at the same moment.
    private static async Task EndAsync(WriteScope scope, long projectId, IReadOnlyList<Lease> leases)
    {
        if (leases.Count == 0) return;
        var ids = leases.Select(l => l.Id).ToList();
        await scope.Db.Leases.Where(l => ids.Contains(l.Id)).ExecuteDeleteAsync(scope.CancellationToken);
        foreach (var sameCount in leases.CountBy(l => l.ItemId).GroupBy(c => c.Value))
        {
            var (items, ended) = (sameCount.Select(c => c.Key).ToList(), sameCount.Key);
            await scope.Db.Queue.Where(q => q.ProjectId == projectId && items.Contains(q.ItemId)).ExecuteUpdateAsync(x => x.SetProperty(q => q.Open, q => q.Open + ended), scope.CancellationToken);
        }

        scope.Publish(new ProjectChanged(projectId));
    }
}
