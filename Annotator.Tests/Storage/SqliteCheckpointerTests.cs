using Annotator.Core.Storage.Sqlite;
using Annotator.Tests.Support;
using Microsoft.Data.Sqlite;

namespace Annotator.Tests.Storage;

public class SqliteCheckpointerTests
{
    [Theory]
    [InlineData(1, true)]
    [InlineData(100_000, false)]
    public async Task What_is_committed_is_moved_beside_the_writers_who_wait_only_where_the_log_is_long(int mostPages, bool waits)
    {
        var folder = Directory.CreateTempSubdirectory("annotator-log-").FullName;
        var file = Path.Combine(folder, "a.db");
        using var writer = new SqliteConnection($"Data Source={file};Pooling=False");
        writer.Open();
        Execute("PRAGMA journal_mode=WAL; " + SqlitePragmas.Pragmas + "CREATE TABLE rows (id INTEGER PRIMARY KEY, text TEXT)");
        var entered = 0;
        using (var checkpointer = new SqliteCheckpointer($"Data Source={file}", () =>
        {
            Interlocked.Increment(ref entered);
            return new MemoryStream();
        }, mostPages))
        {
            for (var i = 0; i < 200; i++)
            {
                Execute($"INSERT INTO rows (text) VALUES ('{new string('x', 3_000)}')");
                checkpointer.Committed();
            }

            // SQLite itself would have left 200 pages and more in the log.
            await Until.TrueAsync(() => Task.FromResult(new FileInfo(file).Length > 200 * 3_000), "all pages are in the file");
            Assert.True(new FileInfo(file + "-wal").Length > 200 * 3_000);
            if (waits) await Until.TrueAsync(() => Task.FromResult(Volatile.Read(ref entered) > 0), "the writers were held up once");
            else Assert.Equal(0, Volatile.Read(ref entered));

            // Once all of it was moved the log begins anew, in place of growing.
            await Until.TrueAsync(
                () =>
                {
                    var length = new FileInfo(file + "-wal").Length;
                    Execute("INSERT INTO rows (text) VALUES ('one more')");
                    checkpointer.Committed();
                    return Task.FromResult(new FileInfo(file + "-wal").Length == length);
                },
                "the log begins anew");
        }

        writer.Close();
        Directory.Delete(folder, recursive: true);

        void Execute(string sql)
        {
            using var command = writer.CreateCommand();
            command.CommandText = sql;
            command.ExecuteNonQuery();
        }
    }
}
