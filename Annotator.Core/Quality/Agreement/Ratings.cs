namespace Annotator.Core.Quality.Agreement;

/// <summary>What several raters said of several units: nominal categories by number, any rating may be missing, a rater rates a unit once.</summary>
public sealed class Ratings
{
    private readonly int[] _starts;
    private readonly int[] _raters;
    private readonly int[] _categories;

    private Ratings(int[] starts, int[] raters, int[] categories, int raterCount, int categoryCount)
    {
        _starts = starts;
        _raters = raters;
        _categories = categories;
        Raters = raterCount;
        Categories = categoryCount;
    }

    /// <summary>Number of units.</summary>
    public int Units => _starts.Length - 1;

    /// <summary>Number of raters.</summary>
    public int Raters { get; }

    /// <summary>Number of categories.</summary>
    public int Categories { get; }

    /// <summary>Number of ratings.</summary>
    public int Count => _categories.Length;

    /// <summary>From one entry a rating, in any order.</summary>
    /// <param name="units">Unit of each rating, 0 … <paramref name="unitCount"/> - 1.</param>
    /// <param name="raters">Rater of each rating, from 0.</param>
    /// <param name="categories">Category of each rating, 0 … <paramref name="categoryCount"/> - 1.</param>
    /// <param name="unitCount">Number of units.</param>
    /// <param name="raterCount">Number of raters.</param>
    /// <param name="categoryCount">Number of categories, those that nobody used included: chance-corrected figures depend on it.</param>
    /// <exception cref="ArgumentException">The arrays differ in length, or a number is out of its range.</exception>
    public static Ratings Create(ReadOnlySpan<int> units, ReadOnlySpan<int> raters, ReadOnlySpan<int> categories, int unitCount, int raterCount, int categoryCount)
    {
        if (units.Length != raters.Length || units.Length != categories.Length)
            throw new ArgumentException($"{units.Length} units, {raters.Length} raters and {categories.Length} categories are no ratings.");
        var starts = new int[unitCount + 1];
        for (var i = 0; i < units.Length; i++)
        {
            if ((uint)units[i] >= (uint)unitCount || (uint)raters[i] >= (uint)raterCount || (uint)categories[i] >= (uint)categoryCount)
                throw new ArgumentException($"Rating {i} (unit {units[i]}, rater {raters[i]}, category {categories[i]}) is out of range.");
            starts[units[i] + 1]++;
        }

        for (var u = 0; u < unitCount; u++) starts[u + 1] += starts[u];
        var at = starts.AsSpan(0, unitCount).ToArray();
        var whose = new int[units.Length];
        var what = new int[units.Length];
        for (var i = 0; i < units.Length; i++)
        {
            var place = at[units[i]]++;
            (whose[place], what[place]) = (raters[i], categories[i]);
        }

        return new Ratings(starts, whose, what, raterCount, categoryCount);
    }

    /// <summary>From a table [rater, unit] with -1 where a rating is missing.</summary>
    public static Ratings FromTable(int[,] table, int categoryCount)
    {
        ArgumentNullException.ThrowIfNull(table);
        List<int> units = [], raters = [], categories = [];
        for (var u = 0; u < table.GetLength(1); u++)
        {
            for (var r = 0; r < table.GetLength(0); r++)
            {
                if (table[r, u] < 0) continue;
                units.Add(u);
                raters.Add(r);
                categories.Add(table[r, u]);
            }
        }

        return Create(units.ToArray(), raters.ToArray(), categories.ToArray(), table.GetLength(1), table.GetLength(0), categoryCount);
    }

    /// <summary>From counts [unit, category], where it is not known who rated what.</summary>
    public static Ratings FromCounts(int[,] counts)
    {
        ArgumentNullException.ThrowIfNull(counts);
        List<int> units = [], raters = [], categories = [];
        for (var u = 0; u < counts.GetLength(0); u++)
        {
            var rater = 0;
            for (var c = 0; c < counts.GetLength(1); c++)
            {
                for (var n = 0; n < counts[u, c]; n++)
                {
                    units.Add(u);
                    raters.Add(rater++);
                    categories.Add(c);
                }
            }
        }

        return Create(units.ToArray(), raters.ToArray(), categories.ToArray(), counts.GetLength(0), raters.Count == 0 ? 0 : raters.Max() + 1, counts.GetLength(1));
    }

    /// <summary>The categories a unit was given.</summary>
    public ReadOnlySpan<int> Of(int unit) => _categories.AsSpan(_starts[unit], _starts[unit + 1] - _starts[unit]);

    /// <summary>Who gave them, in the same order.</summary>
    public ReadOnlySpan<int> RatersOf(int unit) => _raters.AsSpan(_starts[unit], _starts[unit + 1] - _starts[unit]);

    /// <summary>As many units drawn with replacement, for <see cref="Bootstrap"/>.</summary>
    public Ratings Resample(Random random)
    {
        ArgumentNullException.ThrowIfNull(random);
        var starts = new int[Units + 1];
        List<int> raters = new(Count), categories = new(Count);
        for (var u = 0; u < Units; u++)
        {
            var drawn = random.Next(Units);
            raters.AddRange(RatersOf(drawn));
            categories.AddRange(Of(drawn));
            starts[u + 1] = categories.Count;
        }

        return new Ratings(starts, [.. raters], [.. categories], Raters, Categories);
    }

    /// <summary>Both raters' categories of the units that both rated: [first's, second's].</summary>
    public int[,] Confusion(int first, int second)
    {
        var table = new int[Categories, Categories];
        for (var u = 0; u < Units; u++)
        {
            var raters = RatersOf(u);
            var (a, b) = (raters.IndexOf(first), raters.IndexOf(second));
            if (a >= 0 && b >= 0) table[Of(u)[a], Of(u)[b]]++;
        }

        return table;
    }
}
