using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Annotator.Core.Accounts;

/// <summary>The end of a chain of the audit log: what the next entry goes on from, and by which entries cut off at the end are missed.</summary>
public sealed class AuditHead
{
    /// <summary>The project; 0 for entries that concern none.</summary>
    public long Chain { get; set; }

    /// <summary>Entries there are.</summary>
    public long Sequence { get; set; }

    /// <summary>Hash of the newest; empty before the first.</summary>
    public string Hash { get; set; } = "";
}

/// <summary>
/// Each entry of the audit log holds the SHA-256 of its own content and of the hash before it, one chain a project: whoever changes, removes, inserts or moves an
/// entry, by whatever way, breaks the chain there. An entry costs one row that is read and written, whatever the length of the log.
/// </summary>
internal static class AuditChain
{
    /// <summary>The chain of entries that concern no project.</summary>
    public const long NoProject = 0;

    /// <summary>Links entries that are about to be stored to their chains; whoever else adds to one of these waits for the end of the transaction.</summary>
    public static async Task LinkAsync(AnnotatorDbContext db, CancellationToken cancellationToken)
    {
        // What was added is known without comparing all that is tracked, which the caller is about to do anyway.
        var detecting = db.ChangeTracker.AutoDetectChangesEnabled;
        db.ChangeTracker.AutoDetectChangesEnabled = false;
        var added = db.ChangeTracker.Entries<AuditEntry>().Where(e => e.State == EntityState.Added && e.Entity.Hash.Length == 0).Select(e => e.Entity).ToList();
        db.ChangeTracker.AutoDetectChangesEnabled = detecting;

        // Always in the same order, so that two transactions never wait for each other's chains crosswise.
        foreach (var chain in added.GroupBy(e => e.ProjectId ?? NoProject).OrderBy(g => g.Key))
        {
            var head = await HoldAsync(db, chain.Key, cancellationToken);
            foreach (var entry in chain) Link(entry, head);
            await db.Database.ExecuteSqlAsync($"UPDATE audit_heads SET sequence = {head.Sequence}, hash = {head.Hash} WHERE chain = {head.Chain}", cancellationToken);
        }
    }

    /// <summary>Links the entries of versions that had no chain yet, in the order in which they were made.</summary>
    public static async Task LinkEarlierAsync(AnnotatorDbContext db, CancellationToken cancellationToken)
    {
        const int part = 1_000;
        foreach (var chain in (await db.AuditLog.Where(e => e.Hash == "").Select(e => e.ProjectId).Distinct().ToListAsync(cancellationToken)).OrderBy(c => c ?? NoProject))
        {
            var head = await HoldAsync(db, chain ?? NoProject, cancellationToken);
            while (true)
            {
                var rows = await db.AuditLog.AsNoTracking().Where(e => e.ProjectId == chain && e.Hash == "").OrderBy(e => e.Id).Take(part).ToListAsync(cancellationToken);
                if (rows.Count == 0) break;
                foreach (var row in rows)
                {
                    Link(row, head);
                    await db.Database.ExecuteSqlAsync($"UPDATE audit_log SET sequence = {row.Sequence}, hash = {row.Hash} WHERE id = {row.Id}", cancellationToken);
                }
            }

            await db.Database.ExecuteSqlAsync($"UPDATE audit_heads SET sequence = {head.Sequence}, hash = {head.Hash} WHERE chain = {head.Chain}", cancellationToken);
        }
    }

    /// <summary>What an entry must hold after the one before it.</summary>
    /// <param name="entry">The entry, with its place in the chain.</param>
    /// <param name="before">Hash of the one before; empty for the first.</param>
    /// <returns>64 hexadecimal digits.</returns>
    public static string HashOf(AuditEntry entry, string before)
    {
        // A JSON array has one way to be read only, whatever stands in the texts.
        var content = JsonSerializer.Serialize(new object?[] { before, entry.ProjectId ?? NoProject, entry.Sequence, entry.UserId, entry.Action, entry.Detail, entry.CreatedAt.ToUnixTimeMilliseconds() });
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(content)));
    }

    private static void Link(AuditEntry entry, AuditHead head)
    {
        entry.Sequence = ++head.Sequence;
        head.Hash = entry.Hash = HashOf(entry, head.Hash);
    }

    // The end of a chain, held to the end of the transaction; made where the chain begins.
    private static async Task<AuditHead> HoldAsync(AnnotatorDbContext db, long chain, CancellationToken cancellationToken) => (await db.Set<AuditHead>().FromSql(
        $"INSERT INTO audit_heads (chain, sequence, hash) VALUES ({chain}, 0, '') ON CONFLICT (chain) DO UPDATE SET chain = excluded.chain RETURNING chain, sequence, hash").AsNoTracking().ToListAsync(cancellationToken))[0];
}

internal sealed class AuditHeadConfiguration : IEntityTypeConfiguration<AuditHead>
{
    public void Configure(EntityTypeBuilder<AuditHead> builder)
    {
        builder.ToTable("audit_heads");
        builder.HasKey(h => h.Chain);
        builder.Property(h => h.Chain).ValueGeneratedNever();
        builder.Property(h => h.Hash).HasMaxLength(64);
    }
}
