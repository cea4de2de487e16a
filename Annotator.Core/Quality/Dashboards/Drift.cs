namespace Annotator.Core.Quality.Dashboards;

/// <summary>Whether two samples of labels come from the same distribution.</summary>
public static class Drift
{
    private const int Draws = 200;

    /// <summary>Total variation distance of two distributions given by counts: half the sum of the differences of shares.</summary>
    /// <exception cref="ArgumentException">A sample is empty, or they have different lengths.</exception>
    public static double Distance(ReadOnlySpan<long> before, ReadOnlySpan<long> after)
    {
        if (before.Length != after.Length) throw new ArgumentException("Both samples count the same labels.", nameof(after));
        long first = 0, second = 0;
        for (var i = 0; i < before.Length; i++) (first, second) = (first + before[i], second + after[i]);
        if (first <= 0 || second <= 0) throw new ArgumentException("A sample without a label has no distribution.", nameof(before));
        var sum = 0.0;
        for (var i = 0; i < before.Length; i++) sum += Math.Abs(((double)before[i] / first) - ((double)after[i] / second));
        return sum / 2;
    }

    /// <summary>The distance below which 95 of 100 pairs of samples of these sizes lie where nothing changed: drawn from the pooled distribution.</summary>
    /// <param name="before">Counts of one sample.</param>
    /// <param name="after">Counts of the other.</param>
    /// <param name="seed">Seed of the draws.</param>
    public static double ByChance(ReadOnlySpan<long> before, ReadOnlySpan<long> after, int seed = 1)
    {
        var n = before.Length;
        var pooled = new double[n];
        long first = 0, second = 0;
        for (var i = 0; i < n; i++) (first, second, pooled[i]) = (first + before[i], second + after[i], before[i] + after[i]);
        var random = new Random(seed);
        var distances = new double[Draws];
        var (a, b) = (new long[n], new long[n]);
        for (var d = 0; d < Draws; d++)
        {
            Multinomial(random, pooled, first + second, first, a);
            Multinomial(random, pooled, first + second, second, b);
            distances[d] = Distance(a, b);
        }

        Array.Sort(distances);
        return distances[(int)(0.95 * (Draws - 1))];
    }

    // One binomial a class, given those before; by the normal curve where the numbers are large, so that a million labels cost no more than a hundred.
    private static void Multinomial(Random random, double[] weights, double total, long size, long[] counts)
    {
        var (left, weight) = (size, total);
        for (var i = 0; i < weights.Length; i++)
        {
            var p = weight <= 0 ? 0 : Math.Clamp(weights[i] / weight, 0, 1);
            counts[i] = i == weights.Length - 1 ? left : Binomial(random, left, p);
            left -= counts[i];
            weight -= weights[i];
        }
    }

    private static long Binomial(Random random, long n, double p)
    {
        if (n == 0 || p <= 0) return 0;
        if (p >= 1) return n;
        var variance = n * p * (1 - p);
        if (variance > 25)
        {
            var normal = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
            return Math.Clamp((long)Math.Round((n * p) + (normal * Math.Sqrt(variance))), 0, n);
        }

        if (p > 0.5) return n - Binomial(random, n, 1 - p);

        // Gaps between successes are geometric: as many draws as there are successes.
        var (successes, at, log) = (0L, 0.0, Math.Log(1 - p));
        while (true)
        {
            at += Math.Floor(Math.Log(1 - random.NextDouble()) / log) + 1;
            if (at > n) return successes;
            successes++;
        }
    }
}
