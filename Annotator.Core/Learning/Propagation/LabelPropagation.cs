using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Annotator.Core.Learning.Representation;

namespace Annotator.Core.Learning.Propagation;

/// <summary>
/// Semi-supervised labelling: the labels of few rows travel over a graph of likeness to all others. Over a sparse graph a round costs its edges
/// times the classes; over a dense radial basis kernel its pairs, for small sets. Deterministic.
/// </summary>
public static class LabelPropagation
{
    /// <summary>The most rows <see cref="RunDense"/> takes: its matrix is rows x rows doubles.</summary>
    public const int DenseLimit = 6000;

    private const int Lane = 8;
    private const int DenseLane = 4;
    private const int DenseRows = 16;
    private const int BlockRows = 1024;

    /// <summary>Propagates over a sparse graph.</summary>
    /// <param name="graph">Likeness of rows.</param>
    /// <param name="labels">The class of each row, -1 where it is not known.</param>
    /// <param name="classes">Number of classes; labels are 0 to classes - 1.</param>
    /// <param name="options">Null for the defaults.</param>
    /// <param name="cancellationToken">Stops between rounds.</param>
    /// <exception cref="ArgumentException">There are not as many labels as rows, or one is out of range.</exception>
    public static PropagationResult Run(
        AffinityGraph graph, ReadOnlySpan<int> labels, int classes, PropagationOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(graph);
        options = Check(options, labels, graph.Count, classes);
        var given = labels.ToArray();
        var harmonic = options.Method == PropagationMethod.Harmonic;
        var weights = harmonic ? RowNormalized(graph) : SymmetricNormalized(graph);

        // Rows are padded to whole vectors, so that the inner loop has no remainder.
        var width = (classes + Lane - 1) / Lane * Lane;
        var now = new float[checked(given.Length * width)];
        var next = new float[now.Length];
        for (var i = 0; i < given.Length; i++)
        {
            if (given[i] >= 0)
                now[i * width + given[i]] = 1;
        }

        var alpha = harmonic ? 1f : (float)options.Alpha;
        var blocks = (given.Length + BlockRows - 1) / BlockRows;
        var changes = new double[blocks];
        var iteration = 0;
        while (iteration < options.MaximumIterations)
        {
            cancellationToken.ThrowIfCancellationRequested();
            void Round(int block)
            {
                double change = 0;
                for (var i = block * BlockRows; i < Math.Min(given.Length, (block + 1) * BlockRows); i++)
                {
                    var target = next.AsSpan(i * width, width);
                    if (harmonic && given[i] >= 0)
                        now.AsSpan(i * width, width).CopyTo(target);
                    else
                        change += Gather(graph, weights, i, now, target, width, alpha, given[i], 1 - alpha);
                }

                changes[block] = change;
            }

            if (blocks < 4)
            {
                for (var b = 0; b < blocks; b++)
                    Round(b);
            }
            else
            {
                Parallel.For(0, blocks, Round);
            }

            (now, next) = (next, now);
            iteration++;
            if (changes.Sum() < options.Tolerance * given.Length)
                break;
        }

        var distributions = new float[given.Length * classes];
        for (var i = 0; i < given.Length; i++)
        {
            now.AsSpan(i * width, classes).CopyTo(distributions.AsSpan(i * classes));
            Distribute(distributions.AsSpan(i * classes, classes));
        }

        return new(classes, distributions, iteration);
    }

    /// <summary>
    /// Propagates over the full radial basis kernel exp(-gamma |a - b|²), in double precision as scikit-learn does: exact for small sets, quadratic in
    /// time and memory. Larger sets go over <see cref="AffinityGraph.RadialBasis"/>.
    /// </summary>
    /// <param name="rows">Row by row, count x <paramref name="dimensions"/>.</param>
    /// <param name="dimensions">Length of a row.</param>
    /// <param name="gamma">The kernel's parameter, above 0.</param>
    /// <param name="labels">The class of each row, -1 where it is not known.</param>
    /// <param name="classes">Number of classes; labels are 0 to classes - 1.</param>
    /// <param name="options">Null for the defaults.</param>
    /// <exception cref="ArgumentException">There are not as many labels as rows, one is out of range, or there are more than <see cref="DenseLimit"/> rows.</exception>
    public static PropagationResult RunDense(
        ReadOnlyMemory<float> rows, int dimensions, double gamma, ReadOnlySpan<int> labels, int classes, PropagationOptions? options = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(dimensions, 1);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(gamma, 0);
        var count = rows.Length / dimensions;
        options = Check(options, labels, count, classes);
        if (rows.Length % dimensions != 0)
            throw new ArgumentException($"{rows.Length} values are no rows of {dimensions}.", nameof(rows));
        if (count > DenseLimit)
            throw new ArgumentException($"{count} rows are more than {DenseLimit}.", nameof(rows));
        var given = labels.ToArray();
        var harmonic = options.Method == PropagationMethod.Harmonic;
        var kernel = Kernel(rows, dimensions, count, gamma, harmonic);
        var width = (classes + DenseLane - 1) / DenseLane * DenseLane;
        var now = new double[count * width];
        var next = new double[count * width];
        for (var i = 0; i < count; i++)
        {
            if (given[i] >= 0)
                now[i * width + given[i]] = 1;
        }

        var changes = new double[count];
        var iteration = 0;
        while (iteration < options.MaximumIterations)
        {
            Parallel.For(0, (count + DenseRows - 1) / DenseRows, block =>
            {
                for (var i = block * DenseRows; i < Math.Min(count, (block + 1) * DenseRows); i++)
                {
                    var target = next.AsSpan(i * width, width);
                    if (harmonic && given[i] >= 0)
                    {
                        target.Clear();
                        target[given[i]] = 1;
                        changes[i] = 0;
                        continue;
                    }

                    WeightedSum(kernel.AsSpan(i * count, count), now, target);
                    changes[i] = Blend(target[..classes], now.AsSpan(i * width, classes), harmonic ? null : options.Alpha, given[i]);
                }
            });
            (now, next) = (next, now);
            iteration++;
            if (changes.Sum() < options.Tolerance * count)
                break;
        }

        var distributions = new float[count * classes];
        for (var i = 0; i < count; i++)
        {
            // The sum is taken before rounding: kernel values may lie below the range of a float.
            var row = now.AsSpan(i * width, classes);
            double total = 0;
            foreach (var value in row)
                total += value;
            for (var c = 0; c < classes; c++)
                distributions[i * classes + c] = total > 0 ? (float)(row[c] / total) : 0;
        }

        return new(classes, distributions, iteration);
    }

