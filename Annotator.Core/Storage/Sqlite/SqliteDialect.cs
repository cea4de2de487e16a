using System.Text;
using Annotator.Core.Review;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;

namespace Annotator.Core.Storage.Sqlite;

/// <summary>SQLite: prepared statements in one transaction are its bulk path.</summary>
internal sealed class SqliteDialect(SqliteWriteGate gate, TimeProvider time) : ISqlDialect
{
    // The annotators whose last touch splits the index, found by skipping from one to the next.
    private const string PartsSql =
        """
        WITH RECURSIVE parts(a) AS (
          SELECT (SELECT MIN(last_annotator_id) FROM queue_entries WHERE project_id = $project AND open > 0)
          UNION ALL
          SELECT (SELECT MIN(q.last_annotator_id) FROM queue_entries q WHERE q.project_id = $project AND q.open > 0 AND q.last_annotator_id > parts.a)
          FROM parts WHERE parts.a IS NOT NULL)
        SELECT a FROM parts WHERE a IS NOT NULL AND a <> $user AND (a >= 0 OR a IN (SELECT value FROM json_each($lanes)))
        """;

    private const string BestSql =
        """
        SELECT c.item_id, c.last_annotator_id, c.rank, c.open, c.reason, c.blind FROM queue_entries c
        WHERE c.project_id = $project AND c.last_annotator_id = $part AND c.open > 0
          AND NOT EXISTS (SELECT 1 FROM leases l WHERE l.project_id = $project AND l.item_id = c.item_id AND l.user_id = $user)
          AND ($part = 0 OR NOT EXISTS (SELECT 1 FROM decisions d WHERE d.project_id = $project AND d.item_id = c.item_id AND d.user_id = $user AND d.undone_by_id IS NULL AND d.action <> 5))
        ORDER BY c.rank, c.item_id LIMIT $count
        """;

    // SQLITE_CONSTRAINT_UNIQUE and SQLITE_CONSTRAINT_PRIMARYKEY.
    private const int UniqueViolated = 2067;
    private const int PrimaryKeyViolated = 1555;

    public string Name => "Sqlite";

    public long? ProjectsVersion => gate.ProjectsVersion;

    public IReadOnlyList<string> ClaimStatements => [PartsSql, BestSql];

    public ValueTask<IDisposable> EnterWriteAsync(CancellationToken cancellationToken) => gate.EnterAsync(cancellationToken);

    public Task<IWriteUnit> BeginAsync(AnnotatorDbContext db, CancellationToken cancellationToken) => gate.JoinAsync(db, cancellationToken);

    public Task<DateTimeOffset> NowAsync(AnnotatorDbContext db, CancellationToken cancellationToken) => Task.FromResult(time.GetUtcNow());

    public Task LockProjectAsync(AnnotatorDbContext db, long projectId, CancellationToken cancellationToken) => Task.CompletedTask;

    public Task LockItemsAsync(AnnotatorDbContext db, long projectId, IReadOnlyCollection<long> items, CancellationToken cancellationToken) => Task.CompletedTask;

