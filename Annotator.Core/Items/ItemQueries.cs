using Annotator.Core.Accounts;
using Annotator.Core.Labels;
using Annotator.Core.Review;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Items;

/// <summary>Which items are asked for; null: no condition.</summary>
/// <param name="State">State.</param>
/// <param name="InReview">Only items that somebody holds now.</param>
/// <param name="Label">Items whose label, or pre-label where they have none, contains this label name.</param>
/// <param name="Source">Where the label, or the pre-label where there is none, came from.</param>
/// <param name="Text">A part of text or key.</param>
/// <param name="Flagged">Only items set aside for a lead.</param>
/// <param name="Group">Only members of this near-duplicate group.</param>
/// <param name="Decided">What people decided.</param>
public sealed record ItemFilter(
    ItemState? State = null, bool InReview = false, string? Label = null, LabelSource? Source = null, string? Text = null, bool Flagged = false, long? Group = null, DecidedFilter? Decided = null);

/// <summary>Everything that is known of an item.</summary>
/// <param name="Item">The item.</param>
/// <param name="InReview">Whether somebody holds it now.</param>
/// <param name="Predictions">Newest prediction of each labeller.</param>
/// <param name="Decisions">What people decided, oldest first, with who they are.</param>
/// <param name="Events">What else happened, oldest first, with who did it.</param>
public sealed record ItemDetail(
    Item Item, bool InReview, IReadOnlyList<Prediction> Predictions, IReadOnlyList<(Decision Decision, string? Who)> Decisions, IReadOnlyList<(ItemEvent Event, string? Who)> Events);

/// <summary>Reads items; lists page by key, never by offset.</summary>
public sealed class ItemQueries(AnnotatorDatabase database)
{
    /// <summary>Items in order of arrival.</summary>
    /// <param name="projectId">The project.</param>
    /// <param name="filter">Which.</param>
    /// <param name="after">Only items with a larger id, for the next page.</param>
    /// <param name="limit">How many at the most.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public Task<List<(Item Item, bool InReview)>> ListAsync(long projectId, ItemFilter filter, long? after, int limit, CancellationToken cancellationToken = default) => database.ReadAsync(
        async db =>
        {
            var now = await database.Dialect.NowAsync(db, cancellationToken);
            var items = db.Items.Where(i => i.ProjectId == projectId);
            if (after is { } a) items = items.Where(i => i.Id > a);
            if (filter.State is { } state) items = items.Where(i => i.State == state);
            if (filter.InReview) items = items.Where(i => db.Leases.Any(l => l.ProjectId == projectId && l.ItemId == i.Id && l.ExpiresAt >= now));
            else if (filter.State == ItemState.Queued) items = items.Where(i => !db.Leases.Any(l => l.ProjectId == projectId && l.ItemId == i.Id && l.ExpiresAt >= now));
            if (filter.Source is { } source) items = items.Where(i => i.LabelSource == source || (i.LabelSource == null && i.PredictionSource == source));
            if (filter.Flagged) items = items.Where(i => i.Flagged);
            if (filter.Group is { } group) items = items.Where(i => i.GroupId == group);
            if (filter.Label is { } label)
            {
                var choice = LabelJson.Write(new ChoiceValue(label));
                var quoted = choice["{\"choice\":".Length..^1];
                items = items.Where(i => i.LabelValue != null ? i.LabelValue == choice || i.LabelValue.Contains(quoted) : i.PredictionValue != null && (i.PredictionValue == choice || i.PredictionValue.Contains(quoted)));
            }

            if (filter.Decided is { } decided) items = decided.Apply(items, db.Decisions.Where(d => d.ProjectId == projectId));
            if (filter.Text is { Length: > 0 } text) items = items.Where(i => (i.Text != null && i.Text.Contains(text)) || i.Key.Contains(text));
            var rows = await items.OrderBy(i => i.Id).Take(limit).ToListAsync(cancellationToken);
            var ids = rows.Where(i => i.State == ItemState.Queued).Select(i => i.Id).ToList();
            var held = ids.Count == 0 ? [] : await db.Leases.Where(l => l.ProjectId == projectId && ids.Contains(l.ItemId) && l.ExpiresAt >= now).Select(l => l.ItemId).ToListAsync(cancellationToken);
            var inReview = held.ToHashSet();
            return rows.Select(i => (i, inReview.Contains(i.Id))).ToList();
        },
        cancellationToken);

    /// <summary>Whether a project has an item.</summary>
    public Task<bool> ExistsAsync(long projectId, long itemId, CancellationToken cancellationToken = default) =>
        database.ReadAsync(db => db.Items.AnyAsync(i => i.ProjectId == projectId && i.Id == itemId, cancellationToken), cancellationToken);

    /// <summary>Keys of some items, by id; those that are not there are left out.</summary>
    public Task<Dictionary<long, string>> KeysAsync(long projectId, IReadOnlyCollection<long> ids, CancellationToken cancellationToken = default) =>
        database.ReadAsync(db => db.Items.Where(i => i.ProjectId == projectId && ids.Contains(i.Id)).ToDictionaryAsync(i => i.Id, i => i.Key, cancellationToken), cancellationToken);

    /// <summary>One item with all that is known of it, or null.</summary>
    public Task<ItemDetail?> FindAsync(long projectId, long itemId, CancellationToken cancellationToken = default) => database.ReadAsync(
        async db =>
        {
            var item = await db.Items.FirstOrDefaultAsync(i => i.ProjectId == projectId && i.Id == itemId, cancellationToken);
            if (item is null) return null;
            var now = await database.Dialect.NowAsync(db, cancellationToken);
            var inReview = item.State == ItemState.Queued && await db.Leases.AnyAsync(l => l.ProjectId == projectId && l.ItemId == itemId && l.ExpiresAt >= now, cancellationToken);
            var predictions = await db.Predictions.Where(p => p.ProjectId == projectId && p.ItemId == itemId).OrderBy(p => p.Source).ToListAsync(cancellationToken);
            var decisions = await db.Decisions.Where(d => d.ProjectId == projectId && d.ItemId == itemId).OrderBy(d => d.Id)
                .Select(d => new { Decision = d, User = db.Users.FirstOrDefault(u => u.Id == d.UserId) }).ToListAsync(cancellationToken);
            var events = await db.ItemEvents.Where(e => e.ProjectId == projectId && e.ItemId == itemId).OrderBy(e => e.Id)
                .Select(e => new { Event = e, User = db.Users.FirstOrDefault(u => u.Id == e.UserId) }).ToListAsync(cancellationToken);
            return new ItemDetail(item, inReview, predictions, [.. decisions.Select(d => (d.Decision, NameOf(d.User)))], [.. events.Select(e => (e.Event, NameOf(e.User)))]);
        },
        cancellationToken);

    /// <summary>How a person is named in histories and exports.</summary>
    internal static string? NameOf(AppUser? user) => user is null ? null : user.IsImported ? user.DisplayName : user.Email ?? user.DisplayName;
}
