namespace Annotator.Core.Learning.Routing;

/// <summary>The signals about one item's proposed label, as the combiner sees them.</summary>
/// <param name="Posterior">Fused probability of the proposed label.</param>
/// <param name="Runner">Fused probability of the second label.</param>
/// <param name="Student">Student's probability of the proposed label.</param>
/// <param name="StudentMargin">Student's first probability less its second.</param>
/// <param name="Agreement">Share of the further labellers with an answer who gave the proposed label; 0.5 without any answer.</param>
/// <param name="Neighbours">Share of decided or confidently labelled neighbours with the proposed label; 0.5 when unknown.</param>
/// <param name="Stated">Confidence that the language model stated, 0.5 when it stated none. Kept because a calibrated model may be worth hearing; an over-confident one gets no weight.</param>
public readonly record struct LabelSignals(
    float Posterior, float Runner, float Student, float StudentMargin, float Agreement, float Neighbours, float Stated)
{
    internal const int Length = 9;

    internal void Write(Span<double> features)
    {
        features[0] = 1;
        features[1] = LogOdds(Posterior);
        features[2] = Math.Log(Math.Max(Posterior, 1e-6)) - Math.Log(Math.Max(Runner, 1e-6));
        features[3] = LogOdds(Student);
        features[4] = StudentMargin - 0.5;
        features[5] = Agreement - 0.5;
        features[6] = Neighbours - 0.5;
        features[7] = Stated - 0.9;
        features[8] = (Agreement - 0.5) * StudentMargin;
    }

    internal static double LogOdds(double p)
    {
        p = Math.Clamp(p, 1e-4, 1 - 1e-4);
        return Math.Log(p / (1 - p));
    }
}

/// <summary>
/// A small calibrated logistic model: from all signals to the probability that the proposed label is right. Learned from people's decisions; with few
/// of them it stays at the fused probability.
/// </summary>
public sealed class SignalCombiner
{
    private readonly double[] _weights;

    private SignalCombiner(double[] weights, int decisions)
    {
        _weights = weights;
        Decisions = decisions;
    }

    /// <summary>A combiner that returns the fused probability, softened.</summary>
    public static SignalCombiner Untrained { get; } = new(Prior(), 0);

    /// <summary>Decisions it was trained on.</summary>
    public int Decisions { get; }

    /// <summary>Trains on decided items.</summary>
    /// <param name="signals">Signals of each decided item, made without that item's own label (out of fold).</param>
    /// <param name="right">Whether the label proposed then was what the person said.</param>
    /// <param name="penalty">Strength with which weights are drawn towards the untrained combiner's.</param>
    /// <returns>The combiner.</returns>
    public static SignalCombiner Train(IReadOnlyList<LabelSignals> signals, IReadOnlyList<bool> right, double penalty = 2)
    {
        if (signals.Count != right.Count) throw new ArgumentException("One outcome a signal is needed.", nameof(right));
        if (signals.Count < 20) return Untrained;
        const int Length = LabelSignals.Length;
        var prior = Prior();
        var weights = Prior();
        var features = new double[signals.Count * Length];
        for (var i = 0; i < signals.Count; i++) signals[i].Write(features.AsSpan(i * Length, Length));

        // Newton's method on the penalised likelihood; nine weights, so a dense solve.
        for (var round = 0; round < 25; round++)
        {
            var gradient = new double[Length];
            var hessian = new double[Length, Length];
            for (var j = 0; j < Length; j++)
            {
                gradient[j] = -penalty * (weights[j] - prior[j]);
                hessian[j, j] = penalty;
            }

            for (var i = 0; i < signals.Count; i++)
            {
                var x = features.AsSpan(i * Length, Length);
                var p = Sigmoid(Dot(weights, x));
                var residual = (right[i] ? 1 : 0) - p;
                var curve = p * (1 - p);
                for (var j = 0; j < Length; j++)
                {
                    gradient[j] += residual * x[j];
                    for (var k = 0; k <= j; k++) hessian[j, k] += curve * x[j] * x[k];
                }
            }

            var step = SolveSymmetric(hessian, gradient);
            double size = 0;
            foreach (var s in step) size = Math.Max(size, Math.Abs(s));
            var scale = size > 2 ? 2 / size : 1;
            for (var j = 0; j < Length; j++) weights[j] += scale * step[j];
            if (size < 1e-6) break;
        }

        return new SignalCombiner(weights, signals.Count);
    }

    /// <summary>Probability that the proposed label is right.</summary>
    /// <param name="signals">Its signals.</param>
    /// <returns>A probability strictly between 0 and 1.</returns>
    public double Probability(in LabelSignals signals)
    {
        Span<double> features = stackalloc double[LabelSignals.Length];
        signals.Write(features);
        return Math.Clamp(Sigmoid(Dot(_weights, features)), 1e-4, 1 - 1e-4);
    }

    private static double[] Prior()
    {
        var weights = new double[LabelSignals.Length];
        weights[1] = 0.8;
        return weights;
    }

    private static double Dot(double[] weights, ReadOnlySpan<double> x)
    {
        double sum = 0;
        for (var j = 0; j < x.Length; j++) sum += weights[j] * x[j];
        return sum;
    }

    private static double Sigmoid(double x) => 1 / (1 + Math.Exp(-x));

    /// <summary>Cholesky; the lower half of the matrix is used.</summary>
    private static double[] SolveSymmetric(double[,] matrix, double[] right)
    {
        var n = right.Length;
        var lower = new double[n, n];
        for (var i = 0; i < n; i++)
        {
            for (var j = 0; j <= i; j++)
            {
                var sum = matrix[i, j];
                for (var k = 0; k < j; k++) sum -= lower[i, k] * lower[j, k];
                lower[i, j] = i == j ? Math.Sqrt(Math.Max(sum, 1e-12)) : sum / lower[j, j];
            }
        }

        var solution = (double[])right.Clone();
        for (var i = 0; i < n; i++)
        {
            for (var k = 0; k < i; k++) solution[i] -= lower[i, k] * solution[k];
            solution[i] /= lower[i, i];
        }

        for (var i = n - 1; i >= 0; i--)
        {
            for (var k = i + 1; k < n; k++) solution[i] -= lower[k, i] * solution[k];
            solution[i] /= lower[i, i];
        }

        return solution;
    }
}
