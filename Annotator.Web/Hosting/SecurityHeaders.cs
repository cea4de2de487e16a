namespace Annotator.Web.Hosting;

/// <summary>Headers that tell browsers what this site does not do, and the checks that browsers leave to us.</summary>
internal static class SecurityHeaders
{
    // Blazor and MudBlazor set inline styles, so those stay allowed; scripts come from our own files only.
    private const string Policy =
        "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' ws: wss:; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'";

    public static void UseSecurityHeaders(this WebApplication app) => app.Use(async (context, next) =>
    {
        var headers = context.Response.Headers;
        headers.XContentTypeOptions = "nosniff";
        headers["Referrer-Policy"] = "same-origin";
        headers["Permissions-Policy"] = "camera=(), microphone=(), geolocation=()";

        // Hangfire's dashboard brings inline scripts of its own; it is for administrators only.
        if (!context.Request.Path.StartsWithSegments("/hangfire", StringComparison.Ordinal)) headers.ContentSecurityPolicy = Policy;
        if (IsForeign(context) || IsForged(context))
        {
            context.Response.StatusCode = StatusCodes.Status403Forbidden;
            return;
        }

        await next();
    });

    // Browsers do not keep other sites from opening a WebSocket with our cookie.
    private static bool IsForeign(HttpContext context)
    {
        if (!context.Request.Path.StartsWithSegments("/_blazor", StringComparison.Ordinal) && !context.Request.Path.StartsWithSegments("/hubs", StringComparison.Ordinal)) return false;
        var origin = context.Request.Headers.Origin.ToString();
        return origin.Length > 0 && (!Uri.TryCreate(origin, UriKind.Absolute, out var uri) || !string.Equals(uri.Authority, context.Request.Host.Value, StringComparison.OrdinalIgnoreCase));
    }

    // A page of another site cannot set this header: with it, a request that carries the cookie is our own page's.
    private static bool IsForged(HttpContext context) =>
        context.Request.Path.StartsWithSegments("/api", StringComparison.OrdinalIgnoreCase)
        && !HttpMethods.IsGet(context.Request.Method) && !HttpMethods.IsHead(context.Request.Method)
        && context.Request.Headers.Authorization.Count == 0
        && context.Request.Cookies.ContainsKey(Accounts.AccountsSetup.CookieName)
        && !context.Request.Headers.ContainsKey("X-Annotator");
}