    public Task<IReadOnlyList<long>> TryLockPlacesAsync(AnnotatorDbContext db, long projectId, IReadOnlyCollection<long> items, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<long>>([.. items]);

    public bool IsConflict(Exception exception) => false;

    public bool IsDuplicate(Exception exception) => (exception as SqliteException ?? exception.InnerException as SqliteException)?.SqliteExtendedErrorCode is UniqueViolated or PrimaryKeyViolated;

    public Task<int> InsertAsync<T>(AnnotatorDbContext db, IReadOnlyCollection<T> rows, bool ignoreConflicts, CancellationToken cancellationToken)
        where T : class => Task.FromResult(Insert(db, rows, ignoreConflicts ? " ON CONFLICT DO NOTHING" : "", cancellationToken));

    public Task UpsertAsync<T>(AnnotatorDbContext db, IReadOnlyCollection<T> rows, CancellationToken cancellationToken)
        where T : class
    {
        var entity = BulkEntity.Of<T>(db);
        var sets = string.Join(", ", entity.Columns.Except(entity.Keys, StringComparer.Ordinal).Select(c => $"{c} = excluded.{c}"));
        Insert(db, rows, $" ON CONFLICT ({string.Join(", ", entity.Keys)}) DO UPDATE SET {sets}", cancellationToken);
        return Task.CompletedTask;
    }

    public Task AddAsync<T>(AnnotatorDbContext db, IReadOnlyCollection<T> rows, CancellationToken cancellationToken)
        where T : class
    {
        var entity = BulkEntity.Of<T>(db);
        Insert(db, rows, $" ON CONFLICT ({string.Join(", ", entity.Keys)}) DO UPDATE SET {entity.Additions}", cancellationToken);
        return Task.CompletedTask;
    }

    public Task HoldFactsAsync(AnnotatorDbContext db, CancellationToken cancellationToken) => Task.CompletedTask;

    public Task<bool[]> UpdateAsync(AnnotatorDbContext db, BulkUpdate update, CancellationToken cancellationToken)
    {
        var changed = new bool[update.Rows.Count];
        if (update.Rows.Count == 0) return Task.FromResult(changed);
        var sql = new StringBuilder($"UPDATE {update.Table} SET ");
        var sets = update.Sets.Select((c, i) => $"{c.Name} = ?{update.Keys.Count + i + 1}").Concat((update.Increments ?? []).Select(c => $"{c} = {c} + 1"));
        sql.AppendJoin(", ", sets);
        sql.Append(" WHERE ").AppendJoin(" AND ", update.Keys.Select((c, i) => $"{c.Name} = ?{i + 1}"));
        if (update.Guard is not null) sql.Append(" AND (").Append(update.Guard).Append(')');
        using var statement = new SqliteStatement(db, sql.ToString());
        for (var r = 0; r < update.Rows.Count; r++)
        {
            if ((r & 1023) == 0) cancellationToken.ThrowIfCancellationRequested();
            var row = update.Rows[r];
            for (var c = 0; c < row.Length; c++) statement.Bind(c, row[c]);
            changed[r] = statement.Execute() > 0;
        }

        return Task.FromResult(changed);
    }

    public Task AddCountsAsync(AnnotatorDbContext db, IReadOnlyList<CountChange> changes, CancellationToken cancellationToken)
    {
        using var statement = new SqliteStatement(
            db, "INSERT INTO project_counters (project_id, name, value) VALUES (?1, ?2, ?3) ON CONFLICT (project_id, name) DO UPDATE SET value = project_counters.value + excluded.value");
        foreach (var change in changes)
        {
            statement.Bind(0, change.ProjectId);
            statement.Bind(1, change.Name);
            statement.Bind(2, change.Delta);
            statement.Execute();
        }

        return Task.CompletedTask;
    }

    public async Task<IReadOnlyList<QueueEntry>> ClaimQueueAsync(AnnotatorDbContext db, long projectId, long userId, IReadOnlyCollection<long> lanes, int count, CancellationToken cancellationToken)
    {
        var parts = new List<long>();
        using (var command = Command(db, PartsSql))
        {
            command.Parameters.AddWithValue("$project", projectId);
            command.Parameters.AddWithValue("$user", userId);
            command.Parameters.AddWithValue("$lanes", $"[{string.Join(',', lanes)}]");
            using var reader = await command.ExecuteReaderAsync(cancellationToken);
            while (await reader.ReadAsync(cancellationToken)) parts.Add(reader.GetInt64(0));
        }

        var candidates = new List<QueueEntry>(count);
        foreach (var part in parts)
        {
            using var command = Command(db, BestSql);
            command.Parameters.AddWithValue("$project", projectId);
            command.Parameters.AddWithValue("$user", userId);
            command.Parameters.AddWithValue("$part", part);
            command.Parameters.AddWithValue("$count", count);
            using var reader = await command.ExecuteReaderAsync(cancellationToken);
            while (await reader.ReadAsync(cancellationToken))
            {
                candidates.Add(new QueueEntry
                {
                    ProjectId = projectId,
                    ItemId = reader.GetInt64(0),
                    LastAnnotatorId = reader.GetInt64(1),
                    Rank = reader.GetDouble(2),
                    Open = reader.GetInt32(3) - 1,
                    Reason = (Items.QueueReason)reader.GetInt32(4),
                    Blind = reader.GetBoolean(5),
                });
            }
        }

        var entries = candidates.OrderBy(e => e.Rank).ThenBy(e => e.ItemId).Take(count).ToList();
        await UpdateAsync(
            db,
            new BulkUpdate(
                "queue_entries",
                [new("project_id", BulkType.Long), new("item_id", BulkType.Long)],
                [new("open", BulkType.Int)],
                [.. entries.Select(e => new object?[] { projectId, e.ItemId, e.Open })]),
            cancellationToken);
        return entries;
    }

    private static int Insert<T>(AnnotatorDbContext db, IReadOnlyCollection<T> rows, string conflict, CancellationToken cancellationToken)
        where T : class
    {
        if (rows.Count == 0) return 0;
        var entity = BulkEntity.Of<T>(db);
        var names = string.Join(", ", entity.Columns);
        var values = string.Join(", ", Enumerable.Range(1, entity.Columns.Length).Select(i => $"?{i}"));
        using var statement = new SqliteStatement(db, $"INSERT INTO {entity.Table} ({names}) VALUES ({values}){conflict}");
        var (inserted, seen, columns) = (0, 0, entity.Columns.Length);
        foreach (var row in rows)
        {
            if ((seen++ & 1023) == 0) cancellationToken.ThrowIfCancellationRequested();
            for (var c = 0; c < columns; c++) statement.Bind(c, entity.Value(row, c));
            inserted += statement.Execute();
        }

        return inserted;
    }

    private static SqliteCommand Command(AnnotatorDbContext db, string sql)
    {
        var command = (SqliteCommand)db.Database.GetDbConnection().CreateCommand();
        command.CommandText = sql;
        command.Transaction = (SqliteTransaction?)db.Database.CurrentTransaction?.GetDbTransaction();
        return command;
    }
}
