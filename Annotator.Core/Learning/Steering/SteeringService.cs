using System.Text.Json;
using Annotator.Core.Cascade;
using Annotator.Core.Items;
using Annotator.Core.Labels;
using Annotator.Core.Learning.Acquisition;
using Annotator.Core.Live;
using Annotator.Core.Projects;
using Annotator.Core.Quality.Certificate;
using Annotator.Core.Runs;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace Annotator.Core.Learning.Steering;

/// <summary>A project's items with what the models say of them.</summary>
/// <param name="Items">All items, without their texts.</param>
/// <param name="RowOf">Row of the features of an item.</param>
/// <param name="Names">Class names.</param>
/// <param name="Llm">The LLM's answer by row; -1 for none.</param>
/// <param name="View">What the models say, by row.</param>
/// <param name="StudentVersion">The student's version.</param>
/// <param name="Decisions">Decisions of people that the models have seen.</param>
/// <param name="Heard">Answers of the LLM that there were when the models learned.</param>
internal sealed record SteeredItems(
    IReadOnlyList<Item> Items, Func<long, int> RowOf, IReadOnlyList<string> Names, int[] Llm, SteeringView View, int StudentVersion, int Decisions, int Heard)
{
    private readonly Dictionary<string, int> _classOf = Names.Select((n, c) => (Value: LabelJson.Write(new ChoiceValue(n)), c)).ToDictionary(p => p.Value, p => p.c, StringComparer.Ordinal);

    /// <summary>The class of a label's value; -1 where the schema has none such.</summary>
    public int ClassOf(string value) => _classOf.TryGetValue(value, out var c) ? c : -1;
}

/// <summary>
/// Brings a project to its end with the fewest decisions: after each training it shows people the riskiest items; when the cheapest way on is to prove what is
/// left, it freezes the proposals and audits them; and when the audit's bound meets the target, it accepts them.
/// </summary>
internal sealed partial class SteeringService(AnnotatorDatabase database, AuditLedger audits, Representations representations, IOptions<LearningOptions> options)
{
    // Long enough for the bulk path, short enough that a decision never waits long for the write gate.
    private const int Part = 2_000;

    // A change of confidence below this is not worth a write and a push.
    private const double Noticeable = 0.02;

    // Chosen items stand before those that are ranked by risk alone (0 to -1), and behind special places.
    private const double ChosenRank = -100;

    // What the LLM has not answered yet looks doubtful and may not be: it stands behind what it has.
    private const double UnansweredRank = 1;

    // Up to this share of the items decided, learning is worth more than mending.
    private const double ChosenUntil = 0.1;

    // Below this nobody is asked in an audit but by a draw.
    private const double AuditDoubt = 0.02;

    /// <summary>Whether a project is steered as a whole.</summary>
    public async Task<bool> SteersAsync(Project project, CancellationToken cancellationToken)
    {
        if (!project.HasStudent || project.Schema.Multiple) return false;
        var most = options.Value.SteeredItems;
        return await database.ReadAsync(db => db.Items.Where(i => i.ProjectId == project.Id).OrderBy(i => i.Id).Take(most + 1).CountAsync(cancellationToken), cancellationToken) <= most;
    }

    /// <summary>Whether a person or the data gave an item its label.</summary>
    public static bool IsDecided(Item item) => item is { State: ItemState.Final, LabelSource: LabelSource.Human or LabelSource.Import };

