using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using SQLitePCL;

namespace Annotator.Core.Storage.Sqlite;

/// <summary>
/// One writer at a time, first come first served: SQLite itself has one writer, but makes the others wait by polling,
/// unfairly. Writers that wait for each other share a transaction, each behind a savepoint of its own, and are answered
/// after its one commit: what a commit costs is the wait for the disk, and a hundred can wait for it together.
/// </summary>
public sealed class SqliteWriteGate : IDisposable
{
    // A transaction grows while others wait, and no longer than this: nobody's answer is to wait for strangers' work.
    private const int MostUnits = 128;
    private static readonly TimeSpan s_longest = TimeSpan.FromMilliseconds(10);

    private readonly SemaphoreSlim _semaphore = new(1, 1);
    private SqliteConnection? _connection;
    private SqliteCheckpointer? _checkpointer;
    private Group? _open;
    private int _waiting;
    private long _projectsVersion;
    private int _projectsTouched;

    /// <summary>Grows after every commit that changed projects.</summary>
    public long ProjectsVersion => Volatile.Read(ref _projectsVersion);

    /// <summary>Waits for the gate, to write alone; dispose the answer to leave.</summary>
    public async ValueTask<IDisposable> EnterAsync(CancellationToken cancellationToken)
    {
        await WaitAsync(cancellationToken);
        EndOpen();
        return new Entered(this, writes: true);
    }

    /// <inheritdoc />
    public void Dispose()
    {
        _checkpointer?.Dispose();
        _connection?.Dispose();
        _semaphore.Dispose();
    }

    /// <summary>Says that the transaction under way changes projects.</summary>
    internal void TouchProjects() => Interlocked.Exchange(ref _projectsTouched, 1);

    /// <summary>Waits for the gate, and puts a context into the transaction that is open then, or a new one.</summary>
    internal async Task<IWriteUnit> JoinAsync(AnnotatorDbContext db, CancellationToken cancellationToken)
    {
        await WaitAsync(cancellationToken);
        try
        {
            var unit = Begin(db);
            await db.Database.UseTransactionAsync(unit.Transaction, CancellationToken.None);
            return unit;
        }
        catch
        {
            EndOpen();
            Leave();
            throw;
        }
    }

    private Unit Begin(AnnotatorDbContext db)
    {
        if (_connection is null)
        {
            // Its own, outside of the pool: it stays open, with its pages.
            var connection = new SqliteConnection(new SqliteConnectionStringBuilder(db.Database.GetConnectionString()) { Pooling = false }.ToString());
            connection.Open();
            using var pragmas = connection.CreateCommand();
            pragmas.CommandText = SqlitePragmas.Pragmas;
            pragmas.ExecuteNonQuery();
            _connection = connection;
            _checkpointer = new SqliteCheckpointer(db.Database.GetConnectionString()!, Pause);
        }

        db.Database.SetDbConnection(_connection, contextOwnsConnection: false);
        if (_open is not null)
        {
            _open.Transaction.Save(Unit.Savepoint);
            return new Unit(this, _open, isFirst: false);
        }

        _open = new Group(_connection.BeginTransaction(deferred: false));
        return new Unit(this, _open, isFirst: true);
    }

    private async ValueTask WaitAsync(CancellationToken cancellationToken)
    {
        // Who waits is counted on to come, and to end the transaction that was left open for them: so the wait itself is not cancelled.
        Interlocked.Increment(ref _waiting);
        await _semaphore.WaitAsync(CancellationToken.None);
        Interlocked.Decrement(ref _waiting);
        if (!cancellationToken.IsCancellationRequested) return;
        LeaveOpen();
        cancellationToken.ThrowIfCancellationRequested();
    }

    // Leaves the transaction open for whoever waits, or ends it.
    private void LeaveOpen()
    {
        if (_open is { } open && (Volatile.Read(ref _waiting) == 0 || open.Units >= MostUnits || open.Age >= s_longest)) EndOpen();
        Leave();
    }

    private void EndOpen()
    {
        if (_open is { } open)
        {
            _open = null;
            open.Commit(RenewProjects);
            _checkpointer?.Committed();
        }
    }

    // Until nobody writes, on a thread of its own.
    private Entered Pause()
    {
        Interlocked.Increment(ref _waiting);
        _semaphore.Wait();
        Interlocked.Decrement(ref _waiting);
        EndOpen();
        return new Entered(this, writes: false);
    }

    // After the commit and before its answer: whoever remembers a project from before asks anew.
    private void RenewProjects()
    {
        if (Interlocked.Exchange(ref _projectsTouched, 0) == 1) Interlocked.Increment(ref _projectsVersion);
    }

    private void Leave() => _semaphore.Release();

    private sealed class Entered(SqliteWriteGate gate, bool writes) : IDisposable
    {
        private SqliteWriteGate? _gate = gate;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _gate, null) is not { } held) return;
            if (writes) held._checkpointer?.Committed();
            held.Leave();
        }
    }

    /// <summary>One transaction of several units of work.</summary>
    private sealed class Group(SqliteTransaction transaction)
    {
        private readonly long _since = TimeProvider.System.GetTimestamp();
        private readonly TaskCompletionSource _committed = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public SqliteTransaction Transaction { get; } = transaction;

        public int Units { get; set; }

        public TimeSpan Age => TimeProvider.System.GetElapsedTime(_since);

        public Task Committed => _committed.Task;

        public void Commit(Action committed)
        {
            try
            {
                Transaction.Commit();
                committed();
                _committed.SetResult();
            }
            catch (Exception e)
            {
                Fail(e);
            }
            finally
            {
                Transaction.Dispose();
            }
        }

        public void Fail(Exception exception)
        {
            _committed.SetException(exception);

            // Where no unit was done there is nobody to be told.
            _ = _committed.Task.Exception;
        }
    }

    /// <summary>One unit of work.</summary>
    private sealed class Unit(SqliteWriteGate gate, Group group, bool isFirst) : IWriteUnit
    {
        public const string Savepoint = "unit";

        private const int SqliteAbort = 4;
        private const int SqliteFull = 13;

        private bool _left;

        public SqliteTransaction Transaction => group.Transaction;

        public async Task CommitAsync()
        {
            // The first one needs no savepoint: before it there is nothing that could be lost, and large ones cost less without.
            if (!isFirst) group.Transaction.Release(Savepoint);
            group.Units++;
            _left = true;
            gate.LeaveOpen();
            await group.Committed;
        }

        public ValueTask DisposeAsync()
        {
            if (_left) return ValueTask.CompletedTask;
            _left = true;
            Undo();
            gate.LeaveOpen();
            return ValueTask.CompletedTask;
        }

        private void Undo()
        {
            try
            {
                // After a full disk and the like SQLite has rolled everything back by itself.
                var gone = raw.sqlite3_get_autocommit(gate._connection!.Handle) != 0;
                if (!isFirst && !gone)
                {
                    group.Transaction.Rollback(Savepoint);
                    group.Transaction.Release(Savepoint);
                    return;
                }

                gate._open = null;
                group.Fail(new SqliteException("The transaction was rolled back by the database itself: the disk is full or fails. Nothing of it was stored.", gone ? SqliteFull : SqliteAbort));
                if (!gone) group.Transaction.Rollback();
            }
            catch (SqliteException e)
            {
                gate._open = null;
                if (!group.Committed.IsCompleted) group.Fail(e);
            }
            finally
            {
                if (gate._open is null) Close();
            }
        }

        private void Close()
        {
            try
            {
                group.Transaction.Dispose();
            }
            catch (SqliteException)
            {
                // It is gone already.
            }
        }
    }
}
