using Annotator.Core.Labels;
using Annotator.Core.Media;
using Annotator.Core.Media.Sampling;
using Annotator.Core.Models;
using Annotator.Core.Projects;
using Annotator.Core.Student;

namespace Annotator.Core.Cascade;

/// <summary>How unsure a project's student, or the model that it has chosen, is of the frames of a film: those are worth most to people.</summary>
public sealed class FrameDoubt(StudentReader students, VisionReader vision, DetectorTunings tunings)
{
    // Boxes below this share of their line are nothing that somebody would look at.
    internal const double Faint = 0.3;

    /// <summary>Whether there is anybody to be unsure.</summary>
    public async Task<bool> IsAvailableAsync(Project project, CancellationToken cancellationToken = default) =>
        await students.FindAsync(project, cancellationToken) is { Model.OfImages: true } || await vision.FindAsync(project, cancellationToken) is not null;

    /// <summary>Rates frames: 0 where the answer is sure, 1 where it is a toss-up.</summary>
    /// <param name="project">A project of images.</param>
    /// <param name="path">The film.</param>
    /// <param name="size">Size of its picture.</param>
    /// <param name="step">Every how many frames one is looked at.</param>
    /// <param name="told">Called after each frame.</param>
    /// <param name="cancellationToken">Stops between frames.</param>
    public async Task<IReadOnlyList<RatedFrame>> RateAsync(Project project, string path, ImageSize size, int step, Func<int, Task> told, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(project);
        ArgumentNullException.ThrowIfNull(told);
        var student = await students.FindAsync(project, cancellationToken) is { Model.OfImages: true } own ? own : null;
        var model = student is null ? await vision.FindAsync(project, cancellationToken) : null;
        if (student is null && model is null) return [];
        var lines = model is { } chosen ? await tunings.LinesAsync(project, chosen.Id, chosen.Session.Spec, cancellationToken) : new ScoreLines(0.5);
        var fit = model is { } seeing ? seeing.Session.Fit(size) : new ImageSize(student!.Model.CanvasWidth, student.Model.CanvasHeight);
        var rated = new List<RatedFrame>();
        await foreach (var frame in VideoDecoder.FramesAsync(path, fit.Width, fit.Height, step, cancellationToken: cancellationToken))
        {
            var doubt = student is not null ? Of(student.Predict(frame.Pixels, cancellationToken).Row(0))
                : model!.Value.Session.Spec.Kind == ModelKind.Classifier ? Of(model.Value.Session.ClassifyPixels(frame.Pixels))
                : Of(project.Schema, model.Value.Session.Detect(frame.Pixels, size, lines.Least * Faint), lines);
            rated.Add(new RatedFrame(frame.Number, doubt));
            await told(frame.Number);
        }

        return rated;
    }

    internal static double Of(ReadOnlySpan<float> probabilities)
    {
        var best = 0f;
        foreach (var p in probabilities) best = Math.Max(best, p);
        return 1 - best;
    }

    // The box that is nearest to its line: whether it is shown is a toss-up.
    internal static double Of(LabelSchema schema, IReadOnlyList<Detection> found, ScoreLines lines)
    {
        var most = 0.0;
        foreach (var one in found.Where(d => schema.Contains(d.Box.Label)))
        {
            var line = lines.Of(one.Box.Label);
            most = Math.Max(most, one.Score < line ? one.Score / line : (1 - one.Score) / Math.Max(1e-6, 1 - line));
        }

        return most;
    }
}
