using System.ComponentModel.DataAnnotations;
using System.Globalization;
using Annotator.Core.Cascade;
using Annotator.Core.Labels;
using Annotator.Core.Learning;
using Annotator.Core.Projects;
using Annotator.Core.Runs;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Media.Sampling;

/// <summary>How frames are chosen.</summary>
public enum SampleMode
{
    /// <summary>One every so many seconds.</summary>
    Interval,

    /// <summary>One for each scene.</summary>
    Scene,

    /// <summary>Those that the student, or the project's model, is least sure of.</summary>
    Uncertain,
}

/// <summary>Which frames of a film become images.</summary>
public sealed record SampleFramesOptions
{
    /// <summary>How they are chosen.</summary>
    public SampleMode Mode { get; init; }

    /// <summary>Seconds from one to the next at least, 0.04 to 3,600.</summary>
    [Range(0.04, 3_600)]
    public double EverySeconds { get; init; } = 1;

    /// <summary>By scene: the share of the picture's colours that must be new, 0.02 to 1.</summary>
    [Range(0.02, 1)]
    public double Change { get; init; } = 0.35;

    /// <summary>How many frames at the most, 1 to 10,000.</summary>
    [Range(1, 10_000)]
    public int Most { get; init; } = 500;

    /// <summary>Name of the film's file; the names of the images begin with it.</summary>
    public string FileName { get; init; } = "";

    /// <summary>Where the film is kept until it has been read.</summary>
    public string Blob { get; init; } = "";
}

/// <summary>Where a run that samples frames stands.</summary>
internal sealed record SampleFramesCursor
{
    /// <summary>The chosen frames; null before they are.</summary>
    public IReadOnlyList<int>? Frames { get; init; }

    /// <summary>How many of them are stored.</summary>
    public int Stored { get; init; }
}

/// <summary>Makes images of frames of a film: chooses them at a small size, then decodes the chosen ones in full. An image's key says film and frame, so that a repeat stores nothing twice.</summary>
internal sealed class SampleFramesHandler(IBlobStore blobs, MediaService media, FrameDoubt doubt, RunService runs) : IRunHandler
{
    public const string RunKind = "sampleFrames";

    // Scenes are told apart by colours alone.
    private const int SmallWidth = 64;
    private const int SmallHeight = 36;
    private const double LooksPerSecond = 8;
    private const double ShortestScene = 0.6;

    // A run says how far it is now and then.
    private const int Told = 50;

    public string Kind => RunKind;

    public async Task ExecuteAsync(RunContext run, CancellationToken cancellationToken)
    {
        var options = run.Options<SampleFramesOptions>();
        var cursor = run.Cursor<SampleFramesCursor>();
        var project = await run.Database.ReadAsync(db => db.Projects.SingleAsync(p => p.Id == run.ProjectId, cancellationToken), cancellationToken);
        await using var film = await LocalMedia.OpenAsync(blobs, options.Blob, cancellationToken) ?? throw new RunFailedException("The film is not there any more.");
        try
        {
            var frames = await VideoProbe.ProbeAsync(film.Path, cancellationToken);
            if (!frames.Succeeded) throw new RunFailedException(frames.Errors[0].Message);
            var size = await VideoDecoder.SizeAsync(film.Path, cancellationToken);
            if (cursor.Frames is null)
            {
                cursor = new SampleFramesCursor { Frames = await ChooseAsync(run, project, options, film.Path, frames.Value, size, cancellationToken) };
                await run.CheckpointAsync(null, cursor, -run.Run.Done, total: cursor.Frames.Count, message: "", cancellationToken: cancellationToken);
            }

            await StoreAsync(run, project, options, film.Path, frames.Value, size, cursor, cancellationToken);
        }
        catch (VideoRefusedException e)
        {
            throw new RunFailedException(e.Message, e);
        }

        run.SetResult(new { frames = cursor.Frames!.Count });
        await run.CheckpointAsync(async scope => await runs.AddOnceAsync(scope, project.Id, project.Settings.GroupDuplicates ? DeduplicateHandler.RunKind : PrelabelHandler.RunKind), null, cancellationToken: cancellationToken);
        await blobs.DeleteAsync(options.Blob, CancellationToken.None);
    }

