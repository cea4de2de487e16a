using Annotator.Core.Items;
using Annotator.Core.Live;
using Annotator.Core.Projects;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Learning;

/// <summary>Labels a group of near-duplicates once: what is said of one member goes to the others, visibly and reversibly.</summary>
internal static class GroupLabels
{
    /// <summary>Gives the label of an item that a person has just decided to the other members of its group.</summary>
    /// <remarks>A member that a person labelled differently leaves the group: people say that it is no duplicate.</remarks>
    public static async Task ShareAsync(WriteScope scope, Project project, Item item)
    {
        if (item.GroupId is not { } group || item.LabelValue is not { } value) return;
        var members = await scope.Db.Items.AsNoTracking().Where(i => i.ProjectId == item.ProjectId && i.GroupId == group && i.Id != item.Id).ToListAsync(scope.CancellationToken);
        var differs = members.Any(m => m.LabelSource is LabelSource.Human && m.State == ItemState.Final && !string.Equals(m.LabelValue, value, StringComparison.Ordinal));
        if (differs)
        {
            await scope.Db.Items.Where(i => i.ProjectId == item.ProjectId && i.Id == item.Id).ExecuteUpdateAsync(x => x.SetProperty(i => i.GroupId, (long?)null), scope.CancellationToken);
            item.GroupId = null;
            return;
        }

        if (members.Count == 0) return;

        // An audit draw waits for an answer of its own. And what an audit has frozen stays as it is: the bound speaks of the proposals, so a copy whose proposal is another
        // label waits for the audit's end with it.
        var audited = await scope.Db.Audits.AnyAsync(a => a.ProjectId == item.ProjectId && a.State == Quality.Certificate.AuditState.Running, scope.CancellationToken);
        var changes = members
            .Where(m => !audited || (m.State != ItemState.Final && string.Equals(m.PredictionValue, value, StringComparison.Ordinal)))
            .Where(m => !m.Audit && m.LabelSource is not (LabelSource.Human or LabelSource.Import) && m.Votes == 0 && !(m.State == ItemState.Final && string.Equals(m.LabelValue, value, StringComparison.Ordinal)))
            .Select(m => new ItemChange(m, ItemState.Final, Route.Auto, Label: new LabelChange(value, LabelSource.Propagated, null))).ToList();
        foreach (var part in changes.Chunk(2_000))
        {
            await ItemTransitions.ApplyAsync(scope, part);
            scope.Publish(new ItemsDecided(project.Id, [.. part.Select(c => new Decided(c.Item.Id, c.Item.Key, value, LabelSource.Propagated, null, ItemState.Final))]));
        }
    }

    /// <summary>Takes labels back that came from an item whose decision was taken back.</summary>
    public static Task TakeBackAsync(WriteScope scope, Item item) => TakeBackAsync(scope, item.ProjectId, [item]);

    /// <summary>Takes labels back that came from some items of a project; these themselves are left alone.</summary>
    public static async Task TakeBackAsync(WriteScope scope, long projectId, IReadOnlyCollection<Item> items)
    {
        var groups = items.Select(i => i.GroupId).OfType<long>().Distinct().ToList();
        if (groups.Count == 0) return;
        var own = items.Select(i => i.Id).ToHashSet();
        var copies = await scope.Db.Items.AsNoTracking()
            .Where(i => i.ProjectId == projectId && i.GroupId != null && groups.Contains(i.GroupId.Value) && i.State == ItemState.Final && i.LabelSource == LabelSource.Propagated).ToListAsync(scope.CancellationToken);
        copies.RemoveAll(c => own.Contains(c.Id));
        foreach (var part in copies.Chunk(2_000)) await ItemTransitions.ApplyAsync(scope, [.. part.Select(c => new ItemChange(c, ItemState.Prelabelled, Route.Human))]);
    }
}
