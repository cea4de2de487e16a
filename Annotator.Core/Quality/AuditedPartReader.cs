using Annotator.Core.Items;
using Annotator.Core.Labels;
using Annotator.Core.Learning.Steering;
using Annotator.Core.Projects;
using Annotator.Core.Quality.Certificate;
using Annotator.Core.Quality.Dashboards;
using Annotator.Core.Quality.Tallies;
using Annotator.Core.Review;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Quality;

/// <summary>A blind random draw of an audit that somebody answered.</summary>
/// <param name="ItemId">The item.</param>
/// <param name="Key">Its key.</param>
/// <param name="Audit">Number of the audit.</param>
/// <param name="Proposed">The label that was held against what people say.</param>
/// <param name="UserId">Who answered last; null where only a flag or a skip stands.</param>
/// <param name="Given">What they gave, as canonical JSON; null where they gave none.</param>
/// <param name="Wrong">Whether the proposed label was wrong.</param>
/// <param name="Weight">What the draw stands for: one over its chance.</param>
/// <param name="At">When it was drawn.</param>
public sealed record AuditedDraw(long ItemId, string Key, int Audit, string Proposed, long? UserId, string? Given, bool Wrong, double Weight, DateTimeOffset At);

/// <summary>Checked labels of one kind.</summary>
/// <param name="Draws">Draws.</param>
/// <param name="Wrong">Wrong ones among them.</param>
/// <param name="Accuracy">Share of right labels with its interval, see <see cref="AuditedPart.Confidence"/>.</param>
public sealed record AuditedShare(int Draws, int Wrong, Interval Accuracy);

/// <summary>
/// What the audits' draws say of the proposed labels of a part of a project. No certificate: the bound that holds at all times speaks of the whole; this interval holds for one look.
/// </summary>
/// <param name="Draws">The part's draws, oldest first.</param>
/// <param name="Share">All together; null without a draw.</param>
/// <param name="IsWeighted">Whether the draws had different chances, so that the interval is Korn and Graubard's; otherwise it is Clopper and Pearson's.</param>
/// <param name="Labels">By proposed label, in the order of names.</param>
/// <param name="OverTime">As it stood after draws, at <see cref="MostPoints"/> moments at the most.</param>
public sealed record AuditedPart(
    IReadOnlyList<AuditedDraw> Draws, AuditedShare? Share, bool IsWeighted, IReadOnlyList<(string Label, AuditedShare Share)> Labels, IReadOnlyList<(DateTimeOffset At, AuditedShare Share)> OverTime)
{
    /// <summary>Coverage of the intervals.</summary>
    public const double Confidence = 0.95;

    /// <summary>Points of a line over time.</summary>
    public const int MostPoints = 120;

    /// <summary>What the draws say.</summary>
    /// <param name="draws">The draws of the part.</param>
    public static AuditedPart Of(IEnumerable<AuditedDraw> draws)
    {
        var all = draws.OrderBy(d => d.At).ThenBy(d => d.Audit).ToList();
        if (all.Count == 0) return new AuditedPart([], null, false, [], []);
        var step = Math.Max(1, (all.Count + MostPoints - 1) / MostPoints);
        return new AuditedPart(
            all, ShareOf(all), all.Exists(d => Math.Abs(d.Weight - all[0].Weight) > 1e-9 * all[0].Weight),
            [.. all.GroupBy(d => d.Proposed, StringComparer.Ordinal).OrderBy(g => g.Key, StringComparer.Ordinal).Select(g => (g.Key, ShareOf([.. g])))],
            [.. Enumerable.Range(1, all.Count).Where(n => n == all.Count || n % step == 0).Select(n => (all[n - 1].At, ShareOf(all.GetRange(0, n))))]);
    }

    private static AuditedShare ShareOf(List<AuditedDraw> draws) => new(
        draws.Count, draws.Count(d => d.Wrong), ProportionInterval.Weighted([.. draws.Select(d => !d.Wrong)], [.. draws.Select(d => d.Weight)], Confidence)!.Value);
}

/// <summary>Reads what the draws of a project's audits say of a part of it.</summary>
public sealed class AuditedPartReader(AnnotatorDatabase database, IBlobStore blobs)
{
    private const int Part = 1_000;

