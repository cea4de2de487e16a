using Annotator.Core.Learning.Neighbours;
using Annotator.Core.Learning.Representation;

namespace Annotator.Core.Learning.Map;

/// <summary>
/// Lays vectors out in a plane so that neighbours stay neighbours. The graph of nearest neighbours is weighed as in UMAP (McInnes, Healy and Melville,
/// "UMAP: uniform manifold approximation and projection", 2018, section 3.1: a local scale for each point, then the union of both directions); it is laid
/// out by stochastic gradient descent with negative sampling from the principal components, with 1 / (1 + d²) as the similarity in the plane (as LargeVis,
/// Tang et al. 2016, and the t-UMAP variant: no powers to compute).
/// </summary>
public static class MapLayout
{
    private const float Clip = 4;
    private const float Spread = 10;

    /// <summary>Lays rows out.</summary>
    /// <param name="rows">Row by row, count x <paramref name="dimensions"/>.</param>
    /// <param name="dimensions">Length of a row, at least 2.</param>
    /// <param name="options">How; null for the defaults.</param>
    /// <param name="progress">Told the share that is done, 0 to 1.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <returns>x and y of each row, row by row, centred on 0.</returns>
    /// <exception cref="ArgumentException">The values are no whole number of rows.</exception>
    public static float[] Lay(ReadOnlyMemory<float> rows, int dimensions, MapLayoutOptions? options = null, Action<double>? progress = null, CancellationToken cancellationToken = default)
    {
        options ??= new MapLayoutOptions();
        ArgumentOutOfRangeException.ThrowIfLessThan(dimensions, 2);
        if (rows.Length % dimensions != 0) throw new ArgumentException($"{rows.Length} values are no rows of {dimensions}.", nameof(rows));
        var count = rows.Length / dimensions;
        if (count == 0) return [];
        if (count < 3) return count == 1 ? [0, 0] : [-1, 0, 1, 0];
        var graph = NeighbourGraph.Build(rows, dimensions, Math.Min(options.Neighbours, count - 1), seed: options.Seed, cancellationToken: cancellationToken);
        progress?.Invoke(0.3);
        var positions = Start(rows.Span, dimensions, count, options.Seed);
        Descend(positions, Edges.Of(graph), options, progress, cancellationToken);
        Centre(positions);
        return positions;
    }

    // The two main directions of at most some thousand rows, and a little noise so that equal rows can part.
    private static float[] Start(ReadOnlySpan<float> rows, int dimensions, int count, int seed)
    {
        const int Sample = 5_000;
        var step = Math.Max(1, count / Sample);
        var sample = new float[(count + step - 1) / step * dimensions];
        for (int i = 0, place = 0; i < count; i += step, place++) rows.Slice(i * dimensions, dimensions).CopyTo(sample.AsSpan(place * dimensions));
        var positions = PrincipalComponents.Fit(sample, dimensions, 2).Transform(rows);
        var largest = 1e-9f;
        foreach (var p in positions) largest = Math.Max(largest, Math.Abs(p));
        var random = new Random(seed);
        for (var i = 0; i < positions.Length; i++) positions[i] = (positions[i] / largest * Spread) + ((random.NextSingle() - 0.5f) * 0.02f);
        return positions;
    }

    private static void Descend(float[] at, Edges edges, MapLayoutOptions options, Action<double>? progress, CancellationToken cancellationToken)
    {
        var count = at.Length / 2;
        var rounds = options.Rounds > 0 ? options.Rounds : count <= 5_000 ? 500 : count <= 30_000 ? 200 : 120;
        var random = new SplitRandom(unchecked((ulong)options.Seed));
        for (var round = 0; round < rounds; round++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var rate = 1 - (float)round / rounds;
            for (var e = 0; e < edges.From.Length; e++)
            {
                // A pair comes as often as its weight says: in every round at weight 1.
                edges.Due[e] += edges.Weight[e];
                if (edges.Due[e] < 1) continue;
                edges.Due[e] -= 1;
                var (i, j) = (edges.From[e] * 2, edges.To[e] * 2);
                var (dx, dy) = (at[i] - at[j], at[i + 1] - at[j + 1]);
                var pull = -2 / (1 + (dx * dx) + (dy * dy));
                var (mx, my) = (Clipped(pull * dx) * rate, Clipped(pull * dy) * rate);
                at[i] += mx;
                at[i + 1] += my;
                at[j] -= mx;
                at[j + 1] -= my;
                for (var n = 0; n < options.Pushes; n++)
                {
                    var k = random.Next(count) * 2;
                    if (k == i) continue;
                    (dx, dy) = (at[i] - at[k], at[i + 1] - at[k + 1]);
                    var square = (dx * dx) + (dy * dy);
                    var push = 2 / ((0.001f + square) * (1 + square));
                    at[i] += Clipped(push * dx) * rate;
                    at[i + 1] += Clipped(push * dy) * rate;
                }
            }

            progress?.Invoke(0.3 + (0.7 * (round + 1) / rounds));
        }
    }

