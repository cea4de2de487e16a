using Annotator.Core.Labels;
using Annotator.Core.Llm.Calibration;
using Annotator.Core.Quality;

namespace Annotator.Core.Llm.Prompts;

/// <summary>How often a version said one thing where people said another.</summary>
/// <param name="People">What people said: a label value; of what was marked or drawn, the label of one piece, or none where they have nothing there.</param>
/// <param name="Model">What it said there; null: nothing valid.</param>
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
/// <param name="CalibratedEce">The same error once the confidences are calibrated, by the nine tenths of the items that are not looked at; null where it gives none, or too few.</param>
/// <param name="Likeness">Mean F1 of what was marked or drawn against what people did; null for classes.</param>
public sealed record PromptFigures(
    int Items, int Answered, int Right, double Accuracy, double Lower, double Upper, double? Ece, double? MeanConfidence, double? CostPerThousand, IReadOnlyList<Confusion> Confusions, DateTimeOffset MeasuredAt,
    double? CalibratedEce = null, double? Likeness = null)
{
    private const int Bins = 10;
    private const int Folds = 10;
    private const int MostConfusions = 50;

    /// <summary>Computes the figures.</summary>
    /// <param name="answers">What people said, what the version said, and its confidence, item by item.</param>
    /// <param name="costPerThousand">Cost of a thousand items.</param>
    /// <param name="now">When.</param>
    public static PromptFigures Of(IReadOnlyList<(string People, string? Model, double? Confidence)> answers, double? costPerThousand, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(answers);
        static bool Hit((string People, string? Model, double? Confidence) a) => a.Model is not null && LabelLikeness.Same(a.People, a.Model);
        var right = answers.Count(Hit);
        var interval = ProportionInterval.Wilson(right, answers.Count) ?? new Interval(0, 0, 1);
        var stated = answers.Where(a => a is { Model: not null, Confidence: not null }).ToList();
        var hits = stated.ConvertAll(Hit);
        var confidences = stated.ConvertAll(a => a.Confidence!.Value);
        double? ece = stated.Count == 0 ? null : Error(confidences, hits);
        double? calibrated = stated.Count < 2 * Bins ? null : Error(Calibrate(confidences, hits), hits);
        double? likeness = answers.Any(a => LabelLikeness.IsDrawn(a.People)) ? answers.Average(a => a.Model is null ? 0 : LabelLikeness.Of(a.People, a.Model)) : null;
        var confusions = answers.SelectMany(a => AnswerDifference.Of(a.People, a.Model)).GroupBy(d => d).Select(g => new Confusion(g.Key.People, g.Key.Model, g.Count()))
            .OrderByDescending(c => c.Count).ThenBy(c => c.People, StringComparer.Ordinal).ThenBy(c => c.Model, StringComparer.Ordinal).Take(MostConfusions).ToList();
        return new PromptFigures(
            answers.Count, answers.Count(a => a.Model is not null), right, interval.Estimate, interval.Lower, interval.Upper, ece, stated.Count == 0 ? null : stated.Average(a => a.Confidence!.Value),
            costPerThousand, confusions, now, calibrated, likeness);
    }

    private static double Error(List<double> confidences, List<bool> hits) => Enumerable.Range(0, hits.Count).GroupBy(i => Math.Min(Bins - 1, (int)(confidences[i] * Bins)))
        .Sum(g => Math.Abs(g.Sum(i => confidences[i]) - g.Count(i => hits[i]))) / hits.Count;

    // Each tenth by what the other nine say confidences are worth.
    private static List<double> Calibrate(List<double> confidences, List<bool> hits)
    {
        var calibrators = Enumerable.Range(0, Folds).Select(f => Enumerable.Range(0, hits.Count).Where(i => i % Folds != f).ToList())
            .Select(rows => ConfidenceCalibrator.Fit([.. rows.Select(i => confidences[i])], [.. rows.Select(i => hits[i])], (rows.Count(i => hits[i]) + 1.0) / (rows.Count + 2))).ToList();
        return [.. Enumerable.Range(0, hits.Count).Select(i => calibrators[i % Folds].Of(confidences[i]))];
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
