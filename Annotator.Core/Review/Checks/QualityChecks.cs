using Annotator.Core.Accounts;
using Annotator.Core.Items;
using Annotator.Core.Labels;
using Annotator.Core.Projects;
using Annotator.Core.Quality;
using Annotator.Core.Runs;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Review.Checks;

/// <summary>
/// Mixes known and repeated items into what people are shown, takes their answers, and pauses those who are certainly too often wrong. A check is a lease of its
/// own: neither the queue nor any label knows of it.
/// </summary>
internal static class QualityChecks
{
    /// <summary>The newest answers that the rule looks at: old ones say little of how somebody works today.</summary>
    public const int Window = 50;

    // A repeat comes when at least so many decisions lie between, and looks no further back than so many.
    private const int FewestBetween = 20;
    private const int FurthestBack = 400;
    private const int Candidates = 200;

    /// <summary>Whether a person gets no work in a project at the moment.</summary>
    public static Task<bool> IsPausedAsync(AnnotatorDbContext db, long projectId, long userId, CancellationToken cancellationToken) =>
        db.Set<AnnotatorPause>().AnyAsync(p => p.ProjectId == projectId && p.UserId == userId && p.EndedAt == null, cancellationToken);

    /// <summary>Adds checks to what is lent, at places that nobody can guess.</summary>
    public static async Task<IReadOnlyList<LeasedItem>> MixAsync(WriteScope scope, Project project, long userId, IReadOnlyList<LeasedItem> lent, DateTimeOffset now)
    {
        var settings = project.Settings.Checks;
        if (lent.Count == 0 || (settings.GoldShare <= 0 && settings.RepeatShare <= 0)) return lent;

        // Chance comes from the items themselves, so that the history can be followed.
        var random = new Random(unchecked((int)((((lent[0].Item.Id * 1_000_003) + userId) * 31) + lent.Count)));
        var gold = lent.Count(_ => random.NextDouble() < Odds(settings.GoldShare, settings.RepeatShare));
        var repeats = lent.Count(_ => random.NextDouble() < Odds(settings.RepeatShare, settings.GoldShare));
        if (gold + repeats == 0) return lent;
        var chosen = new List<(CheckKind Kind, long Item, string Expected)>();
        if (gold > 0) chosen.AddRange((await GoldAsync(scope, project.Id, userId, gold, random)).Select(g => (CheckKind.Gold, g.Item, g.Expected)));
        if (repeats > 0) chosen.AddRange((await RepeatsAsync(scope, project.Id, userId, repeats, random)).Select(r => (CheckKind.Repeat, r.Item, r.Expected)));
        chosen = [.. chosen.DistinctBy(c => c.Item).Where(c => lent.All(l => l.Item.Id != c.Item))];
        if (chosen.Count == 0) return lent;

        var ids = chosen.Select(c => c.Item).ToList();
        var items = await scope.Db.Items.AsNoTracking().Where(i => i.ProjectId == project.Id && ids.Contains(i.Id)).ToDictionaryAsync(i => i.Id, scope.CancellationToken);
        var mixed = lent.ToList();
        var checks = new List<QualityCheck>();
        foreach (var (kind, id, expected) in chosen)
        {
            if (!items.TryGetValue(id, out var item)) continue;

            // As its neighbours look: with a pre-label where there is one and they have theirs.
            var beside = lent[random.Next(lent.Count)].Lease;
            var blind = beside.Blind || item.PredictionValue is null || item.PredictionSource is null;
            var check = new QualityCheck
            {
                Id = Guid.NewGuid().ToString("n"),
                ProjectId = project.Id,
                ItemId = id,
                UserId = userId,
                Kind = kind,
                Expected = expected,
                ShownValue = blind ? null : item.PredictionValue,
                CreatedAt = scope.Now,
                ExpiresAt = now.AddSeconds(project.Settings.LeaseSeconds),
            };
            checks.Add(check);
            mixed.Insert(random.Next(mixed.Count + 1), new LeasedItem(item, LeaseOf(check, item, beside.Reason)));
        }

        await scope.Dialect.InsertAsync(scope.Db, checks, ignoreConflicts: false, scope.CancellationToken);
        return mixed;
    }

