using System.Globalization;
using System.Text;
using Annotator.Core.Items;
using Annotator.Core.Review;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;
using Npgsql;
using NpgsqlTypes;

namespace Annotator.Core.Storage.PostgreSql;

/// <summary>PostgreSQL: COPY in binary form is its bulk path, by way of a temporary table where rows may be there already.</summary>
internal sealed class PostgreSqlDialect : ISqlDialect
{
    // Skips locked rows, so that callers do not wait for each other; the row lock re-reads "open" after a concurrent update.
    private const string ClaimSql =
        """
        WITH RECURSIVE parts(a) AS (
          SELECT (SELECT MIN(last_annotator_id) FROM queue_entries WHERE project_id = @project AND open > 0)
          UNION ALL
          SELECT (SELECT MIN(q.last_annotator_id) FROM queue_entries q WHERE q.project_id = @project AND q.open > 0 AND q.last_annotator_id > parts.a)
          FROM parts WHERE parts.a IS NOT NULL),
        best AS (
          SELECT c.item_id, c.rank FROM parts CROSS JOIN LATERAL (
            SELECT q.item_id, q.rank FROM queue_entries q
            WHERE q.project_id = @project AND q.last_annotator_id = parts.a AND q.open > 0
              AND NOT EXISTS (SELECT 1 FROM leases l WHERE l.project_id = @project AND l.item_id = q.item_id AND l.user_id = @user)
              AND (parts.a = 0 OR NOT EXISTS (SELECT 1 FROM decisions d WHERE d.project_id = @project AND d.item_id = q.item_id AND d.user_id = @user AND d.undone_by_id IS NULL AND d.action <> 5))
            ORDER BY q.rank, q.item_id LIMIT @count FOR UPDATE SKIP LOCKED) c
          WHERE parts.a IS NOT NULL AND parts.a <> @user AND (parts.a >= 0 OR parts.a = ANY(@lanes))
          ORDER BY c.rank, c.item_id LIMIT @count)
        UPDATE queue_entries q SET open = q.open - 1 FROM best
        WHERE q.project_id = @project AND q.item_id = best.item_id AND q.open > 0
        RETURNING q.item_id, q.last_annotator_id, q.rank, q.open, q.reason, q.blind
        """;

    // Up to here rows go as parameters of one statement.
    private const int Few = 50;

    public string Name => "PostgreSql";

    public long? ProjectsVersion => null;

    public IReadOnlyList<string> ClaimStatements => [ClaimSql];

    public ValueTask<IDisposable> EnterWriteAsync(CancellationToken cancellationToken) => ValueTask.FromResult<IDisposable>(OpenGate.Instance);

    public async Task<IWriteUnit> BeginAsync(AnnotatorDbContext db, CancellationToken cancellationToken) => new Unit(await db.Database.BeginTransactionAsync(cancellationToken));

    public async Task<DateTimeOffset> NowAsync(AnnotatorDbContext db, CancellationToken cancellationToken)
    {
        var milliseconds = await db.Database.SqlQuery<long>($"SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS \"Value\"").SingleAsync(cancellationToken);
        return DateTimeOffset.FromUnixTimeMilliseconds(milliseconds);
    }

    public Task LockProjectAsync(AnnotatorDbContext db, long projectId, CancellationToken cancellationToken) =>
        db.Database.ExecuteSqlAsync($"SELECT 1 FROM projects WHERE id = {projectId} FOR NO KEY UPDATE", cancellationToken);

    public async Task LockItemsAsync(AnnotatorDbContext db, long projectId, IReadOnlyCollection<long> items, CancellationToken cancellationToken)
    {
        var ids = items.ToArray();
        await db.Database.ExecuteSqlAsync($"SELECT 1 FROM items WHERE project_id = {projectId} AND id = ANY({ids}) ORDER BY id FOR NO KEY UPDATE", cancellationToken);
        await db.Database.ExecuteSqlAsync($"SELECT 1 FROM queue_entries WHERE project_id = {projectId} AND item_id = ANY({ids}) ORDER BY item_id FOR UPDATE", cancellationToken);
    }

