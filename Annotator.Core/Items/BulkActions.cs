using System.Text.Json;
using Annotator.Core.Accounts;
using Annotator.Core.Labels;
using Annotator.Core.Learning;
using Annotator.Core.Projects;
using Annotator.Core.Review;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Items;

/// <summary>What a bulk action did.</summary>
/// <param name="Operation">Its name, to take it back by.</param>
/// <param name="Items">Items that it changed.</param>
public sealed record BulkResult(string Operation, IReadOnlyList<long> Items);

/// <summary>Does one thing to many items, as a lead, and takes it back. Each change is a decision in the item's history like any other.</summary>
public sealed class BulkActions(AnnotatorDatabase database, DecisionRecorder recorder, ItemReopening reopening, LearningTrigger learning)
{
    /// <summary>The most items in one action.</summary>
    public const int MostAtOnce = 1_000;

    private const string Kind = "relabelled";

    // So many labels stand in the log; the rest is in the items' histories.
    private const int MostNamed = 20;

    /// <summary>Gives items a label, as a lead's last word.</summary>
    /// <exception cref="UnauthorizedAccessException">The caller is no lead of the project.</exception>
    /// <exception cref="ArgumentException">The label does not fit the project, or there are too many items.</exception>
    public async Task<BulkResult> RelabelAsync(ProjectGrant grant, long userId, IReadOnlyCollection<long> items, LabelValue label, CancellationToken cancellationToken = default)
    {
        if (LabelJson.Check(label, grant.Project.Schema) is { } wrong) throw new ArgumentException(wrong, nameof(label));
        var value = LabelJson.Write(label);
        return await GiveAsync(grant, userId, Check(grant, items), _ => value, cancellationToken);
    }

    /// <summary>Gives items that have no label yet each its own pre-label, as a lead's last word. Items without a pre-label are left out.</summary>
    /// <exception cref="UnauthorizedAccessException">The caller is no lead of the project.</exception>
    /// <exception cref="ArgumentException">There are too many items.</exception>
    public Task<BulkResult> AcceptAsync(ProjectGrant grant, long userId, IReadOnlyCollection<long> items, CancellationToken cancellationToken = default) =>
        GiveAsync(grant, userId, Check(grant, items), i => i.State == ItemState.Final ? null : i.PredictionValue, cancellationToken);

    private async Task<BulkResult> GiveAsync(ProjectGrant grant, long userId, List<long> ids, Func<Item, string?> labelOf, CancellationToken cancellationToken)
    {
        var operation = Guid.NewGuid().ToString("n");

        // What was there before is written down first: without it the action could not be taken back.
        var changed = await database.WriteAsync(
            async scope =>
            {
                var before = await scope.Db.Items.AsNoTracking().Where(i => i.ProjectId == grant.Project.Id && ids.Contains(i.Id)).OrderBy(i => i.Id).ToListAsync(cancellationToken);
                before.RemoveAll(i => labelOf(i) is not { } value || (i.State == ItemState.Final && string.Equals(i.LabelValue, value, StringComparison.Ordinal)));
                var id = scope.NextId("event", Math.Max(1, before.Count));
                await scope.Dialect.InsertAsync(
                    scope.Db,
                    [.. before.Select(i => new ItemEvent
                    {
                        Id = id++,
                        ProjectId = i.ProjectId,
                        ItemId = i.Id,
                        Kind = Kind,
                        Value = i.LabelValue,
                        Detail = JsonSerializer.Serialize(new Before(operation, i.LabelSource, i.LabelConfidence), ProjectJson.Options),
                        UserId = userId,
                        CreatedAt = scope.Now,
                    })],
                    ignoreConflicts: false,
                    cancellationToken);
                scope.Audit(userId, "items.relabelled", new { operation, items = before.Count, labels = before.Select(labelOf).Distinct(StringComparer.Ordinal).Take(MostNamed) }, grant.Project.Id);
                return before.ConvertAll(i => (i.Id, Label: labelOf(i)!));
            },
            cancellationToken);
        if (changed.Count == 0) return new BulkResult(operation, []);
        var results = await recorder.RecordAsync(grant, userId, [.. changed.Select(c => new NewDecision(c.Id, DecisionAction.Correct, LabelJson.Read(c.Label), Settles: true))], cancellationToken);
        return new BulkResult(operation, [.. results.Where(r => r.Status == DecisionStatus.Recorded).Select(r => r.ItemId)]);
    }

