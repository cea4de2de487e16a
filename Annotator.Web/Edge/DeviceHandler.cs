using System.Text.Encodings.Web;
using System.Security.Claims;
using Annotator.Core.Edge;
using Annotator.Web.Accounts;
using Annotator.Web.Hosting.Api;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authorization;
using Microsoft.Extensions.Options;

namespace Annotator.Web.Edge;

/// <summary>
/// Knows a device by its token. A scheme of its own, asked for by the endpoints of devices only: to all others a device is nobody.
/// </summary>
internal sealed class DeviceHandler(IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory logger, UrlEncoder encoder, DeviceService devices)
    : AuthenticationHandler<AuthenticationSchemeOptions>(options, logger, encoder)
{
    public new const string Scheme = "Device";

    /// <summary>Name of the policy.</summary>
    public const string Policy = "Device";

    /// <summary>Lets devices in, and nobody else.</summary>
    public static AuthorizationPolicy NewPolicy() => new AuthorizationPolicyBuilder(Scheme).RequireAuthenticatedUser().RequireClaim(ClaimName).Build();

    private const string ClaimName = "annotator:device";

    protected override async Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        if (BearerHandler.TokenOf(Request) is not { } token) return AuthenticateResult.NoResult();
        if (await devices.FindAsync(token, Context.RequestAborted) is not { } device) return AuthenticateResult.Fail("The device is unknown or shut out.");
        Context.Features.Set(device);
        var identity = new ClaimsIdentity(Scheme);
        identity.AddClaim(new Claim(ClaimName, Ids.Text(device.Id)));
        return AuthenticateResult.Success(new AuthenticationTicket(new ClaimsPrincipal(identity), Scheme));
    }

    protected override async Task HandleChallengeAsync(AuthenticationProperties properties)
    {
        var result = await HandleAuthenticateOnceSafeAsync();
        Response.StatusCode = StatusCodes.Status401Unauthorized;
        Response.Headers.WWWAuthenticate = result.Failure is null ? "Bearer" : "Bearer error=\"invalid_token\"";
    }
}

internal static class DeviceContext
{
    /// <summary>The device that asks.</summary>
    public static EdgeDevice Device(this HttpContext context) => context.Features.Get<EdgeDevice>() ?? throw new InvalidOperationException("This endpoint is not for devices.");
}
