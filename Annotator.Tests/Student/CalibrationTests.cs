using Annotator.Core.Student;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace Annotator.Tests.Student;

/// <summary>Temperatures: what is fitted comes back, more score stays more confidence, and few labels change little.</summary>
public class CalibrationTests
{
    [Theory]
    [InlineData(0.5, 0.25)]
    [InlineData(1.8, 0)]
    [InlineData(1.0, -0.3)]
    [InlineData(0.7, 0.33)]
    public void Fit_FindsTheTemperatureThatLabelsWereDrawnWith(double temperature, double slope)
    {
        const int rows = 20_000, classes = 5;
        var random = new Random(7);
        var scores = new float[rows * classes];
        var targets = new float[rows * classes];
        var truth = new Temperature(temperature, slope);
        var p = new float[classes];
        for (var row = 0; row < rows; row++)
        {
            // From wholly undecided to sure.
            var spread = random.NextDouble() * 12;
            for (var c = 0; c < classes; c++) scores[(row * classes) + c] = (float)(spread * random.NextDouble());
            scores.AsSpan(row * classes, classes).CopyTo(p);
            truth.Apply(p);
            Probabilities.FromScores(p, multiple: false);
            targets[(row * classes) + Draw(p, random)] = 1;
        }

        var found = Calibration.FitTemperature(scores, targets, Enumerable.Repeat(1f, rows).ToArray(), classes);
        Assert.InRange(found.Base, temperature * 0.93, temperature * 1.07);
        Assert.InRange(found.Slope, slope - 0.06, slope + 0.06);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(4)]
    [InlineData(77)]
    [InlineData(300)]
    public void Apply_KeepsTheOrderOfClassesAndOfConfidences(int classes)
    {
        foreach (var slope in (double[])[-Temperature.SteepestSlope, -0.1, 0.1, Temperature.SteepestSlope])
        {
            var temperature = new Temperature(0.6, slope);
            var before = 0f;
            for (var step = 0; step <= 400; step++)
            {
                // One class grows from equal to all others to far above them.
                var scores = new float[classes];
                scores[1] = step / 20f;
                temperature.Apply(scores);
                Probabilities.FromScores(scores, multiple: false);
                Assert.Equal(step == 0 ? 0 : 1, Probabilities.Best(scores));
                Assert.True(scores[1] >= before - 1e-6f, $"{classes} classes, slope {slope}: the confidence falls at a score of {step / 20f}.");
                before = scores[1];
            }
        }
    }

    [Fact]
    public void Fit_OnNothingOrOnOneClass_ChangesNothing()
    {
        Assert.Equal(1, Calibration.FitTemperature([], [], [], 3).Base, 6);
        var one = Calibration.FitTemperature([2f, 1f], [1f, 1f], [1f, 1f], 1);
        Assert.Equal(1, one.Base, 6);
        Assert.Equal(0, one.Slope, 6);

        // Rows that only models have labelled do not count.
        Assert.Equal(1, Calibration.FitTemperature([3f, 0f, 0f], [1f, 0f, 0f], [0f], 3).Base, 6);
    }

    [Fact]
    public void Fit_OfSeveralChoices_IsOneTemperatureForAll()
    {
        const int rows = 8_000, classes = 3;
        var random = new Random(3);
        var scores = Enumerable.Range(0, rows * classes).Select(_ => (float)((random.NextDouble() * 6) - 3)).ToArray();
        var targets = Array.ConvertAll(scores, s => random.NextDouble() < 1 / (1 + Math.Exp(-s / 2)) ? 1f : 0f);
        var found = Calibration.FitTemperature(scores, targets, Enumerable.Repeat(1f, rows).ToArray(), classes, multiple: true);
        Assert.InRange(found.Base, 1.85, 2.15);
        Assert.Equal(0, found.Slope);
    }

    [Theory]
    [InlineData(0.6, 0.3)]
    [InlineData(1.0, -0.2)]
    [InlineData(2.0, 0)]
    public void File_GivesWhatTheScorerGives(double temperature, double slope)
    {
        string[] names = ["order", "refund", "praise"];
        string[] texts = [.. Enumerable.Range(0, 60).Select(i => (i % 3) switch { 0 => $"where is my parcel {i}", 1 => $"give me my money back {i}", _ => $"정말 고마워요 great {i}" })];
        var trainer = new SoftmaxTrainer(new TextFeatureOptions(), new SoftmaxOptions());
        var rows = new SparseRows();
        new TextFeatures().Append(texts, rows);
        var model = trainer.Train(rows, [.. Enumerable.Range(0, 60).Select(i => new LabelledRow(i, i % 3))], 3).Model;
        var chosen = new Temperature(temperature, slope);
        var scorer = model.CreateScorer(chosen);

        using var session = new InferenceSession(StudentGraph.Write(model, names, chosen));
        string[] asked = [.. texts, "", "my money is a great parcel", "고마워요"];
        using var results = session.Run([NamedOnnxValue.CreateFromTensor("text", new DenseTensor<string>(asked, [asked.Length]))]);
        var given = results.Single(r => r.Name == "probabilities").AsTensor<float>();
        var p = new float[3];
        for (var i = 0; i < asked.Length; i++)
        {
            var row = new SparseRows();
            new TextFeatures().Append(asked[i], row);
            scorer.Score(row, 0, p);
            for (var c = 0; c < 3; c++) Assert.InRange(given[i, c], p[c] - 2e-4f, p[c] + 2e-4f);
        }
    }

    private static int Draw(float[] p, Random random)
    {
        var at = random.NextDouble();
        for (var c = 0; c < p.Length; c++)
        {
            at -= p[c];
            if (at < 0) return c;
        }

        return p.Length - 1;
    }
}
