namespace Annotator.Edge.Health;

/// <summary>How the agent is, as it reports it.</summary>
/// <param name="ItemsPerSecond">Items a second over the last minute.</param>
/// <param name="LatencyP50">Median time to a durable label, in milliseconds; null before the first.</param>
/// <param name="LatencyP99">99th percentile of it.</param>
/// <param name="Annotated">Items labelled by the model in service.</param>
/// <param name="Failed">Items on which it failed.</param>
/// <param name="Confidence">Mean confidence of the last items.</param>
/// <param name="Drift">See <see cref="DriftMonitor"/>.</param>
/// <param name="Full">How often an item had to wait for room.</param>
/// <param name="Dropped">Frames that came while the agent was busy, and were passed over.</param>
internal sealed record AgentReading(double ItemsPerSecond, double? LatencyP50, double? LatencyP99, long Annotated, long Failed, double? Confidence, double? Drift, long Full, long Dropped);

/// <summary>Counts what the agent does.</summary>
internal sealed class AgentGauges(TimeProvider time)
{
    private const int Samples = 1_024;
    private const int Seconds = 60;

    private readonly Lock _lock = new();
    private readonly double[] _latencies = new double[Samples];
    private readonly double[] _confidences = new double[Samples];
    private readonly (long Second, int Count)[] _perSecond = new (long, int)[Seconds];
    private readonly long _start = time.GetTimestamp();
    private DriftMonitor _drift = new();
    private long _count;
    private long _annotated;
    private long _failed;
    private long _full;
    private long _dropped;

    /// <summary>Begins to count for another model.</summary>
    /// <param name="drift">What is known of its confidences.</param>
    public void Begin(DriftMonitor drift)
    {
        lock (_lock)
        {
            _drift = drift;
            _annotated = _failed = 0;
        }
    }

    /// <summary>The reference of the drift, once it is complete.</summary>
    public string? Reference
    {
        get
        {
            lock (_lock) return _drift.IsReady ? _drift.Write() : null;
        }
    }

    /// <summary>An item was labelled.</summary>
    public void Note(double confidence, TimeSpan took)
    {
        lock (_lock)
        {
            var at = (int)(_count++ % Samples);
            _latencies[at] = took.TotalMilliseconds;
            _confidences[at] = confidence;
            _annotated++;
            _drift.Add(confidence);
            var second = (long)time.GetElapsedTime(_start).TotalSeconds;
            ref var slot = ref _perSecond[second % Seconds];
            slot = slot.Second == second ? (second, slot.Count + 1) : (second, 1);
        }
    }

    /// <summary>The model failed on an item.</summary>
    /// <returns>Items labelled and failed under it so far.</returns>
    public (long Annotated, long Failed) NoteFailure()
    {
        lock (_lock) return (_annotated, ++_failed);
    }

    /// <summary>An item had to wait for room.</summary>
    public void NoteFull() => Interlocked.Increment(ref _full);

    /// <summary>A frame was passed over.</summary>
    public void NoteDropped() => Interlocked.Increment(ref _dropped);

    /// <summary>How the agent is now.</summary>
    public AgentReading Read()
    {
        lock (_lock)
        {
            var elapsed = time.GetElapsedTime(_start).TotalSeconds;
            var now = (long)elapsed;
            var recent = _perSecond.Where(s => s.Count > 0 && now - s.Second < Seconds).Sum(s => s.Count);
            var n = (int)Math.Min(_count, Samples);
            var sorted = _latencies[..n];
            Array.Sort(sorted);
            double? At(double share) => n == 0 ? null : sorted[(int)Math.Min(n - 1, Math.Ceiling(share * n) - 1)];
            return new AgentReading(
                recent / Math.Clamp(elapsed, 1, Seconds), At(0.5), At(0.99), _annotated, _failed, n == 0 ? null : _confidences.AsSpan(0, n).ToArray().Average(), _drift.Value,
                Interlocked.Read(ref _full), Interlocked.Read(ref _dropped));
        }
    }
}
