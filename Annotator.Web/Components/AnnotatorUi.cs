using Annotator.Core.Accounts;
using Annotator.Web.Resources;
using Annotator.Web.Runs;
using Microsoft.AspNetCore.Identity;
using Microsoft.AspNetCore.Mvc;
using MudBlazor;
using MudBlazor.Services;

namespace Annotator.Web.Components;

/// <summary>The pages: their services, their place among the middleware, their routes.</summary>
internal static class AnnotatorUi
{
    /// <summary>Adds Blazor, MudBlazor and the texts.</summary>
    public static void AddAnnotatorUi(this WebApplicationBuilder builder)
    {
        builder.Services.AddRazorComponents().AddInteractiveServerComponents(options =>
        {
            options.DetailedErrors = builder.Environment.IsDevelopment();

            // A laptop that sleeps over a meeting comes back to its page.
            options.DisconnectedCircuitRetentionPeriod = TimeSpan.FromMinutes(15);
        });
        builder.Services.AddCascadingAuthenticationState();
        builder.Services.AddHttpContextAccessor();
        builder.Services.AddLocalization();
        builder.Services.Configure<RequestLocalizationOptions>(options =>
        {
            options.SetDefaultCulture(UiPreferences.Languages[0]);
            options.AddSupportedCultures([.. UiPreferences.Languages]);
            options.AddSupportedUICultures([.. UiPreferences.Languages]);
            options.RequestCultureProviders = [new UiCultureProvider(), new Microsoft.AspNetCore.Localization.AcceptLanguageHeaderRequestCultureProvider()];
        });
        builder.Services.AddMudServices(options =>
        {
            options.SnackbarConfiguration.PositionClass = Defaults.Classes.Position.BottomRight;
            options.SnackbarConfiguration.PreventDuplicates = true;
            options.SnackbarConfiguration.VisibleStateDuration = 4000;
            options.SnackbarConfiguration.ShowTransitionDuration = 120;
            options.SnackbarConfiguration.HideTransitionDuration = 120;
            options.SnackbarConfiguration.SnackbarVariant = Variant.Filled;
        });
    }

    /// <summary>Shows the page for it where an address leads nowhere; before routing, so that the second look finds that page.</summary>
    public static void UseNotFoundPage(this WebApplication app) =>
        app.UseWhen(IsPage, pages => pages.UseStatusCodePagesWithReExecute("/not-found", createScopeForStatusCodePages: true));

    /// <summary>Middleware of the pages; after authentication and authorisation.</summary>
    public static void UseAnnotatorUi(this WebApplication app)
    {
        // The API speaks one language, so that a client can rely on its texts and numbers.
        app.UseWhen(IsPage, pages => pages.UseRequestLocalization());
        app.UseAntiforgery();
    }

    /// <summary>Routes of the pages and of their assets.</summary>
    public static void MapAnnotatorUi(this WebApplication app)
    {
        app.MapStaticAssets().AllowAnonymous();
        app.MapRazorComponents<App>().AddInteractiveServerRenderMode(options => options.ContentSecurityFrameAncestorsPolicy = "'none'");

        // The form field makes the framework check the antiforgery token.
        app.MapRejectionsDownload();

        app.MapPost("/account/logout", async (HttpContext context, SignInManager<AppUser> signIn, [FromForm] string? returnUrl) =>
        {
            await signIn.SignOutAsync();
            return Results.LocalRedirect(LocalAddress.Of(returnUrl));
        }).AllowAnonymous().ExcludeFromDescription();

        // For people who are not signed in yet; a link to it can do no more than change their language.
        app.MapGet("/account/language", (HttpContext context, string? to, string? returnUrl) =>
        {
            var now = UiPreferences.Parse(context.Request.Cookies[UiPreferences.CookieName]);
            UiPreferences.From(now.Theme, to, now.Density).Send(context.Response);
            return Results.LocalRedirect(LocalAddress.Of(returnUrl));
        }).AllowAnonymous().ExcludeFromDescription();
    }

    private static bool IsPage(HttpContext context) =>
        !context.Request.Path.StartsWithSegments("/api", StringComparison.OrdinalIgnoreCase)
        && !context.Request.Path.StartsWithSegments("/hubs", StringComparison.OrdinalIgnoreCase)
        && !context.Request.Path.StartsWithSegments("/health", StringComparison.OrdinalIgnoreCase)
        && !context.Request.Path.StartsWithSegments("/openapi", StringComparison.OrdinalIgnoreCase)
        && !context.Request.Path.StartsWithSegments("/hangfire", StringComparison.OrdinalIgnoreCase)
        && !context.Request.Path.StartsWithSegments("/metrics", StringComparison.OrdinalIgnoreCase);
}

/// <summary>Addresses to go back to.</summary>
internal static class LocalAddress
{
    /// <summary>The address if it stays on this site, else the first page: a link that somebody sends must not lead elsewhere after sign-in.</summary>
    public static string Of(string? address) =>
        address is ['/', ..] && !address.StartsWith("//", StringComparison.Ordinal) && !address.StartsWith("/\\", StringComparison.Ordinal) && !address.Any(char.IsControl)
            ? address
            : "/";
}
