using System.Diagnostics;
using Annotator.Core.Items;
using Annotator.Core.Learning;
using Annotator.Core.Learning.Steering;
using Annotator.Core.Labels;
using Annotator.Core.Live;
using Annotator.Core.Llm;
using Annotator.Core.Llm.Calibration;
using Annotator.Core.Models;
using Annotator.Core.Projects;
using Annotator.Core.Review;
using Annotator.Core.Runs;
using Annotator.Core.Storage;
using Annotator.Core.Student;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Cascade;

/// <summary>Which part of the cascade a pre-label run does.</summary>
public enum PrelabelStage
{
    /// <summary>The student, then the LLM where it is unsure.</summary>
    Cascade,

    /// <summary>The student only: after a training.</summary>
    Student,

    /// <summary>The LLM for everything that waits, whatever the student says.</summary>
    Llm,
}

/// <summary>Arguments of a pre-label run.</summary>
public sealed record PrelabelOptions
{
    /// <summary>Which part of the cascade.</summary>
    public PrelabelStage Stage { get; init; } = PrelabelStage.Cascade;

    /// <summary>Whether an uploaded model is asked again about what it has said something of already.</summary>
    public bool Again { get; init; }
}

/// <summary>
/// Sends every item that has no final label of a person through the cascade, in order of arrival. A newer student that
/// comes into service meanwhile takes over from the beginning; the LLM is asked about an item once.
/// </summary>
internal sealed class PrelabelHandler(
    StudentReader students, VisionReader vision, LabelHints hints, LlmStage llm, LlmRecovery recovery, SteeringService steering, FirstSample firstSample, LearningTrigger learning, Courtesy courtesy) : IRunHandler
{
    public const string RunKind = "prelabel";

    /// <summary>How the message of a run begins in which the LLM was to be asked, and could not.</summary>
    public const string NotAsked = "The LLM was not asked about all items";

    private const int BatchSize = 1_000;

    // While people are at work: short transactions, between which they get their turn.
    private const int CourteousBatchSize = 200;

    // An uploaded model takes its time for an image: what it has found is shown soon.
    private const int VisionBatchSize = 20;

    // Parts that the LLM thinks about at a time: enough that one slow call does not leave the others idle.
    private const int MostFlights = 12;

    // A change of confidence below this is not worth a write and a push.
    private const double Noticeable = 0.02;

    public string Kind => RunKind;

    public async Task ExecuteAsync(RunContext run, CancellationToken cancellationToken)
    {
        var options = run.Options<PrelabelOptions>();
        var cursor = run.Cursor<PrelabelCursor>();
        var project = await run.Database.ReadAsync(db => db.Projects.SingleAsync(p => p.Id == run.ProjectId, cancellationToken), cancellationToken);
        if (options.Stage == PrelabelStage.Llm && await llm.UnavailableAsync(project, cancellationToken) is { } reason) throw new RunFailedException(reason);

        // What an execution before this one did beyond its last place is done again, and counts once.
        var begun = cursor;
        var left = await run.Database.ReadAsync(db => db.Items.LongCountAsync(i => i.ProjectId == project.Id && i.State != ItemState.Final && i.Id > begun.After, cancellationToken), cancellationToken);
        var total = Math.Max(run.Run.Total, left);
        var missing = await run.Database.ReadAsync(db => ModelChoice.MissingAsync(db, project, cancellationToken), cancellationToken);
        await run.CheckpointAsync(null, cursor, total - left - run.Run.Done, total: total, message: missing, cancellationToken: cancellationToken);
        var (changed, accepted, asked, answered) = (0L, 0L, 0L, 0L);
        var budgetSpent = false;

        // A steered project is looked at as a whole after each training; here its new items get their first opinions.
        var steered = await steering.SteersAsync(project, cancellationToken);

        // Parts that the LLM thinks about, in the order of their items. While it does, the items behind them are read and routed; the cursor
        // follows the oldest part, so that nothing is passed over if the process dies.
        var flights = new Queue<Flight>();

        // Whether trainings rank the queue.
        var ranked = false;
        LlmAsking? asking = null;
        try
        {
            var ahead = cursor.After;
            while (true)
            {
                var student = await students.FindAsync(project, cancellationToken);
                var version = student?.Version.Version ?? 0;
                ranked = steered && student is not null;
                var front = version != cursor.StudentVersion && !steered && student is not null;
                if (version != cursor.StudentVersion && !steered)
                {
                    while (flights.Count > 0) await LandAsync();
                    cursor = cursor with { After = 0, StudentVersion = version };
                    ahead = 0;
                }

                var step = Stopwatch.StartNew();
                if (front) await FrontAsync(student!);
                var model = student is null ? await vision.FindAsync(project, cancellationToken) : null;
                var batch = await run.Database.ReadAsync(db => PrelabelBatch.ReadAsync(db, project.Id, ahead, model is not null ? project.Modality == Modality.Video ? 1 : VisionBatchSize : courtesy.SomebodyWorks ? CourteousBatchSize : BatchSize, cancellationToken), cancellationToken);
                if (batch.Items.Count == 0)
                {
                    if (flights.Count == 0) break;
                    await LandAsync();
                    continue;
                }

                var askLlm = options.Stage != PrelabelStage.Student && asking is not { Stopped: true } && await llm.IsAvailableAsync(project, cancellationToken);
                var trust = await llm.TrustAsync(project.Id, cancellationToken);
                if (askLlm) batch.Forget(run.Run.StartedAt);
                var routed = await RouteAsync(project, options, student, model, batch, askLlm, trust, cancellationToken);
                var waiting = routed.Where(r => r.Routing.Route == Items.Route.Llm).Select(r => r.Item).ToList();
                ahead = batch.Items[^1].Id;
                if (waiting.Count == 0 && flights.Count == 0) cursor = cursor with { After = ahead };
                accepted += routed.Count(r => r.Routing.Route == Items.Route.Auto);

                // The LLM begins to think, and what the student says is shown meanwhile. No part of this batch lands before that is written: it would be written over.
                if (waiting.Count > 0) asking ??= await llm.BeginAsync(run, project, cancellationToken);
                var parts = waiting.Chunk(asking?.PartSize ?? BatchSize).ToList();
                var first = Math.Clamp(MostFlights - flights.Count, 0, parts.Count);
                foreach (var part in parts.Take(first)) Take(part);
                var here = routed.Count - waiting.Count;
                await run.CheckpointAsync(async scope => changed += await ApplyAsync(scope, project, batch, routed, ranked), cursor, here, total: Math.Max(run.Run.Total, run.Run.Done + here), cancellationToken: cancellationToken);
                if (waiting.Count == 0) await courtesy.RestAsync(step.Elapsed, cancellationToken);
                foreach (var part in parts.Skip(first))
                {
                    Take(part);
                    if (flights.Count > MostFlights) await LandAsync();
                }

                void Take(Item[] part)
                {
                    asked += part.Length;
                    flights.Enqueue(new Flight(batch with { Items = part }, asking!.AskAsync(part), student, model, trust) { After = part[^1].Id });
                }

                if (flights.Count > 0) flights.Last().After = ahead;
            }
        }
        finally
        {
            if (asking is not null) await asking.DisposeAsync();
        }

        // A server that answered nothing is out of order, however few requests it got.
        if (cursor.Lost > 0 && asking is not null) recovery.Remember(project.Id, asking.Failed(anyAnswered: answered > 0));
        var why = asking?.StopDetail ?? (budgetSpent ? "the project's budget does not cover another call (settings.llm.budget)" : null);
        if (why is not null && answered == 0 && options.Stage == PrelabelStage.Llm) throw new RunFailedException($"The LLM labelled nothing: {why}.");
        if (why is not null) await run.CheckpointAsync(null, cursor, message: $"{NotAsked}: {why}. What it did not answer waits for people.", cancellationToken: cancellationToken);
        await firstSample.PlaceAsync(run, null, cancellationToken);
        if (steered && asked > 0) learning.DecisionsRecorded(project.Id);
        run.SetResult(new { studentVersion = cursor.StudentVersion, changed, accepted, askedLlm = asked, missing });

        // What people are shown next gets the new student's opinion and order at once, however many items there are; its turn comes again with the others.
        async Task FrontAsync(LoadedStudent student)
        {
            var batch = await run.Database.ReadAsync(db => PrelabelBatch.FrontAsync(db, project.Id, BatchSize, cancellationToken), cancellationToken);
            if (batch.Items.Count == 0) return;
            var routed = await RouteAsync(project, options, student, null, batch, askLlm: false, await llm.TrustAsync(project.Id, cancellationToken), cancellationToken);
            await run.CheckpointAsync(async scope => changed += await ApplyAsync(scope, project, batch, routed, ranked), cursor, cancellationToken: cancellationToken);
            accepted += routed.Count(r => r.Routing.Route == Items.Route.Auto);
        }

        async Task LandAsync()
        {
            var flight = flights.Dequeue();
            var answers = await flight.Answers;
            answered += answers.Count(a => a.Value is not null);
            budgetSpent |= answers.Any(a => a.Failure is nameof(LlmFailure.BudgetSpent));
            cursor = cursor with { After = flight.After, Lost = cursor.Lost + answers.Count(a => PrelabelBatch.IsForTheServersSake(a)) };
            foreach (var answer in answers) flight.Batch.Llm[answer.ItemId] = answer;
            var again = await RouteAsync(project, options, flight.Student, flight.Model, flight.Batch, askLlm: false, flight.Trust, cancellationToken);
            await run.CheckpointAsync(
                async scope =>
                {
                    // What was answered is stored already, with the ledger.
                    await scope.Dialect.UpsertAsync(scope.Db, [.. answers.Where(a => a.Value is null)], cancellationToken);
                    changed += await ApplyAsync(scope, project, flight.Batch, again, ranked);
                    accepted += again.Count(r => r.Routing.Route == Items.Route.Auto);

                    // What was said of the first of a group is said of those that follow it.
                    if (await PrelabelBatch.FollowersAsync(scope.Db, project.Id, flight.Batch, cancellationToken) is not { Items.Count: > 0 } following) return;
                    changed += await ApplyAsync(scope, project, following, await RouteAsync(project, options, flight.Student, flight.Model, following, askLlm: false, flight.Trust, cancellationToken), ranked);
                },
                cursor,
                answers.Count,
                total: Math.Max(run.Run.Total, run.Run.Done + answers.Count),
                cancellationToken: cancellationToken);
        }
    }

    private async Task<List<(Item Item, Routing Routing)>> RouteAsync(
        Project project, PrelabelOptions options, LoadedStudent? student, (long Id, VisionSession Session)? model, PrelabelBatch batch, bool askLlm, LlmTrust trust, CancellationToken cancellationToken)
    {
        var schema = project.Schema;
        var opinions = student is null ? model is { } seeing ? await vision.OpinionsAsync(project, seeing, batch.Items, options.Again, cancellationToken) : null : await students.OpinionsAsync(project, student, [.. batch.Items.Select(i => (i.Text, i.Url))], cancellationToken);
        var guesses = student is null && project.Modality == Modality.Text && schema.Type == TaskType.Classification ? Guess(project, batch, askLlm) : null;
        var line = student is null ? double.PositiveInfinity : AcceptanceLines.Of(student.Version);
        var routed = new List<(Item, Routing)>(batch.Items.Count);
        for (var n = 0; n < batch.Items.Count; n++)
        {
            var item = batch.Items[n];
            var own = opinions?[n];
            var repeats = batch.Repeats(item);
            var said = askLlm && !repeats ? batch.Llm.GetValueOrDefault(item.Id) : batch.Said(item);
            var opinion = said?.Value is { } value && LabelJson.Check(LabelJson.Read(value), schema) is null ? new Opinion(value, trust.Of(said.Version, said.Confidence), LabelSource.Llm, said.Version) : null;

            // A copy with the same words is not asked about: what is said of the first of its group holds for it.
            var ask = askLlm && said is null && !repeats;
            var stage = ask && options.Stage == PrelabelStage.Llm ? double.PositiveInfinity : line;
            routed.Add((item, CascadeRouter.Decide(project.Settings, stage, own, opinion, guesses?[n], ask, said is { Value: null })));
        }

        return routed;
    }

    // First guesses of items of which nothing better is known; one of the same labels that the LLM will soon replace is not made again.
    private Opinion?[] Guess(Project project, PrelabelBatch batch, bool soonReplaced)
    {
        var guesses = new Opinion?[batch.Items.Count];
        var missing = new List<int>();
        for (var i = 0; i < guesses.Length; i++)
        {
            var item = batch.Items[i];
            if (batch.Said(item) is { Value: not null }) continue;
            if (soonReplaced && item is { PredictionSource: LabelSource.Hint, PredictionValue: { } value, PredictionVersion: { } version } && version == project.SchemaVersion) guesses[i] = new Opinion(value, item.PredictionConfidence ?? 0, LabelSource.Hint, version);
            else missing.Add(i);
        }

        if (missing.Count == 0) return guesses;
        var made = hints.Guess(project, missing.ConvertAll(i => batch.Items[i].Text ?? ""));
        for (var n = 0; n < missing.Count; n++) guesses[missing[n]] = made[n];
        return guesses;
    }

    private static async Task<long> ApplyAsync(WriteScope scope, Project project, PrelabelBatch batch, List<(Item Item, Routing Routing)> routed, bool ranked)
    {
        var changes = new List<ItemChange>();
        var ranks = new List<(long, double, QueueReason)>();
        var blinded = new List<long>();

        // What waits for its audit is decided by a person too, or by the bound.
        var accepted = routed.Where(r => r.Routing.Route == Items.Route.Auto).Select(r => r.Item).ToList();
        var held = await HeldByPeople.AmongAsync(scope, project.Id, accepted);
        held.UnionWith(accepted.Where(i => i.Audit || batch.IsChecked(i, project)).Select(i => i.Id));
        foreach (var (item, given) in routed)
        {
            var routing = given.Route == Items.Route.Auto && held.Contains(item.Id) ? given with { Route = Items.Route.Human } : given;

            // A member of a near-duplicate group waits for the first of its group. Where the LLM failed on that one, it waits for a person as that one
            // does, behind all that are no copies: most often it has its label by then.
            var follows = batch.Follows(item);
            var behind = follows && batch.Said(item) is { Value: null };
            var waits = follows && !behind;

            // Trainings rank the queue of a steered project by all that is known of an item: places in it are theirs, and what comes into it by an answer stands behind until the next one.
            var keepsPlace = ranked && item.State == ItemState.Queued;
            var last = behind || (ranked && batch.Said(item) is not null);
            var blind = routing.Route == Items.Route.Human && !follows && batch.IsChecked(item, project);
            var first = blind && !ranked;
            var to = routing.Route switch
            {
                Items.Route.Auto => ItemState.Final,
                Items.Route.Llm when item.State != ItemState.Queued => ItemState.Prelabelled,
                Items.Route.Llm => ItemState.Queued,
                _ => waits ? ItemState.Prelabelled : ItemState.Queued,
            };
            var opinion = routing.Prelabel;
            var same = string.Equals(item.PredictionValue, opinion?.Value, StringComparison.Ordinal) && item.PredictionSource == opinion?.Source
                && Math.Abs((item.PredictionConfidence ?? 0) - (opinion?.Confidence ?? 0)) < Noticeable;
            var rank = first ? -QueueRanks.Shuffle(item.Id) : QueueRanks.Of(routing, item.Id) + (last ? 1 : 0);
            var reason = first ? QueueReason.Random : routing.Reason;
            if (blind && item.State == ItemState.Queued) blinded.Add(item.Id);
            // Of what waits for a person already, and goes on to wait while the LLM thinks, there is nothing new to write.
            if (same && to == item.State && (item.Route == routing.Route || (to == ItemState.Queued && routing.Route == Items.Route.Llm)))
            {
                // It gets its place when the LLM has answered, or failed to.
                if (to == ItemState.Queued && routing.Route != Items.Route.Llm && !keepsPlace) ranks.Add((item.Id, rank, reason));
                continue;
            }

            if (to == ItemState.Queued && item.State == ItemState.Queued && !keepsPlace) ranks.Add((item.Id, rank, reason));
            changes.Add(new ItemChange(
                item,
                to,
                routing.Route,
                new PrelabelChange(opinion?.Value, opinion?.Confidence, opinion?.Source, opinion?.Version),
                to == ItemState.Final ? new LabelChange(opinion!.Value, LabelSource.Auto, opinion.Confidence) : null,
                to == ItemState.Queued && item.State != ItemState.Queued ? new QueuePlace(rank, reason, item.Audit || blind, Math.Max(0, project.Settings.Overlap - item.Votes)) : null));
        }

        var done = await ItemTransitions.ApplyAsync(scope, changes);
        await ItemTransitions.RerankAsync(scope, project.Id, ranks);
        if (blinded.Count > 0) await scope.Db.Queue.Where(q => q.ProjectId == project.Id && blinded.Contains(q.ItemId)).ExecuteUpdateAsync(x => x.SetProperty(q => q.Blind, true), scope.CancellationToken);
        var told = changes.Where((_, i) => done[i]).Select(c => c.Item).ToList();
        await PrelabelEvents.PublishAsync(scope, project.Id, told.Where(i => i.State != ItemState.Final || i.LabelSource == LabelSource.Auto));
        scope.Publish(new ProjectChanged(project.Id));
        return told.Count;
    }
}

