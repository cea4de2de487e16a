namespace Annotator.Core.Streaming;

/// <summary>How much an item that arrives is in a hurry.</summary>
public enum ItemPriority
{
    /// <summary>Like all.</summary>
    Normal,

    /// <summary>Before all others; where no model is sure, it goes to the front of the queue at once, with a time by which a person should have decided.</summary>
    Urgent,

    /// <summary>After all others.</summary>
    Batch,
}

/// <summary>What a project promises to those who send items one by one.</summary>
public sealed record StreamSettings
{
    /// <summary>The time from an item's arrival to its durable answer that is aimed at, in milliseconds, 1 to 60,000. Where it is missed, items are answered with the student only.</summary>
    public int ObjectiveMilliseconds { get; init; } = 100;

    /// <summary>The most time that one batch may take, in milliseconds, 1 to 1,000: nobody waits longer than that for what came before them to the model and the disk.</summary>
    public int BatchMilliseconds { get; init; } = 20;

    /// <summary>The time within which a person should have decided an urgent item, in seconds, 5 to 86,400.</summary>
    public int DecisionSeconds { get; init; } = 60;

    /// <summary>Checks the ranges; messages by field.</summary>
    public IEnumerable<(string Field, string Message)> Validate()
    {
        (string Field, int Value, int Low, int High)[] ranges =
            [("objectiveMilliseconds", ObjectiveMilliseconds, 1, 60_000), ("batchMilliseconds", BatchMilliseconds, 1, 1_000), ("decisionSeconds", DecisionSeconds, 5, 86_400)];
        foreach (var (field, value, low, high) in ranges)
        {
            if (value < low || value > high) yield return ($"settings.stream.{field}", string.Create(System.Globalization.CultureInfo.InvariantCulture, $"Must be {low} to {high}."));
        }
    }
}
