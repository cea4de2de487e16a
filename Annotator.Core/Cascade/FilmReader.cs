using Annotator.Core.Items;
using Annotator.Core.Labels;
using Annotator.Core.Media;
using Annotator.Core.Media.Tracking;
using Annotator.Core.Models;
using Annotator.Core.Projects;
using Annotator.Core.Runs;
using Annotator.Core.Storage;

namespace Annotator.Core.Cascade;

/// <summary>Asks a detector about films: some frames a second are looked at, and what is found in them is put together to tracks with few keyframes.</summary>
public sealed class FilmReader(IBlobStore blobs, VideoProbe probe)
{
    // Of a very long film so many frames are looked at, further apart than was asked for.
    private const int MostLooks = 20_000;

    // Weaker boxes than this share of the threshold do not carry a track on.
    private const double Weak = 0.5;

    /// <summary>Which frames of a film are looked at: every so many.</summary>
    /// <param name="frames">The film's frames.</param>
    /// <param name="range">The part that is asked about.</param>
    /// <param name="perSecond">How many frames a second are wanted.</param>
    public static int StepOf(VideoFrames frames, FilmRange range, double perSecond)
    {
        ArgumentNullException.ThrowIfNull(frames);
        var rate = frames.Rate ?? (frames.Times is { Count: > 1 } times && times[^1] > times[0] ? (times.Count - 1) / (times[^1] - times[0]) : 1);
        var step = Math.Max(1, (int)Math.Round(rate / perSecond));
        return Math.Max(step, (range.EndIn(frames.Count) - range.First + MostLooks - 1) / MostLooks);
    }

    /// <summary>The tracks of a film; null where it cannot be looked at.</summary>
    /// <param name="project">The project: its settings say how many frames are looked at, and how exact keyframes are.</param>
    /// <param name="model">A detector.</param>
    /// <param name="lines">From which score a box of each label counts.</param>
    /// <param name="item">The item.</param>
    /// <param name="cancellationToken">Stops between frames.</param>
    /// <exception cref="RunFailedException">ffmpeg is not there.</exception>
    public async Task<Opinion?> AskAsync(Project project, (long Id, VisionSession Session) model, ScoreLines lines, Item item, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(project);
        ArgumentNullException.ThrowIfNull(lines);
        ArgumentNullException.ThrowIfNull(item);
        if (MediaService.NameOf(project.Id, item.Url) is not { } name || MediaService.BlobOf(project.Id, item.Url) is not { } blob) return null;
        var frames = await probe.ReadAsync(project.Id, name, cancellationToken);
        if (!frames.Succeeded) return frames.Errors[0].Message.StartsWith("ffmpeg ", StringComparison.Ordinal) ? throw new RunFailedException(VideoDecoder.Missing) : null;
        await using var file = await LocalMedia.OpenAsync(blobs, blob, cancellationToken);
        if (file is null) return null;
        try
        {
            return await FollowAsync(project, model, lines, file.Path, frames.Value, FilmRange.Of(item.Metadata), cancellationToken);
        }
        catch (VideoRefusedException)
        {
            return null;
        }
    }

    private static async Task<Opinion> FollowAsync(Project project, (long Id, VisionSession Session) model, ScoreLines lines, string path, VideoFrames frames, FilmRange range, CancellationToken cancellationToken)
    {
        var (schema, vision) = (project.Schema, project.Settings.Vision);
        var size = await VideoDecoder.SizeAsync(path, cancellationToken);
        var fit = model.Session.Fit(size);
        var step = StepOf(frames, range, vision.TrackRate);
        var perSecond = Math.Max(1, vision.TrackRate);
        var tracker = new BoxTracker(new TrackerOptions { Strong = 1, Patience = Math.Max(2, (int)Math.Round(perSecond)) });
        var looked = new List<int>();
        await foreach (var frame in VideoDecoder.FramesAsync(path, fit.Width, fit.Height, step, range.First, range.EndIn(frames.Count), cancellationToken))
        {
            // Scores are told as shares of what a box of that label needs: 1 and above is enough by itself.
            var found = model.Session.Detect(frame.Pixels, size, lines.Least * Weak);
            tracker.Add(frame.Number, [.. found.Where(d => schema.Contains(d.Box.Label) && d.Score >= lines.Of(d.Box.Label) * Weak).Select(d => new Sighting(d.Box, d.Score / lines.Of(d.Box.Label)))]);
            looked.Add(frame.Number);
        }

        var followed = tracker.Finish();
        var value = TrackKeyframes.ToTracks(followed, size, looked, range.EndIn(frames.Count), vision.TrackTolerance);
        var confidence = followed.Count == 0 ? VisionReader.NothingFound : followed.Average(f => lines.Probability(f.Label, Math.Min(1, f.Score * lines.Of(f.Label))));
        return new Opinion(LabelJson.Write(value), confidence, LabelSource.Model, (int)model.Id);
    }
}
