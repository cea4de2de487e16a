using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Accounts;

/// <summary>An entry of the audit log with who did it.</summary>
/// <param name="Entry">The entry.</param>
/// <param name="Who">Name to show; null: the product itself.</param>
public sealed record ShownAuditEntry(AuditEntry Entry, string? Who);

/// <summary>Reads the audit log. Nothing changes or removes its entries: the database itself refuses that.</summary>
public sealed class AuditReader(AnnotatorDatabase database)
{
    /// <summary>Entries of a project, newest first.</summary>
    /// <param name="projectId">The project.</param>
    /// <param name="before">Only entries with a smaller id, for the next page.</param>
    /// <param name="limit">How many at the most.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public Task<List<ShownAuditEntry>> ReadAsync(long projectId, long? before, int limit, CancellationToken cancellationToken = default) => database.ReadAsync(
        async db =>
        {
            var rows = await db.AuditLog.Where(e => e.ProjectId == projectId && (before == null || e.Id < before)).OrderByDescending(e => e.Id).Take(limit)
                .Select(e => new { Entry = e, Who = db.Users.Where(u => u.Id == e.UserId).Select(u => u.DisplayName == null || u.DisplayName == "" ? u.Email : u.DisplayName).FirstOrDefault() }).ToListAsync(cancellationToken);
            return rows.ConvertAll(r => new ShownAuditEntry(r.Entry, r.Who));
        },
        cancellationToken);
}
