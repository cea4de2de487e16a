using System.Diagnostics;
using System.Security.Cryptography;
using System.Text.Json;
using Annotator.Core.Cascade;
using Annotator.Core.Labels;
using Annotator.Core.Learning.Neighbours;
using Annotator.Core.Learning.Routing;
using Annotator.Core.Learning.Steering;
using Annotator.Core.Live;
using Annotator.Core.Projects;
using Annotator.Core.Quality.Certificate;
using Annotator.Core.Runs;
using Annotator.Core.Storage;
using Annotator.Core.Student;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Learning;

/// <summary>
/// Learns from what people have decided, what came with the data and what the LLM answered: trains the student, checks it out of fold, writes its file and puts
/// it into service. Then the project is steered (<see cref="SteeringService"/>), or, where it is too large for that, looked at again by the cascade. While an
/// audit runs, its proposals stand still, and only its bound moves.
/// </summary>
internal sealed class TrainHandler(
    TrainingWorkspaces workspaces, StudentCatalog students, IBlobStore blobs, RunService runs, LearningTrigger trigger, AuditLedger audits, SteeringService steering, EncodedRepresentation encoded,
    RepresentTrigger representing) : IRunHandler
{
    public const string RunKind = "train";

    /// <summary>With fewer labels than this nothing is trained.</summary>
    public const int FewestLabels = 6;

    // With fewer answers than this the LLM alone teaches nothing yet.
    private const int FewestAnswers = 20;

    // Files of older versions are removed; their measured figures stay.
    private const int FilesKept = 10;

    public string Kind => RunKind;

    public async Task ExecuteAsync(RunContext run, CancellationToken cancellationToken)
    {
        var clock = Stopwatch.StartNew();
        var project = await run.Database.ReadAsync(db => db.Projects.SingleAsync(p => p.Id == run.ProjectId, cancellationToken), cancellationToken);
        if (!project.HasStudent)
        {
            if (Models.TuneDetectorHandler.Teaches(project)) await runs.StartOnceAsync(project.Id, Models.TuneDetectorHandler.RunKind, new Models.TuneDetectorOptions { Always = false }, cancellationToken: cancellationToken);
            run.SetResult(new { trained = false, reason = "The built-in student learns classes of texts and images." });
            return;
        }

        var workspace = workspaces.Of(project.Id);
        await workspace.Busy.WaitAsync(cancellationToken);
        try
        {
            var steered = await steering.SteersAsync(project, cancellationToken);
            if (steered && await audits.NewestAsync(project.Id, cancellationToken) is { State: AuditState.Running or AuditState.Passed } audit
                && await steering.AdvanceAsync(run, project, audit, cancellationToken) == AuditState.Running) return;
            await LearnAsync(run, project, workspace, steered, clock, cancellationToken);
            representing.Look(project.Id);
        }
        finally
        {
            workspace.Busy.Release();
            trigger.TrainingEnded(project.Id, clock.Elapsed);
        }
    }

    private async Task LearnAsync(RunContext run, Project project, TrainingWorkspace workspace, bool steered, Stopwatch clock, CancellationToken cancellationToken)
    {
        var loaded = await workspace.LoadAsync(run.Database, project, steered, cancellationToken);
        var classes = loaded.Labels.Select(l => l.Class).Distinct().Count();
        if ((loaded.Labelled < FewestLabels || classes < 2) && loaded.Answered < FewestAnswers)
        {
            if (steered) await SteeringService.SeenAsync(run, project, loaded.Decisions, cancellationToken);
            run.SetResult(new { trained = false, reason = $"At least {FewestLabels} labels of 2 classes are needed; there are {loaded.Labelled} of {classes}." });
            return;
        }

        var missing = await run.Database.ReadAsync(db => Models.ModelChoice.MissingAsync(db, project, cancellationToken), cancellationToken);
        await run.CheckpointAsync(null, null, total: loaded.Labelled, message: missing, cancellationToken: cancellationToken);
        var names = project.Schema.Leaves();
        var trainer = workspace.TrainerOf(project);
        var meaning = steered ? await encoded.FindAsync(project, cancellationToken) : null;

        // Lists of what was alike before are none of what is alike now.
        if (workspace.NeighboursOf != (meaning?.Version.Version ?? 0)) (workspace.Neighbours, workspace.NeighboursOf) = (null, meaning?.Version.Version ?? 0);
        TrainedStudent trained;
        StudentQuality quality;
        if (steered)
        {
            workspace.View = await Task.Run(() => Learn(workspace, trainer, loaded, meaning, names.Count, cancellationToken), cancellationToken);
            trained = workspace.View.Student;
            var settled = await audits.NewestAsync(project.Id, cancellationToken) is { State: AuditState.Settled };
            quality = StudentQuality.Measure(workspace.View, loaded, names.Count, settled ? project.Settings : null);
        }
        else
        {
            trained = await Task.Run(() => StudentTraining.Train(trainer, workspace.Rows, loaded.Labels, names.Count, workspace.IdOf, workspace.Last, cancellationToken: cancellationToken), cancellationToken);
            quality = StudentQuality.Measure(trained, loaded.Labels, names.Count, project.Schema.Multiple, project.Settings);
        }

        workspace.Last = trained;
        var row = await PublishAsync(run, project, trained, quality, loaded, names, steered, clock, cancellationToken);
        if (steered) await steering.ApplyAsync(run, project, new SteeredItems(loaded.Items, workspace.RowOf, names, loaded.Llm.Classes, workspace.View!, row.Version, loaded.Decisions, loaded.Heard), cancellationToken);

        // The first student is wanted at once; the next one finds its neighbours ready.
        if (steered && workspace.Neighbours is null) workspace.Neighbours = await Task.Run(() => NeighboursOf(workspace, trainer, meaning, cancellationToken), cancellationToken);
        run.SetResult(new { trained = true, version = row.Version, trainedOn = loaded.Labelled, llmAnswers = loaded.Answered, accuracy = quality.Accuracy, ece = quality.Ece, milliseconds = row.TrainingMilliseconds, missing });
    }

    private static SteeringView Learn(TrainingWorkspace workspace, SoftmaxTrainer trainer, LoadedLabels loaded, LoadedRepresentation? meaning, int classes, CancellationToken cancellationToken)
    {
        // The first of people's decisions are too few for neighbours to pass on.
        if (workspace.Neighbours is not null || loaded.Answered > 0) workspace.Neighbours = NeighboursOf(workspace, trainer, meaning, cancellationToken);
        var groups = GroupVoices.Of(loaded.Items, workspace.RowOf, workspace.Rows, loaded.Decided, loaded.Llm, out var groupOf);
        var input = new SteeringInput(
            workspace.Rows, classes, loaded.Decided, loaded.Answered > 0 ? [loaded.Llm, .. groups] : groups, workspace.FoldOf, workspace.Neighbours, groupOf)
        {
            Words = workspace.Words = WordRows.Of(workspace.Rows, trainer.Features, workspace.Words),
        };
        return SteeringModel.Learn(input, trainer, workspace.View, cancellationToken);
    }

    // By meaning where the project has an encoder, else by what the student sees.
    private static RowNeighbours NeighboursOf(TrainingWorkspace workspace, SoftmaxTrainer trainer, LoadedRepresentation? meaning, CancellationToken cancellationToken)
    {
        if (meaning is null) return RowNeighbours.Of(workspace.Rows, trainer.Features, trainer.Options, SteeringModel.Neighbours, workspace.Neighbours, cancellationToken);
        return RowNeighbours.Of(workspace.Rows.Count, Vectors, meaning.Vectors.Dimensions, SteeringModel.Neighbours, workspace.Neighbours, cancellationToken);

        (int[] Rows, float[] Vectors) Vectors()
        {
            var known = Enumerable.Range(0, workspace.Rows.Count).Select(row => (Row: row, Place: meaning.Vectors.RowOf(workspace.IdOf(row)))).Where(r => r.Place >= 0).ToList();
            return ([.. known.Select(r => r.Row)], meaning.Vectors.ToFloats([.. known.Select(r => r.Place)]));
        }
    }

    private async Task<StudentVersion> PublishAsync(
        RunContext run, Project project, TrainedStudent trained, StudentQuality quality, LoadedLabels loaded, IReadOnlyList<string> names, bool steered, Stopwatch clock, CancellationToken cancellationToken)
    {
        var version = await run.Database.ReadAsync(db => db.Students.Where(s => s.ProjectId == project.Id).MaxAsync(s => (int?)s.Version, cancellationToken), cancellationToken) + 1 ?? 1;
        var file = trained.Write(names, new Dictionary<string, string>(StringComparer.Ordinal) { ["version"] = version.ToString(System.Globalization.CultureInfo.InvariantCulture), ["project"] = project.Name });
        var model = StudentModel.Load(file);
        var row = new StudentVersion
        {
            ProjectId = project.Id,
            Version = version,
            Blob = (await blobs.PutAsync("students", new MemoryStream(file), cancellationToken)).Name,
            Hash = Convert.ToHexStringLower(SHA256.HashData(file)),
            Classes = JsonSerializer.Serialize(names, ProjectJson.Options),
            TrainedOn = loaded.Labelled,
            Decisions = loaded.Decisions,
            Accuracy = quality.Accuracy,
            Ece = quality.Ece,
            Metrics = JsonSerializer.Serialize(quality, ProjectJson.Options),
            Bytes = file.Length,
            TrainingMilliseconds = (int)clock.ElapsedMilliseconds,
            CreatedAt = run.Run.CreatedAt,
        };
        await run.CheckpointAsync(
            async scope =>
            {
                row.CreatedAt = scope.Now;
                await scope.Dialect.InsertAsync(scope.Db, [row], ignoreConflicts: false, cancellationToken);
                scope.Publish(new ModelTrained(project.Id, row.Version, row.Accuracy, row.Ece, row.TrainedOn));
                if (!steered) await runs.AddOnceAsync(scope, project.Id, PrelabelHandler.RunKind, new PrelabelOptions());
            },
            null,
            row.TrainedOn,
            cancellationToken: cancellationToken);
        students.Put(new LoadedStudent(row, model));
        await RemoveOldFilesAsync(run.Database, project.Id, version, cancellationToken);
        return row;
    }

    private async Task RemoveOldFilesAsync(AnnotatorDatabase database, long projectId, int version, CancellationToken cancellationToken)
    {
        var old = await database.WriteAsync(
            async scope =>
            {
                var rows = await scope.Db.Students.Where(s => s.ProjectId == projectId && s.Version <= version - FilesKept && s.Blob != "").ToListAsync(cancellationToken);
                var names = rows.Select(r => r.Blob).ToList();
                foreach (var row in rows) row.Blob = "";
                return names;
            },
            cancellationToken);
        foreach (var name in old) await blobs.DeleteAsync(name, cancellationToken);
    }
}
