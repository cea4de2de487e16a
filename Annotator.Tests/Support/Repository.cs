using System.Reflection;

namespace Annotator.Tests.Support;

/// <summary>Where the sources lie.</summary>
internal static class Repository
{
    /// <summary>The folder with the solution, its settings file and wwwroot.</summary>
    public static string Root { get; } =
        typeof(Repository).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().First(a => a.Key is "RepoRoot").Value!;
}
