using System.Diagnostics;
using Annotator.Benchmarks.Student;
using Annotator.Core.Quality.LabelErrors;
using Annotator.Core.Student;

namespace Annotator.Benchmarks.Quality;

/// <summary>
/// <c>quality flips [sets=a,b] [seeds=7,8]</c>: 10 % of the labels of a set are flipped at random; how many are flagged, and how many are found by reviewing the most suspect
/// tenth and fifth, beside the figures of METHODS section 4.
/// </summary>
internal static class FlipsBenchmark
{
    // Of the noise-rate rule: precision, recall; by self-confidence: AUROC, precision of the first hundred; share found in the worst tenth and fifth.
    private static readonly Published[] s_published =
    [
        new("trec6", 0.527, 0.877, 0.969, 0.96, 0.68, 0.94), new("sst2", 0.285, 0.714, 0.835, 0.74, 0.46, 0.65), new("agnews", 0.618, 0.864, 0.973, 0.92, 0.74, 0.95), new("3i4k", 0.478, 0.871, 0.959, 0.95, 0.65, 0.92),
        new("nsmc", 0.371, 0.724, 0.879, 0.87, 0.52, 0.73), new("banking77", 0.766, 0.814, 0.997, 0.99, 0.84, 0.998),
    ];

    public static void Run(string[] args)
    {
        var wanted = StudentBenchmark.Value(args, "sets", string.Join(',', s_published.Select(p => p.Set))).Split(',');
        var seeds = StudentBenchmark.Value(args, "seeds", "7").Split(',').Select(int.Parse).ToArray();
        Console.WriteLine("| set, seed | flagged | precision | recall | AUROC | precision of the first 100 | found in the worst 10 % / 20 % | METHODS: precision, recall; AUROC; first 100; 10 % / 20 % | s |");
        Console.WriteLine("|---|---|---|---|---|---|---|---|---|");
        foreach (var published in s_published.Where(p => wanted.Contains(p.Set, StringComparer.Ordinal)))
        {
            var set = LabelledTexts.Load(published.Set);
            var features = new SparseRows();
            new TextFeatures().Append(set.Texts, features);
            foreach (var seed in seeds) Run(set, features, seed, published);
        }
    }

    private static void Run(LabelledTexts set, SparseRows features, int seed, Published published)
    {
        var random = new Random(seed);
        var classes = set.Classes.Length;
        var given = Array.ConvertAll(set.Labels, t => random.NextDouble() < 0.1 ? (t + 1 + random.Next(classes - 1)) % classes : t);
        var trainer = new SoftmaxTrainer(new TextFeatureOptions(), new TextFeatureOptions().Training(multiple: false));
        IReadOnlyList<LabelledRow> labels = [.. given.Select((g, i) => new LabelledRow(i, g))];
        var trained = StudentTraining.Train(trainer, features, labels, classes);
        var watch = Stopwatch.StartNew();
        var (flagged, order) = SecondOpinion.FindAndRank(trainer, features, labels, classes, trained.OutOfFold!, trained.Temperature);
        var took = watch.Elapsed.TotalSeconds;
        bool IsPlanted(SuspectLabel s) => set.Labels[s.Row] != s.Given;
        var planted = (double)order.Count(IsPlanted);
        var hits = flagged.Count(IsPlanted);
        double Found(double share) => order.Take((int)(share * given.Length)).Count(IsPlanted) / planted;
        var (before, below) = (0.0, 0.0);
        foreach (var s in order)
        {
            if (IsPlanted(s)) before++;
            else below += before;
        }

        Console.WriteLine(
            $"| {set.Name}, {seed} | {flagged.Length:N0} | {hits / (double)flagged.Length:F3} | {hits / planted:F3} | {below / (planted * (given.Length - planted)):F3} | {order.Take(100).Count(IsPlanted) / 100.0:F2} | {Found(0.1):F3} / {Found(0.2):F3} | "
            + $"{published.Precision:F3}, {published.Recall:F3}; {published.Auroc:F3}; {published.First:F2}; {published.Tenth} / {published.Fifth} | {took:F1} |");
    }

    private sealed record Published(string Set, double Precision, double Recall, double Auroc, double First, double Tenth, double Fifth);
}