    private static float Clipped(float value) => Math.Clamp(value, -Clip, Clip);

    private static void Centre(float[] at)
    {
        for (var axis = 0; axis < 2; axis++)
        {
            var sum = 0d;
            for (var i = axis; i < at.Length; i += 2) sum += at[i];
            var mean = (float)(sum / (at.Length / 2));
            for (var i = axis; i < at.Length; i += 2) at[i] -= mean;
        }
    }

    // Each pair once, with the weight of the union of both directions.
    private sealed class Edges
    {
        private Edges(int[] from, int[] to, float[] weight) => (From, To, Weight, Due) = (from, to, weight, new float[from.Length]);

        public int[] From { get; }

        public int[] To { get; }

        public float[] Weight { get; }

        public float[] Due { get; }

        public static Edges Of(NeighbourGraph graph)
        {
            var directed = new Dictionary<long, float>(graph.Indices.Length);
            var weights = new float[graph.K];
            for (var i = 0; i < graph.Count; i++)
            {
                var near = graph.Distances.AsSpan(i * graph.K, graph.K);
                Weigh(near, weights);
                for (var n = 0; n < graph.K; n++)
                {
                    var j = graph.Indices[(i * graph.K) + n];
                    if (j < 0 || j == i) continue;
                    var (a, b) = (Math.Min(i, j), Math.Max(i, j));
                    var key = ((long)a << 32) | (uint)b;
                    directed[key] = directed.TryGetValue(key, out var other) ? other + weights[n] - (other * weights[n]) : weights[n];
                }
            }

            var (from, to, weight) = (new int[directed.Count], new int[directed.Count], new float[directed.Count]);
            var place = 0;
            foreach (var (key, w) in directed)
            {
                // Both ends take their turn at meeting random points.
                var swap = ((key ^ (key >> 32)) & 1) == 1;
                (from[place], to[place]) = swap ? ((int)(key & 0xffffffff), (int)(key >> 32)) : ((int)(key >> 32), (int)(key & 0xffffffff));
                weight[place++] = w;
            }

            return new Edges(from, to, weight);
        }

        // A scale for which the weights of a point's neighbours add up to log2 k: UMAP's "smooth k-nn distance".
        private static void Weigh(ReadOnlySpan<float> near, float[] weights)
        {
            var nearest = 0f;
            foreach (var d in near)
            {
                if (!(d > 1e-7f)) continue;
                nearest = d;
                break;
            }

            var wanted = Math.Log2(Math.Max(2, near.Length));
            var (low, high, scale) = (0d, double.PositiveInfinity, 1d);
            for (var round = 0; round < 40; round++)
            {
                var sum = 0d;
                foreach (var d in near) sum += Of(d, nearest, scale);
                if (Math.Abs(sum - wanted) < 1e-4) break;
                if (sum > wanted) (high, scale) = (scale, (low + scale) / 2);
                else (low, scale) = (scale, double.IsInfinity(high) ? scale * 2 : (scale + high) / 2);
            }

            for (var n = 0; n < near.Length; n++) weights[n] = (float)Of(near[n], nearest, scale);

            static double Of(float distance, float nearest, double scale) =>
                float.IsInfinity(distance) ? 0 : distance <= nearest ? 1 : Math.Exp(-(distance - nearest) / Math.Max(scale, 1e-6));
        }
    }

    // SplitMix64 (Steele, Lea and Flood 2014): a few instructions a number, the same on every machine.
    private struct SplitRandom(ulong seed)
    {
        private ulong _state = seed;

        public int Next(int below)
        {
            var z = unchecked(_state += 0x9e3779b97f4a7c15UL);
            z = unchecked((z ^ (z >> 30)) * 0xbf58476d1ce4e5b9UL);
            z = unchecked((z ^ (z >> 27)) * 0x94d049bb133111ebUL);
            return (int)(((z >> 32) * (ulong)below) >> 32);
        }
    }
}
