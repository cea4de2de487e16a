namespace Annotator.Core.Learning.Propagation;

/// <summary>What propagation says about every row.</summary>
public sealed class PropagationResult
{
    internal PropagationResult(int classes, float[] distributions, int iterations)
    {
        Classes = classes;
        Distributions = distributions;
        Iterations = iterations;
        var count = distributions.Length / classes;
        Labels = new int[count];
        Confidence = new float[count];
        for (var i = 0; i < count; i++)
        {
            var row = distributions.AsSpan(i * classes, classes);
            var best = 0;
            for (var c = 1; c < classes; c++)
                best = row[c] > row[best] ? c : best;
            Labels[i] = row[best] > 0 ? best : -1;
            Confidence[i] = row[best];
        }
    }

    /// <summary>Number of classes.</summary>
    public int Classes { get; }

    /// <summary>Count x <see cref="Classes"/>: each row sums to 1, or is all 0 where no label reached it.</summary>
    public float[] Distributions { get; }

    /// <summary>The most probable class of each row, -1 where no label reached it.</summary>
    public int[] Labels { get; }

    /// <summary>Its share of the row's distribution, 0 to 1. An order of trust, not a calibrated probability: that is the gate's and the router's part.</summary>
    public float[] Confidence { get; }

    /// <summary>Rounds that were run.</summary>
    public int Iterations { get; }
}
