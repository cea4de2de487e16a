namespace Annotator.Core.Student;

/// <summary>One weighted label of a row. A row may have several: a soft label of a model, or a text that two people labelled differently.</summary>
/// <param name="Row">Row of the features.</param>
/// <param name="Class">0-based class. In a task with several choices: a class the row has; -1 says that the row has none of them.</param>
/// <param name="Weight">How much it counts (at least 0): a person's decision 1. Of a label that is not trusted: the probability that it is right, 0 to 1.</param>
/// <param name="Trusted">
/// True for a person's decision. A model's label teaches with the pull that <see cref="SoftmaxOptions.Pull"/> gives it, and calibration is fitted on
/// people's labels alone, unless there are hardly any.
/// </param>
/// <param name="Emphasis">How many times its weight it counts while a model is trained. What predictions are judged and calibrated by counts it once.</param>
public readonly record struct LabelledRow(int Row, int Class, float Weight = 1, bool Trusted = true, float Emphasis = 1);

/// <summary>How a student is trained.</summary>
public sealed record SoftmaxOptions
{
    private const int FewClasses = 16;

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

    /// <summary>Weight of a word against a character n-gram, with few classes; see <see cref="WordWeightFor"/>.</summary>
    public float WordWeight { get; init; } = 2.25f;

    /// <summary>Seed of the order of rows.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>
    /// The weight that a label enters the problem with. A person's is taken as it is. With a cost C a row can push its own log-odds by a multiple of C, far
    /// past all of its neighbours: a wrong label of a model would be learned by heart. So a model's label may push by no more than it is worth as
    /// evidence, the logarithm of its odds ln(r / (1 - r)), and one that is as often wrong as right not at all.
    /// </summary>
    /// <param name="label">The label.</param>
    /// <param name="cost">C.</param>
    internal float Pull(LabelledRow label, double cost)
    {
        if (label.Trusted) return label.Weight * label.Emphasis;
        var evidence = UntrustedPull * Math.Log(label.Weight / (1 - label.Weight));
        return (float)Math.Clamp(evidence / cost, 0, 1);
    }

    /// <summary>Factor on that evidence.</summary>
    internal double UntrustedPull { get; init; } = 1.5;

    /// <summary>
    /// The weight of a word where there are so many classes. With many of them each has few labels and the same words stand in several: parts of words then say more
    /// (measured on sets of 2 to 77 classes).
    /// </summary>
    internal float WordWeightFor(int classes) => classes <= FewClasses ? WordWeight : WordWeight * MathF.Max(0.5f, MathF.Sqrt((float)FewClasses / classes));

    internal double CostFor(int classes) => Cost ?? (Multiple ? 8 : Math.Clamp(8 * Math.Log2(classes), 8, 32));
}
