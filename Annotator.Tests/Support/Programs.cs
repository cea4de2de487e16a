namespace Annotator.Tests.Support;

/// <summary>Finds programs that tests need and that are not part of .NET.</summary>
public static class Programs
{
    /// <summary>Whether this runs where everything must be installed: then a missing program is a failure, not a reason to skip.</summary>
    public static bool IsCi { get; } = Environment.GetEnvironmentVariable("CI") is { Length: > 0 } ci && !string.Equals(ci, "false", StringComparison.OrdinalIgnoreCase);

    /// <summary>The full path of a program on the path or in one of some folders; null where it is not installed.</summary>
    /// <param name="name">Name of the file.</param>
    /// <param name="folders">Folders that are looked through before the path.</param>
    public static string? Find(string name, params IEnumerable<string> folders) =>
        folders.Concat((Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries))
            .Concat(["/usr/sbin", "/sbin"])
            .Select(folder => Path.Combine(folder, name))
            .FirstOrDefault(File.Exists);

    /// <summary>Skips the test with a reason, or fails it where everything must be installed.</summary>
    [System.Diagnostics.CodeAnalysis.DoesNotReturn]
    public static void Missing(string reason)
    {
        // The form that xunit.v3 takes for a skip from inside a test.
        throw new InvalidOperationException(IsCi ? reason : $"$XunitDynamicSkip${reason}");
    }
}
