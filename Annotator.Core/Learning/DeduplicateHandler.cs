using System.Text.Json;
using Annotator.Core.Cascade;
using Annotator.Core.Items;
using Annotator.Core.Labels;
using Annotator.Core.Learning.Duplicates;
using Annotator.Core.Media;
using Annotator.Core.Projects;
using Annotator.Core.Runs;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Learning;

/// <summary>Groups near-duplicates of a project's texts or images, and gives what is decided of one to the others.</summary>
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
        if (project.Modality == Modality.Text) await GroupAsync(run, project, () => new NearDuplicateIndex(), TextsAsync, cancellationToken);
        else if (project.Modality == Modality.Image) await GroupAsync(run, project, () => new ImageDuplicateIndex(), HashesAsync, cancellationToken);

        // What came by the streaming API has been through the fast stage already.
        if (project.Modality == Modality.Video || await run.Database.ReadAsync(db => db.Items.AnyAsync(i => i.ProjectId == project.Id && i.State == ItemState.New, cancellationToken), cancellationToken))
            await run.CheckpointAsync(async scope => await runs.AddOnceAsync(scope, project.Id, PrelabelHandler.RunKind, new PrelabelOptions()), null, cancellationToken: cancellationToken);
    }

    private async Task GroupAsync<T>(RunContext run, Project project, Func<IDuplicateIndex<T>> create, PageReader<T> read, CancellationToken cancellationToken)
    {
        var before = await LastAsync(run, cancellationToken);
        var kept = workspaces.Take<T>(project.Id);
        var index = kept ?? create();
        var (through, added, touched) = await TakeInAsync(run, project, index, read, kept is null ? 0 : Math.Max(0, before.Through - LateIds), before.Through, cancellationToken);
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

    private delegate Task<(int Read, long Last, List<(long Id, long? Group, T Content)> Items)> PageReader<T>(AnnotatorDbContext db, long projectId, long after, CancellationToken cancellationToken);

    private static async Task<(int Read, long Last, List<(long Id, long? Group, string Content)> Items)> TextsAsync(AnnotatorDbContext db, long projectId, long after, CancellationToken cancellationToken)
    {
        var page = await db.Items.Where(i => i.ProjectId == projectId && i.Id > after).OrderBy(i => i.Id).Select(i => new { i.Id, i.Text, i.GroupId }).Take(Page).ToListAsync(cancellationToken);
        return (page.Count, page.Count == 0 ? after : page[^1].Id, page.ConvertAll(i => (i.Id, i.GroupId, i.Text ?? "")));
    }

    // Images that are not kept here have no fingerprint, and are duplicates of nothing.
    private static async Task<(int Read, long Last, List<(long Id, long? Group, PerceptualHash Content)> Items)> HashesAsync(AnnotatorDbContext db, long projectId, long after, CancellationToken cancellationToken)
    {
        var page = await db.Items.Where(i => i.ProjectId == projectId && i.Id > after).OrderBy(i => i.Id).Select(i => new { i.Id, i.Url, i.GroupId }).Take(Page).ToListAsync(cancellationToken);
        var hashes = new Dictionary<string, PerceptualHash>(StringComparer.Ordinal);
        foreach (var names in page.Select(i => MediaService.NameOf(projectId, i.Url)).OfType<string>().Chunk(500))
        {
            var files = await db.MediaFiles.Where(m => m.ProjectId == projectId && names.Contains(m.Name) && m.DifferenceHash != null && m.FrequencyHash != null)
                .Select(m => new { m.Name, m.DifferenceHash, m.FrequencyHash }).ToListAsync(cancellationToken);
            foreach (var file in files) hashes[file.Name] = new PerceptualHash(unchecked((ulong)file.DifferenceHash!.Value), unchecked((ulong)file.FrequencyHash!.Value));
        }

        var known = page.Select(i => (i.Id, i.GroupId, Name: MediaService.NameOf(projectId, i.Url))).Where(i => i.Name is not null && hashes.ContainsKey(i.Name));
        return (page.Count, page.Count == 0 ? after : page[^1].Id, [.. known.Select(i => (i.Id, i.GroupId, hashes[i.Name!]))]);
    }

    private static async Task<DeduplicateResult> LastAsync(RunContext run, CancellationToken cancellationToken)
    {
        var result = await run.Database.ReadAsync(
            db => db.Runs.Where(r => r.ProjectId == run.ProjectId && r.Kind == RunKind && r.State == RunState.Succeeded && r.Result != null).OrderByDescending(r => r.Id).Select(r => r.Result).FirstOrDefaultAsync(cancellationToken),
            cancellationToken);
        return result is null ? new DeduplicateResult() : JsonSerializer.Deserialize<DeduplicateResult>(result, ProjectJson.Options) ?? new DeduplicateResult();
    }

    /// <summary>Brings the index up to what is stored; returns the last item, how many were new, and one item of each group that something joined.</summary>
    private static async Task<(long Through, long Added, HashSet<long> Touched)> TakeInAsync<T>(
        RunContext run, Project project, IDuplicateIndex<T> index, PageReader<T> read, long from, long through, CancellationToken cancellationToken)
    {
        var touched = new HashSet<long>();
        var total = await run.Database.ReadAsync(db => db.Items.LongCountAsync(i => i.ProjectId == project.Id && i.Id > from, cancellationToken), cancellationToken);
        var (after, added) = (from, 0L);
        while (true)
        {
            var start = after;
            var (count, last, page) = await run.Database.ReadAsync(db => read(db, project.Id, start, cancellationToken), cancellationToken);
            if (count == 0) return (Math.Max(through, after), added, touched);
            var rebuilding = from == 0;
            foreach (var item in page.Where(i => rebuilding && i.Id <= through && !index.Contains(i.Id))) index.Restore(item.Id, item.Content, item.Group ?? item.Id);
            var fresh = page.Where(i => !index.Contains(i.Id)).Select(i => KeyValuePair.Create(i.Id, i.Content)).ToList();
            foreach (var match in index.AddRange(fresh, cancellationToken))
            {
                added++;
                if (match.Kind != DuplicateKind.None) touched.Add(match.Id);
            }

            after = last;
            await run.CheckpointAsync(null, null, count, total: total, cancellationToken: cancellationToken);
        }
    }

    private static async Task StoreAsync<T>(RunContext run, Project project, IDuplicateIndex<T> index, HashSet<long> touched, long through, CancellationToken cancellationToken)
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
