using Annotator.Core.Accounts;
using Annotator.Core.Storage;
using Annotator.Web.Hosting;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.AspNetCore.Components.Authorization;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.Identity;

namespace Annotator.Web.Accounts;

/// <summary>Signing in, by cookie or token, and who may do what.</summary>
internal static class AccountsSetup
{
    /// <summary>Name of the session's cookie.</summary>
    public const string CookieName = "annotator";

    /// <summary>The scheme that chooses between cookie and token.</summary>
    public const string Scheme = "Annotator";

    public static void AddAccounts(this WebApplicationBuilder builder)
    {
        builder.AddSettings<BootstrapOptions>("Annotator:Bootstrap");
        var services = builder.Services;
        services.AddSingleton<ILookupNormalizer, UpperInvariantLookupNormalizer>();
        services.AddSingleton<IPasswordHasher<AppUser>, PasswordHasher<AppUser>>();

        // OWASP's figure for PBKDF2 with HMAC-SHA512 (Password Storage Cheat Sheet, 2023 and later).
        services.Configure<PasswordHasherOptions>(o => o.IterationCount = 210_000);
        services.AddSingleton<ProjectAccess>();
        services.AddSingleton<UserStates>();
        services.AddSingleton<TokenAuthenticator>();
        services.AddSingleton<AccountService>();
        services.AddSingleton<SetupService>();

        services.AddIdentityCore<AppUser>(o =>
            {
                o.User.RequireUniqueEmail = true;
                o.User.AllowedUserNameCharacters = "";
                o.Password.RequiredLength = PasswordRules.MinLength;
                o.Password.RequireDigit = o.Password.RequireLowercase = o.Password.RequireUppercase = o.Password.RequireNonAlphanumeric = false;
                o.Password.RequiredUniqueChars = 1;
                o.Lockout.MaxFailedAccessAttempts = 10;
                o.Lockout.DefaultLockoutTimeSpan = TimeSpan.FromMinutes(5);

                // "Confirmed" is: open, and not an annotator of imported data; see OpenAccounts.
                o.SignIn.RequireConfirmedAccount = true;
            })
            .AddEntityFrameworkStores<AnnotatorDbContext>()
            .AddPasswordValidator<KnownPasswords>()
            .AddClaimsPrincipalFactory<SessionClaims>()
            .AddUserConfirmation<OpenAccounts>()
            .AddSignInManager<SessionSignIn>();

        services.AddAuthentication(o =>
            {
                o.DefaultScheme = Scheme;
                o.DefaultSignInScheme = o.DefaultSignOutScheme = IdentityConstants.ApplicationScheme;
            })
            .AddPolicyScheme(Scheme, null, o => o.ForwardDefaultSelector = context => BearerHandler.TokenOf(context.Request) is null ? IdentityConstants.ApplicationScheme : BearerHandler.Scheme)
            .AddScheme<AuthenticationSchemeOptions, BearerHandler>(BearerHandler.Scheme, null)
            .AddCookie(IdentityConstants.ApplicationScheme, ConfigureCookie);
        services.Configure<SecurityStampValidatorOptions>(o => o.ValidationInterval = TimeSpan.FromMinutes(1));
        services.AddAuthorization(Policies.Add);
        services.AddCascadingAuthenticationState();
        services.AddScoped<AuthenticationStateProvider, CircuitSession>();

        // In the database, so that all nodes read each other's cookies and a new container keeps the old one's.
        services.AddDataProtection().SetApplicationName("Annotator").PersistKeysToDbContext<AnnotatorDbContext>();

        // It would read the keys before the database is migrated, and log an error at the first start. They are read at first use.
        foreach (var early in services.Where(s => s.ImplementationType?.Name is "DataProtectionHostedService").ToList()) services.Remove(early);
    }

    private static void ConfigureCookie(CookieAuthenticationOptions o)
    {
        o.Cookie.Name = CookieName;
        o.Cookie.HttpOnly = true;
        o.Cookie.SameSite = SameSiteMode.Lax;

        // Behind TLS it is Secure; a first look on http://localhost works too.
        o.Cookie.SecurePolicy = CookieSecurePolicy.SameAsRequest;
        o.ExpireTimeSpan = TimeSpan.FromDays(14);
        o.SlidingExpiration = true;
        o.LoginPath = "/account/login";
        o.LogoutPath = "/account/logout";
        o.AccessDeniedPath = "/account/denied";
        o.ReturnUrlParameter = "returnUrl";
        o.Events.OnValidatePrincipal = SessionValidator.ValidateAsync;
        o.Events.OnRedirectToLogin = context => Redirect(context, StatusCodes.Status401Unauthorized);
        o.Events.OnRedirectToAccessDenied = context => Redirect(context, StatusCodes.Status403Forbidden);
    }

    // Programs get a status; people who open a page get the sign-in page.
    private static Task Redirect(RedirectContext<CookieAuthenticationOptions> context, int status)
    {
        var path = context.Request.Path;
        if (path.StartsWithSegments("/api", StringComparison.OrdinalIgnoreCase) || path.StartsWithSegments("/hubs", StringComparison.OrdinalIgnoreCase)
            || path.StartsWithSegments("/openapi", StringComparison.OrdinalIgnoreCase) || path.StartsWithSegments("/metrics", StringComparison.OrdinalIgnoreCase)
            || path.StartsWithSegments("/_blazor", StringComparison.OrdinalIgnoreCase))
        {
            context.Response.StatusCode = status;
            if (status == StatusCodes.Status401Unauthorized) context.Response.Headers.WWWAuthenticate = "Bearer";
        }
        else
        {
            context.Response.Redirect(context.RedirectUri);
        }

        return Task.CompletedTask;
    }
}
