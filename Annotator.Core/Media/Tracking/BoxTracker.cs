using Annotator.Core.Labels;

namespace Annotator.Core.Media.Tracking;

/// <summary>How detections become tracks.</summary>
public sealed record TrackerOptions
{
    /// <summary>Detections from this score on begin tracks; weaker ones only carry on those that are there (Zhang et al. 2022, "ByteTrack").</summary>
    public double Strong { get; init; } = 0.3;

    /// <summary>Least intersection over union of a track's expected box and the detection that carries it on.</summary>
    public double Overlap { get; init; } = 0.2;

    /// <summary>Steps that an object may be unseen before its track ends.</summary>
    public int Patience { get; init; } = 8;

    /// <summary>Detections that a track must have: what a detector saw once or twice is mostly nothing.</summary>
    public int LeastSeen { get; init; } = 3;

    /// <summary>Whether all that was seen is kept for <see cref="BoxTracker.Finish"/>. Without it a tracker takes the same memory however long it follows.</summary>
    public bool History { get; init; } = true;

    /// <summary>What another label counts, as overlap: detectors take a lorry for a car now and then, and it stays one object.</summary>
    public double OtherLabel { get; init; } = 0.25;
}

/// <summary>A detection in one of the frames that were looked at.</summary>
/// <param name="Box">The box with its label.</param>
/// <param name="Score">0 to 1.</param>
public readonly record struct Sighting(Box Box, double Score);

/// <summary>An object that was followed.</summary>
/// <param name="Label">The label that most of its detections have, by score.</param>
/// <param name="Score">Mean score of its detections.</param>
/// <param name="Boxes">Where it was seen, frames ascending; between two it was not, or nobody looked.</param>
public sealed record FollowedObject(string Label, double Score, IReadOnlyList<Keyframe> Boxes);

/// <summary>An object as it is followed right now.</summary>
/// <param name="Number">Its number, from 1 in a tracker; never given twice.</param>
/// <param name="Label">The label that most of its detections have, by score.</param>
/// <param name="Box">Where the detector saw it in this frame.</param>
/// <param name="Score">The detection's score.</param>
/// <param name="Seen">In how many frames it was seen.</param>
public readonly record struct LiveTrack(long Number, string Label, Box Box, double Score, int Seen);

/// <summary>
/// Tracks by detection: in every frame that is looked at, the boxes that a detector found are given to the tracks whose expected boxes they overlap most
/// (SORT, Bewley et al. 2016), strong detections first and then, for the tracks that are left, weak ones (ByteTrack, Zhang et al. 2022).
/// </summary>
public sealed class BoxTracker
{
    // Two detections of different labels that overlap so far are one object.
    private const double Twin = 0.75;

    private readonly List<Follow> _open = [];
    private readonly List<Follow> _ended = [];
    private readonly TrackerOptions _options;
    private long _numbers;
    private int _frame = -1;

    /// <summary>Makes a tracker.</summary>
    /// <param name="options">How detections become tracks.</param>
    public BoxTracker(TrackerOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentOutOfRangeException.ThrowIfNegative(options.Patience);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(options.LeastSeen);
        _options = options;
    }

    /// <summary>Takes the detections of the next frame that is looked at.</summary>
    /// <param name="frame">Its number; greater than the one before.</param>
    /// <param name="seen">What was found in it.</param>
    /// <param name="steps">How many steps went by since the frame before: more than one where frames were left out.</param>
    public void Add(int frame, IReadOnlyList<Sighting> seen, int steps = 1)
    {
        ArgumentNullException.ThrowIfNull(seen);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(steps);
        _frame = frame;
        foreach (var follow in _open)
        {
            for (var step = 0; step < steps; step++) follow.Motion.Predict();
        }

        var found = Distinct(seen);
        var strong = found.Where(s => s.Score >= _options.Strong).ToList();
        var left = Associate(_open, strong, frame, out var unclaimed);

        // Nobody would begin an object from a weak detection; to one that was just there it is proof enough.
        Associate([.. left.Where(f => f.Unseen == 0)], [.. found.Where(s => s.Score < _options.Strong)], frame, out _);
        for (var i = _open.Count - 1; i >= 0; i--)
        {
            var follow = _open[i];
            follow.Unseen = follow.LastFrame == frame ? 0 : follow.Unseen + 1;

            // What has been seen once only may not be missed at all.
            if (follow.Unseen <= (follow.Count < _options.LeastSeen ? Math.Min(1, _options.Patience) : _options.Patience)) continue;
            if (_options.History) _ended.Add(follow);
            _open.RemoveAt(i);
        }

        foreach (var one in unclaimed) _open.Add(new Follow(one, frame, ++_numbers, _options.History));
    }

