namespace Annotator.Core.Quality.Dashboards;

/// <summary>Timed decisions of one length: how many, and their active time together.</summary>
/// <param name="Count">Decisions.</param>
/// <param name="Milliseconds">Their active time.</param>
internal readonly record struct TimedDecisions(long Count, long Milliseconds);

/// <summary>How far the mean active time of a decision would move with other decisions of the same kind.</summary>
internal static class ActiveTime
{
    private const int Resamples = 200;
    private const int Fewest = 5;

    /// <summary>
    /// The 95 % bootstrap interval of the mean, in seconds: of each length as many decisions are drawn as Poisson's law gives (Hanley and MacGibbon 2006), each with the mean
    /// time of its length. Decisions of a part of what the lengths are known of have the spread of all of it.
    /// </summary>
    /// <param name="mean">The mean, in seconds.</param>
    /// <param name="timed">Decisions that it is of.</param>
    /// <param name="lengths">Decisions by length; several of one length may be given.</param>
    /// <returns>The interval; null with fewer than five decisions.</returns>
    public static Interval? IntervalOf(double mean, long timed, IEnumerable<TimedDecisions> lengths)
    {
        var all = lengths.Where(l => l.Count > 0).ToArray();
        var (count, sum) = (all.Sum(l => l.Count), all.Sum(l => l.Milliseconds) / 1_000.0);
        if (count < Fewest || timed < Fewest) return null;
        var centre = sum / count;
        var means = Array.ConvertAll(all, l => l.Milliseconds / 1_000.0 / l.Count);
        var found = Bootstrap.Of(
            centre,
            random =>
            {
                var (drawn, seconds) = (0L, 0.0);
                for (var i = 0; i < all.Length; i++)
                {
                    var n = Bootstrap.Poisson(random, all[i].Count);
                    (drawn, seconds) = (drawn + n, seconds + (n * means[i]));
                }

                return drawn == 0 ? null : seconds / drawn;
            },
            Resamples);
        var scale = Math.Sqrt((double)count / timed);
        return found is { } i ? new Interval(mean, Math.Max(0, mean - (scale * Math.Max(0, centre - i.Lower))), mean + (scale * Math.Max(0, i.Upper - centre))) : null;
    }
}
