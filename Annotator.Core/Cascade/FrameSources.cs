using System.Collections.Concurrent;
using System.Globalization;
using Annotator.Core.Items;
using Annotator.Core.Labels;
using Annotator.Core.Media;
using Annotator.Core.Media.Tracking;
using Annotator.Core.Models;
using Annotator.Core.Projects;
using Annotator.Core.Student;
using Microsoft.Extensions.Options;

namespace Annotator.Core.Cascade;

/// <summary>A box in a frame, with the object that it belongs to.</summary>
/// <param name="Label">The object's label: the one that most of its detections have.</param>
/// <param name="X">Left edge in pixels of the frame.</param>
/// <param name="Y">Top edge.</param>
/// <param name="Width">Width.</param>
/// <param name="Height">Height.</param>
/// <param name="Score">Score of the detection, 0 to 1.</param>
/// <param name="Track">The object's number: the same in all frames of its source, and never given to another.</param>
/// <param name="Seen">In how many frames it was seen; of what was seen once or twice little is to be thought.</param>
public sealed record FrameBox(string Label, double X, double Y, double Width, double Height, double Score, long Track, int Seen);

/// <summary>What became of a frame.</summary>
/// <param name="Number">Its number.</param>
public sealed record FrameAnswer(long Number)
{
    /// <summary>Whether it was not looked at: newer ones had come before its turn.</summary>
    public bool Dropped { get; init; }

    /// <summary>How many frames of the source were dropped so far.</summary>
    public long DroppedSoFar { get; init; }

    /// <summary>The label value as JSON; null where there is no model, or it was not looked at.</summary>
    public string? Value { get; init; }

    /// <summary>How sure the model is, 0 to 1.</summary>
    public double? Confidence { get; init; }

    /// <summary>Who says it.</summary>
    public LabelSource? Source { get; init; }

    /// <summary>Which version of it.</summary>
    public int? Version { get; init; }

    /// <summary>The boxes, where the project is one of boxes.</summary>
    public IReadOnlyList<FrameBox> Boxes { get; init; } = [];

    /// <summary>How doubtful it is, 0 to 1.</summary>
    public double Doubt { get; init; }

    /// <summary>The item that it was kept as; null where it was not kept.</summary>
    public long? ItemId { get; init; }

    /// <summary>The item's key.</summary>
    public string? Key { get; init; }

    /// <summary>Milliseconds from its arrival to this answer.</summary>
    public double Milliseconds { get; init; }

    /// <summary>Why it was refused; null where it was not.</summary>
    public string? Error { get; init; }
}

/// <summary>How a source stands.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Frames">Frames that were looked at.</param>
/// <param name="Dropped">Frames that were dropped.</param>
/// <param name="Kept">Frames that were kept as items.</param>
/// <param name="Last">Number of the newest frame that was looked at.</param>
/// <param name="LastAt">When it was.</param>
public sealed record FrameSourceState(string Name, long Frames, long Dropped, long Kept, long Last, DateTimeOffset LastAt);

/// <summary>More sources send frames than are taken.</summary>
public sealed class TooManySourcesException() : Exception(string.Create(CultureInfo.InvariantCulture, $"At most {FrameSources.MostSources} sources send frames at a time."));

/// <summary>
/// Frames as they come from cameras and the like, 10 to 30 a second and source. Those of a source are looked at one after the other, in order, by the project's student or detector; objects are followed from
/// frame to frame, and each is answered at once. Who is faster than the model is not held up: of the frames that wait the oldest are dropped, for the newest is worth most, and the sender is told. Only frames that
/// the model is unsure of are kept, as the project's policy says. A source that sends nothing for a while is forgotten.
/// </summary>
public sealed class FrameSources(StudentReader students, VisionReader vision, DetectorTunings tunings, MediaService media, TimeProvider time, IOptions<MediaOptions> options)
{
    /// <summary>The most sources at a time in this process.</summary>
    public const int MostSources = 128;

    /// <summary>The largest frame in bytes, as a file.</summary>
    public const int MostBytes = 8_000_000;

    /// <summary>The longest name of a source.</summary>
    public const int LongestName = 100;

    // A source that was silent for so long begins anew.
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(2);

    // Weaker boxes than this share of the line carry on a track that is there.
    private const double Weak = 0.5;

    // Steps of the tracker's model of motion for frames that were left out.
    private const int MostSteps = 30;

