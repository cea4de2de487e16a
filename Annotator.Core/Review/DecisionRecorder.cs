using Annotator.Core.Accounts;
using Annotator.Core.Items;
using Annotator.Core.Labels;
using Annotator.Core.Learning;
using Annotator.Core.Live;
using Annotator.Core.Llm;
using Annotator.Core.Projects;
using Annotator.Core.Quality;
using Annotator.Core.Review.Checks;
using Annotator.Core.Review.Work;
using Annotator.Core.Runs;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Review;

/// <summary>A decision as it is sent.</summary>
/// <param name="ItemId">The item.</param>
/// <param name="Action">What was done.</param>
/// <param name="Value">The label; needed for <see cref="DecisionAction.Correct"/>.</param>
/// <param name="Lease">The lease under which the item was shown.</param>
/// <param name="Seconds">Active time spent.</param>
/// <param name="Comment">A remark, or the reason of a skip or flag.</param>
/// <param name="Shown">The pre-label that stood on the screen, where a newer one took the place of that of the lease; not heeded where the item was shown blind.</param>
/// <param name="Settles">Whether it is the last word on the item, whatever others say; heeded from leads only.</param>
public sealed record NewDecision(
    long ItemId, DecisionAction Action, LabelValue? Value = null, string? Lease = null, double? Seconds = null, string? Comment = null, ShownPrelabel? Shown = null, bool Settles = false);

/// <summary>A pre-label as it stood on a person's screen.</summary>
/// <param name="Value">The label.</param>
/// <param name="Confidence">Its confidence, 0 to 1.</param>
/// <param name="Source">Who made it.</param>
/// <param name="Version">Which version of it.</param>
public sealed record ShownPrelabel(LabelValue Value, double? Confidence, LabelSource Source, int? Version);

/// <summary>What became of a decision.</summary>
/// <param name="ItemId">The item.</param>
/// <param name="Status">What became of it.</param>
/// <param name="Detail">Why, for people; null where there is nothing to say.</param>
public sealed record DecisionResult(long ItemId, DecisionStatus Status, string? Detail = null);

/// <summary>
/// Records what people decide. Decisions are facts (rule 3): appended, never overwritten; the label of an item is derived
/// from those that stand.
/// </summary>
public sealed class DecisionRecorder(AnnotatorDatabase database, LearningTrigger learning, RunService runs)
{
    /// <summary>The most decisions in one call.</summary>
    public const int MostAtOnce = 1_000;

    /// <summary>How many more people than the overlap are asked when people disagree, before a lead is.</summary>
    public const int ExtraVotes = 2;

    /// <summary>Checks decisions before any is recorded: what is wrong, by position.</summary>
    public static IReadOnlyList<(string Field, string Message)> Check(Project project, IReadOnlyList<NewDecision> decisions)
    {
        var errors = new List<(string, string)>();
        if (decisions.Count is 0 or > MostAtOnce) errors.Add(("decisions", $"1 to {MostAtOnce} decisions are needed."));
        var schema = project.Schema;
        for (var i = 0; i < decisions.Count; i++)
        {
            var decision = decisions[i];
            if (decision.Action is DecisionAction.Undo or DecisionAction.Import) errors.Add(($"decisions[{i}].action", "Must be accept, correct, skip, flag or reject."));
            if (decision.Action == DecisionAction.Correct && decision.Value is null) errors.Add(($"decisions[{i}].value", "A value is needed with 'correct'."));
            if (decision.Value is { } value && LabelJson.Check(value, schema) is { } error) errors.Add(($"decisions[{i}].value", error));
            if (decision.Shown is { } shown)
            {
                if (LabelJson.Check(shown.Value, schema) is { } wrong) errors.Add(($"decisions[{i}].prediction.value", wrong));
                if (shown.Confidence is { } c && !(c >= 0 && c <= 1)) errors.Add(($"decisions[{i}].prediction.confidence", "Must be 0 to 1."));
            }

            if (decision.Comment?.Length > 10_000) errors.Add(($"decisions[{i}].comment", "At most 10,000 characters."));
            if (decision.Action == DecisionAction.Skip && project.Settings.SkipNeedsReason && string.IsNullOrWhiteSpace(decision.Comment))
                errors.Add(($"decisions[{i}].comment", "This project asks for a reason with a skip."));
        }

        return errors;
    }

