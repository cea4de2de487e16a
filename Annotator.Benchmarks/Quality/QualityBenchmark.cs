using System.Diagnostics;
using System.Globalization;
using Annotator.Benchmarks.Learning;
using Annotator.Core.Quality;
using Annotator.Core.Quality.Aggregation;
using Annotator.Core.Quality.Agreement;
using Annotator.Core.Quality.LabelErrors;

namespace Annotator.Benchmarks.Quality;

/// <summary>
/// <c>quality</c>: agreement, aggregation and label errors on the peers' exact work (PEERS: 1,000,000 answers of 1,000 workers; 100,000 x 10 noisy labels), with the ratio to
/// the peers' published wall times on a machine of the same size. <c>quality flips</c>: planted wrong labels in public sets. <c>quality team</c>: a simulated team.
/// </summary>
internal static class QualityBenchmark
{
    private const int Tasks = 200_000;
    private const int PerTask = 5;
    private const int Workers = 1_000;
    private const int Classes = 4;

    public static async Task<int> RunAsync(string[] args)
    {
        CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
        if (args.Contains("flips", StringComparer.Ordinal))
        {
            FlipsBenchmark.Run(args);
            return 0;
        }

        if (args.Contains("team", StringComparer.Ordinal))
        {
            await TeamBenchmark.RunAsync(args);
            return 0;
        }

        var (tasks, workers, labels, truth) = Crowd();
        var right = Enumerable.Range(0, labels.Length).Count(i => labels[i] == truth[tasks[i]]) / (double)labels.Length;
        Console.WriteLine($"check: workers of task 0 {string.Join(", ", workers[..5])}; answers {string.Join(", ", labels[..5])}; share of right answers {right:F6} (0.755845)");
        Console.WriteLine("| work | wall s, median of 5 | peer | peer s | ratio | result | peer's result |");
        Console.WriteLine("|---|---|---|---|---|---|---|");

        Row("majority vote, 1M answers", "crowd-kit", 1.53, () => Accuracy(MajorityVote.Aggregate(Answers()), truth), a => $"accuracy {a:F4}", "0.9484 (ties at random)");
        Row("Dawid-Skene, 1M answers, as many rounds as the peer made", "crowd-kit", 6.06, () =>
        {
            var result = DawidSkene.Aggregate(Answers(), new() { MaximumRounds = 5, Tolerance = 0 });
            return (Accuracy(result, truth), result.Rounds);
        }, a => $"accuracy {a.Item1:F4}, {a.Rounds} rounds", "0.9615, 5 rounds");
        Row("MACE, 1M answers, 1 start of 10 rounds", "-", null, () => Accuracy(Mace.Aggregate(Answers(), new() { Restarts = 1, Rounds = 10 }), truth), a => $"accuracy {a:F4}", "-");

        // The peer's table has 20 raters: answer j of a task is one of raters 4 j to 4 j + 3.
        var raters = Enumerable.Range(0, labels.Length).Select(i => (4 * (i % PerTask)) + (tasks[i] % 4)).ToArray();
        Ratings Table() => Ratings.Create(tasks, raters, labels, Tasks, 20, Classes);
        Row("Krippendorff's alpha, nominal, 1M ratings", "fast-krippendorff", 0.185, () => Krippendorff.Alpha(Table())!.Value, a => $"{a:F6}", "0.455057");
        Row("Krippendorff's alpha, interval, 1M ratings", "fast-krippendorff", 0.24, () => Krippendorff.Alpha(Table(), MeasurementScale.Interval)!.Value, a => $"{a:F6}", "0.454601");
        Row("Krippendorff's alpha, ordinal, 1M ratings", "-", null, () => Krippendorff.Alpha(Table(), MeasurementScale.Ordinal)!.Value, a => $"{a:F6}", "-");
        Row("Fleiss' kappa, 1M ratings", "-", null, () => Kappa.Fleiss(Table())!.Value, a => $"{a:F6}", "-");
        Row("Gwet's AC1, 1M ratings", "-", null, () => Kappa.GwetAc1(Table())!.Value, a => $"{a:F6}", "-");
        Row("Conger's kappa, 1M ratings", "-", null, () => Kappa.Conger(Table())!.Value, a => $"{a:F6}", "-");
        Row("Cohen's kappa over all pairs of 20, 1M ratings", "-", null, () => Kappa.CohenPairwise(Table())!.Value, a => $"{a:F6}", "-");
        var small = Ratings.Create(tasks.AsSpan(0, 10_000), raters.AsSpan(0, 10_000), labels.AsSpan(0, 10_000), 2_000, 20, Classes);
        Row("bootstrap of alpha, 1,000 resamples of 10,000 ratings", "-", null,
            () => Bootstrap.Of(Krippendorff.Alpha(small)!.Value, random => Krippendorff.Alpha(small.Resample(random)))!.Value, i => $"{i.Estimate:F3} ({i.Lower:F3} … {i.Upper:F3})", "-");

        var (given, probabilities, real) = Noisy();
        Console.WriteLine($"| (check: wrong labels {Enumerable.Range(0, given.Length).Count(i => given[i] != real[i]):N0}, 10,039) | | | | | | |");
        Row("label errors, 100,000 x 10", "cleanlab", 0.172, () => ConfidentLearning.Find(probabilities, given, 10), found =>
        {
            var hits = found.Count(s => real[s.Row] != s.Given);
            return $"{found.Length:N0} found, precision {hits / (double)found.Length:F3}, recall {hits / 10_039.0:F3}";
        }, "10,421 found, 0.858, 0.891");
        return 0;

        CrowdLabels Answers() => CrowdLabels.Create(tasks, workers, labels, Tasks, Workers, Classes);
    }

