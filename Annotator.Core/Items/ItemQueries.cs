using Annotator.Core.Accounts;
using Annotator.Core.Items.Search;
using Annotator.Core.Labels;
using Annotator.Core.Quality.Tallies;
using Annotator.Core.Review;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Items;

/// <summary>Which items are asked for; null: no condition.</summary>
/// <param name="State">State.</param>
/// <param name="InReview">Only items that somebody holds now.</param>
/// <param name="Label">Items whose label, or pre-label where they have none, contains this label name.</param>
/// <param name="Source">Where the label, or the pre-label where there is none, came from.</param>
/// <param name="Text">Words and "phrases" that all occur in text or key, as <see cref="SearchQuery"/> reads them.</param>
/// <param name="Flagged">Only items set aside for a lead.</param>
/// <param name="Group">Only members of this near-duplicate group.</param>
/// <param name="Decided">What people decided.</param>
/// <param name="Slice">Only items with this value in this field of their metadata.</param>
/// <param name="LabelledFrom">Only items that have their label since this moment or later.</param>
/// <param name="LabelledTo">Only items that had their label before this moment.</param>
/// <param name="Among">Only these items.</param>
public sealed record ItemFilter(
    ItemState? State = null, bool InReview = false, string? Label = null, LabelSource? Source = null, string? Text = null, bool Flagged = false, long? Group = null, DecidedFilter? Decided = null,
    SliceSettings? Slice = null, DateTimeOffset? LabelledFrom = null, DateTimeOffset? LabelledTo = null, IReadOnlyCollection<long>? Among = null);

/// <summary>Everything that is known of an item.</summary>
/// <param name="Item">The item.</param>
/// <param name="InReview">Whether somebody holds it now.</param>
/// <param name="Predictions">Newest prediction of each labeller.</param>
/// <param name="Decisions">What people decided, oldest first, with who they are.</param>
/// <param name="Events">What else happened, oldest first, with who did it.</param>
public sealed record ItemDetail(
    Item Item, bool InReview, IReadOnlyList<Prediction> Predictions, IReadOnlyList<(Decision Decision, string? Who)> Decisions, IReadOnlyList<(ItemEvent Event, string? Who)> Events);

/// <summary>Reads items; lists page by key, never by offset.</summary>
public sealed class ItemQueries(AnnotatorDatabase database, ITextIndex index)
{
    // The index names items in growing steps: a search that is soon full stops early, one that finds little is through in a few.
    private const int FirstStep = 500;
    private const int LargestStep = 20_000;

    // What fewer than one in so many items have is rare: the index has it at hand.
    private const int RareShare = 200;

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
            var items = (filter.Slice is { } slice ? SliceFilter.Of(db, slice) : db.Items).Where(i => i.ProjectId == projectId);
            if (filter.Among is { } among) items = items.Where(i => among.Contains(i.Id));
            if (filter.LabelledFrom is { } from) items = items.Where(i => i.DecidedAt >= from);
            if (filter.LabelledTo is { } to) items = items.Where(i => i.DecidedAt < to);
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
            var rows = SearchQuery.Parse(filter.Text) is { } query
                ? await SearchAsync(db, items, projectId, query, after ?? 0, limit, cancellationToken)
                : await items.OrderBy(i => i.Id).Take(limit).ToListAsync(cancellationToken);
            var ids = rows.Where(i => i.State == ItemState.Queued).Select(i => i.Id).ToList();
            var held = ids.Count == 0 ? [] : await db.Leases.Where(l => l.ProjectId == projectId && ids.Contains(l.ItemId) && l.ExpiresAt >= now).Select(l => l.ItemId).ToListAsync(cancellationToken);
            var inReview = held.ToHashSet();
            return rows.Select(i => (i, inReview.Contains(i.Id))).ToList();
        },
        cancellationToken);

    // What the index has is asked of it; what came after is read.
    private async Task<List<Item>> SearchAsync(AnnotatorDbContext db, IQueryable<Item> items, long projectId, SearchQuery query, long after, int limit, CancellationToken cancellationToken)
    {
        var rows = new List<Item>();
        var (from, through) = (after, await index.ThroughAsync(db, projectId, cancellationToken) ?? 0);
        if (from < through && await db.Items.Where(i => i.ProjectId == projectId).OrderBy(i => i.Id).Select(i => i.Id).FirstOrDefaultAsync(cancellationToken) is var first) from = Math.Max(from, first - 1);
        (from, var read) = await ReadFirstAsync(db, items, projectId, query, from, through, limit, cancellationToken);
        rows.AddRange(read);
        var named = Containing(items, query.Parts.Where(p => TextGrams.OfPart(p).Begin));
        for (var step = Math.Max(FirstStep, limit); from < through && rows.Count < limit; step = Math.Min(LargestStep, step * 4))
        {
            if (await index.FindAsync(db, projectId, query, from, through, step, cancellationToken) is not { } found) break;
            if (found.Count > 0) rows.AddRange(await named.Where(i => found.Contains(i.Id)).OrderBy(i => i.Id).Take(limit - rows.Count).ToListAsync(cancellationToken));
            from = found.Count < step ? through : found[^1];
        }

        if (rows.Count >= limit) return rows;
        rows.AddRange(await Containing(items.Where(i => i.Id > from), query.Parts).OrderBy(i => i.Id).Take(limit - rows.Count).ToListAsync(cancellationToken));
        return rows;
    }

    // A word that many items have is found soon by reading them, where the index would gather all of them first: the text of a window tells which it is.
    private async Task<(long From, List<Item> Rows)> ReadFirstAsync(AnnotatorDbContext db, IQueryable<Item> items, long projectId, SearchQuery query, long from, long through, int limit, CancellationToken cancellationToken)
    {
        var rows = new List<Item>();
        for (var window = index.ReadFirst; window > 0 && from < through && rows.Count < limit; window = Math.Min(LargestStep, window * 2))
        {
            var after = from;
            var end = await db.Items.Where(i => i.ProjectId == projectId && i.Id > after && i.Id <= through).OrderBy(i => i.Id).Skip(window - 1).Select(i => (long?)i.Id).FirstOrDefaultAsync(cancellationToken) ?? through;
            var found = await Containing(db.Items.Where(i => i.ProjectId == projectId && i.Id > after && i.Id <= end), query.Parts).OrderBy(i => i.Id).Select(i => i.Id).ToListAsync(cancellationToken);
            if (found.Count > 0) rows.AddRange(await items.Where(i => found.Contains(i.Id)).OrderBy(i => i.Id).Take(limit - rows.Count).ToListAsync(cancellationToken));
            from = rows.Count < limit ? end : rows[^1].Id;
            if (found.Count * RareShare < window) break;
        }

        return (from, rows);
    }

    private IQueryable<Item> Containing(IQueryable<Item> items, IEnumerable<string> parts) => parts.Aggregate(items, index.Containing);

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
