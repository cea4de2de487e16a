using Annotator.Core.Items;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Review;

/// <summary>What an annotator did in a stretch of time.</summary>
/// <param name="Decided">Decisions that stand, skips and flags included.</param>
/// <param name="Judged">Those on an item that was shown with a pre-label and that say something of it.</param>
/// <param name="Accepted">Those that took the pre-label as it was.</param>
public sealed record AnnotatorFigures(int Decided, int Judged, int Accepted);

/// <summary>An item that somebody has before them, as it stands now.</summary>
/// <param name="ItemId">The item.</param>
/// <param name="Value">Its pre-label as canonical JSON; null where it has none.</param>
/// <param name="Confidence">The pre-label's confidence.</param>
/// <param name="Source">Who made it.</param>
/// <param name="Version">Which version of it.</param>
/// <param name="Final">Whether the item has its final label, so that nobody has to decide it any more.</param>
public sealed record HeldItem(long ItemId, string? Value, double? Confidence, LabelSource? Source, int? Version, bool Final);

/// <summary>Reads the few numbers that stand above the item while somebody reviews.</summary>
public sealed class ReviewFigures(AnnotatorDatabase database)
{
    /// <summary>What an annotator did in a project since a moment.</summary>
    public Task<AnnotatorFigures> SinceAsync(long projectId, long userId, DateTimeOffset since, CancellationToken cancellationToken = default) => database.ReadAsync(
        async db =>
        {
            var groups = await db.Decisions
                .Where(d => d.ProjectId == projectId && d.UserId == userId && d.CreatedAt >= since && d.UndoneById == null && d.Status == DecisionStatus.Recorded
                    && d.Action != DecisionAction.Undo && d.Action != DecisionAction.Import)
                .GroupBy(d => new { d.Action, Shown = d.ShownValue != null })
                .Select(g => new { g.Key.Action, g.Key.Shown, Count = g.Count() })
                .ToListAsync(cancellationToken);
            var judged = groups.Where(g => g.Shown && g.Action is (DecisionAction.Accept or DecisionAction.Correct or DecisionAction.Reject)).ToList();

            // Answers to checks are work like any other, and must not be told apart.
            var checks = await db.Set<Checks.QualityCheck>().CountAsync(c => c.ProjectId == projectId && c.UserId == userId && c.AnsweredAt >= since, cancellationToken);
            return new AnnotatorFigures(checks + groups.Sum(g => g.Count), judged.Sum(g => g.Count), judged.Where(g => g.Action == DecisionAction.Accept).Sum(g => g.Count));
        },
        cancellationToken);

    /// <summary>How many items wait for people, from the counter that is kept with every change.</summary>
    public Task<long> WaitingAsync(long projectId, CancellationToken cancellationToken = default)
    {
        var name = Quality.CounterNames.State(ItemState.Queued);
        return database.ReadAsync(db => db.Counters.Where(c => c.ProjectId == projectId && c.Name == name).Select(c => c.Value).FirstOrDefaultAsync(cancellationToken), cancellationToken);
    }

    /// <summary>Items that somebody has before them, as they stand now.</summary>
    public Task<List<HeldItem>> HeldAsync(long projectId, IReadOnlyCollection<long> items, CancellationToken cancellationToken = default) => database.ReadAsync(
        db => db.Items.Where(i => i.ProjectId == projectId && items.Contains(i.Id))
            .Select(i => new HeldItem(i.Id, i.PredictionValue, i.PredictionConfidence, i.PredictionSource, i.PredictionVersion, i.State == ItemState.Final && !db.Set<Checks.QualityCheck>().Any(c => c.ProjectId == projectId && c.ItemId == i.Id && c.AnsweredAt == null)))
            .ToListAsync(cancellationToken),
        cancellationToken);

    /// <summary>Those of the items that are audit draws: whoever may be asked about them must not see a model's answer.</summary>
    public Task<List<long>> AuditedAsync(long projectId, IReadOnlyCollection<long> items, CancellationToken cancellationToken = default) => database.ReadAsync(
        db => db.Items.Where(i => i.ProjectId == projectId && items.Contains(i.Id) && i.Audit).Select(i => i.Id).ToListAsync(cancellationToken),
        cancellationToken);
}