    /// <summary>Writes what the models say of every item that no person has decided, ranks the queue, and begins the audit where that is the cheapest way on.</summary>
    public async Task ApplyAsync(RunContext run, Project project, SteeredItems steered, CancellationToken cancellationToken)
    {
        var proposals = Proposals.Of(steered, settled: await audits.NewestAsync(project.Id, cancellationToken) is { State: AuditState.Settled });
        var asking = await IsAskedAsync(project.Id, steered, cancellationToken);
        var chosen = await ChooseAsync(project, steered, cancellationToken);
        var (changes, ranks) = (new List<ItemChange>(), new List<(long, double, QueueReason)>());
        foreach (var item in steered.Items)
        {
            if (IsDecided(item) || proposals.Of(item) is not { } proposal) continue;
            if (item.State == ItemState.Final && !proposal.TakesBack) continue;
            var routing = RoutingOf(proposal);
            var to = item.State is not (ItemState.Final or ItemState.Queued) && proposals.MayWait(item) ? ItemState.Prelabelled : ItemState.Queued;
            var rank = QueueRanks.Of(routing, item.Id);
            if (asking && steered.Llm[steered.RowOf(item.Id)] < 0) rank += UnansweredRank;
            if (chosen.TryGetValue(item.Id, out var pick) && item.State != ItemState.Final) (rank, routing) = (pick.Rank, routing with { Reason = pick.Reason });
            if (to == ItemState.Queued && item.State == ItemState.Queued) ranks.Add((item.Id, rank, routing.Reason));
            var same = string.Equals(item.PredictionValue, proposal.Value, StringComparison.Ordinal) && item.PredictionSource == proposal.Source
                && Math.Abs((item.PredictionConfidence ?? 0) - (1 - proposal.Risk)) < Noticeable;
            if (same && to == item.State && item.Route == Route.Human) continue;
            changes.Add(new ItemChange(
                item, to, Route.Human, new PrelabelChange(proposal.Value, 1 - proposal.Risk, proposal.Source, proposal.Version),
                Place: to == ItemState.Queued && item.State != ItemState.Queued ? new QueuePlace(rank, routing.Reason, item.Audit, Math.Max(0, project.Settings.Overlap - item.Votes)) : null));
        }

        await WriteAsync(run, project, changes, ranks, cancellationToken);
        await PlanAsync(run, project, steered, proposals, asking, cancellationToken);
    }

    // While a student learns alone, what teaches it most goes before what is riskiest; an LLM has taught it the rough picture already.
    private async Task<Dictionary<long, (double Rank, QueueReason Reason)>> ChooseAsync(Project project, SteeredItems steered, CancellationToken cancellationToken)
    {
        var chosen = new Dictionary<long, (double, QueueReason)>();
        var decided = steered.Items.Count(IsDecided);
        if (decided > steered.Items.Count * ChosenUntil || steered.Llm.Any(a => a >= 0)) return chosen;
        var loaded = await representations.FindAsync(project.Id, cancellationToken);
        var items = steered.Items;
        var classes = steered.Names.Count;
        var (use, probabilities, counts) = (new ItemUse[items.Count], new float[items.Count * classes], new int[classes]);
        var embedding = loaded is null ? [] : new float[items.Count * loaded.Vectors.Dimensions];
        var placeOf = new Dictionary<long, int>(items.Count);
        for (var i = 0; i < items.Count; i++)
        {
            var row = steered.RowOf(items[i].Id);
            placeOf[items[i].Id] = i;
            use[i] = IsDecided(items[i]) ? ItemUse.Labelled : items[i].State == ItemState.Queued ? ItemUse.Open : ItemUse.Unavailable;
            steered.View.StudentPosterior.AsSpan(row * classes, classes).CopyTo(probabilities.AsSpan(i * classes, classes));
            if (use[i] == ItemUse.Labelled && items[i].LabelValue is { } label && steered.ClassOf(label) is >= 0 and var c) counts[c]++;
        }

        if (loaded is not null)
        {
            var vectors = loaded.Vectors.ToFloats();
            for (var v = 0; v < loaded.Vectors.Count; v++)
            {
                if (placeOf.TryGetValue(loaded.Vectors.Ids[v], out var place)) vectors.AsSpan(v * loaded.Vectors.Dimensions, loaded.Vectors.Dimensions).CopyTo(embedding.AsSpan(place * loaded.Vectors.Dimensions));
            }
        }

        var request = new AcquisitionRequest
        {
            Use = use, Classes = classes, Batch = 2 * Math.Max(options.Value.AheadLeast, options.Value.AheadOf(steered.Decisions, items.Count)), Probabilities = probabilities, ClassCounts = counts,
            Embedding = embedding, Dimensions = loaded?.Vectors.Dimensions ?? 0, ControlShare = project.Settings.AuditShare, Seed = steered.StudentVersion,
        };
        var picks = await Task.Run(() => AcquisitionStrategies.Herding.Select(request, cancellationToken), cancellationToken);
        for (var k = 0; k < picks.Length; k++)
        {
            var reason = picks[k].Reason switch { PickReason.Control => QueueReason.Random, PickReason.Coverage => QueueReason.Diverse, PickReason.RareClass => QueueReason.RareClass, _ => QueueReason.Uncertain };
            chosen[items[picks[k].Item].Id] = (ChosenRank + (k * 1e-3), reason);
        }

        return chosen;
    }

