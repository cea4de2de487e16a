using System.Text.Json;
using Annotator.Core.Accounts;
using Annotator.Core.Items;
using Annotator.Core.Labels;
using Annotator.Core.Learning;
using Annotator.Core.Live;
using Annotator.Core.Quality.Tallies;
using Annotator.Core.Review.Checks;
using Annotator.Core.Runs;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Projects.Evolution;

/// <summary>
/// Changes the labels of a project: first the schema, from which moment nobody can give an old label, then the items, some at a time. What each item had stands in its
/// history, by which the run can be taken back.
/// </summary>
internal sealed class EvolveLabelsHandler(LearningTrigger learning, Representations representations) : IRunHandler
{
    public const string RunKind = "evolveLabels";

    internal const string EventKind = "schemaChanged";
    private const int Batch = 2_000;

    public string Kind => RunKind;

    public async Task ExecuteAsync(RunContext run, CancellationToken cancellationToken)
    {
        var options = run.Options<EvolveLabelsOptions>();
        if (options.Undo is { } undo) await TakeBackAsync(run, undo, cancellationToken);
        else await ChangeAsync(run, options, cancellationToken);
        learning.DecisionsRecorded(run.ProjectId);
    }

    private async Task ChangeAsync(RunContext run, EvolveLabelsOptions options, CancellationToken cancellationToken)
    {
        var cursor = run.Cursor<Cursor>();
        if (cursor.Before is null)
        {
            var first = options is { Kind: EvolutionKind.Split, Review: { } review } ? await FirstAsync(run, options.Labels[0], review, cancellationToken) : null;
            cursor = await run.CheckpointAsync(
                async scope =>
                {
                    var project = await scope.Db.Projects.SingleAsync(p => p.Id == run.ProjectId, cancellationToken);
                    var schema = LabelEvolution.After(project, options);
                    if (!schema.Succeeded) throw new InvalidOperationException(string.Join(" ", schema.Errors.Select(e => e.Message)));
                    var before = project.SchemaJson;
                    project.Schema = schema.Value;
                    project.SchemaVersion++;
                    project.Version++;
                    await SchemaSnapshots.KeepAsync(scope, project, (project.SchemaVersion - 1, before));
                    foreach (var gold in await scope.Db.Set<GoldItem>().Where(g => g.ProjectId == run.ProjectId).ToListAsync(cancellationToken))
                    {
                        if (LabelEvolution.ValueAfter(options, gold.Value) is { } value) gold.Value = value;
                        else scope.Db.Remove(gold);
                    }

                    scope.Audit(run.Run.CreatedBy, "labels.changed", new { kind = Names.Of(options.Kind), options.Labels, options.To, options.Parent, version = project.SchemaVersion }, run.ProjectId);
                    scope.Publish(new ProjectChanged(run.ProjectId));
                    return new Cursor(before, project.SchemaVersion, 0, 0, first);
                },
                cancellationToken: cancellationToken);
        }

        // What is only added or moved changes no item.
        if (options.Kind is EvolutionKind.Add or EvolutionKind.Move)
        {
            run.SetResult(new { changed = 0, schemaVersion = cursor.Version });
            return;
        }

        var grant = await GrantAsync(run, cancellationToken);
        while (true)
        {
            var after = cursor.After;
            var items = await run.Database.ReadAsync(db => db.Items.Where(i => i.ProjectId == run.ProjectId && i.Id > after).OrderBy(i => i.Id).Take(Batch).ToListAsync(cancellationToken), cancellationToken);
            if (items.Count == 0) break;
            var touched = items.Where(i => Has(i.LabelValue, options) || Has(i.PredictionValue, options)).Select(i => i.Id).ToList();
            var last = items[^1].Id;
            cursor = await run.CheckpointAsync(
                async scope =>
                {
                    var changed = touched.Count == 0 ? 0 : await ChangeAsync(scope, run, grant, options, touched, cursor.First);
                    return cursor with { After = last, Changed = cursor.Changed + changed };
                },
                items.Count,
                cancellationToken: cancellationToken);
        }

        run.SetResult(new { changed = cursor.Changed, schemaVersion = cursor.Version });
    }