    /// <summary>Records decisions that passed <see cref="Check"/>, in order.</summary>
    public async Task<IReadOnlyList<DecisionResult>> RecordAsync(ProjectGrant grant, long userId, IReadOnlyList<NewDecision> decisions, CancellationToken cancellationToken = default)
    {
        var results = await database.WriteRepeatedlyAsync(
            async scope =>
            {
                // Answers to checks are taken out first: they change no label.
                var checks = await QualityChecks.AnswerAsync(scope, runs, grant.Project, userId, decisions);
                if (checks.Count == 0) return await RecordAsync(scope, grant, userId, decisions);
                var others = await RecordAsync(scope, grant, userId, [.. decisions.Where((_, i) => !checks.ContainsKey(i))]);
                var next = 0;
                return [.. decisions.Select((_, i) => checks.TryGetValue(i, out var answered) ? answered : others[next++])];
            },
            cancellationToken);
        if (results.Any(r => r.Status == DecisionStatus.Recorded)) learning.DecisionsRecorded(grant.Project.Id);
        return results;
    }

    /// <summary>Takes the caller's last decision back, or the last one on a given item, and lends the item to the caller again.</summary>
    /// <returns>The item, or null where there was nothing to take back.</returns>
    public async Task<LeasedItem?> UndoAsync(Project project, long userId, long? itemId, CancellationToken cancellationToken = default)
    {
        var lent = await database.WriteRepeatedlyAsync(async scope => await QualityChecks.UndoAsync(scope, project, userId, itemId) ?? await UndoAsync(scope, project, userId, itemId), cancellationToken);
        if (lent is not null) learning.DecisionsRecorded(project.Id);
        return lent;
    }

