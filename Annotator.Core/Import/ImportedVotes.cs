using Annotator.Core.Items;
using Annotator.Core.Projects;
using Annotator.Core.Review;
using Annotator.Core.Runs;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Import;

/// <summary>Makes one label of the labels that several named annotators gave an item.</summary>
internal static class ImportedVotes
{
    private const int Batch = 2_000;

    public static async Task AggregateAsync(RunContext run, Project project, CancellationToken cancellationToken)
    {
        long after = 0;
        while (true)
        {
            var from = after;
            var items = await run.Database.ReadAsync(
                db => db.Items.Where(i => i.ProjectId == project.Id && i.Id > from && (i.State != ItemState.Final || i.LabelSource == LabelSource.Import)).OrderBy(i => i.Id).Take(Batch).ToListAsync(cancellationToken),
                cancellationToken);
            if (items.Count == 0) return;
            after = items[^1].Id;
            var ids = items.Select(i => i.Id).ToList();
            var byId = items.ToDictionary(i => i.Id);
            var votes = await run.Database.ReadAsync(
                db => db.Decisions.Where(d => d.ProjectId == project.Id && ids.Contains(d.ItemId) && d.Action == DecisionAction.Import && d.UserId != null && d.UndoneById == null)
                    .Select(d => new { d.Id, d.ItemId, d.Value }).ToListAsync(cancellationToken),
                cancellationToken);
            var changes = new List<ItemChange>();
            foreach (var group in votes.GroupBy(v => v.ItemId))
            {
                var item = byId[group.Key];
                var best = group.GroupBy(v => v.Value!, StringComparer.Ordinal).OrderByDescending(g => g.Count()).ThenBy(g => g.Min(v => v.Id)).First();
                if (string.Equals(item.LabelValue, best.Key, StringComparison.Ordinal)) continue;
                changes.Add(new ItemChange(item, ItemState.Final, Route.Human, Label: new LabelChange(best.Key, LabelSource.Import, (double)best.Count() / group.Count())));
            }

            await run.CheckpointAsync(scope => ItemTransitions.ApplyAsync(scope, changes), null, message: null, cancellationToken: cancellationToken);
        }
    }
}
