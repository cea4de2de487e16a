namespace Annotator.Core.Learning.Acquisition;

/// <summary>How uncertain a row of probabilities is.</summary>
public enum UncertaintyMeasure
{
    /// <summary>1 minus the difference of the two greatest (Scheffer, Decomain and Wrobel 2001): "breaking ties".</summary>
    Margin,

    /// <summary>Shannon's entropy as a share of its maximum.</summary>
    Entropy,

    /// <summary>1 minus the greatest.</summary>
    LeastConfidence,
}

/// <summary>Uncertainty of rows of probabilities, 0 (certain) to 1. Where several classes may be right at once, that of the most doubtful class.</summary>
internal static class Uncertainty
{
    public static float Of(ReadOnlySpan<float> probabilities, UncertaintyMeasure measure, bool multiple)
    {
        if (multiple || probabilities.Length == 1)
        {
            float doubt = 0;
            foreach (var p in probabilities) doubt = MathF.Max(doubt, 1 - MathF.Abs((2 * p) - 1));
            return doubt;
        }

        return measure switch
        {
            UncertaintyMeasure.Margin => Margin(probabilities),
            UncertaintyMeasure.Entropy => Entropy(probabilities),
            UncertaintyMeasure.LeastConfidence => 1 - Greatest(probabilities),
            _ => throw new ArgumentOutOfRangeException(nameof(measure)),
        };
    }

    /// <summary>The uncertainty of each of some items; 1 for all where the request has no probabilities.</summary>
    public static float[] Of(AcquisitionRequest request, ReadOnlySpan<int> items, UncertaintyMeasure measure = UncertaintyMeasure.Margin)
    {
        var values = new float[items.Length];
        if (!request.HasProbabilities)
        {
            Array.Fill(values, 1);
            return values;
        }

        var all = request.Probabilities.Span;
        for (var i = 0; i < values.Length; i++) values[i] = Of(all.Slice(items[i] * request.Classes, request.Classes), measure, request.Multiple);
        return values;
    }

    private static float Margin(ReadOnlySpan<float> probabilities)
    {
        float first = 0, second = 0;
        foreach (var p in probabilities)
        {
            if (p > first) (first, second) = (p, first);
            else if (p > second) second = p;
        }

        return 1 - (first - second);
    }

    private static float Entropy(ReadOnlySpan<float> probabilities)
    {
        float sum = 0;
        foreach (var p in probabilities)
        {
            if (p > 0) sum -= p * MathF.Log(p);
        }

        return sum / MathF.Log(probabilities.Length);
    }

    private static float Greatest(ReadOnlySpan<float> probabilities)
    {
        float first = 0;
        foreach (var p in probabilities) first = MathF.Max(first, p);
        return first;
    }
}
