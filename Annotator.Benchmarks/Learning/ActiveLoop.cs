using System.Diagnostics;
using Annotator.Core.Learning.Acquisition;
using Annotator.Core.Student;
using SplitMix = Annotator.Core.Student.SplitMix;

namespace Annotator.Benchmarks.Learning;

/// <summary>Accuracy on the held-out part after each batch, and how long choosing took.</summary>
internal sealed record ActiveCurve(string Set, string Strategy, int Batch, double[] Accuracy, double MeanPickMilliseconds, double MostPickMilliseconds);

/// <summary>Plays active learning: pick a batch, reveal its labels, train on (warm), score everything, again until the budget is spent.</summary>
internal static class ActiveLoop
{
    public static ActiveCurve Run(ActiveSet set, IAcquisitionStrategy strategy, int seed)
    {
        // A fifth is held out; another one for each seed.
        var order = Enumerable.Range(0, set.Rows.Count).ToArray();
        new SplitMix((ulong)seed * 1009).Shuffle(order);
        var held = order[..(order.Length / 5)];
        var use = new ItemUse[order.Length];
        foreach (var item in held) use[item] = ItemUse.Unavailable;
        var budget = Math.Min(set.Budget, order.Length - held.Length);

        var trainer = new SoftmaxTrainer(new TextFeatureOptions(), new SoftmaxOptions { Balanced = true });
        var labels = new List<LabelledRow>();
        var counts = new int[set.Classes];
        var accuracy = new List<double>();
        var times = new List<double>();
        float[] probabilities = [];
        SoftmaxFit? fit = null;
        while (labels.Count < budget)
        {
            var request = new AcquisitionRequest
            {
                Use = use,
                Classes = set.Classes,
                Batch = Math.Min(set.Batch, budget - labels.Count),
                Probabilities = probabilities,
                Embedding = set.Embedding,
                Dimensions = set.Dimensions,
                ClassCounts = counts,
                Seed = (seed * 1000) + labels.Count,
            };

            // Strategies that need a student begin with the random batch.
            var first = labels.Count == 0 && strategy is UncertaintyStrategy or GradientStrategy or MarginClusterStrategy && labels.Count == 0;
            var watch = Stopwatch.StartNew();
            var picks = (first ? new RandomStrategy() : strategy).Select(request);
            times.Add(watch.Elapsed.TotalMilliseconds);
            foreach (var pick in picks)
            {
                use[pick.Item] = ItemUse.Labelled;
                labels.Add(new LabelledRow(pick.Item, set.Labels[pick.Item]));
                counts[set.Labels[pick.Item]]++;
            }

            fit = trainer.Train(set.Rows, labels, set.Classes, fit);
            probabilities = Score(set, fit.Model);
            accuracy.Add(held.Count(item => Best(probabilities.AsSpan(item * set.Classes, set.Classes)) == set.Labels[item]) / (double)held.Length);
        }

        return new ActiveCurve(set.Name, strategy.Name, set.Batch, [.. accuracy], times.Average(), times.Max());
    }

    private static float[] Score(ActiveSet set, SoftmaxModel model)
    {
        var probabilities = new float[set.Rows.Count * set.Classes];
        var half = (set.Rows.Count + 1) / 2;
        Parallel.For(0, 2, part =>
        {
            var scorer = model.CreateScorer();
            for (var i = part * half; i < Math.Min(set.Rows.Count, (part + 1) * half); i++)
                scorer.Score(set.Rows[i], probabilities.AsSpan(i * set.Classes, set.Classes));
        });
        return probabilities;
    }

    private static int Best(ReadOnlySpan<float> values)
    {
        var best = 0;
        for (var c = 1; c < values.Length; c++) best = values[c] > values[best] ? c : best;
        return best;
    }
}