    private async Task<IReadOnlyList<int>> ChooseAsync(RunContext run, Project project, SampleFramesOptions options, string path, VideoFrames frames, ImageSize size, CancellationToken cancellationToken)
    {
        if (options.Mode == SampleMode.Interval) return FramePlan.AtMost(FramePlan.ByInterval(frames, options.EverySeconds), options.Most);
        var looked = 0;
        async Task TellAsync(int frame)
        {
            if (++looked % Told == 0) await run.CheckpointAsync(null, null, total: frames.Count, done: frame - run.Run.Done, cancellationToken: cancellationToken);
        }

        var rate = Math.Max(0.01, frames.Length > 0 ? frames.Count / frames.Length : 1);
        var gap = Math.Max(1, (int)Math.Round(options.EverySeconds * rate));
        if (options.Mode == SampleMode.Uncertain)
        {
            // Twice as close as they may be: the least sure of neighbours is taken.
            var rated = await doubt.RateAsync(project, path, size, Math.Max(1, gap / 2), TellAsync, cancellationToken);
            if (rated.Count == 0) throw new RunFailedException("Nobody is there to be unsure: the project has neither a student nor a model of its choice. Sample by interval or by scene first.");
            return FramePlan.ByWorth(rated, options.Most, gap);
        }

        var (change, changes) = (new SceneChange(), new List<RatedFrame>());
        await foreach (var frame in VideoDecoder.FramesAsync(path, SmallWidth, SmallHeight, Math.Max(1, (int)(rate / LooksPerSecond)), cancellationToken: cancellationToken))
        {
            changes.Add(new RatedFrame(frame.Number, change.Add(frame.Pixels)));
            await TellAsync(frame.Number);
        }

        return FramePlan.AtMost(FramePlan.ByScene(changes, options.Change, Math.Max(gap, (int)Math.Round(ShortestScene * rate))), options.Most);
    }

    private async Task StoreAsync(RunContext run, Project project, SampleFramesOptions options, string path, VideoFrames frames, ImageSize size, SampleFramesCursor cursor, CancellationToken cancellationToken)
    {
        var stem = Path.GetFileNameWithoutExtension(options.FileName) is { Length: > 0 } given ? given : "film";
        var chosen = cursor.Frames!;
        for (var i = cursor.Stored; i < chosen.Count; i++)
        {
            var (frame, seconds) = (chosen[i], frames.SecondsAt(chosen[i]));

            // A little before the frame's time, and after that of the one before: the first that comes then is it.
            var before = frame == 0 ? 0 : (seconds - frames.SecondsAt(frame - 1)) * 0.4;
            var pixels = await VideoDecoder.PictureAsync(path, Math.Max(0, seconds - before), size.Width, size.Height, cancellationToken);
            var refused = "The frame cannot be decoded.";
            if (pixels is not null)
            {
                var name = string.Create(CultureInfo.InvariantCulture, $"{stem}-{frame:000000}.jpg");
                var stored = await media.StoreAsync(project, name, new MemoryStream(ImageFiles.ToJpeg(pixels, size.Width, size.Height), writable: false), new Dictionary<string, object>(StringComparer.Ordinal) { ["film"] = options.FileName, ["frame"] = frame, ["seconds"] = Math.Round(seconds, 3) }, cancellationToken);
                refused = stored.Refused;
            }

            cursor = cursor with { Stored = i + 1 };
            await run.CheckpointAsync(null, cursor, refused is null ? 1 : 0, refused is null ? 0 : 1, cancellationToken: cancellationToken);
        }
    }
}

/// <summary>Takes films whose frames become images.</summary>
public sealed class FrameSampling(AnnotatorDatabase database, IBlobStore blobs, RunService runs, FrameDoubt doubt, Microsoft.Extensions.Options.IOptions<MediaOptions> options)
{
    /// <summary>Stores a film and starts a run that makes images of its frames.</summary>
    /// <param name="project">A project of images.</param>
    /// <param name="request">Which frames.</param>
    /// <param name="content">The film; read once.</param>
    /// <param name="userId">Who sends it.</param>
    /// <param name="cancellationToken">Cancels; nothing stays then.</param>
    public async Task<Outcome<Run>> StartAsync(Project project, SampleFramesOptions request, Stream content, long? userId, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(project);
        ArgumentNullException.ThrowIfNull(request);
        if (project.Modality != Modality.Image) return Outcome<Run>.Fail("file", "Frames become images, and this project takes none. A project of videos takes the film itself.");
        var wrong = new List<ValidationResult>();
        if (!Validator.TryValidateObject(request, new ValidationContext(request), wrong, validateAllProperties: true))
            return Outcome<Run>.Fail([.. wrong.Select(w => (System.Text.Json.JsonNamingPolicy.CamelCase.ConvertName(w.MemberNames.FirstOrDefault() ?? "options"), w.ErrorMessage ?? "Is not valid."))]);
        if (request.Mode == SampleMode.Uncertain && !await doubt.IsAvailableAsync(project, cancellationToken))
            return Outcome<Run>.Fail("mode", "Nobody is there to be unsure: the project has neither a student nor a model of its choice. Sample by interval or by scene first.");
        var kept = await UploadedFilms.KeepAsync(blobs, content, options.Value.VideoMegabytes * 1_000_000L, cancellationToken);
        if (!kept.Succeeded) return Outcome<Run>.Fail(kept.Errors);
        var started = false;
        try
        {
            var run = await database.WriteAsync(scope => runs.AddAsync(scope, project.Id, SampleFramesHandler.RunKind, request with { Blob = kept.Value }, userId), cancellationToken);
            started = run.Options.Contains(kept.Value, StringComparison.Ordinal);
            return run;
        }
        finally
        {
            if (!started) await blobs.DeleteAsync(kept.Value, CancellationToken.None);
        }
    }
}
