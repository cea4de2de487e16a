using Annotator.Core.Items;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Review;

/// <summary>What is people's: items that somebody has begun on, has set aside, or has asked to have looked at again. No model decides these over their heads.</summary>
internal static class HeldByPeople
{
    /// <summary>Which of these items are held by people.</summary>
    /// <param name="scope">The write.</param>
    /// <param name="projectId">The project.</param>
    /// <param name="items">Items as they are in this write.</param>
    /// <returns>Their ids.</returns>
    public static async Task<HashSet<long>> AmongAsync(WriteScope scope, long projectId, IReadOnlyCollection<Item> items)
    {
        var held = items.Where(i => i.Flagged || i.Votes > 0).Select(i => i.Id).ToHashSet();
        var queued = items.Where(i => i.State == ItemState.Queued && !held.Contains(i.Id)).Select(i => i.Id).ToList();
        if (queued.Count == 0) return held;
        held.UnionWith(await scope.Db.Queue.AsNoTracking()
            .Where(q => q.ProjectId == projectId && queued.Contains(q.ItemId) && (q.Reason == QueueReason.Reopened || q.Reason == QueueReason.PeopleDisagree || q.Reason == QueueReason.Rejected))
            .Select(q => q.ItemId).ToListAsync(scope.CancellationToken));
        return held;
    }
}