    /// <summary>Takes a relabelling back: the items have the labels that they had before, where nobody has decided them since.</summary>
    /// <returns>How many items have their label back.</returns>
    public async Task<int> UndoAsync(ProjectGrant grant, long userId, BulkResult done, CancellationToken cancellationToken = default)
    {
        var ids = Check(grant, done.Items);
        var project = grant.Project;
        var restored = await database.WriteRepeatedlyAsync(
            async scope =>
            {
                await scope.Dialect.LockItemsAsync(scope.Db, project.Id, ids, cancellationToken);
                var events = await scope.Db.ItemEvents.AsNoTracking().Where(e => e.ProjectId == project.Id && ids.Contains(e.ItemId) && e.Kind == Kind).OrderBy(e => e.Id).ToListAsync(cancellationToken);
                var before = events.Where(e => e.Detail is not null && string.Equals(JsonSerializer.Deserialize<Before>(e.Detail, ProjectJson.Options)?.Operation, done.Operation, StringComparison.Ordinal)).ToDictionary(e => e.ItemId);
                var latest = (await scope.Db.Decisions.AsNoTracking().Where(d => d.ProjectId == project.Id && ids.Contains(d.ItemId) && d.UndoneById == null && d.Status == DecisionStatus.Recorded && d.Action != DecisionAction.Undo).ToListAsync(cancellationToken))
                    .GroupBy(d => d.ItemId).ToDictionary(g => g.Key, g => g.MaxBy(d => d.Id)!);
                var count = 0;
                foreach (var (id, e) in before)
                {
                    if (!latest.TryGetValue(id, out var decision) || decision.UserId != userId || !decision.Settles) continue;
                    await DecisionRecorder.TakeBackAsync(scope, project, decision);

                    // Where the lead had decided the item before, that decision had been replaced: it stands again.
                    var own = await scope.Db.Decisions.AsNoTracking().FirstOrDefaultAsync(
                        d => d.ProjectId == project.Id && d.ItemId == id && d.UserId == userId && d.UndoneById == decision.Id && d.Value != null && (d.Action == DecisionAction.Accept || d.Action == DecisionAction.Correct), cancellationToken);
                    if (own is not null) await DecisionRecorder.AgainAsync(scope, grant, own);
                    var item = await scope.Db.Items.AsNoTracking().FirstAsync(i => i.ProjectId == project.Id && i.Id == id, cancellationToken);
                    var was = JsonSerializer.Deserialize<Before>(e.Detail!, ProjectJson.Options)!;

                    // Labels of people come back by their decisions; others are put back as they were.
                    if (item.State != ItemState.Final && e.Value is not null && was.Source is { } source && source != LabelSource.Human)
                        await ItemTransitions.ApplyAsync(scope, [new ItemChange(item, ItemState.Final, Label: new LabelChange(e.Value, source, was.Confidence))]);
                    count++;
                }

                scope.Audit(userId, "items.relabellingUndone", new { operation = done.Operation, items = count }, project.Id);
                return count;
            },
            cancellationToken);
        if (restored > 0) learning.DecisionsRecorded(project.Id);
        return restored;
    }

    /// <summary>Sends items back to people.</summary>
    /// <returns>How many there were.</returns>
    public Task<int> SendToReviewAsync(ProjectGrant grant, long userId, IReadOnlyCollection<long> items, CancellationToken cancellationToken = default) =>
        reopening.ReopenAsync(grant, userId, Check(grant, items), null, cancellationToken);

    private static List<long> Check(ProjectGrant grant, IReadOnlyCollection<long> items)
    {
        if (!grant.IsLead) throw new UnauthorizedAccessException("Only leads act on many items.");
        if (items.Count > MostAtOnce) throw new ArgumentException($"At most {MostAtOnce} items at once.", nameof(items));
        return [.. items.Distinct()];
    }

    private sealed record Before(string Operation, LabelSource? Source, double? Confidence);
}
