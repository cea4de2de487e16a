using System.Text.Json;
using Annotator.Core.Items;
using Annotator.Core.Labels;
using Annotator.Core.Learning.Neighbours;
using Annotator.Core.Learning.Propagation;
using Annotator.Core.Projects;
using Annotator.Core.Runs;
using Annotator.Core.Storage;
using Annotator.Core.Student;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Learning;

/// <summary>Arguments of a propagation.</summary>
public sealed record PropagateOptions
{
    /// <summary>Whether what is proposed becomes the pre-label of items that wait.</summary>
    public bool Apply { get; init; } = true;
}

/// <summary>How propagation stands in a project.</summary>
/// <param name="On">Whether it proposes labels.</param>
/// <param name="Reason">Why.</param>
/// <param name="Explanation">Why, in a sentence, with the figures.</param>
/// <param name="Proposed">Items that it proposes a label for.</param>
/// <param name="Threshold">Least confidence that is proposed.</param>
/// <param name="Accuracy">Accuracy of the proposed part on held-back decisions.</param>
/// <param name="LowerBound">Its lower bound.</param>
/// <param name="StudentAccuracy">The student's accuracy on the same decisions.</param>
/// <param name="HeldBack">Decisions that were held back.</param>
/// <param name="Labels">Labels that travelled.</param>
public sealed record PropagationState(
    bool On, string Reason, string Explanation, long Proposed, double? Threshold, double? Accuracy, double? LowerBound, double? StudentAccuracy, int HeldBack, int Labels);

/// <summary>
/// Spreads the labels of people over the graph of neighbours. A part of the decisions is held back; only where propagation holds the target on these and
/// beats the student there are its confident labels proposed (as predictions of the source <c>propagated</c>). Otherwise it takes back what it proposed
/// before, and says why.
/// </summary>
internal sealed class PropagateHandler(Representations representations, ItemFeatures features) : IRunHandler
{
    public const string RunKind = "propagate";

    private const int Neighbours = 10;
    private const double HeldBackShare = 0.3;
    private const int Part = 2_000;

    // Of so many of the newest runs one that was on says that propagation is wanted.
    private const int LookedAt = 20;

    public string Kind => RunKind;

    public async Task ExecuteAsync(RunContext run, CancellationToken cancellationToken)
    {
        var options = run.Options<PropagateOptions>();
        var project = await run.Database.ReadAsync(db => db.Projects.SingleAsync(p => p.Id == run.ProjectId, cancellationToken), cancellationToken);
        var schema = project.Schema;
        if (!project.HasStudent || schema.Multiple)
        {
            await EndAsync(run, Off("notApplicable", "Propagation is off: it labels texts and images with one choice of several."), cancellationToken);
            return;
        }

        if (await representations.FindNewestAsync(project.Id, cancellationToken) is not { } loaded)
        {
            await EndAsync(run, Off("noRepresentation", "Propagation is off: the project has no representation yet; a run of kind 'represent' makes it."), cancellationToken);
            return;
        }

        var names = schema.Leaves();
        var labelled = await LabelledAsync(run, project.Id, names, loaded, cancellationToken);
        await run.CheckpointAsync(null, null, total: loaded.Vectors.Count, cancellationToken: cancellationToken);
        if (labelled.Select(l => l.Class).Distinct().Count() < 2)
        {
            await EndAsync(run, Off(nameof(PropagationReason.TooFewChecks), "Propagation is off: labels of two classes are needed."), cancellationToken);
            return;
        }

        var rows = new SparseRows();
        var ofRows = await features.OptionsAsync(project, cancellationToken);
        await features.AppendAsync(project, ofRows, labelled.ConvertAll(l => l.Content), rows, cancellationToken);
        var learned = (Trainer: new SoftmaxTrainer(ofRows), Rows: rows);
        var (verdict, result, checks) = await Task.Run(() => Compute(project, names.Count, labelled, learned, loaded, (int)run.Run.Id, cancellationToken), cancellationToken);
        var state = new PropagationState(
            verdict.On, verdict.Reason.ToString(), verdict.Explanation, 0, verdict.On ? verdict.Threshold : null, verdict.Checked > 0 ? verdict.Accuracy : null,
            verdict.Checked > 0 ? verdict.LowerBound : null, verdict.StudentAccuracy, checks, labelled.Count);
        if (!verdict.On)
        {
            await EndAsync(run, state, cancellationToken);
            return;
        }

        await ClearAsync(run, cancellationToken);
        var proposed = await ProposeAsync(run, project, options, names, loaded, verdict, result!, cancellationToken);
        run.SetResult(state with { Proposed = proposed });
    }