    private static void Row<T>(string work, string peer, double? peerSeconds, Func<T> run, Func<T, string> describe, string peerResult)
    {
        var result = run();
        var times = new double[5];
        for (var i = 0; i < times.Length; i++)
        {
            var watch = Stopwatch.StartNew();
            result = run();
            times[i] = watch.Elapsed.TotalSeconds;
        }

        Array.Sort(times);
        var median = times[times.Length / 2];
        Console.WriteLine($"| {work} | {median:F3} | {peer} | {(peerSeconds is { } p ? $"{p:0.###}" : "-")} | {(peerSeconds is { } q ? $"{q / median:F1}x" : "-")} | {describe(result)} | {peerResult} |");
    }

    private static double Accuracy(CrowdResult result, int[] truth) => Enumerable.Range(0, truth.Length).Count(t => result.Best(t) == truth[t]) / (double)truth.Length;

    private static (int[] Tasks, int[] Workers, int[] Labels, int[] Truth) Crowd()
    {
        const int Count = Tasks * PerTask;
        var truth = new int[Tasks];
        for (var t = 0; t < Tasks; t++) truth[t] = (int)(Classes * PeerData.Uniform(11, (ulong)t));
        var skill = Enumerable.Range(0, Workers).Select(w => 0.55 + (0.4 * PeerData.Uniform(12, (ulong)w))).ToArray();
        var (tasks, workers, labels) = (new int[Count], new int[Count], new int[Count]);
        for (var r = 0; r < Count; r++)
        {
            var t = tasks[r] = r / PerTask;
            var w = workers[r] = ((int)(Workers * PeerData.Uniform(13, (ulong)t)) + (199 * (r % PerTask))) % Workers;
            labels[r] = PeerData.Uniform(14, (ulong)r) < skill[w] ? truth[t] : (truth[t] + 1 + (int)((Classes - 1) * PeerData.Uniform(15, (ulong)r))) % Classes;
        }

        return (tasks, workers, labels, truth);
    }

    private static (int[] Given, double[] Probabilities, int[] Truth) Noisy()
    {
        const int Count = 100_000, Width = 10;
        var truth = Enumerable.Range(0, Count).Select(i => i % Width).ToArray();
        var given = truth.Select((t, i) => PeerData.Uniform(21, (ulong)i) < 0.1 ? (t + 1 + (int)((Width - 1) * PeerData.Uniform(22, (ulong)i))) % Width : t).ToArray();
        var probabilities = new double[Count * Width];
        for (var i = 0; i < Count; i++)
        {
            double sum = 0;
            for (var c = 0; c < Width; c++) sum += probabilities[(i * Width) + c] = Math.Exp(PeerData.Normal(23, (ulong)((i * Width) + c)) + (c == truth[i] ? 3 : 0));
            for (var c = 0; c < Width; c++) probabilities[(i * Width) + c] /= sum;
        }

        return (given, probabilities, truth);
    }
}