    public async Task<IReadOnlyList<long>> TryLockPlacesAsync(AnnotatorDbContext db, long projectId, IReadOnlyCollection<long> items, CancellationToken cancellationToken)
    {
        var ids = items.ToArray();
        return await db.Database.SqlQuery<long>($"SELECT item_id AS \"Value\" FROM queue_entries WHERE project_id = {projectId} AND item_id = ANY({ids}) ORDER BY item_id FOR UPDATE SKIP LOCKED").ToListAsync(cancellationToken);
    }

    public bool IsConflict(Exception exception) =>
        (exception as PostgresException ?? exception.InnerException as PostgresException)?.SqlState
            is PostgresErrorCodes.DeadlockDetected or PostgresErrorCodes.SerializationFailure or PostgresErrorCodes.LockNotAvailable or PostgresErrorCodes.UniqueViolation;

    public bool IsDuplicate(Exception exception) => (exception as PostgresException ?? exception.InnerException as PostgresException)?.SqlState is PostgresErrorCodes.UniqueViolation;

    public async Task<int> InsertAsync<T>(AnnotatorDbContext db, IReadOnlyCollection<T> rows, bool ignoreConflicts, CancellationToken cancellationToken)
        where T : class
    {
        if (rows.Count == 0) return 0;
        var entity = BulkEntity.Of<T>(db);
        if (!ignoreConflicts)
        {
            await CopyAsync(Connection(db), entity.Table, entity.Columns, entity.Types, rows.Count, rows.Select(r => Values(entity, r)), cancellationToken);
            return rows.Count;
        }

        return await ThroughTemporaryAsync(db, entity, rows, " ON CONFLICT DO NOTHING", cancellationToken);
    }

    public async Task UpsertAsync<T>(AnnotatorDbContext db, IReadOnlyCollection<T> rows, CancellationToken cancellationToken)
        where T : class
    {
        if (rows.Count == 0) return;
        var entity = BulkEntity.Of<T>(db);
        var sets = string.Join(", ", entity.Columns.Except(entity.Keys, StringComparer.Ordinal).Select(c => $"{c} = excluded.{c}"));
        await ThroughTemporaryAsync(db, entity, rows, $" ON CONFLICT ({string.Join(", ", entity.Keys)}) DO UPDATE SET {sets}", cancellationToken);
    }

    public async Task AddAsync<T>(AnnotatorDbContext db, IReadOnlyCollection<T> rows, CancellationToken cancellationToken)
        where T : class
    {
        if (rows.Count == 0) return;
        var entity = BulkEntity.Of<T>(db);
        await ThroughTemporaryAsync(db, entity, rows, $" ON CONFLICT ({string.Join(", ", entity.Keys)}) DO UPDATE SET {entity.Additions}", cancellationToken);
    }

    public async Task HoldFactsAsync(AnnotatorDbContext db, CancellationToken cancellationToken) =>
        await db.Database.ExecuteSqlRawAsync("LOCK TABLE items, decisions IN SHARE MODE", cancellationToken);

    public async Task<bool[]> UpdateAsync(AnnotatorDbContext db, BulkUpdate update, CancellationToken cancellationToken)
    {
        var changed = new bool[update.Rows.Count];
        if (update.Rows.Count == 0) return changed;
        var connection = Connection(db);
        BulkColumn[] columns = [.. update.Keys, .. update.Sets];
        if (update.Rows.Count <= Few)
        {
            await UpdateFewAsync(connection, update, columns, changed, cancellationToken);
            return changed;
        }

        var table = $"bulk_{update.Table}";
        var definitions = string.Join(", ", columns.Select(c => $"{c.Name} {SqlType(c.Type)}"));
        await ExecuteAsync(connection, $"CREATE TEMP TABLE {table} (bulk_row integer, {definitions}) ON COMMIT DROP", cancellationToken);
        string[] names = ["bulk_row", .. columns.Select(c => c.Name)];
        BulkType[] types = [BulkType.Int, .. columns.Select(c => c.Type)];
        await CopyAsync(connection, table, names, types, update.Rows.Count, update.Rows.Select((r, i) => (object?[])[i, .. r]), cancellationToken);

        // In the order of the keys, so that two updates of the same rows wait one for the other instead of crosswise.
        var order = string.Join(", ", update.Keys.Select(c => $"t.{c.Name}"));
        var match = string.Join(" AND ", update.Keys.Select(c => $"t.{c.Name} = b.{c.Name}"));
        await ExecuteAsync(connection, $"SELECT 1 FROM {update.Table} t JOIN {table} b ON {match} ORDER BY {order} FOR NO KEY UPDATE OF t", cancellationToken);
        await using (var command = new NpgsqlCommand(UpdateSql(update, table), connection))
        {
            await using var reader = await command.ExecuteReaderAsync(cancellationToken);
            while (await reader.ReadAsync(cancellationToken)) changed[reader.GetInt32(0)] = true;
        }

        await ExecuteAsync(connection, $"DROP TABLE {table}", cancellationToken);
        return changed;
    }

