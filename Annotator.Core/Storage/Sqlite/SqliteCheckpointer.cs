using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Annotator.Core.Storage.Sqlite;

/// <summary>
/// Moves what was committed from SQLite's log into the database file, beside the writers. SQLite does that by itself within a commit, each thousand pages: then whoever
/// happens to commit waits for the writing of all of them and for the disk twice more. Here commits wait for nothing but their own place in the log; a page that
/// is changed again and again is written once for all of them.
/// </summary>
/// <remarks>
/// Nothing about durability changes: what was committed is in the log, on the disk, before anybody is told. The log begins anew once all of it was moved. Under writers
/// that never pause that moment would not come: from <see cref="MostPages"/> on the rest, which is little by then, is moved while nobody writes.
/// </remarks>
internal sealed class SqliteCheckpointer : IDisposable
{
    /// <summary>Pages of the log, of 4 kB each, from which on writers wait for the rest to be moved.</summary>
    internal const int MostPages = 16_000;

    // What is committed meanwhile is moved together; a page that changes with every commit is written so often and no more.
    private static readonly TimeSpan s_rest = TimeSpan.FromMilliseconds(250);

    // Somebody reads an old state, and what came since cannot be moved yet.
    private static readonly TimeSpan s_longRest = TimeSpan.FromSeconds(2);

    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10);

    private readonly SqliteConnection _connection;
    private readonly Func<IDisposable> _enter;
    private readonly int _mostPages;
    private readonly ManualResetEventSlim _work = new();
    private readonly ManualResetEventSlim _stop = new();
    private readonly Thread _thread;

    /// <summary>Begins to watch.</summary>
    /// <param name="connectionString">The database.</param>
    /// <param name="enter">Waits until nobody writes; dispose the answer to let them.</param>
    /// <param name="mostPages">Pages of the log from which on writers wait.</param>
    public SqliteCheckpointer(string connectionString, Func<IDisposable> enter, int mostPages = MostPages)
    {
        (_enter, _mostPages) = (enter, mostPages);
        _connection = new SqliteConnection(new SqliteConnectionStringBuilder(connectionString) { Pooling = false }.ToString());

        // Waits for the disk: not on a thread that requests are answered on.
        _thread = new Thread(Work) { IsBackground = true, Name = "SQLite checkpoints" };
        _thread.Start();
    }

    /// <summary>Says that something was committed.</summary>
    public void Committed()
    {
        if (!_work.IsSet) _work.Set();
    }

    /// <inheritdoc />
    public void Dispose()
    {
        _stop.Set();
        _work.Set();

        // It may wait for a writer that never leaves; the process ends without it then.
        if (!_thread.Join(s_patience)) return;
        _connection.Dispose();
        _work.Dispose();
        _stop.Dispose();
    }

    private void Work()
    {
        while (true)
        {
            _work.Wait();
            if (_stop.Wait(s_rest)) return;
            _work.Reset();
            try
            {
                var (pages, moved) = Move();
                if (pages >= _mostPages)
                {
                    // What was committed meanwhile first, so that as little as can be is left for the moment in which nobody writes.
                    Move();
                    using (_enter()) (pages, moved) = Move();
                }

                if (moved >= pages) continue;
                if (_stop.Wait(s_longRest)) return;
                _work.Set();
            }
            catch (SqliteException)
            {
                // A full disk and the like: whoever writes is told. The log keeps everything.
                if (_stop.Wait(s_longRest)) return;
                _work.Set();
            }
        }
    }

    private (int Pages, int Moved) Move()
    {
        if (_connection.State != System.Data.ConnectionState.Open)
        {
            _connection.Open();
            using var pragmas = _connection.CreateCommand();
            pragmas.CommandText = SqlitePragmas.Pragmas;
            pragmas.ExecuteNonQuery();
        }

        var result = raw.sqlite3_wal_checkpoint_v2(_connection.Handle, "main", raw.SQLITE_CHECKPOINT_PASSIVE, out var pages, out var moved);

        // Somebody else moves them at this moment, such as another process: it is done later.
        if (result is raw.SQLITE_BUSY or raw.SQLITE_LOCKED) return (0, -1);
        SqliteException.ThrowExceptionForRC(result, _connection.Handle);
        return (Math.Max(0, pages), Math.Max(0, moved));
    }
}