    private static async Task WriteAsync(RunContext run, Project project, List<ItemChange> changes, List<(long Item, double Rank, QueueReason Reason)> ranks, CancellationToken cancellationToken)
    {
        foreach (var part in changes.Chunk(Part))
        {
            await run.CheckpointAsync(
                async scope =>
                {
                    var done = await ItemTransitions.ApplyAsync(scope, part);
                    await PrelabelEvents.PublishAsync(scope, project.Id, part.Where((_, i) => done[i]).Select(c => c.Item));
                },
                null,
                cancellationToken: cancellationToken);
        }

        // In the order of their new places: whoever leases meanwhile gets the riskiest that are known by then.
        foreach (var part in ranks.OrderBy(r => r.Rank).Chunk(Part * 2))
            await run.CheckpointAsync(scope => ItemTransitions.RerankAsync(scope, project.Id, part), null, cancellationToken: cancellationToken);
        await run.CheckpointAsync(
            scope =>
            {
                scope.Publish(new ProjectChanged(project.Id));
                return Task.CompletedTask;
            },
            null,
            cancellationToken: cancellationToken);
    }

    private async Task PlanAsync(RunContext run, Project project, SteeredItems steered, Proposals proposals, bool asking, CancellationToken cancellationToken)
    {
        var open = steered.Items.Where(i => !IsDecided(i) && proposals.Of(i) is not null).ToList();
        if (open.All(i => i.State == ItemState.Final))
        {
            await PhaseAsync(run, project, steered.Items.Count == 0 ? SteeringPhase.None : SteeringPhase.Done, 0, 0, steered.Decisions, cancellationToken);
            return;
        }

        var settings = project.Settings;
        var newest = await audits.NewestAsync(project.Id, cancellationToken);
        var number = (newest?.Number ?? 0) + 1;
        var frozen = new FrozenProposals(
            [.. open.Select(i => i.Id)],
            [.. open.Select(i => proposals.Of(i)!.Class)],
            [.. open.Select(i => (float)proposals.Of(i)!.Risk)]);
        var decided = steered.Items.Count - open.Count;
        var allowed = AccuracyCertificate.AllowedErrors(settings.TargetAccuracy, steered.Items.Count, decided, PeopleAccuracy.Unmeasured);
        var alpha = AccuracyCertificate.AuditAlpha(settings.Confidence, number, measuresPeople: false);
        var plan = AuditDesign.Plan(RiskBins.Of(frozen.RiskNumbers(), default), Math.Max(0, allowed), alpha);
        var waiting = open.Count(i => i.State != ItemState.Final);
        var left = (int)Math.Min(waiting, Math.Ceiling(plan.Decisions));
        var ahead = options.Value.AheadOf(steered.Decisions, steered.Items.Count);
        var busy = await IsBusyAsync(project.Id, cancellationToken);
        var ready = settings.AutoAccept && allowed >= 0 && plan.Reviews < Math.Max(ahead, options.Value.AheadLeast) / 2.0 && plan.Draws < 0.8 * waiting && !busy;
        await PhaseAsync(run, project, SteeringPhase.Learning, settings.AutoAccept ? left : waiting, settings.AutoAccept ? PaceOf(ahead, plan.Reviews, asking || busy) : 0, steered.Decisions, cancellationToken);
        if (!ready) return;

        // Now everything that may be worth a look can be looked at: what waits for the first of its group is none the less in the audit.
        await WriteAsync(run, project, [.. open.Where(i => i.State == ItemState.Prelabelled && proposals.Of(i)!.Risk > AuditDoubt).Select(i => Queued(project, i, proposals.Of(i)!))], [], cancellationToken);
        var session = await audits.BeginAsync(
            run,
            project,
            new Audit
            {
                ProjectId = project.Id,
                Number = number,
                State = AuditState.Running,
                Seed = (project.Id * 7_919) + number,
                Alpha = alpha,
                Target = settings.TargetAccuracy,
                Confidence = settings.Confidence,
                Allowed = allowed,
                DecidedBefore = decided,
                Population = open.Count,
                SchemaVersion = project.SchemaVersion,
                StudentVersion = steered.StudentVersion,
                Classes = JsonSerializer.Serialize(steered.Names, ProjectJson.Options),
                Blob = "",
            },
            frozen,
            cancellationToken);
        await AdvanceAsync(run, project, session.Audit, cancellationToken);
    }

