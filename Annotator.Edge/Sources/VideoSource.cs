using System.Globalization;
using System.Threading.Channels;
using Annotator.Edge.Annotating;
using Annotator.Edge.Health;
using Annotator.Edge.Models;

namespace Annotator.Edge.Sources;

/// <summary>What a video source came to.</summary>
/// <param name="Frames">Frames that were labelled.</param>
/// <param name="Dropped">Frames of a live source that came while the model was busy, and were passed over.</param>
/// <param name="Kept">Labels that were kept.</param>
internal sealed record VideoResult(long Frames, long Dropped, long Kept);

/// <summary>
/// Frames of one source, each labelled, with a state that follows the source: a label is kept when the smoothed label changes, and once a second
/// while it stays, instead of thirty times. A live source never waits for the model: the newest frame counts, and what came meanwhile is passed over. A file waits.
/// </summary>
internal sealed class VideoSource(AnnotationLoop loop, ModelShelf models, AgentGauges gauges, TimeProvider time)
{
    private static readonly TimeSpan s_keepEvery = TimeSpan.FromSeconds(1);

    /// <summary>Labels the frames of a source until it ends.</summary>
    /// <param name="source">File, device or address.</param>
    /// <param name="name">The source's name: the keys begin with it.</param>
    /// <param name="framesPerSecond">Frames a second that are looked at.</param>
    /// <param name="isLive">Whether the source goes on whether or not somebody looks.</param>
    /// <param name="output">Where kept labels are written to, as lines of JSON.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public async Task<VideoResult> RunAsync(string source, string name, double framesPerSecond, bool isLive, TextWriter output, CancellationToken cancellationToken)
    {
        await models.WaitAsync(cancellationToken);
        var (width, height) = models.FrameSize ?? throw new EdgeException("The model in service does not take pictures; a video source needs one that does.");

        // A few frames between ffmpeg and the model, so that neither waits for a hiccup of the other.
        var dropped = 0L;
        var options = new BoundedChannelOptions(isLive ? 2 : 8) { SingleReader = true, SingleWriter = true, FullMode = isLive ? BoundedChannelFullMode.DropOldest : BoundedChannelFullMode.Wait };
        var frames = Channel.CreateBounded<(long Number, Frame Frame, Frame? Whole)>(options, _ =>
        {
            dropped++;
            gauges.NoteDropped();
        });
        var reading = ReadAsync(source, framesPerSecond, width, height, loop.PicturePixels, frames.Writer, cancellationToken);
        var result = await LabelAsync(frames.Reader, name, framesPerSecond, isLive, output, cancellationToken);
        await reading;
        return result with { Dropped = dropped };
    }

    private static async Task ReadAsync(string source, double framesPerSecond, int width, int height, int pixels, ChannelWriter<(long, Frame, Frame?)> frames, CancellationToken cancellationToken)
    {
        Exception? error = null;
        try
        {
            var number = 0L;
            if (pixels == 0)
            {
                await foreach (var frame in FfmpegFrames.ReadAsync(source, framesPerSecond, width, height, cancellationToken)) await frames.WriteAsync((number++, frame, null), cancellationToken);
            }
            else
            {
                // A person needs more to see than the model: the frame is kept as it may be sent, and the model gets it in its own size.
                await foreach (var whole in FfmpegFrames.ReadWholeAsync(source, framesPerSecond, pixels, cancellationToken)) await frames.WriteAsync((number++, PortablePixmap.Scale(whole, width, height), whole), cancellationToken);
            }
        }
        catch (Exception e)
        {
            error = e;
        }
        finally
        {
            frames.TryComplete(error);
        }
    }

    private async Task<VideoResult> LabelAsync(ChannelReader<(long Number, Frame Frame, Frame? Whole)> frames, string name, double framesPerSecond, bool isLive, TextWriter output, CancellationToken cancellationToken)
    {
        var (count, kept, state) = (0L, 0L, new SceneState());
        var keptAt = double.NegativeInfinity;
        var began = time.GetUtcNow().ToUnixTimeMilliseconds();
        var keeping = Task.CompletedTask;
        await foreach (var (number, frame, whole) in frames.ReadAllAsync(cancellationToken))
        {
            var since = time.GetTimestamp();
            if (!models.TryPredict([new EdgeItem(name, null, frame)], out var opinions, out var version, out var error))
            {
                if (!models.NoteFailure(error)) EdgeLog.Warn($"Frame {number} of {name}: {error.Message}");
                continue;
            }

            count++;
            gauges.Note(opinions[0].Confidence, time.GetElapsedTime(since));
            var changed = state.Add(opinions[0]);
            var at = number / framesPerSecond;
            if (!changed && at - keptAt < s_keepEvery.TotalSeconds) continue;
            keptAt = at;
            kept++;

            // One at a time: the disk may be slower than the camera for a moment, and order is kept.
            await keeping;
            var key = isLive ? string.Create(CultureInfo.InvariantCulture, $"{name}@{began}#{number}") : string.Create(CultureInfo.InvariantCulture, $"{name}#{number}");
            keeping = KeepAsync(new EdgeItem(key, null, frame, whole is null ? null : (_, cancel) => FfmpegFrames.PictureAsync(whole, cancel)), state.Opinion, version, output, cancellationToken);
        }

        await keeping;
        return new VideoResult(count, 0, kept);
    }

    private async Task KeepAsync(EdgeItem item, EdgeOpinion opinion, int version, TextWriter output, CancellationToken cancellationToken)
    {
        var annotation = await loop.KeepAsync(item, opinion, version, cancellationToken);
        await output.WriteLineAsync(JsonlSource.Line(annotation).AsMemory(), cancellationToken);
    }
}

/// <summary>What a source shows, over a few frames: one odd frame does not change it.</summary>
internal sealed class SceneState
{
    // Weight of the newest frame in the mean: at thirty frames a second a new label wins after about a sixth of a second.
    private const double Weight = 0.2;

    private readonly Dictionary<string, double> _means = new(StringComparer.Ordinal);

    /// <summary>The label of the source now, with its smoothed confidence.</summary>
    public EdgeOpinion Opinion { get; private set; } = new("", 0, 1);

    /// <summary>Takes a frame's opinion.</summary>
    /// <returns>Whether the label of the source is another one now.</returns>
    public bool Add(EdgeOpinion opinion)
    {
        foreach (var value in _means.Keys.ToList())
        {
            _means[value] *= 1 - Weight;
            if (_means[value] < 1e-6) _means.Remove(value);
        }

        // Before there is anything to compare with, the first frame is all there is.
        _means[opinion.Value] = _means.GetValueOrDefault(opinion.Value) + ((Opinion.Value.Length == 0 ? 1 : Weight) * opinion.Confidence);
        var (best, mean) = _means.MaxBy(m => m.Value);
        var changed = !string.Equals(best, Opinion.Value, StringComparison.Ordinal);
        Opinion = new EdgeOpinion(best, Math.Clamp(mean, 0, 1), opinion.Familiarity);
        return changed;
    }
}
