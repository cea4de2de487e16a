namespace Annotator.Core.Runs;

/// <summary>
/// Makes room for people: while somebody is at work here, long work of the background goes in small steps and rests between them, so that nobody waits for it.
/// When they leave it goes at full speed again.
/// </summary>
public sealed class Courtesy(TimeProvider time)
{
    // A rest is this many times as long as the work before it: of the processor a third goes to the background.
    private const double RestShare = 2;

    // So long after somebody was served they are thought to be at work.
    private static readonly TimeSpan AtWork = TimeSpan.FromSeconds(3);

    private static readonly TimeSpan LongestRest = TimeSpan.FromMilliseconds(500);

    private long _served;

    /// <summary>Whether somebody is at work.</summary>
    public bool SomebodyWorks => Volatile.Read(ref _served) is not 0 and var served && time.GetElapsedTime(served) < AtWork;

    /// <summary>Says that somebody is being served.</summary>
    public void Served() => Volatile.Write(ref _served, time.GetTimestamp());

    /// <summary>Rests after a step of background work; not at all where nobody is at work.</summary>
    /// <param name="worked">How long the step took.</param>
    /// <param name="cancellationToken">Ends the rest.</param>
    public Task RestAsync(TimeSpan worked, CancellationToken cancellationToken)
    {
        if (!SomebodyWorks) return Task.CompletedTask;
        var rest = worked * RestShare;
        return Task.Delay(rest < LongestRest ? rest : LongestRest, time, cancellationToken);
    }
}
