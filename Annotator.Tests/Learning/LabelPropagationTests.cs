using System.Globalization;
using Annotator.Core.Learning.Neighbours;
using Annotator.Core.Learning.Propagation;

namespace Annotator.Tests.Learning;

public class LabelPropagationTests
{
    private const string Digits = "digits/digits.csv";

    // scikit-learn's example plot_label_propagation_digits: accuracy 269 of 300.
    private static readonly int[,] s_confusion =
    {
        { 27, 0, 0, 0, 0, 0, 0, 0, 0, 0 }, { 0, 37, 0, 0, 0, 0, 0, 0, 0, 0 }, { 0, 1, 24, 0, 0, 0, 2, 1, 0, 0 }, { 0, 0, 0, 28, 0, 5, 0, 1, 0, 1 }, { 0, 0, 0, 0, 24, 0, 0, 0, 0, 0 },
        { 0, 0, 0, 0, 0, 32, 0, 0, 0, 2 }, { 0, 0, 0, 0, 0, 1, 24, 0, 0, 0 }, { 0, 0, 0, 0, 1, 3, 0, 31, 0, 0 }, { 0, 7, 0, 0, 0, 0, 1, 0, 21, 2 }, { 0, 0, 0, 0, 1, 2, 0, 0, 0, 21 },
    };

    [Fact]
    public void RunDense_PublishedDigits_GivesTheSameConfusion()
    {
        var (rows, truth) = Load(340);
        var given = truth.Select((t, i) => i < 40 ? t : -1).ToArray();
        var result = Spread(rows, given);
        var confusion = new int[10, 10];
        for (var i = 40; i < 340; i++) confusion[truth[i], result.Labels[i]]++;
        Assert.Equal(s_confusion, confusion);
    }

    [Fact]
    public void RunDense_PublishedActiveLearningOnDigits_GivesTheSameAccuracies()
    {
        var (rows, truth) = Load(330);
        var given = truth.Select((t, i) => i < 40 ? t : -1).ToArray();
        var accuracies = new List<double>();
        for (var round = 0; round < 5; round++)
        {
            var result = Spread(rows, given);
            var open = Enumerable.Range(0, 330).Where(i => given[i] < 0).ToList();
            accuracies.Add(Math.Round(open.Count(i => result.Labels[i] == truth[i]) / (double)open.Count, 4));
            foreach (var i in open.OrderByDescending(i => Entropy(result.Distributions.AsSpan(i * 10, 10))).Take(5).ToList()) given[i] = truth[i];
        }

        Assert.Equal([0.8966, 0.9053, 0.9107, 0.92, 0.9259], accuracies);
    }

    [Fact]
    public void Run_SparseGraph_IsAsGoodAsTheDenseKernel()
    {
        var (rows, truth) = Load(1200);
        var given = truth.Select((t, i) => i < 100 ? t : -1).ToArray();
        var graph = AffinityGraph.SelfTuning(NeighbourGraph.Build(rows, 64, 10, DistanceMetric.SquaredEuclidean));
        var result = LabelPropagation.Run(graph, given, 10);
        var right = Enumerable.Range(100, 1100).Count(i => result.Labels[i] == truth[i]) / 1100.0;
        Assert.True(right > 0.92, $"{right}");

        // Confidence orders: the surer half is nearly free of errors.
        var sure = Enumerable.Range(100, 1100).OrderByDescending(i => result.Confidence[i]).Take(550).Count(i => result.Labels[i] == truth[i]) / 550.0;
        Assert.True(sure > Math.Max(right, 0.97), $"{sure}");
    }

    [Fact]
    public void Run_PartWithoutLabels_StaysUnlabelled()
    {
        float[] rows = [0, 0, 0.1f, 0, 0.2f, 0, 9, 9, 9.1f, 9, 9.2f, 9];
        var graph = AffinityGraph.SelfTuning(NeighbourGraph.Build(rows, 2, 2, DistanceMetric.SquaredEuclidean));
        foreach (var method in Enum.GetValues<PropagationMethod>())
        {
            var result = LabelPropagation.Run(graph, [1, -1, -1, -1, -1, -1], 3, new() { Method = method });
            Assert.Equal([1, 1, 1, -1, -1, -1], result.Labels);
            Assert.All(result.Confidence[3..], c => Assert.Equal(0, c));
        }
    }

