using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Annotator.Core.Student;

/// <summary>
/// L2-regularised multinomial (or one-against-rest binary) logistic regression by block-coordinate ascent in the dual. The weights are always
/// C · Σ α_i x_iᵀ, with one vector α_i (over classes) a row; a step replaces α_i by its exact optimum, others fixed. No step size; the problem is
/// convex, so the order of rows, the starting point and earlier labels decide only how soon it is reached, not where it ends. A warm start is
/// therefore a set of α: rows may come, go and change their labels in between, and leaving a fold out means leaving out its α.
/// (Hsieh et al. 2008 for the linear SVM; Yu, Huang and Lin 2011 for maximum entropy.)
/// </summary>
internal sealed class DualAscent
{
    // A row rests when its probabilities change by less than this share of the tolerance.
    private const double RestBelow = 0.5;

    // Eight classes whose probabilities all change by less than this are left as they are: of many classes a row has to do with few, and walking over the
    // weights is what takes the time.
    private const float Negligible = 2e-4f;

    private readonly TrainingMatrix _matrix;
    private readonly TrainingTargets _targets;
    private readonly bool _multiple;
    private readonly float _cost;
    private readonly int[] _order;
    private readonly float[] _squaredLengths;
    private readonly int[] _blocks;

    /// <param name="matrix">Rows.</param>
    /// <param name="targets">Their labels.</param>
    /// <param name="duals">α, row-major, one padded vector a row of the matrix; used as the start and changed.</param>
    /// <param name="rows">Rows to train on.</param>
    /// <param name="multiple">Independent classes.</param>
    /// <param name="cost">C.</param>
    public DualAscent(TrainingMatrix matrix, TrainingTargets targets, float[] duals, int[] rows, bool multiple, double cost)
    {
        _matrix = matrix;
        _targets = targets;
        Duals = duals;
        _order = rows;
        _multiple = multiple;
        _cost = (float)cost;
        Stride = targets.Stride;
        Weights = new float[(long)matrix.Buckets.Length * Stride];
        _blocks = new int[Stride / Vector256<float>.Count];
        _squaredLengths = new float[matrix.Rows];
        foreach (var row in rows)
        {
            _squaredLengths[row] = matrix.SquaredLength(row);
            var alpha = duals.AsSpan(row * Stride, Stride);
            if (alpha.ContainsAnyExcept(0f)) Accumulate(row, alpha, Moving(alpha, alpha, Negligible * targets.Weights[row]), _cost);
        }
    }

    public int Stride { get; }

    public float[] Duals { get; }

    /// <summary>[column, padded class], row-major.</summary>
    public float[] Weights { get; }

    /// <summary>Passes over all rows until the mean change of probabilities is below the tolerance. Returns the number of passes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public int Run(int passes, double tolerance, ulong seed, CancellationToken cancellationToken)
    {
        // Rows that have come to rest are looked at less often: every second pass, then every fourth.
        var random = new SplitMix(seed);
        var rest = new byte[_matrix.Rows];
        var pause = new byte[_matrix.Rows];
        var logP = new float[Stride];
        var a = new float[Stride];
        var p = new float[Stride];
        for (var pass = 1; pass <= passes; pass++)
        {
            random.Shuffle(_order);
            double moved = 0;
            double weight = 0;
            for (var i = 0; i < _order.Length; i++)
            {
                if ((i & 255) == 0) cancellationToken.ThrowIfCancellationRequested();
                var row = _order[i];
                weight += _targets.Weights[row];
                if (rest[row] > 0)
                {
                    rest[row]--;
                    continue;
                }

                var change = Step(row, logP, a, p);
                moved += change;
                pause[row] = change < RestBelow * tolerance * _targets.Weights[row] ? (byte)Math.Min(3, (2 * pause[row]) + 1) : (byte)0;
                rest[row] = pause[row];
            }

            if (weight == 0 || moved / weight < tolerance) return pass;
        }

        return passes;
    }

