using Annotator.Core.Learning.Routing;
using SplitMix = Annotator.Core.Quality.Certificate.SplitMix;

namespace Annotator.Tests.Learning;

/// <summary>What the confidence that comes with a labeller's answers is worth.</summary>
public sealed class AnswerLevelsTests
{
    private const int Classes = 4;

    [Fact]
    public void OneConfidenceForEverything_IsNoLevel()
    {
        var levels = AnswerLevels.Of([.. Enumerable.Repeat((1, 0.97), 5_000)]);
        Assert.Equal(0, levels.Count);
        Assert.Equal(-1, levels.Of(1, 0.97));
        Assert.Equal(0, AnswerLevels.Of([]).Count);
    }

    [Fact]
    public void Levels_AreOfOneVersion_GrowWithTheConfidence_AndHoldEnoughAnswers()
    {
        var random = new SplitMix(3);
        var answers = new List<(int Version, double Confidence)>();
        for (var i = 0; i < 6_000; i++) answers.Add((1, Math.Round(random.NextDouble(), 1)));
        for (var i = 0; i < 400; i++) answers.Add((2, 0.9));
        for (var i = 0; i < 20; i++) answers.Add((3, 0.9));
        var levels = AnswerLevels.Of(answers);
        var of = answers.Select(a => levels.Of(a.Version, a.Confidence)).ToList();
        Assert.Equal(levels.Count, of.Where(l => l >= 0).Distinct().Count());
        Assert.All(of.Where(l => l >= 0).GroupBy(l => l), g => Assert.True(g.Count() >= 125, $"{g.Key}: {g.Count()}"));
        Assert.Empty(of.Take(6_000).Intersect(of.Skip(6_000)));
        Assert.All(of.TakeLast(20), l => Assert.Equal(-1, l));
        var ordered = answers.Take(6_000).Zip(of).OrderBy(p => p.First.Confidence).Select(p => p.Second).ToList();
        Assert.Equal(ordered.Order(), ordered);
    }

    [Fact]
    public void FewAnswersBelowAll_AreNoLevelOfTheirOwn()
    {
        var levels = AnswerLevels.Of([(1, 0.2), .. Enumerable.Repeat((1, 0.8), 1_000), .. Enumerable.Repeat((1, 0.9), 1_000)]);
        Assert.Equal(2, levels.Count);
        Assert.Equal(levels.Of(1, 0.2), levels.Of(1, 0.8));
        Assert.NotEqual(levels.Of(1, 0.8), levels.Of(1, 0.9));
    }

    [Fact]
    public void Reliability_FindsWhatEachLevelIsWorth_AndLikelihoodsStayProbabilities()
    {
        // Three levels: right in 60, 85 and 97 %.
        double[] right = [0.6, 0.85, 0.97];
        var random = new SplitMix(4);
        const int Items = 6_000;
        var (said, levels, truth) = (new int[Items], new int[Items], new float[Items * Classes]);
        for (var i = 0; i < Items; i++)
        {
            var own = random.Next(Classes);
            truth[(i * Classes) + own] = 1;
            levels[i] = random.Next(3);
            said[i] = random.NextDouble() < right[levels[i]] ? own : (own + 1 + random.Next(Classes - 1)) % Classes;
        }

        var found = LabellerReliability.Measure(Classes, new LabellerAnswers(said, levels), truth);
        Assert.Equal(3, found.LevelShifts.Count);
        for (var level = 0; level < 3; level++)
        {
            for (var c = 0; c < Classes; c++)
            {
                Assert.Equal(1, Enumerable.Range(0, Classes).Sum(a => found.Likelihood(c, a, level)), 1e-4);
                Assert.Equal(right[level], found.Likelihood(c, c, level), 0.05);
            }

            // What is added is the logarithm of the same.
            var scores = new float[Classes];
            found.AddLogLikelihood(2, level, scores);
            for (var c = 0; c < Classes; c++) Assert.Equal(Math.Log(found.Likelihood(c, 2, level)), scores[c], 1e-3);
        }

        // Without levels it is the labeller that it was before there were any.
        var alike = LabellerReliability.Measure(Classes, new LabellerAnswers(said), truth);
        Assert.Equal(alike.Confusion, found.WithoutLevels().Confusion);
        Assert.Empty(found.WithoutLevels().LevelShifts);
        Assert.Equal(alike.Likelihood(1, 2), found.WithoutLevels().Likelihood(1, 2));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Fuse_BelievesAConfidenceAsFarAsItTells(bool tells)
    {
        // The labeller is right in 83 %; what it says of its own sureness tells right from wrong, or is said by chance. One item in twenty was decided.
        var random = new SplitMix(6);
        const int Items = 6_000;
        var (truth, said, levels, decided, student) = (new int[Items], new int[Items], new int[Items], new int[Items], new float[Items * Classes]);
        Array.Fill(decided, -1);
        for (var i = 0; i < Items; i++)
        {
            truth[i] = random.Next(Classes);
            var sure = random.Next(2);
            var right = random.NextDouble() < (sure == 1 ? 0.97 : 0.69);
            levels[i] = tells ? sure : random.Next(2);
            said[i] = right ? truth[i] : (truth[i] + 1 + random.Next(Classes - 1)) % Classes;
            var read = random.NextDouble() < 0.8 ? truth[i] : (truth[i] + 1 + random.Next(Classes - 1)) % Classes;
            for (var c = 0; c < Classes; c++) student[(i * Classes) + c] = c == read ? 0.8f : 0.2f / (Classes - 1);
            if (random.Next(20) == 0) decided[i] = truth[i];
        }

        int Wrong(FusedLabels f) => Enumerable.Range(0, Items).Count(i => decided[i] < 0 && f[i].ToArray() is var row && Array.IndexOf(row, row.Max()) != truth[i]);
        var alike = LabelFusion.Fuse(new LabelEvidence(Classes, decided, student, [new(said)]));
        var apart = LabelFusion.Fuse(new LabelEvidence(Classes, decided, student, [new(said, levels)]));
        if (tells) Assert.True(Wrong(apart) < 0.85 * Wrong(alike), $"{Wrong(apart)} against {Wrong(alike)}");
        else Assert.InRange(Wrong(apart), 0.95 * Wrong(alike), 1.05 * Wrong(alike));
        if (!tells) Assert.All(apart.Labellers[0].LevelShifts, s => Assert.InRange(s, -0.25, 0.25));
    }

    [Fact]
    public void Start_OfOtherLevels_IsGoneOnFrom()
    {
        var random = new SplitMix(7);
        const int Items = 500;
        var (said, decided, student) = (new int[Items], new int[Items], new float[Items * Classes]);
        for (var i = 0; i < Items; i++)
        {
            (said[i], decided[i]) = (random.Next(Classes), i < 100 ? random.Next(Classes) : -1);
            Array.Fill(student, 1f / Classes, i * Classes, Classes);
        }

        LabelEvidence Of(int levels) => new(Classes, decided, student, [new(said, levels == 0 ? null : [.. Enumerable.Range(0, Items).Select(i => i % levels)])]);
        var start = LabelFusion.Fuse(Of(2));
        Assert.Equal(5, LabelFusion.Fuse(Of(5), start).Labellers[0].LevelShifts.Count);
        Assert.Empty(LabelFusion.Fuse(Of(0), start).Labellers[0].LevelShifts);
        Assert.Throws<ArgumentException>(() => LabelFusion.WithoutDecisions(Of(5), start));
        Assert.Throws<ArgumentException>(() => LabelFusion.Fuse(new LabelEvidence(Classes, decided, student, [new(said, [0])])));
    }
}