    /// <summary>The objects that were seen in the newest frame, in the order in which they came.</summary>
    public IReadOnlyList<LiveTrack> Current => [.. _open.Where(f => f.LastFrame == _frame).Select(f => new LiveTrack(f.Number, f.Label, f.Last.Box, f.Last.Score, f.Count))];

    /// <summary>All objects that were seen often enough, in the order in which they came.</summary>
    public IReadOnlyList<FollowedObject> Finish() =>
    [
        .. _ended.Concat(_open).Where(f => f.Seen.Count >= _options.LeastSeen && _options.History).OrderBy(f => f.Seen[0].Frame).ThenBy(f => f.Seen[0].X).ThenBy(f => f.Seen[0].Y)
            .Select(f => new FollowedObject(f.Label, f.Scores / f.Seen.Count, f.Seen)),
    ];

    // Gives detections to tracks; answers the tracks that got none.
    private List<Follow> Associate(List<Follow> follows, List<Sighting> seen, int frame, out List<Sighting> unclaimed)
    {
        unclaimed = seen;
        if (follows.Count == 0 || seen.Count == 0) return follows;
        var overlaps = new double[follows.Count, seen.Count];
        var costs = new double[follows.Count, seen.Count];
        for (var i = 0; i < follows.Count; i++)
        {
            var expected = follows[i].Motion.Box;
            for (var j = 0; j < seen.Count; j++)
            {
                var overlap = ShapeMatching.Overlap(expected, seen[j].Box);
                overlaps[i, j] = overlap > 0 && !follows[i].Votes.ContainsKey(seen[j].Box.Label) ? overlap - _options.OtherLabel : overlap;

                // Pairs that are out of the question all cost the same, so that none of them pushes a good one aside.
                costs[i, j] = overlaps[i, j] >= _options.Overlap ? 1 - overlaps[i, j] : 2;
            }
        }

        var assigned = Assignment.Solve(costs);
        var (left, claimed) = (new List<Follow>(), new bool[seen.Count]);
        for (var i = 0; i < follows.Count; i++)
        {
            if (assigned[i] is var j && j >= 0 && overlaps[i, j] >= _options.Overlap)
            {
                follows[i].See(seen[j], frame);
                claimed[j] = true;
            }
            else
            {
                left.Add(follows[i]);
            }
        }

        unclaimed = [.. seen.Where((_, j) => !claimed[j])];
        return left;
    }

    private static List<Sighting> Distinct(IReadOnlyList<Sighting> seen)
    {
        var kept = new List<Sighting>();
        foreach (var one in seen.OrderByDescending(s => s.Score))
        {
            if (!kept.Any(k => ShapeMatching.Overlap(k.Box, one.Box) > Twin)) kept.Add(one);
        }

        return kept;
    }

    private sealed class Follow
    {
        private readonly bool _history;

        public Follow(Sighting first, int frame, long number, bool history)
        {
            (Number, _history) = (number, history);
            Motion = new BoxMotion(first.Box);
            Note(first, frame, first.Box);
        }

        public long Number { get; }

        public BoxMotion Motion { get; }

        public Sighting Last { get; private set; }

        public int Count { get; private set; }

        public string Label => Votes.OrderByDescending(v => v.Value).ThenBy(v => v.Key, StringComparer.Ordinal).First().Key;

        public List<Keyframe> Seen { get; } = [];

        public Dictionary<string, double> Votes { get; } = new(StringComparer.Ordinal);

        public double Scores { get; private set; }

        public int LastFrame { get; private set; }

        public int Unseen { get; set; }

        public void See(Sighting seen, int frame)
        {
            Motion.Correct(seen.Box);
            Note(seen, frame, Motion.Box);
        }

        private void Note(Sighting seen, int frame, Box box)
        {
            if (_history) Seen.Add(new Keyframe(frame, box.X, box.Y, box.Width, box.Height, false));
            Votes[seen.Box.Label] = Votes.GetValueOrDefault(seen.Box.Label) + seen.Score;
            Scores += seen.Score;
            LastFrame = frame;
            Last = seen;
            Count++;
        }
    }
}
