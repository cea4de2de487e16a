using Annotator.Benchmarks.Student;
using Annotator.Core.Quality.LabelErrors;
using Annotator.Core.Student;

namespace Annotator.Benchmarks.Quality;

/// <summary>
/// <c>quality flips [sets=a,b] [Cost=2]</c>: 10 % of the labels of a set are flipped at random; how many are flagged, and how many are found by reviewing the most suspect
/// tenth and fifth, beside the figures of METHODS section 4.
/// </summary>
internal static class FlipsBenchmark
{
    private static readonly (string Set, double Precision, double Recall, double Tenth, double Fifth)[] s_published =
    [
        ("trec6", 0.527, 0.877, 0.68, 0.94), ("sst2", 0.285, 0.714, 0.46, 0.65), ("agnews", 0.618, 0.864, 0.74, 0.95), ("3i4k", 0.478, 0.871, 0.65, 0.92),
        ("nsmc", 0.371, 0.724, 0.52, 0.73), ("banking77", 0.766, 0.814, 0.84, 0.998),
    ];

    public static void Run(string[] args)
    {
        var wanted = StudentBenchmark.Value(args, "sets", string.Join(',', s_published.Select(p => p.Set))).Split(',');
        var costs = StudentBenchmark.Value(args, "Cost", "").Split(',');
        Console.WriteLine("| set | cost | flagged | precision | recall | found in the worst 10 % / 20 % by margin | by self-confidence | METHODS: precision, recall; 10 % / 20 % |");
        Console.WriteLine("|---|---|---|---|---|---|---|---|");
        foreach (var published in s_published.Where(p => wanted.Contains(p.Set, StringComparer.Ordinal)))
        {
            var set = LabelledTexts.Load(published.Set);
            var features = new SparseRows();
            new TextFeatures().Append(set.Texts, features);
            var random = new Random(7);
            var classes = set.Classes.Length;
            var given = Array.ConvertAll(set.Labels, t => random.NextDouble() < 0.1 ? (t + 1 + random.Next(classes - 1)) % classes : t);
            foreach (var cost in costs)
            {
                var options = new SoftmaxOptions { Cost = cost.Length == 0 ? null : double.Parse(cost) };
                var trained = StudentTraining.Train(new SoftmaxTrainer(new TextFeatureOptions(), options), features, [.. given.Select((g, i) => new LabelledRow(i, g))], classes);
                var probabilities = Array.ConvertAll(trained.OutOfFold!.Probabilities(trained.Temperature), p => (double)p);
                var flagged = ConfidentLearning.Find(probabilities, given, classes);
                var ranked = ConfidentLearning.Rank(probabilities, given, classes);
                var planted = given.Where((g, i) => g != set.Labels[i]).Count();
                var hits = flagged.Count(s => set.Labels[s.Row] != s.Given);
                double Found(IEnumerable<SuspectLabel> order, double share) => order.Take((int)(share * given.Length)).Count(s => set.Labels[s.Row] != s.Given) / (double)planted;
                var bySelf = ranked.OrderBy(s => s.SelfConfidence).ToArray();
                Console.WriteLine(
                    $"| {set.Name} | {(cost.Length == 0 ? "default" : cost)} | {flagged.Length:N0} | {hits / (double)flagged.Length:F3} | {hits / (double)planted:F3} | {Found(ranked, 0.1):F3} / {Found(ranked, 0.2):F3} | "
                    + $"{Found(bySelf, 0.1):F3} / {Found(bySelf, 0.2):F3} | {published.Precision:F3}, {published.Recall:F3}; {published.Tenth} / {published.Fifth} |");
            }
        }
    }
}
