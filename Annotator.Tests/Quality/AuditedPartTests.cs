using Annotator.Core.Quality;
using Annotator.Core.Quality.Certificate;

namespace Annotator.Tests.Quality;

/// <summary>What the draws of an audit say of a part of its items.</summary>
public class AuditedPartTests
{
    [Theory]
    [InlineData(0, 20)]
    [InlineData(17, 20)]
    [InlineData(20, 20)]
    [InlineData(1, 1)]
    public void Weighted_EqualWeights_IsTheExactBinomialInterval(int right, int draws)
    {
        var exact = ProportionInterval.ClopperPearson(right, draws)!.Value;
        var weighted = ProportionInterval.Weighted([.. Enumerable.Range(0, draws).Select(i => i < right)], [.. Enumerable.Repeat(7.5, draws)])!.Value;
        Assert.Equal(exact.Estimate, weighted.Estimate, 12);
        Assert.Equal(exact.Lower, weighted.Lower, 10);
        Assert.Equal(exact.Upper, weighted.Upper, 10);
    }

    [Fact]
    public void Weighted_UnequalWeights_AreWorthFewerDraws()
    {
        bool[] right = [true, true, true, false, true, true, true, true];
        var equal = ProportionInterval.Weighted(right, [1, 1, 1, 1, 1, 1, 1, 1])!.Value;
        var unequal = ProportionInterval.Weighted(right, [1, 1, 1, 1, 1, 1, 1, 9])!.Value;
        Assert.Equal(15 / 16.0, unequal.Estimate, 12);
        Assert.True(unequal.Upper - unequal.Lower > equal.Upper - equal.Lower);
        Assert.Null(ProportionInterval.Weighted([], []));
        Assert.Throws<ArgumentException>(() => ProportionInterval.Weighted([true], [1, 2]));
    }

    /// <summary>Audits whose risks are right, wrong by far or upside down: the interval of a half of the items holds what is true of it in 95 % or more.</summary>
    [Fact]
    public void Part_OfDrawsByRisk_CoversTheTruthOfThePartAsOftenAsStated()
    {
        const int Items = 1_000, Projects = 90;
        var (missed, width) = (new bool[Projects], new double[Projects]);
        Parallel.For(0, Projects, new ParallelOptions { MaxDegreeOfParallelism = 2 }, project =>
        {
            var random = new SplitMix((ulong)project + 40);
            var (risk, wrong, part) = (new double[Items], new bool[Items], new bool[Items]);
            for (var i = 0; i < Items; i++)
            {
                var truth = Math.Min(0.9, 0.06 * -Math.Log(Math.Max(random.NextDouble(), 1e-12)));
                wrong[i] = random.NextDouble() < truth;
                part[i] = random.NextDouble() < 0.2 + (2 * truth);
                risk[i] = (project % 3) switch { 0 => truth, 1 => truth * Math.Exp(random.NextNormal()), _ => 0.3 - Math.Min(0.29, truth) };
            }

            var audit = new WeightedAudit(risk, 60, 0.05, (ulong)project);
            var drawn = Enumerable.Range(0, 150).Select(_ => (Item: audit.Draw(), Kind: AuditEntry.Draw)).ToList();
            var chances = DrawChances.Of(risk, 60, 0.05, drawn);
            var found = AuditedPart.Of(drawn.Zip(chances).Where(d => part[d.First.Item])
                .Select(d => new AuditedDraw(d.First.Item, "", 1, d.First.Item % 2 == 0 ? "a" : "b", null, null, wrong[d.First.Item], 1 / d.Second, DateTimeOffset.UnixEpoch)));
            var truthOfPart = Enumerable.Range(0, Items).Where(i => part[i]).Average(i => wrong[i] ? 0.0 : 1);
            var interval = found.Share!.Accuracy;
            missed[project] = truthOfPart < interval.Lower || interval.Upper < truthOfPart;
            width[project] = interval.Upper - interval.Lower;
            Assert.Equal(found.Share.Draws, found.Labels.Sum(l => l.Share.Draws));
            Assert.InRange(found.OverTime.Count, 1, AuditedPart.MostPoints);
        });

        Assert.InRange(missed.Count(m => m), 0, 9); // 10 or more would come with probability 0.02 of intervals at 95 %
        Assert.InRange(width.Average(), 0.05, 0.35);
    }
}
