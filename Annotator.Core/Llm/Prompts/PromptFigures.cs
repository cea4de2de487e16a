using Annotator.Core.Quality;

namespace Annotator.Core.Llm.Prompts;

/// <summary>How often a version said one thing where people said another.</summary>
/// <param name="People">What people said.</param>
/// <param name="Model">What it said; null: nothing valid.</param>
/// <param name="Count">How often.</param>
public sealed record Confusion(string People, string? Model, int Count);

/// <summary>What a version of a prompt was measured at, on items that people decided.</summary>
/// <param name="Items">Items it was measured on.</param>
/// <param name="Answered">Items it gave a valid answer to.</param>
/// <param name="Right">Items it is right on.</param>
/// <param name="Accuracy">Share of the items it is right on; what it did not answer is wrong.</param>
/// <param name="Lower">Lower end of the accuracy's interval (95 %, Wilson).</param>
/// <param name="Upper">Upper end.</param>
/// <param name="Ece">Expected calibration error of its confidences in ten equal bins; null where it gives none.</param>
/// <param name="MeanConfidence">Mean confidence; null where it gives none.</param>
/// <param name="CostPerThousand">Cost of a thousand items in this measurement; null where none was asked anew.</param>
/// <param name="Confusions">Its most frequent errors.</param>
/// <param name="MeasuredAt">When.</param>
public sealed record PromptFigures(
    int Items, int Answered, int Right, double Accuracy, double Lower, double Upper, double? Ece, double? MeanConfidence, double? CostPerThousand, IReadOnlyList<Confusion> Confusions, DateTimeOffset MeasuredAt)
{
    private const int Bins = 10;
    private const int MostConfusions = 50;

    /// <summary>Computes the figures.</summary>
    /// <param name="answers">What people said, what the version said, and its confidence, item by item.</param>
    /// <param name="costPerThousand">Cost of a thousand items.</param>
    /// <param name="now">When.</param>
    public static PromptFigures Of(IReadOnlyList<(string People, string? Model, double? Confidence)> answers, double? costPerThousand, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(answers);
        static bool Hit((string People, string? Model, double? Confidence) a) => string.Equals(a.People, a.Model, StringComparison.Ordinal);
        var right = answers.Count(Hit);
        var interval = ProportionInterval.Wilson(right, answers.Count) ?? new Interval(0, 0, 1);
        var stated = answers.Where(a => a is { Model: not null, Confidence: not null }).ToList();
        double? ece = stated.Count == 0
            ? null
            : stated.GroupBy(a => Math.Min(Bins - 1, (int)(a.Confidence!.Value * Bins))).Sum(g => Math.Abs(g.Average(a => a.Confidence!.Value) - ((double)g.Count(Hit) / g.Count())) * g.Count()) / stated.Count;
        var confusions = answers.Where(a => !Hit(a)).GroupBy(a => (a.People, a.Model)).Select(g => new Confusion(g.Key.People, g.Key.Model, g.Count()))
            .OrderByDescending(c => c.Count).ThenBy(c => c.People, StringComparer.Ordinal).ThenBy(c => c.Model, StringComparer.Ordinal).Take(MostConfusions).ToList();
        return new PromptFigures(
            answers.Count, answers.Count(a => a.Model is not null), right, interval.Estimate, interval.Lower, interval.Upper, ece, stated.Count == 0 ? null : stated.Average(a => a.Confidence!.Value),
            costPerThousand, confusions, now);
    }
}

/// <summary>Compares two labellers on the same items.</summary>
public static class PairedTest
{
    /// <summary>
    /// McNemar's test (1947), exact and one-sided: the probability that, of the items on which just one of two equally good labellers is right,
    /// so many or more fall to the second.
    /// </summary>
    /// <param name="better">Items on which only the second is right.</param>
    /// <param name="worse">Items on which only the first is right.</param>
    public static double PValue(int better, int worse)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(better);
        ArgumentOutOfRangeException.ThrowIfNegative(worse);
        var n = better + worse;
        if (n == 0) return 1;
        double sum = 0, logHalf = -n * Math.Log(2), log = 0;
        for (var k = 0; k <= n; k++)
        {
            if (k > 0) log += Math.Log(n - k + 1) - Math.Log(k);
            if (k >= better) sum += Math.Exp(log + logHalf);
        }

        return Math.Min(1, sum);
    }
}
