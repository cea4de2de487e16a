using System.Diagnostics;
using System.Globalization;
using Annotator.Core.Student;
using Annotator.Core.Student.Images;

namespace Annotator.Benchmarks.Images;

/// <summary>
/// Accuracy of the built-in image student over the number of labels, beside logistic regression on bare pixels with the same trainer:
/// <c>images [sets=mnist,digits] [folds=5] [cost=32]</c>. Labels are a random part of four fifths, accuracy is on the held-out fifth, mean of the folds.
/// </summary>
internal static class ImageStudentBenchmark
{
    public static Task<int> RunAsync(string[] args)
    {
        CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
        var sets = Value(args, "sets", "digits,mnist").Split(',');
        var folds = int.Parse(Value(args, "folds", "5"));
        var cost = Value(args, "cost", "") is { Length: > 0 } c ? double.Parse(c) : (double?)null;
        Console.WriteLine("| set | labels | student | temperature | train ms | pixels + logistic regression |");
        Console.WriteLine("|---|---|---|---|---|---|");
        foreach (var name in sets)
        {
            var set = LabelledImages.Load(name);
            var clock = Stopwatch.StartNew();
            var encoder = ImageEncoder.Default;
            var features = encoder.Encode(set.Canvases);
            Console.Error.WriteLine($"{name}: {set.Labels.Length} images encoded in {clock.ElapsedMilliseconds} ms");
            var rows = Rows(features, encoder.Options.Dimensions);
            var bare = Rows(set.Pixels, set.PixelCount);
            var most = set.Labels.Length * (folds - 1) / folds;
            foreach (var n in new[] { 50, 100, 300, 1000, 3000 }.Where(n => n < most).Append(most))
            {
                double student = 0, plain = 0, temperature = 0, time = 0;
                for (var fold = 0; fold < folds; fold++)
                {
                    var (train, test) = Split(set.Labels.Length, folds, fold, n);
                    clock.Restart();
                    var options = encoder.Options.Training(false);
                    var trained = StudentTraining.Train(new SoftmaxTrainer(encoder.Options, options with { Cost = cost ?? options.Cost }), rows, [.. train.Select(i => new LabelledRow(i, set.Labels[i]))], set.Classes);
                    time += clock.ElapsedMilliseconds;
                    temperature += trained.Temperature.Base;
                    student += Accuracy(trained.Fit.Model, rows, test, set.Labels);
                    var pixelOptions = new ImageFeatureOptions("pixels", set.PixelCount);
                    var peer = new SoftmaxTrainer(pixelOptions, pixelOptions.Training(false)).Train(bare, [.. train.Select(i => new LabelledRow(i, set.Labels[i]))], set.Classes);
                    plain += Accuracy(peer.Model, bare, test, set.Labels);
                }

                Console.WriteLine($"| {name} | {n} | {student / folds:F4} | {temperature / folds:F2} | {time / folds:F0} | {plain / folds:F4} |");
            }
        }

        return Task.FromResult(0);
    }

    private static SparseRows Rows(float[] values, int width)
    {
        var rows = new SparseRows();
        for (var i = 0; i < values.Length / width; i++) rows.AddDense(values.AsSpan(i * width, width));
        return rows;
    }

    private static (int[] Train, int[] Test) Split(int count, int folds, int fold, int n)
    {
        var order = Enumerable.Range(0, count).ToArray();
        new Random(7).Shuffle(order);
        var test = order.Where((_, i) => i % folds == fold).ToArray();
        return ([.. order.Where((_, i) => i % folds != fold).Take(n).Order()], test);
    }

    private static double Accuracy(SoftmaxModel model, SparseRows rows, int[] test, int[] labels)
    {
        var scorer = model.CreateScorer();
        var probabilities = new float[model.Classes];
        var right = 0;
        foreach (var i in test)
        {
            scorer.Score(rows, i, probabilities);
            if (probabilities.AsSpan().IndexOf(probabilities.Max()) == labels[i]) right++;
        }

        return (double)right / test.Length;
    }

    private static string Value(string[] args, string name, string otherwise) =>
        args.FirstOrDefault(a => a.StartsWith(name + "=", StringComparison.Ordinal)) is { } given ? given[(name.Length + 1)..] : otherwise;
}
