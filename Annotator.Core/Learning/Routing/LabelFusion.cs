namespace Annotator.Core.Learning.Routing;

/// <summary>What all labellers together say about each item.</summary>
public sealed class FusedLabels
{
    internal FusedLabels(int classes, float[] posterior, IReadOnlyList<LabellerReliability> labellers, double sharpness)
    {
        Classes = classes;
        Posterior = posterior;
        Labellers = labellers;
        StudentSharpness = sharpness;
    }

    /// <summary>Number of classes.</summary>
    public int Classes { get; }

    /// <summary>Probability of each class, [item, class] row-major; a decided item has a single 1.</summary>
    public float[] Posterior { get; }

    /// <summary>Measured reliability of each labeller, in the order given.</summary>
    public IReadOnlyList<LabellerReliability> Labellers { get; }

    /// <summary>Power to which the student's probabilities were raised (below 1: it was over-confident).</summary>
    public double StudentSharpness { get; }

    /// <summary>Number of items.</summary>
    public int Count => Posterior.Length / Classes;

    /// <summary>The probabilities of one item.</summary>
    /// <param name="item">Index of the item.</param>
    /// <returns>One probability a class.</returns>
    public ReadOnlySpan<float> this[int item] => Posterior.AsSpan(item * Classes, Classes);
}

/// <summary>
/// Puts the student's probabilities and the answers of other labellers together: posterior proportional to student probability x likelihood of each
/// answer under its labeller's confusion. Confusions are learned from people's decisions and, through the posterior, from the undecided items
/// too (the EM of Dawid and Skene 1979 with the student as the prior of each item).
/// </summary>
public static class LabelFusion
{
    /// <summary>Fuses the labels.</summary>
    /// <param name="classes">Number of classes.</param>
    /// <param name="decided">Class that a person decided for each item; -1 where nobody has.</param>
    /// <param name="student">Student's probability of each class, [item, class] row-major, from models that were not trained on the item; empty without a student.</param>
    /// <param name="answers">Answers of each further labeller; -1 for none.</param>
    /// <param name="start">An earlier result whose confusions are taken as the start; null starts from an accuracy of 0.75.</param>
    /// <param name="rounds">Rounds of EM.</param>
    /// <returns>The posterior of each item and the reliability of each labeller.</returns>
    public static FusedLabels Fuse(
        int classes, ReadOnlySpan<int> decided, ReadOnlySpan<float> student, IReadOnlyList<int[]> answers, FusedLabels? start = null, int rounds = 6)
    {
        var items = decided.Length;
        if (!student.IsEmpty && student.Length != items * classes) throw new ArgumentException("One probability an item and class is needed.", nameof(student));
        foreach (var answer in answers)
        {
            if (answer.Length != items) throw new ArgumentException("Each labeller needs one answer (or -1) an item.", nameof(answers));
        }

        var labellers = new LabellerReliability[answers.Count];
        for (var l = 0; l < labellers.Length; l++)
        {
            labellers[l] = start is not null && start.Labellers.Count == labellers.Length && start.Classes == classes
                ? start.Labellers[l] : LabellerReliability.Assumed(classes, 0.75);
        }

        var logs = Logarithms(student);
        var posterior = new float[items * classes];
        var sharpness = start?.StudentSharpness ?? 1;
        for (var round = 0; round < rounds; round++)
        {
            sharpness = logs.Length == 0 ? 1 : FitSharpness(classes, decided, logs, answers, labellers, sharpness);
            Posterior(classes, decided, logs, answers, labellers, sharpness, posterior);
            if (labellers.Length == 0) break;
            for (var l = 0; l < labellers.Length; l++) labellers[l] = LabellerReliability.Measure(classes, answers[l], posterior);
        }

        return new FusedLabels(classes, posterior, labellers, sharpness);
    }