    /// <summary>Takes the answers to checks out of decisions.</summary>
    /// <returns>Results by position of the decision; what is not among them is no check.</returns>
    public static async Task<Dictionary<int, DecisionResult>> AnswerAsync(WriteScope scope, RunService runs, Project project, long userId, IReadOnlyList<NewDecision> decisions)
    {
        var results = new Dictionary<int, DecisionResult>();
        var leases = decisions.Select(d => d.Lease).OfType<string>().Where(l => l.Length > 0).Distinct(StringComparer.Ordinal).ToList();
        if (leases.Count == 0) return results;
        var open = await scope.Db.Set<QualityCheck>().AsNoTracking().Where(c => leases.Contains(c.Id) && c.ProjectId == project.Id && c.UserId == userId && c.AnsweredAt == null)
            .ToDictionaryAsync(c => c.Id, StringComparer.Ordinal, scope.CancellationToken);
        if (open.Count == 0) return results;
        var wrong = false;
        for (var i = 0; i < decisions.Count; i++)
        {
            var given = decisions[i];
            if (given.Lease is null || !open.TryGetValue(given.Lease, out var check) || check.ItemId != given.ItemId || !open.Remove(given.Lease)) continue;
            var value = given.Value is { } v ? LabelJson.Write(v) : given.Action == DecisionAction.Accept ? given.Shown is { } seen ? LabelJson.Write(seen.Value) : check.ShownValue : null;
            var said = given.Action is DecisionAction.Accept or DecisionAction.Correct ? value : null;
            bool? right = said is not null ? string.Equals(said, check.Expected, StringComparison.Ordinal)
                : given.Action == DecisionAction.Reject && check.ShownValue is { } refused ? !string.Equals(refused, check.Expected, StringComparison.Ordinal) : null;
            await scope.Db.Set<QualityCheck>().Where(c => c.Id == check.Id).ExecuteUpdateAsync(
                x => x.SetProperty(c => c.Given, said).SetProperty(c => c.Correct, right).SetProperty(c => c.Seconds, given.Seconds).SetProperty(c => c.AnsweredAt, scope.Now), scope.CancellationToken);
            wrong |= check.Kind == CheckKind.Gold && right == false;
            results[i] = new DecisionResult(given.ItemId, DecisionStatus.Recorded, project.Settings.Checks.Feedback && check.Kind == CheckKind.Gold && right == false ? await FeedbackAsync(scope, check) : null);
        }

        if (wrong) await JudgeAsync(scope, runs, project, userId);
        return results;
    }

    /// <summary>Shows the person's last answer again where it was a check, as an undo does.</summary>
    public static async Task<LeasedItem?> UndoAsync(WriteScope scope, Project project, long userId, long? itemId)
    {
        var last = await scope.Db.Set<QualityCheck>().AsNoTracking().Where(c => c.ProjectId == project.Id && c.UserId == userId && c.AnsweredAt != null && (itemId == null || c.ItemId == itemId))
            .OrderByDescending(c => c.AnsweredAt).FirstOrDefaultAsync(scope.CancellationToken);
        if (last is null) return null;
        var later = await scope.Db.Decisions.Where(d => d.ProjectId == project.Id && d.UserId == userId && (itemId == null || d.ItemId == itemId)).OrderByDescending(d => d.Id).Select(d => (DateTimeOffset?)d.CreatedAt).FirstOrDefaultAsync(scope.CancellationToken);
        if (later >= last.AnsweredAt) return null;
        var item = await scope.Db.Items.AsNoTracking().FirstOrDefaultAsync(i => i.ProjectId == project.Id && i.Id == last.ItemId, scope.CancellationToken);
        if (item is null) return null;
        last.ExpiresAt = (await scope.Dialect.NowAsync(scope.Db, scope.CancellationToken)).AddSeconds(project.Settings.LeaseSeconds);
        var until = last.ExpiresAt;
        await scope.Db.Set<QualityCheck>().Where(c => c.Id == last.Id).ExecuteUpdateAsync(
            x => x.SetProperty(c => c.Given, (string?)null).SetProperty(c => c.Correct, (bool?)null).SetProperty(c => c.AnsweredAt, (DateTimeOffset?)null).SetProperty(c => c.ExpiresAt, until), scope.CancellationToken);
        return new LeasedItem(item, LeaseOf(last, item, QueueReason.Reopened));
    }

    /// <summary>Keeps open checks for another term, like leases.</summary>
    public static async Task<List<Lease>> RenewAsync(WriteScope scope, long projectId, long userId, IReadOnlyList<string> leases, DateTimeOffset until)
    {
        var open = await scope.Db.Set<QualityCheck>().AsNoTracking().Where(c => c.ProjectId == projectId && c.UserId == userId && c.AnsweredAt == null && leases.Contains(c.Id)).ToListAsync(scope.CancellationToken);
        if (open.Count == 0) return [];
        var ids = open.ConvertAll(c => c.Id);
        await scope.Db.Set<QualityCheck>().Where(c => ids.Contains(c.Id)).ExecuteUpdateAsync(x => x.SetProperty(c => c.ExpiresAt, until), scope.CancellationToken);
        return open.ConvertAll(c => new Lease { Id = c.Id, ProjectId = projectId, ItemId = c.ItemId, UserId = userId, ExpiresAt = until });
    }

    /// <summary>Forgets open checks that are given back: they say nothing.</summary>
    public static Task ReleaseAsync(WriteScope scope, long projectId, long userId, IReadOnlyList<string> leases) =>
        scope.Db.Set<QualityCheck>().Where(c => c.ProjectId == projectId && c.UserId == userId && c.AnsweredAt == null && leases.Contains(c.Id)).ExecuteDeleteAsync(scope.CancellationToken);

    // So many of all shown items are checks, not so many for each of the others.
    private static double Odds(double share, double other) => share / Math.Max(0.05, 1 - share - other);

