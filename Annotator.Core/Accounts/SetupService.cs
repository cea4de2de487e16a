using System.ComponentModel.DataAnnotations;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Accounts;

/// <summary>How the first administrator is made without a person; section <c>Annotator:Bootstrap</c>.</summary>
public sealed class BootstrapOptions : IValidatableObject
{
    /// <summary>Address of the first administrator.</summary>
    /// <value>Default none: a one-time link is printed instead.</value>
    public string? AdminEmail { get; set; }

    /// <summary>Their password, at least 10 characters, not a known one.</summary>
    public string? AdminPassword { get; set; }

    /// <summary>A token with their rights, at least 32 characters.</summary>
    public string? ApiToken { get; set; }

    /// <inheritdoc />
    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        var (email, password, token) = (!string.IsNullOrEmpty(AdminEmail), !string.IsNullOrEmpty(AdminPassword), !string.IsNullOrEmpty(ApiToken));
        if (email && AccountService.Check(AdminEmail!, "x").Count > 0) yield return new("Must be an e-mail address.", [nameof(AdminEmail)]);
        if (!email && (password || token)) yield return new("Is needed where AdminPassword or ApiToken is given.", [nameof(AdminEmail)]);
        if (email && !password) yield return new("Is needed where AdminEmail is given.", [nameof(AdminPassword)]);
        if (password && PasswordRules.Check(AdminPassword, AdminEmail) is { } weak) yield return new(weak, [nameof(AdminPassword)]);
        if (token && IsRegular(ApiToken!)) yield return new("Is no secret; make a random one, for example with: openssl rand -base64 32.", [nameof(ApiToken)]);
        else if (token && (ApiToken!.Length is < 32 or > 512 || ApiToken.Any(c => c is <= ' ' or > '~'))) yield return new("Must have 32 to 512 visible ASCII characters.", [nameof(ApiToken)]);
    }

    // What stands in examples, or is typed with one finger.
    private static bool IsRegular(string token) =>
        token.Length >= 32 && (token.Distinct().Count() < 6 || new[] { "changeme", "change-me", "change_me", "replace-me", "replaceme" }.Any(w => token.Contains(w, StringComparison.OrdinalIgnoreCase)));
}

/// <summary>The first start: makes the first administrator, from the settings or through a link that works once.</summary>
public sealed class SetupService(AnnotatorDatabase database, AccountService accounts)
{
    private const string Offered = "setup.offered";

    // Links of several nodes that start together, or of a few starts in a row.
    private const int Offers = 20;

    /// <summary>Whether there is no administrator yet.</summary>
    public Task<bool> IsNeededAsync(CancellationToken cancellationToken = default) =>
        database.ReadAsync(async db => !await db.Users.AnyAsync(u => u.Role == Role.Admin && !u.IsImported, cancellationToken), cancellationToken);

    /// <summary>Makes a link's token; it works until the first administrator is made. Only its hash is kept, where all nodes see it.</summary>
    public Task<string> OfferAsync(CancellationToken cancellationToken = default)
    {
        var token = Secret.New();
        return database.WriteAsync(
            scope =>
            {
                scope.Audit(null, Offered, new { hash = Secret.Hash(token) });
                return Task.FromResult(token);
            },
            cancellationToken);
    }

    /// <summary>Makes the first administrator through the link.</summary>
    /// <returns>The account; an error on <c>token</c> where the link is wrong or an administrator is there already.</returns>
    public async Task<AccountResult<AppUser>> CompleteAsync(string token, string email, string name, string password, CancellationToken cancellationToken = default)
    {
        email = email.Trim();
        name = name.Trim();
        var errors = AccountService.Check(email, name);
        if (PasswordRules.Check(password, email) is { } weak) errors.Add(("password", weak));
        var (hash, passwordHash) = (Secret.Hash(token), errors.Count > 0 ? "" : accounts.Hash(password));
        return await database.WriteAsync<AccountResult<AppUser>>(
            async scope =>
            {
                await AccountService.LockAsync(scope);
                var offers = await scope.Db.AuditLog.Where(e => e.Action == Offered && e.Detail != null).OrderByDescending(e => e.Id).Take(Offers).Select(e => e.Detail!).ToListAsync(scope.CancellationToken);
                if (!offers.Any(o => o.Contains($"\"{hash}\"", StringComparison.Ordinal)) || await scope.Db.Users.AnyAsync(u => u.Role == Role.Admin && !u.IsImported, scope.CancellationToken))
                    return ("token", "This link does not work any more. A new one is printed at the next start, while there is no administrator.");
                if (errors.Count > 0) return errors;
                return await AddAdminAsync(scope, email, name, passwordHash);
            },
            cancellationToken);
    }

    /// <summary>Makes the first administrator from the settings, on a database without people.</summary>
    /// <param name="options">Valid settings.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <returns>Whether one was made.</returns>
    public Task<bool> BootstrapAsync(BootstrapOptions options, CancellationToken cancellationToken = default)
    {
        if (string.IsNullOrEmpty(options.AdminEmail)) return Task.FromResult(false);
        var passwordHash = accounts.Hash(options.AdminPassword!);
        return database.WriteAsync(
            async scope =>
            {
                await AccountService.LockAsync(scope);
                if (await scope.Db.Users.AnyAsync(scope.CancellationToken)) return false;
                var email = options.AdminEmail.Trim();
                var admin = await AddAdminAsync(scope, email, email[..email.IndexOf('@', StringComparison.Ordinal)], passwordHash);
                if (!string.IsNullOrEmpty(options.ApiToken))
                {
                    scope.Db.ApiTokens.Add(AccountService.NewTokenRow(scope, admin.Id, "bootstrap", options.ApiToken, Role.Admin, null));
                    scope.Audit(null, "token.created", new { user = admin.Id, name = "bootstrap" });
                }

                return true;
            },
            cancellationToken);
    }

    private async Task<AppUser> AddAdminAsync(WriteScope scope, string email, string name, string passwordHash)
    {
        var user = accounts.NewUser(scope, email, name, Role.Admin);
        user.PasswordHash = passwordHash;
        user.EmailConfirmed = true;
        scope.Db.Users.Add(user);
        await scope.Db.SaveChangesAsync(scope.CancellationToken);
        scope.Audit(user.Id, "setup.completed", new { user = user.Id, email });
        return user;
    }
}
