using Annotator.Core.Accounts;
using Annotator.Core.Items;
using Annotator.Core.Live;
using Annotator.Core.Projects;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Review.Work;

/// <summary>For whom items are.</summary>
/// <param name="UserId">A person; null where it is a group.</param>
/// <param name="Group">A group of the settings; null where it is a person.</param>
public sealed record Assignee(long? UserId = null, string? Group = null);

/// <summary>What an assignment did.</summary>
/// <param name="Id">The assignment; null where nothing was left to assign.</param>
/// <param name="Assigned">Items that wait for the assignee now.</param>
/// <param name="Final">Items left out because they have their label: send them to review first.</param>
/// <param name="Missing">Items that are not in the project.</param>
public sealed record AssignmentResult(long? Id, int Assigned, int Final, int Missing);

/// <summary>An assignment and how far it is.</summary>
/// <param name="Assignment">The assignment.</param>
/// <param name="UserId">The person; null: a group.</param>
/// <param name="Name">Name of person or group.</param>
/// <param name="Now">Items that are still in it: the others were given to somebody else later.</param>
/// <param name="Done">Of them, those that have their label.</param>
/// <param name="Overdue">Whether its time is over and items are left.</param>
public sealed record AssignmentStanding(Assignment Assignment, long? UserId, string Name, int Now, int Done, bool Overdue);

/// <summary>Who an item is for.</summary>
/// <param name="AssignmentId">The assignment; null: a rule sent it to its experts.</param>
/// <param name="UserId">The person; null: a group.</param>
/// <param name="Name">Name of person or group.</param>
/// <param name="Note">What the assignment is about; may be empty.</param>
/// <param name="DueAt">Until when it is to be done; null: no such time.</param>
public sealed record ItemAssignee(long? AssignmentId, long? UserId, string Name, string Note, DateTimeOffset? DueAt);

/// <summary>Gives items to people or groups, and tells how far they are.</summary>
public sealed class Assignments(AnnotatorDatabase database)
{
    /// <summary>The most items in one assignment.</summary>
    public const int MostAtOnce = 20_000;

    private const int Part = 1_000;
    private const double Rank = -1e5;

    /// <summary>Gives items to a person or a group: nobody else is lent them. What waits nowhere yet comes into the queue.</summary>
    /// <exception cref="UnauthorizedAccessException">The caller is no lead of the project.</exception>
    public async Task<Outcome<AssignmentResult>> AssignAsync(
        ProjectGrant grant, long userId, IReadOnlyCollection<long> items, Assignee to, DateTimeOffset? dueAt, string? note, CancellationToken cancellationToken = default)
    {
        if (!grant.IsLead) throw new UnauthorizedAccessException("Only leads assign items.");
        var project = grant.Project;
        if (items.Count is 0 or > MostAtOnce) return Outcome<AssignmentResult>.Fail("items", $"1 to {MostAtOnce} items are needed.");
        if (note?.Length > WorkSettings.MaxNote) return Outcome<AssignmentResult>.Fail("note", $"At most {WorkSettings.MaxNote} characters.");
        if (to.UserId is null == to.Group is null) return Outcome<AssignmentResult>.Fail("to", "Either a user or a group is needed.");
        if (to.Group is { } name && project.Settings.Work.Group(name) is not { People.Count: > 0 }) return Outcome<AssignmentResult>.Fail("to.group", $"There is no group '{name}' with people in it.");
        if (to.UserId is { } person && !await database.ReadAsync(db => db.Memberships.AnyAsync(m => m.ProjectId == project.Id && m.UserId == person, cancellationToken), cancellationToken))
            return Outcome<AssignmentResult>.Fail("to.user", "That person is no member of the project.");

        var assignment = await database.WriteAsync(
            async scope =>
            {
                var lane = await WorkLanes.EnsureAsync(scope, project.Id, to.UserId ?? 0, to.Group ?? "");
                var made = new Assignment { ProjectId = project.Id, LaneId = lane.Id, Note = note?.Trim() ?? "", DueAt = dueAt, CreatedBy = userId, CreatedAt = scope.Now };
                scope.Db.Set<Assignment>().Add(made);
                await scope.Db.SaveChangesAsync(cancellationToken);
                return made;
            },
            cancellationToken);

        var (assigned, final, known) = (0, 0, 0);
        foreach (var part in items.Distinct().Order().Chunk(Part))
        {
            var (a, f, k) = await database.WriteRepeatedlyAsync(scope => AssignAsync(scope, project, assignment, part), cancellationToken);
            (assigned, final, known) = (assigned + a, final + f, known + k);
        }

        await database.WriteAsync(
            async scope =>
            {
                if (assigned == 0) await scope.Db.Set<Assignment>().Where(x => x.Id == assignment.Id).ExecuteDeleteAsync(cancellationToken);
                else await scope.Db.Set<Assignment>().Where(x => x.Id == assignment.Id).ExecuteUpdateAsync(x => x.SetProperty(y => y.Items, assigned), cancellationToken);
                if (assigned > 0) scope.Audit(userId, "items.assigned", new { assignment = assignment.Id, items = assigned, user = to.UserId, group = to.Group, dueAt }, project.Id);
                scope.Publish(new ProjectChanged(project.Id));
            },
            cancellationToken);
        return new AssignmentResult(assigned == 0 ? null : assignment.Id, assigned, final, items.Distinct().Count() - known);
    }

