namespace Annotator.Core.Llm.Calibration;

/// <summary>
/// What a model's confidence is worth: Platt scaling (Platt 1999) of its log-odds, fitted on answers that people have judged. A stated confidence and the
/// probability of tokens are scaled alike; neither is a probability before. The slope is never negative, so that the order of answers stays; with few
/// judgements everything is worth what the model is worth on the whole.
/// </summary>
public sealed class ConfidenceCalibrator
{
    // The prior counts as so many judged answers.
    private const double PriorRows = 8;

    // How strongly the slope is drawn towards 0, where confidence says nothing.
    private const double SlopePrior = 2;

    // Certainty is never taken at its word.
    private const double Least = 0.005;

    private const int Steps = 50;

    private readonly double _slope;
    private readonly double _offset;
    private readonly double _middle;

    private ConfidenceCalibrator(double slope, double offset, double middle) => (_slope, _offset, _middle) = (slope, offset, middle);

    /// <summary>Fits it.</summary>
    /// <param name="confidences">Confidences from 0 to 1, one for each judged answer.</param>
    /// <param name="right">Whether the answer was right.</param>
    /// <param name="prior">How often the model is thought to be right before any of these, above 0 and below 1.</param>
    public static ConfidenceCalibrator Fit(ReadOnlySpan<double> confidences, ReadOnlySpan<bool> right, double prior = 0.5)
    {
        if (confidences.Length != right.Length) throw new ArgumentException("One judgement an answer is needed.", nameof(right));
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(prior, 0);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(prior, 1);
        var x = new double[confidences.Length];
        for (var i = 0; i < x.Length; i++) x[i] = LogOdds(confidences[i]);
        var middle = x.Length == 0 ? 0 : x.Average();
        var (slope, offset) = Minimise(x, right, middle, prior, fixedSlope: false);
        if (slope < 0) (slope, offset) = Minimise(x, right, middle, prior, fixedSlope: true);
        return new ConfidenceCalibrator(slope, offset, middle);
    }

    /// <summary>The probability that an answer of a confidence is right.</summary>
    /// <param name="confidence">The confidence; null where the model gave none.</param>
    public double Of(double? confidence) => Sigmoid(_offset + (confidence is { } c ? _slope * (LogOdds(c) - _middle) : 0));

    // Newton's method on a convex loss of two variables.
    private static (double Slope, double Offset) Minimise(double[] x, ReadOnlySpan<bool> right, double middle, double prior, bool fixedSlope)
    {
        double a = 0, b = LogOdds(prior);
        for (var step = 0; step < Steps; step++)
        {
            var p = Sigmoid(b);
            double ga = SlopePrior * a, gb = PriorRows * (p - prior), haa = SlopePrior, hab = 0, hbb = PriorRows * p * (1 - p);
            for (var i = 0; i < x.Length; i++)
            {
                var d = x[i] - middle;
                var q = Sigmoid(b + (a * d));
                var (error, weight) = (q - (right[i] ? 1 : 0), q * (1 - q));
                ga += error * d;
                gb += error;
                haa += weight * d * d;
                hab += weight * d;
                hbb += weight;
            }

            if (fixedSlope) (ga, hab, haa) = (0, 0, 1);
            hbb += 1e-9;
            var determinant = (haa * hbb) - (hab * hab);
            double da = ((hbb * ga) - (hab * gb)) / determinant, db = ((haa * gb) - (hab * ga)) / determinant;

            // Far from the minimum a whole step may overshoot.
            var length = Math.Max(Math.Abs(da), Math.Abs(db));
            var share = length > 2 ? 2 / length : 1;
            a -= share * da;
            b -= share * db;
            if (length < 1e-9) break;
        }

        return (a, b);
    }

    private static double LogOdds(double probability)
    {
        var p = Math.Clamp(double.IsNaN(probability) ? 0.5 : probability, Least, 1 - Least);
        return Math.Log(p / (1 - p));
    }

    private static double Sigmoid(double x) => x >= 0 ? 1 / (1 + Math.Exp(-x)) : Math.Exp(x) / (1 + Math.Exp(x));
}
