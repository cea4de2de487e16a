using System.Diagnostics;
using System.Globalization;
using Annotator.Core.Student;

namespace Annotator.Benchmarks.Student;

/// <summary>
/// Accuracy, calibration and speed of the text student on public sets, beside scikit-learn's linear models on the same sets:
/// <c>student [peer] [sets=a,b] [curve|full] [balanced] [folds=5] [Cost=8] …</c>. Both are cross-validated on held-out fifths. With <c>peer</c> scikit-learn is run in
/// turn, where it is installed; else what was recorded stands for it.
/// </summary>
internal static class StudentBenchmark
{
    // Recorded with scikit-learn 1.2.1, held-out fifths, one thread: hashed words 1-2 and characters 2-5, 2^18 buckets each, TF-IDF of binary counts, linear SVM
    // (C = 1) and logistic regression by SGD; accuracies, and seconds of weighting and fitting a fold (without hashing).
    private static readonly Peer[] s_recorded =
    [
        new("banking77", 0.9031, 0.9031, 8.59), new("trec6", 0.8646, 0.8619, 0.77), new("sst2", 0.7939, 0.7931, 0.52), new("agnews", 0.8930, 0.8912, 2.72),
        new("nsmc", 0.8292, 0.8292, 0.61), new("3i4k", 0.8293, 0.8218, 1.04), new("sms-spam", 0.9845, 0.9828, 0.30), new("snips", 0.9869, 0.9869, 1.08),
    ];

    private sealed record Peer(string Name, double Svm, double Logistic, double Seconds);

