namespace Annotator.Core.Student;

/// <summary>Labels of the rows of a <see cref="TrainingMatrix"/>: a distribution over classes (or, with several choices, a share for each) and a total weight a row.</summary>
internal sealed class TrainingTargets
{
    private readonly float[] _targets;

    public TrainingTargets(int rows, int classes)
        : this(classes, new float[rows * Padded(classes)], new float[rows])
    {
    }

    private TrainingTargets(int classes, float[] targets, float[] weights)
    {
        Classes = classes;
        Stride = Padded(classes);
        _targets = targets;
        Weights = weights;
    }

    public int Classes { get; }

    /// <summary>Classes, padded to whole vectors.</summary>
    public int Stride { get; }

    public float[] Weights { get; }

    public Span<float> Of(int row) => _targets.AsSpan(row * Stride, Stride);

    /// <summary>The same labels with weights of their own: targets are shared.</summary>
    public TrainingTargets Copy() => new(Classes, _targets, [.. Weights]);

    /// <summary>Divides each row's targets by its weight.</summary>
    public void Normalise()
    {
        for (var row = 0; row < Weights.Length; row++)
        {
            if (Weights[row] == 0) continue;
            foreach (ref var value in Of(row)) value = MathF.Min(1, value / Weights[row]);
        }
    }

    /// <summary>Weights rows so that rare classes count more: by the square root of (mean weight of a class / weight of the row's class), total kept.</summary>
    public void Balance()
    {
        var totals = new double[Classes];
        double all = 0;
        for (var row = 0; row < Weights.Length; row++)
        {
            var target = Of(row);
            for (var c = 0; c < Classes; c++) totals[c] += Weights[row] * target[c];
            all += Weights[row];
        }

        var present = totals.Count(total => total > 0);
        double changed = 0;
        for (var row = 0; row < Weights.Length; row++)
        {
            var target = Of(row);
            double factor = 0;
            for (var c = 0; c < Classes; c++)
            {
                if (target[c] > 0) factor += target[c] * Math.Sqrt(all / (present * totals[c]));
            }

            Weights[row] *= (float)factor;
            changed += Weights[row];
        }

        for (var row = 0; row < Weights.Length; row++) Weights[row] *= (float)(all / changed);
    }

    private static int Padded(int classes) => (classes + 7) / 8 * 8;
}
