using Annotator.Core.Quality;
using Annotator.Core.Quality.Certificate;

namespace Annotator.Tests.Quality;

public class CertificateTests
{
    /// <summary>
    /// 300 projects of varied size, difficulty and quality of the predicted risks (from exact over noise to upside down), looked at after every single
    /// answer until half of the population is drawn: each bound may be wrong at any time in 5 % of them at most.
    /// </summary>
    [Fact]
    public void Bounds_ThreeHundredProjectsLookedAtAfterEachAnswer_AreOnTheWrongSideInFivePercentAtMost()
    {
        const double Confidence = 0.95;
        var (broken, above, informed) = (new bool[300], new bool[300], new bool[300]);
        Parallel.For(0, broken.Length, new ParallelOptions { MaxDegreeOfParallelism = 2 }, project =>
        {
            var random = new SplitMix((ulong)project + 1);
            var items = 150 + random.Next(600);
            var decidedBefore = random.Next(items / 3);
            var difficulty = Math.Pow(random.NextDouble(), 2) * 0.2;
            var risk = new double[items];
            var wrong = new bool[items];
            var left = 0;
            for (var i = 0; i < items; i++)
            {
                var truth = Math.Min(0.9, difficulty * -Math.Log(Math.Max(random.NextDouble(), 1e-12)));
                wrong[i] = random.NextDouble() < truth;
                left += wrong[i] ? 1 : 0;
                risk[i] = (project % 4) switch
                {
                    0 => truth,
                    1 => truth * Math.Exp(random.NextNormal()),
                    2 => random.NextDouble() * 0.1,
                    _ => 0.3 - Math.Min(0.29, truth),
                };
            }

            var alpha = AccuracyCertificate.AuditAlpha(Confidence, 1, measuresPeople: false);
            var audit = new WeightedAudit(risk, Math.Max(1, difficulty * items * 1.3), alpha, (ulong)project);
            for (var draw = 0; draw < Math.Min(items / 2, 120); draw++)
            {
                // Now and then a person also decides the riskiest item: the bound must stay right with decisions that nothing random asked for.
                var item = audit.Draw();
                if (draw % 7 == 3)
                {
                    var chosen = Enumerable.Range(0, items).Where(i => !audit.IsTaken(i)).MaxBy(i => wrong[i] ? risk[i] : risk[i] / 2);
                    audit.Review(chosen);
                    audit.Record(chosen, wrong[chosen]);
                    left -= wrong[chosen] ? 1 : 0;
                }

                audit.Record(item, wrong[item]);
                left -= wrong[item] ? 1 : 0;
                var certificate = AccuracyCertificate.Of(audit, 1, decidedBefore, 0.97, Confidence, PeopleAccuracy.Unmeasured);
                var accuracy = 1 - ((double)left / certificate.Items);
                broken[project] |= certificate.LowerBound > accuracy + 1e-12;
                above[project] |= certificate.UpperBound < accuracy - 1e-12;
                informed[project] |= certificate.UpperBound < 1 && certificate.FewestErrors > 0;
                Assert.InRange(certificate.Estimate, certificate.LowerBound, certificate.UpperBound);
            }
        });
        Assert.InRange(broken.Count(b => b), 0, 15);
        Assert.InRange(above.Count(b => b), 0, 15);
        Assert.InRange(informed.Count(b => b), 60, 300); // the upper end is no mere 100 %
    }

    [Fact]
    public void LowerBound_GoodRisks_NeedsFewHundredDrawsOfTenThousand()
    {
        const int Items = 10_000;
        var random = new SplitMix(3);
        var risk = new double[Items];
        var wrong = new bool[Items];
        for (var i = 0; i < Items; i++)
        {
            risk[i] = Math.Min(0.5, (random.NextDouble() < 0.85 ? 0.005 : 0.06) * -Math.Log(random.NextDouble()));
            wrong[i] = random.NextDouble() < risk[i];
        }

        var audit = new WeightedAudit(risk, 300, 0.04, 1);
        while (audit.RemainingErrors > 300)
        {
            var item = audit.Draw();
            audit.Record(item, wrong[item]);
        }

        Assert.InRange(audit.Audited, 100, 500);
        Assert.InRange(audit.Audited / audit.ExpectedDraws, 0.4, 2);
    }

    [Fact]
    public void Record_AnswersInAnyOrder_GivesTheSameBound()
    {
        var random = new SplitMix(9);
        var risk = Enumerable.Range(0, 500).Select(_ => random.NextDouble() * 0.2).ToArray();
        var wrong = risk.Select(r => random.NextDouble() < r).ToArray();
        var ordered = new WeightedAudit(risk, 20, 0.05, 4);
        var late = new WeightedAudit(risk, 20, 0.05, 4);
        List<int> pending = [];
        for (var i = 0; i < 200; i++)
        {
            var item = ordered.Draw();
            Assert.Equal(item, late.Draw());
            ordered.Record(item, wrong[item]);
            pending.Add(item);
        }

        pending.Reverse();
        foreach (var item in pending) late.Record(item, wrong[item]);
        Assert.Equal(ordered.RemainingErrors, late.RemainingErrors);
        Assert.Equal(ordered.Found, late.Found);
        Assert.Equal(200, late.Audited);
    }

