using Annotator.Core.Accounts;
using Annotator.Core.Learning;
using Annotator.Core.Live;
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

    internal static async Task<bool> ReopenAsync(WriteScope scope, ProjectGrant grant, long userId, long itemId, string? reason)
    {
        var project = grant.Project;
        var item = await scope.Db.Items.AsNoTracking().FirstOrDefaultAsync(i => i.ProjectId == project.Id && i.Id == itemId, scope.CancellationToken);
        if (item is null) return false;
        var standing = await scope.Db.Decisions.AsNoTracking()
            .Where(d => d.ProjectId == project.Id && d.ItemId == itemId && d.UndoneById == null && d.Status == DecisionStatus.Recorded && d.Action != DecisionAction.Undo).ToListAsync(scope.CancellationToken);
        scope.Tallies.TakenBack(standing);
        foreach (var decision in standing)
        {
            var undo = new Decision
            {
                Id = scope.NextId("decision"),
                ProjectId = project.Id,
                ItemId = itemId,
                UserId = userId,
                Action = DecisionAction.Undo,
                Status = DecisionStatus.Recorded,
                UndoesId = decision.Id,
                SchemaVersion = project.SchemaVersion,
                CreatedAt = scope.Now,
            };
            await scope.Dialect.InsertAsync(scope.Db, [undo], ignoreConflicts: false, scope.CancellationToken);
            await scope.Db.Decisions.Where(d => d.Id == decision.Id).ExecuteUpdateAsync(x => x.SetProperty(d => d.UndoneById, undo.Id), scope.CancellationToken);
            if (decision is { UserId: not null, Action: DecisionAction.Accept or DecisionAction.Correct }) scope.Count(project.Id, CounterNames.HumanDecisions, -1);
        }

        await GroupLabels.TakeBackAsync(scope, item);
        await scope.Db.Leases.Where(l => l.ProjectId == project.Id && l.ItemId == itemId).ExecuteDeleteAsync(scope.CancellationToken);
        var place = new QueuePlace(Rank, QueueReason.Reopened, item.Audit, project.Settings.Overlap);
        var label = item.LabelValue;
        if ((await ItemTransitions.ApplyAsync(scope, [new ItemChange(item, ItemState.Queued, Route.Human, Place: place, Votes: 0, Flagged: false)])).Contains(false)) throw new ConcurrentChangeException();
        var happened = new ItemEvent
        {
            Id = scope.NextId("event"),
            ProjectId = project.Id,
            ItemId = itemId,
            Kind = "reopened",
            Value = label,
            Detail = string.IsNullOrWhiteSpace(reason) ? null : reason.Trim()[..Math.Min(reason.Trim().Length, MaxReason)],
            UserId = userId,
            CreatedAt = scope.Now,
        };
        await scope.Dialect.InsertAsync(scope.Db, [happened], ignoreConflicts: false, scope.CancellationToken);
        scope.Publish(new ItemsDecided(project.Id, [new Decided(item.Id, item.Key, null, null, userId, item.State)]));
        scope.Publish(new ProjectChanged(project.Id));
        return true;
    }
}
