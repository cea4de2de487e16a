namespace Annotator.Core.Quality.Agreement;

/// <summary>What the numbers of categories mean.</summary>
public enum MeasurementScale
{
    /// <summary>Names: equal or not.</summary>
    Nominal,

    /// <summary>Ranks: what counts is how many ratings lie between two.</summary>
    Ordinal,

    /// <summary>Numbers whose differences count.</summary>
    Interval,

    /// <summary>Positive numbers whose relations count.</summary>
    Ratio,
}

/// <summary>
/// Krippendorff's alpha (2011, "Computing Krippendorff's Alpha-Reliability"): 1 - observed / expected disagreement, for any number of raters, missing
/// ratings and any measure of disagreement. Units with a single rating do not count.
/// </summary>
public static class Krippendorff
{
    /// <summary>Alpha; null where it is undefined: no two ratings of one unit, or all ratings alike.</summary>
    /// <param name="ratings">Ratings.</param>
    /// <param name="scale">What the categories mean.</param>
    /// <param name="values">Value of each category, ascending; empty: 0, 1, 2, …</param>
    /// <exception cref="ArgumentException">The values are not one a category.</exception>
    public static double? Alpha(Ratings ratings, MeasurementScale scale = MeasurementScale.Nominal, ReadOnlySpan<double> values = default)
    {
        ArgumentNullException.ThrowIfNull(ratings);
        if (values.Length > 0 && values.Length != ratings.Categories) throw new ArgumentException("One value a category is needed.", nameof(values));
        var coincidences = Coincidences(ratings, out var totals);
        var value = values.Length > 0 ? values.ToArray() : [.. Enumerable.Range(0, ratings.Categories).Select(c => (double)c)];
        return Alpha(coincidences, totals, scale switch
        {
            MeasurementScale.Nominal => (a, b) => a == b ? 0 : 1,
            MeasurementScale.Ordinal => Ordinal(totals),
            MeasurementScale.Interval => (a, b) => (value[a] - value[b]) * (value[a] - value[b]),
            MeasurementScale.Ratio => (a, b) => value[a] == value[b] ? 0 : Math.Pow((value[a] - value[b]) / (value[a] + value[b]), 2),
            _ => throw new ArgumentOutOfRangeException(nameof(scale)),
        });
    }

    /// <summary>Alpha with a measure of disagreement of one's own: symmetric, 0 for equals, e.g. the distance of two sets of labels (MASI).</summary>
    public static double? Alpha(Ratings ratings, Func<int, int, double> disagreement)
    {
        ArgumentNullException.ThrowIfNull(ratings);
        ArgumentNullException.ThrowIfNull(disagreement);
        return Alpha(Coincidences(ratings, out var totals), totals, disagreement);
    }

    private static double? Alpha(double[] coincidences, double[] totals, Func<int, int, double> disagreement)
    {
        var n = totals.Sum();
        double observed = 0, expected = 0;
        for (var a = 0; a < totals.Length; a++)
        {
            if (totals[a] == 0) continue;
            for (var b = 0; b < a; b++)
            {
                if (totals[b] == 0) continue;
                var distance = disagreement(a, b);
                observed += coincidences[(a * totals.Length) + b] * distance;
                expected += totals[a] * totals[b] * distance;
            }
        }

        return expected == 0 ? null : 1 - ((n - 1) * observed / expected);
    }

    private static double[] Coincidences(Ratings ratings, out double[] totals)
    {
        var categories = ratings.Categories;
        var pairs = new double[categories * categories];
        totals = new double[categories];
        for (var u = 0; u < ratings.Units; u++)
        {
            var given = ratings.Of(u);
            if (given.Length < 2) continue;
            var weight = 1.0 / (given.Length - 1);
            for (var i = 0; i < given.Length; i++)
            {
                totals[given[i]]++;
                for (var j = 0; j < i; j++)
                {
                    pairs[(given[i] * categories) + given[j]] += weight;
                    pairs[(given[j] * categories) + given[i]] += weight;
                }
            }
        }

        return pairs;
    }

    private static Func<int, int, double> Ordinal(double[] totals)
    {
        var before = new double[totals.Length + 1];
        for (var c = 0; c < totals.Length; c++) before[c + 1] = before[c] + totals[c];
        return (a, b) =>
        {
            var (low, high) = a < b ? (a, b) : (b, a);
            var between = before[high + 1] - before[low] - ((totals[low] + totals[high]) / 2);
            return low == high ? 0 : between * between;
        };
    }
}
