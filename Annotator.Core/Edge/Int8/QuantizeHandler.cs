using System.ComponentModel.DataAnnotations;
using System.Security.Cryptography;
using Annotator.Core.Cascade;
using Annotator.Core.Items;
using Annotator.Core.Learning;
using Annotator.Core.Live;
using Annotator.Core.Projects;
using Annotator.Core.Runs;
using Annotator.Core.Storage;
using Annotator.Core.Student;
using Annotator.Core.Student.Quantizing;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Edge;

/// <summary>Arguments of a run that quantises a student.</summary>
public sealed record QuantizeOptions
{
    /// <summary>The student version; null: the newest.</summary>
    [Range(1, int.MaxValue, ErrorMessage = "Must be a number of a version, from 1.")]
    public int? Version { get; init; }
}

/// <summary>
/// Makes a student of eight bits and measures what that costs. A student in service has learned from all labels of people, so none of them could judge it: a like one is trained
/// without a fifth of them, is quantised in the same way, and both are asked about that fifth. What is found is kept with the version, whether it is good or not.
/// </summary>
internal sealed class QuantizeHandler(TrainingWorkspaces workspaces, StudentReader reader, StudentCatalog students, IBlobStore blobs) : IRunHandler
{
    public const string RunKind = "quantize";

    /// <summary>With fewer held-out labels than this nothing is claimed.</summary>
    public const int FewestHeldOut = 30;

    private const int Folds = 5;
    private const int MostHeldOut = 2_000;
    private const int Part = 500;

    public string Kind => RunKind;

    public async Task ExecuteAsync(RunContext run, CancellationToken cancellationToken)
    {
        var options = run.Options<QuantizeOptions>();
        var project = await run.Database.ReadAsync(db => db.Projects.SingleAsync(p => p.Id == run.ProjectId, cancellationToken), cancellationToken);
        if (!project.HasStudent) throw new RunFailedException("The project has no student that could be quantised.");
        var student = options.Version is { } wanted
            ? await run.Database.ReadAsync(db => db.Students.SingleOrDefaultAsync(s => s.ProjectId == project.Id && s.Version == wanted && s.Blob != "", cancellationToken), cancellationToken)
            : await students.LatestAsync(project.Id, cancellationToken);
        if (student is null) throw new RunFailedException("There is no student of that version, or its file is no longer kept.");
        var row = await MakeAsync(run, project, student, cancellationToken);
        await run.CheckpointAsync(
            async scope =>
            {
                row.CreatedAt = scope.Now;
                await scope.Dialect.UpsertAsync(scope.Db, [row], cancellationToken);
                scope.Publish(new DevicesChanged(project.Id));
            },
            null,
            cancellationToken: cancellationToken);
        await RemoveOldFilesAsync(run.Database, project.Id, cancellationToken);
        run.SetResult(new { version = row.Version, bytes = row.Bytes, fullBytes = row.FullBytes, heldOut = row.HeldOut, fullRight = row.FullRight, right = row.Right, changed = row.Changed, loss = row.Loss, reason = row.Reason });
    }

