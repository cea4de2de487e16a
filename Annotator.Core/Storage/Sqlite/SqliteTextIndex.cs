using Annotator.Core.Items;
using Annotator.Core.Items.Search;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;

namespace Annotator.Core.Storage.Sqlite;

/// <summary>FTS5 with the trigram tokenizer: parts of words are found in every script. It keeps no text of its own; the row id is the item's.</summary>
internal sealed class SqliteTextIndex : ITextIndex
{
    // What begins with one or two characters is looked up among the runs of three; where there are more of them, so many items have one that reading is as fast.
    private const int MostBeginnings = 400;

    private static readonly string[] s_setUp =
    [
        "CREATE VIRTUAL TABLE IF NOT EXISTS item_search USING fts5(text, key, tokenize = 'trigram', content = '', contentless_delete = 1)",
        "CREATE VIRTUAL TABLE IF NOT EXISTS item_search_grams USING fts5vocab(item_search, row)",
        "CREATE TABLE IF NOT EXISTS item_search_marks (project_id INTEGER NOT NULL PRIMARY KEY, through INTEGER NOT NULL)",
        "CREATE TRIGGER IF NOT EXISTS item_search_gone AFTER DELETE ON items BEGIN DELETE FROM item_search WHERE rowid = OLD.id; END",
        """
        CREATE TRIGGER IF NOT EXISTS item_search_edited AFTER UPDATE OF text, key ON items
        WHEN NEW.id <= COALESCE((SELECT through FROM item_search_marks WHERE project_id = NEW.project_id), 0) BEGIN
          DELETE FROM item_search WHERE rowid = OLD.id;
          INSERT INTO item_search (rowid, text, key) VALUES (NEW.id, substr(COALESCE(NEW.text, ''), 1, 50000) || char(10, 10), NEW.key || char(10, 10));
        END
        """,
    ];

    public async Task SetUpAsync(AnnotatorDbContext db, CancellationToken cancellationToken)
    {
        foreach (var statement in s_setUp) await db.Database.ExecuteSqlRawAsync(statement, cancellationToken);
    }

    public async Task<long?> ThroughAsync(AnnotatorDbContext db, long projectId, CancellationToken cancellationToken)
    {
        var found = await db.Database.SqlQuery<long>($"SELECT through AS Value FROM item_search_marks WHERE project_id = {projectId}").ToListAsync(cancellationToken);
        return found.Count == 0 ? null : found[0];
    }

    public async Task AddAsync(AnnotatorDbContext db, long projectId, IReadOnlyList<TextOfItem> items, long through, CancellationToken cancellationToken)
    {
        using (var statement = new SqliteStatement(db, "INSERT INTO item_search (rowid, text, key) SELECT ?1, ?2, ?3 WHERE EXISTS (SELECT 1 FROM items WHERE project_id = ?4 AND id = ?1)"))
        {
            foreach (var item in items)
            {
                // An item may be gone since it was read.
                statement.Bind(0, item.Id);
                statement.Bind(1, SearchQuery.Fold(item.Text ?? "") + TextGrams.End);
                statement.Bind(2, SearchQuery.Fold(item.Key) + TextGrams.End);
                statement.Bind(3, projectId);
                statement.Execute();
            }
        }

        await db.Database.ExecuteSqlAsync(
            $"INSERT INTO item_search_marks (project_id, through) VALUES ({projectId}, {through}) ON CONFLICT (project_id) DO UPDATE SET through = MAX(through, excluded.through)", cancellationToken);
    }

    public async Task<List<long>?> FindAsync(AnnotatorDbContext db, long projectId, SearchQuery query, long after, long through, int count, CancellationToken cancellationToken)
    {
        await db.Database.OpenConnectionAsync(cancellationToken);
        var terms = new List<string>();
        foreach (var part in query.Parts)
        {
            if (!TextGrams.OfPart(part).Begin)
            {
                terms.Add(Quote(part));
                continue;
            }

            var grams = await BeginningsAsync(db, part, cancellationToken);
            if (grams is null) continue;
            if (grams.Count == 0) return [];
            terms.Add($"({string.Join(" OR ", grams.Select(Quote))})");
        }

        if (terms.Count == 0) return null;

        // Where one part was left to be read, items that the index names are read again: it is a condition of the caller's query.
        if (terms.Count < query.Parts.Count && query.Parts.Count == 1) return null;
        using var command = Command(db, "SELECT rowid FROM item_search WHERE item_search MATCH $terms AND rowid > $after AND rowid <= $through ORDER BY rowid LIMIT $count");
        command.Parameters.AddWithValue("$terms", string.Join(" AND ", terms));
        command.Parameters.AddWithValue("$after", after);
        command.Parameters.AddWithValue("$through", through);
        command.Parameters.AddWithValue("$count", count);
        var found = new List<long>();
        using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken)) found.Add(reader.GetInt64(0));
        return found;
    }

    public IQueryable<Item> Containing(IQueryable<Item> items, string part)
    {
        // LIKE knows the case of ASCII letters only: others are found as they were typed.
        var pattern = $"%{part.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("%", "\\%", StringComparison.Ordinal).Replace("_", "\\_", StringComparison.Ordinal)}%";
        return items.Where(i => EF.Functions.Like(i.Text, pattern, "\\") || EF.Functions.Like(i.Key, pattern, "\\"));
    }

    public Task ForgetAsync(AnnotatorDbContext db, long projectId, CancellationToken cancellationToken) =>
        db.Database.ExecuteSqlAsync($"DELETE FROM item_search_marks WHERE project_id = {projectId}", cancellationToken);

    private static async Task<List<string>?> BeginningsAsync(AnnotatorDbContext db, string part, CancellationToken cancellationToken)
    {
        var begin = TextGrams.OfPart(part).Grams.First();
        using var command = Command(db, "SELECT term FROM item_search_grams WHERE term >= $begin AND term < $end LIMIT $most");
        command.Parameters.AddWithValue("$begin", begin);
        command.Parameters.AddWithValue("$end", begin + "\U0010FFFF");
        command.Parameters.AddWithValue("$most", MostBeginnings + 1);
        var grams = new List<string>();
        using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken)) grams.Add(reader.GetString(0));
        return grams.Count > MostBeginnings ? null : grams;
    }

    private static string Quote(string part) => $"\"{part.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";

    private static SqliteCommand Command(AnnotatorDbContext db, string sql)
    {
        var command = (SqliteCommand)db.Database.GetDbConnection().CreateCommand();
        command.CommandText = sql;
        command.Transaction = (SqliteTransaction?)db.Database.CurrentTransaction?.GetDbTransaction();
        return command;
    }
}
