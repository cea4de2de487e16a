namespace Annotator.Core.Student;

/// <summary>
/// What scores are divided by before they become probabilities: a number, times a power of how undecided the scores are. A single temperature (Guo et al. 2017) believes sure and unsure
/// predictions in the same proportion; a linear model of few labels is too timid where it is unsure and too bold where it is sure. After entropy-based temperature scaling (Balanya,
/// Maroñas and Ramos 2024, "Adaptive temperature scaling for robust calibration"), with a floor under the entropy, so that the order of confidences stays what it was.
/// </summary>
/// <param name="Base">The temperature of a prediction that is wholly undecided, greater than 0.</param>
/// <param name="Slope">Power of the entropy; 0: one temperature for all. Within ± <see cref="SteepestSlope"/>.</param>
public readonly record struct Temperature(double Base, double Slope = 0)
{
    /// <summary>Up to here more score is always more confidence.</summary>
    public const double SteepestSlope = 0.34;

    /// <summary>Added to the entropy, as a share of the greatest one.</summary>
    internal const double Floor = 0.2;

    /// <summary>Probabilities as they come out of the scores.</summary>
    public static Temperature One => new(1);

    /// <summary>Whether both numbers are in their range.</summary>
    internal bool IsValid => Base > 0 && double.IsFinite(Base) && Math.Abs(Slope) <= SteepestSlope;

    /// <summary>Divides the scores of one item.</summary>
    /// <param name="scores">One a class; of a task with one choice.</param>
    internal void Apply(Span<float> scores)
    {
        var factor = 1 / Base;
        if (Slope != 0) factor *= Math.Exp(Slope * Undecided(scores));
        SpanMath.Multiply(scores, (float)factor, scores);
    }

    /// <summary>Logarithm of (the entropy of the scores' probabilities, as a share of the greatest one, + <see cref="Floor"/>).</summary>
    internal static double Undecided(ReadOnlySpan<float> scores)
    {
        var top = float.NegativeInfinity;
        foreach (var score in scores) top = MathF.Max(top, score);
        double sum = 0, product = 0;
        foreach (var score in scores)
        {
            var difference = score - top;
            if (difference < -30) continue;
            var e = MathF.Exp(difference);
            sum += e;
            product += e * difference;
        }

        var entropy = scores.Length < 2 ? 0 : (Math.Log(sum) - (product / sum)) / Math.Log(scores.Length);
        return Math.Log(Math.Max(0, entropy) + Floor);
    }
}

/// <summary>
/// Fits a <see cref="Temperature"/> to predictions for rows that the model was not trained on. The order of classes never changes. The fit is drawn towards no change
/// as if by a few rows, so that it stays sane with few labels.
/// </summary>
public static class Calibration
{
    // Weight of the pull of both logarithms towards 0, in rows.
    private const double PriorRows = 4;
    private const int MostSteps = 40;
    private const double WidestLogarithm = 3;

    /// <summary>Fits the temperature by minimising the log loss.</summary>
    /// <param name="scores">[row, class], row-major: scores before softmax or sigmoid, or log-probabilities.</param>
    /// <param name="targets">[row, class], row-major: 1 (or a share) where the class is right.</param>
    /// <param name="weights">How much each row counts.</param>
    /// <param name="classes">Number of classes.</param>
    /// <param name="multiple">Independent classes: one temperature for all.</param>
    /// <returns>The temperature, its base between 0.05 and 20; 1 where there is nothing to fit on.</returns>
    public static Temperature FitTemperature(
        ReadOnlySpan<float> scores, ReadOnlySpan<float> targets, ReadOnlySpan<float> weights, int classes, bool multiple = false)
    {
        var undecided = new double[weights.Length];
        var sloped = !multiple && classes > 1;
        for (var row = 0; sloped && row < undecided.Length; row++) undecided[row] = Temperature.Undecided(scores.Slice(row * classes, classes));

        // Newton's method in the logarithms (a, b) of the factor exp(a + b x), damped until the loss falls (Levenberg and Marquardt).
        var (a, b, damping) = (0.0, 0.0, 1e-3);
        var now = Evaluate(scores, targets, weights, undecided, classes, multiple, a, b);
        for (var step = 0; step < MostSteps; step++)
        {
            var (aa, bb, ab) = (now.AA * (1 + damping), sloped ? now.BB * (1 + damping) : 1, sloped ? now.AB : 0);
            var determinant = (aa * bb) - (ab * ab);
            var (byA, byB) = sloped ? (((now.A * bb) - (now.B * ab)) / determinant, ((now.B * aa) - (now.A * ab)) / determinant) : (now.A / aa, 0);
            var (nextA, nextB) = (Math.Clamp(a - byA, -WidestLogarithm, WidestLogarithm), Math.Clamp(b - byB, -Temperature.SteepestSlope, Temperature.SteepestSlope));
            var next = Evaluate(scores, targets, weights, undecided, classes, multiple, nextA, nextB);
            if (next.Loss > now.Loss)
            {
                damping *= 8;
                if (damping > 1e6) break;
                continue;
            }

            var moved = Math.Abs(nextA - a) + Math.Abs(nextB - b);
            (a, b, now, damping) = (nextA, nextB, next, Math.Max(1e-6, damping / 8));
            if (moved < 1e-5) break;
        }

        return new Temperature(Math.Exp(-a), b);
    }

