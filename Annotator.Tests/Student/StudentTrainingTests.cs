using Annotator.Core.Student;

namespace Annotator.Tests.Student;

public class StudentTrainingTests
{
    private const int Classes = 12;

    // Words of a class have no letters in common, as numbered ones would.
    private static readonly string[] s_words = Words();

    private static readonly SoftmaxTrainer s_trainer = new(new TextFeatureOptions { CharacterBits = 14, WordBits = 13 });

    [Fact]
    public void FoldOf_MoreFolds_AreNestedInFewer()
    {
        for (long id = 0; id < 5_000; id++)
        {
            Assert.Equal(OutOfFold.FoldOf(id, 20) / 2, OutOfFold.FoldOf(id, 10));
            Assert.Equal(OutOfFold.FoldOf(id, 10) / 2, OutOfFold.FoldOf(id, 5));
        }
    }

    [Fact]
    public void Train_TwiceOrOnMoreThreads_GivesTheSameFile()
    {
        var (rows, labels) = Data(300, 1);
        var given = People(labels, 0, 300);
        var names = Enumerable.Range(0, Classes).Select(c => $"class {c}").ToList();
        var one = StudentTraining.Train(s_trainer, rows, given, Classes, parallelism: 1);
        var two = StudentTraining.Train(s_trainer, rows, given, Classes, parallelism: 2);
        Assert.Equal(one.Write(names), two.Write(names));
        Assert.Equal(one.OutOfFold!.Scores, two.OutOfFold!.Scores);
    }

    [Fact]
    public void Train_FewLabelsOfManyClasses_OutOfFoldIsAsGoodAsOnNewTexts()
    {
        var (rows, labels) = Data(2_000, 2);
        var trained = StudentTraining.Train(s_trainer, rows, People(labels, 0, 150), Classes);
        var outOfFold = Accuracy(trained.OutOfFold!.Probabilities(trained.Temperature), trained.OutOfFold.Rows, labels);
        var unseen = Unseen(trained, rows, labels, 1_000);
        Assert.InRange(outOfFold, unseen - 0.12, unseen + 0.08);
    }

    [Fact]
    public void Train_LabelsThatMeanNothing_OutOfFoldDoesNotLearnThem()
    {
        // If a row's own label reached its prediction, this would be far above chance.
        var (rows, labels) = Data(600, 3);
        var random = new SplitMix(4);
        var noise = labels.Select(_ => random.Next(Classes)).ToArray();
        var first = StudentTraining.Train(s_trainer, rows, People(noise, 0, 400), Classes);
        var second = StudentTraining.Train(s_trainer, rows, People(noise, 0, 600), Classes, start: first);
        foreach (var trained in (TrainedStudent[])[first, second])
            Assert.InRange(Accuracy(trained.OutOfFold!.Probabilities(Temperature.One), trained.OutOfFold.Rows, noise), 0, (1.0 / Classes) + 0.06);
    }

    [Fact]
    public void Train_LabelsWithEmphasis_TeachMore_ButAreJudgedOnce()
    {
        var (rows, labels) = Data(400, 6);
        List<LabelledRow> given = [.. People(labels, 0, 100).Select(l => l with { Emphasis = 3 }), .. People(labels, 100, 400)];
        var emphasised = StudentTraining.Train(s_trainer, rows, given, Classes);
        var weighty = StudentTraining.Train(s_trainer, rows, [.. given.Select(l => l with { Weight = l.Emphasis, Emphasis = 1 })], Classes);
        Assert.Equal(weighty.OutOfFold!.Scores, emphasised.OutOfFold!.Scores);
        Assert.All(emphasised.OutOfFold.Weights, w => Assert.Equal(1, w));
        Assert.Equal(100, weighty.OutOfFold.Weights.Count(w => w == 3));
    }

    [Fact]
    public void Train_WarmAfterMoreLabels_EqualsAFreshStart()
    {
        var (rows, labels) = Data(1_200, 5);
        var first = StudentTraining.Train(s_trainer, rows, People(labels, 0, 990), Classes);
        var warm = StudentTraining.Train(s_trainer, rows, People(labels, 0, 1_100), Classes, start: first);
        var cold = StudentTraining.Train(s_trainer, rows, People(labels, 0, 1_100), Classes);
        Assert.InRange(warm.Temperature.Base, cold.Temperature.Base * 0.93, cold.Temperature.Base * 1.07);
        Assert.InRange(warm.Temperature.Slope, cold.Temperature.Slope - 0.05, cold.Temperature.Slope + 0.05);
        var a = warm.OutOfFold!.Probabilities(warm.Temperature);
        var b = cold.OutOfFold!.Probabilities(cold.Temperature);
        Assert.InRange(a.Zip(b).Average(p => Math.Abs(p.First - p.Second)), 0, 0.01);
    }