    // An object may be out of sight for so many frames that were looked at.
    private const int Patience = 15;

    private readonly ConcurrentDictionary<(long Project, string Name), FrameSource> _sources = new();

    /// <summary>Why a project takes no frames; null where it does.</summary>
    public static string? Refuses(Project project)
    {
        ArgumentNullException.ThrowIfNull(project);
        return project is { Modality: Modality.Image, Schema.Type: TaskType.Boxes or TaskType.Classification } ? null : "Frames go into a project of images whose task is boxes or classification.";
    }

    /// <summary>Whether a name may be one of a source: 1 to 100 letters, digits, dots, dashes and underscores.</summary>
    public static bool IsName(string? name) => name is { Length: > 0 and <= LongestName } && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' or '_');

    /// <summary>How the sources of a project stand that send to this process.</summary>
    public IReadOnlyList<FrameSourceState> Of(long projectId) => [.. _sources.Where(s => s.Key.Project == projectId).Select(s => s.Value.State).OrderBy(s => s.Name, StringComparer.Ordinal)];

    /// <summary>Takes the next frame of a source.</summary>
    /// <param name="project">The project, as it is now; must take frames (<see cref="Refuses"/>).</param>
    /// <param name="source">The source; a valid name (<see cref="IsName"/>).</param>
    /// <param name="number">The frame's number, greater than the one before; 0 begins anew; null: the next.</param>
    /// <param name="image">The frame as a file of an image.</param>
    /// <returns>What becomes of it, when that is known.</returns>
    /// <exception cref="TooManySourcesException">It is a new source, and there are too many.</exception>
    public Task<FrameAnswer> OfferAsync(Project project, string source, long? number, byte[] image)
    {
        ArgumentNullException.ThrowIfNull(project);
        ArgumentNullException.ThrowIfNull(image);
        if (!IsName(source)) throw new ArgumentException("Is no name of a source.", nameof(source));
        while (true)
        {
            var known = _sources.TryGetValue((project.Id, source), out var found) ? found : Add(project.Id, source);
            if (known.TryOffer(project, number, image, out var answer)) return answer;
        }
    }

    private FrameSource Add(long projectId, string name)
    {
        foreach (var (key, old) in _sources)
        {
            if (old.TryRetire(s_patience)) _sources.TryRemove(new KeyValuePair<(long, string), FrameSource>(key, old));
        }

        return _sources.Count >= MostSources ? throw new TooManySourcesException() : _sources.GetOrAdd((projectId, name), _ => new FrameSource(this, name));
    }

    private async Task<FrameAnswer> LookAsync(Project project, FrameSource source, Waiter frame)
    {
        var number = frame.Number;
        ImageSize size;
        try
        {
            size = ImageFiles.SizeOf(frame.Image);
            if ((long)size.Width * size.Height > options.Value.Megapixels * 1_000_000L) return new FrameAnswer(number) { Error = $"The image has {size.Width} x {size.Height} pixels; at most {options.Value.Megapixels} million are taken." };
            var (opinion, boxes, doubt) = await AskAsync(project, source, frame, size);
            var answer = new FrameAnswer(number) { Boxes = boxes, Doubt = Math.Round(doubt, 4) };
            if (opinion is not null) answer = answer with { Value = opinion.Value, Confidence = Math.Round(opinion.Confidence, 4), Source = opinion.Source, Version = opinion.Version };
            return source.MayKeep(project.Settings.Vision.Frames, doubt) ? await KeepAsync(project, source, frame, opinion, answer) : answer;
        }
        catch (ImageRefusedException e)
        {
            return new FrameAnswer(number) { Error = e.Message };
        }
    }

