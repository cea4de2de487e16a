using System.Globalization;
using Annotator.Core.Items;
using Annotator.Core.Items.Search;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace Annotator.Core.Storage.PostgreSql;

/// <summary>
/// A <c>tsvector</c> of the runs of three characters of each item, under a GIN index: it needs no extension and finds parts of words in every script, where
/// the parsers of PostgreSQL know words apart only by spaces. What the runs promise is checked against the text itself.
/// </summary>
internal sealed class PostgreSqlTextIndex : ITextIndex
{
    private static readonly string[] s_setUp =
    [
        "CREATE TABLE IF NOT EXISTS item_search (project_id bigint NOT NULL, item_id bigint NOT NULL, grams tsvector NOT NULL, PRIMARY KEY (project_id, item_id))",
        "CREATE INDEX IF NOT EXISTS ix_item_search_grams ON item_search USING gin (grams)",
        "CREATE TABLE IF NOT EXISTS item_search_marks (project_id bigint NOT NULL PRIMARY KEY, through bigint NOT NULL)",

        // Deleted by statement, not by row: many go at once. Who edits a text has the item indexed again by the next run, which begins before it.
        """
        CREATE OR REPLACE FUNCTION item_search_gone() RETURNS trigger AS $$ BEGIN
          DELETE FROM item_search s USING gone g WHERE s.project_id = g.project_id AND s.item_id = g.id; RETURN NULL; END $$ LANGUAGE plpgsql
        """,
        "CREATE OR REPLACE TRIGGER item_search_gone AFTER DELETE ON items REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION item_search_gone()",
        """
        CREATE OR REPLACE FUNCTION item_search_edited() RETURNS trigger AS $$ BEGIN
          DELETE FROM item_search s WHERE s.project_id = NEW.project_id AND s.item_id = NEW.id;
          UPDATE item_search_marks SET through = LEAST(through, NEW.id - 1) WHERE project_id = NEW.project_id; RETURN NULL; END $$ LANGUAGE plpgsql
        """,
        "CREATE OR REPLACE TRIGGER item_search_edited AFTER UPDATE OF text, key ON items FOR EACH ROW EXECUTE FUNCTION item_search_edited()",
    ];

    // A GIN index gathers all items with a run of characters before the first is known.
    public int ReadFirst => 4_000;

    public async Task SetUpAsync(AnnotatorDbContext db, CancellationToken cancellationToken)
    {
        await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        await db.Database.ExecuteSqlRawAsync("SELECT pg_advisory_xact_lock(7346030)", cancellationToken);
        foreach (var statement in s_setUp) await db.Database.ExecuteSqlRawAsync(statement, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
    }

    public async Task<long?> ThroughAsync(AnnotatorDbContext db, long projectId, CancellationToken cancellationToken)
    {
        var found = await db.Database.SqlQuery<long>($"SELECT through AS \"Value\" FROM item_search_marks WHERE project_id = {projectId}").ToListAsync(cancellationToken);
        return found.Count == 0 ? null : found[0];
    }

    public async Task AddAsync(AnnotatorDbContext db, long projectId, IReadOnlyList<TextOfItem> items, long through, CancellationToken cancellationToken)
    {
        var ids = items.Select(i => i.Id).ToArray();
        var grams = items.Select(i => string.Join(TextGrams.Separator, [ProjectGram(projectId), .. TextGrams.Of(i.Text ?? "").Union(TextGrams.Of(i.Key), StringComparer.Ordinal)])).ToArray();
        await db.Database.ExecuteSqlAsync(
            $"""
            INSERT INTO item_search (project_id, item_id, grams)
            SELECT {projectId}, t.id, array_to_tsvector(string_to_array(t.grams, chr(1))) FROM unnest({ids}, {grams}) AS t(id, grams)
            JOIN items i ON i.project_id = {projectId} AND i.id = t.id ON CONFLICT DO NOTHING
            """,
            cancellationToken);
        await db.Database.ExecuteSqlAsync(
            $"INSERT INTO item_search_marks (project_id, through) VALUES ({projectId}, {through}) ON CONFLICT (project_id) DO UPDATE SET through = GREATEST(item_search_marks.through, excluded.through)", cancellationToken);
    }

    // Until it knows how frequent a run of characters is, the planner gathers all items with it where the first hundred were asked for; its own measuring comes a minute later or more.
    public Task MeasureAsync(AnnotatorDbContext db, CancellationToken cancellationToken) => db.Database.ExecuteSqlRawAsync("ANALYZE item_search; ANALYZE items;", cancellationToken);

    public async Task<List<long>?> FindAsync(AnnotatorDbContext db, long projectId, SearchQuery query, long after, long through, int count, CancellationToken cancellationToken)
    {
        await db.Database.OpenConnectionAsync(cancellationToken);
        var grams = query.Parts.Select(TextGrams.OfPart).SelectMany(p => p.Grams.Select(g => Quote(g) + (p.Begin ? ":*" : ""))).Distinct(StringComparer.Ordinal).Prepend(Quote(ProjectGram(projectId)));
        await using var command = new NpgsqlCommand(
            """
            SELECT s.item_id FROM item_search s JOIN items i ON i.project_id = s.project_id AND i.id = s.item_id
            WHERE s.project_id = @project AND s.grams @@ @grams::tsquery AND s.item_id > @after AND s.item_id <= @through
              AND NOT EXISTS (SELECT 1 FROM unnest(@parts) AS p WHERE (COALESCE(i.text, '') ILIKE p) IS NOT TRUE AND (i.key ILIKE p) IS NOT TRUE)
            ORDER BY s.item_id LIMIT @count
            """,
            (NpgsqlConnection)db.Database.GetDbConnection());
        command.Parameters.AddWithValue("project", projectId);
        command.Parameters.AddWithValue("grams", string.Join(" & ", grams));
        command.Parameters.AddWithValue("after", after);
        command.Parameters.AddWithValue("through", through);
        command.Parameters.AddWithValue("parts", query.Parts.Select(Pattern).ToArray());
        command.Parameters.AddWithValue("count", (long)count);
        var found = new List<long>();
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken)) found.Add(reader.GetInt64(0));
        return found;
    }

    public IQueryable<Item> Containing(IQueryable<Item> items, string part)
    {
        var pattern = Pattern(part);
        return items.Where(i => EF.Functions.ILike(i.Text!, pattern, "\\") || EF.Functions.ILike(i.Key, pattern, "\\"));
    }

    public async Task ForgetAsync(AnnotatorDbContext db, long projectId, CancellationToken cancellationToken)
    {
        await db.Database.ExecuteSqlAsync($"DELETE FROM item_search WHERE project_id = {projectId}", cancellationToken);
        await db.Database.ExecuteSqlAsync($"DELETE FROM item_search_marks WHERE project_id = {projectId}", cancellationToken);
    }

    // Runs have three characters; this cannot be one, and keeps other projects out of the list that the index gives.
    private static string ProjectGram(long projectId) => string.Create(CultureInfo.InvariantCulture, $"project {projectId}");

    private static string Quote(string gram) => $"'{gram.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("'", "''", StringComparison.Ordinal)}'";

    private static string Pattern(string part) => $"%{part.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("%", "\\%", StringComparison.Ordinal).Replace("_", "\\_", StringComparison.Ordinal)}%";
}
