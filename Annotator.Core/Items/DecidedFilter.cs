using Annotator.Core.Labels;
using Annotator.Core.Quality.Tallies;
using Annotator.Core.Review;

namespace Annotator.Core.Items;

/// <summary>Which items by what people decided of them: what stands behind a cell of a dashboard. Decisions that were taken back do not count.</summary>
/// <param name="Shown">The pre-label that was shown, as the dashboards name it.</param>
/// <param name="Given">The label that was given.</param>
/// <param name="By">Who decided.</param>
/// <param name="With">Somebody who gave the same item another label than <paramref name="By"/>.</param>
/// <param name="Outcome">What was done.</param>
/// <param name="About">A label that was shown or given.</param>
/// <param name="ShownBy">Who made the pre-label that was shown.</param>
/// <param name="Against">With <paramref name="Given"/>: somebody else gave the same item this label.</param>
/// <param name="From">Decided at this moment or later.</param>
/// <param name="To">Decided before this moment.</param>
public sealed record DecidedFilter(
    string? Shown = null, string? Given = null, long? By = null, long? With = null, WorkOutcome? Outcome = null, string? About = null, LabelSource? ShownBy = null, string? Against = null, DateTimeOffset? From = null, DateTimeOffset? To = null)
{
    internal IQueryable<Item> Apply(IQueryable<Item> items, IQueryable<Decision> decisions)
    {
        var standing = decisions.Where(d => d.UndoneById == null && d.Status == DecisionStatus.Recorded && d.UserId != null && d.Action != DecisionAction.Undo);
        var some = standing;
        if (By is { } by) some = some.Where(d => d.UserId == by);
        if (Shown is { } shown)
        {
            var (one, several) = Values(shown);
            some = some.Where(d => d.ShownValue == one || d.ShownValue == several);
        }

        if (Given is { } given)
        {
            var (one, several) = Values(given);
            some = some.Where(d => d.Value == one || d.Value == several);
        }

        if (About is { } about)
        {
            var (one, several) = Values(about);
            some = some.Where(d => d.ShownValue == one || d.ShownValue == several || d.Value == one || d.Value == several);
        }

        if (ShownBy is { } source) some = some.Where(d => d.ShownSource == source);
        var pair = With is not null && By is not null;
        if (From is { } from && !pair) some = some.Where(d => d.CreatedAt >= from);
        if (To is { } to && !pair) some = some.Where(d => d.CreatedAt < to);
        some = Outcome switch
        {
            WorkOutcome.Accepted => some.Where(d => d.ShownValue != null && d.Value != null && d.ShownValue == d.Value && (d.Action == DecisionAction.Accept || d.Action == DecisionAction.Correct)),
            WorkOutcome.Labelled => some.Where(d => d.ShownValue == null && (d.Action == DecisionAction.Accept || d.Action == DecisionAction.Correct)),
            WorkOutcome.Rejected => some.Where(d => d.Action == DecisionAction.Reject),
            WorkOutcome.Skipped => some.Where(d => d.Action == DecisionAction.Skip),
            WorkOutcome.Flagged => some.Where(d => d.Action == DecisionAction.Flag),
            WorkOutcome.Imported => some.Where(d => d.Action == DecisionAction.Import),
            _ => some,
        };

        // Corrections are few, and have an index of their own: begin there. The rest is found soon in the order of the items.
        var corrected = Outcome == WorkOutcome.Corrected || (Shown is not null && Given is not null && !string.Equals(Shown, Given, StringComparison.Ordinal));
        if (corrected)
        {
            some = some.Where(d => d.ShownValue != null && d.Value != null && d.ShownValue != d.Value && (d.Action == DecisionAction.Accept || d.Action == DecisionAction.Correct));
            return items.Where(i => some.Select(d => d.ItemId).Contains(i.Id));
        }

        if (With is { } with && By is not null)
        {
            // A pair is as old as the later label of the two.
            var (first, end) = (From ?? DateTimeOffset.UnixEpoch, To ?? DateTimeOffset.MaxValue);
            return items.Where(i => some.Any(d => d.ItemId == i.Id && d.Value != null && d.CreatedAt < end && standing.Any(
                o => o.ItemId == i.Id && o.UserId == with && o.Value != null && o.Value != d.Value && o.CreatedAt < end && (d.CreatedAt >= first || o.CreatedAt >= first))));
        }

        if (Against is { } against && Given is not null)
        {
            var (one, several) = Values(against);
            return items.Where(i => some.Any(d => d.ItemId == i.Id && standing.Any(o => o.ItemId == i.Id && o.UserId != d.UserId && (o.Value == one || o.Value == several))));
        }

        return items.Where(i => some.Any(d => d.ItemId == i.Id));
    }

    private static (string One, string Several) Values(string label) =>
        (LabelJson.Write(new ChoiceValue(label)), LabelJson.Write(new ChoicesValue(label.Split(" + ", StringSplitOptions.RemoveEmptyEntries))));
}
