using System.Globalization;
using Annotator.Web.Resources;
using Microsoft.AspNetCore.Localization;

namespace Annotator.Web.Components;

/// <summary>
/// What the look of a page depends on, as it travels in a cookie: the first byte of HTML is already right, so nothing
/// flashes. The cookie is a copy; the account's preferences are the original.
/// </summary>
/// <param name="Theme"><c>system</c>, <c>light</c> or <c>dark</c>.</param>
/// <param name="Language"><c>en</c> or <c>ko</c>; null: what the browser asks for.</param>
/// <param name="Density"><c>comfortable</c> or <c>compact</c>.</param>
public sealed record UiPreferences(string Theme = "system", string? Language = null, string Density = "compact")
{
    /// <summary>Name of the cookie. Scripts may read it: nothing in it is secret.</summary>
    public const string CookieName = "annotator-ui";

    /// <summary>The languages that the interface speaks, the default first.</summary>
    public static IReadOnlyList<string> Languages { get; } = ["en", "ko"];

    /// <summary>Reads a cookie; anything unknown in it counts as the default.</summary>
    public static UiPreferences Parse(string? cookie)
    {
        var parts = (cookie ?? "").Split('.');
        return From(parts[0], parts.Length > 1 ? parts[1] : null, parts.Length > 2 ? parts[2] : null);
    }

    /// <summary>Makes preferences from loose texts; anything unknown counts as the default.</summary>
    public static UiPreferences From(string? theme, string? language, string? density) => new(
        theme is "light" or "dark" ? theme : "system",
        Languages.FirstOrDefault(l => string.Equals(l, language, StringComparison.Ordinal)),
        density is "comfortable" ? density : "compact");

    /// <summary>The cookie's text.</summary>
    public override string ToString() => $"{Theme}.{Language}.{Density}";

    /// <summary>Sends the cookie.</summary>
    public void Send(HttpResponse response) => response.Cookies.Append(
        CookieName,
        ToString(),
        new CookieOptions { MaxAge = TimeSpan.FromDays(365), SameSite = SameSiteMode.Lax, Path = "/", HttpOnly = false, IsEssential = true, Secure = response.HttpContext.Request.IsHttps });
}

/// <summary>The language of the cookie; where it names none, the browser's own list is asked next.</summary>
internal sealed class UiCultureProvider : RequestCultureProvider
{
    public override Task<ProviderCultureResult?> DetermineProviderCultureResult(HttpContext httpContext)
    {
        var language = UiPreferences.Parse(httpContext.Request.Cookies[UiPreferences.CookieName]).Language;
        return Task.FromResult(language is null ? null : new ProviderCultureResult(language));
    }
}
