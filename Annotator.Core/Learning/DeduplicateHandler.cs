using System.Text.Json;
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
/// <remarks>
/// Items are taken in once, in order of arrival: about a hundred thousand texts in a few seconds, at a bounded size an item. A later run goes on from there,
/// with the index of the last one or, where that is gone, with the groups as they are stored. So a group that people split stays split.
/// </remarks>
internal sealed class DeduplicateHandler(RunService runs, DuplicateWorkspaces workspaces, Representations representations) : IRunHandler
{
    public const string RunKind = "deduplicate";

    private const int Page = 5_000;
    private const int Part = 2_000;

    // Nodes take ids in blocks: an item may come into sight after one with a larger id.
    private const long LateIds = 200_000;

    public string Kind => RunKind;

    public async Task ExecuteAsync(RunContext run, CancellationToken cancellationToken)
    {
        var project = await run.Database.ReadAsync(db => db.Projects.SingleAsync(p => p.Id == run.ProjectId, cancellationToken), cancellationToken);
        if (project.Modality == Modality.Text)
        {
            var before = await LastAsync(run, cancellationToken);
            var kept = workspaces.Take(project.Id);
            var index = kept ?? new NearDuplicateIndex();
            var (through, added, touched) = await TakeInAsync(run, project, index, kept is null ? 0 : Math.Max(0, before.Through - LateIds), before.Through, cancellationToken);
            await StoreAsync(run, project, index, touched, before.Through, cancellationToken);
            workspaces.Put(project.Id, index);
            var (groups, grouped) = await run.Database.ReadAsync(
                async db =>
                {
                    var members = db.Items.Where(i => i.ProjectId == project.Id && i.GroupId != null);
                    return (await members.Select(i => i.GroupId).Distinct().CountAsync(cancellationToken), await members.CountAsync(cancellationToken));
                },
                cancellationToken);
            run.SetResult(new DeduplicateResult { Items = index.Count, Added = added, Groups = groups, Grouped = grouped, Through = through });
            if (RepresentHandler.IsOutgrown(await representations.LatestAsync(project.Id, cancellationToken), index.Count))
                await run.CheckpointAsync(async scope => await runs.AddOnceAsync(scope, project.Id, RepresentHandler.RunKind), null, cancellationToken: cancellationToken);
        }

        // What came by the streaming API has been through the fast stage already.
        if (project.Modality != Modality.Text || await run.Database.ReadAsync(db => db.Items.AnyAsync(i => i.ProjectId == project.Id && i.State == ItemState.New, cancellationToken), cancellationToken))
            await run.CheckpointAsync(async scope => await runs.AddOnceAsync(scope, project.Id, PrelabelHandler.RunKind, new PrelabelOptions()), null, cancellationToken: cancellationToken);
    }

    private static async Task<DeduplicateResult> LastAsync(RunContext run, CancellationToken cancellationToken)
    {
        var result = await run.Database.ReadAsync(
            db => db.Runs.Where(r => r.ProjectId == run.ProjectId && r.Kind == RunKind && r.State == RunState.Succeeded && r.Result != null).OrderByDescending(r => r.Id).Select(r => r.Result).FirstOrDefaultAsync(cancellationToken),
            cancellationToken);
        return result is null ? new DeduplicateResult() : JsonSerializer.Deserialize<DeduplicateResult>(result, ProjectJson.Options) ?? new DeduplicateResult();
    }

    /// <summary>Brings the index up to what is stored; returns the last item, how many were new, and one item of each group that something joined.</summary>
    private static async Task<(long Through, long Added, HashSet<long> Touched)> TakeInAsync(
        RunContext run, Project project, NearDuplicateIndex index, long from, long through, CancellationToken cancellationToken)
    {
        var touched = new HashSet<long>();
        var total = await run.Database.ReadAsync(db => db.Items.LongCountAsync(i => i.ProjectId == project.Id && i.Id > from, cancellationToken), cancellationToken);
        var (after, added) = (from, 0L);
        while (true)
        {
            var start = after;
            var page = await run.Database.ReadAsync(
                db => db.Items.Where(i => i.ProjectId == project.Id && i.Id > start).OrderBy(i => i.Id).Select(i => new { i.Id, i.Text, i.GroupId }).Take(Page).ToListAsync(cancellationToken), cancellationToken);
            if (page.Count == 0) return (Math.Max(through, after), added, touched);
            var rebuilding = from == 0;
            foreach (var item in page.Where(i => rebuilding && i.Id <= through && !index.Contains(i.Id))) index.Restore(item.Id, item.Text ?? "", item.GroupId ?? item.Id);
            var fresh = page.Where(i => !index.Contains(i.Id)).Select(i => KeyValuePair.Create(i.Id, i.Text ?? "")).ToList();
            foreach (var match in index.AddRange(fresh, cancellationToken))
            {
                added++;
                if (match.Kind != DuplicateKind.None) touched.Add(match.Id);
            }

            after = page[^1].Id;
            await run.CheckpointAsync(null, null, page.Count, total: total, cancellationToken: cancellationToken);
        }
    }

