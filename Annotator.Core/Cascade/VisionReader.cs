using System.Globalization;
using Annotator.Core.Items;
using Annotator.Core.Labels;
using Annotator.Core.Media;
using Annotator.Core.Models;
using Annotator.Core.Projects;
using Annotator.Core.Storage;

namespace Annotator.Core.Cascade;

/// <summary>Asks the uploaded model that a project has chosen about its images and films: boxes or tracks of a detector, or classes of a classifier until the project's own student is there.</summary>
public sealed class VisionReader(ModelRegistry models, IBlobStore blobs, DetectorTunings tunings, FilmReader films)
{
    // An image without a find is neither sure nor unsure.
    internal const double NothingFound = 0.5;

    /// <summary>The model in use; null where the project has chosen none, or one that does not fit its task.</summary>
    public async ValueTask<(long Id, VisionSession Session)?> FindAsync(Project project, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(project);
        if (project.Modality == Modality.Text || !long.TryParse(project.Settings.Vision.Model, CultureInfo.InvariantCulture, out var id)) return null;
        if (await models.OpenAsync(id, cancellationToken) is not { } session) return null;
        var fits = session.Spec.Kind == ModelKind.Detector
            ? project.Schema.Type == (project.Modality == Modality.Video ? TaskType.Tracks : TaskType.Boxes)
            : session.Spec.Kind == ModelKind.Classifier && project is { Modality: Modality.Image, Schema: { Type: TaskType.Classification, Multiple: false } };
        return fits ? (id, session) : null;
    }

    /// <summary>What the model says of each image; null where it cannot be looked at. What it has said already is not asked again.</summary>
    /// <param name="project">The project.</param>
    /// <param name="model">The model.</param>
    /// <param name="items">The items.</param>
    /// <param name="again">Whether it is asked again all the same: its lines were moved.</param>
    /// <param name="cancellationToken">Stops between images.</param>
    public async Task<IReadOnlyList<Opinion?>> OpinionsAsync(Project project, (long Id, VisionSession Session) model, IReadOnlyList<Item> items, bool again = false, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(project);
        ArgumentNullException.ThrowIfNull(items);
        var opinions = new Opinion?[items.Count];
        var version = (int)model.Id;
        var lines = await tunings.LinesAsync(project, model.Id, model.Session.Spec, cancellationToken);
        await Parallel.ForAsync(0, items.Count, new ParallelOptions { MaxDegreeOfParallelism = 2, CancellationToken = cancellationToken }, async (i, cancel) =>
        {
            var item = items[i];
            if (!again && item is { PredictionSource: LabelSource.Model, PredictionValue: { } said } && item.PredictionVersion == version)
                opinions[i] = new Opinion(said, item.PredictionConfidence ?? NothingFound, LabelSource.Model, version);
            else if (project.Modality == Modality.Video)
                opinions[i] = await films.AskAsync(project, model, lines, item, cancel);
            else if (MediaService.BlobOf(project.Id, item.Url) is { } blob)
                opinions[i] = await AskAsync(project, model, lines, blob, cancel);
        });
        return opinions;
    }

    private async Task<Opinion?> AskAsync(Project project, (long Id, VisionSession Session) model, ScoreLines lines, string blob, CancellationToken cancellationToken)
    {
        try
        {
            await using var stored = await blobs.OpenAsync(blob, cancellationToken);
            var file = new byte[stored.Length];
            await stored.ReadExactlyAsync(file, cancellationToken);
            return model.Session.Spec.Kind == ModelKind.Detector ? Boxes(project, model, lines, file) : Class(project, model, file);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException or ImageRefusedException)
        {
            return null;
        }
    }

    private static Opinion Boxes(Project project, (long Id, VisionSession Session) model, ScoreLines lines, byte[] file)
    {
        // Of the model's classes only those that the project has.
        var schema = project.Schema;
        var found = model.Session.Detect(file, lines.Least).Where(d => schema.Contains(d.Box.Label) && d.Score >= lines.Of(d.Box.Label)).ToList();
        var confidence = found.Count == 0 ? NothingFound : found.Average(d => lines.Probability(d.Box.Label, d.Score));
        return new Opinion(LabelJson.Write(new BoxesValue(found.Select(d => d.Box))), confidence, LabelSource.Model, (int)model.Id);
    }

    private static Opinion? Class(Project project, (long Id, VisionSession Session) model, byte[] file)
    {
        var scores = model.Session.Classify(file);
        var best = Student.Probabilities.Best(scores);
        var label = model.Session.Spec.Labels[best];
        return project.Schema.Contains(label) ? new Opinion(LabelJson.Write(new ChoiceValue(label)), scores[best], LabelSource.Model, (int)model.Id) : null;
    }
}