    public static async Task<int> RunAsync(string[] args)
    {
        CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
        if (!Directory.Exists(LabelledTexts.Folder))
        {
            Console.Error.WriteLine($"No data: {LabelledTexts.Folder}");
            return 1;
        }

        var sets = Value(args, "sets", string.Join(',', s_recorded.Select(p => p.Name))).Split(',');
        var options = new SoftmaxOptions
        {
            Balanced = args.Contains("balanced", StringComparer.Ordinal),
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
        foreach (var n in args.Contains("curve", StringComparer.Ordinal) ? [50, 100, 300, 1000, 3000, 0] : args.Contains("full", StringComparer.Ordinal) ? [0] : new[] { 1000, 0 })
        {
            Console.WriteLine("| set | classes | trained on | accuracy | macro-F1 | ECE raw | ECE | temperature | features ms | train ms | cpu ms | + out of fold ms | cpu ms | scikit-learn SVM, logistic | its seconds |");
            Console.WriteLine("|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|");
            foreach (var name in sets)
            {
                var set = LabelledTexts.Load(name);
                var r = Score(set, trainer, folds, n);
                var peer = n > 0 ? null : await PeerAsync(name, args.Contains("peer", StringComparer.Ordinal));
                Console.WriteLine(
                    $"| {name} | {set.Classes.Length} | {r.Trained} | {r.Accuracy:F4} | {r.MacroF1:F4} | {r.RawError:F4} | {r.Error:F4} | {r.Temperature:F2} | "
                    + $"{r.FeatureMs:F0} | {r.TrainMs:F0} | {r.TrainCpu:F0} | {r.AllMs:F0} | {r.AllCpu:F0} | {(peer is null ? " | |" : $"{peer.Svm:F4}, {peer.Logistic:F4} | {peer.Seconds:F2} |")}");
            }

            Console.WriteLine();
        }

        Prior(features, sets);
        if (!args.Contains("accuracy-only", StringComparer.Ordinal)) StudentSpeed.Run(trainer);
        return 0;
    }

    private static async Task<Peer?> PeerAsync(string name, bool run)
    {
        var recorded = s_recorded.FirstOrDefault(p => string.Equals(p.Name, name, StringComparison.Ordinal));
        if (!run || !await Learning.Python.HasScikitLearnAsync()) return recorded;
        var lines = await Learning.Python.RunAsync($$"""
            import csv, json, os, time
            import numpy as np, scipy.sparse as sp
            from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer
            from sklearn.svm import LinearSVC
            from sklearn.linear_model import SGDClassifier
            folder = {{Learning.EmbeddingBenchmark.Quote(Path.Combine(LabelledTexts.Folder, name))}}
            lines = os.path.join(folder, 'train.jsonl')
            rows = list(map(json.loads, open(lines, encoding='utf-8'))) if os.path.exists(lines) else list(csv.DictReader(open(os.path.join(folder, 'train.csv'), encoding='utf-8', newline='')))
            t = [r['text'] for r in rows]; y = np.array([r['label'] for r in rows]); n = len(t)
            fold = np.empty(n, int); fold[np.random.RandomState(20).permutation(n)] = np.arange(n) % 5
            make = lambda a, g: HashingVectorizer(analyzer=a, ngram_range=g, n_features=2**18, binary=True, norm=None, alternate_sign=False, token_pattern=r'(?u)\b\w+\b').transform(t)
            x = sp.hstack([make('word', (1, 2)), make('char', (2, 5))]).tocsr()
            out = []; seconds = 0
            for model in (lambda: LinearSVC(C=1), lambda: SGDClassifier(loss='log_loss', alpha=1e-5, max_iter=30, random_state=0)):
                right = 0; a = time.process_time()
                for f in range(5):
                    tr, te = fold != f, fold == f
                    w = TfidfTransformer().fit(x[tr]); m = model().fit(w.transform(x[tr]), y[tr]); right += (m.predict(w.transform(x[te])) == y[te]).sum()
                out.append(right / n); seconds = seconds or (time.process_time() - a) / 5
            print(out[0], out[1], seconds)
            """);
        if (lines is not [var line]) return recorded;
        var values = line.Split(' ').Select(v => double.Parse(v, CultureInfo.InvariantCulture)).ToArray();
        return new Peer(name, values[0], values[1], values[2]);
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
        new TextFeatures((TextFeatureOptions)trainer.Features).Append(set.Texts, rows);
        var featureMs = watch.Elapsed.TotalMilliseconds;
        var order = Enumerable.Range(0, set.Texts.Length).ToArray();
        new SplitMix(20).Shuffle(order);
        var classes = set.Classes.Length;
        List<float> all = [], raw = [];
        List<int> truth = [];
        double trainMs = 0, trainCpu = 0, allMs = 0, allCpu = 0, temperature = 0;
        var trained = 0;
        for (var fold = 0; fold < folds; fold++)
        {
            var held = order.Where((_, i) => i % 5 == fold).ToArray();
            var train = order.Where((_, i) => i % 5 != fold).Take(labels > 0 ? labels : int.MaxValue).ToArray();
            var given = train.Select(row => new LabelledRow(row, set.Labels[row])).ToList();
            trained = train.Length;
            var cpu = Environment.CpuUsage.TotalTime;
            watch.Restart();
            trainer.Train(rows, given, classes);
            trainMs += watch.Elapsed.TotalMilliseconds / folds;
            trainCpu += (Environment.CpuUsage.TotalTime - cpu).TotalMilliseconds / folds;
            cpu = Environment.CpuUsage.TotalTime;
            watch.Restart();
            var student = StudentTraining.Train(trainer, rows, given, classes);
            allMs += watch.Elapsed.TotalMilliseconds / folds;
            allCpu += (Environment.CpuUsage.TotalTime - cpu).TotalMilliseconds / folds;
            temperature += student.Temperature.Base / folds;
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
        return new Result(trained, report.Accuracy, MacroF1(truths, Guesses(all, classes), classes), before.ExpectedCalibrationError, report.ExpectedCalibrationError, temperature, featureMs, trainMs, trainCpu, allMs, allCpu);
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
        int Trained, double Accuracy, double MacroF1, double RawError, double Error, double Temperature, double FeatureMs, double TrainMs, double TrainCpu, double AllMs, double AllCpu);
}
