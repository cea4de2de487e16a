using Annotator.Core.Quality.Dashboards;

namespace Annotator.Tests.Quality.Dashboards;

/// <summary>The small mathematics of the dashboards.</summary>
public sealed class ForecastTests
{
    [Fact]
    public void Forecast_OfSteadyWork_IsCertain() => Assert.Equal((10, 10, 10), Forecast.Of(1_000, [100, 100, 100, 100]));

    [Fact]
    public void Forecast_OfUnevenWork_SaysHowUnsureItIs()
    {
        var (early, middle, late) = Forecast.Of(1_000, [0, 0, 300, 20, 80, 200, 0, 0, 250, 10])!.Value;
        Assert.True(early < middle && middle < late);
        Assert.InRange(middle, 8, 16);
    }

    [Fact]
    public void Forecast_WithoutAnyWork_SaysNothing()
    {
        Assert.Null(Forecast.Of(5, [0, 0]));
        Assert.Null(Forecast.Of(5, []));
    }

    [Fact]
    public void Drift_IsFoundWhereLabelsChanged_AndNotWhereTheyDidNot()
    {
        long[] before = [500, 300, 200];
        Assert.Equal(0.2, Drift.Distance(before, [350, 250, 400]), 9);
        Assert.True(Drift.Distance(before, [350, 250, 400]) > Drift.ByChance(before, [350, 250, 400]));
        Assert.True(Drift.Distance(before, [51, 29, 20]) < Drift.ByChance(before, [51, 29, 20]));
    }

    [Fact]
    public void Alpha_FromCoincidences_IsKrippendorffs2011()
    {
        // Krippendorff 2011, 4 observers x 12 units; the table of METHODS gives 0.743421 for names.
        string[] observers = ["1 2 3 3 2 1 4 1 2 * * *", "1 2 3 3 2 2 4 1 2 5 * 3", "* 3 3 3 2 3 4 2 2 5 1 *", "1 2 3 3 2 4 4 1 2 5 1 *"];
        var rows = observers.Select(o => o.Split(' ')).ToArray();
        var pairs = new List<(string, string, long)>();
        for (var unit = 0; unit < 12; unit++)
        {
            var values = rows.Select(r => r[unit]).Where(v => v != "*").ToList();
            for (var i = 0; i < values.Count; i++)
            {
                for (var j = i + 1; j < values.Count; j++) pairs.Add((values[i], values[j], CoincidenceAlpha.TallyWhole / (values.Count - 1)));
            }
        }

        Assert.Equal(0.743421, CoincidenceAlpha.Of(pairs)!.Value, 6);
        Assert.Null(CoincidenceAlpha.Of([("a", "a", CoincidenceAlpha.TallyWhole)]));
    }
}
