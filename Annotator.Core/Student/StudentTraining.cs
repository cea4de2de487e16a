namespace Annotator.Core.Student;

/// <summary>A student ready to be written and served, with what is known of it and what is needed to go on from it.</summary>
/// <param name="Fit">Weights and state.</param>
/// <param name="Temperature">Temperature that goes into the file.</param>
/// <param name="OutOfFold">Predictions for the labelled rows by models that have not seen them; null with too few labels.</param>
public sealed record TrainedStudent(SoftmaxFit Fit, Temperature Temperature, OutOfFoldPredictions? OutOfFold)
{
    /// <summary>The file: see <see cref="StudentGraph"/>.</summary>
    public byte[] Write(IReadOnlyList<string> classes, IReadOnlyDictionary<string, string>? metadata = null) =>
        StudentGraph.Write(Fit.Model, classes, Temperature, metadata);
}

/// <summary>Trains a student, its out-of-fold predictions and its calibration in one go.</summary>
public static class StudentTraining
{
    /// <summary>With fewer labelled rows than this there is nothing to calibrate on.</summary>
    public const int FewestForFolds = 10;

    // Beyond this growth the whole model is a nearer start for a fold than what the fold knew.
    private const double Growth = 1.5;

    /// <summary>Trains.</summary>
    /// <param name="trainer">How.</param>
    /// <param name="rows">Features of all items; rows are only ever appended between calls that build on each other.</param>
    /// <param name="labels">Labels.</param>
    /// <param name="classes">Number of classes.</param>
    /// <param name="ids">Stable number of each row, from which its fold follows; null: the row's own number.</param>
    /// <param name="start">The result of an earlier call to go on from.</param>
    /// <param name="folds">Number of folds, at least 2; null: see <see cref="OutOfFold.FoldsFor"/>.</param>
    /// <param name="parallelism">Threads, at most 2 are of use to others; the result does not depend on it.</param>
    /// <param name="cancellationToken">Stops the training.</param>
    public static TrainedStudent Train(
        SoftmaxTrainer trainer,
        SparseRows rows,
        IReadOnlyList<LabelledRow> labels,
        int classes,
        Func<int, long>? ids = null,
        TrainedStudent? start = null,
        int? folds = null,
        int parallelism = 2,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(trainer);
        var set = TrainingSet.Create(rows, labels, classes, trainer.Features, trainer.Options);
        var everything = Enumerable.Range(0, set.Rows.Length).ToArray();
        if (set.Rows.Length < FewestForFolds) return new TrainedStudent(trainer.Train(set, everything, start?.Fit, cancellationToken), Temperature.One, null);

        // Without an earlier result, or with one that knew much less, the folds go on from the whole model: what is held out is left out of it, the rest moves to its own optimum.
        var before = start?.OutOfFold is { } known && set.Rows.Length <= Growth * known.Rows.Count ? known : null;
        SoftmaxFit? fit = before is null ? trainer.Train(set, everything, start?.Fit, cancellationToken) : null;
        var (scores, states, jobs) = OutOfFold.Prepare(
            set, trainer, ids ?? (row => row), folds ?? OutOfFold.FoldsFor(set.Rows.Length), before, fit, cancellationToken);
        if (fit is null) jobs.Insert(0, () => fit = trainer.Train(set, everything, start?.Fit, cancellationToken));
        Parallel.ForEach(jobs, new ParallelOptions { MaxDegreeOfParallelism = Math.Max(1, parallelism), CancellationToken = cancellationToken }, job => job());
        var outOfFold = OutOfFold.Collect(set, trainer, scores, states);
        return new TrainedStudent(fit!, outOfFold.FitTemperature(), outOfFold);
    }
}
