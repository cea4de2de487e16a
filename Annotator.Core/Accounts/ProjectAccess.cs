using System.Collections.Concurrent;
using Annotator.Core.Projects;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Accounts;

/// <summary>Who asks, with the most that this request may do.</summary>
/// <param name="UserId">The person.</param>
/// <param name="Role">Their role, or less where a token carries less.</param>
public sealed record Caller(long UserId, Role Role);

/// <summary>A project as a caller may see it.</summary>
/// <param name="Project">The project.</param>
/// <param name="Role">What the caller is in it: admins are admin everywhere, others what their membership says.</param>
public sealed record ProjectGrant(Project Project, Role Role)
{
    /// <summary>Whether the caller may change the project and see everybody's work.</summary>
    public bool IsLead => Role >= Role.Lead;
}

/// <summary>Who may reach which project: the one place that decides.</summary>
public sealed class ProjectAccess(AnnotatorDatabase database)
{
    private const int MostKnown = 1_000;

    // Asked for with every request; kept only where no other process can change them.
    private readonly ConcurrentDictionary<long, (Project Project, long Version)> _known = new();

    /// <summary>The project, if the caller may see it; null otherwise, and for projects that do not exist: nobody can tell the two apart.</summary>
    public async Task<ProjectGrant?> FindAsync(Caller caller, long projectId, CancellationToken cancellationToken = default)
    {
        // Before the reading: what changes meanwhile makes it old at once.
        var version = database.Dialect.ProjectsVersion;
        if (version is not null && _known.TryGetValue(projectId, out var known) && known.Version == version)
        {
            return caller.Role == Role.Admin ? new ProjectGrant(known.Project, Role.Admin) : await database.ReadAsync(db => GrantAsync(db, caller, known.Project, cancellationToken), cancellationToken);
        }

        return await database.ReadAsync(
            async db =>
            {
                var project = await db.Projects.FirstOrDefaultAsync(p => p.Id == projectId && p.DeletedAt == null, cancellationToken);
                if (project is null) return null;
                if (_known.Count >= MostKnown) _known.Clear();
                if (version is { } v) _known[projectId] = (project, v);
                return caller.Role == Role.Admin ? new ProjectGrant(project, Role.Admin) : await GrantAsync(db, caller, project, cancellationToken);
            },
            cancellationToken);
    }

    /// <summary>Who may reach these projects now: one look for many callers, as long-lived connections need it.</summary>
    public Task<ProjectReach> ReachAsync(IReadOnlyCollection<long> projectIds, CancellationToken cancellationToken = default) => database.ReadAsync(
        async db =>
        {
            var there = await db.Projects.Where(p => projectIds.Contains(p.Id) && p.DeletedAt == null).Select(p => p.Id).ToListAsync(cancellationToken);
            var members = await db.Memberships.Where(m => there.Contains(m.ProjectId)).Select(m => new { m.ProjectId, m.UserId }).ToListAsync(cancellationToken);
            return new ProjectReach(there.ToHashSet(), members.Select(m => (m.ProjectId, m.UserId)).ToHashSet());
        },
        cancellationToken);

    /// <summary>Projects that the caller may see, newest first.</summary>
    /// <param name="caller">Who asks.</param>
    /// <param name="before">Only projects with a smaller id, for the next page.</param>
    /// <param name="limit">How many at the most.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public Task<List<Project>> ListAsync(Caller caller, long? before, int limit, CancellationToken cancellationToken = default) => database.ReadAsync(
        db =>
        {
            var projects = db.Projects.Where(p => p.DeletedAt == null && (before == null || p.Id < before));
            if (caller.Role != Role.Admin) projects = projects.Where(p => db.Memberships.Any(m => m.ProjectId == p.Id && m.UserId == caller.UserId));
            return projects.OrderByDescending(p => p.Id).Take(limit).ToListAsync(cancellationToken);
        },
        cancellationToken);

    private static async Task<ProjectGrant?> GrantAsync(AnnotatorDbContext db, Caller caller, Project project, CancellationToken cancellationToken)
    {
        var membership = await db.Memberships.FirstOrDefaultAsync(m => m.ProjectId == project.Id && m.UserId == caller.UserId, cancellationToken);
        return membership is null ? null : new ProjectGrant(project, membership.Role < caller.Role ? membership.Role : caller.Role);
    }
}

/// <summary>Who may reach some projects, as it was at one moment.</summary>
public sealed class ProjectReach
{
    private readonly HashSet<long> _projects;
    private readonly HashSet<(long Project, long User)> _members;

    internal ProjectReach(HashSet<long> projects, HashSet<(long Project, long User)> members) => (_projects, _members) = (projects, members);

    /// <summary>Whether the caller may see the project: the same rule as <see cref="ProjectAccess.FindAsync"/>.</summary>
    public bool Reaches(Caller caller, long projectId) => _projects.Contains(projectId) && (caller.Role == Role.Admin || _members.Contains((projectId, caller.UserId)));
}
