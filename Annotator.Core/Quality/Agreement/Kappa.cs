namespace Annotator.Core.Quality.Agreement;

/// <summary>How far apart two categories are taken to be, where they have an order.</summary>
public enum KappaWeights
{
    /// <summary>Equal or not.</summary>
    None,

    /// <summary>By the number of steps between them.</summary>
    Linear,

    /// <summary>By its square.</summary>
    Quadratic,
}

/// <summary>
/// Chance-corrected agreement: (observed - expected) / (1 - expected), null where it is undefined (nothing rated twice, or chance alone would agree
/// always, as with one category). The coefficients differ in what they expect of chance. Missing ratings as in Gwet, "Handbook of Inter-Rater
/// Reliability" (2014): units with two ratings or more say what was observed, all units what is expected.
/// </summary>
public static class Kappa
{
    /// <summary>Share of pairs of ratings of the same unit that are equal, averaged over units; null where no unit has two ratings.</summary>
    public static double? Percent(Ratings ratings)
    {
        ArgumentNullException.ThrowIfNull(ratings);
        return Summary.Of(ratings).Observed;
    }

    /// <summary>Fleiss 1971: chance draws from the shares of all raters together. With two raters Scott's pi (1955).</summary>
    public static double? Fleiss(Ratings ratings)
    {
        var summary = Summary.Of(ratings);
        return Corrected(summary.Observed, summary.Shares.Sum(p => p * p));
    }

    /// <summary>Gwet's AC1 (2008): stays sensible where one category dominates.</summary>
    public static double? GwetAc1(Ratings ratings)
    {
        var summary = Summary.Of(ratings);
        return ratings.Categories < 2 ? null : Corrected(summary.Observed, summary.Shares.Sum(p => p * (1 - p)) / (ratings.Categories - 1));
    }

    /// <summary>Brennan and Prediger 1981: chance takes each category alike.</summary>
    public static double? BrennanPrediger(Ratings ratings)
    {
        ArgumentNullException.ThrowIfNull(ratings);
        return ratings.Categories < 2 ? null : Corrected(Summary.Of(ratings).Observed, 1.0 / ratings.Categories);
    }

    /// <summary>Conger 1980: Cohen's kappa for several raters, each with shares of its own.</summary>
    public static double? Conger(Ratings ratings)
    {
        var summary = Summary.Of(ratings);
        var raters = Enumerable.Range(0, ratings.Raters).Where(r => summary.ByRater[r].Sum() > 0).ToArray();
        if (raters.Length < 2) return null;
        double expected = 0;
        for (var c = 0; c < ratings.Categories; c++)
        {
            var shares = raters.Select(r => summary.ByRater[r][c] / (double)summary.ByRater[r].Sum()).ToArray();
            var mean = shares.Average();
            var variance = shares.Sum(s => (s - mean) * (s - mean)) / (raters.Length - 1);
            expected += (mean * mean) - (variance / raters.Length);
        }

        return Corrected(summary.Observed, expected);
    }

    /// <summary>Cohen 1960, weighted 1968: of two raters, [first's category, second's category] counts.</summary>
    public static double? Cohen(int[,] table, KappaWeights weights = KappaWeights.None)
    {
        ArgumentNullException.ThrowIfNull(table);
        return TwoRaters(table, weights, (rows, columns, i, j) => rows[i] * columns[j]);
    }

    /// <summary>Scott's pi (1955) of two raters, [first's category, second's category] counts.</summary>
    public static double? Scott(int[,] table)
    {
        ArgumentNullException.ThrowIfNull(table);
        return TwoRaters(table, KappaWeights.None, (rows, columns, i, j) => (rows[i] + columns[i]) / 2 * ((rows[j] + columns[j]) / 2));
    }

