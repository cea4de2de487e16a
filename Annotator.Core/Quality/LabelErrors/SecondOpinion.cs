using Annotator.Core.Student;

namespace Annotator.Core.Quality.LabelErrors;

/// <summary>
/// Finds wrong labels by two rounds of students. Those of the first have learned the wrong labels of others, and so excuse some; those of the second learn next to nothing from what
/// confident learning doubted in the first. A label is judged by both, and as many are flagged as both rules of confident learning (by noise rate and by class) agree on in the first (Northcutt, Jiang and Chuang 2021).
/// </summary>
public static class SecondOpinion
{
    // What a doubted label still weighs: enough for its row to be judged, too little to teach anything.
    private const float Doubted = 1e-4f;

    // Of more labels than these the first round is taken alone: another would hold up the next training for too long.
    private const int MostRows = 60_000;

    /// <summary>The rows whose labels are probably wrong, least probable label first.</summary>
    /// <param name="trainer">How students are trained.</param>
    /// <param name="rows">Features of all items.</param>
    /// <param name="labels">The labels, one a row.</param>
    /// <param name="classes">Number of classes.</param>
    /// <param name="first">Predictions of students that had not seen the labels; rows that have no label any more are left out.</param>
    /// <param name="temperature">Temperature of those.</param>
    /// <param name="ids">Stable number of each row, from which its fold follows; null: the row's own number.</param>
    /// <param name="parallelism">Folds that are trained at once.</param>
    /// <param name="cancellationToken">Stops the training.</param>
    /// <returns>By rows of the features.</returns>
    public static SuspectLabel[] Find(
        SoftmaxTrainer trainer, SparseRows rows, IReadOnlyList<LabelledRow> labels, int classes, OutOfFoldPredictions first, Temperature temperature, Func<int, long>? ids = null, int parallelism = 2, CancellationToken cancellationToken = default)
    {
        return FindAndRank(trainer, rows, labels, classes, first, temperature, ids, parallelism, cancellationToken).Found;
    }

    /// <summary>The same, and all rows, least probable label first: the order in which to review.</summary>
    /// <inheritdoc cref="Find"/>
    internal static (SuspectLabel[] Found, SuspectLabel[] All) FindAndRank(
        SoftmaxTrainer trainer, SparseRows rows, IReadOnlyList<LabelledRow> labels, int classes, OutOfFoldPredictions first, Temperature temperature, Func<int, long>? ids = null, int parallelism = 2, CancellationToken cancellationToken = default)
    {
        var judged = Judge(trainer, rows, labels, classes, first, temperature, ids, parallelism, cancellationToken);
        return (
            judged.InRows(ConfidentLearning.LeastProbable(judged.Probabilities, judged.Given, classes, judged.Wrong)),
            judged.InRows([.. ConfidentLearning.Rank(judged.Probabilities, judged.Given, classes).OrderBy(s => s.SelfConfidence).ThenBy(s => s.Row)]));
    }

    private static Judged Judge(
        SoftmaxTrainer trainer, SparseRows rows, IReadOnlyList<LabelledRow> labels, int classes, OutOfFoldPredictions first, Temperature temperature, Func<int, long>? ids, int parallelism, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(trainer);
        ArgumentNullException.ThrowIfNull(labels);
        ArgumentNullException.ThrowIfNull(first);
        var given = new Dictionary<int, int>(labels.Count);
        foreach (var label in labels) given.TryAdd(label.Row, label.Class);
        var places = Enumerable.Range(0, first.Rows.Count).Where(i => given.ContainsKey(first.Rows[i])).ToArray();
        var judged = Array.ConvertAll(places, p => first.Rows[p]);
        var own = Array.ConvertAll(judged, r => given[r]);
        var before = Of(first.Probabilities(temperature), places, classes);
        var joint = ConfidentLearning.Joint(before, own, classes);
        var certain = ConfidentLearning.Find(before, own, classes, joint, PruneRule.Both);
        if (certain.Length == 0 || places.Length is < StudentTraining.FewestForFolds or > MostRows) return new Judged(judged, own, before, certain.Length);
        var doubted = certain.Select(s => judged[s.Row]).ToHashSet();
        var set = TrainingSet.Create(rows, [.. labels.Select(l => doubted.Contains(l.Row) ? l with { Weight = Doubted } : l)], classes, trainer.Features, trainer.Options);
        var second = OutOfFold.Predict(set, trainer, ids ?? (row => row), OutOfFold.FoldsFor(set.Rows.Length), first, parallelism, cancellationToken);
        var at = second.Rows.Select((row, i) => (row, i)).ToDictionary(r => r.row, r => r.i);
        var after = Of(second.Probabilities(second.FitTemperature()), Array.ConvertAll(judged, r => at[r]), classes);
        return new Judged(judged, own, Mean(before, after, classes), certain.Length);
    }

    private static double[] Of(float[] probabilities, int[] places, int classes)
    {
        var some = new double[places.Length * classes];
        for (var p = 0; p < places.Length; p++)
        {
            for (var c = 0; c < classes; c++) some[(p * classes) + c] = probabilities[(places[p] * classes) + c];
        }

        return some;
    }

    // The geometric mean: what one round holds for all but impossible stays so.
    private static double[] Mean(double[] first, double[] second, int classes)
    {
        var mean = new double[first.Length];
        for (var row = 0; row < mean.Length; row += classes)
        {
            double sum = 0;
            for (var c = row; c < row + classes; c++) sum += mean[c] = Math.Sqrt(first[c] * second[c]);
            for (var c = row; c < row + classes; c++) mean[c] = sum > 0 ? mean[c] / sum : first[c];
        }

        return mean;
    }

    // Rows of the features with their labels, what both rounds say of them, and how many the first counts as wrong.
    private sealed record Judged(int[] Rows, int[] Given, double[] Probabilities, int Wrong)
    {
        public SuspectLabel[] InRows(SuspectLabel[] found) => Array.ConvertAll(found, s => s with { Row = Rows[s.Row] });
    }
}