    /// <summary>What the labellers say of each item with the reliabilities of an earlier result, people's decisions about the item itself left out.</summary>
    /// <param name="fused">An earlier result over the same labellers.</param>
    /// <param name="items">Number of items.</param>
    /// <param name="student">Student's probability of each class, [item, class] row-major; empty without a student.</param>
    /// <param name="answers">Answers of each further labeller; -1 for none.</param>
    /// <returns>Probability of each class, [item, class] row-major.</returns>
    public static float[] WithoutDecisions(FusedLabels fused, int items, ReadOnlySpan<float> student, IReadOnlyList<int[]> answers)
    {
        ArgumentNullException.ThrowIfNull(fused);
        if (!student.IsEmpty && student.Length != items * fused.Classes) throw new ArgumentException("One probability an item and class is needed.", nameof(student));
        if (answers.Count != fused.Labellers.Count) throw new ArgumentException("The labellers of the earlier result are needed.", nameof(answers));
        var undecided = new int[items];
        Array.Fill(undecided, -1);
        var posterior = new float[items * fused.Classes];
        Posterior(fused.Classes, undecided, Logarithms(student), answers, [.. fused.Labellers], fused.StudentSharpness, posterior);
        return posterior;
    }

    private static float[] Logarithms(ReadOnlySpan<float> student)
    {
        var logs = new float[student.Length];
        for (var i = 0; i < logs.Length; i++) logs[i] = MathF.Log(MathF.Max(student[i], 1e-7f));
        return logs;
    }

    private static void Posterior(
        int classes, ReadOnlySpan<int> decided, float[] logs, IReadOnlyList<int[]> answers, LabellerReliability[] labellers, double sharpness, float[] posterior)
    {
        for (var i = 0; i < decided.Length; i++)
        {
            var row = posterior.AsSpan(i * classes, classes);
            if (decided[i] >= 0)
            {
                row.Clear();
                row[decided[i]] = 1;
            }
            else
            {
                ScoreItem(classes, i, logs, answers, labellers, (float)sharpness, row);
            }
        }
    }

    private static void ScoreItem(
        int classes, int item, float[] logs, IReadOnlyList<int[]> answers, LabellerReliability[] labellers, float sharpness, Span<float> row)
    {
        row.Clear();
        if (logs.Length > 0)
        {
            var own = logs.AsSpan(item * classes, classes);
            for (var c = 0; c < classes; c++) row[c] = sharpness * own[c];
        }

        for (var l = 0; l < labellers.Length; l++) labellers[l].AddLogLikelihood(answers[l][item], row);
        var top = float.NegativeInfinity;
        foreach (var value in row) top = MathF.Max(top, value);
        float sum = 0;
        foreach (ref var value in row)
        {
            value = MathF.Exp(value - top);
            sum += value;
        }

        foreach (ref var value in row) value /= sum;
    }

    /// <summary>
    /// The power that makes people's decisions likeliest, drawn towards 1 by the worth of ten decisions. People decide by what the signals say,
    /// so the fit given the signals is not biased by their choice of items.
    /// </summary>
    private static double FitSharpness(
        int classes, ReadOnlySpan<int> decided, float[] logs, IReadOnlyList<int[]> answers, LabellerReliability[] labellers, double start)
    {
        List<int> known = [];
        for (var i = 0; i < decided.Length; i++) if (decided[i] >= 0) known.Add(i);
        if (known.Count < 20) return Math.Min(start, 1);
        var step = Math.Max(1, known.Count / 2000);
        var row = new float[classes];
        double best = 1, bestValue = double.NegativeInfinity;
        for (var k = 0; k <= 10; k++)
        {
            // Never above 1: people see what was doubtful once, and of the wrong opinions that were never in doubt they see few.
            var power = Math.Pow(0.91, k); // 1 ... 0.39
            var value = -10 * Math.Pow(Math.Log(power), 2);
            for (var j = 0; j < known.Count; j += step)
            {
                ScoreItem(classes, known[j], logs, answers, labellers, (float)power, row);
                value += step * Math.Log(Math.Max(row[decided[known[j]]], 1e-6));
            }

            if (value <= bestValue) continue;
            bestValue = value;
            best = power;
        }

        return best;
    }
}