    private static async Task<List<(long Item, string Expected)>> GoldAsync(WriteScope scope, long projectId, long userId, int count, Random random)
    {
        var fresh = await scope.Db.Set<GoldItem>()
            .Where(g => g.ProjectId == projectId
                && !scope.Db.Set<QualityCheck>().Any(c => c.ProjectId == projectId && c.ItemId == g.ItemId && c.UserId == userId && (c.AnsweredAt != null || c.ExpiresAt > scope.Now))
                && !scope.Db.Decisions.Any(d => d.ProjectId == projectId && d.ItemId == g.ItemId && d.UserId == userId))
            .OrderBy(g => g.ItemId).Take(Candidates).Select(g => new { g.ItemId, g.Value }).ToListAsync(scope.CancellationToken);
        var pool = fresh.Select(f => (f.ItemId, f.Value)).ToArray();
        random.Shuffle(pool);
        return [.. pool.Take(count)];
    }

    private static async Task<List<(long Item, string Expected)>> RepeatsAsync(WriteScope scope, long projectId, long userId, int count, Random random)
    {
        var own = await scope.Db.Decisions
            .Where(d => d.ProjectId == projectId && d.UserId == userId && d.UndoneById == null && d.Status == DecisionStatus.Recorded && d.Value != null && (d.Action == DecisionAction.Accept || d.Action == DecisionAction.Correct))
            .OrderByDescending(d => d.Id).Skip(FewestBetween).Take(FurthestBack).Select(d => new { d.ItemId, d.Value }).ToListAsync(scope.CancellationToken);
        var ids = own.ConvertAll(o => o.ItemId);
        var done = (await scope.Db.Set<QualityCheck>().Where(c => c.ProjectId == projectId && c.UserId == userId && ids.Contains(c.ItemId)).Select(c => c.ItemId).ToListAsync(scope.CancellationToken)).ToHashSet();
        var pool = own.Where(o => !done.Contains(o.ItemId)).Select(o => (o.ItemId, o.Value!)).ToArray();
        random.Shuffle(pool);
        return [.. pool.Take(count)];
    }

    private static async Task<string> FeedbackAsync(WriteScope scope, QualityCheck check)
    {
        var note = await scope.Db.Set<GoldItem>().Where(g => g.ProjectId == check.ProjectId && g.ItemId == check.ItemId).Select(g => g.Note).FirstOrDefaultAsync(scope.CancellationToken);
        var label = string.Join(", ", LabelJson.Read(check.Expected).LabelNames.Distinct(StringComparer.Ordinal));
        return string.IsNullOrWhiteSpace(note) ? $"The known label is “{label}”." : $"The known label is “{label}”. {note}";
    }

    // The rule: pause whoever is certainly below the line, and take back what they labelled since the answers began that say so.
    private static async Task JudgeAsync(WriteScope scope, RunService runs, Project project, long userId)
    {
        var settings = project.Settings.Checks;
        if (settings.PauseBelow <= 0 || await IsPausedAsync(scope.Db, project.Id, userId, scope.CancellationToken)) return;
        var ended = await scope.Db.Set<AnnotatorPause>().Where(p => p.ProjectId == project.Id && p.UserId == userId).MaxAsync(p => p.EndedAt, scope.CancellationToken);
        var since = ended ?? DateTimeOffset.UnixEpoch;
        var answers = await scope.Db.Set<QualityCheck>()
            .Where(c => c.ProjectId == project.Id && c.UserId == userId && c.Kind == CheckKind.Gold && c.Correct != null && c.AnsweredAt > since)
            .OrderByDescending(c => c.AnsweredAt).Take(Window).Select(c => new { Right = c.Correct!.Value, c.AnsweredAt }).ToListAsync(scope.CancellationToken);
        var right = answers.Count(a => a.Right);
        if (answers.Count < settings.PauseAfter || ProportionInterval.AnyTime(right, answers.Count).Upper >= settings.PauseBelow) return;
        var pause = new AnnotatorPause
        {
            ProjectId = project.Id,
            UserId = userId,
            Correct = right,
            Answered = answers.Count,
            TakenBackFrom = answers[^1].AnsweredAt,
            CreatedAt = scope.Now,
        };
        scope.Db.Set<AnnotatorPause>().Add(pause);
        scope.Audit(null, "annotator.paused", new { userId, right, answered = answers.Count }, project.Id);
        await scope.Db.SaveChangesAsync(scope.CancellationToken);
        await runs.AddAsync(scope, project.Id, TakeBackHandler.RunKind, new TakeBackOptions { UserId = userId, Since = answers[^1].AnsweredAt!.Value, Until = scope.Now });
    }

    private static Lease LeaseOf(QualityCheck check, Item item, QueueReason reason) => new()
    {
        Id = check.Id,
        ProjectId = check.ProjectId,
        ItemId = check.ItemId,
        UserId = check.UserId,
        ExpiresAt = check.ExpiresAt,
        PredictionValue = check.ShownValue,
        PredictionConfidence = check.ShownValue is null ? null : item.PredictionConfidence,
        PredictionSource = check.ShownValue is null ? null : item.PredictionSource ?? LabelSource.Student,
        PredictionVersion = check.ShownValue is null ? null : item.PredictionVersion,
        Blind = check.ShownValue is null,
        Reason = reason,
    };
}
