using Annotator.Core.Accounts;
using Annotator.Core.Live;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Review.Discussion;

/// <summary>A comment as it is shown.</summary>
/// <param name="Comment">The comment.</param>
/// <param name="Who">Who wrote it.</param>
public sealed record ShownComment(ItemComment Comment, string Who);

/// <summary>The talk about one item.</summary>
/// <param name="ItemId">The item.</param>
/// <param name="Key">The caller's name for it.</param>
/// <param name="Excerpt">The beginning of its text; null for media.</param>
/// <param name="Comments">How many comments there are.</param>
/// <param name="Last">The newest one.</param>
/// <param name="Unread">Whether the reader is named in one that they have not seen.</param>
public sealed record ItemThread(long ItemId, string Key, string? Excerpt, int Comments, ShownComment Last, bool Unread);

/// <summary>Comments on items, and who is named in them.</summary>
public sealed class Discussions(AnnotatorDatabase database)
{
    /// <summary>The longest comment, in characters.</summary>
    public const int MaxLength = 4_000;

    private const int ExcerptLength = 200;

    /// <summary>The comments on an item, oldest first; those taken away stand as empty.</summary>
    public Task<List<ShownComment>> ReadAsync(long projectId, long itemId, CancellationToken cancellationToken = default) => database.ReadAsync(
        async db => (await (
                from c in db.Set<ItemComment>().Where(c => c.ProjectId == projectId && c.ItemId == itemId)
                join u in db.Users on c.UserId equals u.Id
                orderby c.Id
                select new { Comment = c, u.DisplayName, u.Email }).ToListAsync(cancellationToken))
            .ConvertAll(c => new ShownComment(c.Comment, NameOf(c.DisplayName, c.Email))),
        cancellationToken);

    /// <summary>Writes a comment. Members of the project who are named in it (<c>@name</c>, or the part of their e-mail before the @) are told.</summary>
    /// <returns>The comment; an error; null where there is no such item.</returns>
    public Task<Outcome<ItemComment>?> AddAsync(ProjectGrant grant, long userId, long itemId, string? text, CancellationToken cancellationToken = default)
    {
        var words = text?.Trim() ?? "";
        if (words.Length is 0 or > MaxLength) return Task.FromResult<Outcome<ItemComment>?>(Outcome<ItemComment>.Fail("text", $"1 to {MaxLength} characters are needed."));
        var project = grant.Project.Id;
        return database.WriteRepeatedlyAsync<Outcome<ItemComment>?>(
            async scope =>
            {
                if (!await scope.Db.Items.AnyAsync(i => i.ProjectId == project && i.Id == itemId, cancellationToken)) return null;
                var comment = new ItemComment { ProjectId = project, ItemId = itemId, UserId = userId, Text = words, CreatedAt = scope.Now };
                scope.Db.Set<ItemComment>().Add(comment);
                await scope.Db.SaveChangesAsync(cancellationToken);
                var members = await (
                        from m in scope.Db.Memberships.Where(m => m.ProjectId == project)
                        join u in scope.Db.Users on m.UserId equals u.Id
                        select new { u.Id, u.DisplayName, u.Email }).ToListAsync(cancellationToken);
                var named = members.Where(m => m.Id != userId && (Names(words, m.DisplayName) || Names(words, m.Email?.Split('@')[0]))).ToList();
                scope.Db.Set<CommentMention>().AddRange(named.Select(n => new CommentMention { CommentId = comment.Id, UserId = n.Id, ProjectId = project }));
                scope.Publish(new ProjectChanged(project));
                return comment;
            },
            cancellationToken);
    }

    /// <summary>Takes a comment away: one's own, or any as a lead.</summary>
    /// <returns>Whether there was such a comment.</returns>
    public Task<bool> DeleteAsync(ProjectGrant grant, long userId, long commentId, CancellationToken cancellationToken = default) => database.WriteRepeatedlyAsync(
        async scope =>
        {
            var (project, lead) = (grant.Project.Id, grant.IsLead);
            var gone = await scope.Db.Set<ItemComment>().Where(c => c.Id == commentId && c.ProjectId == project && c.DeletedAt == null && (lead || c.UserId == userId))
                .ExecuteUpdateAsync(x => x.SetProperty(c => c.DeletedAt, scope.Now).SetProperty(c => c.Text, ""), cancellationToken);
            if (gone > 0) scope.Publish(new ProjectChanged(project));
            return gone > 0;
        },
        cancellationToken);

