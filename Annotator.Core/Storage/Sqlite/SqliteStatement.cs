using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using SQLitePCL;

namespace Annotator.Core.Storage.Sqlite;

/// <summary>A prepared statement that is executed for many rows: parameters are bound by their place, where ADO.NET looks each up by its name for each row.</summary>
internal sealed class SqliteStatement : IDisposable
{
    private readonly sqlite3 _database;
    private readonly sqlite3_stmt _statement;

    /// <summary>Prepares a statement with the parameters ?1, ?2, …, inside the transaction of a context.</summary>
    public SqliteStatement(AnnotatorDbContext db, string sql)
    {
        _database = ((SqliteConnection)db.Database.GetDbConnection()).Handle ?? throw new InvalidOperationException("The connection is closed.");
        SqliteException.ThrowExceptionForRC(raw.sqlite3_prepare_v2(_database, sql, out _statement), _database);
    }

    /// <summary>Gives a parameter its value for the next row.</summary>
    /// <param name="place">Its place, from 0.</param>
    /// <param name="value">A whole number, floating point, text, yes or no, or null.</param>
    public void Bind(int place, object? value)
    {
        var index = place + 1;
        var code = value switch
        {
            null => raw.sqlite3_bind_null(_statement, index),
            string text => raw.sqlite3_bind_text(_statement, index, text),
            long number => raw.sqlite3_bind_int64(_statement, index, number),
            int number => raw.sqlite3_bind_int64(_statement, index, number),
            double number => raw.sqlite3_bind_double(_statement, index, number),
            bool yes => raw.sqlite3_bind_int64(_statement, index, yes ? 1 : 0),
            _ => throw new NotSupportedException($"Values of type {value.GetType().Name}."),
        };
        if (code != raw.SQLITE_OK) SqliteException.ThrowExceptionForRC(code, _database);
    }

    /// <summary>Executes the statement for the values that were bound.</summary>
    /// <returns>How many rows it changed.</returns>
    public int Execute()
    {
        var code = raw.sqlite3_step(_statement);
        var changed = code == raw.SQLITE_DONE ? raw.sqlite3_changes(_database) : 0;
        if (code is not (raw.SQLITE_DONE or raw.SQLITE_ROW))
        {
            // The message is that of the last call: throw before the reset.
            try
            {
                SqliteException.ThrowExceptionForRC(code, _database);
            }
            finally
            {
                raw.sqlite3_reset(_statement);
            }
        }

        raw.sqlite3_reset(_statement);
        return changed;
    }

    /// <inheritdoc />
    public void Dispose() => _statement.Dispose();
}
