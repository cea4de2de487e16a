using System.Data.Common;
using System.Runtime.CompilerServices;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Design;
using Microsoft.EntityFrameworkCore.Diagnostics;

namespace Annotator.Core.Storage.Sqlite;

/// <summary>The model on SQLite.</summary>
public sealed class SqliteAnnotatorDbContext(DbContextOptions<SqliteAnnotatorDbContext> options, SqliteWriteGate gate) : AnnotatorDbContext(options)
{
    /// <inheritdoc />
    public override async Task<int> SaveChangesAsync(bool acceptAllChangesOnSuccess, CancellationToken cancellationToken = default)
    {
        // Inside a unit of work the gate is held already; the stores of ASP.NET Core Identity save on their own.
        if (Database.CurrentTransaction is not null) return await base.SaveChangesAsync(acceptAllChangesOnSuccess, cancellationToken);
        using var entered = await gate.EnterAsync(cancellationToken);
        return await base.SaveChangesAsync(acceptAllChangesOnSuccess, cancellationToken);
    }
}

/// <summary>Sets what SQLite keeps per connection.</summary>
internal sealed class SqlitePragmas : DbConnectionInterceptor
{
    // FULL: a decision that was acknowledged survives a power cut, not only a crash of the process.
    // wal_autocheckpoint: SqliteCheckpointer does it, so that no commit waits for it.
    public const string Pragmas = "PRAGMA busy_timeout=15000; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=0; PRAGMA foreign_keys=ON; PRAGMA temp_store=MEMORY; PRAGMA cache_size=-65536;";

    // The pool hands the same connections out again, with what was set on them.
    private static readonly ConditionalWeakTable<object, object> s_set = [];

    public override void ConnectionOpened(DbConnection connection, ConnectionEndEventData eventData) => Set((SqliteConnection)connection);

    public override Task ConnectionOpenedAsync(DbConnection connection, ConnectionEndEventData eventData, CancellationToken cancellationToken = default)
    {
        Set((SqliteConnection)connection);
        return Task.CompletedTask;
    }

    private static void Set(SqliteConnection connection)
    {
        if (!s_set.TryAdd(connection.Handle!, s_set)) return;
        using var command = connection.CreateCommand();
        command.CommandText = Pragmas;
        command.ExecuteNonQuery();
    }
}

/// <summary>Hears of every statement that changes projects, so that what is remembered of them is never old.</summary>
internal sealed class SqliteProjectWatch(SqliteWriteGate gate) : DbCommandInterceptor
{
    public override InterceptionResult<int> NonQueryExecuting(DbCommand command, CommandEventData eventData, InterceptionResult<int> result)
    {
        Look(command);
        return result;
    }

    public override ValueTask<InterceptionResult<int>> NonQueryExecutingAsync(DbCommand command, CommandEventData eventData, InterceptionResult<int> result, CancellationToken cancellationToken = default)
    {
        Look(command);
        return ValueTask.FromResult(result);
    }

    public override InterceptionResult<DbDataReader> ReaderExecuting(DbCommand command, CommandEventData eventData, InterceptionResult<DbDataReader> result)
    {
        Look(command);
        return result;
    }

    public override ValueTask<InterceptionResult<DbDataReader>> ReaderExecutingAsync(
        DbCommand command, CommandEventData eventData, InterceptionResult<DbDataReader> result, CancellationToken cancellationToken = default)
    {
        Look(command);
        return ValueTask.FromResult(result);
    }

    private void Look(DbCommand command)
    {
        // Several statements may stand in one command; reading is most often all of it.
        var text = command.CommandText;
        if (!text.StartsWith("SELECT", StringComparison.Ordinal) && text.Contains("projects", StringComparison.Ordinal)) gate.TouchProjects();
    }
}

/// <summary>For the migration tool.</summary>
internal sealed class SqliteDesignTimeFactory : IDesignTimeDbContextFactory<SqliteAnnotatorDbContext>
{
    public SqliteAnnotatorDbContext CreateDbContext(string[] args) =>
        new(new DbContextOptionsBuilder<SqliteAnnotatorDbContext>().UseSqlite("Data Source=design.db").Options, new SqliteWriteGate());
}
