namespace Annotator.Core.Learning.Acquisition;

/// <summary>What may be done with an item when it is chosen what people are asked next.</summary>
public enum ItemUse : byte
{
    /// <summary>Has no label; may be picked.</summary>
    Open = 0,

    /// <summary>Has a label of a person or of the data: is not picked, and what is like it is known already.</summary>
    Labelled = 1,

    /// <summary>Is not picked and tells nothing: leased, accepted by a model, closed.</summary>
    Unavailable = 2,
}

/// <summary>
/// Everything an <see cref="IAcquisitionStrategy"/> sees: arrays by item (position 0 … n - 1, in any order that the caller keeps), no database.
/// Only <see cref="Use"/>, <see cref="Classes"/> and <see cref="Batch"/> are required; what is missing is done without.
/// </summary>
public sealed record AcquisitionRequest
{
    /// <summary>One value an item; their number is the number of items.</summary>
    public required ReadOnlyMemory<ItemUse> Use { get; init; }

    /// <summary>Number of classes, at least 1.</summary>
    public required int Classes { get; init; }

    /// <summary>How many picks are wanted, at least 1; fewer are answered where fewer items are open.</summary>
    public required int Batch { get; init; }

    /// <summary>Items x <see cref="Classes"/>, row-major: calibrated probabilities of the student. Empty before there is one.</summary>
    public ReadOnlyMemory<float> Probabilities { get; init; }

    /// <summary>Several classes may be right at once: <see cref="Probabilities"/> are independent, one a class.</summary>
    public bool Multiple { get; init; }

    /// <summary>Items x <see cref="Dimensions"/>, row-major, each row of length 1 (or all 0). Empty where there is no representation.</summary>
    public ReadOnlyMemory<float> Embedding { get; init; }

    /// <summary>Length of a row of <see cref="Embedding"/>.</summary>
    public int Dimensions { get; init; }

    /// <summary>Items labelled so far by class, one value a class. Empty: not known.</summary>
    public ReadOnlyMemory<int> ClassCounts { get; init; }

    /// <summary>The cluster of each item, 0 or more, -1 for none (<see cref="Neighbours.Clustering.Assignment"/>). Empty: found where needed.</summary>
    public ReadOnlyMemory<int> Clusters { get; init; }

    /// <summary>How many items an item stands for, one positive value an item: e.g. the size of its near-duplicate group. Empty: 1 each.</summary>
    public ReadOnlyMemory<float> Density { get; init; }

    /// <summary>Share of the picks drawn at random by strategies that keep a control group, 0 … 0.5.</summary>
    /// <value>Default 0.05.</value>
    public double ControlShare { get; init; } = 0.05;

    /// <summary>Seed: the same request gives the same picks.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>Number of items.</summary>
    public int Items => Use.Length;

    internal bool HasProbabilities => Probabilities.Length > 0;

    internal bool HasEmbedding => Embedding.Length > 0;

    /// <summary>Throws where the arrays do not fit together.</summary>
    /// <exception cref="ArgumentException">An array has another length than the number of items asks for; the message names it.</exception>
    public void Validate()
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(Classes, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(Batch, 1);
        if (ControlShare is not (>= 0 and <= 0.5)) throw new ArgumentException($"The control share must be 0 … 0.5, not {ControlShare}.");
        if (HasEmbedding && Dimensions < 1) throw new ArgumentException("Rows of an embedding need a length of at least 1.");
        Check(Probabilities.Length, Classes, nameof(Probabilities));
        Check(Embedding.Length, Dimensions, nameof(Embedding));
        Check(Clusters.Length, 1, nameof(Clusters));
        Check(Density.Length, 1, nameof(Density));
        if (ClassCounts.Length > 0 && ClassCounts.Length != Classes)
            throw new ArgumentException($"{nameof(ClassCounts)} has {ClassCounts.Length} values for {Classes} classes.");
    }

    private void Check(int length, int width, string name)
    {
        if (length > 0 && length != (long)Items * width) throw new ArgumentException($"{name} has {length} values; {Items} items of {width} need {(long)Items * width}.");
    }
}
