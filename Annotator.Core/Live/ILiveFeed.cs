using System.Collections.Concurrent;
using System.Threading.Channels;

namespace Annotator.Core.Live;

/// <summary>
/// Carries live events to whoever listens. A hint, not a record: the database is the truth, and a listener that was too
/// slow is told so and reads again.
/// </summary>
public interface ILiveFeed
{
    /// <summary>Sends an event to all listeners; never blocks and never throws.</summary>
    void Publish(LiveEvent e);

    /// <summary>Listens to a project, or to all with null. Dispose to stop.</summary>
    LiveSubscription Subscribe(long? projectId = null);
}

/// <summary>One listener's events, in order.</summary>
public sealed class LiveSubscription : IDisposable
{
    /// <summary>How many events may wait; beyond that the oldest are dropped and <see cref="TakeMissed"/> says so.</summary>
    public const int Capacity = 1_000;

    private readonly Channel<LiveEvent> _channel;
    private readonly Action<LiveSubscription> _remove;
    private int _missed;

    internal LiveSubscription(Action<LiveSubscription> remove)
    {
        _remove = remove;
        _channel = Channel.CreateBounded<LiveEvent>(
            new BoundedChannelOptions(Capacity) { FullMode = BoundedChannelFullMode.DropOldest, SingleReader = true },
            _ => Interlocked.Exchange(ref _missed, 1));
    }

    /// <summary>The events.</summary>
    public ChannelReader<LiveEvent> Events => _channel.Reader;

    /// <summary>Whether events were dropped since the last call.</summary>
    public bool TakeMissed() => Interlocked.Exchange(ref _missed, 0) == 1;

    /// <inheritdoc />
    public void Dispose()
    {
        _remove(this);
        _channel.Writer.TryComplete();
    }

    internal void Offer(LiveEvent e)
    {
        if (e is EventsMissed) Interlocked.Exchange(ref _missed, 1);
        _channel.Writer.TryWrite(e);
    }
}

/// <summary>The feed within one process.</summary>
public sealed class InProcessLiveFeed : ILiveFeed
{
    private readonly ConcurrentDictionary<LiveSubscription, long?> _listeners = new();

    /// <summary>How many listen; for tests that nothing is left behind.</summary>
    public int Listeners => _listeners.Count;

    /// <inheritdoc />
    public void Publish(LiveEvent e)
    {
        foreach (var (listener, project) in _listeners)
        {
            if (project is null || e.ProjectId == 0 || project == e.ProjectId) listener.Offer(e);
        }
    }

    /// <inheritdoc />
    public LiveSubscription Subscribe(long? projectId = null)
    {
        var subscription = new LiveSubscription(s => _listeners.TryRemove(s, out _));
        _listeners[subscription] = projectId;
        return subscription;
    }
}