    private async Task<(Opinion? Opinion, IReadOnlyList<FrameBox> Boxes, double Doubt)> AskAsync(Project project, FrameSource source, Waiter frame, ImageSize size)
    {
        if (await students.FindAsync(project) is { Model.OfImages: true } student)
        {
            var canvas = ImageFiles.Pixels(frame.Image, student.Model.CanvasWidth, student.Model.CanvasHeight);
            var said = student.Predict(canvas);
            return (CascadeRouter.FromStudent(said.Classes, said.Row(0), project.Schema.Multiple, student.Version.Version), [], FrameDoubt.Of(said.Row(0)));
        }

        // With nobody to ask, every frame is as good as any other.
        if (await vision.FindAsync(project) is not { } model) return (null, [], 1);
        var fit = model.Session.Fit(size);
        var pixels = ImageFiles.Pixels(frame.Image, fit.Width, fit.Height);
        if (model.Session.Spec.Kind == ModelKind.Classifier)
        {
            var scores = model.Session.ClassifyPixels(pixels);
            var best = Probabilities.Best(scores);
            var label = model.Session.Spec.Labels[best];
            return (project.Schema.Contains(label) ? new Opinion(LabelJson.Write(new ChoiceValue(label)), scores[best], LabelSource.Model, (int)model.Id) : null, [], FrameDoubt.Of(scores));
        }

        var lines = await tunings.LinesAsync(project, model.Id, model.Session.Spec);
        var found = model.Session.Detect(pixels, size, lines.Least * FrameDoubt.Faint);
        var boxes = source.Follow(frame.Number, model.Id, [.. found.Where(d => project.Schema.Contains(d.Box.Label) && d.Score >= lines.Of(d.Box.Label) * Weak)], lines);
        var confidence = boxes.Count == 0 ? VisionReader.NothingFound : boxes.Average(b => lines.Probability(b.Label, b.Score));
        var value = LabelJson.Write(new BoxesValue(boxes.Select(b => new Box(b.Label, b.X, b.Y, b.Width, b.Height))));
        return (new Opinion(value, confidence, LabelSource.Model, (int)model.Id), boxes, FrameDoubt.Of(project.Schema, found, lines));
    }

    private async Task<FrameAnswer> KeepAsync(Project project, FrameSource source, Waiter frame, Opinion? opinion, FrameAnswer answer)
    {
        var now = time.GetUtcNow();
        var ending = MediaKind.Of(frame.Image) is { } kind ? kind.ContentType[(kind.ContentType.LastIndexOf('/') + 1)..] : "img";
        var name = string.Create(CultureInfo.InvariantCulture, $"{source.Name}-{now:yyyyMMdd-HHmmss}-{frame.Number:D6}.{ending}");
        var more = new Dictionary<string, object>(StringComparer.Ordinal) { ["source"] = source.Name, ["frame"] = frame.Number, ["at"] = now, ["doubt"] = answer.Doubt };
        if (answer.Boxes.Count > 0) more["tracks"] = answer.Boxes.Select(b => b.Track).ToArray();
        var stored = await media.StoreAsync(project, new NewItem(name, null, Said: opinion), name, new MemoryStream(frame.Image, writable: false), more, CancellationToken.None);
        if (stored.Refused is { } reason) return answer with { Error = reason };
        source.Kept();
        return answer with { ItemId = stored.Items[0].Item.Id, Key = stored.Items[0].Item.Key };
    }

    private sealed record Waiter(Project Project, long Number, byte[] Image, long Since)
    {
        public TaskCompletionSource<FrameAnswer> Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    /// <summary>What is known of a source between its frames.</summary>
    private sealed class FrameSource(FrameSources owner, string name)
    {
        private readonly Lock _lock = new();
        private readonly Queue<Waiter> _waiting = new();
        private readonly Queue<DateTimeOffset> _kept = new();
        private BoxTracker? _tracker;
        private (long Model, long First) _trackerOf;
        private long _offered = -1;
        private long _looked = -1;
        private long _followed = -1;
        private long _frames;
        private long _dropped;
        private long _keptInAll;
        private DateTimeOffset _lastAt = owner.Time.GetUtcNow();
        private bool _working;
        private bool _retired;

        public string Name { get; } = name;

        public FrameSourceState State
        {
            get
            {
                lock (_lock) return new FrameSourceState(Name, _frames, _dropped, _keptInAll, _looked, _lastAt);
            }
        }