    /// <summary>How a project's labels are spread again once its neighbours are others: as they were the last time, where propagation was ever on; null where not.</summary>
    /// <param name="db">The database.</param>
    /// <param name="projectId">The project.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public static async Task<PropagateOptions?> AgainAsync(AnnotatorDbContext db, long projectId, CancellationToken cancellationToken)
    {
        var newest = await db.Runs.Where(r => r.ProjectId == projectId && r.Kind == RunKind && r.State == RunState.Succeeded && r.Result != null)
            .OrderByDescending(r => r.Id).Select(r => new { r.Options, r.Result }).Take(LookedAt).ToListAsync(cancellationToken);
        var wanted = newest.Exists(r => JsonSerializer.Deserialize<PropagationState>(r.Result!, ProjectJson.Options) is { On: true });
        return wanted ? JsonSerializer.Deserialize<PropagateOptions>(newest[0].Options, ProjectJson.Options) : null;
    }

    private static (PropagationVerdict Verdict, PropagationResult? Result, int Checks) Compute(
        Project project, int classes, List<(int Row, int Class, ItemContent Content)> labelled, (SoftmaxTrainer Trainer, SparseRows Rows) learned, LoadedRepresentation loaded, int seed, CancellationToken cancellationToken)
    {
        var vectors = loaded.Vectors;
        var graph = AffinityGraph.SelfTuning(NeighbourGraph.Build(vectors.ToFloats(), vectors.Dimensions, Neighbours, cancellationToken: cancellationToken));
        var held = PropagationGate.HoldBack([.. labelled.Select(l => l.Class)], HeldBackShare, seed);
        var labels = new int[vectors.Count];
        Array.Fill(labels, -1);
        for (var i = 0; i < labelled.Count; i++)
        {
            if (!held[i]) labels[labelled[i].Row] = labelled[i].Class;
        }

        var tried = LabelPropagation.Run(graph, labels, classes, cancellationToken: cancellationToken);
        var student = StudentOn(labelled, learned.Trainer, learned.Rows, held, classes, cancellationToken);
        var checks = labelled.Where((_, i) => held[i])
            .Select((l, i) => new PropagationCheck(l.Class, tried.Labels[l.Row], tried.Confidence[l.Row], student[i])).ToList();
        var verdict = PropagationGate.Decide(checks, project.Settings.TargetAccuracy, project.Settings.Confidence);
        if (!verdict.On) return (verdict, null, checks.Count);
        foreach (var (row, label, _) in labelled) labels[row] = label;
        return (verdict, LabelPropagation.Run(graph, labels, classes, cancellationToken: cancellationToken), checks.Count);
    }

    /// <summary>What a student says of the held-back items that was trained on the same labels as propagation.</summary>
    private static int[] StudentOn(List<(int Row, int Class, ItemContent Content)> labelled, SoftmaxTrainer trainer, SparseRows rows, bool[] held, int classes, CancellationToken cancellationToken)
    {
        var given = new List<LabelledRow>();
        for (var i = 0; i < labelled.Count; i++)
        {
            if (!held[i]) given.Add(new LabelledRow(i, labelled[i].Class));
        }

        var scorer = trainer.Train(rows, given, classes, cancellationToken: cancellationToken).Model.CreateScorer();
        var scores = new float[classes];
        var said = new List<int>();
        for (var i = 0; i < labelled.Count; i++)
        {
            if (!held[i]) continue;
            scorer.Score(rows, i, scores);
            said.Add(Probabilities.Best(scores));
        }

        return [.. said];
    }