    private static async Task<IReadOnlyList<DecisionResult>> RecordAsync(WriteScope scope, ProjectGrant grant, long userId, IReadOnlyList<NewDecision> decisions)
    {
        var project = grant.Project;
        var ids = decisions.Select(d => d.ItemId).Distinct().ToList();
        await scope.Dialect.LockItemsAsync(scope.Db, project.Id, ids, scope.CancellationToken);
        var items = await scope.Db.Items.AsNoTracking().Where(i => i.ProjectId == project.Id && ids.Contains(i.Id)).ToDictionaryAsync(i => i.Id, scope.CancellationToken);
        var leases = await scope.Db.Leases.AsNoTracking().Where(l => l.ProjectId == project.Id && ids.Contains(l.ItemId)).ToListAsync(scope.CancellationToken);
        var standing = await scope.Db.Decisions.AsNoTracking()
            .Where(d => d.ProjectId == project.Id && ids.Contains(d.ItemId) && d.UndoneById == null && d.Status == DecisionStatus.Recorded && d.UserId != null)
            .ToListAsync(scope.CancellationToken);
        var llm = await scope.Db.Predictions.AsNoTracking().Where(p => p.ProjectId == project.Id && p.Source == LabelSource.Llm && ids.Contains(p.ItemId)).ToDictionaryAsync(p => p.ItemId, scope.CancellationToken);
        var votes = standing.Where(d => d.Action is DecisionAction.Accept or DecisionAction.Correct).GroupBy(d => d.ItemId).ToDictionary(g => g.Key, g => g.ToList());

        var schema = project.Schema;
        var results = new List<DecisionResult>(decisions.Count);
        var facts = new List<Decision>(decisions.Count);
        var live = new List<Decided>(decisions.Count);
        foreach (var given in decisions)
        {
            if (!items.TryGetValue(given.ItemId, out var item))
            {
                results.Add(new DecisionResult(given.ItemId, DecisionStatus.Unknown, "There is no such item in this project."));
                continue;
            }

            var lease = leases.FirstOrDefault(l => l.ItemId == item.Id && l.UserId == userId);
            if (!votes.TryGetValue(item.Id, out var before)) votes[item.Id] = before = [];
            var mine = before.FirstOrDefault(d => d.UserId == userId);
            var value = given.Value is { } v ? LabelJson.Write(v) : given.Action == DecisionAction.Accept ? given.Shown is { } seen && lease?.Blind != true ? LabelJson.Write(seen.Value) : lease is not null ? lease.PredictionValue : item.PredictionValue : null;
            if (given.Action == DecisionAction.Accept && value is null)
            {
                results.Add(new DecisionResult(item.Id, DecisionStatus.Unknown, "There was no pre-label to accept; send the label with 'correct'."));
                continue;
            }

            // Shown before the labels changed: nobody can give what is a label no more.
            if (given.Action == DecisionAction.Accept && LabelJson.Check(LabelJson.Read(value!), schema) is not null)
            {
                results.Add(new DecisionResult(item.Id, DecisionStatus.Unknown, "The labels have changed since this pre-label was shown; send the label with 'correct'."));
                continue;
            }

            var fact = NewFact(scope, project, item, userId, given, value, lease);
            fact.Settles = given.Settles && grant.IsLead && given.Action is (DecisionAction.Accept or DecisionAction.Correct);
            facts.Add(fact);

            // Nobody's decision is overwritten: without a place among the item's voters this one is only kept in the history.
            var votesOfOthers = before.Count(d => d.UserId != userId);
            // A lead may decide what others have decided, but not by mistake: with a lease that has run out it is one.
            var mayOverrule = grant.IsLead && string.IsNullOrEmpty(given.Lease);
            if (lease is null && mine is null && votesOfOthers > 0 && !mayOverrule && (item.State == ItemState.Final || votesOfOthers >= Needed(project, item, before)))
            {
                fact.Status = DecisionStatus.Conflict;
                results.Add(new DecisionResult(item.Id, DecisionStatus.Conflict, "Somebody else has decided this item; your decision is kept in its history."));
                continue;
            }

            if (given.Action is DecisionAction.Accept or DecisionAction.Correct)
            {
                if (mine is not null)
                {
                    // A person who decides again replaces their own earlier decision.
                    await ReplaceAsync(scope, mine, fact, facts);
                    before.Remove(mine);
                    LlmJudgements.TakeBack(scope, llm.GetValueOrDefault(item.Id), mine);
                }
                else
                {
                    scope.Count(project.Id, CounterNames.HumanDecisions, 1);
                }

                LlmJudgements.Count(scope, llm.GetValueOrDefault(item.Id), fact);

                before.Add(fact);
                await SettleAsync(scope, project, item, before, userId, leases);
                await RereadGroupAsync(scope, item, items, leases);
                live.Add(new Decided(item.Id, item.Key, item.LabelValue ?? value, item.LabelSource ?? LabelSource.Human, userId, item.State));
            }
            else
            {
                if (mine is not null && given.Action == DecisionAction.Reject)
                {
                    // Who rejects what they have decided takes their decision back.
                    await ReplaceAsync(scope, mine, fact, facts);
                    before.Remove(mine);
                    scope.Count(project.Id, CounterNames.HumanDecisions, -1);
                    LlmJudgements.TakeBack(scope, llm.GetValueOrDefault(item.Id), mine);
                }

                await SetAsideAsync(scope, project, item, given.Action, userId, before, leases);
            }

            leases.RemoveAll(l => l.ItemId == item.Id && l.UserId == userId);
            results.Add(new DecisionResult(item.Id, DecisionStatus.Recorded));
        }

        await scope.Dialect.InsertAsync(scope.Db, facts, ignoreConflicts: false, scope.CancellationToken);
        scope.Tallies.Decided(facts);
        if (live.Count > 0) scope.Publish(new ItemsDecided(project.Id, live));
        scope.Publish(new ProjectChanged(project.Id));
        return results;
    }