    /// <summary>Takes an assignment back: what still waits is everybody's again.</summary>
    /// <returns>Whether there was such an assignment.</returns>
    public async Task<bool> EndAsync(ProjectGrant grant, long userId, long assignmentId, CancellationToken cancellationToken = default)
    {
        if (!grant.IsLead) throw new UnauthorizedAccessException("Only leads take assignments back.");
        var project = grant.Project.Id;
        if (!await database.ReadAsync(db => db.Set<Assignment>().AnyAsync(a => a.ProjectId == project && a.Id == assignmentId && a.EndedAt == null, cancellationToken), cancellationToken)) return false;
        while (true)
        {
            var ended = await database.WriteRepeatedlyAsync(
                async scope =>
                {
                    var part = await scope.Db.Set<AssignedItem>().AsNoTracking().Where(a => a.ProjectId == project && a.AssignmentId == assignmentId).OrderBy(a => a.ItemId).Take(Part).ToListAsync(cancellationToken);
                    var ids = part.ConvertAll(a => a.ItemId);
                    await scope.Dialect.LockItemsAsync(scope.Db, project, ids, cancellationToken);
                    await scope.Db.Set<AssignedItem>().Where(a => a.ProjectId == project && a.AssignmentId == assignmentId && ids.Contains(a.ItemId)).ExecuteDeleteAsync(cancellationToken);
                    if (part.Count > 0)
                    {
                        var lane = -part[0].LaneId;
                        await scope.Db.Queue.Where(q => q.ProjectId == project && ids.Contains(q.ItemId) && q.LastAnnotatorId == lane).ExecuteUpdateAsync(x => x.SetProperty(q => q.LastAnnotatorId, 0L), cancellationToken);
                    }

                    return part.Count;
                },
                cancellationToken);
            if (ended < Part) break;
        }

        await database.WriteAsync(
            async scope =>
            {
                await scope.Db.Set<Assignment>().Where(a => a.ProjectId == project && a.Id == assignmentId).ExecuteUpdateAsync(x => x.SetProperty(a => a.EndedAt, scope.Now), cancellationToken);
                scope.Audit(userId, "items.assignmentEnded", new { assignment = assignmentId }, project);
                scope.Publish(new ProjectChanged(project));
            },
            cancellationToken);
        return true;
    }

