namespace Annotator.Core.Quality;

/// <summary>The percentile bootstrap (Efron 1979): how much a figure would move with another sample of the same units.</summary>
public static class Bootstrap
{
    /// <summary>Usual number of resamples.</summary>
    public const int UsualResamples = 1_000;

    /// <summary>The interval of a figure.</summary>
    /// <param name="estimate">The figure of the sample itself.</param>
    /// <param name="resampled">The figure of one resample, drawn with the generator it is given; null where undefined.</param>
    /// <param name="resamples">How many resamples, at least 20.</param>
    /// <param name="confidence">Coverage in (0, 1).</param>
    /// <param name="seed">Seed; the result does not depend on the number of processors.</param>
    /// <returns>The interval; null where fewer than half of the resamples have the figure.</returns>
    public static Interval? Of(double estimate, Func<Random, double?> resampled, int resamples = UsualResamples, double confidence = 0.95, int seed = 1)
    {
        ArgumentNullException.ThrowIfNull(resampled);
        ArgumentOutOfRangeException.ThrowIfLessThan(resamples, 20);
        if (!(confidence is > 0 and < 1)) throw new ArgumentOutOfRangeException(nameof(confidence), confidence, "A confidence lies between 0 and 1.");
        var figures = new double?[resamples];
        Parallel.For(0, resamples, i => figures[i] = resampled(new Random(unchecked((seed * 1_000_003) + i))));
        var sorted = figures.OfType<double>().Order().ToArray();
        if (sorted.Length < resamples / 2) return null;
        var tail = (1 - confidence) / 2;
        return new Interval(estimate, Quantile(sorted, tail), Quantile(sorted, 1 - tail));
    }

    private static double Quantile(double[] sorted, double q)
    {
        var at = q * (sorted.Length - 1);
        var low = (int)at;
        var high = Math.Min(low + 1, sorted.Length - 1);
        return sorted[low] + ((at - low) * (sorted[high] - sorted[low]));
    }
}