    public async Task AddCountsAsync(AnnotatorDbContext db, IReadOnlyList<CountChange> changes, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand { Connection = Connection(db) };
        var values = Values(command, [BulkType.Long, BulkType.Text, BulkType.Long], changes.Select(c => (object?[])[c.ProjectId, c.Name, c.Delta]));
        command.CommandText = $"INSERT INTO project_counters (project_id, name, value) VALUES {values} ON CONFLICT (project_id, name) DO UPDATE SET value = project_counters.value + excluded.value";
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    public async Task<IReadOnlyList<QueueEntry>> ClaimQueueAsync(AnnotatorDbContext db, long projectId, long userId, IReadOnlyCollection<long> lanes, int count, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(ClaimSql, Connection(db));
        command.Parameters.AddWithValue("project", projectId);
        command.Parameters.AddWithValue("user", userId);
        command.Parameters.AddWithValue("lanes", lanes.ToArray());
        command.Parameters.AddWithValue("count", (long)count);
        var entries = new List<QueueEntry>(count);
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            entries.Add(new QueueEntry
            {
                ProjectId = projectId,
                ItemId = reader.GetInt64(0),
                LastAnnotatorId = reader.GetInt64(1),
                Rank = reader.GetDouble(2),
                Open = reader.GetInt32(3),
                Reason = (QueueReason)reader.GetInt32(4),
                Blind = reader.GetBoolean(5),
            });
        }

        return [.. entries.OrderBy(e => e.Rank).ThenBy(e => e.ItemId)];
    }

    private static string UpdateSql(BulkUpdate update, string source)
    {
        var sets = update.Sets.Select(c => $"{c.Name} = b.{c.Name}").Concat((update.Increments ?? []).Select(c => $"{c} = {update.Table}.{c} + 1"));
        var where = string.Join(" AND ", update.Keys.Select(c => $"{update.Table}.{c.Name} = b.{c.Name}"));
        var guard = update.Guard is null ? "" : $" AND ({update.Guard})";
        return $"UPDATE {update.Table} SET {string.Join(", ", sets)} FROM {source} b WHERE {where}{guard} RETURNING b.bulk_row";
    }

