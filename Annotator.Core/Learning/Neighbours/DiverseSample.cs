using Annotator.Core.Learning.Representation;

namespace Annotator.Core.Learning.Neighbours;

/// <summary>
/// Picks few rows that represent many: clusters as many as rows are wanted, and of each the most typical row (TypiClust, Hacohen, Dekel and
/// Weinshall 2022), in an order in which each beginning is itself spread out. Near linear in the number of rows; deterministic for a seed.
/// </summary>
public static class DiverseSample
{
    private const int MostClusters = 1024;
    private const int Examined = 32;
    private const int NeighbourSample = 256;
    private const int TypicalNeighbours = 20;
    private const int OrderLimit = 4096;

    /// <summary>Picks rows.</summary>
    /// <param name="rows">Row by row, count x <paramref name="dimensions"/>; scale them to length 1 where the angle counts.</param>
    /// <param name="dimensions">Length of a row.</param>
    /// <param name="k">How many; more than there are rows gives all.</param>
    /// <param name="seed">Seed of the clustering.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <returns>Distinct row numbers, the most telling first.</returns>
    /// <exception cref="ArgumentException">The values are no whole number of rows.</exception>
    public static int[] Pick(ReadOnlyMemory<float> rows, int dimensions, int k, int seed = 1, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(k, 1);
        var clustering = KMeans.Fit(rows, dimensions, Math.Min(k, MostClusters), seed, cancellationToken: cancellationToken);
        var count = clustering.Assignment.Length;
        k = Math.Min(k, count);
        var members = new List<int>[clustering.Count];
        for (var c = 0; c < members.Length; c++)
            members[c] = [];
        for (var i = 0; i < count; i++)
            members[clustering.Assignment[i]].Add(i);

        var quotas = Share(members, k);
        var picks = new (int Row, int Weight)[members.Length][];
        Parallel.For(0, members.Length, new ParallelOptions { CancellationToken = cancellationToken },
            c => picks[c] = [.. PickIn(rows.Span, dimensions, members[c], clustering.Distances, quotas[c]).Select(r => (r, members[c].Count))]);
        return Spread(rows.Span, dimensions, [.. picks.SelectMany(p => p)]);
    }

    /// <summary>How many of each cluster: one each, the rest in proportion to the root of its size, so that small ones are not drowned.</summary>
    private static int[] Share(List<int>[] members, int k)
    {
        var quotas = members.Select(m => Math.Min(1, m.Count)).ToArray();
        var left = k - quotas.Sum();
        var queue = new PriorityQueue<int, double>();
        for (var c = 0; c < members.Length; c++)
        {
            if (members[c].Count > quotas[c])
                queue.Enqueue(c, -Math.Sqrt(members[c].Count) / 2);
        }

        while (left > 0 && queue.TryDequeue(out var c, out _))
        {
            quotas[c]++;
            left--;
            if (members[c].Count > quotas[c])
                queue.Enqueue(c, -Math.Sqrt(members[c].Count) / (quotas[c] + 1));
        }

        return quotas;
    }

    private static List<int> PickIn(ReadOnlySpan<float> rows, int dimensions, List<int> members, float[] toCentre, int quota)
    {
        var picked = new List<int>(quota);
        if (quota == 0)
            return picked;
        var stride = Math.Max(1, members.Count / NeighbourSample);
        var around = members.Where((_, i) => i % stride == 0).ToArray();
        var typical = -1;
        var least = float.PositiveInfinity;
        var distances = new float[around.Length];
        foreach (var row in members.OrderBy(m => toCentre[m]).ThenBy(m => m).Take(Examined))
        {
            for (var i = 0; i < around.Length; i++)
                distances[i] = MathF.Sqrt(Vectors.SquaredDistance(rows.Slice(row * dimensions, dimensions), rows.Slice(around[i] * dimensions, dimensions)));
            Array.Sort(distances);
            var mean = distances.Take(TypicalNeighbours + 1).Average();
            if (mean < least)
                (least, typical) = (mean, row);
        }

        picked.Add(typical);
        if (quota == 1)
            return picked;
        // Further ones farthest first (Gonzalez 1985).
        var nearest = new float[members.Count];
        Array.Fill(nearest, float.PositiveInfinity);
        while (picked.Count < quota)
        {
            var last = rows.Slice(picked[^1] * dimensions, dimensions);
            var farthest = -1;
            for (var i = 0; i < members.Count; i++)
            {
                nearest[i] = members[i] == picked[^1] ? -1 : Math.Min(nearest[i], Vectors.SquaredDistance(rows.Slice(members[i] * dimensions, dimensions), last));
                if (nearest[i] >= 0 && (farthest < 0 || nearest[i] > nearest[farthest]))
                    farthest = i;
            }

            picked.Add(members[farthest]);
        }

        return picked;
    }

    /// <summary>The largest cluster's first, then always the one that is farthest from those before, weighted by the root of its cluster's size.</summary>
    private static int[] Spread(ReadOnlySpan<float> rows, int dimensions, (int Row, int Weight)[] picks)
    {
        if (picks.Length > OrderLimit)
            return [.. picks.OrderByDescending(p => p.Weight).Select(p => p.Row)];
        var order = new int[picks.Length];
        var nearest = new float[picks.Length];
        Array.Fill(nearest, 1);
        var done = new bool[picks.Length];
        for (var place = 0; place < order.Length; place++)
        {
            var best = -1;
            var most = float.NegativeInfinity;
            for (var i = 0; i < picks.Length; i++)
            {
                var worth = nearest[i] * MathF.Sqrt(picks[i].Weight);
                if (!done[i] && worth > most)
                    (best, most) = (i, worth);
            }

            done[best] = true;
            order[place] = picks[best].Row;
            var row = rows.Slice(picks[best].Row * dimensions, dimensions);
            for (var i = 0; i < picks.Length; i++)
            {
                if (done[i])
                    continue;
                var distance = MathF.Sqrt(Vectors.SquaredDistance(rows.Slice(picks[i].Row * dimensions, dimensions), row));
                nearest[i] = place == 0 ? distance : Math.Min(nearest[i], distance);
            }
        }

        return order;
    }
}
