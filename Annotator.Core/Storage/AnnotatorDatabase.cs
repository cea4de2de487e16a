using Annotator.Core.Live;
using Annotator.Core.Quality.Tallies;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Storage;

/// <summary>
/// The door to the database: short-lived contexts for reading, and one transaction a unit of work for writing, through the
/// provider's gate. Counters and live events of a unit of work leave with its commit, never without it.
/// </summary>
public sealed class AnnotatorDatabase(
    IDbContextFactory<AnnotatorDbContext> contexts,
    ISqlDialect dialect,
    IdAllocator ids,
    ILiveFeed feed,
    TimeProvider time)
{
    private const int MostAttempts = 8;

    /// <summary>What differs between the databases.</summary>
    public ISqlDialect Dialect => dialect;

    /// <summary>Opens a context; the caller disposes it.</summary>
    public Task<AnnotatorDbContext> OpenAsync(CancellationToken cancellationToken = default) => contexts.CreateDbContextAsync(cancellationToken);

    /// <summary>Reads; nothing is tracked.</summary>
    public async Task<T> ReadAsync<T>(Func<AnnotatorDbContext, Task<T>> work, CancellationToken cancellationToken = default)
    {
        await using var db = await contexts.CreateDbContextAsync(cancellationToken);
        db.ChangeTracker.QueryTrackingBehavior = QueryTrackingBehavior.NoTracking;
        return await work(db);
    }

    /// <summary>Writes in one transaction; nothing of it is seen if <paramref name="work"/> throws.</summary>
    /// <remarks>The transaction holds the provider's write gate: no network call and no long computation belongs inside.</remarks>
    public async Task<T> WriteAsync<T>(Func<WriteScope, Task<T>> work, CancellationToken cancellationToken = default)
    {
        // What a request with an idempotency key did before its process died is not done again.
        var journal = RequestJournal.Current;
        if (journal is not null && journal.TryTake<T>(out var known)) return known;
        await ids.EnsureAsync(cancellationToken);
        WriteScope scope;
        T result;
        await using (var db = await contexts.CreateDbContextAsync(cancellationToken))
        {
            await using var unit = await dialect.BeginAsync(db, cancellationToken);
            scope = new WriteScope(db, dialect, ids, time.GetUtcNow(), cancellationToken);
            result = await work(scope);
            await scope.FlushAsync();
            if (journal is not null) await journal.KeepAsync(scope, result);
            await unit.CommitAsync();
        }

        journal?.Committed();
        foreach (var e in scope.Events) feed.Publish(e);
        foreach (var action in scope.AfterCommit) action();
        return result;
    }

    /// <summary>
    /// Writes in one transaction, and starts over where somebody else changed the same rows at the same moment: for work that
    /// reads all it needs inside, and leaves nothing behind outside.
    /// </summary>
    public async Task<T> WriteRepeatedlyAsync<T>(Func<WriteScope, Task<T>> work, CancellationToken cancellationToken = default)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return await WriteAsync(work, cancellationToken);
            }
            catch (Exception e) when (attempt < MostAttempts && (e is ConcurrentChangeException || dialect.IsConflict(e)))
            {
                // Not all at the same moment again.
                await Task.Delay(TimeSpan.FromMilliseconds(Random.Shared.Next(1, 10 * attempt)), time, cancellationToken);
            }
        }
    }

    /// <summary>Writes in one transaction, and starts over where somebody else was in the way.</summary>
    public Task WriteRepeatedlyAsync(Func<WriteScope, Task> work, CancellationToken cancellationToken = default) =>
        WriteRepeatedlyAsync(
            async scope =>
            {
                await work(scope);
                return true;
            },
            cancellationToken);

    /// <summary>Writes in one transaction.</summary>
    public Task WriteAsync(Func<WriteScope, Task> work, CancellationToken cancellationToken = default) =>
        WriteAsync(
            async scope =>
            {
                await work(scope);
                return true;
            },
            cancellationToken);
}

/// <summary>Somebody changed the same rows at the same moment; doing it again will work.</summary>
/// <param name="message">What happened; null: that the item was changed.</param>
public sealed class ConcurrentChangeException(string? message = null) : Exception(message ?? "The item was changed by somebody else at the same moment.");

/// <summary>One transaction that writes.</summary>
public sealed class WriteScope
{
    private readonly IdAllocator _ids;
    private readonly Dictionary<(long Project, string Name), long> _counts = [];

    internal WriteScope(AnnotatorDbContext db, ISqlDialect dialect, IdAllocator ids, DateTimeOffset now, CancellationToken cancellationToken)
    {
        (Db, Dialect, _ids, Now, CancellationToken) = (db, dialect, ids, now, cancellationToken);
    }

    /// <summary>The context, inside the transaction.</summary>
    public AnnotatorDbContext Db { get; }

    /// <summary>What differs between the databases.</summary>
    public ISqlDialect Dialect { get; }

    /// <summary>Time of the unit of work.</summary>
    public DateTimeOffset Now { get; }

    /// <summary>Cancels the work.</summary>
    public CancellationToken CancellationToken { get; }

    internal List<LiveEvent> Events { get; } = [];

    internal List<Action> AfterCommit { get; } = [];

    /// <summary>Takes running numbers: the first of <paramref name="count"/> in a row.</summary>
    public long NextId(string name, int count = 1) => _ids.Take(name, count);

    /// <summary>Adds to a project's counter.</summary>
    public void Count(long projectId, string name, long delta)
    {
        if (delta != 0) _counts[(projectId, name)] = _counts.GetValueOrDefault((projectId, name)) + delta;
    }

    /// <summary>What the transaction changes in the counts of the dashboards.</summary>
    public TallyBook Tallies => field ??= new TallyBook();

    /// <summary>Has an event published once the transaction is committed.</summary>
    public void Publish(LiveEvent e) => Events.Add(e);

    /// <summary>Has something done once the transaction is committed.</summary>
    public void OnCommitted(Action action) => AfterCommit.Add(action);

    internal async Task FlushAsync()
    {
        if (Db.ChangeTracker.HasChanges()) await Db.SaveChangesAsync(CancellationToken);
        await Tallies.WriteAsync(this);

        // In a fixed order, so that two transactions never wait for each other's rows crosswise.
        List<CountChange> changes = [.. _counts.Where(c => c.Value != 0).Select(c => new CountChange(c.Key.Project, c.Key.Name, c.Value)).OrderBy(c => c.ProjectId).ThenBy(c => c.Name, StringComparer.Ordinal)];
        if (changes.Count > 0) await Dialect.AddCountsAsync(Db, changes, CancellationToken);
    }
}