    private static async Task<List<(int Row, int Class, ItemContent Content)>> LabelledAsync(
        RunContext run, long projectId, IReadOnlyList<string> names, LoadedRepresentation loaded, CancellationToken cancellationToken)
    {
        var items = await run.Database.ReadAsync(
            db => db.Items.Where(i => i.ProjectId == projectId && i.State == ItemState.Final && (i.LabelSource == LabelSource.Human || i.LabelSource == LabelSource.Import))
                .OrderBy(i => i.Id).Select(i => new { i.Id, i.LabelValue, i.Text, i.Url }).ToListAsync(cancellationToken),
            cancellationToken);
        var places = names.Select((n, i) => (n, i)).ToDictionary(p => LabelJson.Write(new ChoiceValue(p.n)), p => p.i, StringComparer.Ordinal);
        return [.. items.Select(i => (Row: loaded.Vectors.RowOf(i.Id), Class: places.GetValueOrDefault(i.LabelValue!, -1), Content: new ItemContent(i.Text, i.Url))).Where(i => i.Row >= 0 && i.Class >= 0)];
    }

    private static async Task<long> ProposeAsync(
        RunContext run, Project project, PropagateOptions options, IReadOnlyList<string> names, LoadedRepresentation loaded, PropagationVerdict verdict, PropagationResult result,
        CancellationToken cancellationToken)
    {
        var values = names.Select(n => LabelJson.Write(new ChoiceValue(n))).ToArray();
        var version = (int)loaded.Version.Version;
        var sure = Enumerable.Range(0, loaded.Vectors.Count).Where(r => result.Labels[r] >= 0 && result.Confidence[r] >= verdict.Threshold).ToList();
        long proposed = 0;
        foreach (var part in sure.Chunk(Part))
        {
            await run.CheckpointAsync(
                async scope =>
                {
                    var rowOf = part.ToDictionary(r => loaded.Vectors.Ids[r]);
                    var ids = rowOf.Keys.ToList();
                    var items = await scope.Db.Items.AsNoTracking().Where(i => i.ProjectId == project.Id && ids.Contains(i.Id) && i.State != ItemState.Final && i.Votes == 0).ToListAsync(cancellationToken);
                    proposed += items.Count;
                    await scope.Dialect.UpsertAsync(
                        scope.Db,
                        [.. items.Select(i => new Prediction
                        {
                            ProjectId = project.Id,
                            ItemId = i.Id,
                            Source = LabelSource.Propagated,
                            Version = version,
                            Value = values[result.Labels[rowOf[i.Id]]],
                            Confidence = verdict.LowerBound,
                            CreatedAt = scope.Now,
                        })],
                        cancellationToken);
                    if (!options.Apply) return;

                    // A pre-label that is surer than propagation stays; an audit draw is shown without one, and gets none.
                    await ItemTransitions.ApplyAsync(
                        scope,
                        [.. items.Where(i => !i.Audit && (i.PredictionConfidence ?? 0) < verdict.LowerBound)
                            .Select(i => new ItemChange(i, i.State, Prelabel: new PrelabelChange(values[result.Labels[rowOf[i.Id]]], verdict.LowerBound, LabelSource.Propagated, version)))]);
                },
                null,
                part.Length,
                cancellationToken: cancellationToken);
        }

        return proposed;
    }

    private static async Task EndAsync(RunContext run, PropagationState state, CancellationToken cancellationToken)
    {
        await ClearAsync(run, cancellationToken);
        run.SetResult(state);
    }

    // What an earlier run proposed is no longer said.
    private static Task ClearAsync(RunContext run, CancellationToken cancellationToken) => run.CheckpointAsync(
        scope => scope.Db.Predictions.Where(p => p.ProjectId == run.ProjectId && p.Source == LabelSource.Propagated).ExecuteDeleteAsync(cancellationToken), null, cancellationToken: cancellationToken);

    private static PropagationState Off(string reason, string explanation) => new(false, reason, explanation, 0, null, null, null, null, 0, 0);
}

/// <summary>Tells how propagation stands, from the newest run.</summary>
public sealed class PropagationStates(AnnotatorDatabase database)
{
    /// <summary>The state after the newest finished propagation of a project; null before the first.</summary>
    public async Task<PropagationState?> FindAsync(long projectId, CancellationToken cancellationToken = default)
    {
        var result = await database.ReadAsync(
            db => db.Runs.Where(r => r.ProjectId == projectId && r.Kind == PropagateHandler.RunKind && r.State == RunState.Succeeded && r.Result != null)
                .OrderByDescending(r => r.Id).Select(r => r.Result).FirstOrDefaultAsync(cancellationToken),
            cancellationToken);
        return result is null ? null : JsonSerializer.Deserialize<PropagationState>(result, ProjectJson.Options);
    }
}