/// <summary>Where a pre-label run stands.</summary>
internal sealed record PrelabelCursor
{
    public long After { get; init; }

    /// <summary>Items without an answer because the server failed.</summary>
    public long Lost { get; init; }

    public int StudentVersion { get; init; }
}

/// <summary>Items that the LLM thinks about.</summary>
internal sealed record Flight(PrelabelBatch Batch, Task<IReadOnlyList<Prediction>> Answers, LoadedStudent? Student, (long Id, VisionSession Session)? Model, LlmTrust Trust)
{
    /// <summary>Where the cursor may go once these are done: all before it are routed.</summary>
    public long After { get; set; }
}

/// <summary>Some items on their way through the cascade.</summary>
internal sealed record PrelabelBatch(IReadOnlyList<Item> Items, Dictionary<long, Prediction> Llm)
{
    // Which items are checked does not depend on where else their number decides.
    private const long CheckSalt = 0x5EED_0F_C4EC;

    // The first items of the groups that items of the batch follow, with where they stand and what they say.
    private Dictionary<long, (ItemState State, string? Text)> Leaders { get; init; } = [];

    // Nothing was said against the item: the server was not to be had, or was not asked.
    private static readonly HashSet<string> Passing = new(StringComparer.Ordinal)
    {
        nameof(LlmFailure.Unreachable), nameof(LlmFailure.RateLimited), nameof(LlmFailure.Rejected), nameof(LlmFailure.CircuitOpen), nameof(LlmFailure.BudgetSpent),
    };

