using System.Collections.Concurrent;
using System.Diagnostics;
using System.Security.Cryptography;
using System.Text.Json;
using Annotator.Core.Cascade;
using Annotator.Core.Items;
using Annotator.Core.Labels;
using Annotator.Core.Live;
using Annotator.Core.Projects;
using Annotator.Core.Runs;
using Annotator.Core.Storage;
using Annotator.Core.Student;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Learning;

/// <summary>
/// Trains the student on what people have decided and what came with the data, checks it out of fold, writes its file,
/// puts it into service and has the items that wait looked at again.
/// </summary>
internal sealed class TrainHandler(TrainingWorkspaces workspaces, StudentCatalog students, IBlobStore blobs, RunService runs, LearningTrigger trigger) : IRunHandler
{
    public const string RunKind = "train";

    /// <summary>With fewer labels than this nothing is trained.</summary>
    public const int FewestLabels = 6;

    // Files of older versions are removed; their measured figures stay.
    private const int FilesKept = 10;

    public string Kind => RunKind;

    public async Task ExecuteAsync(RunContext run, CancellationToken cancellationToken)
    {
        var clock = Stopwatch.StartNew();
        var project = await run.Database.ReadAsync(db => db.Projects.SingleAsync(p => p.Id == run.ProjectId, cancellationToken), cancellationToken);
        var schema = project.Schema;
        if (project.Modality != Modality.Text || schema.Type != TaskType.Classification)
        {
            run.SetResult(new { trained = false, reason = "The built-in student classifies text." });
            return;
        }

        var workspace = workspaces.Of(project.Id);
        await workspace.Busy.WaitAsync(cancellationToken);
        try
        {
            var (labels, decisions) = await workspace.LoadAsync(run.Database, project, cancellationToken);
            var classes = labels.Select(l => l.Class).Distinct().Count();
            if (workspace.Labelled < FewestLabels || classes < 2)
            {
                run.SetResult(new { trained = false, reason = $"At least {FewestLabels} labels of 2 classes are needed; there are {workspace.Labelled} of {classes}." });
                return;
            }

            await run.CheckpointAsync(null, null, total: workspace.Labelled, message: null, cancellationToken: cancellationToken);
            var names = schema.Leaves();
            var trainer = new SoftmaxTrainer(workspace.Features.Options, new SoftmaxOptions { Multiple = schema.Multiple, Balanced = true });
            var trained = await Task.Run(() => StudentTraining.Train(trainer, workspace.Rows, labels, names.Count, workspace.IdOf, workspace.Last, cancellationToken: cancellationToken), cancellationToken);
            workspace.Last = trained;
            var quality = StudentQuality.Measure(trained, labels, names.Count, schema.Multiple, project.Settings);
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
                TrainedOn = workspace.Labelled,
                Decisions = decisions,
                Accuracy = quality.Accuracy,
                Ece = quality.Ece,
                Metrics = JsonSerializer.Serialize(quality, ProjectJson.Options),
                Bytes = file.Length,
                TrainingMilliseconds = (int)clock.ElapsedMilliseconds,
                CreatedAt = run.Run.CreatedAt,
            };
            await PublishAsync(run, project, row, cancellationToken);
            students.Put(new LoadedStudent(row, model));
            await RemoveOldFilesAsync(run.Database, project.Id, version, cancellationToken);
            run.SetResult(new { trained = true, version, trainedOn = workspace.Labelled, accuracy = quality.Accuracy, ece = quality.Ece, milliseconds = clock.ElapsedMilliseconds });
        }
        finally
        {
            workspace.Busy.Release();
            trigger.TrainingEnded(project.Id, clock.Elapsed);
        }
    }

    private Task PublishAsync(RunContext run, Project project, StudentVersion row, CancellationToken cancellationToken) => run.CheckpointAsync(
        async scope =>
        {
            row.CreatedAt = scope.Now;
            await scope.Dialect.InsertAsync(scope.Db, [row], ignoreConflicts: false, cancellationToken);
            scope.Publish(new ModelTrained(project.Id, row.Version, row.Accuracy, row.Ece, row.TrainedOn));
            await runs.AddOnceAsync(scope, project.Id, PrelabelHandler.RunKind, new PrelabelOptions());
        },
        null,
        row.TrainedOn,
        cancellationToken: cancellationToken);

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

