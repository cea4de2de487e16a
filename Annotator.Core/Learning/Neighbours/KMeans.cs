using Annotator.Core.Learning.Representation;

namespace Annotator.Core.Learning.Neighbours;

/// <summary>A partition of rows into clusters.</summary>
public sealed class Clustering
{
    internal Clustering(int clusters, float[] centres, int[] assignment, float[] distances)
    {
        Count = clusters;
        Centres = centres;
        Assignment = assignment;
        Distances = distances;
    }

    /// <summary>Number of clusters, at most the number of distinct rows.</summary>
    public int Count { get; }

    /// <summary>Count x dimensions: the mean of each cluster's rows.</summary>
    public float[] Centres { get; }

    /// <summary>The cluster of each row.</summary>
    public int[] Assignment { get; }

    /// <summary>The squared Euclidean distance of each row to its centre.</summary>
    public float[] Distances { get; }
}

/// <summary>
/// k-means with the start of k-means++ (Arthur and Vassilvitskii 2007). Centres are found on a sample of up to 64 rows a cluster, so that
/// a million rows take one pass for the assignment. Deterministic for a seed.
/// </summary>
public static class KMeans
{
    private const int SamplePerCluster = 64;
    private const int LeastSample = 8192;

    /// <summary>Clusters rows.</summary>
    /// <param name="rows">Row by row, count x <paramref name="dimensions"/>.</param>
    /// <param name="dimensions">Length of a row.</param>
    /// <param name="clusters">Wished number of clusters, at least 1.</param>
    /// <param name="seed">Seed of sample and start.</param>
    /// <param name="iterations">Rounds of Lloyd's algorithm at most.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <exception cref="ArgumentException">The values are no whole number of rows.</exception>
    public static Clustering Fit(
        ReadOnlyMemory<float> rows, int dimensions, int clusters, int seed = 1, int iterations = 20, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(dimensions, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(clusters, 1);
        if (rows.Length % dimensions != 0)
            throw new ArgumentException($"{rows.Length} values are no rows of {dimensions}.", nameof(rows));
        var count = rows.Length / dimensions;
        if (count == 0)
            return new(0, [], [], []);

        var random = new Random(seed);
        var sample = Sample(rows, count, dimensions, Math.Max(LeastSample, SamplePerCluster * clusters), random);
        var centres = Start(sample.Span, dimensions, Math.Min(clusters, sample.Length / dimensions), random);
        var size = sample.Length / dimensions;
        var previous = double.PositiveInfinity;
        for (var i = 0; i < iterations; i++)
        {
            var (assignment, distances) = ExactNeighbours.Search(sample, centres, dimensions, 1, leaveOutSelf: false, cancellationToken);
            var total = distances.Sum(d => (double)d);
            Centre(sample.Span, dimensions, assignment, distances, centres);
            if (total > previous * 0.9995)
                break;
            previous = total;
        }

        var (finalAssignment, finalDistances) = ExactNeighbours.Search(rows, centres, dimensions, 1, leaveOutSelf: false, cancellationToken);
        return new(centres.Length / dimensions, centres, finalAssignment, finalDistances);
    }

    private static ReadOnlyMemory<float> Sample(ReadOnlyMemory<float> rows, int count, int dimensions, int size, Random random)
    {
        if (count <= size)
            return rows;
        // One row out of each of equal stretches: uniform, and in order of memory.
        var sample = new float[size * dimensions];
        for (var i = 0; i < size; i++)
        {
            var from = (int)((long)count * i / size);
            var to = (int)((long)count * (i + 1) / size);
            rows.Span.Slice(random.Next(from, to) * dimensions, dimensions).CopyTo(sample.AsSpan(i * dimensions));
        }

        return sample;
    }

    private static float[] Start(ReadOnlySpan<float> sample, int dimensions, int clusters, Random random)
    {
        var count = sample.Length / dimensions;
        var nearest = new float[count];
        Array.Fill(nearest, float.PositiveInfinity);
        var centres = new List<float>(clusters * dimensions);
        var pick = random.Next(count);
        while (true)
        {
            var centre = sample.Slice(pick * dimensions, dimensions);
            centres.AddRange(centre);
            if (centres.Count == clusters * dimensions)
                break;
            double total = 0;
            for (var i = 0; i < count; i++)
            {
                nearest[i] = Math.Min(nearest[i], Vectors.SquaredDistance(sample.Slice(i * dimensions, dimensions), centre));
                total += nearest[i];
            }

            if (total <= 0)
                break; // Every distinct row is a centre already.
            var target = random.NextDouble() * total;
            pick = -1;
            for (var i = 0; i < count && target >= 0; i++)
            {
                if (nearest[i] <= 0)
                    continue;
                pick = i;
                target -= nearest[i];
            }
        }

        return [.. centres];
    }

    private static void Centre(ReadOnlySpan<float> sample, int dimensions, int[] assignment, float[] distances, float[] centres)
    {
        var sums = new double[centres.Length];
        var counts = new int[centres.Length / dimensions];
        for (var i = 0; i < assignment.Length; i++)
        {
            counts[assignment[i]]++;
            var row = sample.Slice(i * dimensions, dimensions);
            for (var j = 0; j < dimensions; j++)
                sums[assignment[i] * dimensions + j] += row[j];
        }

        for (var c = 0; c < counts.Length; c++)
        {
            if (counts[c] == 0)
            {
                // An empty cluster starts again at the row that is worst served.
                var worst = 0;
                for (var i = 1; i < distances.Length; i++)
                    worst = distances[i] > distances[worst] ? i : worst;
                distances[worst] = 0;
                sample.Slice(worst * dimensions, dimensions).CopyTo(centres.AsSpan(c * dimensions));
                continue;
            }

            for (var j = 0; j < dimensions; j++)
                centres[c * dimensions + j] = (float)(sums[c * dimensions + j] / counts[c]);
        }
    }
}
