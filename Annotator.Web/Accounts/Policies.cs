using Annotator.Core.Accounts;
using Microsoft.AspNetCore.Authorization;

namespace Annotator.Web.Accounts;

/// <summary>Names of the policies. Everything is closed: what names none of them needs <see cref="SignedIn"/>.</summary>
public static class Policies
{
    /// <summary>Anybody who is signed in, by cookie or token.</summary>
    public const string SignedIn = nameof(SignedIn);

    /// <summary>Leads and admins, over the whole installation.</summary>
    public const string Lead = nameof(Lead);

    /// <summary>Admins only.</summary>
    public const string Admin = nameof(Admin);

    internal static void Add(AuthorizationOptions options)
    {
        var signedIn = new AuthorizationPolicyBuilder().RequireAuthenticatedUser().Build();
        options.DefaultPolicy = signedIn;
        options.FallbackPolicy = signedIn;
        options.AddPolicy(SignedIn, signedIn);
        options.AddPolicy(Lead, new AuthorizationPolicyBuilder().RequireAuthenticatedUser().RequireRole(nameof(Role.Lead), nameof(Role.Admin)).Build());
        options.AddPolicy(Admin, new AuthorizationPolicyBuilder().RequireAuthenticatedUser().RequireRole(nameof(Role.Admin)).Build());
    }
}