    // Nobody need run further ahead than there is to review before the audit.
    private int PaceOf(int ahead, double reviews, bool asking)
    {
        if (ahead == 0) return 0;
        var least = options.Value.AheadLeast;
        return asking ? Math.Min(ahead, options.Value.AheadWhileAsking) : (int)Math.Clamp(Math.Ceiling(reviews), Math.Min(ahead, least / 2), ahead);
    }

    private static ItemChange Queued(Project project, Item item, Proposal proposal)
    {
        var prelabel = new PrelabelChange(proposal.Value, 1 - proposal.Risk, proposal.Source, proposal.Version);
        return new ItemChange(item, ItemState.Queued, Route.Human, prelabel, Place: new QueuePlace(QueueRanks.Of(RoutingOf(proposal), item.Id), proposal.Reason, item.Audit, Math.Max(0, project.Settings.Overlap - item.Votes)));
    }

    private static Cascade.Routing RoutingOf(Proposal proposal) =>
        new(Route.Human, new Opinion(proposal.Value, 1 - proposal.Risk, proposal.Source, proposal.Version), proposal.Reason, proposal.Risk);

    // What is still coming in, or being asked of the LLM, would change the proposals that an audit freezes.
    private Task<bool> IsBusyAsync(long projectId, CancellationToken cancellationToken) => database.ReadAsync(
        db => db.Runs.AnyAsync(
            r => r.ProjectId == projectId && r.State < RunState.Succeeded && (r.Kind == Import.ImportHandler.RunKind || r.Kind == DeduplicateHandler.RunKind || r.Kind == PrelabelHandler.RunKind),
            cancellationToken),
        cancellationToken);

    // Whether an LLM is being asked, or has answered much more by now than the models have heard: what they say of an item is not what they will say soon.
    private Task<bool> IsAskedAsync(long projectId, SteeredItems steered, CancellationToken cancellationToken) => database.ReadAsync(
        async db => await db.Runs.AnyAsync(r => r.ProjectId == projectId && r.State < RunState.Succeeded && r.Kind == PrelabelHandler.RunKind, cancellationToken)
            || await db.Predictions.CountAsync(p => p.ProjectId == projectId && p.Source == LabelSource.Llm && p.Value != null, cancellationToken) > steered.Heard * SteeringModel.FreshGrowth,
        cancellationToken);

    /// <summary>Says that the models have seen people's decisions although they could not learn from them yet.</summary>
    public static Task SeenAsync(RunContext run, Project project, int decisions, CancellationToken cancellationToken) => run.CheckpointAsync(
        scope => SteeringCounters.SetAsync(scope, project.Id, (SteeringCounters.LearnedDecisions, decisions)), null, cancellationToken: cancellationToken);

    private static Task PhaseAsync(RunContext run, Project project, SteeringPhase phase, int left, int ahead, int learned, CancellationToken cancellationToken) => run.CheckpointAsync(
        async scope =>
        {
            await SteeringCounters.SetAsync(
                scope, project.Id, (SteeringCounters.Phase, (long)phase), (SteeringCounters.Left, left), (SteeringCounters.Ahead, ahead), (SteeringCounters.LearnedDecisions, learned));
            scope.Publish(new ProjectChanged(project.Id));
        },
        null,
        cancellationToken: cancellationToken);
}