    /// <summary>Who an item is for; null: everybody.</summary>
    public Task<ItemAssignee?> OfItemAsync(long projectId, long itemId, CancellationToken cancellationToken = default) => database.ReadAsync(
        async db =>
        {
            var given = await (
                from x in db.Set<AssignedItem>().Where(x => x.ProjectId == projectId && x.ItemId == itemId)
                join a in db.Set<Assignment>() on x.AssignmentId equals a.Id
                select new { Assignment = a, x.LaneId }).FirstOrDefaultAsync(cancellationToken);
            var waits = given is not null ? 0 : await db.Queue.Where(q => q.ProjectId == projectId && q.ItemId == itemId && q.LastAnnotatorId < 0).Select(q => -q.LastAnnotatorId).FirstOrDefaultAsync(cancellationToken);
            var lane = given?.LaneId ?? waits;
            if (lane == 0) return null;
            var row = await db.Set<WorkLane>().Where(l => l.ProjectId == projectId && l.Id == lane).Select(l => new { Lane = l, User = db.Users.FirstOrDefault(u => u.Id == l.UserId) }).FirstOrDefaultAsync(cancellationToken);
            if (row is null) return null;
            var name = row.Lane.UserId == 0 ? row.Lane.GroupName : string.IsNullOrEmpty(row.User?.DisplayName) ? row.User?.Email ?? "" : row.User.DisplayName;
            return new ItemAssignee(given?.Assignment.Id, row.Lane.UserId == 0 ? null : row.Lane.UserId, name, given?.Assignment.Note ?? "", given?.Assignment.DueAt);
        },
        cancellationToken);

    /// <summary>Takes single items out of their assignments: they are everybody's again.</summary>
    /// <returns>How many were assigned.</returns>
    public async Task<int> ReleaseAsync(ProjectGrant grant, long userId, IReadOnlyCollection<long> items, CancellationToken cancellationToken = default)
    {
        if (!grant.IsLead) throw new UnauthorizedAccessException("Only leads take assignments back.");
        if (items.Count > MostAtOnce) throw new ArgumentException($"At most {MostAtOnce} items at once.", nameof(items));
        var project = grant.Project.Id;
        var released = 0;
        foreach (var part in items.Distinct().Order().Chunk(Part))
        {
            released += await database.WriteRepeatedlyAsync(
                async scope =>
                {
                    await scope.Dialect.LockItemsAsync(scope.Db, project, part, cancellationToken);
                    var given = await scope.Db.Set<AssignedItem>().AsNoTracking().Where(a => a.ProjectId == project && part.Contains(a.ItemId)).ToListAsync(cancellationToken);
                    var ids = given.ConvertAll(a => a.ItemId);
                    await scope.Db.Set<AssignedItem>().Where(a => a.ProjectId == project && ids.Contains(a.ItemId)).ExecuteDeleteAsync(cancellationToken);
                    var lanes = given.ConvertAll(a => -a.LaneId);
                    await scope.Db.Queue.Where(q => q.ProjectId == project && ids.Contains(q.ItemId) && lanes.Contains(q.LastAnnotatorId)).ExecuteUpdateAsync(x => x.SetProperty(q => q.LastAnnotatorId, 0L), cancellationToken);
                    if (given.Count > 0) scope.Audit(userId, "items.released", new { items = given.Count }, project);
                    scope.Publish(new ProjectChanged(project));
                    return given.Count;
                },
                cancellationToken);
        }

        return released;
    }

    /// <summary>Changes until when an assignment is to be done.</summary>
    /// <returns>Whether there was such an assignment.</returns>
    public Task<bool> DueAsync(ProjectGrant grant, long userId, long assignmentId, DateTimeOffset? dueAt, CancellationToken cancellationToken = default)
    {
        if (!grant.IsLead) throw new UnauthorizedAccessException("Only leads change assignments.");
        return database.WriteAsync(
            async scope =>
            {
                var changed = await scope.Db.Set<Assignment>().Where(a => a.ProjectId == grant.Project.Id && a.Id == assignmentId && a.EndedAt == null).ExecuteUpdateAsync(x => x.SetProperty(a => a.DueAt, dueAt), cancellationToken);
                if (changed == 0) return false;
                scope.Audit(userId, "items.assignmentDue", new { assignment = assignmentId, dueAt }, grant.Project.Id);
                scope.Publish(new ProjectChanged(grant.Project.Id));
                return true;
            },
            cancellationToken);
    }