    private async Task<QuantizedStudent> MakeAsync(RunContext run, Project project, StudentVersion student, CancellationToken cancellationToken)
    {
        var row = new QuantizedStudent { ProjectId = project.Id, Version = student.Version, FullBytes = student.Bytes };
        using var full = new MemoryStream();
        await using (var stored = await blobs.OpenAsync(student.Blob, cancellationToken)) await stored.CopyToAsync(full, cancellationToken);
        var made = OnnxQuantizer.Quantize(full.ToArray());
        if (made.Layers == 0)
        {
            row.Reason = $"The student has no layer of {OnnxQuantizer.FewestWeights:N0} weights or more: nothing would become smaller.";
            return row;
        }

        var (fit, heldOut) = await TrainWithoutAsync(run, project, cancellationToken);
        if (fit is null || heldOut.Count < FewestHeldOut)
        {
            row.Reason = $"People have labelled {heldOut.Count} items that could be held out; {FewestHeldOut} are needed to measure what is lost.";
            return row;
        }

        var like = StudentGraph.Write(fit.Model, project.Schema.Leaves(), Temperature.One);
        var small = OnnxQuantizer.Quantize(like);
        using var before = StudentModel.Load(like);
        using var after = StudentModel.Load(small.File);
        await run.CheckpointAsync(null, null, total: heldOut.Count, cancellationToken: cancellationToken);
        foreach (var part in heldOut.Chunk(Part))
        {
            var items = await run.Database.ReadAsync(
                db => db.Items.Where(i => i.ProjectId == project.Id && part.Contains(i.Id) && i.LabelValue != null).Select(i => new { i.Text, i.Url, i.LabelValue }).ToListAsync(cancellationToken), cancellationToken);
            List<(string? Text, string? Url)> contents = [.. items.Select(i => (i.Text, i.Url))];
            var (first, second) = (await reader.OpinionsAsync(project, new LoadedStudent(student, before), contents, cancellationToken), await reader.OpinionsAsync(project, new LoadedStudent(student, after), contents, cancellationToken));
            for (var i = 0; i < items.Count; i++)
            {
                if (first[i] is not { } a || second[i] is not { } b) continue;
                row.HeldOut++;
                if (string.Equals(a.Value, items[i].LabelValue, StringComparison.Ordinal)) row.FullRight++;
                if (string.Equals(b.Value, items[i].LabelValue, StringComparison.Ordinal)) row.Right++;
                if (!string.Equals(a.Value, b.Value, StringComparison.Ordinal)) row.Changed++;
            }

            await run.CheckpointAsync(null, null, part.Length, cancellationToken: cancellationToken);
        }

        (row.Hash, row.Bytes) = (Convert.ToHexStringLower(SHA256.HashData(made.File)), made.File.Length);
        row.Blob = (await blobs.PutAsync("students", new MemoryStream(made.File, writable: false), cancellationToken)).Name;
        return row;
    }

    // A model that has not seen a fifth of people's labels, and the items of these.
    private async Task<(SoftmaxFit? Fit, List<long> HeldOut)> TrainWithoutAsync(RunContext run, Project project, CancellationToken cancellationToken)
    {
        var workspace = workspaces.Of(project.Id);
        await workspace.Busy.WaitAsync(cancellationToken);
        try
        {
            var loaded = await workspace.LoadAsync(run.Database, project, everything: false, cancellationToken);
            var held = loaded.Labels.Select(l => l.Row).Distinct().Where(r => OutOfFold.FoldOf(workspace.IdOf(r), Folds) == 0).Order().Take(MostHeldOut).ToHashSet();
            List<LabelledRow> rest = [.. loaded.Labels.Where(l => !held.Contains(l.Row))];
            List<long> ids = [.. held.Select(workspace.IdOf)];
            if (ids.Count < FewestHeldOut || rest.Select(l => l.Class).Distinct().Count() < 2) return (null, ids);
            return (await Task.Run(() => workspace.TrainerOf(project).Train(workspace.Rows, rest, project.Schema.Leaves().Count, cancellationToken: cancellationToken), cancellationToken), ids);
        }
        finally
        {
            workspace.Busy.Release();
        }
    }

    // Files go with those of the full versions; what was measured stays.
    private async Task RemoveOldFilesAsync(AnnotatorDatabase database, long projectId, CancellationToken cancellationToken)
    {
        var gone = await database.WriteAsync(
            async scope =>
            {
                var rows = await scope.Db.Set<QuantizedStudent>().AsTracking()
                    .Where(q => q.ProjectId == projectId && q.Blob != "" && !scope.Db.Students.Any(s => s.ProjectId == projectId && s.Version == q.Version && s.Blob != "")).ToListAsync(cancellationToken);
                var names = rows.ConvertAll(r => r.Blob);
                foreach (var row in rows) row.Blob = "";
                return names;
            },
            cancellationToken);
        foreach (var blob in gone) await blobs.DeleteAsync(blob, cancellationToken);
    }
}
