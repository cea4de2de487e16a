using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Annotator.Core.Edge;
using Microsoft.Data.Sqlite;

namespace Annotator.Edge.Storage;

/// <summary>A label as it is to be kept.</summary>
/// <param name="Key">The source's name for the item.</param>
/// <param name="Value">Value as canonical JSON.</param>
/// <param name="Confidence">Calibrated probability that it is right.</param>
/// <param name="ModelVersion">Student version.</param>
/// <param name="Reason">Why the item itself is to be sent.</param>
/// <param name="Content">The item's text, where it is to be sent.</param>
/// <param name="Worth">How much a person's look at it is worth; what is worth least goes first when room is needed.</param>
/// <param name="Picture">The item's picture, where it is to be sent.</param>
internal sealed record NewLabel(string Key, string Value, double Confidence, int ModelVersion, EdgeReason Reason, string? Content, double Worth, byte[]? Picture = null);

/// <summary>A label that waits to be sent.</summary>
internal sealed record WaitingLabel(long Sequence, string Key, string Value, double Confidence, int ModelVersion, EdgeReason Reason, long At);

/// <summary>An item that waits to be sent.</summary>
internal sealed record WaitingContent(long Sequence, string Key, string Text, EdgeReason Reason)
{
    /// <summary>Bytes on the way, about.</summary>
    public long Bytes => Encoding.UTF8.GetByteCount(Text) + Key.Length + 60;
}

/// <summary>A picture that waits to be sent.</summary>
internal sealed record WaitingPicture(long Sequence, string Key, byte[] File, EdgeReason Reason);

/// <summary>There is no room for another label: nothing is taken in until some were sent.</summary>
internal sealed class StoreFullException(long bytes) : Exception(string.Create(CultureInfo.InvariantCulture, $"The local store is full ({bytes:N0} bytes of labels wait to be sent)."));

/// <summary>
/// What a device keeps: who it is, and what it has not sent yet. One SQLite file, each write on the disk before it is answered
/// (WAL, <c>synchronous=FULL</c>), so that neither a kill nor a power cut loses what was acknowledged. Bounded: first the items that are worth least are
/// given up, their labels stay; when nothing but labels is left, nothing more is taken in.
/// </summary>
internal sealed class EdgeStore : IDisposable
{
    private const int SchemaVersion = 2;

    // The keys that are known for being done, so that a source that starts over counts nothing twice.
    private const int MostSeen = 500_000;

    private readonly Lock _lock = new();
    private readonly SqliteConnection _connection;
    private readonly long _mostBytes;
    private readonly TimeProvider _time;
    private int _waiting;
    private long _addedSinceTrim;

    private EdgeStore(SqliteConnection connection, long mostBytes, TimeProvider time)
    {
        (_connection, _mostBytes, _time) = (connection, mostBytes, time);
        _waiting = (int)Number("SELECT count(*) FROM labels WHERE sent = 0");
    }

    /// <summary>Labels that wait to be sent.</summary>
    public int Waiting => Volatile.Read(ref _waiting);

    /// <summary>Bytes in use.</summary>
    public long UsedBytes
    {
        get
        {
            lock (_lock) return UsedBytesLocked();
        }
    }

    /// <summary>Opens the store of a folder, and makes it where it is not there.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="mostBytes">The most bytes it may use.</param>
    /// <param name="time">The clock.</param>
    /// <exception cref="EdgeException">The store is of a newer agent, or broken.</exception>
    public static EdgeStore Open(string folder, long mostBytes, TimeProvider time)
    {
        Directory.CreateDirectory(folder);
        var path = Path.Combine(folder, "edge.db");
        if (!OperatingSystem.IsWindows() && !File.Exists(path))
        {
            // It holds the device's token: for its owner only, from the first moment.
            using var made = new FileStream(path, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite });
        }

