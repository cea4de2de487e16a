namespace Annotator.Core.Quality.Detection;

/// <summary>
/// What a detector's score of a label is worth, by what people left of its boxes: the probability that a box is right is the logistic function of slope · log-odds of the score + intercept (Platt 1999; of log-odds, as
/// temperature and bias of the class's head would do). It begins at "the score is the probability", and boxes move it from there.
/// </summary>
/// <param name="Slope">Below 1: scores are bolder than they may be.</param>
/// <param name="Intercept">Above 0: boxes are right more often than scores say.</param>
public readonly record struct ScoreCalibration(double Slope, double Intercept)
{
    /// <summary>Scores are taken for what they are.</summary>
    public static ScoreCalibration None => new(1, 0);

    // Scores of 0 and 1 have no log-odds.
    private const double Edge = 1e-4;

    // As much as this many boxes that agree with the score.
    private const double Prior = 2;
    private const int MostSteps = 50;
    private const int Bins = 10;

    /// <summary>The probability that a box of a score is right.</summary>
    /// <param name="score">0 to 1.</param>
    public double Of(double score) => Logistic((Slope * LogOdds(score)) + Intercept);

    /// <summary>Fits (Newton's method on two numbers; the problem is convex).</summary>
    /// <param name="boxes">Scores, and whether people left such a box.</param>
    public static ScoreCalibration Fit(IReadOnlyList<(double Score, bool Right)> boxes)
    {
        ArgumentNullException.ThrowIfNull(boxes);
        var (a, b) = (1.0, 0.0);
        for (var step = 0; step < MostSteps && boxes.Count > 0; step++)
        {
            double ga = Prior * (a - 1), gb = Prior * b, haa = Prior, hab = 0, hbb = Prior;
            foreach (var (score, right) in boxes)
            {
                var x = LogOdds(score);
                var p = Logistic((a * x) + b);
                var (error, weight) = (p - (right ? 1 : 0), p * (1 - p));
                ga += error * x;
                gb += error;
                haa += weight * x * x;
                hab += weight * x;
                hbb += weight;
            }

            var determinant = (haa * hbb) - (hab * hab);
            var (da, db) = (((hbb * ga) - (hab * gb)) / determinant, ((haa * gb) - (hab * ga)) / determinant);

            // A step that is far too long for the parabola is taken in part.
            var scale = Math.Min(1, 2 / Math.Max(1e-12, Math.Max(Math.Abs(da), Math.Abs(db))));
            (a, b) = (a - (scale * da), b - (scale * db));
            if (Math.Abs(da) + Math.Abs(db) < 1e-9) break;
        }

        // A greater score never means less.
        return new ScoreCalibration(Math.Round(Math.Max(a, 0.01), 4), Math.Round(b, 4));
    }

    /// <summary>How far probabilities are from what came true: mean distance in ten bins, weighted by their boxes.</summary>
    /// <param name="boxes">Scores, and whether people left such a box.</param>
    public double ErrorOn(IReadOnlyList<(double Score, bool Right)> boxes)
    {
        ArgumentNullException.ThrowIfNull(boxes);
        if (boxes.Count == 0) return 0;
        var sums = new (double Said, int Right)[Bins];
        foreach (var (score, right) in boxes)
        {
            var p = Of(score);
            var bin = Math.Min(Bins - 1, (int)(p * Bins));
            sums[bin] = (sums[bin].Said + p, sums[bin].Right + (right ? 1 : 0));
        }

        return Math.Round(sums.Sum(s => Math.Abs(s.Said - s.Right)) / boxes.Count, 4);
    }

    private static double LogOdds(double score)
    {
        var p = Math.Clamp(score, Edge, 1 - Edge);
        return Math.Log(p / (1 - p));
    }

    private static double Logistic(double value) => 1 / (1 + Math.Exp(-value));
}
