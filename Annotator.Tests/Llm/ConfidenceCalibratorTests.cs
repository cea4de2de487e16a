using Annotator.Core.Llm.Calibration;

namespace Annotator.Tests.Llm;

public class ConfidenceCalibratorTests
{
    [Fact]
    public void Of_WithoutJudgements_IsThePrior()
    {
        var calibrator = ConfidenceCalibrator.Fit([], [], 0.7);
        Assert.All((double?[])[null, 0, 0.5, 1, double.NaN], c => Assert.Equal(0.7, calibrator.Of(c), 1e-6));
    }

    [Fact]
    public void Of_AModelThatIsTooSure_IsTakenDown()
    {
        // It says 0.95 and is right on six of ten; it says 0.6 and is right on three of ten.
        var (confidences, right) = (new List<double>(), new List<bool>());
        for (var i = 0; i < 400; i++)
        {
            confidences.Add(i % 2 == 0 ? 0.95 : 0.6);
            right.Add(i % 2 == 0 ? i / 2 % 10 < 6 : i / 2 % 10 < 3);
        }

        var calibrator = ConfidenceCalibrator.Fit([.. confidences], [.. right]);
        Assert.InRange(calibrator.Of(0.95), 0.57, 0.63);
        Assert.InRange(calibrator.Of(0.6), 0.27, 0.33);
        Assert.InRange(calibrator.Of(null), 0.4, 0.5);
    }

    [Fact]
    public void Of_WhereMoreConfidenceMeansLess_SaysTheSameOfAll()
    {
        bool[] right = [.. Enumerable.Range(0, 200).Select(i => i % 4 == 0 || i % 2 == 1)];
        double[] confidences = [.. Enumerable.Range(0, 200).Select(i => i % 2 == 1 ? 0.3 : 0.9)];
        var calibrator = ConfidenceCalibrator.Fit(confidences, right);
        Assert.Equal(calibrator.Of(0.2), calibrator.Of(0.99), 1e-9);
        Assert.InRange(calibrator.Of(0.5), 0.7, 0.78);
    }

    [Fact]
    public void Of_AllRight_StaysAProbability_AndNeverFalls()
    {
        var calibrator = ConfidenceCalibrator.Fit([.. Enumerable.Repeat(0.99, 5_000)], [.. Enumerable.Repeat(true, 5_000)]);
        Assert.InRange(calibrator.Of(0.99), 0.99, 1 - 1e-6);
        Assert.True(calibrator.Of(1) >= calibrator.Of(0.5));
        Assert.Throws<ArgumentException>(() => ConfidenceCalibrator.Fit([0.5], []));
        Assert.Throws<ArgumentOutOfRangeException>(() => ConfidenceCalibrator.Fit([], [], 1));
    }
}
