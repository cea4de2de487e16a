using Annotator.Core.Quality;
using Annotator.Core.Quality.Agreement;

namespace Annotator.Tests.Quality;

/// <summary>Published vectors to the last printed digit.</summary>
public class AgreementTests
{
    // Wikipedia, "Krippendorff's alpha": 3 coders, 15 units.
    private static readonly Ratings s_threeCoders = Table(
        "* * * * * 3 4 1 2 1 1 3 3 * 3",
        "1 * 2 1 3 3 4 3 * * * * * * *",
        "* * 2 1 3 4 4 * 2 1 1 3 3 * 4");

    // Krippendorff 2011: 4 observers, 12 units.
    private static readonly Ratings s_fourObservers = Table(
        "1 2 3 3 2 1 4 1 2 * * *",
        "1 2 3 3 2 2 4 1 2 5 * 3",
        "* 3 3 3 2 3 4 2 2 5 1 *",
        "1 2 3 3 2 4 4 1 2 5 1 *");

    // irrCAC's raw_4raters is the same but for who gave the last unit's only rating; alpha does not count it.
    private static readonly Ratings s_rawFourRaters = Table(
        "1 2 3 3 2 1 4 1 2 * * *",
        "1 2 3 3 2 2 4 1 2 5 * *",
        "* 3 3 3 2 3 4 2 2 5 1 3",
        "1 2 3 3 2 4 4 1 2 5 1 *");

    // Gwet's example with 3 categories (irrCAC).
    private static readonly int[,] s_gwet = { { 13, 0, 0 }, { 0, 20, 7 }, { 0, 4, 56 } };

    [Theory]
    [InlineData(MeasurementScale.Nominal, 0.691358)]
    [InlineData(MeasurementScale.Ordinal, 0.806721)]
    [InlineData(MeasurementScale.Interval, 0.810845)]
    [InlineData(MeasurementScale.Ratio, 0.808944)]
    public void Krippendorff_ThreeCoders_AsPublished(MeasurementScale scale, double published) =>
        Assert.Equal(published, Krippendorff.Alpha(s_threeCoders, scale, [1, 2, 3, 4])!.Value, 6);

    [Theory]
    [InlineData(MeasurementScale.Nominal, 0.743421)]
    [InlineData(MeasurementScale.Ordinal, 0.815388)]
    [InlineData(MeasurementScale.Interval, 0.849107)]
    [InlineData(MeasurementScale.Ratio, 0.797403)]
    public void Krippendorff_FourObservers_AsPublished(MeasurementScale scale, double published) =>
        Assert.Equal(published, Krippendorff.Alpha(s_fourObservers, scale, [1, 2, 3, 4, 5])!.Value, 6);

    [Fact]
    public void FourObservers_OtherCoefficients_AsIrrCac()
    {
        Assert.Equal(0.775, Kappa.GwetAc1(s_rawFourRaters)!.Value, 3);
        Assert.Equal(0.761, Kappa.Fleiss(s_rawFourRaters)!.Value, 3);
        Assert.Equal(0.763, Kappa.Conger(s_rawFourRaters)!.Value, 3);
        Assert.Equal(0.773, Kappa.BrennanPrediger(s_rawFourRaters)!.Value, 3);
        Assert.Equal(0.818, Kappa.Percent(s_rawFourRaters)!.Value, 3);
    }

    [Fact]
    public void Fleiss_TenSubjectsFourteenRaters_AsWikipedia()
    {
        var ratings = Ratings.FromCounts(new[,]
        {
            { 0, 0, 0, 0, 14 }, { 0, 2, 6, 4, 2 }, { 0, 0, 3, 5, 6 }, { 0, 3, 9, 2, 0 }, { 2, 2, 8, 1, 1 },
            { 7, 7, 0, 0, 0 }, { 3, 2, 6, 3, 0 }, { 2, 5, 3, 2, 2 }, { 6, 5, 2, 1, 0 }, { 0, 2, 2, 3, 7 },
        });
        Assert.Equal(0.378022, Kappa.Percent(ratings)!.Value, 6);
        Assert.Equal(0.209931, Kappa.Fleiss(ratings)!.Value, 6);
    }

