using System.Diagnostics;
using System.Globalization;
using Annotator.Core.Student;

namespace Annotator.Benchmarks.Student;

/// <summary>
/// Accuracy, calibration and speed of the text student on public sets: <c>student [sets=a,b] [curve] [folds=5] [Cost=8] …</c>. Held-out fifths; the figures of
/// METHODS section 2 are for the sets' own tests (another, larger training part), so they are an orientation.
/// </summary>
internal static class StudentBenchmark
{
    private static readonly (string Name, double Svm, double Logistic)[] s_published =
    [
        ("banking77", 0.910, 0.912), ("trec6", 0.878, 0.876), ("sst2", 0.822, 0.811), ("agnews", 0.879, 0.876),
        ("nsmc", 0.845, 0.842), ("3i4k", 0.835, 0.830), ("sms-spam", 0.986, 0.986), ("snips", 0.984, 0.986),
    ];

    public static int Run(string[] args)
    {
        CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
        if (!Directory.Exists(LabelledTexts.Folder))
        {
            Console.Error.WriteLine($"No data: {LabelledTexts.Folder}");
            return 1;
        }

        var sets = Value(args, "sets", string.Join(',', s_published.Select(p => p.Name))).Split(',');
        var options = new SoftmaxOptions
        {
            Cost = Value(args, "Cost", "") is { Length: > 0 } cost ? double.Parse(cost) : null,
            Tolerance = double.Parse(Value(args, "Tolerance", new SoftmaxOptions().Tolerance.ToString(CultureInfo.InvariantCulture))),
            WordWeight = float.Parse(Value(args, "WordWeight", new SoftmaxOptions().WordWeight.ToString(CultureInfo.InvariantCulture))),
        };
        var features = new TextFeatureOptions
        {
            LongestCharacters = int.Parse(Value(args, "LongestCharacters", "5")),
            CharacterBits = int.Parse(Value(args, "CharacterBits", new TextFeatureOptions().CharacterBits.ToString(CultureInfo.InvariantCulture))),
            WordBits = int.Parse(Value(args, "WordBits", new TextFeatureOptions().WordBits.ToString(CultureInfo.InvariantCulture))),
        };
        var trainer = new SoftmaxTrainer(features, options);
        var folds = int.Parse(Value(args, "folds", "5"));

        // Let the compiler settle before anything is timed.
        Score(LabelledTexts.Load(sets[0]), trainer, 1, 1000);
        foreach (var n in args.Contains("curve", StringComparer.Ordinal) ? [50, 100, 300, 1000, 3000, 0] : new[] { 0 })
        {
            Console.WriteLine("| set | classes | trained on | accuracy | macro-F1 | ECE raw | ECE | temperature | featurise ms | train ms | + folds ms | (SVM, logistic of METHODS) |");
            Console.WriteLine("|---|---|---|---|---|---|---|---|---|---|---|---|");
            foreach (var name in sets)
            {
                var set = LabelledTexts.Load(name);
                var r = Score(set, trainer, folds, n);
                var (_, svm, logistic) = s_published.FirstOrDefault(p => string.Equals(p.Name, name, StringComparison.Ordinal));
                Console.WriteLine(
                    $"| {name} | {set.Classes.Length} | {r.Trained} | {r.Accuracy:F4} | {r.MacroF1:F4} | {r.RawError:F4} | {r.Error:F4} | {r.Temperature:F2} | "
                    + $"{r.FeatureMs:F0} | {r.TrainMs:F0} | {r.AllMs:F0} | {svm:F3}, {logistic:F3} |");
            }

            Console.WriteLine();
        }

        Prior(trainer.Features, sets);
        if (!args.Contains("accuracy-only", StringComparer.Ordinal)) StudentSpeed.Run(trainer);
        return 0;
    }

    internal static string Value(string[] args, string key, string otherwise) =>
        args.FirstOrDefault(a => a.StartsWith(key + "=", StringComparison.Ordinal))?[(key.Length + 1)..] ?? otherwise;