    private static PropagationOptions Check(PropagationOptions? options, ReadOnlySpan<int> labels, int count, int classes)
    {
        options ??= new();
        options.Validate();
        ArgumentOutOfRangeException.ThrowIfLessThan(classes, 1);
        if (labels.Length != count)
            throw new ArgumentException($"{labels.Length} labels for {count} rows.", nameof(labels));
        foreach (var label in labels)
        {
            if (label < -1 || label >= classes)
                throw new ArgumentException($"Label {label} is not between -1 and {classes - 1}.", nameof(labels));
        }

        return options;
    }

    /// <summary>One row of a round: alpha x the weighted sum of the neighbours + what is given. Returns the change.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static double Gather(AffinityGraph graph, float[] weights, int i, float[] now, Span<float> target, int width, float alpha, int label, float share)
    {
        ref var source = ref MemoryMarshal.GetArrayDataReference(now);
        ref var result = ref MemoryMarshal.GetReference(target);
        int first = graph.Starts[i], last = graph.Starts[i + 1];
        var near = graph.Targets.AsSpan(first, last - first);
        var weight = weights.AsSpan(first, last - first);
        double change = 0;
        for (nuint c = 0; c < (nuint)width; c += Lane)
        {
            // Two sums, so that one addition need not wait for the other.
            Vector256<float> sum = default, other = default;
            var e = 0;
            for (; e + 1 < near.Length; e += 2)
            {
                sum = Vector256.FusedMultiplyAdd(Vector256.Create(weight[e]), Vector256.LoadUnsafe(ref source, (nuint)near[e] * (nuint)width + c), sum);
                other = Vector256.FusedMultiplyAdd(Vector256.Create(weight[e + 1]), Vector256.LoadUnsafe(ref source, (nuint)near[e + 1] * (nuint)width + c), other);
            }

            if (e < near.Length) sum = Vector256.FusedMultiplyAdd(Vector256.Create(weight[e]), Vector256.LoadUnsafe(ref source, (nuint)near[e] * (nuint)width + c), sum);
            sum += other;
            sum *= Vector256.Create(alpha);
            sum.StoreUnsafe(ref result, c);
            if (label >= (int)c && label < (int)c + Lane)
            {
                Unsafe.Add(ref result, label) += share;
                sum = Vector256.LoadUnsafe(ref result, c);
            }

            change += Vector256.Sum(Vector256.Abs(sum - Vector256.LoadUnsafe(ref source, (nuint)i * (nuint)width + c)));
        }

        return change;
    }

    /// <summary>target = the sum of the rows of <paramref name="now"/>, each by its weight; rows are as long as the target, a multiple of four.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void WeightedSum(ReadOnlySpan<double> weights, double[] now, Span<double> target)
    {
        ref var source = ref MemoryMarshal.GetArrayDataReference(now);
        ref var result = ref MemoryMarshal.GetReference(target);
        var width = (nuint)target.Length;
        // Not fused, and one row after another, however many sums run beside each other.
        nuint c = 0;
        for (; c + (2 * DenseLane) <= width; c += 2 * DenseLane)
        {
            Vector256<double> sum = default, other = default;
            for (var j = 0; j < weights.Length; j++)
            {
                var weight = Vector256.Create(weights[j]);
                sum += weight * Vector256.LoadUnsafe(ref source, (nuint)j * width + c);
                other += weight * Vector256.LoadUnsafe(ref source, (nuint)j * width + c + DenseLane);
            }

            sum.StoreUnsafe(ref result, c);
            other.StoreUnsafe(ref result, c + DenseLane);
        }

        for (; c < width; c += DenseLane)
        {
            Vector256<double> sum = default;
            for (var j = 0; j < weights.Length; j++) sum += Vector256.Create(weights[j]) * Vector256.LoadUnsafe(ref source, (nuint)j * width + c);
            sum.StoreUnsafe(ref result, c);
        }
    }

