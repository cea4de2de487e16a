namespace Annotator.Core.Models;

/// <summary>A session that is lent: it stays open until this is disposed of.</summary>
/// <typeparam name="T">What is lent.</typeparam>
public sealed class SessionLease<T> : IDisposable
    where T : class, IDisposable
{
    private Action? _release;

    internal SessionLease(T session, Action release) => (Session, _release) = (session, release);

    /// <summary>The session. It is the pool's to dispose of.</summary>
    public T Session { get; }

    /// <inheritdoc/>
    public void Dispose() => Interlocked.Exchange(ref _release, null)?.Invoke();
}

/// <summary>
/// Keeps a few sessions of models open, by the id of their model. Of more the one that was used longest ago is put out, one that nobody uses before one that somebody does; it is closed at once, or by the
/// last who uses it: a session holds memory that the collector knows nothing of.
/// </summary>
/// <param name="most">How many stay open.</param>
internal sealed class SessionPool<T>(int most) : IDisposable
    where T : class, IDisposable
{
    private readonly Lock _lock = new();
    private readonly Dictionary<long, Entry> _entries = [];
    private readonly SemaphoreSlim _opening = new(1, 1);
    private bool _closed;
    private long _clock;

    /// <summary>Lends a session; one that is not open is opened, one at a time.</summary>
    /// <param name="id">Id of the model.</param>
    /// <param name="read">Reads what it is made of; null where there is none.</param>
    /// <param name="open">Opens it, on a thread of the pool.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <returns>Null where there is nothing to open.</returns>
    public async Task<SessionLease<T>?> LendAsync<TFiles>(long id, Func<Task<TFiles?>> read, Func<TFiles, T> open, CancellationToken cancellationToken)
        where TFiles : class
    {
        if (Find(id) is { } known) return known;
        await _opening.WaitAsync(cancellationToken);
        try
        {
            if (Find(id) is { } there) return there;
            if (await read() is not { } files) return null;

            // Before it is opened: two that are large need not fit at once.
            MakeRoom().ForEach(s => s.Dispose());
            var session = await Task.Run(() => open(files), cancellationToken);
            return Add(id, session);
        }
        finally
        {
            _opening.Release();
        }
    }

    /// <summary>Puts a session out, if it is open.</summary>
    public void Remove(long id)
    {
        T? idle = null;
        lock (_lock)
        {
            if (_entries.TryGetValue(id, out var entry)) idle = PutOut(id, entry);
        }

        idle?.Dispose();
    }

    /// <summary>Closes what nobody uses; the rest is closed by those who use it.</summary>
    public void Dispose()
    {
        List<T> idle = [];
        lock (_lock)
        {
            _closed = true;
            foreach (var (id, entry) in _entries.ToList())
            {
                if (PutOut(id, entry) is { } session) idle.Add(session);
            }
        }

        idle.ForEach(s => s.Dispose());
        _opening.Dispose();
    }

    private SessionLease<T>? Find(long id)
    {
        lock (_lock) return _entries.TryGetValue(id, out var entry) ? Lend(entry) : null;
    }

    private SessionLease<T> Add(long id, T session)
    {
        lock (_lock)
        {
            var entry = new Entry(session) { IsOut = _closed };
            if (!_closed) _entries[id] = entry;
            return Lend(entry);
        }
    }

    private List<T> MakeRoom()
    {
        List<T> idle = [];
        lock (_lock)
        {
            while (_entries.Count >= most)
            {
                var (id, entry) = _entries.OrderBy(e => e.Value.Users > 0).ThenBy(e => e.Value.Used).First();
                if (PutOut(id, entry) is { } session) idle.Add(session);
            }
        }

        return idle;
    }

    // Its session where nobody uses it, for the caller to close outside of the lock.
    private T? PutOut(long id, Entry entry)
    {
        _entries.Remove(id);
        entry.IsOut = true;
        return entry.Users == 0 ? entry.Session : null;
    }

    private SessionLease<T> Lend(Entry entry)
    {
        entry.Users++;
        entry.Used = ++_clock;
        return new SessionLease<T>(entry.Session, () =>
        {
            bool last;
            lock (_lock) last = --entry.Users == 0 && entry.IsOut;
            if (last) entry.Session.Dispose();
        });
    }

    private sealed class Entry(T session)
    {
        public T Session => session;

        public int Users { get; set; }

        public long Used { get; set; }

        public bool IsOut { get; set; }
    }
}