    /// <summary>The draws of a part that were answered.</summary>
    /// <param name="project">The project.</param>
    /// <param name="filter">
    /// What part: when they were drawn, whose answers, of items with these metadata; the label is the proposed one, and the source that of the item's pre-label.
    /// </param>
    /// <param name="cancellationToken">Cancels.</param>
    public async Task<AuditedPart> ReadAsync(Project project, DashboardFilter filter, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(project);
        ArgumentNullException.ThrowIfNull(filter);
        var (audits, records) = await database.ReadAsync(
            async db => (
                await db.Audits.AsNoTracking().Where(a => a.ProjectId == project.Id).OrderBy(a => a.Number).ToListAsync(cancellationToken),
                (await db.AuditRecords.AsNoTracking().Where(r => r.ProjectId == project.Id).OrderBy(r => r.Number).ThenBy(r => r.Ordinal).ToListAsync(cancellationToken)).ToLookup(r => r.Number)),
            cancellationToken);
        var draws = new List<AuditedDraw>();
        foreach (var audit in audits)
        {
            List<AuditRecord> own = [.. records[audit.Number]];
            if (own.Exists(r => IsOf(filter, r))) draws.AddRange(await DrawsAsync(project, filter, audit, own, cancellationToken));
        }

        return AuditedPart.Of(draws);
    }

    private static bool IsOf(DashboardFilter filter, AuditRecord r) =>
        r is { Kind: AuditEntry.Draw, Wrong: not null } && (filter.From is null || r.CreatedAt >= filter.From) && (filter.To is null || r.CreatedAt < filter.To);

    private async Task<List<AuditedDraw>> DrawsAsync(Project project, DashboardFilter filter, Audit audit, List<AuditRecord> records, CancellationToken cancellationToken)
    {
        using var file = new MemoryStream();
        await using (var stored = await blobs.OpenAsync(audit.Blob, cancellationToken)) await stored.CopyToAsync(file, cancellationToken);
        var frozen = FrozenProposals.FromBytes(file.ToArray());
        var classes = AuditLedger.ClassesOf(audit);
        var wanted = records.Select(r => r.ItemId).ToHashSet();
        var place = new Dictionary<long, int>(wanted.Count);
        for (var i = 0; i < frozen.Items.Length; i++)
        {
            if (wanted.Contains(frozen.Items[i])) place[frozen.Items[i]] = i;
        }

        var chances = DrawChances.Of(frozen.RiskNumbers(), audit.Allowed, audit.Alpha, [.. records.Select(r => (place[r.ItemId], r.Kind))]);
        var chosen = records.Select((r, i) => (Record: r, Chance: chances[i], Proposed: classes[frozen.Classes[place[r.ItemId]]]))
            .Where(d => IsOf(filter, d.Record) && (filter.Label is null || string.Equals(d.Proposed, filter.Label, StringComparison.Ordinal))).ToList();
        var (keys, answers) = await ItemsAsync(project, filter, audit, [.. chosen.Select(d => d.Record.ItemId)], cancellationToken);
        return
        [
            .. chosen.Where(d => keys.ContainsKey(d.Record.ItemId) && (filter.UserId is null || answers.ContainsKey(d.Record.ItemId))).Select(d =>
            {
                var answer = answers.GetValueOrDefault(d.Record.ItemId);
                return new AuditedDraw(d.Record.ItemId, keys[d.Record.ItemId], audit.Number, d.Proposed, answer.UserId, answer.Value, d.Record.Wrong!.Value, 1 / d.Chance, d.Record.CreatedAt);
            }),
        ];
    }

    // Keys of the items that belong to the part, and the newest answer to each since the audit began.
    private Task<(Dictionary<long, string> Keys, Dictionary<long, (long? UserId, string? Value)> Answers)> ItemsAsync(
        Project project, DashboardFilter filter, Audit audit, long[] ids, CancellationToken cancellationToken) => database.ReadAsync(
        async db =>
        {
            var keys = new Dictionary<long, string>();
            var answers = new Dictionary<long, (long? UserId, string? Value)>();
            foreach (var part in ids.Chunk(Part))
            {
                var items = (filter.Slice is { } slice ? SliceFilter.Of(db, slice) : db.Items).Where(i => i.ProjectId == project.Id && part.Contains(i.Id));
                if (filter.Source is { } source) items = items.Where(i => i.PredictionSource == source);
                foreach (var item in await items.Select(i => new { i.Id, i.Key }).ToListAsync(cancellationToken)) keys[item.Id] = item.Key;
                var decisions = db.Decisions.Where(d => d.ProjectId == project.Id && part.Contains(d.ItemId) && d.UserId != null && d.UndoneById == null && d.Status == DecisionStatus.Recorded
                    && d.Action != DecisionAction.Undo && d.Action != DecisionAction.Import && d.CreatedAt >= audit.StartedAt);
                if (filter.UserId is { } user) decisions = decisions.Where(d => d.UserId == user);
                foreach (var d in await decisions.OrderBy(d => d.Id).Select(d => new { d.ItemId, d.UserId, d.Value }).ToListAsync(cancellationToken)) answers[d.ItemId] = (d.UserId, d.Value);
            }

            return (keys, answers);
        },
        cancellationToken);
}
