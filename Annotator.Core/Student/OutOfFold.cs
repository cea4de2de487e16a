namespace Annotator.Core.Student;

/// <summary>Predictions for labelled rows, each by a model that has not seen the row's label.</summary>
public sealed class OutOfFoldPredictions
{
    internal OutOfFoldPredictions(int[] rows, int classes, bool multiple, float[] scores, float[] targets, float[] weights, SoftmaxFit?[] folds)
    {
        Rows = rows;
        Classes = classes;
        Multiple = multiple;
        Scores = scores;
        Targets = targets;
        Weights = weights;
        Folds = folds;
    }

    /// <summary>The labelled rows, ascending.</summary>
    public IReadOnlyList<int> Rows { get; }

    /// <summary>Number of classes.</summary>
    public int Classes { get; }

    /// <summary>Several classes may be right at once.</summary>
    public bool Multiple { get; }

    /// <summary>[row, class], row-major, in the order of <see cref="Rows"/>: scores before softmax or sigmoid.</summary>
    public float[] Scores { get; }

    /// <summary>[row, class], row-major: the labels that predictions are judged by, as a distribution (or shares).</summary>
    internal float[] Targets { get; }

    /// <summary>Total weight of those labels of a row; 0 where only models have labelled it.</summary>
    internal float[] Weights { get; }

    /// <summary>State of each fold's model, to go on from.</summary>
    internal SoftmaxFit?[] Folds { get; }

    /// <summary>Probabilities at a temperature: [row, class], row-major, in the order of <see cref="Rows"/>.</summary>
    public float[] Probabilities(Temperature temperature)
    {
        var probabilities = (float[])Scores.Clone();
        for (var row = 0; row < Rows.Count; row++)
        {
            var p = probabilities.AsSpan(row * Classes, Classes);
            temperature.Apply(p);
            Student.Probabilities.FromScores(p, Multiple);
        }

        return probabilities;
    }

    /// <summary>The temperature that suits these predictions best, see <see cref="Calibration"/>.</summary>
    public Temperature FitTemperature() => Calibration.FitTemperature(Scores, Targets, Weights, Classes, Multiple);
}

/// <summary>Cross-validation that a row never leaves: its fold is a hash of its number, so it keeps it as data grow.</summary>
public static class OutOfFold
{
    // Folds are nested: each of the fewer ones is made of whole ones of the more.
    private const int MostFolds = 20;
    private const int MediumFolds = 10;
    private const int FewestFolds = 5;

    /// <summary>
    /// How many folds are made where the caller does not say: 20 up to 1,000 labelled rows, 10 up to 4,000, then 5. With few labels of many classes a model
    /// that lacks a fifth of them is plainly worse than the one in service (on banking77 with 200 labels 5 points), which made every figure too low.
    /// </summary>
    /// <param name="rows">Number of labelled rows.</param>
    public static int FoldsFor(int rows) => rows <= 1000 ? MostFolds : rows <= 4000 ? MediumFolds : FewestFolds;

    /// <summary>Fold of an item, 0 … <paramref name="folds"/> - 1, from any stable number of it.</summary>
    public static int FoldOf(long id, int folds) => (int)((UInt128)new SplitMix((ulong)id).Next() * (ulong)folds >> 64);

    /// <summary>Predicts each labelled row by a model trained on the rows of the other folds.</summary>
    /// <param name="set">Rows and labels.</param>
    /// <param name="trainer">How to train.</param>
    /// <param name="ids">Stable number of each row of the features, from which its fold follows.</param>
    /// <param name="folds">Number of folds, at least 2.</param>
    /// <param name="start">Earlier predictions over the same rows of features, to go on from.</param>
    /// <param name="parallelism">Folds that are trained at once.</param>
    /// <param name="cancellationToken">Stops the training.</param>
    internal static OutOfFoldPredictions Predict(
        TrainingSet set, SoftmaxTrainer trainer, Func<int, long> ids, int folds, OutOfFoldPredictions? start, int parallelism, CancellationToken cancellationToken)
    {
        var (scores, states, jobs) = Prepare(set, trainer, ids, folds, start, null, cancellationToken);
        Parallel.ForEach(jobs, new ParallelOptions { MaxDegreeOfParallelism = parallelism, CancellationToken = cancellationToken }, job => job());
        return Collect(set, trainer, scores, states);
    }

    /// <summary>The work of <see cref="Predict"/>, as one job a fold, so that the caller can mix it with other work.</summary>
    internal static (float[] Scores, SoftmaxFit?[] States, List<Action> Jobs) Prepare(
        TrainingSet set, SoftmaxTrainer trainer, Func<int, long> ids, int folds, OutOfFoldPredictions? start, SoftmaxFit? whole, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(folds, 2);
        var classes = set.Targets.Classes;
        var scores = new float[set.Rows.Length * classes];
        var states = new SoftmaxFit?[folds];
        var foldOf = Array.ConvertAll(set.Rows, row => FoldOf(ids(row), folds));
        var jobs = new List<Action>();
        for (var f = 0; f < folds; f++)
        {
            var fold = f;
            jobs.Add(() =>
            {
                var inside = new List<int>();
                var outside = new List<int>();
                for (var i = 0; i < foldOf.Length; i++) (foldOf[i] == fold ? outside : inside).Add(i);
                if (outside.Count == 0) return;
                // With another number of folds: the one at the same place, of which only rows inside are used.
                var before = start is { Folds.Length: > 0 } ? start.Folds[fold * start.Folds.Length / folds] : whole;
                states[fold] = trainer.Train(set, [.. inside], before, out var ascent, cancellationToken, served: false);
                ScoreHeldOut(set.Matrix, trainer.Options, ascent, outside, classes, scores);
            });
        }

        return (scores, states, jobs);
    }

    internal static OutOfFoldPredictions Collect(TrainingSet set, SoftmaxTrainer trainer, float[] scores, SoftmaxFit?[] states)
    {
        var classes = set.Targets.Classes;
        var targets = new float[scores.Length];
        for (var i = 0; i < set.Rows.Length; i++) set.Checks.Of(i)[..classes].CopyTo(targets.AsSpan(i * classes, classes));
        return new OutOfFoldPredictions(set.Rows, classes, trainer.Options.Multiple, scores, targets, set.Checks.Weights, states);
    }

    // A held-out row must look like a new text: n-grams that too few of the other rows have do not count, neither in the score nor in the length.
    private static void ScoreHeldOut(TrainingMatrix matrix, SoftmaxOptions options, DualAscent ascent, List<int> outside, int classes, float[] scores)
    {
        var here = new int[matrix.Buckets.Length];
        foreach (var row in outside)
        {
            for (var k = matrix.Starts[row] + 1; k < matrix.Starts[row + 1]; k++) here[matrix.Columns[k]]++;
        }

        foreach (var row in outside)
        {
            var score = scores.AsSpan(row * classes, classes);
            score.Clear();
            float all = 0;
            float known = 0;
            for (var k = matrix.Starts[row] + 1; k < matrix.Starts[row + 1]; k++)
            {
                var column = matrix.Columns[k];
                var energy = matrix.Energy(row, k);
                all += energy;
                if (matrix.Counts[column] - here[column] < options.MinimumRows) continue;
                known += energy;
                var weights = ascent.Weights.AsSpan(column * ascent.Stride, classes);
                SpanMath.AddScaled(weights, matrix.Values[k], score);
            }

            var longer = known > 0 ? MathF.Sqrt(all / known) : 0;
            var bias = ascent.Weights.AsSpan(0, classes);
            for (var c = 0; c < classes; c++) score[c] = (score[c] * longer) + bias[c];
        }
    }
}
