using Annotator.Core.Labels;

namespace Annotator.Core.Quality.Detection;

/// <summary>What people's corrections say of a detector's boxes of one label.</summary>
/// <param name="Label">The label.</param>
/// <param name="Line">The score from which boxes of it are worth showing.</param>
/// <param name="Boxes">True boxes of the label in the images that people decided.</param>
/// <param name="Precision">Share of the boxes above the line that are right.</param>
/// <param name="Recall">Share of the true boxes that are found above the line.</param>
/// <param name="Before">F1 at the line that held before.</param>
/// <param name="F1">F1 at this line.</param>
/// <param name="Slope">See <see cref="ScoreCalibration"/>.</param>
/// <param name="Intercept">See <see cref="ScoreCalibration"/>.</param>
/// <param name="ErrorBefore">How far the bare scores are from what came true.</param>
/// <param name="Error">How far the recalibrated scores are, on the same boxes.</param>
public sealed record TunedLabel(string Label, double Line, int Boxes, double Precision, double Recall, double Before, double F1, double Slope = 1, double Intercept = 0, double ErrorBefore = 0, double Error = 0);

/// <summary>
/// Sets the score from which a detector's boxes are shown by people's corrections, label by label: where the F1 against what people left is best, half-way between
/// the scores on either side. Labels of few boxes keep the usual line, and a line is moved only where it gains something worth having. What a score is worth is learned from the same boxes.
/// </summary>
public static class ScoreTuning
{
    /// <summary>With fewer true boxes of a label than this its line stays.</summary>
    public const int FewestBoxes = 10;

    // Each corrected image tells the same story a little differently: less than this is no gain.
    private const double LeastGain = 0.01;

    // A few boxes more on either side, at the usual rate, keep a line from being set by one lucky box.
    private const double Caution = 1;

    /// <summary>Tunes.</summary>
    /// <param name="truth">What people left in each image.</param>
    /// <param name="found">What the detector finds in them, from a low score on.</param>
    /// <param name="usual">The line of labels that have none of their own.</param>
    /// <param name="labels">The labels that matter.</param>
    /// <param name="overlap">Least intersection over union of a hit.</param>
    /// <returns>One for each label with enough boxes, by name.</returns>
    public static IReadOnlyList<TunedLabel> Tune(IReadOnlyList<IReadOnlyList<Box>> truth, IReadOnlyList<ScoredBox> found, double usual, IEnumerable<string> labels, double overlap = ShapeMatching.UsualOverlap)
    {
        ArgumentNullException.ThrowIfNull(truth);
        ArgumentNullException.ThrowIfNull(found);
        ArgumentNullException.ThrowIfNull(labels);
        var tuned = new List<TunedLabel>();
        foreach (var label in labels.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal))
        {
            var boxes = truth.Select(t => t.Where(b => string.Equals(b.Label, label, StringComparison.Ordinal)).ToArray()).ToArray();
            if (boxes.Sum(b => b.Length) >= FewestBoxes) tuned.Add(Of(label, boxes, Hits(label, boxes, found, overlap), usual));
        }

        return tuned;
    }

    // The detector's boxes by score, and whether each is right: each true box is found once, by the surest.
    private static List<(double Score, bool Right)> Hits(string label, Box[][] truth, IReadOnlyList<ScoredBox> found, double overlap)
    {
        var taken = truth.Select(b => new bool[b.Length]).ToArray();
        var hits = new List<(double, bool)>();
        foreach (var one in found.Where(f => string.Equals(f.Box.Label, label, StringComparison.Ordinal)).OrderByDescending(f => f.Score))
        {
            var (best, most) = (-1, overlap);
            for (var i = 0; i < truth[one.Image].Length; i++)
            {
                if (!taken[one.Image][i] && ShapeMatching.Overlap(one.Box, truth[one.Image][i]) is var here && here >= most) (best, most) = (i, here);
            }

            if (best >= 0) taken[one.Image][best] = true;
            hits.Add((one.Score, best >= 0));
        }

        return hits;
    }

    private static TunedLabel Of(string label, Box[][] truth, List<(double Score, bool Right)> hits, double usual)
    {
        var positives = truth.Sum(t => t.Length);
        var (before, beforeShown, beforeRight) = At(hits, usual, positives);
        var (line, best, shown, right) = (usual, before, beforeShown, beforeRight);
        var soFar = 0;
        for (var i = 0; i < hits.Count; i++)
        {
            if (hits[i].Right) soFar++;

            // A line lies between two scores; below the last there is nothing to tell.
            if (i + 1 < hits.Count && hits[i + 1].Score >= hits[i].Score) continue;
            var f1 = F1(soFar, i + 1, positives);
            if (f1 <= Math.Max(best, before + LeastGain)) continue;
            (line, best, shown, right) = (i + 1 < hits.Count ? (hits[i].Score + hits[i + 1].Score) / 2 : hits[i].Score, f1, i + 1, soFar);
        }

        var calibration = ScoreCalibration.Fit(hits);
        return new TunedLabel(
            label, Math.Round(line, 3), positives, shown == 0 ? 0 : (double)right / shown, (double)right / positives, Plain(beforeRight, beforeShown, positives), Plain(right, shown, positives),
            calibration.Slope, calibration.Intercept, ScoreCalibration.None.ErrorOn(hits), calibration.ErrorOn(hits));
    }

    private static (double F1, int Shown, int Right) At(List<(double Score, bool Right)> hits, double line, int positives)
    {
        var shown = hits.Where(h => h.Score >= line).ToList();
        var right = shown.Count(h => h.Right);
        return (F1(right, shown.Count, positives), shown.Count, right);
    }

    private static double F1(int right, int shown, int positives) => 2 * right / (shown + positives + (2 * Caution));

    private static double Plain(int right, int shown, int positives) => 2.0 * right / (shown + positives);
}