    /// <summary>Finishes a row of a dense round: what came from the neighbours and, when spreading, what is given. Returns the change.</summary>
    private static double Blend(Span<double> target, ReadOnlySpan<double> before, double? alpha, int label)
    {
        double total = 0, change = 0;
        foreach (var value in target) total += value;
        for (var c = 0; c < target.Length; c++)
        {
            target[c] = alpha is { } share
                ? (share * target[c]) + (label == c ? 1 - share : 0)
                : total > 0 ? target[c] / total : 0;
            change += Math.Abs(target[c] - before[c]);
        }

        return change;
    }

    /// <summary>D^(-1/2) W D^(-1/2).</summary>
    private static float[] SymmetricNormalized(AffinityGraph graph)
    {
        var roots = Degrees(graph).Select(d => d > 0 ? 1 / Math.Sqrt(d) : 0).ToArray();
        var weights = new float[graph.Edges];
        for (var i = 0; i < graph.Count; i++)
        {
            for (var e = graph.Starts[i]; e < graph.Starts[i + 1]; e++)
                weights[e] = (float)(graph.Weights[e] * roots[i] * roots[graph.Targets[e]]);
        }

        return weights;
    }

    /// <summary>D^(-1) W.</summary>
    private static float[] RowNormalized(AffinityGraph graph)
    {
        var degrees = Degrees(graph);
        var weights = new float[graph.Edges];
        for (var i = 0; i < graph.Count; i++)
        {
            for (var e = graph.Starts[i]; e < graph.Starts[i + 1]; e++)
                weights[e] = (float)(graph.Weights[e] / degrees[i]);
        }

        return weights;
    }

    private static double[] Degrees(AffinityGraph graph)
    {
        var degrees = new double[graph.Count];
        for (var i = 0; i < degrees.Length; i++)
        {
            for (var e = graph.Starts[i]; e < graph.Starts[i + 1]; e++)
                degrees[i] += graph.Weights[e];
        }

        return degrees;
    }

    private static double[] Kernel(ReadOnlyMemory<float> rows, int dimensions, int count, double gamma, bool harmonic)
    {
        var kernel = new double[count * count];
        var blocks = (count + DenseRows - 1) / DenseRows;
        Parallel.For(0, blocks, block =>
        {
            for (var i = block * DenseRows; i < Math.Min(count, (block + 1) * DenseRows); i++) Likeness(rows.Span, dimensions, i, gamma, kernel.AsSpan(i * count, count));
        });
        for (var block = 0; block < blocks; block++)
        {
            // Square by square, so that what is read is still near when it is written to its mirror.
            for (var other = 0; other <= block; other++) Mirror(kernel, count, block * DenseRows, other * DenseRows);
        }

        // Propagation lets a row keep its own distribution with weight 1; spreading has no loops.
        if (harmonic)
        {
            for (var i = 0; i < count; i++)
                kernel[i * count + i] = 1;
            return kernel;
        }

        var roots = new double[count];
        for (var i = 0; i < count; i++)
        {
            double degree = 0;
            foreach (var value in kernel.AsSpan(i * count, count))
                degree += value;
            roots[i] = degree > 0 ? Math.Sqrt(degree) : 1;
        }

        Parallel.For(0, count, i => Normalize(kernel.AsSpan(i * count, count), roots, roots[i]));
        return kernel;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Likeness(ReadOnlySpan<float> rows, int dimensions, int i, double gamma, Span<double> kernel)
    {
        var row = rows.Slice(i * dimensions, dimensions);
        for (var j = 0; j < i; j++) kernel[j] = -gamma * Vectors.SquaredDistance(row, rows.Slice(j * dimensions, dimensions));
        var fours = MemoryMarshal.Cast<double, Vector256<double>>(kernel[..i]);
        for (var j = 0; j < fours.Length; j++) fours[j] = Vector256.Exp(fours[j]);
        for (var j = fours.Length * Vector256<double>.Count; j < i; j++) kernel[j] = Math.Exp(kernel[j]);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Mirror(double[] kernel, int count, int row, int column)
    {
        for (var i = row; i < Math.Min(count, row + DenseRows); i++)
        {
            for (var j = column; j < Math.Min(i, column + DenseRows); j++) kernel[(j * count) + i] = kernel[(i * count) + j];
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Normalize(Span<double> row, double[] roots, double root)
    {
        for (var j = 0; j < row.Length; j++) row[j] /= root * roots[j];
    }

    private static void Distribute(Span<float> row)
    {
        var total = 0f;
        foreach (var value in row)
            total += value;
        if (total > 0)
            Vectors.Scale(row, 1 / total);
    }
}
