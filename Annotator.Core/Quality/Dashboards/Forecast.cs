namespace Annotator.Core.Quality.Dashboards;

/// <summary>When work will be done, from how it went: futures are drawn from the stretches of the past as they were, idle ones included.</summary>
public static class Forecast
{
    private const int Futures = 1_000;

    /// <summary>The number of stretches that are still needed.</summary>
    /// <param name="remaining">What is left to do, at least 1.</param>
    /// <param name="past">What was done in each stretch of the past, oldest first.</param>
    /// <param name="most">Futures are followed for so many stretches.</param>
    /// <param name="seed">Seed of the draws.</param>
    /// <returns>The 10th, 50th and 90th hundredth of the needed number; <paramref name="most"/> stands for "longer". Null where nothing was done.</returns>
    /// <remarks>Each future begins on a stretch drawn at random and goes on through the following ones for a while (a block bootstrap), so that weekends and lulls stay together.</remarks>
    public static (int Early, int Middle, int Late)? Of(long remaining, IReadOnlyList<long> past, int most = 3_650, int seed = 1)
    {
        ArgumentNullException.ThrowIfNull(past);
        ArgumentOutOfRangeException.ThrowIfLessThan(remaining, 1);
        if (past.Count == 0 || past.Sum() <= 0) return null;
        var random = new Random(seed);
        var block = Math.Clamp(past.Count / 3, 1, 7);
        var needed = new int[Futures];
        for (var f = 0; f < Futures; f++)
        {
            var (left, at, step) = (remaining, 0, 0);
            while (left > 0 && step < most)
            {
                if (step % block == 0) at = random.Next(past.Count);
                left -= past[at];
                at = (at + 1) % past.Count;
                step++;
            }

            needed[f] = step;
        }

        Array.Sort(needed);
        return (needed[Futures / 10], needed[Futures / 2], needed[Futures * 9 / 10]);
    }
}
