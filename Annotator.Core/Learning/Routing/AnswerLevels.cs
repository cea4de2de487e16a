namespace Annotator.Core.Learning.Routing;

/// <summary>
/// Parts the answers of a labeller by what they may be worth: by version of the prompt, and in each by the confidence that came with them. What a level is worth is
/// measured and not read off: a model that says 0.97 of everything has one level, and one whose confidence tells right from wrong is believed accordingly.
/// </summary>
public sealed class AnswerLevels
{
    // With fewer answers on a level than this its worth is guesswork; with more levels than these they tell no more.
    private const int FewestAnswers = 250;
    private const int MostLevels = 8;

    private readonly Dictionary<int, (int First, double[] Edges)> _versions;

    private AnswerLevels(Dictionary<int, (int First, double[] Edges)> versions, int count, int answers) => (_versions, Count, Answers) = (versions, count, answers);

    /// <summary>Number of levels; 0 where all answers are taken alike.</summary>
    public int Count { get; }

    /// <summary>Number of answers that they were made from.</summary>
    public int Answers { get; }

    /// <summary>Makes the levels: as many answers on each as far as equal confidences stay together.</summary>
    /// <param name="answers">Version of the prompt and confidence (0: none was given) of each answer.</param>
    public static AnswerLevels Of(IReadOnlyList<(int Version, double Confidence)> answers)
    {
        ArgumentNullException.ThrowIfNull(answers);
        var versions = new Dictionary<int, (int First, double[] Edges)>();
        var count = 0;
        foreach (var version in answers.GroupBy(a => a.Version).OrderBy(g => g.Key))
        {
            var sorted = version.Select(a => a.Confidence).Order().ToArray();
            if (sorted.Length < FewestAnswers) continue;
            var edges = Edges(sorted);
            versions[version.Key] = (count, edges);
            count += edges.Length + 1;
        }

        // One level is none: its worth is the labeller's.
        return count < 2 ? new AnswerLevels([], 0, answers.Count) : new AnswerLevels(versions, count, answers.Count);
    }

    /// <summary>The level of an answer; -1 where its version is too new, or all answers are taken alike.</summary>
    /// <param name="version">Version of the prompt.</param>
    /// <param name="confidence">The confidence that came with it.</param>
    public int Of(int version, double confidence) =>
        _versions.TryGetValue(version, out var levels) ? levels.First + levels.Edges.Count(e => confidence >= e) : -1;

    // Each edge is the least confidence of a level.
    private static double[] Edges(double[] sorted)
    {
        var parts = Math.Min(MostLevels, sorted.Length / FewestAnswers);
        var edges = new List<double>();
        var below = 0;
        for (var part = 1; part < parts; part++)
        {
            var edge = sorted[(int)((long)part * sorted.Length / parts)];
            var at = Array.FindIndex(sorted, c => c >= edge);
            if (at - below < FewestAnswers / 2) continue;
            edges.Add(edge);
            below = at;
        }

        return [.. edges];
    }
}
