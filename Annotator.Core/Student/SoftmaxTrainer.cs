namespace Annotator.Core.Student;

/// <summary>A trained model with what is needed to go on from it when more labels have come.</summary>
public sealed class SoftmaxFit
{
    internal SoftmaxFit(SoftmaxModel model, int[] rows, float[] duals, int passes)
    {
        Model = model;
        Rows = rows;
        Duals = duals;
        Passes = passes;
    }

    /// <summary>The model.</summary>
    public SoftmaxModel Model { get; }

    /// <summary>Passes over the rows that were made.</summary>
    public int Passes { get; }

    /// <summary>Rows that had labels, ascending.</summary>
    internal int[] Rows { get; }

    /// <summary>One vector over the (padded) classes for each of <see cref="Rows"/>: see <see cref="DualAscent"/>.</summary>
    internal float[] Duals { get; }
}

/// <summary>
/// Trains multinomial logistic regression (or, where several classes may be right, one yes/no model a class) on sparse rows: see
/// <see cref="SoftmaxOptions"/> for the choices. Deterministic: the same rows, labels, options and start give the same weights.
/// </summary>
/// <param name="features">How the rows were made.</param>
/// <param name="options">How to train.</param>
public sealed class SoftmaxTrainer(FeatureOptions features, SoftmaxOptions? options = null)
{
    /// <summary>The options in use.</summary>
    public SoftmaxOptions Options { get; } = options ?? new SoftmaxOptions();

    /// <summary>How the rows were made.</summary>
    public FeatureOptions Features { get; } = features;

    /// <summary>Trains on the given labels.</summary>
    /// <param name="rows">Features; rows without a label are not used.</param>
    /// <param name="labels">Labels, several a row if need be. A class may have none.</param>
    /// <param name="classes">Number of classes (at least 1).</param>
    /// <param name="start">An earlier result over the same <paramref name="rows"/> and number of classes to go on from; another number of classes starts afresh.</param>
    /// <param name="cancellationToken">Stops the training.</param>
    /// <exception cref="ArgumentException">A label names a row or class that does not exist, or has a weight that is negative or not a number.</exception>
    public SoftmaxFit Train(
        SparseRows rows, IReadOnlyList<LabelledRow> labels, int classes, SoftmaxFit? start = null, CancellationToken cancellationToken = default)
    {
        var set = TrainingSet.Create(rows, labels, classes, Features, Options);
        return Train(set, [.. Enumerable.Range(0, set.Rows.Length)], start, cancellationToken);
    }

    /// <summary>Trains on some of the rows of a set.</summary>
    internal SoftmaxFit Train(TrainingSet set, int[] chosen, SoftmaxFit? start, CancellationToken cancellationToken) =>
        Train(set, chosen, start, out _, cancellationToken);

    /// <summary>Trains on some of the rows of a set.</summary>
    /// <param name="set">Rows and labels.</param>
    /// <param name="chosen">Which of the set's rows.</param>
    /// <param name="start">An earlier result to go on from.</param>
    /// <param name="ascent">Receives the weights as the solver has them.</param>
    /// <param name="cancellationToken">Stops the training.</param>
    /// <param name="served">Whether the model will be used. Of a fold's only the state is kept to go on from: its weights, as many as the model's own, are not.</param>
    internal SoftmaxFit Train(TrainingSet set, int[] chosen, SoftmaxFit? start, out DualAscent ascent, CancellationToken cancellationToken, bool served = true)
    {
        var duals = set.Duals(start);
        var classes = set.Targets.Classes;
        ascent = new DualAscent(set.Matrix, set.Targets, duals, chosen, Options.Multiple, Options.CostFor(classes));
        var passes = ascent.Run(Options.MaximumPasses, Options.Tolerance, Options.Seed, cancellationToken);
        var model = served ? ToModel(set.Matrix, ascent, classes) : new SoftmaxModel(Features, classes, Options.Multiple, [], [], [], ascent.Weights[..classes]);
        return new SoftmaxFit(model, set.Rows, duals, passes);
    }

    private SoftmaxModel ToModel(TrainingMatrix matrix, DualAscent ascent, int classes)
    {
        var known = matrix.Buckets.Length - 1;
        var weights = new float[known * (long)classes];
        for (var i = 0; i < known; i++)
        {
            ascent.Weights.AsSpan((i + 1) * ascent.Stride, classes).CopyTo(weights.AsSpan(i * classes, classes));
        }

        return new SoftmaxModel(
            Features, classes, Options.Multiple, matrix.Buckets[1..], matrix.Scales[1..], weights, ascent.Weights[..classes]);
    }
}

