using Annotator.Core.Cascade;
using Annotator.Core.Items;
using Annotator.Core.Labels;
using Annotator.Core.Learning.Duplicates;
using Annotator.Core.Projects;
using Annotator.Core.Runs;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Learning;

/// <summary>Groups near-duplicates of a project's texts, and gives what is decided of one to the others.</summary>
/// <remarks>The index is built anew from all texts in one streamed pass: about a hundred thousand texts in a few seconds, at a bounded size an item.</remarks>
internal sealed class DeduplicateHandler(RunService runs) : IRunHandler
{
    public const string RunKind = "deduplicate";

    private const int Page = 5_000;

    public string Kind => RunKind;

    public async Task ExecuteAsync(RunContext run, CancellationToken cancellationToken)
    {
        var project = await run.Database.ReadAsync(db => db.Projects.SingleAsync(p => p.Id == run.ProjectId, cancellationToken), cancellationToken);
        if (project.Modality == Modality.Text)
        {
            var index = new NearDuplicateIndex();
            var total = await run.Database.ReadAsync(db => db.Items.LongCountAsync(i => i.ProjectId == project.Id, cancellationToken), cancellationToken);
            var groupOf = await BuildAsync(run, project, index, total, cancellationToken);
            var (groups, grouped) = await StoreAsync(run, project, index, groupOf, cancellationToken);
            run.SetResult(new { items = total, groups, grouped });
        }

        await run.CheckpointAsync(async scope => await runs.AddOnceAsync(scope, project.Id, PrelabelHandler.RunKind, new PrelabelOptions()), null, cancellationToken: cancellationToken);
    }

    private static async Task<Dictionary<long, long?>> BuildAsync(RunContext run, Project project, NearDuplicateIndex index, long total, CancellationToken cancellationToken)
    {
        var stored = new Dictionary<long, long?>((int)Math.Min(total, int.MaxValue / 4));
        long after = 0;
        while (true)
        {
            var from = after;
            var page = await run.Database.ReadAsync(
                db => db.Items.Where(i => i.ProjectId == project.Id && i.Id > from).OrderBy(i => i.Id).Select(i => new { i.Id, i.Text, i.GroupId }).Take(Page).ToListAsync(cancellationToken), cancellationToken);
            if (page.Count == 0) return stored;
            foreach (var item in page) stored[item.Id] = item.GroupId;
            foreach (var _ in index.AddRange(page.Select(i => KeyValuePair.Create(i.Id, i.Text ?? "")), cancellationToken))
            {
                // Groups are read once all texts are in: a later text can tie two groups together.
            }

            after = page[^1].Id;
            await run.CheckpointAsync(null, null, page.Count, total: total, cancellationToken: cancellationToken);
        }
    }

    private static async Task<(int Groups, int Grouped)> StoreAsync(
        RunContext run, Project project, NearDuplicateIndex index, Dictionary<long, long?> stored, CancellationToken cancellationToken)
    {
        var sizes = new Dictionary<long, int>();
        foreach (var id in stored.Keys) sizes[index.GroupOf(id)] = sizes.GetValueOrDefault(index.GroupOf(id)) + 1;
        var changes = new List<(long Id, long? Group)>();
        foreach (var (id, old) in stored)
        {
            var group = index.GroupOf(id);
            long? now = sizes[group] > 1 ? group : null;
            if (now != old) changes.Add((id, now));
        }

        foreach (var part in changes.Chunk(2_000))
        {
            await run.CheckpointAsync(
                async scope =>
                {
                    await scope.Dialect.UpdateAsync(
                        scope.Db,
                        new BulkUpdate("items", [new("project_id", BulkType.Long), new("id", BulkType.Long)], [new("group_id", BulkType.Long)], [.. part.Select(p => new object?[] { project.Id, p.Id, p.Group })], Increments: ["version"]),
                        cancellationToken);
                    await FollowAsync(scope, project, [.. part.Where(p => p.Group is not null && p.Group != p.Id).Select(p => p.Id)], cancellationToken);
                },
                null,
                cancellationToken: cancellationToken);
        }

        return (sizes.Count(s => s.Value > 1), sizes.Values.Where(s => s > 1).Sum());
    }

    // A member leaves the queue, and takes the label of its group where that is decided already.
    private static async Task FollowAsync(WriteScope scope, Project project, List<long> ids, CancellationToken cancellationToken)
    {
        var members = await scope.Db.Items.AsNoTracking().Where(i => i.ProjectId == project.Id && ids.Contains(i.Id) && i.State != ItemState.Final && i.Votes == 0).ToListAsync(cancellationToken);
        var groups = members.Select(m => m.GroupId!.Value).Distinct().ToList();
        var leaders = await scope.Db.Items.AsNoTracking().Where(i => i.ProjectId == project.Id && groups.Contains(i.Id) && i.State == ItemState.Final).ToDictionaryAsync(i => i.Id, cancellationToken);
        var changes = new List<ItemChange>();
        foreach (var member in members)
        {
            if (leaders.TryGetValue(member.GroupId!.Value, out var leader) && leader.LabelSource is LabelSource.Human or LabelSource.Import)
                changes.Add(new ItemChange(member, ItemState.Final, Route.Auto, Label: new LabelChange(leader!.LabelValue!, LabelSource.Propagated, null)));
            else if (member.State == ItemState.Queued) changes.Add(new ItemChange(member, ItemState.Prelabelled, Route.Human));
        }

        await ItemTransitions.ApplyAsync(scope, changes);
    }
}
