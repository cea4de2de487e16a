using System.Collections.Concurrent;
using System.Text.Json;
using Annotator.Core.Projects;
using Annotator.Core.Quality.Certificate;
using Annotator.Core.Runs;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Learning.Steering;

/// <summary>Keeps audits: their facts in the database, the frozen proposals in the blob store, and the running one replayed in memory.</summary>
internal sealed class AuditLedger(AnnotatorDatabase database, IBlobStore blobs)
{
    private readonly ConcurrentDictionary<long, AuditSession> _sessions = new();

    /// <summary>The newest audit of a project, or null.</summary>
    public Task<Audit?> NewestAsync(long projectId, CancellationToken cancellationToken) => database.ReadAsync(
        db => db.Audits.Where(a => a.ProjectId == projectId).OrderByDescending(a => a.Number).FirstOrDefaultAsync(cancellationToken), cancellationToken);

    /// <summary>Begins an audit of proposals; nothing is drawn yet.</summary>
    public async Task<AuditSession> BeginAsync(RunContext run, Project project, Audit audit, FrozenProposals frozen, CancellationToken cancellationToken)
    {
        audit.Blob = (await blobs.PutAsync("audits", new MemoryStream(frozen.ToBytes()), cancellationToken)).Name;
        await run.CheckpointAsync(
            async scope =>
            {
                audit.StartedAt = scope.Now;
                scope.Db.Audits.Add(audit);
                await scope.Db.SaveChangesAsync(cancellationToken);
                scope.Db.ChangeTracker.Clear();
            },
            null,
            cancellationToken: cancellationToken);
        return _sessions[project.Id] = AuditSession.Replay(audit, frozen, []);
    }

    /// <summary>The audit as its facts tell it; kept in memory while nothing else has written records.</summary>
    public async Task<AuditSession> OpenAsync(Audit audit, bool fresh, CancellationToken cancellationToken)
    {
        var written = await database.ReadAsync(db => db.AuditRecords.CountAsync(r => r.ProjectId == audit.ProjectId && r.Number == audit.Number, cancellationToken), cancellationToken);
        if (!fresh && _sessions.TryGetValue(audit.ProjectId, out var known) && known.Audit.Number == audit.Number && known.Records.Count == written) return known;
        var records = await database.ReadAsync(
            db => db.AuditRecords.Where(r => r.ProjectId == audit.ProjectId && r.Number == audit.Number).OrderBy(r => r.Ordinal).ToListAsync(cancellationToken), cancellationToken);
        using var file = new MemoryStream();
        await using (var stored = await blobs.OpenAsync(audit.Blob, cancellationToken)) await stored.CopyToAsync(file, cancellationToken);
        return _sessions[audit.ProjectId] = AuditSession.Replay(audit, FrozenProposals.FromBytes(file.ToArray()), records);
    }

    /// <summary>Forgets what is in memory: its facts are read again.</summary>
    public void Forget(long projectId) => _sessions.TryRemove(projectId, out _);

    /// <summary>Class names of the frozen proposals.</summary>
    public static IReadOnlyList<string> ClassesOf(Audit audit) => JsonSerializer.Deserialize<List<string>>(audit.Classes)!;
}
