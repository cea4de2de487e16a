using System.Runtime.CompilerServices;
using Annotator.Core.Student;

namespace Annotator.Core.Learning.Neighbours;

/// <summary>
/// The rows that are most like each row by the cosine of their features. Features that occur are weighted by their rarity; what most rows have is left out,
/// so that the work grows little faster than the number of rows. Rows of values are compared as they stand.
/// </summary>
public sealed class RowNeighbours
{
    // A feature that more rows have tells little of any of them, and costs the most.
    private const int MostRows = 1_000;

    // Beyond this growth the lists of the earlier rows are made anew, so that they know the new ones.
    private const double Growth = 1.2;

    private RowNeighbours(int count, int complete, int k, int[] indices, float[] similarities)
    {
        (Count, Complete, K, Indices, Similarities) = (count, complete, k, indices, similarities);
    }

    /// <summary>Number of rows.</summary>
    public int Count { get; }

    /// <summary>Neighbours of each row at most.</summary>
    public int K { get; }

    /// <summary>Count x K: the neighbours of row i are from i K to (i + 1) K, the most similar first. -1 where there are fewer.</summary>
    public int[] Indices { get; }

    /// <summary>Count x K: their cosines, 0 to 1; 0 where there are fewer.</summary>
    public float[] Similarities { get; }

    // Rows that were there when all lists were made.
    private int Complete { get; }