    [Fact]
    public void Draw_UntilNothingIsLeft_BoundIsExact()
    {
        var audit = new WeightedAudit([0.1, 0.2, 0.001, 0.5], 0, 0.05, 1);
        for (var i = 0; i < 4; i++)
        {
            var item = audit.Draw();
            audit.Record(item, item == 3);
        }

        Assert.Equal(-1, audit.Draw());
        Assert.Equal(0, audit.Remaining);
        Assert.Equal(0, audit.RemainingErrors);
        Assert.Equal(1, audit.Found);
    }

    [Fact]
    public void Review_WithoutAnyDraw_ProvesNothingAboutTheRest()
    {
        var audit = new WeightedAudit(Enumerable.Repeat(0.01, 100).ToArray(), 3, 0.05, 1);
        for (var i = 0; i < 40; i++)
        {
            audit.Review(i);
            audit.Record(i, wrong: false);
        }

        Assert.Equal(60, audit.RemainingErrors);
        Assert.Throws<InvalidOperationException>(() => audit.Review(0));
        Assert.Throws<InvalidOperationException>(() => audit.Record(0, wrong: true));
        Assert.Throws<InvalidOperationException>(() => audit.Record(70, wrong: true));
    }

    [Fact]
    public void Of_PeopleMeasured_CountsTheirShareAtTheirLowerBound()
    {
        var audit = new WeightedAudit(new double[50], 3, 0.05, 1);
        var people = PeopleAccuracy.Measure(95, 100, 0, 0, 0.01);
        var certificate = AccuracyCertificate.Of(audit, 1, 950, 0.9, 0.95, people);
        Assert.InRange(people.Lower, 0.8, 0.9);
        Assert.Equal(950 * people.Lower / 1000, certificate.LowerBound, 12);
        Assert.True(certificate.SpeaksOfTruth);
        Assert.False(certificate.Holds);
        Assert.False(AccuracyCertificate.Of(audit, 1, 950, 0.9, 0.95, PeopleAccuracy.Unmeasured).SpeaksOfTruth);
        Assert.Equal(30, AccuracyCertificate.AllowedErrors(0.97, 1000, 100, PeopleAccuracy.Unmeasured));
    }

    [Fact]
    public void Measure_RepeatsOnly_HalvesTheDisagreement()
    {
        var people = PeopleAccuracy.Measure(0, 0, 90, 100, 0.05);
        Assert.Equal(0.95, people.Estimate, 12);
        Assert.InRange(people.Lower, 0.88, 0.94);
        Assert.False(PeopleAccuracy.Measure(0, 0, 0, 0, 0.05).IsMeasured);
    }

    [Fact]
    public void Of_AllAudits_NeverSpendMoreThanTheWhole() =>
        Assert.InRange(Enumerable.Range(1, 60).Sum(k => AlphaSpending.Of(0.05, k)), 0.0499, 0.05 + 1e-12);

    [Theory]
    [InlineData(0.5, 0)]
    [InlineData(0.9, 0)]
    [InlineData(0.98, 0)]
    [InlineData(0.9, 200)]
    public void Interval_LookedAtAfterEachObservation_IsWrongInFivePercentAtMost(double mean, int population)
    {
        var broken = 0;
        for (var run = 0; run < 40; run++)
        {
            var random = new SplitMix((ulong)((run * 31) + population + 7));
            double[] values = population == 0
                ? [.. Enumerable.Range(0, 150).Select(_ => random.NextDouble() < mean ? 1.0 : 0.0)]
                : [.. Enumerable.Range(0, population).Select(i => i < mean * population ? 1.0 : 0.0)];
            if (population > 0) random.Shuffle<double>(values);
            var sequence = new BettingConfidenceSequence(0.05, population == 0 ? null : population);
            foreach (var value in values)
            {
                sequence.Add(value);
                if (sequence.Lower <= mean + 1e-12 && mean <= sequence.Upper + 1e-12) continue;
                broken++;
                break;
            }

            if (sequence.Count == population) Assert.Equal(sequence.Lower, sequence.Upper, 12);
        }

        Assert.InRange(broken, 0, 5); // binomial(40, 0.05): 6 or more has probability below 0.02
    }

    [Fact]
    public void Interval_ManyObservations_IsTight()
    {
        var random = new SplitMix(1);
        var sequence = new BettingConfidenceSequence(0.05, null, ConfidenceSides.Lower);
        for (var i = 0; i < 3000; i++) sequence.Add(0.9 + (0.1 * random.NextDouble()));
        Assert.InRange(sequence.Lower, 0.9455, 0.95);
        Assert.Equal(1, sequence.Upper);
        Assert.Throws<ArgumentOutOfRangeException>(() => sequence.Add(1.01));
        Assert.Throws<ArgumentOutOfRangeException>(() => sequence.Add(double.NaN));
    }
}
