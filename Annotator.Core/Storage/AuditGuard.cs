using Annotator.Core.Accounts;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Storage;

/// <summary>Has the database refuse every change of what the audit log holds, whoever asks; set up anew at each start, so that no migration loses it.</summary>
internal static class AuditGuard
{
    private static readonly string[] s_sqlite =
    [
        "CREATE TRIGGER IF NOT EXISTS audit_log_keeps BEFORE UPDATE ON audit_log BEGIN SELECT RAISE(ABORT, 'The audit log cannot be changed.'); END",
        "CREATE TRIGGER IF NOT EXISTS audit_log_stays BEFORE DELETE ON audit_log BEGIN SELECT RAISE(ABORT, 'The audit log cannot be changed.'); END",
        "CREATE TRIGGER IF NOT EXISTS audit_heads_keep BEFORE UPDATE ON audit_heads WHEN NEW.sequence < OLD.sequence BEGIN SELECT RAISE(ABORT, 'The audit log cannot be changed.'); END",
        "CREATE TRIGGER IF NOT EXISTS audit_heads_stay BEFORE DELETE ON audit_heads BEGIN SELECT RAISE(ABORT, 'The audit log cannot be changed.'); END",
    ];

    private static readonly string[] s_postgreSql =
    [
        "CREATE OR REPLACE FUNCTION audit_log_guard() RETURNS trigger AS $$ BEGIN RAISE EXCEPTION 'The audit log cannot be changed.'; END $$ LANGUAGE plpgsql",
        "CREATE OR REPLACE TRIGGER audit_log_keeps BEFORE UPDATE OR DELETE ON audit_log FOR EACH ROW EXECUTE FUNCTION audit_log_guard()",
        "CREATE OR REPLACE TRIGGER audit_log_stays BEFORE TRUNCATE ON audit_log FOR EACH STATEMENT EXECUTE FUNCTION audit_log_guard()",
        "CREATE OR REPLACE TRIGGER audit_heads_keep BEFORE UPDATE ON audit_heads FOR EACH ROW WHEN (NEW.sequence < OLD.sequence) EXECUTE FUNCTION audit_log_guard()",
        "CREATE OR REPLACE TRIGGER audit_heads_stay BEFORE DELETE ON audit_heads FOR EACH ROW EXECUTE FUNCTION audit_log_guard()",
        "CREATE OR REPLACE TRIGGER audit_heads_whole BEFORE TRUNCATE ON audit_heads FOR EACH STATEMENT EXECUTE FUNCTION audit_log_guard()",
    ];

    /// <summary>Sets the guard up; safe where it stands already, and where several nodes start at once. Entries of versions that had no chain yet are linked first.</summary>
    public static async Task SetUpAsync(AnnotatorDbContext db, CancellationToken cancellationToken)
    {
        var sqlite = db.Database.IsSqlite();
        var statements = sqlite ? s_sqlite : s_postgreSql;
        if (sqlite && !await db.AuditLog.AnyAsync(e => e.Hash == "", cancellationToken))
        {
            foreach (var statement in statements) await db.Database.ExecuteSqlRawAsync(statement, cancellationToken);
            return;
        }

        await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        if (!sqlite) await db.Database.ExecuteSqlRawAsync("SELECT pg_advisory_xact_lock(7346029)", cancellationToken);
        if (sqlite || await db.AuditLog.AnyAsync(e => e.Hash == "", cancellationToken))
        {
            await db.Database.ExecuteSqlRawAsync(sqlite ? "DROP TRIGGER IF EXISTS audit_log_keeps" : "DROP TRIGGER IF EXISTS audit_log_keeps ON audit_log", cancellationToken);
            await AuditChain.LinkEarlierAsync(db, cancellationToken);
        }

        foreach (var statement in statements) await db.Database.ExecuteSqlRawAsync(statement, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
    }
}
