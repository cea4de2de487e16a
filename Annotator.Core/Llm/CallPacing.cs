namespace Annotator.Core.Llm;

/// <summary>
/// Spreads calls over time: requests and tokens a minute, and pauses that a server asked for, which hold for all calls.
/// The generic cell rate algorithm (ITU-T I.371): each call moves a theoretical time on by its share of a minute, and waits while
/// that is ahead of the clock by more than a burst. Shares are a tenth longer than the limit asks, which pays for the burst: no
/// window of a minute holds more than the limit.
/// </summary>
internal sealed class CallPacing(TimeProvider time, int? requestsPerMinute, int? tokensPerMinute)
{
    private static readonly TimeSpan s_burst = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan s_minute = TimeSpan.FromSeconds(66);
    private readonly Lock _lock = new();
    private DateTimeOffset _requests = DateTimeOffset.MinValue;
    private DateTimeOffset _tokens = DateTimeOffset.MinValue;
    private DateTimeOffset _pausedUntil = DateTimeOffset.MinValue;

    /// <summary>Waits until a call may be sent.</summary>
    /// <param name="tokens">Its likely tokens.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async Task WaitAsync(long tokens, CancellationToken cancellationToken)
    {
        DateTimeOffset at;
        lock (_lock)
        {
            var now = time.GetUtcNow();
            at = now;
            if (requestsPerMinute is { } requests) at = Later(at, Book(ref _requests, now, s_minute / requests));
            if (tokensPerMinute is { } limit) at = Later(at, Book(ref _tokens, now, s_minute * ((double)tokens / limit)));
        }
        while (true)
        {
            DateTimeOffset until;
            lock (_lock) until = Later(at, _pausedUntil);
            var wait = until - time.GetUtcNow();
            if (wait <= TimeSpan.Zero) return;
            await Task.Delay(wait, time, cancellationToken);
        }
    }

    /// <summary>Corrects the estimate of a call's tokens.</summary>
    public void Correct(long estimated, long actual)
    {
        if (tokensPerMinute is not { } limit) return;
        lock (_lock) _tokens += s_minute * ((double)(actual - estimated) / limit);
    }

    /// <summary>Holds all calls back for a while.</summary>
    public void Pause(TimeSpan duration)
    {
        lock (_lock) _pausedUntil = Later(_pausedUntil, time.GetUtcNow() + duration);
    }

    private static DateTimeOffset Book(ref DateTimeOffset theoretical, DateTimeOffset now, TimeSpan share)
    {
        var from = Later(theoretical, now);
        theoretical = from + share;
        // A call may be as much early as the burst allows; the first share is free.
        return from - s_burst;
    }

    private static DateTimeOffset Later(DateTimeOffset a, DateTimeOffset b) => a > b ? a : b;
}
