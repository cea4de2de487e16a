namespace Annotator.Core.Student;

/// <summary>
/// Temperature scaling (Guo et al. 2017): scores are divided by one number, fitted on predictions for rows that the model was not trained on. The order
/// of classes never changes. The fit is drawn towards 1 as if by a few rows, so that it stays sane with few labels.
/// </summary>
public static class Calibration
{
    // Weight of the pull towards ln T = 0, in rows.
    private const double PriorRows = 4;

    /// <summary>Fits the temperature by minimising the log loss.</summary>
    /// <param name="scores">[row, class], row-major: scores before softmax or sigmoid, or log-probabilities.</param>
    /// <param name="targets">[row, class], row-major: 1 (or a share) where the class is right.</param>
    /// <param name="weights">How much each row counts.</param>
    /// <param name="classes">Number of classes.</param>
    /// <param name="multiple">Independent classes.</param>
    /// <returns>The temperature, between 0.05 and 20; 1 where there is nothing to fit on.</returns>
    public static double FitTemperature(
        ReadOnlySpan<float> scores, ReadOnlySpan<float> targets, ReadOnlySpan<float> weights, int classes, bool multiple = false)
    {
        // The loss is convex in 1/T; with u = ln(1/T) it has one minimum, which golden-section search finds.
        double low = -3, high = 3;
        var ratio = (Math.Sqrt(5) - 1) / 2;
        var left = high - (ratio * (high - low));
        var right = low + (ratio * (high - low));
        var atLeft = Loss(scores, targets, weights, classes, multiple, left);
        var atRight = Loss(scores, targets, weights, classes, multiple, right);
        for (var i = 0; i < 24; i++)
        {
            if (atLeft <= atRight)
            {
                (high, right, atRight) = (right, left, atLeft);
                left = high - (ratio * (high - low));
                atLeft = Loss(scores, targets, weights, classes, multiple, left);
            }
            else
            {
                (low, left, atLeft) = (left, right, atRight);
                right = low + (ratio * (high - low));
                atRight = Loss(scores, targets, weights, classes, multiple, right);
            }
        }

        return Math.Exp(-(low + high) / 2);
    }

    private static double Loss(ReadOnlySpan<float> scores, ReadOnlySpan<float> targets, ReadOnlySpan<float> weights, int classes, bool multiple, double logInverse)
    {
        var scale = (float)Math.Exp(logInverse);
        var loss = PriorRows * logInverse * logInverse;
        for (var row = 0; row < weights.Length; row++)
        {
            if (weights[row] <= 0) continue;
            var z = scores.Slice(row * classes, classes);
            var t = targets.Slice(row * classes, classes);
            loss += weights[row] * (multiple ? BinaryLoss(z, t, scale) : SoftmaxLoss(z, t, scale));
        }

        return loss;
    }

    private static double SoftmaxLoss(ReadOnlySpan<float> z, ReadOnlySpan<float> target, float scale)
    {
        var top = Maximum(z);
        double sum = 0;
        double share = 0;
        double right = 0;
        for (var c = 0; c < z.Length; c++)
        {
            var difference = (z[c] - top) * scale;
            if (difference > -30) sum += MathF.Exp(difference);
            share += target[c];
            right += target[c] * difference;
        }

        return (share * Math.Log(sum)) - right;
    }

    private static float Maximum(ReadOnlySpan<float> values)
    {
        var top = values[0];
        foreach (var value in values) top = MathF.Max(top, value);
        return top;
    }

    private static double BinaryLoss(ReadOnlySpan<float> z, ReadOnlySpan<float> target, float scale)
    {
        double loss = 0;
        for (var c = 0; c < z.Length; c++)
        {
            double score = z[c] * scale;
            loss += Math.Max(score, 0) - (score * target[c]) + Math.Log(1 + Math.Exp(-Math.Abs(score)));
        }

        return loss;
    }
}

