using Annotator.Core.Accounts;
using Annotator.Core.Learning;
using Annotator.Core.Live;
using Annotator.Core.Projects;
using Annotator.Core.Quality;
using Annotator.Core.Review;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Items;

/// <summary>Sends items back to people, whatever was decided before. For leads.</summary>
public sealed class ItemReopening(AnnotatorDatabase database, LearningTrigger learning)
{
    /// <summary>The longest reason, in characters.</summary>
    public const int MaxReason = 1_000;

    // Before everything else that waits, as for every item that a person asked for.
    private const double Rank = -1e6;

    private const int Part = 1_000;

    /// <summary>Takes an item's label and the decisions behind it back, and puts it in front of the queue. The facts stay in its history.</summary>
    /// <param name="grant">The lead's access to the project.</param>
    /// <param name="userId">The lead.</param>
    /// <param name="itemId">The item.</param>
    /// <param name="reason">Why, for those who look at the history; null: not said.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <returns>Whether there is such an item.</returns>
    /// <exception cref="UnauthorizedAccessException">The caller is no lead of the project.</exception>
    public async Task<bool> ReopenAsync(ProjectGrant grant, long userId, long itemId, string? reason, CancellationToken cancellationToken = default)
    {
        if (!grant.IsLead) throw new UnauthorizedAccessException("Only leads reopen items.");
        var reopened = await database.WriteAsync(scope => ReopenAsync(scope, grant, userId, itemId, reason), cancellationToken);
        if (reopened) learning.DecisionsRecorded(grant.Project.Id);
        return reopened;
    }

    /// <summary>Sends many items back at once, in as many transactions as it needs.</summary>
    /// <param name="grant">The lead's access to the project.</param>
    /// <param name="userId">The lead.</param>
    /// <param name="items">The items.</param>
    /// <param name="reason">Why; null: not said.</param>
    /// <param name="cancellationToken">Cancels; what was sent back until then stays so.</param>
    /// <returns>How many there were.</returns>
    /// <exception cref="UnauthorizedAccessException">The caller is no lead of the project.</exception>
    public async Task<int> ReopenAsync(ProjectGrant grant, long userId, IReadOnlyCollection<long> items, string? reason, CancellationToken cancellationToken = default)
    {
        if (!grant.IsLead) throw new UnauthorizedAccessException("Only leads reopen items.");
        var count = 0;
        foreach (var part in items.Distinct().Order().Chunk(Part)) count += await database.WriteRepeatedlyAsync(scope => ReopenAsync(scope, grant, userId, part, reason), cancellationToken);
        if (count > 0) learning.DecisionsRecorded(grant.Project.Id);
        return count;
    }

    internal static async Task<bool> ReopenAsync(WriteScope scope, ProjectGrant grant, long userId, long itemId, string? reason) => await ReopenAsync(scope, grant, userId, [itemId], reason) > 0;

    /// <summary>Sends items back inside a unit of work.</summary>
    /// <param name="scope">The unit of work.</param>
    /// <param name="grant">The lead's access to the project.</param>
    /// <param name="userId">The lead.</param>
    /// <param name="ids">The items.</param>
    /// <param name="reason">Why; null: not said.</param>
    /// <param name="first">Those that come to the front of the queue, where others have their usual place; null: all.</param>
    /// <returns>How many there were.</returns>
    internal static async Task<int> ReopenAsync(WriteScope scope, ProjectGrant grant, long userId, IReadOnlyList<long> ids, string? reason, IReadOnlyCollection<long>? first = null)
    {
        var (project, cancel) = (grant.Project, scope.CancellationToken);
        await scope.Dialect.LockItemsAsync(scope.Db, project.Id, ids, cancel);
        var items = await scope.Db.Items.AsNoTracking().Where(i => i.ProjectId == project.Id && ids.Contains(i.Id)).OrderBy(i => i.Id).ToListAsync(cancel);
        if (items.Count == 0) return 0;
        var standing = await scope.Db.Decisions.AsNoTracking()
            .Where(d => d.ProjectId == project.Id && ids.Contains(d.ItemId) && d.UndoneById == null && d.Status == DecisionStatus.Recorded && d.Action != DecisionAction.Undo).OrderBy(d => d.Id).ToListAsync(cancel);
        await TakeBackAsync(scope, project, userId, standing);
        await GroupLabels.TakeBackAsync(scope, project.Id, items);
        await scope.Db.Leases.Where(l => l.ProjectId == project.Id && ids.Contains(l.ItemId)).ExecuteDeleteAsync(cancel);

        var id = scope.NextId("event", items.Count);
        var detail = string.IsNullOrWhiteSpace(reason) ? null : reason.Trim()[..Math.Min(reason.Trim().Length, MaxReason)];
        List<ItemEvent> events = [.. items.Select(i => new ItemEvent { Id = id++, ProjectId = project.Id, ItemId = i.Id, Kind = "reopened", Value = i.LabelValue, Detail = detail, UserId = userId, CreatedAt = scope.Now })];
        var changes = items.ConvertAll(i => new ItemChange(i, ItemState.Queued, Route.Human, Place: new QueuePlace(first is null || first.Contains(i.Id) ? Rank : 0, QueueReason.Reopened, i.Audit, project.Settings.Overlap), Votes: 0, Flagged: false));
        if ((await ItemTransitions.ApplyAsync(scope, changes)).Contains(false)) throw new ConcurrentChangeException();
        await scope.Dialect.InsertAsync(scope.Db, events, ignoreConflicts: false, cancel);
        scope.Publish(new ItemsDecided(project.Id, [.. items.Select(i => new Decided(i.Id, i.Key, null, null, userId, i.State))]));
        scope.Publish(new ProjectChanged(project.Id));
        return items.Count;
    }

    // Each decision that stood gets an undo of its own: the facts stay.
    private static async Task TakeBackAsync(WriteScope scope, Project project, long userId, List<Decision> standing)
    {
        if (standing.Count == 0) return;
        scope.Tallies.TakenBack(standing);
        var id = scope.NextId("decision", standing.Count);
        List<Decision> undone = [.. standing.Select(d => new Decision
        {
            Id = id++,
            ProjectId = project.Id,
            ItemId = d.ItemId,
            UserId = userId,
            Action = DecisionAction.Undo,
            Status = DecisionStatus.Recorded,
            UndoesId = d.Id,
            SchemaVersion = project.SchemaVersion,
            CreatedAt = scope.Now,
        })];
        await scope.Dialect.InsertAsync(scope.Db, undone, ignoreConflicts: false, scope.CancellationToken);
        await scope.Dialect.UpdateAsync(
            scope.Db,
            new BulkUpdate("decisions", [new("id", BulkType.Long)], [new("undone_by_id", BulkType.Long)], [.. undone.Select(u => new object?[] { u.UndoesId, u.Id })]),
            scope.CancellationToken);
        var labels = standing.Count(d => d is { UserId: not null, Action: DecisionAction.Accept or DecisionAction.Correct });
        if (labels > 0) scope.Count(project.Id, CounterNames.HumanDecisions, -labels);
    }
}