    private static async Task UpdateFewAsync(NpgsqlConnection connection, BulkUpdate update, BulkColumn[] columns, bool[] changed, CancellationToken cancellationToken)
    {
        string[] names = ["bulk_row", .. columns.Select(c => c.Name)];
        BulkType[] types = [BulkType.Int, .. columns.Select(c => c.Type)];
        await using var command = new NpgsqlCommand { Connection = connection };
        var values = Values(command, types, update.Rows.Select((r, i) => (object?[])[i, .. r]));
        command.CommandText = $"WITH b({string.Join(", ", names)}) AS (VALUES {values}) {UpdateSql(update, "b")}";
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken)) changed[reader.GetInt32(0)] = true;
    }

    // (@p0::bigint, @p1::text), (…): with their types, which a list of values alone does not have.
    private static string Values(NpgsqlCommand command, BulkType[] types, IEnumerable<object?[]> rows)
    {
        var text = new StringBuilder();
        foreach (var row in rows)
        {
            text.Append(text.Length == 0 ? "(" : ", (");
            for (var i = 0; i < row.Length; i++)
            {
                var name = string.Create(CultureInfo.InvariantCulture, $"p{command.Parameters.Count}");
                command.Parameters.Add(new NpgsqlParameter(name, DbType(types[i])) { Value = Storable(row[i]) ?? DBNull.Value });
                text.Append(i == 0 ? "@" : ", @").Append(name).Append("::").Append(SqlType(types[i]));
            }

            text.Append(')');
        }

        return text.ToString();
    }

    // U+0000 cannot be stored in a text of PostgreSQL.
    private static object? Storable(object? value) => value is string text && text.Contains('\0', StringComparison.Ordinal) ? text.Replace('\0', '\uFFFD') : value;

    private static async Task<int> ThroughTemporaryAsync<T>(AnnotatorDbContext db, BulkEntity entity, IReadOnlyCollection<T> rows, string conflict, CancellationToken cancellationToken)
        where T : class
    {
        var connection = Connection(db);
        if (rows.Count <= Few)
        {
            // A table that is made and dropped for a row or two would cost more than the rows, and leave dead rows in the catalogue.
            await using var few = new NpgsqlCommand { Connection = connection };
            var values = Values(few, entity.Types, rows.Select(r => Values(entity, r)));
            few.CommandText = $"INSERT INTO {entity.Table} ({string.Join(", ", entity.Columns)}) VALUES {values}{conflict}";
            return await few.ExecuteNonQueryAsync(cancellationToken);
        }

        var table = $"bulk_{entity.Table}";
        var names = string.Join(", ", entity.Columns);
        await ExecuteAsync(connection, $"CREATE TEMP TABLE {table} ON COMMIT DROP AS SELECT {names} FROM {entity.Table} WITH NO DATA", cancellationToken);
        await CopyAsync(connection, table, entity.Columns, entity.Types, rows.Count, rows.Select(r => Values(entity, r)), cancellationToken);
        await using var command = new NpgsqlCommand($"INSERT INTO {entity.Table} ({names}) SELECT {names} FROM {table}{conflict}", connection);
        var inserted = await command.ExecuteNonQueryAsync(cancellationToken);
        await ExecuteAsync(connection, $"DROP TABLE {table}", cancellationToken);
        return inserted;
    }

    private static object?[] Values(BulkEntity entity, object row)
    {
        var values = new object?[entity.Columns.Length];
        for (var i = 0; i < values.Length; i++) values[i] = entity.Value(row, i);
        return values;
    }

    private static async Task CopyAsync(
        NpgsqlConnection connection, string table, string[] columns, BulkType[] types, int count, IEnumerable<object?[]> rows, CancellationToken cancellationToken)
    {
        if (count == 0) return;
        await using var writer = await connection.BeginBinaryImportAsync($"COPY {table} ({string.Join(", ", columns)}) FROM STDIN (FORMAT BINARY)", cancellationToken);
        foreach (var row in rows)
        {
            await writer.StartRowAsync(cancellationToken);
            for (var i = 0; i < row.Length; i++)
            {
                var value = Storable(row[i]);
                if (value is null) await writer.WriteNullAsync(cancellationToken);
                else await writer.WriteAsync(value, DbType(types[i]), cancellationToken);
            }
        }

        await writer.CompleteAsync(cancellationToken);
    }

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    private static NpgsqlConnection Connection(AnnotatorDbContext db) => (NpgsqlConnection)db.Database.GetDbConnection();

    private static NpgsqlDbType DbType(BulkType type) => type switch
    {
        BulkType.Long => NpgsqlDbType.Bigint,
        BulkType.Int => NpgsqlDbType.Integer,
        BulkType.Double => NpgsqlDbType.Double,
        BulkType.Text => NpgsqlDbType.Text,
        BulkType.Bool => NpgsqlDbType.Boolean,
        _ => throw new InvalidOperationException($"Unknown type {type}."),
    };

    private static string SqlType(BulkType type) => type switch
    {
        BulkType.Long => "bigint",
        BulkType.Int => "integer",
        BulkType.Double => "double precision",
        BulkType.Text => "text",
        BulkType.Bool => "boolean",
        _ => throw new InvalidOperationException($"Unknown type {type}."),
    };

    private sealed class Unit(IDbContextTransaction transaction) : IWriteUnit
    {
        public Task CommitAsync() => transaction.CommitAsync(CancellationToken.None);

        public ValueTask DisposeAsync() => transaction.DisposeAsync();
    }

    private sealed class OpenGate : IDisposable
    {
        public static readonly OpenGate Instance = new();

        public void Dispose()
        {
        }
    }
}