    [Fact]
    public void Train_LabelsOfAModelBesidesPeople_BeatsBoth()
    {
        var (rows, labels) = Data(3_000, 6);
        var random = new SplitMix(7);
        var model = labels.Select(label => random.Next(100) < 75 ? label : (label + 1 + random.Next(3)) % Classes).ToArray();
        List<LabelledRow> given = [.. People(labels, 0, 100), .. Enumerable.Range(100, 1_900).Select(r => new LabelledRow(r, model[r], 0.75f, Trusted: false))];
        var together = StudentTraining.Train(s_trainer, rows, given, Classes);
        var people = StudentTraining.Train(s_trainer, rows, People(labels, 0, 100), Classes);
        var (unseen, alone) = (Unseen(together, rows, labels, 2_000), Unseen(people, rows, labels, 2_000));
        Assert.True(unseen > alone + 0.05 && unseen > 0.78, $"{unseen}, people alone {alone}");

        // Calibrated on what people said, not on the model's errors; and each row is predicted without any label of its own.
        var report = Report(together, rows, labels, 2_000);
        Assert.InRange(report.ExpectedCalibrationError, 0, 0.08);
        Assert.InRange(Accuracy(together.OutOfFold!.Probabilities(together.Temperature), together.OutOfFold.Rows, labels), unseen - 0.05, unseen + 0.05);
    }

    [Theory]
    [InlineData(0.5f)]
    [InlineData(0.2f)]
    public void Train_ModelNoBetterThanACoin_TeachesNothing(float reliability)
    {
        var (rows, labels) = Data(400, 8);
        var people = People(labels, 0, 100);
        List<LabelledRow> given = [.. people, .. Enumerable.Range(100, 300).Select(r => new LabelledRow(r, 0, reliability, Trusted: false))];
        Assert.Equal(
            StudentTraining.Train(s_trainer, rows, people, Classes).OutOfFold!.Scores,
            StudentTraining.Train(s_trainer, rows, given, Classes).OutOfFold!.Scores);
    }

    [Fact]
    public void SelectionWeights_HardItemsLabelled_EstimateTheAccuracyOnTheRest()
    {
        // Confidence is exactly the chance of being right; the uncertain ones are asked.
        var random = new SplitMix(9);
        float Uniform() => (float)((random.Next() >> 11) * (1.0 / (1UL << 53)));
        var waiting = Enumerable.Range(0, 20_000).Select(_ => MathF.Sqrt(Uniform())).ToArray();
        var labelled = Enumerable.Range(0, 2_000).Select(_ => Uniform() * Uniform()).ToArray();
        var right = labelled.Select(p => Uniform() < p).ToArray();
        var weights = SelectionWeights.Of(labelled, waiting);
        var plain = right.Count(r => r) / (double)right.Length;
        var weighted = weights.Where((_, i) => right[i]).Sum() / weights.Sum();
        Assert.InRange(plain, 0.2, 0.3);
        Assert.InRange(weighted, 0.6, 0.7);
    }

    [Fact]
    public void SelectionWeights_NothingWaits_AreAllOne()
    {
        Assert.Empty(SelectionWeights.Of([], [0.5f]));
        Assert.Equal([1f, 1f], SelectionWeights.Of([0.2f, 0.9f], []));
    }

    private static List<LabelledRow> People(int[] labels, int from, int to) => [.. Enumerable.Range(from, to - from).Select(r => new LabelledRow(r, labels[r]))];

    private static double Unseen(TrainedStudent trained, SparseRows rows, int[] labels, int from) => Report(trained, rows, labels, from).Accuracy;

    private static CalibrationReport Report(TrainedStudent trained, SparseRows rows, int[] labels, int from)
    {
        var scorer = trained.Fit.Model.CreateScorer(trained.Temperature);
        var all = new float[(rows.Count - from) * Classes];
        for (var row = from; row < rows.Count; row++) scorer.Score(rows[row], all.AsSpan((row - from) * Classes, Classes));
        return CalibrationReport.Create(all, labels.AsSpan(from), Classes);
    }

    private static double Accuracy(float[] probabilities, IReadOnlyList<int> rows, int[] labels) =>
        rows.Where((row, i) => Probabilities.Best(probabilities.AsSpan(i * Classes, Classes)) == labels[row]).Count() / (double)rows.Count;

    private static string[] Words()
    {
        var random = new SplitMix(77);
        return [.. Enumerable.Range(0, Classes * 40).Select(_ => new string([.. Enumerable.Range(0, 6).Select(_ => (char)('a' + random.Next(26)))]))];
    }

    /// <summary>Texts of a few words, of which about half tell the class.</summary>
    private static (SparseRows Rows, int[] Labels) Data(int count, ulong seed)
    {
        var random = new SplitMix(seed);
        var labels = new int[count];
        var rows = new SparseRows();
        var features = new TextFeatures((TextFeatureOptions)s_trainer.Features);
        for (var i = 0; i < count; i++)
        {
            labels[i] = random.Next(Classes);
            var words = Enumerable.Range(0, 7).Select(_ => random.Next(100) < 40 ? $"{s_words[(labels[i] * 40) + random.Next(40)]}" : $"w{random.Next(400)}");
            features.Append(string.Join(' ', words), rows);
        }

        return (rows, labels);
    }
}
