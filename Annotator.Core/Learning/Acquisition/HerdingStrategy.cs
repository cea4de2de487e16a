using Annotator.Core.Learning.Neighbours;
using Annotator.Core.Learning.Representation;

namespace Annotator.Core.Learning.Acquisition;

/// <summary>
/// The product's strategy: picks the item whose label would tell most about items that are still doubtful, then the next given that one, and so on.
/// </summary>
/// <remarks>
/// The worth of an item is the sum, over the items around it, of their doubt times how much nearer they come to a label (uncertainty-weighted
/// coverage; Bae, Oh and Sutherland 2024, "Uncertainty Herding"). The reach of a label shrinks as labels grow in number, so that the one rule is coverage of
/// clusters by typical items at a cold start and uncertainty times density later; and what is near to a pick is worth little for the rest of the batch.
/// Doubt is the margin of the two most probable classes, raised for classes with few labels, and mixed with even doubt while classes have few labels.
/// Of very many items the most doubtful and a random part are looked at closely. A share of the picks is drawn at random instead (<see cref="PickReason.Control"/>).
/// </remarks>
/// <param name="options">Null for the defaults.</param>
public sealed class HerdingStrategy(HerdingOptions? options = null) : IAcquisitionStrategy
{
    private const int MostLabelled = 20_000;
    private const int MostCandidates = 8_192;
    private const int ReachSample = 256;

    private readonly HerdingOptions _options = Checked(options ?? new());

    /// <inheritdoc/>
    public string Name => "annotator";

    /// <inheritdoc/>
    public AcquisitionPick[] Select(AcquisitionRequest request, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        request.Validate();
        var random = new Random(request.Seed);
        var open = OpenItems.With(request, ItemUse.Open);
        var batch = Math.Min(request.Batch, open.Length);
        if (batch == 0) return [];
        var control = OpenItems.Sample(open, ControlCount(request, batch, random), random);
        var chosen = new HashSet<int>(control);
        var labelled = OpenItems.With(request, ItemUse.Labelled);
        var candidates = Candidates.Choose(request, open, labelled.Length, Math.Clamp(2 * batch, _options.Candidates, Math.Max(_options.Candidates, MostCandidates)), _options, random);
        var picks = new List<AcquisitionPick>(batch);
        if (request.HasEmbedding)
        {
            var similarity = Similarity(request, candidates, labelled.Length + batch, cancellationToken, out var reach);
            var covered = Covered(request, candidates.Items, OpenItems.Sample(labelled, MostLabelled, random), reach, cancellationToken);
            foreach (var item in control)
            {
                var at = Array.IndexOf(candidates.Items, item);
                if (at >= 0) Cover(covered, similarity, at);
            }

            Herd(candidates, similarity, covered, chosen, picks, batch - control.Length, cancellationToken);
        }

        // Without a representation, or where nothing more is worth anything by it: the most doubtful first.
        if (picks.Count < batch - control.Length)
        {
            var rest = Array.FindAll(open, item => !chosen.Contains(item));
            var doubt = Uncertainty.Of(request, rest);
            foreach (var item in OpenItems.Top(rest, doubt, batch - control.Length - picks.Count, random))
                picks.Add(new AcquisitionPick(item, request.HasProbabilities ? PickReason.Uncertain : PickReason.Coverage, 0));
        }

        return Mix(picks, control, random);
    }

    private static HerdingOptions Checked(HerdingOptions options)
    {
        options.Validate();
        return options;
    }

    // The fraction left is drawn, so that the share holds over many small batches.
    private int ControlCount(AcquisitionRequest request, int batch, Random random)
    {
        var share = batch * (request.HasProbabilities || !request.HasEmbedding ? request.ControlShare : Math.Max(request.ControlShare, _options.FirstRandom));
        var whole = (int)share;
        return whole + (random.NextDouble() < share - whole ? 1 : 0);
    }

    /// <summary>What a label of one candidate (row) says of another (column): 1 at distance 0 and 0 beyond the reach, (1 - d² / reach²)².</summary>
    private float[] Similarity(AcquisitionRequest request, Candidates candidates, int labels, CancellationToken cancellationToken, out float reach)
    {
        var rows = TypicalStrategy.Gather(request, candidates.Items);
        var (count, dimensions) = (candidates.Items.Length, request.Dimensions);
        var squared = new float[count * count];
        const int Block = 64;
        Parallel.For(0, (count + Block - 1) / Block, new ParallelOptions { CancellationToken = cancellationToken }, block =>
        {
            for (var other = 0; other <= block; other++)
            {
                for (var i = block * Block; i < Math.Min(count, (block + 1) * Block); i++)
                {
                    var row = rows.AsSpan(i * dimensions, dimensions);
                    for (var j = other * Block; j < Math.Min(i, (other + 1) * Block); j++)
                    {
                        var distance = Vectors.SquaredDistance(row, rows.AsSpan(j * dimensions, dimensions));
                        squared[i * count + j] = distance;
                        squared[j * count + i] = distance;
                    }
                }
            }
        });

        var within = reach = (float)(_options.Reach * _options.Reach) * EvenShare(squared, count, labels);
        Parallel.For(0, count, i =>
        {
            foreach (ref var value in squared.AsSpan(i * count, count)) value = Near(value, within);
        });
        return squared;
    }