    private static void Prior(TextFeatureOptions options, string[] sets)
    {
        Console.WriteLine("| no labels yet: guess from label names | accuracy | chance (most frequent class) |");
        Console.WriteLine("|---|---|---|");
        foreach (var set in sets.Where(name => name is "banking77" or "snips" or "agnews").Select(LabelledTexts.Load))
        {
            var features = new TextFeatures(options);
            var rows = new SparseRows();
            features.Append(set.Texts, rows);
            var frequencies = new DocumentFrequencies(options.Buckets);
            frequencies.AddNew(rows);
            var prior = new LabelNamePrior([.. set.Classes.Select(name => new LabelDescription(name))], features, frequencies);
            var p = new float[set.Classes.Length];
            var right = Enumerable.Range(0, rows.Count).Count(row => prior.Guess(rows[row], p) == set.Labels[row]);
            var chance = set.Labels.CountBy(label => label).Max(pair => pair.Value);
            Console.WriteLine($"| {set.Name} | {right / (double)rows.Count:F4} | {chance / (double)rows.Count:F4} |");
        }

        Console.WriteLine();
    }

    private static Result Score(LabelledTexts set, SoftmaxTrainer trainer, int folds, int labels)
    {
        var watch = Stopwatch.StartNew();
        var rows = new SparseRows();
        new TextFeatures(trainer.Features).Append(set.Texts, rows);
        var featureMs = watch.Elapsed.TotalMilliseconds;
        var order = Enumerable.Range(0, set.Texts.Length).ToArray();
        new SplitMix(20).Shuffle(order);
        var classes = set.Classes.Length;
        List<float> all = [], raw = [];
        List<int> truth = [];
        double trainMs = 0, allMs = 0, temperature = 0;
        var trained = 0;
        for (var fold = 0; fold < folds; fold++)
        {
            var held = order.Where((_, i) => i % 5 == fold).ToArray();
            var train = order.Where((_, i) => i % 5 != fold).Take(labels > 0 ? labels : int.MaxValue).ToArray();
            var given = train.Select(row => new LabelledRow(row, set.Labels[row])).ToList();
            trained = train.Length;
            watch.Restart();
            trainer.Train(rows, given, classes);
            trainMs += watch.Elapsed.TotalMilliseconds / folds;
            watch.Restart();
            var student = StudentTraining.Train(trainer, rows, given, classes);
            allMs += watch.Elapsed.TotalMilliseconds / folds;
            temperature += student.Temperature / folds;
            var scorer = student.Fit.Model.CreateScorer(student.Temperature);
            var plain = student.Fit.Model.CreateScorer();
            var p = new float[classes];
            foreach (var row in held)
            {
                scorer.Score(rows[row], p);
                all.AddRange(p);
                plain.Score(rows[row], p);
                raw.AddRange(p);
                truth.Add(set.Labels[row]);
            }
        }

        var truths = truth.ToArray();
        var report = CalibrationReport.Create(all.ToArray(), truths, classes);
        var before = CalibrationReport.Create(raw.ToArray(), truths, classes);
        return new Result(trained, report.Accuracy, MacroF1(truths, Guesses(all, classes), classes), before.ExpectedCalibrationError, report.ExpectedCalibrationError, temperature, featureMs, trainMs, allMs);
    }

    private static int[] Guesses(List<float> probabilities, int classes)
    {
        var values = probabilities.ToArray();
        return [.. Enumerable.Range(0, values.Length / classes).Select(i => Probabilities.Best(values.AsSpan(i * classes, classes)))];
    }

    private static double MacroF1(int[] truth, int[] guesses, int classes)
    {
        double sum = 0;
        for (var c = 0; c < classes; c++)
        {
            var both = truth.Where((t, i) => t == c && guesses[i] == c).Count();
            var either = truth.Count(t => t == c) + guesses.Count(g => g == c);
            sum += either == 0 ? 1 : 2.0 * both / either;
        }

        return sum / classes;
    }

    private sealed record Result(
        int Trained, double Accuracy, double MacroF1, double RawError, double Error, double Temperature, double FeatureMs, double TrainMs, double AllMs);
}
