using Annotator.Core.Labels;
using Annotator.Core.Quality.Aggregation;

namespace Annotator.Core.Quality;

/// <summary>One label given where another is probably right.</summary>
/// <param name="Right">The label that the item probably has, as canonical JSON.</param>
/// <param name="Given">The label that was given, as canonical JSON.</param>
/// <param name="Count">How often, in expectation.</param>
/// <param name="Share">Of the times that the right label would have been <paramref name="Right"/>.</param>
public sealed record EstimatedConfusion(string Right, string Given, double Count, double Share);

/// <summary>How right an annotator is by what all annotators together say, without any known label.</summary>
/// <param name="UserId">The annotator.</param>
/// <param name="Accuracy">Probability that a label of theirs is right, by Dawid and Skene.</param>
/// <param name="Lower">Lower end of its 95 % bootstrap interval over items; null with so many items that it would say nothing.</param>
/// <param name="Upper">Upper end.</param>
/// <param name="Count">Labels of theirs on items that others labelled too.</param>
/// <param name="Confusions">What they give in place of what, most often first; what is equal is left out.</param>
public sealed record AnnotatorEstimate(long UserId, double Accuracy, double? Lower, double? Upper, int Count, IReadOnlyList<EstimatedConfusion> Confusions)
{
    /// <summary>What stands out about them by more than chance.</summary>
    public AnnotatorFinding Finding { get; init; }

    /// <summary>What they give in place of what, where that is what stands out.</summary>
    public EstimatedConfusion? Confused { get; init; }
}

/// <summary>
/// Estimates of all annotators of a project: labels and each annotator's confusion of labels are estimated together (Dawid and Skene 1979), so that a careful annotator is
/// not blamed for those they are paired with, and one who answers wrong on purpose or confuses two labels stands out.
/// </summary>
/// <param name="Annotators">By annotator.</param>
/// <param name="Items">Items that it rests on.</param>
public sealed record AnnotatorEstimates(IReadOnlyDictionary<long, AnnotatorEstimate> Annotators, int Items)
{
    /// <summary>Fewer items with several labels tell nothing of the people.</summary>
    public const int FewestItems = 20;

    // More confusions than this (people by labels by labels) would be estimated from almost nothing each.
    private const long MostConfusions = 20_000_000;
    private const long BootstrapWork = 40_000_000;
    private const int MostListed = 12;
    private const double LeastListed = 0.5;

    internal static AnnotatorEstimates? Of(IReadOnlyCollection<Vote[]> items, bool withIntervals = true)
    {
        List<int> tasks = [], workers = [], labels = [];
        var (people, values) = (new Dictionary<long, int>(), new Dictionary<string, int>(StringComparer.Ordinal));
        var count = 0;
        foreach (var votes in items)
        {
            if (votes.Count(v => v.UserId != 0) < 2) continue;
            foreach (var vote in votes.Where(v => v.UserId != 0))
            {
                if (LabelLikeness.IsDrawn(vote.Value)) return null;
                tasks.Add(count);
                workers.Add(Number(people, vote.UserId));
                labels.Add(Number(values, vote.Value));
            }

            count++;
        }

        var classes = values.Count;
        if (count < FewestItems || classes < 2 || (long)people.Count * classes * classes > MostConfusions) return null;
        var answers = CrowdLabels.Create([.. tasks], [.. workers], [.. labels], count, people.Count, classes);
        var options = new DawidSkeneOptions { Smoothing = 1 };
        var result = DawidSkene.Aggregate(answers, options);
        var intervals = withIntervals ? Intervals(answers, result, options) : new Interval?[people.Count];
        var names = values.Keys.ToArray();
        var own = new double[people.Count][];
        var given = new int[people.Count];
        for (var t = 0; t < answers.Tasks; t++)
        {
            for (var a = answers.Starts[t]; a < answers.Starts[t + 1]; a++)
            {
                var table = own[answers.Workers[a]] ??= new double[classes * classes];
                for (var c = 0; c < classes; c++) table[(c * classes) + answers.Labels[a]] += result.Probabilities[(t * classes) + c];
                given[answers.Workers[a]]++;
            }
        }

        var findings = AnnotatorFindings.Of(own, result.Trust, classes);
        return new AnnotatorEstimates(
            people.ToDictionary(p => p.Key, p => new AnnotatorEstimate(p.Key, result.Trust[p.Value], intervals[p.Value]?.Lower, intervals[p.Value]?.Upper, given[p.Value], Confusions(own[p.Value], names))
            {
                Finding = findings[p.Value].Finding,
                Confused = findings[p.Value] is (AnnotatorFinding.Confuses, var right, var instead) ? Confusion(own[p.Value], names, right, instead) : null,
            }),
            count);
    }

    private static EstimatedConfusion Confusion(double[] table, string[] names, int right, int given) =>
        new(names[right], names[given], table[(right * names.Length) + given], table[(right * names.Length) + given] / table.AsSpan(right * names.Length, names.Length).ToArray().Sum());

    // Items are drawn again, and everything estimated anew from them.
    private static Interval?[] Intervals(CrowdLabels answers, CrowdResult result, DawidSkeneOptions options)
    {
        var intervals = new Interval?[answers.WorkerCount];
        var resamples = (int)Math.Min(200, BootstrapWork / Math.Max(1, (long)answers.Count * answers.Classes));
        if (resamples < 40) return intervals;
        var trust = new double[resamples][];
        Parallel.For(0, resamples, Bootstrap.Threads, i => trust[i] = DawidSkene.Aggregate(Resample(answers, new Random(i + 1)), options).Trust);
        for (var w = 0; w < intervals.Length; w++)
        {
            var sorted = trust.Select(t => t[w]).Order().ToArray();
            intervals[w] = new Interval(result.Trust[w], Math.Min(result.Trust[w], sorted[(int)(0.025 * resamples)]), Math.Max(result.Trust[w], sorted[Math.Min(resamples - 1, (int)(0.975 * resamples))]));
        }

        return intervals;
    }

    internal static CrowdLabels Resample(CrowdLabels answers, Random random)
    {
        List<int> tasks = new(answers.Count), workers = new(answers.Count), labels = new(answers.Count);
        for (var t = 0; t < answers.Tasks; t++)
        {
            var drawn = random.Next(answers.Tasks);
            for (var a = answers.Starts[drawn]; a < answers.Starts[drawn + 1]; a++)
            {
                tasks.Add(t);
                workers.Add(answers.Workers[a]);
                labels.Add(answers.Labels[a]);
            }
        }

        return CrowdLabels.Create([.. tasks], [.. workers], [.. labels], answers.Tasks, answers.WorkerCount, answers.Classes);
    }

    private static List<EstimatedConfusion> Confusions(double[] table, string[] names)
    {
        var found = new List<EstimatedConfusion>();
        for (var c = 0; c < names.Length; c++)
        {
            double all = 0;
            for (var g = 0; g < names.Length; g++) all += table[(c * names.Length) + g];
            for (var g = 0; g < names.Length; g++)
            {
                if (g != c && table[(c * names.Length) + g] is var count && count >= LeastListed) found.Add(new EstimatedConfusion(names[c], names[g], count, count / all));
            }
        }

        return [.. found.OrderByDescending(f => f.Count).Take(MostListed)];
    }

    private static int Number<T>(Dictionary<T, int> numbers, T key)
        where T : notnull
    {
        if (!numbers.TryGetValue(key, out var number)) numbers[key] = number = numbers.Count;
        return number;
    }
}