        var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = path, Pooling = false }.ToString());
        try
        {
            connection.Open();
            Execute(connection, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=500; PRAGMA cache_size=-4096;");
            var version = Number(connection, "PRAGMA user_version");
            if (version > SchemaVersion) throw new EdgeException($"{path} was written by a newer agent.");
            if (version < 1)
            {
                Execute(connection, """
                    BEGIN;
                    CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
                    CREATE TABLE labels (
                        sequence INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL, value TEXT NOT NULL, confidence REAL NOT NULL, model INTEGER NOT NULL,
                        reason INTEGER NOT NULL, at INTEGER NOT NULL, sent INTEGER NOT NULL DEFAULT 0, content TEXT NULL, worth REAL NOT NULL);
                    CREATE INDEX labels_waiting ON labels (sequence) WHERE sent = 0;
                    CREATE INDEX labels_content ON labels (worth, sequence) WHERE content IS NOT NULL;
                    CREATE TABLE seen (hash BLOB PRIMARY KEY, number INTEGER NOT NULL) WITHOUT ROWID;
                    CREATE INDEX seen_number ON seen (number);
                    PRAGMA user_version = 1;
                    COMMIT;
                    """);
            }

            if (version < SchemaVersion)
            {
                // A label whose content is empty has a picture.
                Execute(connection, """
                    BEGIN;
                    CREATE TABLE pictures (sequence INTEGER PRIMARY KEY, file BLOB NOT NULL);
                    PRAGMA user_version = 2;
                    COMMIT;
                    """);
            }

            return new EdgeStore(connection, mostBytes, time);
        }
        catch (SqliteException e)
        {
            connection.Dispose();
            throw new EdgeException($"{path} cannot be opened: {e.Message}", e);
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    /// <summary>A remembered value; null where there is none.</summary>
    public string? Fact(string name)
    {
        lock (_lock)
        {
            using var command = Command("SELECT value FROM facts WHERE name = $name", ("$name", name));
            return command.ExecuteScalar() as string;
        }
    }

    /// <summary>Remembers values, all or none; null forgets one.</summary>
    public void Remember(params ReadOnlySpan<(string Name, string? Value)> facts)
    {
        lock (_lock)
        {
            using var transaction = _connection.BeginTransaction(deferred: false);
            foreach (var (name, value) in facts)
            {
                using var command = value is null
                    ? Command("DELETE FROM facts WHERE name = $name", ("$name", name))
                    : Command("INSERT INTO facts (name, value) VALUES ($name, $value) ON CONFLICT (name) DO UPDATE SET value = excluded.value", ("$name", name), ("$value", value));
                command.Transaction = transaction;
                command.ExecuteNonQuery();
            }

            transaction.Commit();
        }
    }

    /// <summary>Keeps labels; when the call returns they are on the disk.</summary>
    /// <returns>For each, whether it is new; those whose key was labelled before are not kept again.</returns>
    /// <exception cref="StoreFullException">There is no room; nothing was kept.</exception>
    public bool[] Add(IReadOnlyList<NewLabel> labels)
    {
        lock (_lock)
        {
            MakeRoom(labels);
            var made = new bool[labels.Count];
            var count = 0;
            using var transaction = _connection.BeginTransaction(deferred: false);
            using var see = Command("INSERT INTO seen (hash, number) VALUES ($hash, (SELECT coalesce(max(number), 0) + 1 FROM seen)) ON CONFLICT DO NOTHING", ("$hash", Array.Empty<byte>()));
            using var add = Command(
                "INSERT INTO labels (key, value, confidence, model, reason, at, content, worth) VALUES ($key, $value, $confidence, $model, $reason, $at, $content, $worth)",
                ("$key", ""), ("$value", ""), ("$confidence", 0.0), ("$model", 0), ("$reason", 0), ("$at", 0L), ("$content", DBNull.Value), ("$worth", 0.0));
            using var show = Command("INSERT INTO pictures (sequence, file) VALUES (last_insert_rowid(), $file)", ("$file", Array.Empty<byte>()));
            see.Transaction = add.Transaction = show.Transaction = transaction;
            for (var i = 0; i < labels.Count; i++)
            {
                var label = labels[i];
                see.Parameters[0].Value = HashOf(label.Key);
                if (see.ExecuteNonQuery() == 0) continue;
                object?[] values = [label.Key, label.Value, label.Confidence, label.ModelVersion, (int)label.Reason, _time.GetUtcNow().ToUnixTimeMilliseconds(), label.Content ?? (label.Picture is null ? null : ""), label.Worth];
                for (var p = 0; p < values.Length; p++) add.Parameters[p].Value = values[p] ?? DBNull.Value;
                add.ExecuteNonQuery();
                if (label.Picture is { } picture)
                {
                    show.Parameters[0].Value = picture;
                    show.ExecuteNonQuery();
                }

                made[i] = true;
                count++;
            }

            TrimSeen(transaction, count);
            transaction.Commit();
            _waiting += count;
            return made;
        }
    }

    /// <summary>Labels that wait to be sent, the oldest first.</summary>
    public List<WaitingLabel> NextLabels(int most)
    {
        lock (_lock)
        {
            using var command = Command("SELECT sequence, key, value, confidence, model, reason, at FROM labels WHERE sent = 0 ORDER BY sequence LIMIT $most", ("$most", most));
            using var reader = command.ExecuteReader();
            var labels = new List<WaitingLabel>();
            while (reader.Read())
                labels.Add(new WaitingLabel(reader.GetInt64(0), reader.GetString(1), reader.GetString(2), reader.GetDouble(3), reader.GetInt32(4), (EdgeReason)reader.GetInt32(5), reader.GetInt64(6)));
            return labels;
        }
    }

    /// <summary>Items that wait to be sent and whose labels have been, the most valuable first.</summary>
    public List<WaitingContent> NextContents(int most)
    {
        lock (_lock)
        {
            using var command = Command("SELECT sequence, key, content, reason FROM labels WHERE content IS NOT NULL AND content <> '' AND sent = 1 ORDER BY worth DESC, sequence DESC LIMIT $most", ("$most", most));
            using var reader = command.ExecuteReader();
            var contents = new List<WaitingContent>();
            while (reader.Read()) contents.Add(new WaitingContent(reader.GetInt64(0), reader.GetString(1), reader.GetString(2), (EdgeReason)reader.GetInt32(3)));
            return contents;
        }
    }

    /// <summary>The most valuable picture that waits to be sent and whose label has been; null where there is none.</summary>
    public WaitingPicture? NextPicture()
    {
        lock (_lock)
        {
            using var command = Command("SELECT l.sequence, l.key, p.file, l.reason FROM labels l JOIN pictures p ON p.sequence = l.sequence WHERE l.content = '' AND l.sent = 1 ORDER BY l.worth DESC, l.sequence DESC LIMIT 1");
            using var reader = command.ExecuteReader();
            return reader.Read() ? new WaitingPicture(reader.GetInt64(0), reader.GetString(1), reader.GetFieldValue<byte[]>(2), (EdgeReason)reader.GetInt32(3)) : null;
        }
    }

    /// <summary>Notes that labels are at the centre.</summary>
    public void LabelsSent(IReadOnlyCollection<long> sequences) => Sent("UPDATE labels SET sent = 1 WHERE sequence = $sequence AND sent = 0", sequences, countsDown: true);

    /// <summary>Notes that items are at the centre.</summary>
    public void ContentsSent(IReadOnlyCollection<long> sequences) => Sent("UPDATE labels SET content = NULL WHERE sequence = $sequence", sequences, countsDown: false);

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_lock) _connection.Dispose();
    }

    private static byte[] HashOf(string key) => SHA256.HashData(Encoding.UTF8.GetBytes(key))[..16];

    private static void Execute(SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    private static long Number(SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        return Convert.ToInt64(command.ExecuteScalar(), CultureInfo.InvariantCulture);
    }

    private long Number(string sql) => Number(_connection, sql);

    private SqliteCommand Command(string sql, params ReadOnlySpan<(string Name, object Value)> parameters)
    {
        var command = _connection.CreateCommand();
        command.CommandText = sql;
        foreach (var (name, value) in parameters) command.Parameters.AddWithValue(name, value);
        return command;
    }

    // The file keeps its pages; what is free in it is used again.
    private long UsedBytesLocked() => (Number("PRAGMA page_count") - Number("PRAGMA freelist_count")) * Number("PRAGMA page_size");

    private void MakeRoom(IReadOnlyList<NewLabel> labels)
    {
        var needed = labels.Sum(l => 250L + (2 * l.Key.Length) + (2 * l.Value.Length) + (2 * (l.Content?.Length ?? 0)) + (l.Picture?.Length ?? 0));
        if (UsedBytesLocked() + needed <= _mostBytes) return;

        // In steps of a tenth, so that not every label has to make room for itself.
        var goal = _mostBytes - Math.Max(needed, _mostBytes / 10);
        while (UsedBytesLocked() > goal)
        {
            using var drop = Command("UPDATE labels SET content = NULL WHERE sequence IN (SELECT sequence FROM labels WHERE content IS NOT NULL ORDER BY worth, sequence LIMIT (CASE WHEN EXISTS (SELECT 1 FROM pictures) THEN 5 ELSE 200 END))");
            if (drop.ExecuteNonQuery() == 0) break;
            RemoveDone(null);
        }

        // What is known for being done is worth less than room for what is not.
        if (UsedBytesLocked() + needed > _mostBytes)
        {
            using var forget = Command("DELETE FROM seen WHERE number <= (SELECT max(number) FROM seen) - $keep", ("$keep", MostSeen / 50));
            forget.ExecuteNonQuery();
        }

        var used = UsedBytesLocked();
        if (used + needed > _mostBytes) throw new StoreFullException(used);
    }

    private void TrimSeen(SqliteTransaction transaction, int added)
    {
        _addedSinceTrim += added;
        if (_addedSinceTrim < 1_000) return;
        _addedSinceTrim = 0;
        using var trim = Command("DELETE FROM seen WHERE number <= (SELECT max(number) FROM seen) - $keep", ("$keep", MostSeen));
        trim.Transaction = transaction;
        trim.ExecuteNonQuery();
    }

    private void Sent(string sql, IReadOnlyCollection<long> sequences, bool countsDown)
    {
        lock (_lock)
        {
            var changed = 0;
            using var transaction = _connection.BeginTransaction(deferred: false);
            using var command = Command(sql, ("$sequence", 0L));
            command.Transaction = transaction;
            foreach (var sequence in sequences)
            {
                command.Parameters[0].Value = sequence;
                changed += command.ExecuteNonQuery();
            }

            RemoveDone(transaction);
            transaction.Commit();
            if (countsDown) _waiting -= changed;
        }
    }

    private void RemoveDone(SqliteTransaction? transaction)
    {
        using var remove = Command("DELETE FROM pictures WHERE NOT EXISTS (SELECT 1 FROM labels l WHERE l.sequence = pictures.sequence AND l.content IS NOT NULL); DELETE FROM labels WHERE sent = 1 AND content IS NULL");
        remove.Transaction = transaction;
        remove.ExecuteNonQuery();
    }
}
