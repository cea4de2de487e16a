namespace Annotator.Core.Quality;

/// <summary>The percentile bootstrap (Efron 1979): how much a figure would move with another sample of the same units.</summary>
public static class Bootstrap
{
    /// <summary>Usual number of resamples.</summary>
    public const int UsualResamples = 1_000;

    /// <summary>What resamples may take of the machine: two processors at the most, and one less than there are, so that requests beside them find one.</summary>
    internal static ParallelOptions Threads { get; } = new() { MaxDegreeOfParallelism = Math.Clamp(Environment.ProcessorCount - 1, 1, 2) };

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
        Parallel.For(0, resamples, Threads, i => figures[i] = resampled(new Random(unchecked((seed * 1_000_003) + i))));
        var sorted = figures.OfType<double>().Order().ToArray();
        if (sorted.Length < resamples / 2) return null;
        var tail = (1 - confidence) / 2;
        return new Interval(estimate, Quantile(sorted, tail), Quantile(sorted, 1 - tail));
    }

    /// <summary>How often something happens that happens so often in the mean: Knuth's way for small means, the normal curve for large ones.</summary>
    internal static long Poisson(Random random, double mean)
    {
        if (mean > 30) return Math.Max(0, (long)Math.Round(mean + (Math.Sqrt(mean) * Normal(random))));
        var (limit, product, count) = (Math.Exp(-mean), random.NextDouble(), 0);
        for (; product > limit; count++) product *= random.NextDouble();
        return count;
    }

    /// <summary>A number of the standard normal curve (Box and Muller 1958).</summary>
    internal static double Normal(Random random) => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());

    private static double Quantile(double[] sorted, double q)
    {
        var at = q * (sorted.Length - 1);
        var low = (int)at;
        var high = Math.Min(low + 1, sorted.Length - 1);
        return sorted[low] + ((at - low) * (sorted[high] - sorted[low]));
    }
}
