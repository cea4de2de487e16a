using Annotator.Core.Quality;
using Annotator.Core.Review;
using Annotator.Core.Review.Work;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Items;

/// <summary>A pre-label to be set.</summary>
/// <param name="Value">Value as canonical JSON; null takes the pre-label away.</param>
/// <param name="Confidence">Calibrated confidence.</param>
/// <param name="Source">Who made it.</param>
/// <param name="Version">Which version of it.</param>
public sealed record PrelabelChange(string? Value, double? Confidence, LabelSource? Source, int? Version);

/// <summary>A label to be set.</summary>
/// <param name="Value">Value as canonical JSON.</param>
/// <param name="Source">Where it comes from.</param>
/// <param name="Confidence">Probability that it is right.</param>
public sealed record LabelChange(string Value, LabelSource Source, double? Confidence);

/// <summary>A place in the queue.</summary>
/// <param name="Rank">Order: smallest first.</param>
/// <param name="Reason">Why a person is asked.</param>
/// <param name="Blind">Whether it is shown without its pre-label.</param>
/// <param name="Open">How many people are still needed.</param>
/// <param name="LastAnnotatorId">Who touched it last; 0 for nobody.</param>
/// <param name="Signs">Whether it waits for the people who sign.</param>
public sealed record QueuePlace(double Rank, QueueReason Reason, bool Blind, int Open, long LastAnnotatorId = 0, bool Signs = false);

/// <summary>One change of one item, as it was read, to another state.</summary>
/// <param name="Item">The item as it was read: its version guards the change.</param>
/// <param name="To">The state after.</param>
/// <param name="Route">The route after; null keeps it.</param>
/// <param name="Prelabel">A new pre-label; null keeps it.</param>
/// <param name="Label">A new label; null keeps it, unless the item is no longer final: then it is taken away.</param>
/// <param name="Place">A place in the queue; needed when the item comes to <see cref="ItemState.Queued"/> from another state.</param>
/// <param name="Votes">Decisions of people after; null keeps the number.</param>
/// <param name="Audit">Whether it is an audit draw; null keeps it.</param>
/// <param name="Flagged">Whether it is flagged; null keeps it.</param>
public sealed record ItemChange(
    Item Item,
    ItemState To,
    Route? Route = null,
    PrelabelChange? Prelabel = null,
    LabelChange? Label = null,
    QueuePlace? Place = null,
    int? Votes = null,
    bool? Audit = null,
    bool? Flagged = null);

/// <summary>
/// The one place that changes the state of items. Each change is guarded by the version that was read; what somebody else
/// changed meanwhile is left alone. Queue and counters follow in the same transaction.
/// </summary>
public static class ItemTransitions
{
    private static readonly BulkColumn[] Keys = [new("project_id", BulkType.Long), new("id", BulkType.Long), new("version", BulkType.Int)];

    private static readonly BulkColumn[] Sets =
    [
        new("state", BulkType.Int), new("route", BulkType.Int),
        new("prediction_value", BulkType.Text), new("prediction_confidence", BulkType.Double), new("prediction_source", BulkType.Int), new("prediction_version", BulkType.Int),
        new("label_value", BulkType.Text), new("label_source", BulkType.Int), new("label_confidence", BulkType.Double), new("decided_at", BulkType.Long),
        new("votes", BulkType.Int), new("audit", BulkType.Bool), new("flagged", BulkType.Bool),
    ];