    [Theory]
    [InlineData(20, 5, 10, 15, 0.4)]
    [InlineData(45, 15, 25, 15, 0.130435)]
    [InlineData(25, 35, 5, 35, 0.259259)]
    public void Cohen_TwoByTwo_AsWikipedia(int a, int b, int c, int d, double published) =>
        Assert.Equal(published, Kappa.Cohen(new[,] { { a, b }, { c, d } })!.Value, 6);

    [Fact]
    public void TwoRaters_GwetsTable_AsPublished()
    {
        Assert.Equal(0.7964094, Kappa.Cohen(s_gwet)!.Value, 7);
        Assert.Equal(0.7962397, Kappa.Scott(s_gwet)!.Value, 7);
        Assert.Equal(0.843, Kappa.Cohen(s_gwet, KappaWeights.Linear)!.Value, 3);
        var ratings = Pairs(s_gwet);
        Assert.Equal(0.849331, Kappa.GwetAc1(ratings)!.Value, 6);
        Assert.Equal(0.835, Kappa.BrennanPrediger(ratings)!.Value, 3);
        Assert.Equal(0.89, Kappa.Percent(ratings)!.Value, 10);
        Assert.Equal(0.7962397, Kappa.Fleiss(ratings)!.Value, 7);
        Assert.Equal(0.7964094, Kappa.CohenPairwise(ratings)!.Value, 7);
        Assert.Equal(0.7964094, Kappa.Conger(ratings)!.Value, 7);
        Assert.Equal(s_gwet, ratings.Confusion(0, 1));
    }

    [Theory]
    [InlineData(KappaWeights.None, 0.544903)]
    [InlineData(KappaWeights.Linear, 0.621928)]
    [InlineData(KappaWeights.Quadratic, 0.705111)]
    public void Cohen_Weighted_AsScikitLearn(KappaWeights weights, double published) =>
        Assert.Equal(published, Kappa.Cohen(new[,] { { 10, 3, 1 }, { 2, 12, 4 }, { 0, 5, 13 } }, weights)!.Value, 6);

    [Fact]
    public void OneCategoryOnly_ChanceCorrectedFiguresAreUndefined()
    {
        var ratings = Table("1 1 1 1", "1 1 1 1");
        Assert.Equal(1, Kappa.Percent(ratings));
        Assert.Null(Krippendorff.Alpha(ratings));
        Assert.Null(Kappa.Fleiss(ratings));
        Assert.Null(Kappa.CohenPairwise(ratings));
        Assert.Null(Kappa.Conger(ratings));
        Assert.Null(Kappa.Cohen(new[,] { { 4, 0 }, { 0, 0 } }));
        Assert.Null(Kappa.Scott(new[,] { { 4, 0 }, { 0, 0 } }));
    }

    [Fact]
    public void TwoRatersAlwaysEqual_SeveralCategories_One()
    {
        var ratings = Table("1 2 3 1 2", "1 2 3 1 2");
        foreach (var scale in Enum.GetValues<MeasurementScale>()) Assert.Equal(1, Krippendorff.Alpha(ratings, scale, [1, 2, 3])!.Value, 12);
        Assert.Equal(1, Kappa.Fleiss(ratings)!.Value, 12);
        Assert.Equal(1, Kappa.CohenPairwise(ratings)!.Value, 12);
        Assert.Equal(1, Kappa.GwetAc1(ratings)!.Value, 12);
    }

