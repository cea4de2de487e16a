namespace Annotator.Core.Student;

/// <summary>
/// Linear weights over features (for texts: hashed n-grams). Scores of an item are (Σ over its features of value · scale · weight) / √(Σ of (value · scale)²) + bias, over the
/// features the model knows; probabilities are their softmax (or, where several classes may be right, a sigmoid each). Immutable.
/// </summary>
public sealed class SoftmaxModel
{
    internal SoftmaxModel(FeatureOptions features, int classes, bool multiple, int[] buckets, float[] scales, float[] weights, float[] bias)
    {
        Features = features;
        Classes = classes;
        Multiple = multiple;
        Buckets = buckets;
        Scales = scales;
        Weights = weights;
        Bias = bias;
    }

    /// <summary>How items become features.</summary>
    public FeatureOptions Features { get; }

    /// <summary>Number of classes.</summary>
    public int Classes { get; }

    /// <summary>Several classes may be right at once: independent probabilities.</summary>
    public bool Multiple { get; }

    /// <summary>Buckets that have weights, ascending.</summary>
    internal int[] Buckets { get; }

    /// <summary>Weight of each of them before a text is scaled to unit length.</summary>
    internal float[] Scales { get; }

    /// <summary>[bucket, class], row-major.</summary>
    internal float[] Weights { get; }

    /// <summary>One a class.</summary>
    internal float[] Bias { get; }

    /// <summary>Number of buckets that have weights.</summary>
    public int KnownBuckets => Buckets.Length;

    /// <summary>A scorer over the features of texts, for use where the features are at hand already. Not thread-safe; cheap to make (it holds a table of buckets).</summary>
    public SoftmaxScorer CreateScorer(Temperature temperature) => new(this, temperature);

    /// <summary>A scorer of probabilities as they come out of the scores.</summary>
    public SoftmaxScorer CreateScorer() => new(this, Temperature.One);
}

/// <summary>Computes probabilities from features without ONNX; equal to the exported graph up to rounding.</summary>
public sealed class SoftmaxScorer
{
    private readonly SoftmaxModel _model;
    private readonly int[] _positions;
    private readonly Temperature _temperature;

    internal SoftmaxScorer(SoftmaxModel model, Temperature temperature)
    {
        _model = model;
        _temperature = temperature;
        _positions = new int[model.Features.Buckets];
        for (var i = 0; i < model.Buckets.Length; i++) _positions[model.Buckets[i]] = i + 1;
    }

    /// <summary>Probabilities of one row.</summary>
    /// <param name="rows">Features.</param>
    /// <param name="row">Which row.</param>
    /// <param name="probabilities">Receives one value a class.</param>
    public void Score(SparseRows rows, int row, Span<float> probabilities)
    {
        ArgumentNullException.ThrowIfNull(rows);
        Score(rows[row], rows.ValuesOf(row), probabilities);
    }

    /// <summary>Probabilities of one item whose features are occurrences.</summary>
    /// <param name="indices">Its buckets.</param>
    /// <param name="probabilities">Receives one value a class.</param>
    public void Score(ReadOnlySpan<int> indices, Span<float> probabilities) => Score(indices, default, probabilities);

    private void Score(ReadOnlySpan<int> indices, ReadOnlySpan<float> values, Span<float> probabilities)
    {
        var classes = _model.Classes;
        probabilities = probabilities[..classes];
        probabilities.Clear();
        float squared = 0;
        for (var i = 0; i < indices.Length; i++)
        {
            var position = _positions[indices[i]] - 1;
            if (position < 0) continue;
            var scale = values.IsEmpty ? _model.Scales[position] : _model.Scales[position] * values[i];
            squared += scale * scale;
            var weights = _model.Weights.AsSpan(position * classes, classes);
            SpanMath.AddScaled(weights, scale, probabilities);
        }

        var norm = squared > 0 ? 1 / MathF.Sqrt(squared) : 0;
        for (var c = 0; c < classes; c++) probabilities[c] = (probabilities[c] * norm) + _model.Bias[c];
        _temperature.Apply(probabilities);
        Probabilities.FromScores(probabilities, _model.Multiple);
    }
}

/// <summary>Softmax and sigmoid in place.</summary>
internal static class Probabilities
{
    public static void FromScores(Span<float> scores, bool multiple)
    {
        if (multiple)
        {
            for (var c = 0; c < scores.Length; c++) scores[c] = 1 / (1 + MathF.Exp(-scores[c]));
            return;
        }

        var top = float.NegativeInfinity;
        foreach (var score in scores) top = MathF.Max(top, score);
        float sum = 0;
        for (var c = 0; c < scores.Length; c++)
        {
            scores[c] = MathF.Exp(scores[c] - top);
            sum += scores[c];
        }

        for (var c = 0; c < scores.Length; c++) scores[c] /= sum;
    }

    /// <summary>The first of the greatest values.</summary>
    public static int Best(ReadOnlySpan<float> values)
    {
        var best = 0;
        for (var c = 1; c < values.Length; c++)
        {
            if (values[c] > values[best]) best = c;
        }

        return best;
    }
}
