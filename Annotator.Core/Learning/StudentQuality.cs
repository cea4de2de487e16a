using Annotator.Core.Projects;
using Annotator.Core.Student;

namespace Annotator.Core.Learning;

/// <summary>What is known of a student from predictions by models that had not seen the label.</summary>
/// <param name="Accuracy">Share of labelled items whose label is predicted; for multiple choice, whose whole set is.</param>
/// <param name="Ece">Expected calibration error, 15 bins.</param>
/// <param name="Brier">Brier score.</param>
/// <param name="Temperature">Temperature in the file, of a prediction that is wholly undecided.</param>
/// <param name="AcceptanceLine">Probability from which labels are accepted without a person; null: never.</param>
/// <param name="Folds">How many labels the figures rest on.</param>
internal sealed record StudentQuality(double? Accuracy, double? Ece, double? Brier, double Temperature, double? AcceptanceLine, int Folds)
{
    private static readonly double[] Lines = [0.999, 0.998, 0.995, 0.99, 0.985, 0.98, 0.97, 0.96, 0.95, 0.94, 0.92, 0.9, 0.88, 0.86, 0.84, 0.82, 0.8, 0.75, 0.7, 0.65, 0.6, 0.55, 0.5];

    /// <summary>
    /// Measures a steered project's student over all items: what people decided counts as it is, the rest by how much all labellers together believe in it. An
    /// acceptance line is looked for only with settings, among people's decisions.
    /// </summary>
    public static StudentQuality Measure(Steering.SteeringView view, LoadedLabels loaded, int classes, ProjectSettings? settings)
    {
        var (count, temperature) = (view.Proposals.Length, view.Student.Temperature.Base);
        if (loaded.Labelled + loaded.Answered < StudentTraining.FewestForFolds) return new StudentQuality(null, null, null, temperature, null, 0);
        const int Bins = CalibrationReport.UsualBins;
        var (total, sure, right, brier) = (new double[Bins], new double[Bins], new double[Bins], 0.0);
        var (confidence, agreed) = (new List<float>(loaded.Labelled), new List<bool>(loaded.Labelled));
        for (var i = 0; i < count; i++)
        {
            var p = view.StudentPosterior[(i * classes) + view.StudentClasses[i]];
            var belief = view.Fused[i][view.StudentClasses[i]];
            var bin = Math.Clamp((int)Math.Ceiling(p * Bins) - 1, 0, Bins - 1);
            (total[bin], sure[bin], right[bin]) = (total[bin] + 1, sure[bin] + p, right[bin] + belief);
            brier += (belief * (1 - p) * (1 - p)) + ((1 - belief) * p * p);
            if (loaded.Decided[i] < 0) continue;
            confidence.Add((float)p);
            agreed.Add(loaded.Decided[i] == view.StudentClasses[i]);
        }

        var ece = Enumerable.Range(0, Bins).Sum(b => Math.Abs(sure[b] - right[b])) / Math.Max(1, count);
        var line = settings is null ? null : Line(confidence.ToArray(), agreed.ToArray(), settings);
        return new StudentQuality(view.StudentAccuracy, ece, brier / Math.Max(1, count), temperature, line, count);
    }

    public static StudentQuality Measure(TrainedStudent trained, IReadOnlyList<LabelledRow> labels, int classes, bool multiple, ProjectSettings settings)
    {
        if (trained.OutOfFold is not { } folds) return new StudentQuality(null, null, null, trained.Temperature.Base, null, 0);
        var probabilities = folds.Probabilities(trained.Temperature);
        var given = labels.ToLookup(l => l.Row, l => l.Class);
        var confidence = new float[folds.Rows.Count];
        var right = new bool[folds.Rows.Count];
        for (var i = 0; i < right.Length; i++)
        {
            var row = probabilities.AsSpan(i * classes, classes);
            if (multiple)
            {
                var chosen = given[folds.Rows[i]].ToHashSet();
                (confidence[i], right[i]) = (1, true);
                for (var c = 0; c < classes; c++)
                {
                    confidence[i] *= Math.Max(row[c], 1 - row[c]);
                    right[i] &= (row[c] >= 0.5f) == chosen.Contains(c);
                }
            }
            else
            {
                var best = Probabilities.Best(row);
                (confidence[i], right[i]) = (row[best], given[folds.Rows[i]].First() == best);
            }
        }

        var bins = CalibrationReport.Reliability(confidence, right);
        var ece = bins.Where(b => b.Count > 0).Sum(b => b.Count * Math.Abs(b.Confidence - b.Accuracy)) / right.Length;
        var brier = Enumerable.Range(0, right.Length).Average(i => Math.Pow(confidence[i] - (right[i] ? 1 : 0), 2));
        return new StudentQuality(right.Count(r => r) / (double)right.Length, ece, brier, trained.Temperature.Base, Line(confidence, right, settings), right.Length);
    }

    /// <summary>
    /// The lowest line whose labels above it meet the target with the stated confidence: lines are tested from strict to lax
    /// and the first that fails ends the search, so that choosing does not spend the confidence (fixed-sequence testing).
    /// </summary>
    internal static double? Line(ReadOnlySpan<float> confidence, ReadOnlySpan<bool> right, ProjectSettings settings)
    {
        double? accepted = null;
        foreach (var line in Lines)
        {
            var (count, wrong) = (0, 0);
            for (var i = 0; i < right.Length; i++)
            {
                if (confidence[i] < line) continue;
                count++;
                if (!right[i]) wrong++;
            }

            // So few that even without an error nothing could be shown: not a test, go on to the next line.
            if (Math.Pow(settings.TargetAccuracy, count) > 1 - settings.Confidence) continue;
            if (BinomialTail(count, wrong, 1 - settings.TargetAccuracy) > 1 - settings.Confidence) break;
            accepted = line;
        }

        return accepted;
    }

    // P(X <= k) for X binomial(n, p).
    private static double BinomialTail(int n, int k, double p)
    {
        var term = n * Math.Log(1 - p);
        var sum = Math.Exp(term);
        for (var i = 1; i <= k; i++)
        {
            term += Math.Log((double)(n - i + 1) / i) + Math.Log(p / (1 - p));
            sum += Math.Exp(term);
        }

        return Math.Min(1, sum);
    }
}
