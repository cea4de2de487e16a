namespace Annotator.Core.Student;

/// <summary>How items become rows of features: a closed set, one kind a modality. It says how the trainer weighs them and which graph a student is written as.</summary>
public abstract record FeatureOptions
{
    private protected FeatureOptions()
    {
    }

    /// <summary>Number of different features; a row's indices are below it.</summary>
    public abstract int Buckets { get; }

    /// <summary>Whether features are occurrences, which count more the rarer they are; else rows carry values that are taken as they stand.</summary>
    internal abstract bool ByRarity { get; }

    /// <summary>Weight of a feature before rows are scaled to unit length.</summary>
    internal virtual float WeightOf(int bucket, SoftmaxOptions options) => 1;

    /// <summary>The trainer's options that suit these features.</summary>
    /// <param name="multiple">Whether several classes may be right at once.</param>
    public virtual SoftmaxOptions Training(bool multiple) => new() { Multiple = multiple, Balanced = true };
}
