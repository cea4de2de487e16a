using System.Globalization;
using System.Text.Json;
using Annotator.Core.Cascade;
using Annotator.Core.Items;
using Annotator.Core.Labels;
using Annotator.Core.Media;
using Annotator.Core.Projects;
using Annotator.Core.Quality.Detection;
using Annotator.Core.Runs;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Models;

/// <summary>Arguments of a run that tunes a detector.</summary>
public sealed record TuneDetectorOptions
{
    /// <summary>Whether it is tuned even where little was decided since the last time.</summary>
    public bool Always { get; init; } = true;
}

/// <summary>
/// Measures the detector of a project on the images that its people decided, the newest first, sets the score from which boxes of each label are pre-labels, and learns what a score is worth.
/// What waits for a person is looked at again by the new lines.
/// </summary>
internal sealed class TuneDetectorHandler(VisionReader vision, DetectorTunings tunings, IBlobStore blobs, RunService runs) : IRunHandler
{
    public const string RunKind = "tuneDetector";

    /// <summary>With fewer decided images than this nothing is said.</summary>
    public const int FewestImages = 10;

    // More images make it slower, and hardly better.
    private const int MostImages = 300;
    private const int PartSize = 10;

    // Below this no line is of use.
    private const double LeastScore = 0.03;

    // It is tuned again once there are so many times more decisions.
    private const double Growth = 1.2;

    public string Kind => RunKind;

    /// <summary>Whether decisions of a project can teach something about a detector.</summary>
    public static bool Teaches(Project project) => project is { Modality: Modality.Image, Schema.Type: TaskType.Boxes } && project.Settings.Vision is { Model: not null, Tune: true };

    public async Task ExecuteAsync(RunContext run, CancellationToken cancellationToken)
    {
        var project = await run.Database.ReadAsync(db => db.Projects.SingleAsync(p => p.Id == run.ProjectId, cancellationToken), cancellationToken);
        if (project is not { Modality: Modality.Image, Schema.Type: TaskType.Boxes } || await vision.FindAsync(project, cancellationToken) is not { } model)
        {
            run.SetResult(new { tuned = false, reason = "Only a project of boxes on images with a detector can be tuned." });
            return;
        }

        var decided = await run.Database.ReadAsync(db => db.Items.LongCountAsync(i => i.ProjectId == project.Id && i.State == ItemState.Final && i.LabelSource == LabelSource.Human, cancellationToken), cancellationToken);
        var before = await tunings.FindAsync(project.Id, model.Id, cancellationToken);
        if (decided < FewestImages || (!run.Options<TuneDetectorOptions>().Always && before is not null && decided < before.Decided * Growth))
        {
            run.SetResult(new { tuned = false, reason = string.Create(CultureInfo.InvariantCulture, $"At least {Math.Max(FewestImages, Math.Ceiling((before?.Decided ?? 0) * Growth))} decided images are needed; there are {decided}.") });
            return;
        }

        var items = await run.Database.ReadAsync(
            db => db.Items.Where(i => i.ProjectId == project.Id && i.State == ItemState.Final && i.LabelSource == LabelSource.Human && i.LabelValue != null).OrderByDescending(i => i.DecidedAt).ThenByDescending(i => i.Id).Take(MostImages)
                .Select(i => new DecidedImage(i.Id, i.Url, i.LabelValue!)).ToListAsync(cancellationToken),
            cancellationToken);
        var (truth, found) = await MeasureAsync(run, project, model.Session, items, cancellationToken);
        var usual = project.Settings.Vision.Threshold ?? model.Session.Spec.Threshold;
        var figures = ScoreTuning.Tune(truth, found, usual, model.Session.Spec.Labels.Where(project.Schema.Contains));
        var changed = before is null || !before.Figures().Select(f => (f.Label, f.Line, f.Slope, f.Intercept)).SequenceEqual(figures.Select(f => (f.Label, f.Line, f.Slope, f.Intercept)));
        var row = new DetectorTuning { ProjectId = project.Id, ModelId = model.Id, Images = truth.Count, Decided = decided, Labels = JsonSerializer.Serialize(figures, ProjectJson.Options) };
        await run.CheckpointAsync(
            async scope =>
            {
                row.UpdatedAt = scope.Now;
                await scope.Db.DetectorTunings.Where(t => t.ProjectId == row.ProjectId && t.ModelId == row.ModelId).ExecuteDeleteAsync(cancellationToken);
                await scope.Dialect.InsertAsync(scope.Db, [row], ignoreConflicts: false, cancellationToken);
                if (changed && project.Settings.Vision.Tune) await runs.AddAsync(scope, project.Id, PrelabelHandler.RunKind, new PrelabelOptions { Again = true });
            },
            null,
            cancellationToken: cancellationToken);
        run.SetResult(new { tuned = true, images = truth.Count, labels = figures });
    }

    private async Task<(List<IReadOnlyList<Box>> Truth, List<ScoredBox> Found)> MeasureAsync(RunContext run, Project project, VisionSession session, List<DecidedImage> items, CancellationToken cancellationToken)
    {
        var (truth, found, lost) = (new List<IReadOnlyList<Box>>(), new List<ScoredBox>(), 0);
        await run.CheckpointAsync(null, null, -run.Run.Done, total: items.Count, cancellationToken: cancellationToken);
        foreach (var part in items.Chunk(PartSize))
        {
            foreach (var item in part)
            {
                cancellationToken.ThrowIfCancellationRequested();
                if (MediaService.BlobOf(project.Id, item.Url) is not { } blob || LabelJson.Read(item.Label) is not BoxesValue boxes) continue;
                try
                {
                    await using var stored = await blobs.OpenAsync(blob, cancellationToken);
                    var file = new byte[stored.Length];
                    await stored.ReadExactlyAsync(file, cancellationToken);
                    var seen = await Task.Run(() => session.Detect(file, LeastScore), cancellationToken);
                    found.AddRange(seen.Select(d => new ScoredBox(truth.Count, d.Box, d.Score)));
                    truth.Add(boxes.Boxes);
                }
                catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException or ImageRefusedException)
                {
                    lost++;
                }
            }

            await run.CheckpointAsync(null, null, part.Length, total: items.Count, cancellationToken: cancellationToken);
        }

        if (lost > 0 && truth.Count == 0) throw new RunFailedException("None of the decided images can be read.");
        return (truth, found);
    }

    private sealed record DecidedImage(long Id, string? Url, string Label);
}
