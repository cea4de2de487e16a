using Annotator.Core.Learning.Representation;

namespace Annotator.Core.Learning.Acquisition;

/// <summary>
/// BADGE (Ash et al. 2020) on a linear student: the k-means++ start over gradients (p - 1[best class]) x embedding, so that picks are both far apart
/// and such that a label would move the student. The product of two gradients is a product of two short ones, so none is written out.
/// At random before there is a student; plain margin without an embedding.
/// </summary>
public sealed class GradientStrategy : IAcquisitionStrategy
{
    private const int MostItems = 20_000;

    /// <inheritdoc/>
    public string Name => "badge";

    /// <inheritdoc/>
    public AcquisitionPick[] Select(AcquisitionRequest request, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        request.Validate();
        if (!request.HasEmbedding || !request.HasProbabilities) return new UncertaintyStrategy(UncertaintyMeasure.Margin).Select(request, cancellationToken);
        var random = new Random(request.Seed);
        var items = OpenItems.Sample(OpenItems.With(request, ItemUse.Open), MostItems, random);
        var (classes, dimensions) = (request.Classes, request.Dimensions);
        var rows = TypicalStrategy.Gather(request, items);
        var errors = new float[items.Length * classes];
        var lengths = new float[items.Length];
        for (var i = 0; i < items.Length; i++)
        {
            var error = errors.AsSpan(i * classes, classes);
            request.Probabilities.Span.Slice(items[i] * classes, classes).CopyTo(error);
            var best = 0;
            for (var c = 1; c < classes; c++) best = error[c] > error[best] ? c : best;
            error[best] -= 1;
            var row = rows.AsSpan(i * dimensions, dimensions);
            lengths[i] = Vectors.Dot(error, error) * Vectors.Dot(row, row);
        }

        var nearest = (float[])lengths.Clone();
        var taken = new bool[items.Length];
        var picks = new List<AcquisitionPick>();
        while (picks.Count < Math.Min(request.Batch, items.Length))
        {
            cancellationToken.ThrowIfCancellationRequested();
            var pick = Draw(nearest, taken, random);
            taken[pick] = true;
            picks.Add(new AcquisitionPick(items[pick], PickReason.Uncertain, nearest[pick]));
            Parallel.For(0, (items.Length + 1023) / 1024, block =>
            {
                var row = rows.AsSpan(pick * dimensions, dimensions);
                var error = errors.AsSpan(pick * classes, classes);
                for (var i = block * 1024; i < Math.Min(items.Length, (block + 1) * 1024); i++)
                {
                    var product = Vectors.Dot(error, errors.AsSpan(i * classes, classes)) * Vectors.Dot(row, rows.AsSpan(i * dimensions, dimensions));
                    nearest[i] = taken[i] ? 0 : MathF.Max(0, MathF.Min(nearest[i], lengths[i] + lengths[pick] - (2 * product)));
                }
            });
        }

        return [.. picks];
    }

    // In proportion to the squared distance to what is picked; uniform where nothing is left that differs.
    private static int Draw(float[] nearest, bool[] taken, Random random)
    {
        double total = 0;
        foreach (var value in nearest) total += value;
        var target = random.NextDouble() * total;
        var last = -1;
        for (var i = 0; i < nearest.Length; i++)
        {
            if (taken[i] || (total > 0 && nearest[i] <= 0)) continue;
            last = i;
            target -= nearest[i];
            if (target < 0) break;
        }

        return last >= 0 ? last : Array.IndexOf(taken, false);
    }
}
