using Annotator.Core.Items;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Review;

/// <summary>What one person said of a disputed item.</summary>
/// <param name="UserId">Who.</param>
/// <param name="Name">Name to show.</param>
/// <param name="Action">What they did.</param>
/// <param name="Value">The label they gave, as canonical JSON; null with a skip or flag.</param>
/// <param name="Comment">Their remark.</param>
/// <param name="At">When.</param>
public sealed record DisputeVoice(long UserId, string Name, DecisionAction Action, string? Value, string? Comment, DateTimeOffset At);

/// <summary>An item that waits for a lead: people could not agree, or somebody asked for one.</summary>
/// <param name="Item">The item.</param>
/// <param name="Voices">What people said, oldest first.</param>
public sealed record Dispute(Item Item, IReadOnlyList<DisputeVoice> Voices)
{
    /// <summary>The labels that people gave, the most frequent first, with who gave them.</summary>
    public IReadOnlyList<(string Value, IReadOnlyList<DisputeVoice> Voices)> Answers { get; } =
        [.. Voices.Where(v => v.Value is not null).GroupBy(v => v.Value!, StringComparer.Ordinal).OrderByDescending(g => g.Count()).ThenBy(g => g.Min(v => v.At)).Select(g => (g.Key, (IReadOnlyList<DisputeVoice>)[.. g]))];
}

/// <summary>Reads what waits for a lead's word, by the index of flagged items.</summary>
public sealed class AdjudicationReader(AnnotatorDatabase database)
{
    private const int MostCounted = 1_000;

    /// <summary>How many items wait, counted up to 1,000.</summary>
    public Task<int> CountAsync(long projectId, CancellationToken cancellationToken = default) =>
        database.ReadAsync(db => db.Items.Where(i => i.ProjectId == projectId && i.Flagged).Take(MostCounted).CountAsync(cancellationToken), cancellationToken);

    /// <summary>The next items that wait, in order of arrival.</summary>
    /// <param name="projectId">The project.</param>
    /// <param name="after">Only items with a larger id; those that were left aside come again from the beginning.</param>
    /// <param name="limit">How many at the most.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public Task<List<Dispute>> NextAsync(long projectId, long after, int limit, CancellationToken cancellationToken = default) => database.ReadAsync(
        async db =>
        {
            var items = await db.Items.Where(i => i.ProjectId == projectId && i.Flagged && i.Id > after).OrderBy(i => i.Id).Take(limit).ToListAsync(cancellationToken);
            var ids = items.ConvertAll(i => i.Id);
            var voices = (await (
                    from d in db.Decisions.Where(d => d.ProjectId == projectId && ids.Contains(d.ItemId) && d.UndoneById == null && d.Status == DecisionStatus.Recorded && d.UserId != null && d.Action != DecisionAction.Undo)
                    join u in db.Users on d.UserId equals (long?)u.Id
                    orderby d.Id
                    select new { d.ItemId, UserId = u.Id, u.DisplayName, u.Email, d.Action, d.Value, d.Comment, d.CreatedAt })
                .ToListAsync(cancellationToken)).ToLookup(v => v.ItemId);
            return items.ConvertAll(i => new Dispute(
                i, [.. voices[i.Id].Select(v => new DisputeVoice(v.UserId, string.IsNullOrEmpty(v.DisplayName) ? v.Email ?? "" : v.DisplayName, v.Action, v.Value, v.Comment, v.CreatedAt))]));
        },
        cancellationToken);
}
