using Microsoft.AspNetCore.Identity;
using Microsoft.Extensions.DependencyInjection;

namespace Annotator.Tests.Support;

/// <summary>Passwords of tests, which protect nothing.</summary>
internal static class QuickHashes
{
    /// <summary>Hashes passwords in a few rounds, where the product takes so many that a guess is dear.</summary>
    public static void HashQuickly(this IServiceCollection services) => services.PostConfigure<PasswordHasherOptions>(o => o.IterationCount = 1_000);
}