/// <summary>What is kept in memory between trainings: features never change, and the last weights are the best start. All of it can be made again.</summary>
internal sealed class TrainingWorkspaces
{
    private readonly ConcurrentDictionary<long, TrainingWorkspace> _workspaces = new();

    public TrainingWorkspace Of(long projectId) => _workspaces.GetOrAdd(projectId, _ => new TrainingWorkspace());
}

/// <summary>One project's features and last training.</summary>
internal sealed class TrainingWorkspace
{
    private readonly Dictionary<long, int> _rowOf = [];
    private readonly List<long> _ids = [];
    private string? _schema;

    public SemaphoreSlim Busy { get; } = new(1, 1);

    public TextFeatures Features { get; } = new();

    public SparseRows Rows { get; } = new();

    public TrainedStudent? Last { get; set; }

    /// <summary>Items with a label at the last load.</summary>
    public int Labelled { get; private set; }

    public long IdOf(int row) => _ids[row];

    /// <summary>Reads the labels of people and of the data, and the features of items that are new here.</summary>
    public async Task<(List<LabelledRow> Labels, int Decisions)> LoadAsync(AnnotatorDatabase database, Project project, CancellationToken cancellationToken)
    {
        // Another set of classes is another model.
        if (!string.Equals(_schema, project.SchemaJson, StringComparison.Ordinal)) (_schema, Last) = (project.SchemaJson, null);
        var (labelled, decisions) = await database.ReadAsync(
            async db =>
            {
                var rows = await db.Items
                    .Where(i => i.ProjectId == project.Id && i.State == ItemState.Final && (i.LabelSource == LabelSource.Human || i.LabelSource == LabelSource.Import))
                    .OrderBy(i => i.Id).Select(i => new { i.Id, i.LabelValue }).ToListAsync(cancellationToken);
                var count = await db.Counters.Where(c => c.ProjectId == project.Id && c.Name == Quality.CounterNames.HumanDecisions).Select(c => c.Value).FirstOrDefaultAsync(cancellationToken);
                return (rows, (int)count);
            },
            cancellationToken);
        await AddFeaturesAsync(database, project.Id, [.. labelled.Select(l => l.Id).Where(id => !_rowOf.ContainsKey(id))], cancellationToken);

        var names = project.Schema.Leaves().Select((n, i) => (n, i)).ToDictionary(p => p.n, p => p.i, StringComparer.Ordinal);
        var labels = new List<LabelledRow>(labelled.Count);
        var known = new Dictionary<string, int[]>(StringComparer.Ordinal);
        Labelled = 0;
        foreach (var item in labelled)
        {
            if (!known.TryGetValue(item.LabelValue!, out var chosen))
                known[item.LabelValue!] = chosen = [.. LabelJson.Read(item.LabelValue!).LabelNames.Where(names.ContainsKey).Select(n => names[n])];
            Labelled++;
            labels.AddRange(chosen.Select(c => new LabelledRow(_rowOf[item.Id], c)));
        }

        return (labels, decisions);
    }

    private async Task AddFeaturesAsync(AnnotatorDatabase database, long projectId, IReadOnlyList<long> ids, CancellationToken cancellationToken)
    {
        foreach (var part in ids.Chunk(2_000))
        {
            var texts = await database.ReadAsync(
                db => db.Items.Where(i => i.ProjectId == projectId && part.Contains(i.Id)).OrderBy(i => i.Id).Select(i => new { i.Id, i.Text }).ToListAsync(cancellationToken), cancellationToken);
            foreach (var item in texts)
            {
                _rowOf[item.Id] = Features.Append(item.Text ?? "", Rows);
                _ids.Add(item.Id);
            }
        }
    }
}