    // The earlier one may be of the same call, and then is not stored yet.
    private static async Task ReplaceAsync(WriteScope scope, Decision earlier, Decision by, List<Decision> facts)
    {
        if (!facts.Exists(f => f.Id == earlier.Id)) scope.Tallies.TakenBack([earlier]);
        earlier.UndoneById = by.Id;
        foreach (var fact in facts.Where(f => f.Id == earlier.Id)) fact.UndoneById = by.Id;
        await scope.Db.Decisions.Where(d => d.Id == earlier.Id).ExecuteUpdateAsync(x => x.SetProperty(d => d.UndoneById, by.Id), scope.CancellationToken);
    }

    private static Decision NewFact(WriteScope scope, Project project, Item item, long userId, NewDecision given, string? value, Lease? lease)
    {
        var fact = NewFactAsLent(scope, project, item, userId, given, value, lease);
        if (given.Shown is { } shown && !fact.Blind)
            (fact.ShownValue, fact.ShownConfidence, fact.ShownSource, fact.ShownVersion) = (LabelJson.Write(shown.Value), shown.Confidence, shown.Source, shown.Version);
        return fact;
    }

    private static Decision NewFactAsLent(WriteScope scope, Project project, Item item, long userId, NewDecision given, string? value, Lease? lease) => new()
    {
        Id = scope.NextId("decision"),
        ProjectId = project.Id,
        ItemId = item.Id,
        UserId = userId,
        Action = given.Action,
        Value = value,
        Status = DecisionStatus.Recorded,
        ShownValue = lease is not null ? lease.PredictionValue : item.Audit ? null : item.PredictionValue,
        ShownConfidence = lease is not null ? lease.PredictionConfidence : item.Audit ? null : item.PredictionConfidence,
        ShownSource = lease is not null ? lease.PredictionSource : item.Audit ? null : item.PredictionSource,
        ShownVersion = lease is not null ? lease.PredictionVersion : item.Audit ? null : item.PredictionVersion,
        Blind = lease?.Blind ?? item.Audit,
        Audit = item.Audit,
        Seconds = given.Seconds is { } s && double.IsFinite(s) && s >= 0 ? Math.Min(s, 86_400) : null,
        Comment = given.Comment,
        SchemaVersion = project.SchemaVersion,
        CreatedAt = scope.Now,
    };

    // Derives the item's label from the decisions that stand: enough of one mind, or more people are asked.
    private static async Task SettleAsync(WriteScope scope, Project project, Item item, List<Decision> votes, long userId, List<Lease> leases)
    {
        var needed = Needed(project, item, votes);
        var (winner, count) = Majority(votes);
        var people = SecondLook.PeopleFor(project.Settings, votes, item);
        var settled = (votes.Count >= people && count * 2 > votes.Count) || votes.Exists(v => v.Settles);
        var signs = SignOff.Asks(project.Settings.Work, votes);
        if (signs)
        {
            // Two of those who sign have the word, and nobody else: not the majority, nor a lead.
            var (signed, _) = SignOff.Stand(project.Settings.Work, votes);
            settled = signed is not null;
            winner = signed ?? winner;
        }

        if (settled)
        {
            var change = new ItemChange(item, ItemState.Final, Route.Human, Label: new LabelChange(winner, LabelSource.Human, null), Votes: votes.Count, Flagged: false);
            await Require(ItemTransitions.ApplyAsync(scope, [change]));
            leases.RemoveAll(l => l.ItemId == item.Id);
            await GroupLabels.ShareAsync(scope, project, item);
            return;
        }

        // The others have spoken: what is left is for those who sign, and for a lead where none of them is left.
        var toSigners = signs && votes.Count >= people && (count * 2 > votes.Count || needed <= votes.Count + SignOffSettings.People);
        var stuck = signs ? toSigners && SignOff.Left(project.Settings.Work, votes) <= 0 : votes.Count >= needed;
        var others = await KeepLeasesAsync(scope, [.. leases.Where(l => l.ItemId == item.Id && l.UserId != userId)], needed - votes.Count, leases);
        var place = new QueuePlace(
            votes.Count >= people ? -1e6 : -1e3,
            votes.Count >= people && !(signs && count == votes.Count) ? QueueReason.PeopleDisagree : QueueReason.Random,
            item.Audit,
            stuck ? 0 : Math.Max(0, needed - votes.Count - others),
            userId,
            Signs: toSigners);
        await Require(ItemTransitions.ApplyAsync(scope, [new ItemChange(item, ItemState.Queued, Route.Human, Place: place, Votes: votes.Count, Flagged: stuck)]));
        await scope.Db.Leases.Where(l => l.ProjectId == project.Id && l.ItemId == item.Id && l.UserId == userId).ExecuteDeleteAsync(scope.CancellationToken);
    }