    /// <summary>Applies changes.</summary>
    /// <returns>For each change, whether it was made; the items of those that were are brought up to date in memory.</returns>
    public static async Task<bool[]> ApplyAsync(WriteScope scope, IReadOnlyList<ItemChange> changes)
    {
        if (changes.Count == 0) return [];
        var rows = new object?[changes.Count][];
        for (var i = 0; i < changes.Count; i++) rows[i] = Row(changes[i], scope.Now);
        var done = await scope.Dialect.UpdateAsync(scope.Db, new BulkUpdate("items", Keys, Sets, rows, Increments: ["version"]), scope.CancellationToken);

        var (leave, enter) = (new List<(long Project, long Item)>(), new List<QueueEntry>());
        for (var i = 0; i < changes.Count; i++)
        {
            if (!done[i]) continue;
            var change = changes[i];
            var item = change.Item;
            var from = item.State;
            if (from != change.To)
            {
                scope.Count(item.ProjectId, CounterNames.State(from), -1);
                scope.Count(item.ProjectId, CounterNames.State(change.To), 1);
            }

            if (item.LabelSource is { } old) scope.Count(item.ProjectId, CounterNames.Label(old), -1);
            scope.Tallies.Labelled(item.ProjectId, item.Id, item.LabelValue, item.LabelSource, item.DecidedAt, -1);
            Remember(change, rows[i], scope.Now);
            if (item.LabelSource is { } current) scope.Count(item.ProjectId, CounterNames.Label(current), 1);
            scope.Tallies.Labelled(item.ProjectId, item.Id, item.LabelValue, item.LabelSource, item.DecidedAt, 1);

            if (change.To != ItemState.Queued && from == ItemState.Queued) leave.Add((item.ProjectId, item.Id));
            if (change.To == ItemState.Queued && change.Place is { } place)
            {
                enter.Add(new QueueEntry
                {
                    ProjectId = item.ProjectId,
                    ItemId = item.Id,
                    Rank = place.Rank,
                    Reason = place.Reason,
                    Blind = place.Blind,
                    Open = place.Open,
                    LastAnnotatorId = place.LastAnnotatorId,
                    Signs = place.Signs,
                });
            }
        }

        foreach (var project in leave.GroupBy(l => l.Project))
        {
            foreach (var part in project.Select(l => l.Item).Chunk(2_000))
            {
                await scope.Db.Queue.Where(q => q.ProjectId == project.Key && part.Contains(q.ItemId)).ExecuteDeleteAsync(scope.CancellationToken);
                await scope.Db.Leases.Where(l => l.ProjectId == project.Key && part.Contains(l.ItemId)).ExecuteDeleteAsync(scope.CancellationToken);
            }
        }

        if (enter.Count > 0)
        {
            var items = changes.Where((_, i) => done[i]).ToDictionary(c => c.Item.Id, c => c.Item);
            await WorkLanes.PlaceAsync(scope, enter, id => items[id]);
        }

        await scope.Dialect.UpsertAsync(scope.Db, enter, scope.CancellationToken);
        return done;
    }

    // Places before this one were given for a reason that no model knows: an audit draw, a disagreement of people, a reopened item.
    private const string Movable = "queue_entries.rank > -1000";

    /// <summary>Gives items that wait a new place in the queue, without touching the items themselves; special places are left alone.</summary>
    public static Task RerankAsync(WriteScope scope, long projectId, IReadOnlyList<(long ItemId, double Rank, QueueReason Reason)> places) => scope.Dialect.UpdateAsync(
        scope.Db,
        new BulkUpdate(
            "queue_entries",
            [new("project_id", BulkType.Long), new("item_id", BulkType.Long)],
            [new("rank", BulkType.Double), new("reason", BulkType.Int)],
            [.. places.Select(p => new object?[] { projectId, p.ItemId, p.Rank, (int)p.Reason })],
            Movable),
        scope.CancellationToken);

    /// <summary>Counts items that have just been stored.</summary>
    public static void CountNew(WriteScope scope, long projectId, IEnumerable<Item> items)
    {
        foreach (var item in items)
        {
            scope.Count(projectId, CounterNames.State(item.State), 1);
            if (item.LabelSource is { } source) scope.Count(projectId, CounterNames.Label(source), 1);
            scope.Tallies.Stored(projectId, item.Id);
            scope.Tallies.Labelled(projectId, item.Id, item.LabelValue, item.LabelSource, item.DecidedAt, 1);
        }
    }

    private static object?[] Row(ItemChange change, DateTimeOffset now)
    {
        var item = change.Item;
        var prelabel = change.Prelabel ?? new PrelabelChange(item.PredictionValue, item.PredictionConfidence, item.PredictionSource, item.PredictionVersion);
        var (label, decided) = change switch
        {
            { Label: { } given } => (given, now.ToUnixTimeMilliseconds()),
            { To: ItemState.Final } when item.LabelValue is { } kept => (new LabelChange(kept, item.LabelSource!.Value, item.LabelConfidence), item.DecidedAt?.ToUnixTimeMilliseconds()),
            _ => ((LabelChange?)null, (long?)null),
        };
        return
        [
            item.ProjectId, item.Id, item.Version,
            (int)change.To, (int?)(change.Route ?? item.Route),
            prelabel.Value, prelabel.Confidence, (int?)prelabel.Source, prelabel.Version,
            label?.Value, (int?)label?.Source, label?.Confidence, decided,
            change.Votes ?? item.Votes, change.Audit ?? item.Audit, change.Flagged ?? item.Flagged,
        ];
    }

    private static void Remember(ItemChange change, object?[] row, DateTimeOffset now)
    {
        var item = change.Item;
        item.Version++;
        item.State = change.To;
        item.Route = (Route?)(int?)row[4];
        item.PredictionValue = (string?)row[5];
        item.PredictionConfidence = (double?)row[6];
        item.PredictionSource = (LabelSource?)(int?)row[7];
        item.PredictionVersion = (int?)row[8];
        item.LabelValue = (string?)row[9];
        item.LabelSource = (LabelSource?)(int?)row[10];
        item.LabelConfidence = (double?)row[11];
        item.DecidedAt = row[12] is long at ? DateTimeOffset.FromUnixTimeMilliseconds(at) : null;
        item.Votes = (int)row[13]!;
        item.Audit = (bool)row[14]!;
        item.Flagged = (bool)row[15]!;
    }
}
