using System.Text.Json;
using Annotator.Core.Projects;
using Annotator.Core.Storage;

namespace Annotator.Core.Accounts;

/// <summary>Writes the audit log.</summary>
public static class AuditLog
{
    /// <summary>Adds an entry; it is kept if the unit of work is committed.</summary>
    /// <param name="scope">The unit of work.</param>
    /// <param name="userId">Who; null for the product itself.</param>
    /// <param name="action">What, as <c>subject.verb</c>.</param>
    /// <param name="detail">Details, never a secret.</param>
    /// <param name="projectId">The project, where it concerns one.</param>
    public static void Audit(this WriteScope scope, long? userId, string action, object? detail = null, long? projectId = null) => scope.Db.AuditLog.Add(new AuditEntry
    {
        ProjectId = projectId,
        UserId = userId,
        Action = action,
        Detail = detail is null ? null : JsonSerializer.Serialize(detail, ProjectJson.Options),
        CreatedAt = scope.Now,
    });
}