    // Loss, slope and curvature. Of the curvature only what is never negative is taken, so that every step goes downhill.
    private static (double Loss, double A, double B, double AA, double BB, double AB) Evaluate(
        ReadOnlySpan<float> scores, ReadOnlySpan<float> targets, ReadOnlySpan<float> weights, double[] undecided, int classes, bool multiple, double a, double b)
    {
        var (loss, byA, byB, aa, bb, ab) = (PriorRows * ((a * a) + (b * b)), 2 * PriorRows * a, 2 * PriorRows * b, 2 * PriorRows, 2 * PriorRows, 0.0);
        for (var row = 0; row < weights.Length; row++)
        {
            if (weights[row] <= 0) continue;
            var (first, x) = (row * classes, undecided[row]);
            var scale = (float)Math.Exp(a + (b * x));
            var (l, slope, curvature) = multiple
                ? Binary(scores.Slice(first, classes), targets.Slice(first, classes), scale)
                : Softmax(scores.Slice(first, classes), targets.Slice(first, classes), scale);
            var (w, s, c) = (weights[row], weights[row] * slope, weights[row] * curvature);
            loss += w * l;
            byA += s;
            byB += s * x;
            aa += c;
            bb += c * x * x;
            ab += c * x;
        }

        return (loss, byA, byB, aa, bb, ab);
    }

    // Loss of one row, its derivative by the logarithm of the scale, and scale² times the variance of the scores.
    private static (double Loss, double Slope, double Curvature) Softmax(ReadOnlySpan<float> z, ReadOnlySpan<float> target, float scale)
    {
        var top = Maximum(z);
        double sum = 0, first = 0, second = 0, share = 0, right = 0;
        for (var c = 0; c < z.Length; c++)
        {
            var difference = (z[c] - top) * scale;
            if (difference > -30)
            {
                var e = MathF.Exp(difference);
                sum += e;
                first += e * difference;
                second += e * difference * difference;
            }

            share += target[c];
            right += target[c] * difference;
        }

        var mean = first / sum;
        return ((share * Math.Log(sum)) - right, (share * mean) - right, share * Math.Max(0, (second / sum) - (mean * mean)));
    }

    private static (double Loss, double Slope, double Curvature) Binary(ReadOnlySpan<float> z, ReadOnlySpan<float> target, float scale)
    {
        double loss = 0, slope = 0, curvature = 0;
        for (var c = 0; c < z.Length; c++)
        {
            double score = z[c] * scale;
            var p = 1 / (1 + Math.Exp(-score));
            loss += Math.Max(score, 0) - (score * target[c]) + Math.Log(1 + Math.Exp(-Math.Abs(score)));
            slope += (p - target[c]) * score;
            curvature += p * (1 - p) * score * score;
        }

        return (loss, slope, curvature);
    }

    private static float Maximum(ReadOnlySpan<float> values)
    {
        var top = values[0];
        foreach (var value in values) top = MathF.Max(top, value);
        return top;
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
