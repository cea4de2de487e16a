using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Storage.Sqlite;

/// <summary>
/// Tells SQLite's planner how the indexes of decisions are in a large project, instead of measuring them. Without any figures it takes "somebody decided it" for a narrower
/// condition than "of this item", and then reads all decisions of a project for each new one: a decision would cost the more, the more there are. Fixed figures give the same
/// plans at any size; they are set up anew at each start, so that no migration loses them.
/// </summary>
internal static class PlanStatistics
{
    // Rows of the index, then rows for each value of its first column, of its first two, and so on.
    private const string Decisions = """
        DELETE FROM sqlite_stat1 WHERE tbl IN ('decisions', '__EFMigrationsHistory');
        INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES
            ('decisions', 'ix_decisions_project_id_item_id_id', '2000000 200000 3 1'),
            ('decisions', 'ix_decisions_project_id_user_id_id', '2000000 200000 20000 1'),
            ('decisions', 'ix_decisions_corrected', '100000 10000 2');
        ANALYZE sqlite_schema;
        """;

    /// <summary>Sets the figures up.</summary>
    public static async Task SetUpAsync(AnnotatorDbContext db, CancellationToken cancellationToken)
    {
        // The table of figures exists once something was measured: the smallest table there is.
        await db.Database.ExecuteSqlRawAsync("ANALYZE __EFMigrationsHistory;", cancellationToken);
        await db.Database.ExecuteSqlRawAsync(Decisions, cancellationToken);
    }
}