    [Fact]
    public void UnitsWithASingleRating_AreIgnoredByAlpha()
    {
        var without = Table("1 2 3 1 2 2", "1 2 3 2 2 1");
        var with = Table("1 2 3 1 2 2 3 3 1", "1 2 3 2 2 1 * * *");
        Assert.Equal(Krippendorff.Alpha(without)!.Value, Krippendorff.Alpha(with)!.Value, 12);
    }

    [Fact]
    public void NothingRatedTwice_Undefined()
    {
        var ratings = Table("1 2 * *", "* * 1 2");
        Assert.Null(Kappa.Percent(ratings));
        Assert.Null(Kappa.Fleiss(ratings));
        Assert.Null(Kappa.GwetAc1(ratings));
        Assert.Null(Kappa.CohenPairwise(ratings));
        Assert.Null(Krippendorff.Alpha(ratings));
    }

    [Fact]
    public void Alpha_OwnDisagreementOfNames_EqualsNominal() =>
        Assert.Equal(Krippendorff.Alpha(s_fourObservers)!.Value, Krippendorff.Alpha(s_fourObservers, (a, b) => a == b ? 0 : 1)!.Value, 12);

    [Fact]
    public void Create_RatingOutOfRange_SaysWhich() =>
        Assert.Contains("Rating 1", Assert.Throws<ArgumentException>(() => Ratings.Create([0, 0], [0, 1], [1, 7], 1, 2, 2)).Message, StringComparison.Ordinal);

    [Fact]
    public void Bootstrap_OfAlpha_HoldsTheEstimateAndIsTheSameEveryTime()
    {
        var ratings = Pairs(s_gwet);
        var alpha = Krippendorff.Alpha(ratings)!.Value;
        var interval = Bootstrap.Of(alpha, random => Krippendorff.Alpha(ratings.Resample(random)), 400)!.Value;
        Assert.InRange(alpha, interval.Lower, interval.Upper);
        Assert.InRange(interval.Upper - interval.Lower, 0.1, 0.35);
        Assert.Equal(interval, Bootstrap.Of(alpha, random => Krippendorff.Alpha(ratings.Resample(random)), 400));
    }

    [Fact]
    public void Bootstrap_OfAShare_CoversTheTruthAboutAsOftenAsStated()
    {
        var covered = 0;
        for (var trial = 0; trial < 200; trial++)
        {
            var random = new Random(trial);
            var sample = Enumerable.Range(0, 120).Select(_ => random.NextDouble() < 0.7).ToArray();
            var interval = Bootstrap.Of(sample.Average(s => s ? 1.0 : 0), r => Enumerable.Range(0, 120).Average(_ => sample[r.Next(120)] ? 1.0 : 0), 200, seed: trial)!.Value;
            covered += interval.Lower <= 0.7 && interval.Upper >= 0.7 ? 1 : 0;
        }

        Assert.InRange(covered, 178, 200);
    }

    private static Ratings Table(params string[] rows)
    {
        var cells = rows.Select(r => r.Split(' ').Select(c => c is "*" ? -1 : int.Parse(c) - 1).ToArray()).ToArray();
        var table = new int[cells.Length, cells[0].Length];
        for (var r = 0; r < cells.Length; r++)
        {
            for (var u = 0; u < cells[r].Length; u++) table[r, u] = cells[r][u];
        }

        return Ratings.FromTable(table, cells.Max(r => r.Max()) + 1);
    }

    private static Ratings Pairs(int[,] table)
    {
        List<int> units = [], raters = [], categories = [];
        var unit = 0;
        for (var i = 0; i < table.GetLength(0); i++)
        {
            for (var j = 0; j < table.GetLength(1); j++)
            {
                for (var n = 0; n < table[i, j]; n++, unit++)
                {
                    units.AddRange([unit, unit]);
                    raters.AddRange([0, 1]);
                    categories.AddRange([i, j]);
                }
            }
        }

        return Ratings.Create(units.ToArray(), raters.ToArray(), categories.ToArray(), unit, 2, table.GetLength(0));
    }
}