    /// <summary>Finds the neighbours.</summary>
    /// <param name="rows">The rows.</param>
    /// <param name="features">How they were made.</param>
    /// <param name="options">How a student weighs them.</param>
    /// <param name="k">Neighbours of each row.</param>
    /// <param name="earlier">An earlier result over the first of these rows; its lists are kept until a fifth has been added.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    public static RowNeighbours Of(
        SparseRows rows, FeatureOptions features, SoftmaxOptions options, int k, RowNeighbours? earlier = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(rows);
        ArgumentNullException.ThrowIfNull(features);
        ArgumentOutOfRangeException.ThrowIfLessThan(k, 1);
        if (Grown(rows.Count, k, ref earlier) is not { } found) return earlier!;
        if (features.ByRarity) found.FindByOccurrence(rows, features, options, earlier?.Count ?? 0, cancellationToken);
        else if (earlier is null) found.FindByValue(rows, features.Buckets, cancellationToken);
        return found;
    }

    /// <summary>Finds the neighbours of rows that something else has vectors for, such as an encoder; rows without one have none.</summary>
    /// <param name="count">Number of rows.</param>
    /// <param name="vectors">Reads the rows that have a vector, ascending, and their vectors one after the other; called where lists are made.</param>
    /// <param name="width">Length of a vector.</param>
    /// <param name="k">Neighbours of each row.</param>
    /// <param name="earlier">An earlier result over the first of these rows; its lists are kept until a fifth has been added.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    public static RowNeighbours Of(int count, Func<(int[] Rows, float[] Vectors)> vectors, int width, int k, RowNeighbours? earlier = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(vectors);
        ArgumentOutOfRangeException.ThrowIfLessThan(k, 1);
        if (Grown(count, k, ref earlier) is not { } found) return earlier!;
        if (earlier is not null) return found;
        var (known, values) = vectors();
        found.FindByValue(known, values, width, cancellationToken);
        return found;
    }

    // A result with the lists of the earlier one, as far as it still holds; null where the earlier one has all.
    private static RowNeighbours? Grown(int count, int k, ref RowNeighbours? earlier)
    {
        if (earlier is not null && (earlier.K != k || earlier.Count > count || count > earlier.Complete * Growth)) earlier = null;
        if (earlier?.Count == count) return null;
        var first = earlier?.Count ?? 0;
        var (indices, similarities) = (new int[count * k], new float[count * k]);
        earlier?.Indices.CopyTo(indices, 0);
        earlier?.Similarities.CopyTo(similarities, 0);
        indices.AsSpan(first * k).Fill(-1);
        return new RowNeighbours(count, earlier?.Complete ?? count, k, indices, similarities);
    }

    private void FindByOccurrence(SparseRows rows, FeatureOptions features, SoftmaxOptions options, int first, CancellationToken cancellationToken)
    {
        var frequencies = new DocumentFrequencies(features.Buckets);
        frequencies.AddNew(rows);
        var starts = new int[features.Buckets + 1];
        var squares = new float[features.Buckets];
        for (var b = 0; b < features.Buckets; b++)
        {
            var known = frequencies.Count(b);
            var used = known is >= 2 and <= MostRows;
            starts[b + 1] = starts[b] + (used ? known : 0);
            var weight = used ? frequencies.Weight(b) * features.WeightOf(b, options) : 0;
            squares[b] = weight * weight;
        }

        var postings = new int[starts[^1]];
        var next = starts.AsSpan(0, features.Buckets).ToArray();
        var norms = new float[Count];
        var seen = new int[features.Buckets];
        for (var i = 0; i < Count; i++)
        {
            float sum = 0;
            foreach (var b in rows[i])
            {
                if (squares[b] == 0 || seen[b] == i + 1) continue;
                seen[b] = i + 1;
                postings[next[b]++] = i;
                sum += squares[b];
            }

            norms[i] = sum > 0 ? 1 / MathF.Sqrt(sum) : 0;
        }

        var index = new Occurrences(starts, postings, squares);
        Parallel.For(
            first,
            Count,
            new ParallelOptions { MaxDegreeOfParallelism = 2, CancellationToken = cancellationToken },
            () => new Search(Count),
            (i, _, own) =>
            {
                FindOne(i, rows[i], index, norms, own);
                return own;
            },
            _ => { });
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void FindOne(int row, ReadOnlySpan<int> buckets, Occurrences index, float[] norms, Search own)
    {
        var (sums, touched, heap) = (own.Sums, own.Touched, own.Heap);
        var used = 0;
        own.Seen.Clear();
        foreach (var b in buckets)
        {
            var square = index.Squares[b];
            if (square == 0 || !own.Seen.Add(b)) continue;
            foreach (var j in index.Postings.AsSpan(index.Starts[b], index.Starts[b + 1] - index.Starts[b]))
            {
                if (sums[j] == 0) touched[used++] = j;
                sums[j] += square;
            }
        }

        heap.Clear();
        foreach (var j in touched.AsSpan(0, used))
        {
            var similarity = sums[j] * norms[j];
            sums[j] = 0;
            if (j != row) Offer(heap, j, similarity);
        }

        Take(row, heap, norms[row]);
    }

    // The rows that have each bucket, one bucket after the other from its start, and the squared weight of each bucket; 0 where it is not used.
    private sealed record Occurrences(int[] Starts, int[] Postings, float[] Squares);

    // What one thread needs to look for the neighbours of a row.
    private sealed class Search(int count)
    {
        public float[] Sums { get; } = new float[count];

        public int[] Touched { get; } = new int[count];

        public HashSet<int> Seen { get; } = [];

        public PriorityQueue<int, float> Heap { get; } = new();
    }

    // Rows of values get their lists all at once: rows that were added since the last time have none yet.
    private void FindByValue(SparseRows rows, int width, CancellationToken cancellationToken)
    {
        var known = Enumerable.Range(0, Count).Where(i => rows.ValuesOf(i).Length == width).ToArray();
        var values = new float[known.Length * width];
        for (var i = 0; i < known.Length; i++) rows.ValuesOf(known[i]).CopyTo(values.AsSpan(i * width, width));
        FindByValue(known, values, width, cancellationToken);
    }

    private void FindByValue(int[] known, float[] values, int width, CancellationToken cancellationToken)
    {
        if (known.Length < 2) return;
        var graph = NeighbourGraph.Build(values, width, K, cancellationToken: cancellationToken);
        for (var i = 0; i < known.Length; i++)
        {
            for (var n = 0; n < graph.K && graph.Indices[(i * graph.K) + n] is >= 0 and var j; n++)
            {
                Indices[(known[i] * K) + n] = known[j];
                Similarities[(known[i] * K) + n] = Math.Clamp(1 - graph.Distances[(i * graph.K) + n], 0, 1);
            }
        }
    }

    private void Offer(PriorityQueue<int, float> heap, int row, float similarity)
    {
        if (heap.Count < K) heap.Enqueue(row, similarity);
        else if (heap.TryPeek(out _, out var least) && similarity > least) heap.EnqueueDequeue(row, similarity);
    }

    private void Take(int row, PriorityQueue<int, float> heap, float scale)
    {
        for (var place = heap.Count - 1; heap.TryDequeue(out var neighbour, out var similarity); place--)
        {
            Indices[(row * K) + place] = neighbour;
            Similarities[(row * K) + place] = Math.Min(1, similarity * scale);
        }
    }
}