    /// <summary>Whether an item waits for the first of its near-duplicate group, which waits itself.</summary>
    public bool Follows(Item item) =>
        item is { Votes: 0, Audit: false, GroupId: { } group } && group != item.Id && Leaders.TryGetValue(group, out var leader) && leader.State != ItemState.Final;

    /// <summary>
    /// Whether an item follows another and has its very words, so that there is nothing to ask about it. A near-duplicate with other words waits like one, but
    /// is another text to a model: "card not received" and "card not working" are near.
    /// </summary>
    public bool Repeats(Item item) => Follows(item) && (item.Text is null || SameWords.In(item.Text, Leaders[item.GroupId!.Value].Text));

    /// <summary>What the LLM said of an item, or of the one that it follows; null where it was not asked.</summary>
    public Prediction? Said(Item item) => Llm.GetValueOrDefault(item.Id) ?? (Follows(item) ? Llm.GetValueOrDefault(item.GroupId!.Value) : null);

    /// <summary>Whether a person checks an item that the LLM labelled, without seeing its answer.</summary>
    public bool IsChecked(Item item, Project project) =>
        Llm.TryGetValue(item.Id, out var said) && said.Value is not null && QueueRanks.Shuffle(item.Id ^ CheckSalt) < project.Settings.Llm.CheckShare;