    /// <summary>
    /// The squared distance within which the median item has its even share of the others when that many items are labelled; less where that share is a handful of
    /// items: then a label speaks for itself above all, and doubt counts more than company.
    /// </summary>
    private static float EvenShare(float[] squared, int count, int labels)
    {
        var share = Math.Clamp(count / Math.Max(1, labels), 1, Math.Max(1, count - 1));
        var step = Math.Max(1, count / ReachSample);
        var own = new float[(count + step - 1) / step];
        Parallel.For(0, own.Length, i => own[i] = Smallest(squared.AsSpan(i * step * count, count).ToArray(), Math.Min(share, count - 1)));
        return MathF.Max(Smallest(own, own.Length / 2) * share / (share + 2), 1e-9f);
    }

    /// <summary>The value that has <paramref name="rank"/> smaller ones (Hoare's selection; reorders the values).</summary>
    private static float Smallest(Span<float> values, int rank)
    {
        while (values.Length > 1)
        {
            var pivot = values[values.Length / 2];
            var (i, j) = (0, values.Length - 1);
            while (i <= j)
            {
                while (values[i] < pivot) i++;
                while (values[j] > pivot) j--;
                if (i > j) break;
                (values[i], values[j]) = (values[j], values[i]);
                i++;
                j--;
            }

            if (rank <= j)
            {
                values = values[..(j + 1)];
            }
            else if (rank >= i)
            {
                values = values[i..];
                rank -= i;
            }
            else
            {
                return pivot;
            }
        }

        return values[0];
    }

    private static float Near(float squared, float reach)
    {
        var near = MathF.Max(0, 1 - (squared / reach));
        return near * near;
    }

    /// <summary>How near each candidate is to a label already.</summary>
    private static float[] Covered(AcquisitionRequest request, int[] items, int[] labelled, float reach, CancellationToken cancellationToken)
    {
        var covered = new float[items.Length];
        if (labelled.Length == 0) return covered;
        var (_, distances) = ExactNeighbours.Search(
            TypicalStrategy.Gather(request, items), TypicalStrategy.Gather(request, labelled), request.Dimensions, 1, leaveOutSelf: false, cancellationToken);
        for (var i = 0; i < covered.Length; i++) covered[i] = Near(MathF.Max(0, distances[i]), reach);
        return covered;
    }

    private static void Cover(float[] covered, float[] similarity, int pick)
    {
        var row = similarity.AsSpan(pick * covered.Length, covered.Length);
        for (var i = 0; i < covered.Length; i++) covered[i] = MathF.Max(covered[i], row[i]);
    }

    /// <summary>Greedy choice; worths only fall as picks are made, so an old one is a bound and most need not be computed again (Minoux 1978).</summary>
    private static void Herd(
        Candidates candidates, float[] similarity, float[] covered, HashSet<int> chosen, List<AcquisitionPick> picks, int wanted, CancellationToken cancellationToken)
    {
        var count = covered.Length;
        var worth = new float[count];
        Parallel.For(0, count, i => worth[i] = Gain(candidates, i, similarity.AsSpan(i * count, count), covered));
        var queue = new PriorityQueue<int, (float, int)>();
        for (var i = 0; i < count; i++)
        {
            if (!chosen.Contains(candidates.Items[i])) queue.Enqueue(i, (-worth[i], i));
        }

        var asOf = new int[count];
        while (picks.Count < wanted && queue.TryDequeue(out var i, out _))
        {
            if (asOf[i] != picks.Count)
            {
                asOf[i] = picks.Count;
                worth[i] = Gain(candidates, i, similarity.AsSpan(i * count, count), covered);
                queue.Enqueue(i, (-worth[i], i));
                continue;
            }

            if (worth[i] <= 0) break;
            cancellationToken.ThrowIfCancellationRequested();
            picks.Add(new AcquisitionPick(candidates.Items[i], candidates.Reasons[i], worth[i]));
            chosen.Add(candidates.Items[i]);
            Cover(covered, similarity, i);
        }
    }

    private static float Gain(Candidates candidates, int item, ReadOnlySpan<float> similarity, ReadOnlySpan<float> covered)
    {
        ReadOnlySpan<float> doubt = candidates.Doubt;
        var width = System.Numerics.Vector<float>.Count;
        var sums = System.Numerics.Vector<float>.Zero;
        var i = 0;
        for (; i + width <= doubt.Length; i += width)
        {
            var more = System.Numerics.Vector.Max(new System.Numerics.Vector<float>(similarity[i..]) - new System.Numerics.Vector<float>(covered[i..]), System.Numerics.Vector<float>.Zero);
            sums += more * new System.Numerics.Vector<float>(doubt[i..]);
        }

        var sum = System.Numerics.Vector.Sum(sums);
        for (; i < doubt.Length; i++) sum += MathF.Max(0, similarity[i] - covered[i]) * doubt[i];
        // For itself an item stands once, whatever number it stands for around it.
        return sum - ((doubt[item] - candidates.Own[item]) * MathF.Max(0, 1 - covered[item]));
    }

    // Drawn items lie anywhere in the order, so that a beginning of it has its share of them.
    private static AcquisitionPick[] Mix(List<AcquisitionPick> picks, int[] control, Random random)
    {
        foreach (var item in control) picks.Insert(random.Next(picks.Count + 1), new AcquisitionPick(item, PickReason.Control, 0));
        return [.. picks];
    }
}