    private static async Task SetAsideAsync(WriteScope scope, Project project, Item item, DecisionAction action, long userId, List<Decision> votes, List<Lease> leases)
    {
        await scope.Db.Leases.Where(l => l.ProjectId == project.Id && l.ItemId == item.Id && l.UserId == userId).ExecuteDeleteAsync(scope.CancellationToken);
        if (action == DecisionAction.Skip && item.State != ItemState.Queued) return;
        var others = leases.Count(l => l.ItemId == item.Id && l.UserId != userId);
        var rejected = action == DecisionAction.Reject;

        // Set aside for a lead: nobody else is asked. Rejected, or skipped by the one who had taken a decision back: somebody must be, even
        // where there are votes enough, or the item would wait for nobody.
        var wanted = Math.Max(others == 0 ? 1 : 0, Needed(project, item, votes) - votes.Count - others);
        var open = action == DecisionAction.Flag || item.Flagged ? 0 : Math.Max(0, wanted);
        var entry = await scope.Db.Queue.AsNoTracking().FirstOrDefaultAsync(q => q.ProjectId == project.Id && q.ItemId == item.Id, scope.CancellationToken);
        var place = new QueuePlace(entry?.Rank ?? 0, rejected ? QueueReason.Rejected : entry?.Reason ?? QueueReason.Reopened, rejected || item.Audit || (entry?.Blind ?? false), open, userId);
        var change = new ItemChange(
            item, ItemState.Queued, Route.Human, Prelabel: rejected ? new PrelabelChange(null, null, null, null) : null, Place: place, Votes: votes.Count, Flagged: action == DecisionAction.Flag ? true : null);
        await Require(ItemTransitions.ApplyAsync(scope, [change]));
    }