    /// <summary>Items that are talked about, those with the newest comments first.</summary>
    /// <param name="projectId">The project.</param>
    /// <param name="userId">The reader.</param>
    /// <param name="mineOnly">Only those in which the reader wrote or is named.</param>
    /// <param name="limit">How many at the most.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public Task<List<ItemThread>> ThreadsAsync(long projectId, long userId, bool mineOnly, int limit, CancellationToken cancellationToken = default) => database.ReadAsync(
        async db =>
        {
            var comments = db.Set<ItemComment>().Where(c => c.ProjectId == projectId && c.DeletedAt == null);
            if (mineOnly)
            {
                var mine = db.Set<ItemComment>().Where(c => c.ProjectId == projectId && (c.UserId == userId || db.Set<CommentMention>().Any(m => m.CommentId == c.Id && m.UserId == userId))).Select(c => c.ItemId);
                comments = comments.Where(c => mine.Contains(c.ItemId));
            }

            var newest = await comments.GroupBy(c => c.ItemId).Select(g => new { ItemId = g.Key, Last = g.Max(c => c.Id), Count = g.Count() }).OrderByDescending(g => g.Last).Take(limit).ToListAsync(cancellationToken);
            var (ids, items) = (newest.ConvertAll(n => n.Last), newest.ConvertAll(n => n.ItemId));
            var last = await (
                    from c in db.Set<ItemComment>().Where(c => ids.Contains(c.Id))
                    join u in db.Users on c.UserId equals u.Id
                    select new { Comment = c, u.DisplayName, u.Email }).ToDictionaryAsync(c => c.Comment.Id, cancellationToken);
            var texts = await db.Items.Where(i => i.ProjectId == projectId && items.Contains(i.Id)).Select(i => new { i.Id, i.Key, Text = i.Text == null ? null : i.Text.Substring(0, ExcerptLength) }).ToDictionaryAsync(i => i.Id, cancellationToken);
            var unread = (await (
                    from m in db.Set<CommentMention>().Where(m => m.UserId == userId && m.ProjectId == projectId && m.ReadAt == null)
                    join c in db.Set<ItemComment>().Where(c => c.DeletedAt == null) on m.CommentId equals c.Id
                    select c.ItemId).ToListAsync(cancellationToken)).ToHashSet();
            return newest.Where(n => texts.ContainsKey(n.ItemId) && last.ContainsKey(n.Last))
                .Select(n => new ItemThread(n.ItemId, texts[n.ItemId].Key, texts[n.ItemId].Text, n.Count, new ShownComment(last[n.Last].Comment, NameOf(last[n.Last].DisplayName, last[n.Last].Email)), unread.Contains(n.ItemId)))
                .OrderByDescending(t => t.Unread).ThenByDescending(t => t.Last.Comment.Id).ToList();
        },
        cancellationToken);

    /// <summary>Whether a person may read the talk about an item without being a lead: they wrote, are named, or decided the item.</summary>
    public Task<bool> MayReadAsync(long projectId, long userId, long itemId, CancellationToken cancellationToken = default) => database.ReadAsync(
        async db => await db.Set<ItemComment>().AnyAsync(c => c.ProjectId == projectId && c.ItemId == itemId && (c.UserId == userId || db.Set<CommentMention>().Any(m => m.CommentId == c.Id && m.UserId == userId)), cancellationToken)
            || await db.Decisions.AnyAsync(d => d.ProjectId == projectId && d.ItemId == itemId && d.UserId == userId, cancellationToken),
        cancellationToken);

    /// <summary>How many comments name a person in a project without their having seen them.</summary>
    public Task<int> UnreadAsync(long projectId, long userId, CancellationToken cancellationToken = default) =>
        database.ReadAsync(db => db.Set<CommentMention>().CountAsync(m => m.UserId == userId && m.ProjectId == projectId && m.ReadAt == null, cancellationToken), cancellationToken);

    /// <summary>Notes that a person has seen the talk about an item.</summary>
    public Task SeenAsync(long projectId, long userId, long itemId, CancellationToken cancellationToken = default) => database.WriteRepeatedlyAsync(
        scope => scope.Db.Set<CommentMention>()
            .Where(m => m.UserId == userId && m.ProjectId == projectId && m.ReadAt == null && scope.Db.Set<ItemComment>().Any(c => c.Id == m.CommentId && c.ItemId == itemId))
            .ExecuteUpdateAsync(x => x.SetProperty(m => m.ReadAt, scope.Now), cancellationToken),
        cancellationToken);

    // @name, not followed by more of a word: @Ann does not name Anna.
    private static bool Names(string text, string? name)
    {
        if (string.IsNullOrWhiteSpace(name)) return false;
        for (var at = text.IndexOf('@' + name, StringComparison.OrdinalIgnoreCase); at >= 0; at = text.IndexOf('@' + name, at + 1, StringComparison.OrdinalIgnoreCase))
        {
            var end = at + 1 + name.Length;
            if ((end == text.Length || !char.IsLetterOrDigit(text[end]) || !char.IsAscii(text[end])) && (at == 0 || !char.IsLetterOrDigit(text[at - 1]))) return true;
        }

        return false;
    }

    private static string NameOf(string? name, string? email) => string.IsNullOrEmpty(name) ? email ?? "" : name;
}
