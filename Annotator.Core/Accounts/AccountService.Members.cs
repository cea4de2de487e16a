using Annotator.Core.Live;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Accounts;

public sealed partial class AccountService
{
    /// <summary>A project's members, in order of their names. For everybody who may see the project.</summary>
    /// <returns>The members; null where the caller may not see the project.</returns>
    public async Task<List<Member>?> ListMembersAsync(Caller by, long projectId, CancellationToken cancellationToken = default)
    {
        if (await access.FindAsync(by, projectId, cancellationToken) is null) return null;
        return await database.ReadAsync(
            db => db.Memberships.Where(m => m.ProjectId == projectId).Join(db.Users, m => m.UserId, u => u.Id, (m, u) => new { m, u })
                .OrderBy(x => x.u.DisplayName).ThenBy(x => x.u.Id).Select(x => new Member(x.u.Id, x.u.DisplayName, x.u.Email, x.m.Role, x.u.Disabled, x.m.CreatedAt)).ToListAsync(cancellationToken),
            cancellationToken);
    }

    /// <summary>Makes somebody a member of a project, or changes what they are in it.</summary>
    /// <param name="by">A lead of the project, or an admin.</param>
    /// <param name="projectId">The project.</param>
    /// <param name="userId">The person.</param>
    /// <param name="role"><see cref="Role.Lead"/> or <see cref="Role.Annotator"/>.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public async Task<AccountResult<Membership>> AddMemberAsync(Caller by, long projectId, long userId, Role role, CancellationToken cancellationToken = default)
    {
        Need(await access.FindAsync(by, projectId, cancellationToken) is { IsLead: true });
        if (role == Role.Admin) return ("role", "Must be lead or annotator.");
        return await database.WriteAsync<AccountResult<Membership>>(
            async scope =>
            {
                if (!await scope.Db.Users.AnyAsync(u => u.Id == userId && !u.IsImported, scope.CancellationToken)) return ("user", "There is no such user.");
                var membership = await scope.Db.Memberships.FirstOrDefaultAsync(m => m.ProjectId == projectId && m.UserId == userId, scope.CancellationToken);
                if (membership?.Role == role) return membership;
                if (membership is null) scope.Db.Memberships.Add(membership = new Membership { ProjectId = projectId, UserId = userId, CreatedAt = scope.Now });
                membership.Role = role;
                scope.Audit(by.UserId, "member.set", new { user = userId, role }, projectId);
                scope.Publish(new ProjectChanged(projectId));
                return membership;
            },
            cancellationToken);
    }

    /// <summary>Takes somebody out of a project; open pages and connections lose it within seconds.</summary>
    /// <returns>Whether they were a member.</returns>
    public async Task<bool> RemoveMemberAsync(Caller by, long projectId, long userId, CancellationToken cancellationToken = default)
    {
        Need(await access.FindAsync(by, projectId, cancellationToken) is { IsLead: true });
        return await database.WriteAsync(
            async scope =>
            {
                var rows = await scope.Db.Memberships.Where(m => m.ProjectId == projectId && m.UserId == userId).ExecuteDeleteAsync(scope.CancellationToken);
                if (rows == 0) return false;
                scope.Audit(by.UserId, "member.removed", new { user = userId }, projectId);
                scope.Publish(new ProjectChanged(projectId));
                return true;
            },
            cancellationToken);
    }
}

/// <summary>A member of a project.</summary>
/// <param name="UserId">The person.</param>
/// <param name="Name">Name to show.</param>
/// <param name="Email">Address.</param>
/// <param name="Role">What they are in the project.</param>
/// <param name="Disabled">Whether their account is closed.</param>
/// <param name="Since">Since when.</param>
public sealed record Member(long UserId, string Name, string? Email, Role Role, bool Disabled, DateTimeOffset Since);