    private static async Task<LeasedItem?> UndoAsync(WriteScope scope, Project project, long userId, long? itemId)
    {
        var last = await scope.Db.Decisions.AsNoTracking()
            .Where(d => d.ProjectId == project.Id && d.UserId == userId && d.UndoneById == null && d.Action != DecisionAction.Undo && d.Status == DecisionStatus.Recorded && (itemId == null || d.ItemId == itemId))
            .OrderByDescending(d => d.Id).FirstOrDefaultAsync(scope.CancellationToken);
        if (last is null) return null;
        await scope.Dialect.LockItemsAsync(scope.Db, project.Id, [last.ItemId], scope.CancellationToken);
        var item = await scope.Db.Items.AsNoTracking().FirstOrDefaultAsync(i => i.ProjectId == project.Id && i.Id == last.ItemId, scope.CancellationToken);
        if (item is null) return null;
        if (!await scope.Db.Decisions.AnyAsync(d => d.Id == last.Id && d.UndoneById == null, scope.CancellationToken)) throw new ConcurrentChangeException();
        var votes = await TakenBackAsync(scope, project, item, last, userId);
        var held = await scope.Db.Leases.AsNoTracking().Where(l => l.ProjectId == project.Id && l.ItemId == item.Id && l.UserId != userId).ToListAsync(scope.CancellationToken);
        var others = await KeepLeasesAsync(scope, held, Needed(project, item, votes) - votes.Count - 1, null);
        var place = new QueuePlace(-1e6, QueueReason.Reopened, last.Blind, Math.Max(0, Needed(project, item, votes) - votes.Count - others - 1));
        await Require(ItemTransitions.ApplyAsync(scope, [new ItemChange(item, ItemState.Queued, Route.Human, Place: place, Votes: votes.Count, Flagged: last.Action == DecisionAction.Flag ? false : null)]));
        var lent = await ReviewQueue.LendOneAsync(scope, project, item, userId, QueueReason.Reopened, last.Blind);
        scope.Publish(new ItemsDecided(project.Id, [new Decided(item.Id, item.Key, null, null, userId, item.State)]));
        return lent;
    }

    /// <summary>Takes a label back that somebody gave, for the product: the item goes to somebody else, unless what others said of it is enough.</summary>
    /// <remarks>The item must be held (<see cref="ISqlDialect.LockItemsAsync"/>) from before the decision was read.</remarks>
    internal static async Task TakeBackAsync(WriteScope scope, Project project, Decision decision)
    {
        var item = await scope.Db.Items.AsNoTracking().FirstOrDefaultAsync(i => i.ProjectId == project.Id && i.Id == decision.ItemId, scope.CancellationToken);
        if (item is null) return;
        var votes = await TakenBackAsync(scope, project, item, decision, null);
        var held = await scope.Db.Leases.AsNoTracking().Where(l => l.ProjectId == project.Id && l.ItemId == item.Id).ToListAsync(scope.CancellationToken);
        await SettleAsync(scope, project, item, votes, decision.UserId ?? 0, held);
        scope.Publish(new ItemsDecided(project.Id, [new Decided(item.Id, item.Key, item.LabelValue, item.LabelSource, null, item.State)]));
    }

    /// <summary>Says once more what a person had said, as a fact of its own.</summary>
    internal static Task AgainAsync(WriteScope scope, ProjectGrant grant, Decision earlier)
    {
        var shown = earlier.ShownValue is { } value && earlier.ShownSource is { } source ? new ShownPrelabel(LabelJson.Read(value), earlier.ShownConfidence, source, earlier.ShownVersion) : null;
        return RecordAsync(scope, grant, earlier.UserId!.Value, [new NewDecision(earlier.ItemId, DecisionAction.Correct, LabelJson.Read(earlier.Value!), Shown: shown, Settles: earlier.Settles)]);
    }

    // Appends the undo of a decision; what is left of the item's votes.
    private static async Task<List<Decision>> TakenBackAsync(WriteScope scope, Project project, Item item, Decision last, long? by)
    {
        var undo = new Decision
        {
            Id = scope.NextId("decision"),
            ProjectId = project.Id,
            ItemId = item.Id,
            UserId = by,
            Action = DecisionAction.Undo,
            Status = DecisionStatus.Recorded,
            UndoesId = last.Id,
            SchemaVersion = project.SchemaVersion,
            CreatedAt = scope.Now,
        };
        await scope.Dialect.InsertAsync(scope.Db, [undo], ignoreConflicts: false, scope.CancellationToken);
        await scope.Db.Decisions.Where(d => d.Id == last.Id).ExecuteUpdateAsync(x => x.SetProperty(d => d.UndoneById, undo.Id), scope.CancellationToken);
        scope.Tallies.TakenBack([last]);

        var gaveLabel = last.Action is DecisionAction.Accept or DecisionAction.Correct;
        if (gaveLabel)
        {
            scope.Count(project.Id, CounterNames.HumanDecisions, -1);
            LlmJudgements.TakeBack(
                scope, await scope.Db.Predictions.AsNoTracking().FirstOrDefaultAsync(p => p.ProjectId == project.Id && p.ItemId == item.Id && p.Source == LabelSource.Llm, scope.CancellationToken), last);
            await GroupLabels.TakeBackAsync(scope, item);
        }

        return await scope.Db.Decisions.AsNoTracking()
            .Where(d => d.ProjectId == project.Id && d.ItemId == item.Id && d.UndoneById == null && d.Status == DecisionStatus.Recorded && d.UserId != null
                && (d.Action == DecisionAction.Accept || d.Action == DecisionAction.Correct))
            .ToListAsync(scope.CancellationToken);
    }

