using System.Globalization;
using System.Security.Claims;
using Annotator.Core.Accounts;
using Annotator.Core.Storage;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.AspNetCore.Components.Server;
using Microsoft.AspNetCore.Identity;
using Microsoft.Extensions.Options;

namespace Annotator.Web.Accounts;

/// <summary>What a session's cookie says of its person: id, role, name to show, security stamp.</summary>
internal sealed class SessionClaims(UserManager<AppUser> users, IOptions<IdentityOptions> options) : UserClaimsPrincipalFactory<AppUser>(users, options)
{
    /// <summary>The claim with the name to show.</summary>
    public const string DisplayName = "annotator:name";

    protected override async Task<ClaimsIdentity> GenerateClaimsAsync(AppUser user)
    {
        var identity = await base.GenerateClaimsAsync(user);
        identity.AddClaim(new Claim(ClaimTypes.Role, user.Role.ToString()));
        identity.AddClaim(new Claim(DisplayName, user.DisplayName));
        return identity;
    }
}

/// <summary>Closed accounts and the annotators of imported data cannot sign in.</summary>
internal sealed class OpenAccounts : IUserConfirmation<AppUser>
{
    public Task<bool> IsConfirmedAsync(UserManager<AppUser> manager, AppUser user) => Task.FromResult(!user.Disabled && !user.IsImported);
}

/// <summary>The rules of the product, where a password comes through ASP.NET Core Identity.</summary>
internal sealed class KnownPasswords : IPasswordValidator<AppUser>
{
    public Task<IdentityResult> ValidateAsync(UserManager<AppUser> manager, AppUser user, string? password) => Task.FromResult(
        PasswordRules.Check(password, user.Email) is { } weak ? IdentityResult.Failed(new IdentityError { Code = "password", Description = weak }) : IdentityResult.Success);
}

/// <summary>Signs people in; says nothing, not even by its time, of which addresses have an account.</summary>
internal sealed class SessionSignIn(
    UserManager<AppUser> users,
    IHttpContextAccessor context,
    IUserClaimsPrincipalFactory<AppUser> claims,
    IOptions<IdentityOptions> options,
    ILogger<SignInManager<AppUser>> log,
    IAuthenticationSchemeProvider schemes,
    IUserConfirmation<AppUser> confirmation,
    IPasswordHasher<AppUser> hasher,
    AnnotatorDatabase database)
    : SignInManager<AppUser>(users, context, claims, options, log, schemes, confirmation)
{
    // The hash of a password that nobody has, made once: what an unknown address is checked against.
    private static string? s_nobody;

    public override async Task<SignInResult> PasswordSignInAsync(string userName, string password, bool isPersistent, bool lockoutOnFailure)
    {
        // Hashing time grows with length only slightly, but a megabyte of password is no password.
        if (password.Length > PasswordRules.MaxLength) return SignInResult.Failed;
        var user = await UserManager.FindByNameAsync(userName.Trim());
        if (user is null || user.PasswordHash is null)
        {
            s_nobody ??= hasher.HashPassword(new AppUser(), Secret.New());
            hasher.VerifyHashedPassword(new AppUser(), s_nobody, password);
            return SignInResult.Failed;
        }

        // The password first: only who knows it may learn that the account is closed.
        if (user.Disabled && hasher.VerifyHashedPassword(user, user.PasswordHash, password) == PasswordVerificationResult.Failed) return SignInResult.Failed;
        var result = await PasswordSignInAsync(user, password, isPersistent, lockoutOnFailure);
        if (result.Succeeded || result.IsLockedOut)
        {
            await database.WriteAsync(scope =>
            {
                scope.Audit(user.Id, result.Succeeded ? "session.started" : "session.lockedOut", new { address = Context.Connection.RemoteIpAddress?.ToString() });
                return Task.CompletedTask;
            });
        }

        return result;
    }
}

/// <summary>
/// Looks at the account at every request of a session (remembered for two seconds): a closed account or a new password ends
/// it, a new role holds at once. The stamp validator of Identity renews the cookie's claims once a minute besides.
/// </summary>
internal static class SessionValidator
{
    public static async Task ValidateAsync(CookieValidatePrincipalContext context)
    {
        var states = context.HttpContext.RequestServices.GetRequiredService<UserStates>();
        if (context.Principal is not { } principal || await FindAsync(states, principal, context.HttpContext.RequestAborted) is not { } state)
        {
            context.RejectPrincipal();
            await context.HttpContext.SignOutAsync(IdentityConstants.ApplicationScheme);
            return;
        }

        if (principal.Identity is ClaimsIdentity identity && identity.FindFirst(ClaimTypes.Role) is { } role && !string.Equals(role.Value, state.Role.ToString(), StringComparison.Ordinal))
        {
            identity.RemoveClaim(role);
            identity.AddClaim(new Claim(ClaimTypes.Role, state.Role.ToString()));
            context.ShouldRenew = true;
        }

        await SecurityStampValidator.ValidatePrincipalAsync(context);
    }

    /// <summary>The account of a session; null where the session has ended.</summary>
    public static async ValueTask<UserState?> FindAsync(UserStates states, ClaimsPrincipal principal, CancellationToken cancellationToken)
    {
        if (!long.TryParse(principal.FindFirstValue(ClaimTypes.NameIdentifier), NumberStyles.None, CultureInfo.InvariantCulture, out var id)) return null;
        if (await states.FindAsync(id, cancellationToken) is not { Disabled: false } state) return null;
        var stamp = principal.FindFirstValue(new ClaimsIdentityOptions().SecurityStampClaimType);
        return string.Equals(stamp, state.SecurityStamp, StringComparison.Ordinal) ? state : null;
    }
}

/// <summary>
/// The person of an open page. Looks every few seconds whether the session still holds with the same role, so that an open
/// page ends with it: a circuit lives long and sees no further request.
/// </summary>
internal sealed class CircuitSession(ILoggerFactory loggers, UserStates states) : RevalidatingServerAuthenticationStateProvider(loggers)
{
    protected override TimeSpan RevalidationInterval { get; } = TimeSpan.FromSeconds(3);

    protected override async Task<bool> ValidateAuthenticationStateAsync(Microsoft.AspNetCore.Components.Authorization.AuthenticationState authenticationState, CancellationToken cancellationToken)
    {
        var principal = authenticationState.User;
        if (principal.Identity?.IsAuthenticated != true) return true;
        try
        {
            return await SessionValidator.FindAsync(states, principal, cancellationToken) is { } state && principal.IsInRole(state.Role.ToString());
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            // The database is away for a moment; the next look decides. Ending all sessions for it would lose people's work.
            return true;
        }
    }
}