    [Fact]
    public void Run_Cancelled_Stops()
    {
        var graph = AffinityGraph.SelfTuning(NeighbourGraph.Build(new float[] { 0, 1, 2 }, 1, 1, DistanceMetric.SquaredEuclidean));
        Assert.Throws<OperationCanceledException>(() => LabelPropagation.Run(graph, [0, -1, 1], 2, cancellationToken: new CancellationToken(true)));
        Assert.Throws<ArgumentException>(() => LabelPropagation.Run(graph, [0, -1], 2));
        Assert.Throws<ArgumentException>(() => LabelPropagation.Run(graph, [0, -1, 2], 2));
    }

    [Fact]
    public void Gate_ConfidentAndBetterThanTheStudent_IsOnForThatPart()
    {
        // Half is confident and nearly right; the student errs on a fifth of it.
        var checks = Enumerable.Range(0, 400).Select(i => new PropagationCheck(0, i < 200 ? i == 150 ? 1 : 0 : i % 2, i < 200 ? 0.9 - (i * 1e-4) : 0.4 - (i * 1e-4), i % 5 == 0 ? 1 : 0)).ToList();
        var verdict = PropagationGate.Decide(checks, 0.95, 0.95);
        Assert.True(verdict.On);
        Assert.InRange(verdict.Checked, 100, 210);
        Assert.True(verdict.LowerBound >= 0.95 && verdict.Accuracy > verdict.StudentAccuracy);
    }

    [Theory]
    [InlineData(10, 0, PropagationReason.TooFewChecks)]
    [InlineData(300, 5, PropagationReason.BelowTarget)]
    [InlineData(300, 0, PropagationReason.StudentNotBeaten)]
    public void Gate_NotShown_IsOffAndSaysWhy(int count, int wrongEvery, PropagationReason reason)
    {
        var checks = Enumerable.Range(0, count).Select(i => new PropagationCheck(0, wrongEvery > 0 && i % wrongEvery == 0 ? 1 : 0, 0.9 - (i * 1e-4), 0)).ToList();
        var verdict = PropagationGate.Decide(checks, 0.95, 0.95);
        Assert.Equal((false, reason), (verdict.On, verdict.Reason));
        Assert.True(verdict.Threshold > 1);
        Assert.Contains("off", verdict.Explanation, StringComparison.Ordinal);
    }

    // Clopper and Pearson 1934, one-sided: (1 - confidence)^(1/n) where all are right.
    [Theory]
    [InlineData(10, 10, 0.95, 0.741134)]
    [InlineData(59, 59, 0.95, 0.950493)]
    [InlineData(9, 10, 0.95, 0.605837)]
    [InlineData(0, 10, 0.95, 0)]
    public void LowerBound_KnownValues(int right, int count, double confidence, double expected) =>
        Assert.Equal(expected, PropagationGate.LowerBound(right, count, confidence), 5);

    [Fact]
    public void HoldBack_NeverTheLastOfAClass()
    {
        int[] labels = [0, 0, 0, 0, 1, 2, 2, 2, 2, 2];
        for (var seed = 0; seed < 50; seed++)
        {
            var held = PropagationGate.HoldBack(labels, 0.5, seed);
            Assert.Equal(5, held.Count(h => h));
            Assert.False(held[4]);
            Assert.True(labels.Where((_, i) => !held[i]).Distinct().Count() == 3);
        }
    }

    private static PropagationResult Spread(float[] rows, int[] given) =>
        LabelPropagation.RunDense(rows, 64, 0.25, given, 10, new() { Alpha = 0.2, MaximumIterations = 20, Tolerance = 1e-3 / given.Length });

    private static double Entropy(ReadOnlySpan<float> row)
    {
        double sum = 0;
        foreach (var p in row) sum -= p > 0 ? p * Math.Log(p) : 0;
        return sum;
    }

    private static (float[] Rows, int[] Truth) Load(int count)
    {
        Assert.SkipUnless(File.Exists(SharedData.Locate(Digits)) || Environment.GetEnvironmentVariable("CI") is "true", $"{Digits} is not here");
        var data = SharedData.Csv(Digits).Take(count).ToList();
        return ([.. data.SelectMany(r => r.Skip(3)).Select(v => float.Parse(v, CultureInfo.InvariantCulture))], [.. data.Select(r => int.Parse(r[2], CultureInfo.InvariantCulture))]);
    }
}
