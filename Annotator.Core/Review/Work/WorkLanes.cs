using Annotator.Core.Items;
using Annotator.Core.Projects;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Review.Work;

/// <summary>Decides which lane of the queue an item waits in, and who is lent from which.</summary>
internal static class WorkLanes
{
    private const int Part = 2_000;

    /// <summary>The lanes that a person is lent from, as they stand in the queue: below 0.</summary>
    public static async Task<long[]> OfAsync(AnnotatorDbContext db, Project project, long userId, CancellationToken cancellationToken)
    {
        var groups = project.Settings.Work.Groups.Where(g => g.Has(userId)).Select(g => g.Name).ToList();
        return [.. await db.Set<WorkLane>().Where(l => l.ProjectId == project.Id && (l.UserId == userId || (l.UserId == 0 && groups.Contains(l.GroupName)))).Select(l => -l.Id).ToListAsync(cancellationToken)];
    }

    /// <summary>Makes the lanes that a project's settings speak of.</summary>
    public static async Task EnsureAsync(WriteScope scope, Project project)
    {
        var work = project.Settings.Work;
        foreach (var group in work.Rules.Select(r => r.Group).Append(work.SignOff?.Group).OfType<string>().Distinct(StringComparer.Ordinal)) await EnsureAsync(scope, project.Id, 0, group);
    }

    /// <summary>The lane of a person or group, made where it is not there yet.</summary>
    public static async Task<WorkLane> EnsureAsync(WriteScope scope, long projectId, long userId, string group)
    {
        var lane = await scope.Db.Set<WorkLane>().FirstOrDefaultAsync(l => l.ProjectId == projectId && l.UserId == userId && l.GroupName == group, scope.CancellationToken);
        if (lane is not null) return lane;
        scope.Db.Set<WorkLane>().Add(lane = new WorkLane { ProjectId = projectId, UserId = userId, GroupName = group });
        await scope.Db.SaveChangesAsync(scope.CancellationToken);
        return lane;
    }

    /// <summary>Puts entries that come into the queue into their lanes: that of the assignment, of the signatures, or of the first rule that fits.</summary>
    public static async Task PlaceAsync(WriteScope scope, IReadOnlyList<QueueEntry> entries, Func<long, Item> items)
    {
        foreach (var ofProject in entries.GroupBy(e => e.ProjectId))
        {
            var lanes = await scope.Db.Set<WorkLane>().AsNoTracking().Where(l => l.ProjectId == ofProject.Key).ToListAsync(scope.CancellationToken);
            if (lanes.Count == 0) continue;
            var work = (await scope.Db.Projects.AsNoTracking().SingleAsync(p => p.Id == ofProject.Key, scope.CancellationToken)).Settings.Work;
            var groups = lanes.Where(l => l.UserId == 0).ToDictionary(l => l.GroupName, l => l.Id, StringComparer.Ordinal);
            foreach (var part in ofProject.Chunk(Part))
            {
                var ids = part.Select(e => e.ItemId).ToList();
                var assigned = await scope.Db.Set<AssignedItem>().AsNoTracking().Where(a => a.ProjectId == ofProject.Key && ids.Contains(a.ItemId)).ToDictionaryAsync(a => a.ItemId, a => a.LaneId, scope.CancellationToken);
                foreach (var entry in part)
                {
                    if (entry.Signs && work.SignOff is { } signOff && groups.TryGetValue(signOff.Group, out var signers)) entry.LastAnnotatorId = -signers;
                    else if (assigned.TryGetValue(entry.ItemId, out var given)) entry.LastAnnotatorId = lanes.Find(l => l.Id == given) is { } lane && IsLeft(lane, work, entry, items(entry.ItemId)) ? -given : entry.LastAnnotatorId;
                    else if (LaneOf(work, groups, items(entry.ItemId)) is { } expert) entry.LastAnnotatorId = -expert;
                }
            }
        }
    }

    // Whether anybody of the lane can still say something: what needs more people than it was given to goes on to everybody.
    private static bool IsLeft(WorkLane lane, WorkSettings work, QueueEntry entry, Item item) =>
        lane.UserId > 0 ? entry.LastAnnotatorId != lane.UserId : work.Group(lane.GroupName) is { } group && group.People.Count > item.Votes;

    /// <summary>The lane of the first rule that fits an item; null where none does, or nobody of the group is left to ask.</summary>
    public static long? LaneOf(WorkSettings work, IReadOnlyDictionary<string, long> groups, Item item)
    {
        if (work.Rules.FirstOrDefault(r => r.Fits(item)) is not { } rule || work.Group(rule.Group) is not { } group || group.People.Count <= item.Votes) return null;
        return groups.TryGetValue(rule.Group, out var lane) ? lane : null;
    }
}
