using System.Runtime.CompilerServices;
using Annotator.Core.Learning.Neighbours;

namespace Annotator.Core.Learning.Propagation;

/// <summary>A symmetric sparse graph of likeness: row i is joined to <c>Targets[Starts[i]..Starts[i + 1]]</c> with positive weights.</summary>
public sealed class AffinityGraph
{
    private AffinityGraph(int[] starts, int[] targets, float[] weights)
    {
        Starts = starts;
        Targets = targets;
        Weights = weights;
    }

    /// <summary>Number of rows.</summary>
    public int Count => Starts.Length - 1;

    /// <summary>Number of joined pairs, each counted in both directions.</summary>
    public int Edges => Targets.Length;

    internal int[] Starts { get; }

    internal int[] Targets { get; }

    internal float[] Weights { get; }

    /// <summary>
    /// Two rows are joined where either is among the k nearest of the other. The weight is exp(-d / (s_i s_j)) with d the squared distance and
    /// s_i the distance of row i to its k-th neighbour (self-tuning, Zelnik-Manor and Perona 2005): no bandwidth to choose, dense and thin
    /// regions alike.
    /// </summary>
    /// <param name="neighbours">The nearest neighbours; both metrics are squared distances up to a factor, which cancels.</param>
    public static AffinityGraph SelfTuning(NeighbourGraph neighbours)
    {
        ArgumentNullException.ThrowIfNull(neighbours);
        var k = neighbours.K;
        var scales = new double[neighbours.Count];
        for (var i = 0; i < scales.Length; i++)
        {
            for (var j = k - 1; j >= 0; j--)
            {
                if (neighbours.Indices[i * k + j] < 0)
                    continue;
                scales[i] = Math.Sqrt(neighbours.Distances[i * k + j]);
                break;
            }
        }

        // Where all neighbours are copies the distance is 0: then any small scale makes copies equal and others unlike.
        return Symmetric(neighbours, (i, j, d) => (float)Math.Max(1e-30, Math.Exp(-d / Math.Max(scales[i] * scales[j], 1e-12))));
    }

    /// <summary>The same joins with the weight exp(-gamma d), scaled so that the greatest is 1: a radial basis kernel cut to the nearest neighbours.</summary>
    /// <param name="neighbours">The nearest neighbours by squared distance.</param>
    /// <param name="gamma">The kernel's parameter, above 0.</param>
    public static AffinityGraph RadialBasis(NeighbourGraph neighbours, double gamma)
    {
        ArgumentNullException.ThrowIfNull(neighbours);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(gamma, 0);
        var least = neighbours.Distances.Length == 0 ? 0 : neighbours.Distances.Min();
        return Symmetric(neighbours, (_, _, d) => (float)Math.Max(1e-30, Math.Exp(-gamma * (d - least))));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static AffinityGraph Symmetric(NeighbourGraph neighbours, Func<int, int, double, float> weigh)
    {
        int count = neighbours.Count, k = neighbours.K;
        var near = neighbours.Indices;
        var weights = new float[near.Length];
        var incoming = new int[count + 1];
        for (var i = 0; i < count; i++)
        {
            for (var e = i * k; e < (i + 1) * k; e++)
            {
                if (near[e] < 0) continue;
                weights[e] = weigh(i, near[e], neighbours.Distances[e]);
                incoming[near[e] + 1]++;
            }
        }

        for (var i = 0; i < count; i++) incoming[i + 1] = checked(incoming[i + 1] + incoming[i]);

        // Who names a row, by rising index without sorting; what the row itself names is sorted below, and the two are merged.
        var from = new (int Target, float Weight)[incoming[count]];
        var at = incoming.AsSpan(0, count).ToArray();
        for (var i = 0; i < count; i++)
        {
            for (var e = i * k; e < (i + 1) * k; e++)
            {
                if (near[e] >= 0) from[at[near[e]]++] = (i, weights[e]);
            }
        }

        var starts = new int[count + 1];
        var blocks = (count + 1023) / 1024;
        Parallel.For(0, blocks, block =>
        {
            var own = new (int, float)[k];
            for (var i = block * 1024; i < Math.Min(count, block * 1024 + 1024); i++)
                starts[i + 1] = Merge(Named(near.AsSpan(i * k, k), weights.AsSpan(i * k, k), own), from.AsSpan(incoming[i]..incoming[i + 1]), [], []);
        });
        for (var i = 0; i < count; i++) starts[i + 1] = checked(starts[i + 1] + starts[i]);
        var targets = new int[starts[count]];
        var likeness = new float[starts[count]];
        Parallel.For(0, blocks, block =>
        {
            var own = new (int, float)[k];
            for (var i = block * 1024; i < Math.Min(count, block * 1024 + 1024); i++)
                Merge(Named(near.AsSpan(i * k, k), weights.AsSpan(i * k, k), own), from.AsSpan(incoming[i]..incoming[i + 1]), targets.AsSpan(starts[i]..starts[i + 1]), likeness.AsSpan(starts[i]..starts[i + 1]));
        });
        return new(starts, targets, likeness);
    }

    /// <summary>What a row names, by rising index.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static Span<(int Target, float Weight)> Named(ReadOnlySpan<int> near, ReadOnlySpan<float> weights, Span<(int Target, float Weight)> own)
    {
        var n = 0;
        for (var e = 0; e < near.Length; e++)
        {
            if (near[e] < 0) continue;
            var place = n++;
            for (; place > 0 && own[place - 1].Target > near[e]; place--) own[place] = own[place - 1];
            own[place] = (near[e], weights[e]);
        }

        return own[..n];
    }

    /// <summary>Both lists as one, a pair that is in both once with its greater weight. Writes nothing where there is no room; returns how many there are.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int Merge(ReadOnlySpan<(int Target, float Weight)> a, ReadOnlySpan<(int Target, float Weight)> b, Span<int> targets, Span<float> weights)
    {
        int n = 0, i = 0, j = 0;
        while (i < a.Length || j < b.Length)
        {
            var left = i < a.Length ? a[i].Target : int.MaxValue;
            var right = j < b.Length ? b[j].Target : int.MaxValue;
            var weight = Math.Max(left <= right ? a[i].Weight : 0, right <= left ? b[j].Weight : 0);
            if (n < targets.Length) (targets[n], weights[n]) = (Math.Min(left, right), weight);
            n++;
            if (left <= right) i++;
            if (right <= left) j++;
        }

        return n;
    }
}