    private static async Task StoreAsync(RunContext run, Project project, NearDuplicateIndex index, HashSet<long> touched, long through, CancellationToken cancellationToken)
    {
        var members = touched.GroupBy(index.GroupOf).SelectMany(g => index.Members(g.First())).Distinct().Order().ToList();
        foreach (var part in members.Chunk(Part))
        {
            await run.CheckpointAsync(
                async scope =>
                {
                    var items = await scope.Db.Items.AsNoTracking().Where(i => i.ProjectId == project.Id && part.Contains(i.Id)).ToListAsync(cancellationToken);
                    foreach (var split in items.Where(i => i.Id <= through && i.GroupId is null && i is { State: ItemState.Final, LabelSource: LabelSource.Human })) index.Detach(split.Id);
                    var changes = items.Where(i => index.Members(i.Id).Count > 1 && i.GroupId != index.GroupOf(i.Id)).ToList();
                    if (changes.Count == 0) return;
                    await scope.Dialect.UpdateAsync(
                        scope.Db,
                        new BulkUpdate(
                            "items", [new("project_id", BulkType.Long), new("id", BulkType.Long)], [new("group_id", BulkType.Long)], [.. changes.Select(i => new object?[] { project.Id, i.Id, index.GroupOf(i.Id) })],
                            Increments: ["version"]),
                        cancellationToken);
                },
                null,
                cancellationToken: cancellationToken);
        }

        foreach (var part in touched.Select(index.GroupOf).Distinct().Order().Chunk(Part / 4))
            await run.CheckpointAsync(scope => FollowAsync(scope, project, part, cancellationToken), null, cancellationToken: cancellationToken);
    }

    // Members wait for the first of their group, and take the label of the group where people have decided it and agree.
    private static async Task FollowAsync(WriteScope scope, Project project, long[] groups, CancellationToken cancellationToken)
    {
        var items = await scope.Db.Items.AsNoTracking().Where(i => i.ProjectId == project.Id && i.GroupId != null && groups.Contains(i.GroupId.Value)).ToListAsync(cancellationToken);
        var changes = new List<ItemChange>();
        foreach (var group in items.GroupBy(i => i.GroupId!.Value))
        {
            var said = group.Where(i => i is { State: ItemState.Final, LabelSource: LabelSource.Human or LabelSource.Import }).Select(i => i.LabelValue).Distinct(StringComparer.Ordinal).ToList();
            var first = group.Where(i => i.State != ItemState.Final || i.LabelSource is LabelSource.Human or LabelSource.Import).MinBy(i => i.Id)?.Id;
            foreach (var member in group.Where(i => i.State != ItemState.Final && i.Votes == 0 && !i.Audit))
            {
                if (said.Count == 1) changes.Add(new ItemChange(member, ItemState.Final, Route.Auto, Label: new LabelChange(said[0]!, LabelSource.Propagated, null)));
                else if (member.State == ItemState.Queued && member.Id != first) changes.Add(new ItemChange(member, ItemState.Prelabelled, Route.Human));
            }
        }

        foreach (var part in changes.Chunk(Part)) await ItemTransitions.ApplyAsync(scope, part);
    }
}

/// <summary>Result of a grouping.</summary>
internal sealed record DeduplicateResult
{
    /// <summary>Items that were looked at, this time or before.</summary>
    public long Items { get; init; }

    /// <summary>Those of them that were new.</summary>
    public long Added { get; init; }

    /// <summary>Groups of two and more.</summary>
    public int Groups { get; init; }

    /// <summary>Items in these.</summary>
    public int Grouped { get; init; }

    /// <summary>The last item that was looked at: where the next run goes on.</summary>
    public long Through { get; init; }
}
