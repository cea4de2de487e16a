using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Storage;

/// <summary>Has the database refuse every change of what the audit log holds, whoever asks; set up anew at each start, so that no migration loses it.</summary>
internal static class AuditGuard
{
    private static readonly string[] s_sqlite =
    [
        "CREATE TRIGGER IF NOT EXISTS audit_log_keeps BEFORE UPDATE ON audit_log BEGIN SELECT RAISE(ABORT, 'The audit log cannot be changed.'); END",
        "CREATE TRIGGER IF NOT EXISTS audit_log_stays BEFORE DELETE ON audit_log BEGIN SELECT RAISE(ABORT, 'The audit log cannot be changed.'); END",
    ];

    private static readonly string[] s_postgreSql =
    [
        "CREATE OR REPLACE FUNCTION audit_log_guard() RETURNS trigger AS $$ BEGIN RAISE EXCEPTION 'The audit log cannot be changed.'; END $$ LANGUAGE plpgsql",
        "CREATE OR REPLACE TRIGGER audit_log_keeps BEFORE UPDATE OR DELETE ON audit_log FOR EACH ROW EXECUTE FUNCTION audit_log_guard()",
        "CREATE OR REPLACE TRIGGER audit_log_stays BEFORE TRUNCATE ON audit_log FOR EACH STATEMENT EXECUTE FUNCTION audit_log_guard()",
    ];

    /// <summary>Sets the guard up; safe where it stands already, and where several nodes start at once.</summary>
    public static async Task SetUpAsync(AnnotatorDbContext db, CancellationToken cancellationToken)
    {
        if (db.Database.IsSqlite())
        {
            foreach (var statement in s_sqlite) await db.Database.ExecuteSqlRawAsync(statement, cancellationToken);
            return;
        }

        await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        await db.Database.ExecuteSqlRawAsync("SELECT pg_advisory_xact_lock(7346029)", cancellationToken);
        foreach (var statement in s_postgreSql) await db.Database.ExecuteSqlRawAsync(statement, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
    }
}