    // What was said of one member of a group of duplicates may have gone to others of the same call.
    private static async Task RereadGroupAsync(WriteScope scope, Item decided, Dictionary<long, Item> items, List<Lease> leases)
    {
        if (decided.GroupId is not { } group) return;
        var others = items.Values.Where(i => i.GroupId == group && i.Id != decided.Id).Select(i => i.Id).ToList();
        if (others.Count == 0) return;
        foreach (var item in await scope.Db.Items.AsNoTracking().Where(i => i.ProjectId == decided.ProjectId && others.Contains(i.Id)).ToListAsync(scope.CancellationToken))
        {
            items[item.Id] = item;
            if (item.State != ItemState.Queued) leases.RemoveAll(l => l.ItemId == item.Id);
        }
    }

    // A decision without a lease, and an undo, take a place that somebody else may hold: no item is lent more often than people are
    // needed, so those who got it last lose their lease. What they decide still comes in, as after an expiry.
    private static async Task<int> KeepLeasesAsync(WriteScope scope, List<Lease> others, int places, List<Lease>? known)
    {
        var surplus = others.OrderByDescending(l => l.ExpiresAt).ThenBy(l => l.Id, StringComparer.Ordinal).Take(Math.Max(0, others.Count - Math.Max(0, places))).Select(l => l.Id).ToList();
        if (surplus.Count == 0) return others.Count;
        await scope.Db.Leases.Where(l => surplus.Contains(l.Id)).ExecuteDeleteAsync(scope.CancellationToken);
        known?.RemoveAll(l => surplus.Contains(l.Id));
        return others.Count - surplus.Count;
    }

    // The overlap, and one more for every vote that left the item undecided, up to a bound.
    private static int Needed(Project project, Item item, List<Decision> votes)
    {
        var overlap = SecondLook.PeopleFor(project.Settings, votes, item);
        if (votes.Count >= overlap && SignOff.Asks(project.Settings.Work, votes)) return votes.Count + SignOff.Stand(project.Settings.Work, votes).Lacking;
        if (votes.Exists(v => v.Settles)) return votes.Count;
        if (votes.Count < overlap) return overlap;
        var (_, count) = Majority(votes);
        return count * 2 > votes.Count ? overlap : Math.Min(votes.Count + 1, overlap + ExtraVotes);
    }

    private static (string Value, int Count) Majority(List<Decision> votes)
    {
        if (votes.Count == 0) return ("", 0);

        // A lead's last word stands above all others.
        if (votes.Where(v => v.Settles).MaxBy(v => v.Id) is { } word) return (word.Value!, votes.Count);

        // Two people never draw a box to the same pixel: who is of one mind with most is taken, the earliest of several.
        var best = votes.Select(v => (Vote: v, Alike: votes.Count(o => LabelLikeness.Same(v.Value!, o.Value!)))).OrderByDescending(v => v.Alike).ThenBy(v => v.Vote.Id).First();
        return (best.Vote.Value!, best.Alike);
    }

    // The items are held from before they were read; what changes without holding them is seen here: start over.
    private static async Task Require(Task<bool[]> changes)
    {
        if ((await changes).Contains(false)) throw new ConcurrentChangeException();
    }
}
