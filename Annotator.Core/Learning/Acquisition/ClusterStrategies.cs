using Annotator.Core.Learning.Neighbours;
using Annotator.Core.Learning.Representation;

namespace Annotator.Core.Learning.Acquisition;

/// <summary>
/// Typical items of regions that have no label (TypiClust; Hacohen, Dekel and Weinshall 2022): as many clusters as there are labels and picks, the
/// largest without a label first, of each the item of least mean distance to its nearest neighbours within the cluster. At random without an embedding.
/// </summary>
public sealed class TypicalStrategy : IAcquisitionStrategy
{
    private const int MostItems = 20_000;
    private const int MostClusters = 1_000;
    private const int Neighbours = 20;
    private const int Examined = 200;

    /// <inheritdoc/>
    public string Name => "typical";

    /// <inheritdoc/>
    public AcquisitionPick[] Select(AcquisitionRequest request, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        request.Validate();
        if (!request.HasEmbedding) return new RandomStrategy().Select(request, cancellationToken);
        var random = new Random(request.Seed);
        var open = OpenItems.Sample(OpenItems.With(request, ItemUse.Open), MostItems, random);
        var labelled = OpenItems.Sample(OpenItems.With(request, ItemUse.Labelled), MostItems, random);
        int[] items = [.. open, .. labelled];
        if (open.Length == 0) return [];
        var rows = Gather(request, items);
        var clustering = KMeans.Fit(
            rows, request.Dimensions, Math.Clamp(labelled.Length + request.Batch, 1, MostClusters), request.Seed, cancellationToken: cancellationToken);
        var members = new List<int>[clustering.Count];
        for (var c = 0; c < members.Length; c++) members[c] = [];
        var known = new int[clustering.Count];
        for (var i = 0; i < items.Length; i++)
        {
            if (i >= open.Length) known[clustering.Assignment[i]]++;
            else members[clustering.Assignment[i]].Add(i);
        }

        // Round after round over the clusters, those with the fewest labels first, among them the largest.
        var picks = new List<AcquisitionPick>();
        var queue = new PriorityQueue<int, (int Known, int Size)>();
        for (var c = 0; c < members.Length; c++)
        {
            if (members[c].Count > 0) queue.Enqueue(c, (known[c], -members[c].Count));
        }

        while (picks.Count < request.Batch && queue.TryDequeue(out var c, out _))
        {
            var size = members[c].Count;
            var pick = MostTypical(rows, request.Dimensions, members[c]);
            members[c].Remove(pick);
            picks.Add(new AcquisitionPick(items[pick], PickReason.Coverage, size));
            if (size > 1) queue.Enqueue(c, (++known[c], -members[c].Count));
        }

        return [.. picks];
    }

    internal static float[] Gather(AcquisitionRequest request, ReadOnlySpan<int> items)
    {
        var rows = new float[items.Length * request.Dimensions];
        var all = request.Embedding.Span;
        for (var i = 0; i < items.Length; i++) all.Slice(items[i] * request.Dimensions, request.Dimensions).CopyTo(rows.AsSpan(i * request.Dimensions));
        return rows;
    }

    private static int MostTypical(float[] rows, int dimensions, List<int> members)
    {
        var stride = Math.Max(1, members.Count / Examined);
        var around = members.Where((_, i) => i % stride == 0).ToArray();
        var distances = new float[around.Length];
        var (best, least) = (members[0], float.PositiveInfinity);
        foreach (var row in around)
        {
            for (var i = 0; i < around.Length; i++)
                distances[i] = MathF.Sqrt(Vectors.SquaredDistance(rows.AsSpan(row * dimensions, dimensions), rows.AsSpan(around[i] * dimensions, dimensions)));
            Array.Sort(distances);
            var mean = distances.Take(Neighbours + 1).Average();
            if (mean < least) (best, least) = (row, mean);
        }

        return best;
    }
}

/// <summary>
/// The ten batches of least margin, clustered into as many clusters as picks, of each the least sure item (as in METHODS' comparison; Zhdanov 2019 is
/// close). At random before there is a student; plain margin without an embedding.
/// </summary>
public sealed class MarginClusterStrategy : IAcquisitionStrategy
{
    private const int Oversampling = 10;
    private const int MostClusters = 1_000;

    /// <inheritdoc/>
    public string Name => "margin+clusters";

    /// <inheritdoc/>
    public AcquisitionPick[] Select(AcquisitionRequest request, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        request.Validate();
        var margin = new UncertaintyStrategy(UncertaintyMeasure.Margin);
        if (!request.HasEmbedding || !request.HasProbabilities) return margin.Select(request, cancellationToken);
        var pool = margin.Select(request with { Batch = (int)Math.Min(int.MaxValue, (long)request.Batch * Oversampling) }, cancellationToken);
        var rows = TypicalStrategy.Gather(request, Array.ConvertAll(pool, p => p.Item));
        var clustering = KMeans.Fit(rows, request.Dimensions, Math.Clamp(request.Batch, 1, MostClusters), request.Seed, cancellationToken: cancellationToken);

        // The pool is in order of uncertainty: the first of each cluster, then the second of each, and so on.
        var seen = new int[clustering.Count];
        var order = pool.Select((pick, i) => (Pick: pick, Round: seen[clustering.Assignment[i]]++)).ToArray();
        return [.. order.OrderBy(p => p.Round).Take(request.Batch).Select(p => p.Pick)];
    }
}