/// <summary>The labelled rows and their labels, made once and shared by the model and its folds.</summary>
internal sealed class TrainingSet
{
    private TrainingSet(int[] rows, TrainingMatrix matrix, TrainingTargets targets, TrainingTargets checks)
    {
        Rows = rows;
        Matrix = matrix;
        Targets = targets;
        Checks = checks;
    }

    /// <summary>The labelled rows, ascending; row i of the matrix is Rows[i] of the features.</summary>
    public int[] Rows { get; }

    public TrainingMatrix Matrix { get; }

    public TrainingTargets Targets { get; }

    /// <summary>What predictions are judged by: people's labels only, at their own weights (not balanced); all labels where people's are too few.</summary>
    public TrainingTargets Checks { get; }

    public static TrainingSet Create(SparseRows rows, IReadOnlyList<LabelledRow> labels, int classes, FeatureOptions features, SoftmaxOptions options)
    {
        ArgumentNullException.ThrowIfNull(rows);
        ArgumentNullException.ThrowIfNull(labels);
        ArgumentOutOfRangeException.ThrowIfLessThan(classes, 1);
        foreach (var label in labels)
        {
            var lowest = options.Multiple ? -1 : 0;
            if (label.Row < 0 || label.Row >= rows.Count) throw new ArgumentException($"There is no row {label.Row}.", nameof(labels));
            if (label.Class < lowest || label.Class >= classes) throw new ArgumentException($"There is no class {label.Class}.", nameof(labels));
            if (!(label.Weight >= 0) || float.IsInfinity(label.Weight)) throw new ArgumentException($"Row {label.Row} has the weight {label.Weight}.", nameof(labels));
        }

        var chosen = labels.Where(label => options.Pull(label, 1) > 0).Select(label => label.Row).Distinct().Order().ToArray();
        var place = new Dictionary<int, int>(chosen.Length);
        for (var i = 0; i < chosen.Length; i++) place[chosen[i]] = i;

        var cost = options.CostFor(classes);
        var targets = Gather([.. labels.Select(label => label with { Weight = options.Pull(label, cost) })], place, classes, options.Multiple);
        var trusted = labels.Where(label => label.Trusted).ToList();
        var judged = trusted.Count == labels.Count || trusted.Select(label => label.Row).Distinct().Count() < StudentTraining.FewestForFolds ? labels : trusted;
        var checks = judged == labels && labels.All(label => label.Emphasis == 1) ? targets.Copy() : Gather(judged, place, classes, options.Multiple);
        if (options.Balanced && !options.Multiple) targets.Balance();
        return new TrainingSet(chosen, TrainingMatrix.Build(rows, chosen, features, options with { WordWeight = options.WordWeightFor(classes) }), targets, checks);
    }

    private static TrainingTargets Gather(IReadOnlyList<LabelledRow> labels, Dictionary<int, int> place, int classes, bool multiple)
    {
        var targets = new TrainingTargets(place.Count, classes);
        foreach (var label in labels)
        {
            if (label.Weight == 0) continue;
            var row = place[label.Row];
            if (label.Class >= 0) targets.Of(row)[label.Class] += label.Weight;
            if (!multiple) targets.Weights[row] += label.Weight;
            else targets.Weights[row] = MathF.Max(targets.Weights[row], label.Weight);
        }

        targets.Normalise();
        return targets;
    }

    /// <summary>α of an earlier result for the rows of this set; zero where there is none.</summary>
    public float[] Duals(SoftmaxFit? start)
    {
        var stride = Targets.Stride;
        var duals = new float[Rows.Length * stride];
        if (start is null || start.Model.Classes != Targets.Classes || start.Duals.Length == 0) return duals;
        for (int i = 0, j = 0; i < Rows.Length; i++)
        {
            while (j < start.Rows.Length && start.Rows[j] < Rows[i]) j++;
            if (j < start.Rows.Length && start.Rows[j] == Rows[i]) start.Duals.AsSpan(j * stride, stride).CopyTo(duals.AsSpan(i * stride, stride));
        }

        return duals;
    }
}