/// <summary>One bin of a reliability diagram.</summary>
/// <param name="From">Least confidence in the bin (exclusive, but for 0).</param>
/// <param name="To">Greatest confidence in the bin (inclusive).</param>
/// <param name="Count">Predictions in the bin.</param>
/// <param name="Confidence">Their mean confidence; 0 in an empty bin.</param>
/// <param name="Accuracy">Share of them that is right; 0 in an empty bin.</param>
public sealed record ReliabilityBin(double From, double To, int Count, double Confidence, double Accuracy);

/// <summary>How far confidences can be believed.</summary>
/// <param name="Count">Predictions judged.</param>
/// <param name="Accuracy">Share that is right.</param>
/// <param name="ExpectedCalibrationError">Mean over predictions of |confidence - accuracy| of their bin (Naeini et al. 2015; 15 bins of equal width).</param>
/// <param name="Brier">Mean squared distance of the probability vector from the truth (Brier 1950), 0 … 2.</param>
/// <param name="LogLoss">Mean negative log-probability of the truth, in nats.</param>
/// <param name="Bins">The reliability diagram.</param>
public sealed record CalibrationReport(
    int Count, double Accuracy, double ExpectedCalibrationError, double Brier, double LogLoss, IReadOnlyList<ReliabilityBin> Bins)
{
    /// <summary>Number of bins that is usual in print.</summary>
    public const int UsualBins = 15;

    /// <summary>Judges single-choice probabilities.</summary>
    /// <param name="probabilities">[row, class], row-major.</param>
    /// <param name="truth">0-based right class of each row.</param>
    /// <param name="classes">Number of classes.</param>
    /// <param name="bins">Number of bins of equal width.</param>
    public static CalibrationReport Create(ReadOnlySpan<float> probabilities, ReadOnlySpan<int> truth, int classes, int bins = UsualBins)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(classes, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(bins, 1);
        if (probabilities.Length != truth.Length * (long)classes) throw new ArgumentException("Not one probability a row and class.", nameof(probabilities));
        var confidence = new float[truth.Length];
        var right = new bool[truth.Length];
        double brier = 0;
        double loss = 0;
        for (var row = 0; row < truth.Length; row++)
        {
            var p = probabilities.Slice(row * classes, classes);
            var best = Probabilities.Best(p);
            confidence[row] = p[best];
            right[row] = best == truth[row];
            loss -= Math.Log(Math.Max(p[truth[row]], 1e-12));
            for (var c = 0; c < classes; c++)
            {
                var difference = p[c] - (c == truth[row] ? 1 : 0);
                brier += difference * difference;
            }
        }

        var n = Math.Max(1, truth.Length);
        var diagram = Reliability(confidence, right, bins);
        var error = diagram.Sum(bin => bin.Count * Math.Abs(bin.Confidence - bin.Accuracy)) / n;
        return new CalibrationReport(truth.Length, right.Count(r => r) / (double)n, error, brier / n, loss / n, diagram);
    }

    /// <summary>Bins confidences and counts how often they were right; for any yes/no statement that comes with a probability.</summary>
    public static IReadOnlyList<ReliabilityBin> Reliability(ReadOnlySpan<float> confidence, ReadOnlySpan<bool> right, int bins = UsualBins)
    {
        var counts = new int[bins];
        var sums = new double[bins];
        var hits = new int[bins];
        for (var i = 0; i < confidence.Length; i++)
        {
            var bin = Math.Clamp((int)Math.Ceiling(confidence[i] * bins) - 1, 0, bins - 1);
            counts[bin]++;
            sums[bin] += confidence[i];
            if (right[i]) hits[bin]++;
        }

        return [.. Enumerable.Range(0, bins).Select(b => new ReliabilityBin(
            b / (double)bins, (b + 1) / (double)bins, counts[b], counts[b] == 0 ? 0 : sums[b] / counts[b], counts[b] == 0 ? 0 : hits[b] / (double)counts[b]))];
    }
}