    /// <summary>Whether an item has no answer because the server failed, so that asking again later may help.</summary>
    public static bool IsForTheServersSake(Prediction said) => said.Failure is nameof(LlmFailure.Unreachable) or nameof(LlmFailure.RateLimited) or nameof(LlmFailure.CircuitOpen);

    /// <summary>Lets items be asked about again that failed in an earlier run, and not for their own sake.</summary>
    public void Forget(DateTimeOffset? runStarted)
    {
        foreach (var said in Llm.Values.Where(p => p.Failure is { } failure && Passing.Contains(failure) && p.CreatedAt < runStarted).ToList()) Llm.Remove(said.ItemId);
    }

    public static async Task<PrelabelBatch> ReadAsync(AnnotatorDbContext db, long projectId, long after, int size, CancellationToken cancellationToken)
    {
        var items = await db.Items.Where(i => i.ProjectId == projectId && i.Id > after && i.State != ItemState.Final).OrderBy(i => i.Id).Take(size).ToListAsync(cancellationToken);
        return items.Count == 0 ? new PrelabelBatch([], []) : await WithAsync(db, projectId, items, cancellationToken);
    }

    /// <summary>The items that people are shown next, whoever comes.</summary>
    public static async Task<PrelabelBatch> FrontAsync(AnnotatorDbContext db, long projectId, int size, CancellationToken cancellationToken)
    {
        var next = await db.Queue.Where(q => q.ProjectId == projectId && q.LastAnnotatorId == 0 && q.Open > 0).OrderBy(q => q.Rank).ThenBy(q => q.ItemId).Take(size).Select(q => q.ItemId).ToListAsync(cancellationToken);
        var items = await db.Items.Where(i => i.ProjectId == projectId && next.Contains(i.Id) && i.State != ItemState.Final).OrderBy(i => i.Id).ToListAsync(cancellationToken);
        if (items.Count == 0) return new PrelabelBatch([], []);
        return await WithAsync(db, projectId, items, cancellationToken, await db.Predictions.Where(p => p.ProjectId == projectId && p.Source == LabelSource.Llm && next.Contains(p.ItemId)).ToDictionaryAsync(p => p.ItemId, cancellationToken));
    }

