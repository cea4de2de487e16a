using System.Globalization;
using System.Security.Claims;
using Annotator.Core.Accounts;

namespace Annotator.Web.Accounts;

/// <summary>Who asks, read off the claims that sign-in and tokens give.</summary>
public static class CallerExtensions
{
    /// <summary>The caller.</summary>
    /// <exception cref="InvalidOperationException">Nobody is signed in; endpoints that ask this are closed to such callers.</exception>
    public static Caller Caller(this ClaimsPrincipal principal) =>
        principal.TryCaller() ?? throw new InvalidOperationException("Nobody is signed in.");

    /// <summary>The caller, or null where nobody is signed in.</summary>
    public static Caller? TryCaller(this ClaimsPrincipal principal)
    {
        if (principal.Identity?.IsAuthenticated != true) return null;
        if (!long.TryParse(principal.FindFirstValue(ClaimTypes.NameIdentifier), NumberStyles.None, CultureInfo.InvariantCulture, out var id)) return null;
        return Enum.TryParse<Role>(principal.FindFirstValue(ClaimTypes.Role), out var role) ? new Caller(id, role) : null;
    }

    /// <summary>The caller of a request.</summary>
    public static Caller Caller(this HttpContext context) => context.User.Caller();
}