    private static async Task<int> ChangeAsync(WriteScope scope, RunContext run, ProjectGrant grant, EvolveLabelsOptions options, List<long> ids, IReadOnlyList<long>? first)
    {
        await scope.Dialect.LockItemsAsync(scope.Db, run.ProjectId, ids, scope.CancellationToken);
        var items = await scope.Db.Items.AsNoTracking().Where(i => i.ProjectId == run.ProjectId && ids.Contains(i.Id)).OrderBy(i => i.Id).ToListAsync(scope.CancellationToken);
        var changes = items.Where(i => Has(i.LabelValue, options) || Has(i.PredictionValue, options)).ToList();
        if (changes.Count == 0) return 0;
        var id = scope.NextId("event", changes.Count);
        await scope.Dialect.InsertAsync(
            scope.Db,
            [.. changes.Select(i => new ItemEvent
            {
                Id = id++,
                ProjectId = i.ProjectId,
                ItemId = i.Id,
                Kind = EventKind,
                Value = i.LabelValue,
                Detail = JsonSerializer.Serialize(new Before(run.Run.Id, i.LabelSource, i.LabelConfidence, i.PredictionValue), ProjectJson.Options),
                UserId = run.Run.CreatedBy,
                CreatedAt = scope.Now,
            })],
            ignoreConflicts: false,
            scope.CancellationToken);
        await RewriteAsync(scope, [.. changes.Select(i => (i, i.LabelValue is { } label ? LabelEvolution.ValueAfter(options, label) ?? label : null, i.PredictionValue is { } guess ? LabelEvolution.ValueAfter(options, guess) : null))]);
        var open = changes.Where(i => i.State == ItemState.Final && i.LabelValue is { } label && LabelEvolution.ValueAfter(options, label) is null).Select(i => i.Id).ToList();
        if (open.Count > 0) await ItemReopening.ReopenAsync(scope, grant, run.Run.CreatedBy ?? 0, open, "The label was changed.", first);
        return changes.Count;
    }

    private async Task TakeBackAsync(RunContext run, long undo, CancellationToken cancellationToken)
    {
        var done = await run.Database.ReadAsync(db => db.Runs.FirstOrDefaultAsync(r => r.Id == undo && r.ProjectId == run.ProjectId && r.Kind == RunKind, cancellationToken), cancellationToken)
            ?? throw new InvalidOperationException("There is no such change of labels in this project.");
        var options = JsonSerializer.Deserialize<EvolveLabelsOptions>(done.Options, ProjectJson.Options)!;
        if (options.Undo is not null || done.State != RunState.Succeeded || done.Cursor is null) throw new InvalidOperationException("Only a change of labels that was completed can be taken back.");
        var change = JsonSerializer.Deserialize<Cursor>(done.Cursor, ProjectJson.Options)!;
        var cursor = run.Cursor<Cursor>();
        if (cursor.Before is null)
        {
            cursor = await run.CheckpointAsync(
                async scope =>
                {
                    var project = await scope.Db.Projects.SingleAsync(p => p.Id == run.ProjectId, cancellationToken);
                    if (options.Kind == EvolutionKind.Add && await scope.Db.Tallies.AnyAsync(t => t.ProjectId == run.ProjectId && t.Kind == TallyKind.FinalLabels && options.To.Contains(t.Label) && t.Count > 0, cancellationToken))
                        throw new InvalidOperationException("Items have the new labels already: merge or retire the labels instead.");
                    if (project.SchemaVersion != change.Version) throw new InvalidOperationException("The labels have changed again since: take the newer change back first.");
                    var before = project.SchemaJson;
                    project.SchemaJson = change.Before!;
                    project.SchemaVersion++;
                    project.Version++;
                    await SchemaSnapshots.KeepAsync(scope, project, (project.SchemaVersion - 1, before));
                    scope.Audit(run.Run.CreatedBy, "labels.changeTakenBack", new { run = undo, version = project.SchemaVersion }, run.ProjectId);
                    scope.Publish(new ProjectChanged(run.ProjectId));
                    return new Cursor(before, project.SchemaVersion, 0, 0);
                },
                cancellationToken: cancellationToken);
        }

        while (true)
        {
            var after = cursor.After;
            var ids = await run.Database.ReadAsync(db => db.Items.Where(i => i.ProjectId == run.ProjectId && i.Id > after).OrderBy(i => i.Id).Take(Batch).Select(i => i.Id).ToListAsync(cancellationToken), cancellationToken);
            if (ids.Count == 0) break;
            cursor = await run.CheckpointAsync(
                async scope => cursor with { After = ids[^1], Changed = cursor.Changed + await TakeBackAsync(scope, run.ProjectId, undo, options, ids[0], ids[^1]) },
                ids.Count,
                cancellationToken: cancellationToken);
        }

        run.SetResult(new { changed = cursor.Changed, schemaVersion = cursor.Version });
    }