        /// <summary>Takes a frame; false where the source was forgotten meanwhile.</summary>
        public bool TryOffer(Project project, long? number, byte[] image, out Task<FrameAnswer> answer)
        {
            Waiter waiter;
            lock (_lock)
            {
                answer = Task.FromResult(new FrameAnswer(number ?? 0));
                if (_retired) return false;
                var own = number ?? _offered + 1;
                var wrong = own < 0 ? "A frame's number is 0 or more."
                    : own > 0 && own <= _offered ? string.Create(CultureInfo.InvariantCulture, $"Frames of a source go forward, and {_offered} was there already; 0 begins anew.") : null;
                if (wrong is not null)
                {
                    answer = Task.FromResult(new FrameAnswer(own) { Error = wrong, DroppedSoFar = _dropped });
                    return true;
                }

                _offered = own;
                _lastAt = owner.Time.GetUtcNow();
                waiter = new Waiter(project, own, image, owner.Time.GetTimestamp());
                while (_waiting.Count >= project.Settings.Vision.Frames.Buffer)
                {
                    var oldest = _waiting.Dequeue();
                    oldest.Done.TrySetResult(new FrameAnswer(oldest.Number) { Dropped = true, DroppedSoFar = ++_dropped, Milliseconds = Since(oldest) });
                }

                _waiting.Enqueue(waiter);
                answer = waiter.Done.Task;
                if (_working) return true;
                _working = true;
            }

            // Whoever happens to come first must not lend its request's ambient state to all others.
            using (ExecutionContext.SuppressFlow()) _ = Task.Run(WorkAsync);
            return true;
        }

        /// <summary>Forgets a source that is silent.</summary>
        public bool TryRetire(TimeSpan patience)
        {
            lock (_lock)
            {
                if (_working || owner.Time.GetUtcNow() - _lastAt < patience) return false;
                return _retired = true;
            }
        }

        /// <summary>Follows objects into the next frame. Only the source's worker calls it.</summary>
        public List<FrameBox> Follow(long number, long model, List<Detection> found, ScoreLines lines)
        {
            // Another model, or frames from the beginning: nothing goes on.
            if (_tracker is null || _trackerOf.Model != model || number <= _followed)
            {
                // Scores are told as shares of what a box of that label needs: 1 and above is enough by itself.
                _tracker = new BoxTracker(new TrackerOptions { Strong = 1, Patience = Patience, History = false });
                (_trackerOf, _followed) = ((model, number), number - 1);
            }

            _tracker.Add((int)((number - _trackerOf.First) % int.MaxValue), [.. found.Select(d => new Sighting(d.Box, d.Score / lines.Of(d.Box.Label)))], (int)Math.Clamp(number - _followed, 1, MostSteps));
            _followed = number;

            // A weak box counts where it goes on with something.
            return [.. _tracker.Current.Where(t => t.Score >= 1 || t.Seen > 1)
                .Select(t => new FrameBox(t.Label, t.Box.X, t.Box.Y, t.Box.Width, t.Box.Height, Math.Round(Math.Clamp(t.Score * lines.Of(t.Box.Label), 0, 1), 4), t.Number, t.Seen))];
        }

        /// <summary>Whether a frame may be kept now. Only the source's worker calls it.</summary>
        public bool MayKeep(FrameSettings policy, double doubt)
        {
            if (doubt < policy.Doubt || policy.PerMinute == 0) return false;
            var now = owner.Time.GetUtcNow();
            while (_kept.TryPeek(out var oldest) && now - oldest >= TimeSpan.FromMinutes(1)) _kept.Dequeue();
            return _kept.Count < policy.PerMinute && (_kept.Count == 0 || now - _kept.Last() >= TimeSpan.FromSeconds(policy.GapSeconds));
        }

        /// <summary>Notes that a frame was kept.</summary>
        public void Kept()
        {
            _kept.Enqueue(owner.Time.GetUtcNow());
            lock (_lock) _keptInAll++;
        }

        private async Task WorkAsync()
        {
            while (true)
            {
                Waiter? next;
                lock (_lock)
                {
                    if (!_waiting.TryDequeue(out next))
                    {
                        _working = false;
                        return;
                    }
                }

                FrameAnswer answer;
                try
                {
                    answer = await owner.LookAsync(next.Project, this, next);
                }
                catch (Exception e) when (e is not OutOfMemoryException)
                {
                    // One frame's trouble is not the next one's.
                    answer = new FrameAnswer(next.Number) { Error = "The frame could not be looked at at the moment." };
                }

                lock (_lock)
                {
                    _frames++;
                    _looked = next.Number;
                    answer = answer with { DroppedSoFar = _dropped };
                }

                next.Done.TrySetResult(answer with { Milliseconds = Since(next) });
            }
        }

        private double Since(Waiter waiter) => Math.Round(owner.Time.GetElapsedTime(waiter.Since).TotalMilliseconds, 1);
    }

    private TimeProvider Time => time;
}
