namespace Annotator.Core.Student;

/// <summary>One weighted label of a row. A row may have several: a soft label of a model, or a text that two people labelled differently.</summary>
/// <param name="Row">Row of the features.</param>
/// <param name="Class">0-based class. In a task with several choices: a class the row has; -1 says that the row has none of them.</param>
/// <param name="Weight">How much it counts (at least 0); a person's decision is 1, a model's label its measured reliability.</param>
public readonly record struct LabelledRow(int Row, int Class, float Weight = 1);

/// <summary>How a student is trained.</summary>
public sealed record SoftmaxOptions
{
    /// <summary>Several classes may be right at once: independent yes/no models in place of one choice.</summary>
    public bool Multiple { get; init; }

    /// <summary>Gives each class the same total weight, softened (square root), so that rare classes are found.</summary>
    public bool Balanced { get; init; }

    /// <summary>Inverse strength of the L2 penalty (the C of LIBLINEAR and scikit-learn); null: 8 · log2(classes), at most 32, which measured best.</summary>
    public double? Cost { get; init; }

    /// <summary>Most passes over the rows.</summary>
    public int MaximumPasses { get; init; } = 15;

    /// <summary>Training ends when the mean change of a row's probabilities (summed over classes) in a pass is below this.</summary>
    public double Tolerance { get; init; } = 0.004;

    /// <summary>Buckets that fewer labelled rows have are left out.</summary>
    public int MinimumRows { get; init; } = 2;

    /// <summary>Weight of a word against a character n-gram.</summary>
    public float WordWeight { get; init; } = 1.75f;

    /// <summary>Seed of the order of rows.</summary>
    public ulong Seed { get; init; } = 1;

    internal double CostFor(int classes) => Cost ?? (Multiple ? 8 : Math.Clamp(8 * Math.Log2(classes), 8, 32));
}
