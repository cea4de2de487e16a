namespace Annotator.Core.Learning.Routing;

/// <summary>What one labeller said of each item, and how sure it was.</summary>
/// <param name="Classes">The class that it gave each item; -1 for none.</param>
/// <param name="Levels">For each item the level of sureness that its answer stands on (<see cref="AnswerLevels"/>), -1 for none; null where all answers are taken alike.</param>
public sealed record LabellerAnswers(int[] Classes, int[]? Levels = null)
{
    /// <summary>Number of items.</summary>
    public int Count => Classes.Length;

    /// <summary>Number of levels.</summary>
    public int LevelCount { get; } = Levels is null or { Length: 0 } ? 0 : Levels.Max() + 1;

    /// <summary>The class given to an item; -1 for none.</summary>
    /// <param name="item">Index of the item.</param>
    public int this[int item] => Classes[item];

    /// <summary>The level of an item's answer; -1 for none.</summary>
    /// <param name="item">Index of the item.</param>
    public int LevelOf(int item) => Levels is null ? -1 : Levels[item];
}
