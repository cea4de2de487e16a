using System.Net.Mail;
using Annotator.Core.Storage;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Accounts;

/// <summary>People, their tokens and their places in projects. Every change is in the audit log.</summary>
/// <remarks>Methods take who asks, and refuse with <see cref="NotAllowedException"/> what that role must not do, whatever page or endpoint it came through.</remarks>
public sealed partial class AccountService(
    AnnotatorDatabase database,
    ProjectAccess access,
    UserStates states,
    TokenAuthenticator tokens,
    IPasswordHasher<AppUser> hasher,
    ILookupNormalizer normalizer,
    TimeProvider time)
{
    /// <summary>How long an invitation is open.</summary>
    public static readonly TimeSpan InvitationLife = TimeSpan.FromDays(7);

    /// <summary>People by id, without the annotators of imported data. For admins, and for leads, who choose members.</summary>
    /// <param name="by">Who asks.</param>
    /// <param name="after">Only ids above this one, for the next page.</param>
    /// <param name="limit">How many at the most.</param>
    /// <param name="search">Part of the name or the address; null for all.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public Task<List<AppUser>> ListUsersAsync(Caller by, long? after = null, int limit = 1_000, string? search = null, CancellationToken cancellationToken = default)
    {
        Need(by.Role >= Role.Lead);
        var part = string.IsNullOrWhiteSpace(search) ? null : search.Trim().ToUpperInvariant();
#pragma warning disable CA1304, CA1311, CA1862, MA0011 // becomes SQL; the database knows no cultures
        return database.ReadAsync(
            db => db.Users.Where(u => !u.IsImported && (after == null || u.Id > after) && (by.Role == Role.Admin || !u.Disabled))
                .Where(u => part == null || u.NormalizedEmail!.Contains(part) || u.DisplayName.ToUpper().Contains(part))
                .OrderBy(u => u.Id).Take(limit).ToListAsync(cancellationToken),
            cancellationToken);
#pragma warning restore CA1304, CA1311, CA1862, MA0011
    }

    /// <summary>A person; null where there is none, or the caller may not see them (people see themselves, admins all).</summary>
    public async Task<AppUser?> FindAsync(Caller by, long userId, CancellationToken cancellationToken = default) =>
        by.Role == Role.Admin || by.UserId == userId
            ? await database.ReadAsync(db => db.Users.FirstOrDefaultAsync(u => u.Id == userId, cancellationToken), cancellationToken)
            : null;

    /// <summary>Makes an account. Without a password an invitation is made, whose token is in the answer and nowhere else.</summary>
    public async Task<AccountResult<NewAccount>> CreateUserAsync(
        Caller by, string email, string name, Role role, string? password = null, CancellationToken cancellationToken = default)
    {
        Need(by.Role == Role.Admin);
        email = email.Trim();
        name = name.Trim();
        var errors = Check(email, name);
        if (password is not null && PasswordRules.Check(password, email) is { } weak) errors.Add(("password", weak));
        if (errors.Count > 0) return errors;

        var invitation = password is null ? Secret.New() : null;
        var passwordHash = password is null ? null : Hash(password);
        try
        {
            return await database.WriteAsync<AccountResult<NewAccount>>(
                async scope =>
                {
                    if (await IsTakenAsync(scope, email, null)) return ("email", Taken);
                    var user = NewUser(scope, email, name, role);
                    user.PasswordHash = passwordHash;
                    if (invitation is not null) Invite(scope, user, invitation);
                    scope.Db.Users.Add(user);
                    await scope.Db.SaveChangesAsync(scope.CancellationToken);
                    scope.Audit(by.UserId, "user.created", new { user = user.Id, email, role });
                    return new NewAccount(user, invitation);
                },
                cancellationToken);
        }
        catch (DbUpdateException) when (!cancellationToken.IsCancellationRequested)
        {
            // Two at the same moment: the unique index let one through.
            return ("email", Taken);
        }
    }

    /// <summary>
    /// Changes an account. Admins may change everything but take the last admin away; people may change their own name.
    /// A new address or password, and closing the account, end all its sessions; a new role holds within seconds.
    /// </summary>
    /// <returns>The account as it is now; an error on <c>id</c> where there is none.</returns>
    public async Task<AccountResult<AppUser>> UpdateUserAsync(Caller by, long userId, UserChange change, CancellationToken cancellationToken = default)
    {
        Need(by.Role == Role.Admin || (by.UserId == userId && change is { Email: null, Role: null, Disabled: null, Password: null }));
        var passwordHash = change.Password is { Length: <= PasswordRules.MaxLength } ? Hash(change.Password) : null;
        var result = await database.WriteAsync<AccountResult<AppUser>>(
            async scope =>
            {
                await LockAsync(scope);
                var user = await scope.Db.Users.FirstOrDefaultAsync(u => u.Id == userId && !u.IsImported, scope.CancellationToken);
                if (user is null) return ("id", "There is no such user.");
                var (email, name) = (change.Email?.Trim() ?? user.Email!, change.Name?.Trim() ?? user.DisplayName);
                var errors = Check(email, name);
                if (change.Password is not null && PasswordRules.Check(change.Password, email) is { } weak) errors.Add(("password", weak));
                if (change.Email is not null && await IsTakenAsync(scope, email, userId)) errors.Add(("email", Taken));
                var leaves = user is { Role: Role.Admin, Disabled: false } && ((change.Role ?? Role.Admin) != Role.Admin || change.Disabled == true);
                if (leaves && !await scope.Db.Users.AnyAsync(u => u.Id != userId && u.Role == Role.Admin && !u.Disabled && u.PasswordHash != null, scope.CancellationToken))
                    errors.Add((change.Disabled == true ? "disabled" : "role", "This is the last administrator."));
                if (errors.Count > 0) return errors;

                var ends = change.Password is not null || change.Disabled == true || !string.Equals(normalizer.NormalizeEmail(email), user.NormalizedEmail, StringComparison.Ordinal);
                scope.Audit(by.UserId, "user.changed", new
                {
                    user = userId,
                    name = change.Name,
                    email = change.Email,
                    role = change.Role,
                    disabled = change.Disabled,
                    password = change.Password is null ? (bool?)null : true,
                });
                user.DisplayName = name;
                SetEmail(user, email);
                user.Role = change.Role ?? user.Role;
                user.Disabled = change.Disabled ?? user.Disabled;
                if (change.Password is not null)
                {
                    user.PasswordHash = passwordHash;
                    (user.InvitationHash, user.InvitationExpiresAt, user.LockoutEnd, user.AccessFailedCount) = (null, null, null, 0);
                }

                if (ends) user.SecurityStamp = Secret.New();
                user.ConcurrencyStamp = Guid.NewGuid().ToString();
                return user;
            },
            cancellationToken);
        states.Forget(userId);
        return result;
    }

    /// <summary>Closes an account, and ends its sessions and tokens.</summary>
    public Task<AccountResult<AppUser>> DisableAsync(Caller by, long userId, CancellationToken cancellationToken = default) =>
        UpdateUserAsync(by, userId, new UserChange { Disabled = true }, cancellationToken);

    /// <summary>Makes a new invitation for an account that was not yet taken up, or whose person forgot the password; the old one ends.</summary>
    /// <returns>The invitation's token.</returns>
    public Task<AccountResult<string>> InviteAsync(Caller by, long userId, CancellationToken cancellationToken = default)
    {
        Need(by.Role == Role.Admin);
        return database.WriteAsync<AccountResult<string>>(
            async scope =>
            {
                var user = await scope.Db.Users.FirstOrDefaultAsync(u => u.Id == userId && !u.IsImported && !u.Disabled, scope.CancellationToken);
                if (user is null) return ("id", "There is no such user.");
                var invitation = Secret.New();
                Invite(scope, user, invitation);
                scope.Audit(by.UserId, "user.invited", new { user = userId });
                return invitation;
            },
            cancellationToken);
    }

    /// <summary>Whom an open invitation is for; null where there is none of that token.</summary>
    public Task<AppUser?> FindInvitationAsync(string token, CancellationToken cancellationToken = default)
    {
        var hash = Secret.Hash(token);
        var now = time.GetUtcNow();
        return database.ReadAsync(db => db.Users.FirstOrDefaultAsync(u => u.InvitationHash == hash && u.InvitationExpiresAt > now && !u.Disabled, cancellationToken), cancellationToken);
    }

    /// <summary>Takes an invitation up: sets name and password. It works once.</summary>
    public async Task<AccountResult<AppUser>> AcceptInvitationAsync(string token, string name, string password, CancellationToken cancellationToken = default)
    {
        if (PasswordRules.Check(password, null) is { } bad) return ("password", bad);
        var (hash, passwordHash) = (Secret.Hash(token), Hash(password));
        var result = await database.WriteAsync<AccountResult<AppUser>>(
            async scope =>
            {
                var user = await scope.Db.Users.FirstOrDefaultAsync(u => u.InvitationHash == hash && u.InvitationExpiresAt > scope.Now && !u.Disabled, scope.CancellationToken);
                if (user is null) return ("token", "This invitation is not open any more. Ask for a new one.");
                name = name.Trim();
                var errors = Check(user.Email!, name);
                if (PasswordRules.Check(password, user.Email) is { } weak) errors.Add(("password", weak));
                if (errors.Count > 0) return errors;
                user.DisplayName = name;
                user.PasswordHash = passwordHash;
                user.EmailConfirmed = true;
                user.SecurityStamp = Secret.New();
                user.ConcurrencyStamp = Guid.NewGuid().ToString();
                (user.InvitationHash, user.InvitationExpiresAt, user.LockoutEnd, user.AccessFailedCount) = (null, null, null, 0);
                scope.Audit(user.Id, "user.joined");
                return user;
            },
            cancellationToken);
        if (result.Succeeded) states.Forget(result.Value.Id);
        return result;
    }

    /// <summary>Changes one's own password; all other sessions end, and this one signs in anew.</summary>
    public async Task<AccountResult<AppUser>> ChangePasswordAsync(Caller by, string current, string password, CancellationToken cancellationToken = default)
    {
        var known = await database.ReadAsync(db => db.Users.FirstAsync(u => u.Id == by.UserId, cancellationToken), cancellationToken);
        if (known.PasswordHash is null || current.Length > PasswordRules.MaxLength || hasher.VerifyHashedPassword(known, known.PasswordHash, current) == PasswordVerificationResult.Failed)
            return ("current", "This is not the current password.");
        if (PasswordRules.Check(password, known.Email) is { } weak) return ("password", weak);
        var passwordHash = Hash(password);
        var result = await database.WriteAsync<AccountResult<AppUser>>(
            async scope =>
            {
                var user = await scope.Db.Users.FirstAsync(u => u.Id == by.UserId, scope.CancellationToken);
                if (!string.Equals(user.PasswordHash, known.PasswordHash, StringComparison.Ordinal)) return ("current", "The password was changed at the same moment.");
                user.PasswordHash = passwordHash;
                user.SecurityStamp = Secret.New();
                user.ConcurrencyStamp = Guid.NewGuid().ToString();
                scope.Audit(by.UserId, "user.passwordChanged");
                return user;
            },
            cancellationToken);
        states.Forget(by.UserId);
        return result;
    }

    /// <summary>A person's preferences.</summary>
    public async Task<UserPreferences> GetPreferencesAsync(long userId, CancellationToken cancellationToken = default) => UserPreferences.Read(
        await database.ReadAsync(db => db.Users.Where(u => u.Id == userId).Select(u => u.Preferences).FirstOrDefaultAsync(cancellationToken), cancellationToken));

    /// <summary>Keeps a person's preferences.</summary>
    public async Task<AccountResult<UserPreferences>> SavePreferencesAsync(long userId, UserPreferences preferences, CancellationToken cancellationToken = default)
    {
        if (preferences.Validate() is { Count: > 0 } errors) return errors.ToList();
        var json = preferences.Write();
        await database.WriteAsync(scope => scope.Db.Users.Where(u => u.Id == userId).ExecuteUpdateAsync(x => x.SetProperty(u => u.Preferences, json), cancellationToken), cancellationToken);
        return preferences;
    }

    internal const string Taken = "There is an account with this address already.";

    internal static List<(string Field, string Message)> Check(string email, string name)
    {
        var errors = new List<(string, string)>();
        if (email.Length > 256 || !MailAddress.TryCreate(email, out var address) || !string.Equals(address.Address, email, StringComparison.Ordinal)) errors.Add(("email", "Must be an e-mail address."));
        if (name.Length is 0 or > 200) errors.Add(("name", "Must have 1 to 200 characters."));
        return errors;
    }

    internal static void Need(bool allowed)
    {
        if (!allowed) throw new NotAllowedException();
    }

    /// <summary>
    /// Lets changes that must count admins first pass one at a time, on all nodes: whoever updates this row makes the others
    /// wait for the end of the transaction.
    /// </summary>
    internal static Task<int> LockAsync(WriteScope scope) =>
        scope.Db.IdBlocks.Where(b => b.Name == "item").ExecuteUpdateAsync(x => x.SetProperty(b => b.Next, b => b.Next), scope.CancellationToken);

    internal AppUser NewUser(WriteScope scope, string email, string name, Role role)
    {
        var user = new AppUser { DisplayName = name, Role = role, CreatedAt = scope.Now, SecurityStamp = Secret.New(), LockoutEnabled = true };
        SetEmail(user, email);
        return user;
    }

    // Outside of transactions: it takes a tenth of a second on purpose, and the write gate is held inside. The hash does not
    // depend on the account.
    internal string Hash(string password) => hasher.HashPassword(new AppUser(), password);

    private static void Invite(WriteScope scope, AppUser user, string token)
    {
        user.InvitationHash = Secret.Hash(token);
        user.InvitationExpiresAt = scope.Now + InvitationLife;
    }

    private void SetEmail(AppUser user, string email)
    {
        (user.Email, user.UserName) = (email, email);
        (user.NormalizedEmail, user.NormalizedUserName) = (normalizer.NormalizeEmail(email), normalizer.NormalizeName(email));
    }

    private Task<bool> IsTakenAsync(WriteScope scope, string email, long? except)
    {
        var name = normalizer.NormalizeName(email);
        return scope.Db.Users.AnyAsync(u => u.NormalizedUserName == name && u.Id != except, scope.CancellationToken);
    }
}

/// <summary>An account that was just made.</summary>
/// <param name="User">The account.</param>
/// <param name="InvitationToken">The invitation's token, where no password was given: shown this once.</param>
public sealed record NewAccount(AppUser User, string? InvitationToken);

/// <summary>What of an account is to change; null leaves it.</summary>
public sealed record UserChange
{
    /// <summary>Name to show.</summary>
    public string? Name { get; init; }

    /// <summary>Address, which is also the name for signing in.</summary>
    public string? Email { get; init; }

    /// <summary>Role.</summary>
    public Role? Role { get; init; }

    /// <summary>Whether the account is closed.</summary>
    public bool? Disabled { get; init; }

    /// <summary>A new password.</summary>
    public string? Password { get; init; }
}