    /// <summary>The items that follow some of a batch, with what is said of those.</summary>
    public static async Task<PrelabelBatch?> FollowersAsync(AnnotatorDbContext db, long projectId, PrelabelBatch batch, CancellationToken cancellationToken)
    {
        var leaders = batch.Items.Where(i => i.GroupId == i.Id).Select(i => i.GroupId).ToList();
        if (leaders.Count == 0) return null;
        var items = await db.Items.AsNoTracking().Where(i => i.ProjectId == projectId && leaders.Contains(i.GroupId) && i.Id != i.GroupId && i.State != ItemState.Final).OrderBy(i => i.Id).ToListAsync(cancellationToken);
        if (items.Count == 0) return null;
        var following = await WithAsync(db, projectId, items, cancellationToken);

        // What the transaction has not written yet.
        foreach (var leader in batch.Items.Where(i => batch.Llm.ContainsKey(i.Id))) following.Llm[leader.Id] = batch.Llm[leader.Id];
        return following;
    }

    private static async Task<PrelabelBatch> WithAsync(AnnotatorDbContext db, long projectId, List<Item> items, CancellationToken cancellationToken, Dictionary<long, Prediction>? known = null)
    {
        var (first, last) = (items[0].Id, items[^1].Id);
        var said = known ?? await db.Predictions.Where(p => p.ProjectId == projectId && p.Source == LabelSource.Llm && p.ItemId >= first && p.ItemId <= last).ToDictionaryAsync(p => p.ItemId, cancellationToken);
        var groups = items.Where(i => i.GroupId is { } group && group != i.Id).Select(i => i.GroupId!.Value).Distinct().ToList();
        if (groups.Count == 0) return new PrelabelBatch(items, said);
        var leaders = await db.Items.Where(i => i.ProjectId == projectId && groups.Contains(i.Id))
            .Select(i => new { i.Id, i.State, i.Text }).ToDictionaryAsync(i => i.Id, i => (i.State, i.Text), cancellationToken);
        foreach (var of in await db.Predictions.AsNoTracking().Where(p => p.ProjectId == projectId && p.Source == LabelSource.Llm && groups.Contains(p.ItemId)).ToListAsync(cancellationToken)) said[of.ItemId] = of;
        return new PrelabelBatch(items, said) { Leaders = leaders };
    }
}