    // Items that somebody has decided since keep what was decided.
    private static async Task<int> TakeBackAsync(WriteScope scope, long projectId, long undo, EvolveLabelsOptions options, long first, long last)
    {
        var events = (await scope.Db.ItemEvents.AsNoTracking().Where(e => e.ProjectId == projectId && e.ItemId >= first && e.ItemId <= last && e.Kind == EventKind && e.Detail != null).ToListAsync(scope.CancellationToken))
            .Select(e => (Event: e, Before: JsonSerializer.Deserialize<Before>(e.Detail!, ProjectJson.Options)!)).Where(e => e.Before.Run == undo).ToDictionary(e => e.Event.ItemId);
        if (events.Count == 0) return 0;
        var ids = events.Keys.ToList();
        await scope.Dialect.LockItemsAsync(scope.Db, projectId, ids, scope.CancellationToken);
        var items = await scope.Db.Items.AsNoTracking().Where(i => i.ProjectId == projectId && ids.Contains(i.Id)).ToListAsync(scope.CancellationToken);
        var values = new List<(Item, string?, string?)>();
        var back = new List<ItemChange>();
        foreach (var item in items)
        {
            var (e, before) = events[item.Id];
            var mapped = e.Value is { } old ? LabelEvolution.ValueAfter(options, old) : null;
            var label = mapped is not null && string.Equals(item.LabelValue, mapped, StringComparison.Ordinal) ? e.Value : item.LabelValue;
            var guess = before.Prediction is { } p && (item.PredictionValue is null || string.Equals(item.PredictionValue, LabelEvolution.ValueAfter(options, p), StringComparison.Ordinal)) ? p : item.PredictionValue;
            if (item.PredictionSource is null) guess = item.PredictionValue;
            if (!string.Equals(label, item.LabelValue, StringComparison.Ordinal) || !string.Equals(guess, item.PredictionValue, StringComparison.Ordinal)) values.Add((item, label, guess));
            if (e.Value is not null && mapped is null && item.State != ItemState.Final && item.Votes == 0 && before.Source is { } source)
                back.Add(new ItemChange(item, ItemState.Final, Label: new LabelChange(e.Value, source, before.Confidence)));
        }

        await RewriteAsync(scope, values);
        await ItemTransitions.ApplyAsync(scope, back);
        return values.Count + back.Count;
    }

    // Only names change: state, source and time of a label stay as they were, and the counts follow.
    private static async Task RewriteAsync(WriteScope scope, IReadOnlyList<(Item Item, string? Label, string? Prediction)> values)
    {
        if (values.Count == 0) return;
        await scope.Dialect.UpdateAsync(
            scope.Db,
            new BulkUpdate(
                "items",
                [new("project_id", BulkType.Long), new("id", BulkType.Long)],
                [new("label_value", BulkType.Text), new("prediction_value", BulkType.Text), new("prediction_source", BulkType.Int), new("prediction_confidence", BulkType.Double)],
                [.. values.Select(v => new object?[]
                {
                    v.Item.ProjectId, v.Item.Id, v.Label, v.Prediction, v.Prediction is null ? null : (int?)v.Item.PredictionSource, v.Prediction is null ? null : v.Item.PredictionConfidence,
                })],
                Increments: ["version"]),
            scope.CancellationToken);
        foreach (var (item, label, prediction) in values)
        {
            scope.Tallies.Labelled(item.ProjectId, item.Id, item.LabelValue, item.LabelSource, item.DecidedAt, -1);
            (item.LabelValue, item.PredictionValue) = (label, prediction);
            item.Version++;
            scope.Tallies.Labelled(item.ProjectId, item.Id, item.LabelValue, item.LabelSource, item.DecidedAt, 1);
        }
    }

    private static async Task<ProjectGrant> GrantAsync(RunContext run, CancellationToken cancellationToken) =>
        new(await run.Database.ReadAsync(db => db.Projects.FirstAsync(p => p.Id == run.ProjectId, cancellationToken), cancellationToken), Role.Lead);

    private static bool Has(string? value, EvolveLabelsOptions options) => value is not null && LabelJson.Read(value).LabelNames.Any(n => options.Labels.Contains(n, StringComparer.Ordinal));

    // The items of a label that say most of what it holds: those nearest to the centres of their clusters, or, where nothing is known of what is alike, evenly from first to last.
    private async Task<IReadOnlyList<long>> FirstAsync(RunContext run, string label, int count, CancellationToken cancellationToken)
    {
        var choice = LabelJson.Write(new ChoiceValue(label));
        var quoted = choice["{\"choice\":".Length..^1];
        var ids = await run.Database.ReadAsync(
            db => db.Items.Where(i => i.ProjectId == run.ProjectId && i.State == ItemState.Final && i.LabelValue != null && i.LabelValue.Contains(quoted)).OrderBy(i => i.Id).Select(i => i.Id).ToListAsync(cancellationToken),
            cancellationToken);
        if (ids.Count <= count) return ids;
        return await representations.SpreadAsync(run.ProjectId, ids, count, cancellationToken) ?? [.. Enumerable.Range(0, count).Select(i => ids[(int)((long)i * ids.Count / count)])];
    }

    internal sealed record Cursor(string? Before, int Version, long After, long Changed, IReadOnlyList<long>? First = null)
    {
        public Cursor()
            : this(null, 0, 0, 0)
        {
        }
    }

    internal sealed record Before(long Run, LabelSource? Source, double? Confidence, string? Prediction);
}
