namespace Annotator.Core.Llm;

/// <summary>
/// The circuit breaker of an endpoint, shared by all who ask it (Nygard, "Release It!", 2007). Closed, everybody asks. Open, because the server failed
/// too often in a row, whoever begins anew sends one request first and nothing else before it is answered (half-open): an answer closes the
/// circuit for all, a failure keeps it open. The longer it stays open, the more seldom work that waits is begun again by itself.
/// </summary>
public sealed class LlmCircuit(TimeProvider time)
{
    /// <summary>How long after the first failure waiting work is begun again; twice as long after each further one.</summary>
    public static readonly TimeSpan FirstPause = TimeSpan.FromSeconds(5);

    /// <summary>The longest pause.</summary>
    public static readonly TimeSpan LongestPause = TimeSpan.FromMinutes(10);

    private readonly Lock _lock = new();
    private int _openings;
    private DateTimeOffset _dueAt;

    /// <summary>Whether the server is taken to be out of order.</summary>
    public bool IsOpen
    {
        get
        {
            lock (_lock) return _openings > 0;
        }
    }

    /// <summary>Whether work that waits for the server may be begun again by itself.</summary>
    public bool IsDue
    {
        get
        {
            lock (_lock) return _openings == 0 || time.GetUtcNow() >= _dueAt;
        }
    }

    /// <summary>The server failed.</summary>
    internal void Open()
    {
        lock (_lock)
        {
            var pause = FirstPause * Math.Pow(2, Math.Min(10, _openings));
            _openings++;
            _dueAt = time.GetUtcNow() + (pause < LongestPause ? pause : LongestPause);
        }
    }

    /// <summary>The server answered.</summary>
    internal void Close()
    {
        lock (_lock) _openings = 0;
    }
}