    /// <summary>Scores of a row, bias included, padding at <see cref="LocalSolver.Padding"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Score(int row, Span<float> scores)
    {
        scores[.._targets.Classes].Clear();
        scores[_targets.Classes..].Fill(LocalSolver.Padding);
        var z = MemoryMarshal.Cast<float, Vector256<float>>(scores);
        var w = MemoryMarshal.Cast<float, Vector256<float>>(Weights);
        var width = z.Length;
        var (start, end) = (_matrix.Starts[row], _matrix.Starts[row + 1]);
        if (width == 1)
        {
            // Up to eight classes: the scores stay in a register.
            ReadOnlySpan<int> columns = _matrix.Columns.AsSpan(start..end);
            ReadOnlySpan<float> values = _matrix.Values.AsSpan(start..end);
            var sum = z[0];
            for (var k = 0; k < columns.Length; k++) sum = Vector256.MultiplyAddEstimate(Vector256.Create(values[k]), w[columns[k]], sum);
            z[0] = sum;
            return;
        }

        for (var k = start; k < end; k++)
        {
            var x = Vector256.Create(_matrix.Values[k]);
            var line = w.Slice(_matrix.Columns[k] * width, width);
            for (var v = 0; v < line.Length; v++) z[v] = Vector256.MultiplyAddEstimate(x, line[v], z[v]);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private float Step(int row, Span<float> logP, Span<float> a, Span<float> p)
    {
        var weight = _targets.Weights[row];
        if (weight == 0) return 0;
        var alpha = Duals.AsSpan(row * Stride, Stride);
        var target = _targets.Of(row);
        var pull = _cost * _squaredLengths[row];
        var k = pull * weight;
        Score(row, logP);
        for (var c = 0; c < a.Length; c++) a[c] = logP[c] - (pull * alpha[c]) + (k * target[c]);
        if (_multiple)
        {
            LocalSolver.Sigmoid(a, k, p);
            p[_targets.Classes..].Clear();
        }
        else
        {
            LocalSolver.LogSoftmax(logP);
            LocalSolver.Softmax(a, logP, k, p);
        }

        for (var c = 0; c < a.Length; c++)
        {
            var next = weight * (target[c] - p[c]);
            a[c] = next - alpha[c];
            alpha[c] = next;
        }

        // What is already where it belongs costs no second walk.
        var blocks = Moving(a, alpha, Negligible * weight);
        if (blocks == 0) return 0;
        Accumulate(row, a, blocks, _cost);
        var moved = Vector256<float>.Zero;
        foreach (var v in _blocks.AsSpan(0, blocks)) moved += Vector256.Abs(MemoryMarshal.Cast<float, Vector256<float>>(a)[v]);
        return Vector256.Sum(moved);
    }

    /// <summary>Lists the blocks of eight classes that change by more than <paramref name="least"/> and takes the change of the others back.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private int Moving(ReadOnlySpan<float> change, Span<float> alpha, float least)
    {
        var d = MemoryMarshal.Cast<float, Vector256<float>>(change);
        var all = MemoryMarshal.Cast<float, Vector256<float>>(alpha);
        var count = 0;
        for (var v = 0; v < d.Length; v++)
        {
            if (Vector256.GreaterThanAny(Vector256.Abs(d[v]), Vector256.Create(least))) _blocks[count++] = v;
            else all[v] -= d[v];
        }

        return count;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Accumulate(int row, ReadOnlySpan<float> vector, int count, float factor)
    {
        var d = MemoryMarshal.Cast<float, Vector256<float>>(vector);
        var w = MemoryMarshal.Cast<float, Vector256<float>>(Weights.AsSpan());
        var width = d.Length;
        var (start, end) = (_matrix.Starts[row], _matrix.Starts[row + 1]);
        if (width == 1)
        {
            ReadOnlySpan<int> columns = _matrix.Columns.AsSpan(start..end);
            ReadOnlySpan<float> values = _matrix.Values.AsSpan(start..end);
            var step = d[0] * factor;
            for (var k = 0; k < columns.Length; k++)
            {
                ref var one = ref w[columns[k]];
                one = Vector256.MultiplyAddEstimate(Vector256.Create(values[k]), step, one);
            }

            return;
        }

        var blocks = _blocks.AsSpan(0, count);
        for (var k = start; k < end; k++)
        {
            var x = Vector256.Create(_matrix.Values[k] * factor);
            var line = w.Slice(_matrix.Columns[k] * width, width);
            foreach (var v in blocks) line[v] = Vector256.MultiplyAddEstimate(x, d[v], line[v]);
        }
    }
}
