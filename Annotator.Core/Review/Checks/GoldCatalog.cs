using Annotator.Core.Accounts;
using Annotator.Core.Items;
using Annotator.Core.Labels;
using Annotator.Core.Projects;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Review.Checks;

/// <summary>A known item with its text.</summary>
/// <param name="Gold">The known label.</param>
/// <param name="Key">The caller's name for the item.</param>
/// <param name="Excerpt">The beginning of its text; null for media.</param>
/// <param name="Answered">How often people were asked.</param>
/// <param name="Right">How often they were right: an item that most get wrong may itself be wrong.</param>
public sealed record KnownItem(GoldItem Gold, string Key, string? Excerpt, int Answered, int Right);

/// <summary>The items of a project whose label is known. For leads.</summary>
public sealed class GoldCatalog(AnnotatorDatabase database)
{
    /// <summary>The longest explanation, in characters.</summary>
    public const int MaxNote = 2_000;

    private const int ExcerptLength = 160;

    /// <summary>Makes an item a known one, or changes its known label.</summary>
    /// <param name="project">The project.</param>
    /// <param name="userId">Who says so.</param>
    /// <param name="itemId">The item.</param>
    /// <param name="value">The right label; null: the item's final label.</param>
    /// <param name="note">Why it is right.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <returns>The known item; an error by field; null where there is no such item.</returns>
    public Task<Outcome<GoldItem>?> SetAsync(Project project, long userId, long itemId, LabelValue? value, string? note, CancellationToken cancellationToken = default) => database.WriteRepeatedlyAsync<Outcome<GoldItem>?>(
        async scope =>
        {
            var item = await scope.Db.Items.AsNoTracking().FirstOrDefaultAsync(i => i.ProjectId == project.Id && i.Id == itemId, cancellationToken);
            if (item is null) return null;
            if (note?.Length > MaxNote) return Outcome<GoldItem>.Fail("note", $"At most {MaxNote} characters.");
            if (value is null && (item.State != ItemState.Final || item.LabelValue is null)) return Outcome<GoldItem>.Fail("value", "Is needed: the item has no final label.");
            if (value is not null && LabelJson.Check(value, project.Schema) is { } wrong) return Outcome<GoldItem>.Fail("value", wrong);
            var gold = new GoldItem
            {
                ProjectId = project.Id,
                ItemId = itemId,
                Value = value is null ? item.LabelValue! : LabelJson.Write(value),
                Note = string.IsNullOrWhiteSpace(note) ? null : note.Trim(),
                AddedBy = userId,
                CreatedAt = scope.Now,
            };
            await scope.Dialect.UpsertAsync(scope.Db, [gold], cancellationToken);
            scope.Audit(userId, "gold.set", new { item = item.Key, value = gold.Value }, project.Id);
            return gold;
        },
        cancellationToken);

    /// <summary>Makes an item one like the others again; what people answered stays.</summary>
    /// <returns>Whether it was a known one.</returns>
    public Task<bool> RemoveAsync(long projectId, long userId, long itemId, CancellationToken cancellationToken = default) => database.WriteRepeatedlyAsync(
        async scope =>
        {
            var removed = await scope.Db.Set<GoldItem>().Where(g => g.ProjectId == projectId && g.ItemId == itemId).ExecuteDeleteAsync(cancellationToken) > 0;
            if (removed) scope.Audit(userId, "gold.removed", new { itemId }, projectId);
            return removed;
        },
        cancellationToken);

    /// <summary>The known label of an item; null where it is none.</summary>
    public Task<GoldItem?> FindAsync(long projectId, long itemId, CancellationToken cancellationToken = default) =>
        database.ReadAsync(db => db.Set<GoldItem>().FirstOrDefaultAsync(g => g.ProjectId == projectId && g.ItemId == itemId, cancellationToken), cancellationToken);

    /// <summary>Known items in order of arrival, with how people answered.</summary>
    /// <param name="projectId">The project.</param>
    /// <param name="after">Only items with a larger id, for the next page.</param>
    /// <param name="limit">How many at the most.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public Task<List<KnownItem>> ListAsync(long projectId, long? after, int limit, CancellationToken cancellationToken = default) => database.ReadAsync(
        async db =>
        {
            var rows = await (
                    from g in db.Set<GoldItem>().Where(g => g.ProjectId == projectId && (after == null || g.ItemId > after)).OrderBy(g => g.ItemId).Take(limit)
                    join i in db.Items on new { g.ProjectId, Id = g.ItemId } equals new { i.ProjectId, i.Id }
                    orderby g.ItemId
                    select new { Gold = g, i.Key, Text = i.Text == null ? null : i.Text.Substring(0, ExcerptLength) })
                .ToListAsync(cancellationToken);
            var ids = rows.ConvertAll(r => r.Gold.ItemId);
            var answers = await db.Set<QualityCheck>().Where(c => c.ProjectId == projectId && c.Kind == CheckKind.Gold && c.Correct != null && ids.Contains(c.ItemId)).GroupBy(c => c.ItemId)
                .Select(g => new { g.Key, Count = g.Count(), Right = g.Count(c => c.Correct == true) }).ToDictionaryAsync(g => g.Key, cancellationToken);
            return rows.ConvertAll(r => new KnownItem(r.Gold, r.Key, r.Text, answers.GetValueOrDefault(r.Gold.ItemId)?.Count ?? 0, answers.GetValueOrDefault(r.Gold.ItemId)?.Right ?? 0));
        },
        cancellationToken);
}