    /// <summary>The mean of Cohen's kappa over all pairs of raters with enough units in common (Light 1971); null where there are none.</summary>
    /// <param name="ratings">Ratings.</param>
    /// <param name="fewest">Units in common that a pair must have.</param>
    public static double? CohenPairwise(Ratings ratings, int fewest = 2)
    {
        ArgumentNullException.ThrowIfNull(ratings);
        var tables = new Dictionary<(int, int), int[,]>();
        for (var u = 0; u < ratings.Units; u++)
        {
            var raters = ratings.RatersOf(u);
            var categories = ratings.Of(u);
            for (var i = 0; i < raters.Length; i++)
            {
                for (var j = 0; j < i; j++)
                {
                    var (a, b) = raters[i] < raters[j] ? (i, j) : (j, i);
                    if (!tables.TryGetValue((raters[a], raters[b]), out var table))
                        tables[(raters[a], raters[b])] = table = new int[ratings.Categories, ratings.Categories];
                    table[categories[a], categories[b]]++;
                }
            }
        }

        var kappas = tables.OrderBy(t => t.Key).Where(t => t.Value.Cast<int>().Sum() >= fewest).Select(t => Cohen(t.Value)).OfType<double>().ToArray();
        return kappas.Length == 0 ? null : kappas.Average();
    }

    internal static double? Corrected(double? observed, double expected) => observed is null || 1 - expected < 1e-12 ? null : (observed - expected) / (1 - expected);

    private static double? TwoRaters(int[,] table, KappaWeights weights, Func<double[], double[], int, int, double> chance)
    {
        var categories = table.GetLength(0);
        if (categories != table.GetLength(1)) throw new ArgumentException("The table must be square.", nameof(table));
        var (rows, columns) = (new double[categories], new double[categories]);
        double total = 0;
        foreach (var count in table) total += count;
        if (total == 0) return null;
        for (var i = 0; i < categories; i++)
        {
            for (var j = 0; j < categories; j++)
            {
                rows[i] += table[i, j] / total;
                columns[j] += table[i, j] / total;
            }
        }

        double observed = 0, expected = 0;
        for (var i = 0; i < categories; i++)
        {
            for (var j = 0; j < categories; j++)
            {
                var apart = categories == 1 ? 0 : Math.Abs(i - j) / (double)(categories - 1);
                var weight = weights switch
                {
                    KappaWeights.None => i == j ? 1 : 0,
                    KappaWeights.Linear => 1 - apart,
                    KappaWeights.Quadratic => 1 - (apart * apart),
                    _ => throw new ArgumentOutOfRangeException(nameof(weights)),
                };
                observed += weight * table[i, j] / total;
                expected += weight * chance(rows, columns, i, j);
            }
        }

        return Corrected(observed, expected);
    }

    private sealed record Summary(double? Observed, double[] Shares, int[][] ByRater)
    {
        public static Summary Of(Ratings ratings)
        {
            ArgumentNullException.ThrowIfNull(ratings);
            var shares = new double[ratings.Categories];
            var byRater = new int[ratings.Raters][];
            for (var r = 0; r < byRater.Length; r++) byRater[r] = new int[ratings.Categories];
            var counts = new int[ratings.Categories];
            double agreement = 0;
            int rated = 0, compared = 0;
            for (var u = 0; u < ratings.Units; u++)
            {
                var categories = ratings.Of(u);
                var raters = ratings.RatersOf(u);
                if (categories.Length == 0) continue;
                rated++;
                long equal = 0;
                for (var i = 0; i < categories.Length; i++)
                {
                    byRater[raters[i]][categories[i]]++;
                    equal += counts[categories[i]]++;
                    shares[categories[i]] += 1.0 / categories.Length;
                }

                foreach (var category in categories) counts[category] = 0;
                if (categories.Length < 2) continue;
                compared++;
                agreement += 2.0 * equal / ((double)categories.Length * (categories.Length - 1));
            }

            for (var c = 0; c < shares.Length; c++) shares[c] /= Math.Max(1, rated);
            return new Summary(compared == 0 ? null : agreement / compared, shares, byRater);
        }
    }
}
