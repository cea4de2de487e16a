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

    private static AffinityGraph Symmetric(NeighbourGraph neighbours, Func<int, int, double, float> weigh)
    {
        int count = neighbours.Count, k = neighbours.K;
        var starts = new int[count + 1];
        for (var e = 0; e < neighbours.Indices.Length; e++)
        {
            if (neighbours.Indices[e] < 0)
                continue;
            starts[e / k + 1]++;
            starts[neighbours.Indices[e] + 1]++;
        }

        for (var i = 0; i < count; i++)
            starts[i + 1] = checked(starts[i + 1] + starts[i]);
        var edges = new (int Target, float Weight)[starts[count]];
        var at = starts.AsSpan(0, count).ToArray();
        for (var i = 0; i < count; i++)
        {
            for (var e = i * k; e < (i + 1) * k; e++)
            {
                var j = neighbours.Indices[e];
                if (j < 0)
                    continue;
                var weight = weigh(i, j, neighbours.Distances[e]);
                edges[at[i]++] = (j, weight);
                edges[at[j]++] = (i, weight);
            }
        }

        // A pair that is near in both directions is there twice in each row: once is kept.
        var kept = new int[count];
        Parallel.For(0, (count + 1023) / 1024, block =>
        {
            for (var i = block * 1024; i < Math.Min(count, block * 1024 + 1024); i++)
            {
                var row = edges.AsSpan(starts[i], starts[i + 1] - starts[i]);
                row.Sort(static (a, b) => a.Target.CompareTo(b.Target));
                var n = 0;
                for (var e = 0; e < row.Length; e++)
                {
                    if (n > 0 && row[n - 1].Target == row[e].Target)
                        row[n - 1].Weight = Math.Max(row[n - 1].Weight, row[e].Weight);
                    else
                        row[n++] = row[e];
                }

                kept[i] = n;
            }
        });
        var finalStarts = new int[count + 1];
        for (var i = 0; i < count; i++)
            finalStarts[i + 1] = finalStarts[i] + kept[i];
        var targets = new int[finalStarts[count]];
        var weights = new float[finalStarts[count]];
        for (var i = 0; i < count; i++)
        {
            for (var e = 0; e < kept[i]; e++)
                (targets[finalStarts[i] + e], weights[finalStarts[i] + e]) = edges[starts[i] + e];
        }

        return new(finalStarts, targets, weights);
    }
}