    /// <summary>The assignments that hold, newest first.</summary>
    /// <param name="project">The project.</param>
    /// <param name="userId">Only those of this person, by name or by group; null: all.</param>
    /// <param name="limit">How many at the most.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public Task<List<AssignmentStanding>> ListAsync(Project project, long? userId, int limit, CancellationToken cancellationToken = default) => database.ReadAsync(
        async db =>
        {
            var now = await database.Dialect.NowAsync(db, cancellationToken);
            var groups = userId is null ? [] : project.Settings.Work.Groups.Where(g => g.Has(userId)).Select(g => g.Name).ToList();
            var rows = await (
                from a in db.Set<Assignment>().Where(a => a.ProjectId == project.Id && a.EndedAt == null)
                join l in db.Set<WorkLane>() on a.LaneId equals l.Id
                where userId == null || l.UserId == userId || (l.UserId == 0 && groups.Contains(l.GroupName))
                orderby a.Id descending
                select new { Assignment = a, l.UserId, l.GroupName, User = db.Users.FirstOrDefault(u => u.Id == l.UserId) }).Take(limit).ToListAsync(cancellationToken);
            var ids = rows.ConvertAll(r => r.Assignment.Id);
            var counts = await (
                from x in db.Set<AssignedItem>().Where(x => x.ProjectId == project.Id && ids.Contains(x.AssignmentId))
                join i in db.Items on new { x.ProjectId, Id = x.ItemId } equals new { i.ProjectId, i.Id }
                group i by x.AssignmentId into g
                select new { g.Key, Now = g.Count(), Done = g.Count(i => i.State == ItemState.Final) }).ToDictionaryAsync(c => c.Key, cancellationToken);
            return rows.ConvertAll(r =>
            {
                var (there, done) = counts.TryGetValue(r.Assignment.Id, out var c) ? (c.Now, c.Done) : (0, 0);
                return new AssignmentStanding(
                    r.Assignment, r.UserId == 0 ? null : r.UserId, r.UserId == 0 ? r.GroupName : string.IsNullOrEmpty(r.User?.DisplayName) ? r.User?.Email ?? "" : r.User.DisplayName, there, done, r.Assignment.DueAt < now && done < there);
            });
        },
        cancellationToken);

    private static async Task<(int Assigned, int Final, int Known)> AssignAsync(WriteScope scope, Project project, Assignment assignment, long[] part)
    {
        await scope.Dialect.LockItemsAsync(scope.Db, project.Id, part, scope.CancellationToken);
        var items = await scope.Db.Items.AsNoTracking().Where(i => i.ProjectId == project.Id && part.Contains(i.Id)).ToListAsync(scope.CancellationToken);
        var open = items.Where(i => i.State != ItemState.Final).ToList();
        await scope.Dialect.UpsertAsync(
            scope.Db, [.. open.Select(i => new AssignedItem { ProjectId = project.Id, ItemId = i.Id, LaneId = assignment.LaneId, AssignmentId = assignment.Id })], scope.CancellationToken);
        var waiting = open.Where(i => i.State == ItemState.Queued).Select(i => i.Id).ToList();
        await scope.Db.Queue.Where(q => q.ProjectId == project.Id && waiting.Contains(q.ItemId)).ExecuteUpdateAsync(x => x.SetProperty(q => q.LastAnnotatorId, -assignment.LaneId).SetProperty(q => q.Rank, q => q.Rank < Rank ? q.Rank : Rank), scope.CancellationToken);
        var changes = open.Where(i => i.State != ItemState.Queued)
            .Select(i => new ItemChange(i, ItemState.Queued, Route.Human, Place: new QueuePlace(Rank, QueueReason.Reopened, i.Audit, project.Settings.Overlap))).ToList();
        if ((await ItemTransitions.ApplyAsync(scope, changes)).Contains(false)) throw new ConcurrentChangeException();
        return (open.Count, items.Count - open.Count, items.Count);
    }
}
