namespace Annotator.Edge;

/// <summary>What the agent tells: one line an event on standard error, where systemd's journal picks it up.</summary>
internal static class EdgeLog
{
    /// <summary>Something that is as it should be.</summary>
    public static void Info(string message) => Write("<6>", "info", message);

    /// <summary>Something that is not, and that the agent gets along with.</summary>
    public static void Warn(string message) => Write("<4>", "warning", message);

    private static void Write(string priority, string level, string message)
    {
        // The journal reads the priority at the beginning of a line, and takes the time itself.
        var journal = Environment.GetEnvironmentVariable("JOURNAL_STREAM") is not null;
        var line = message.ReplaceLineEndings(" ");
        Console.Error.WriteLine(journal ? priority + line : $"{TimeProvider.System.GetUtcNow():yyyy-MM-ddTHH:mm:ss.fffZ} {level}: {line}");
    }
}
