namespace Annotator.Web.Runs;

/// <summary>
/// How fast a run goes and how long it will still take, from what it did lately: a run that was taken up again, or whose
/// beginning was slow, says nothing about now.
/// </summary>
public sealed class RunPace
{
    private static readonly TimeSpan Window = TimeSpan.FromSeconds(20);
    private readonly Queue<(DateTimeOffset At, long Done)> _samples = new();

    /// <summary>Units a second over the last seconds; null with too little to tell.</summary>
    public double? Rate { get; private set; }

    /// <summary>Takes note of how far the run has come.</summary>
    public void Note(DateTimeOffset now, long done)
    {
        if (_samples.Count > 0 && _samples.Last().Done > done) _samples.Clear();
        _samples.Enqueue((now, done));
        while (_samples.Count > 2 && now - _samples.Peek().At > Window) _samples.Dequeue();
        var (at, first) = _samples.Peek();
        var seconds = (now - at).TotalSeconds;
        Rate = seconds >= 0.5 ? (done - first) / seconds : Rate;
    }

    /// <summary>How long the rest will take; null where that cannot be said.</summary>
    /// <param name="done">Units done.</param>
    /// <param name="total">Units in all; 0 while unknown.</param>
    public TimeSpan? Left(long done, long total) =>
        total > done && Rate is > 0 and var rate ? TimeSpan.FromSeconds(Math.Min(1e9, (total - done) / rate)) : null;
}
