using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Annotator.Core.Learning.Representation;

namespace Annotator.Core.Learning.Neighbours;

/// <summary>
/// Nearest rows by comparing all pairs: |a - b|² = |a|² + |b|² - 2 ab, with the products computed as a blocked matrix multiplication (four rows by
/// sixteen columns in registers) and only values below a row's present k-th distance leaving the registers.
/// </summary>
internal static class ExactNeighbours
{
    private const int Panel = 16;
    private const int Tile = 4;
    private const int Block = 64;

    /// <summary>The graph of a set on itself; rows are of length 1 where the metric is the cosine.</summary>
    internal static NeighbourGraph Graph(ReadOnlyMemory<float> rows, int dimensions, int k, DistanceMetric metric, CancellationToken cancellationToken = default)
    {
        var count = rows.Length / dimensions;
        k = Math.Min(k, Math.Max(0, count - 1));
        var (indices, distances) = Search(rows, rows, dimensions, k, leaveOutSelf: true, cancellationToken);
        if (metric == DistanceMetric.Cosine)
        {
            for (var i = 0; i < distances.Length; i++)
                distances[i] /= 2;
        }

        return new(count, k, indices, distances);
    }

    /// <summary>The k rows of <paramref name="rows"/> nearest to each query by squared Euclidean distance, nearest first, the lower index first among equals.</summary>
    internal static (int[] Indices, float[] Distances) Search(
        ReadOnlyMemory<float> queries, ReadOnlyMemory<float> rows, int dimensions, int k, bool leaveOutSelf, CancellationToken cancellationToken = default)
    {
        int queryCount = queries.Length / dimensions, count = rows.Length / dimensions;
        var indices = new int[queryCount * k];
        var distances = new float[queryCount * k];
        Array.Fill(indices, -1);
        Array.Fill(distances, float.PositiveInfinity);
        if (k == 0)
            return (indices, distances);

        var (panels, norms) = Pack(rows.Span, count, dimensions);
        Parallel.For(0, (queryCount + Block - 1) / Block, new ParallelOptions { CancellationToken = cancellationToken }, block =>
        {
            int first = block * Block, last = Math.Min(queryCount, first + Block);
            var all = queries.Span;
            Span<float> dots = stackalloc float[Tile * Panel];
            for (var panel = 0; panel < norms.Length / Panel; panel++)
            {
                var packed = panels.AsSpan(panel * Panel * dimensions, Panel * dimensions);
                ref var norm = ref norms[panel * Panel];
                for (var q = first; q < last; q += Tile)
                {
                    // At the end a row is computed more than once rather than handled apart.
                    Multiply(all, dimensions, q, Math.Min(q + 1, last - 1), Math.Min(q + 2, last - 1), Math.Min(q + 3, last - 1), packed, dots);
                    for (var t = 0; t < Tile && q + t < last; t++)
                    {
                        var target = (q + t) * k;
                        Keep(ref dots[t * Panel], ref norm, panel * Panel, leaveOutSelf ? q + t : -1,
                            indices.AsSpan(target, k), distances.AsSpan(target, k));
                    }
                }
            }

            for (var q = first; q < last; q++)
            {
                // Until here the query's own square was left out; with it rounding may fall below zero.
                var row = all.Slice(q * dimensions, dimensions);
                var square = Vectors.Dot(row, row);
                foreach (ref var distance in distances.AsSpan(q * k, k))
                    distance = Math.Max(0, distance + square);
            }
        });
        return (indices, distances);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static (float[] Panels, float[] Norms) Pack(ReadOnlySpan<float> rows, int count, int dimensions)
    {
        var panels = (count + Panel - 1) / Panel;
        var packed = new float[panels * Panel * dimensions];
        var norms = new float[panels * Panel];
        Array.Fill(norms, float.PositiveInfinity);
        for (var i = 0; i < count; i++)
        {
            var row = rows.Slice(i * dimensions, dimensions);
            norms[i] = Vectors.Dot(row, row);
            var target = packed.AsSpan(i / Panel * Panel * dimensions + i % Panel);
            for (var j = 0; j < dimensions; j++)
                target[j * Panel] = row[j];
        }

        return (packed, norms);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Multiply(ReadOnlySpan<float> rows, int dimensions, int r0, int r1, int r2, int r3, ReadOnlySpan<float> panel, Span<float> dots)
    {
        ref var a0 = ref MemoryMarshal.GetReference(rows.Slice(r0 * dimensions, dimensions));
        ref var a1 = ref MemoryMarshal.GetReference(rows.Slice(r1 * dimensions, dimensions));
        ref var a2 = ref MemoryMarshal.GetReference(rows.Slice(r2 * dimensions, dimensions));
        ref var a3 = ref MemoryMarshal.GetReference(rows.Slice(r3 * dimensions, dimensions));
        ref var b = ref MemoryMarshal.GetReference(panel);
        Vector256<float> s00 = default, s01 = default, s10 = default, s11 = default, s20 = default, s21 = default, s30 = default, s31 = default;
        for (nuint j = 0; j < (nuint)dimensions; j++)
        {
            var b0 = Vector256.LoadUnsafe(ref b, j * Panel);
            var b1 = Vector256.LoadUnsafe(ref b, j * Panel + 8);
            var x = Vector256.Create(Unsafe.Add(ref a0, j));
            s00 = Vector256.FusedMultiplyAdd(x, b0, s00);
            s01 = Vector256.FusedMultiplyAdd(x, b1, s01);
            x = Vector256.Create(Unsafe.Add(ref a1, j));
            s10 = Vector256.FusedMultiplyAdd(x, b0, s10);
            s11 = Vector256.FusedMultiplyAdd(x, b1, s11);
            x = Vector256.Create(Unsafe.Add(ref a2, j));
            s20 = Vector256.FusedMultiplyAdd(x, b0, s20);
            s21 = Vector256.FusedMultiplyAdd(x, b1, s21);
            x = Vector256.Create(Unsafe.Add(ref a3, j));
            s30 = Vector256.FusedMultiplyAdd(x, b0, s30);
            s31 = Vector256.FusedMultiplyAdd(x, b1, s31);
        }

        ref var d = ref MemoryMarshal.GetReference(dots);
        s00.StoreUnsafe(ref d, 0);
        s01.StoreUnsafe(ref d, 8);
        s10.StoreUnsafe(ref d, 16);
        s11.StoreUnsafe(ref d, 24);
        s20.StoreUnsafe(ref d, 32);
        s21.StoreUnsafe(ref d, 40);
        s30.StoreUnsafe(ref d, 48);
        s31.StoreUnsafe(ref d, 56);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Keep(ref float dots, ref float norms, int firstIndex, int self, Span<int> indices, Span<float> distances)
    {
        var minusTwo = Vector256.Create(-2f);
        for (nuint half = 0; half < Panel; half += 8)
        {
            var values = Vector256.FusedMultiplyAdd(Vector256.LoadUnsafe(ref dots, half), minusTwo, Vector256.LoadUnsafe(ref norms, half));
            var below = Vector256.LessThan(values, Vector256.Create(distances[^1])).ExtractMostSignificantBits();
            for (; below != 0; below &= below - 1)
            {
                var lane = BitOperations.TrailingZeroCount(below);
                var index = firstIndex + (int)half + lane;
                var value = values.GetElement(lane);
                if (index == self || !(value < distances[^1]))
                    continue;
                var place = distances.Length - 1;
                for (; place > 0 && distances[place - 1] > value; place--)
                {
                    distances[place] = distances[place - 1];
                    indices[place] = indices[place - 1];
                }

                distances[place] = value;
                indices[place] = index;
            }
        }
    }
}
