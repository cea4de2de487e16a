namespace Annotator.Core.Learning.Acquisition;

/// <summary>Why an item was picked.</summary>
public enum PickReason
{
    /// <summary>Drawn at random: the control group against which the saving is shown, or a strategy that knows nothing better.</summary>
    Control,

    /// <summary>Typical of items of which nothing is labelled yet.</summary>
    Coverage,

    /// <summary>The student hesitates, on an item that stands for others.</summary>
    Uncertain,

    /// <summary>May be of a class that has few labels or none.</summary>
    RareClass,
}

/// <summary>One picked item.</summary>
/// <param name="Item">Its position in the request.</param>
/// <param name="Reason">Why.</param>
/// <param name="Value">What the strategy expects of it, on a scale of its own; greater is better.</param>
public readonly record struct AcquisitionPick(int Item, PickReason Reason, double Value);

/// <summary>
/// Chooses which items people are asked next. Pure: looks only at the request, keeps nothing, and is deterministic for its seed. Picks are
/// distinct, open, and in order of value, so that any beginning of them is a good smaller batch.
/// </summary>
public interface IAcquisitionStrategy
{
    /// <summary>Short name, as used by the benchmark.</summary>
    string Name { get; }

    /// <summary>Picks items.</summary>
    /// <param name="request">What is known.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <returns>The picks, most valuable first; as many as asked for, or all open items where they are fewer.</returns>
    /// <exception cref="ArgumentException">The request's arrays do not fit together.</exception>
    AcquisitionPick[] Select(AcquisitionRequest request, CancellationToken cancellationToken = default);
}
