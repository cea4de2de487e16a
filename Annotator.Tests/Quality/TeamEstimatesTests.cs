using System.Globalization;
using Annotator.Core.Labels;
using Annotator.Core.Quality;
using Annotator.Core.Quality.Dashboards;

namespace Annotator.Tests.Quality;

/// <summary>What all votes together say of a team: who errs and how, and how sure the coefficients are.</summary>
public class TeamEstimatesTests
{
    private const int Items = 400;
    private const int Labels = 5;

    [Fact]
    public void Estimates_NameWhoErrsAndHow_AndDoNotBlameWhoIsPairedWithThem()
    {
        var (votes, right) = Team();
        var estimates = AnnotatorEstimates.Of(votes)!;
        Assert.Equal(Items, estimates.Items);
        foreach (var (user, share) in right)
        {
            var estimate = estimates.Annotators[user];

            // What is thought besides the answers draws everybody a little to the middle.
            Assert.True(estimate.Lower - 0.05 <= share && share <= estimate.Upper + 0.05, $"{user}: {share:F3} is not in {estimate.Lower:F3} to {estimate.Upper:F3}");
        }

        var careful = estimates.Annotators.Values.Where(e => e.UserId <= 8).ToList();
        Assert.All((long[])[9, 10, 11], who => Assert.True(estimates.Annotators[who].Upper < careful.Min(c => c.Lower), $"{who} is certainly below everybody careful"));

        // The twelfth exchanges the first two labels, and nothing else.
        Assert.Equal([(Value(0), Value(1)), (Value(1), Value(0))], estimates.Annotators[12].Confusions.Take(2).Select(c => (c.Right, c.Given)).Order());
        Assert.All(estimates.Annotators[12].Confusions.Take(2), c => Assert.True(c.Share > 0.8));

        // They are named for what they do, and nobody else is.
        Assert.Equal(
            [(9, AnnotatorFinding.Careless), (10, AnnotatorFinding.Careless), (11, AnnotatorFinding.Adversarial), (12, AnnotatorFinding.Confuses)],
            estimates.Annotators.Values.Where(e => e.Finding != AnnotatorFinding.None).OrderBy(e => e.UserId).Select(e => ((int)e.UserId, e.Finding)));
        Assert.Contains(estimates.Annotators[12].Confused!, estimates.Annotators[12].Confusions.Take(2));

        // Too few items, and labels that are drawn, say nothing.
        Assert.Null(AnnotatorEstimates.Of([.. votes.Take(10)]));
        Assert.Null(AnnotatorEstimates.Of([[new Vote(1, "{\"spans\":[]}", false), new Vote(2, "{\"spans\":[]}", false)]]));
    }

    [Theory]
    [InlineData(4, 2, 30)]
    [InlineData(4, 3, 30)]
    [InlineData(20, 2, 5)] // fifty answers each, two an item, twenty labels: too little to tell most of them, and nobody is named for that
    public void Findings_InTeamsOfEquals_NameHardlyAnybody_AndFindTheOddOnes(int labels, int overlap, int fewest)
    {
        const int Teams = 40;
        var (teams, odd) = (0, 0);
        for (var seed = 0; seed < Teams; seed++)
        {
            var random = new Random((seed * 100) + labels + overlap);
            bool Named(int who, List<Vote[]> votes) => AnnotatorEstimates.Of(votes, withIntervals: false)!.Annotators[who].Finding != AnnotatorFinding.None;
            List<Vote[]> Work(Func<int, int, int> said) => [.. Enumerable.Range(0, 300).Select(_ =>
            {
                var truth = random.Next(labels);
                return Enumerable.Range(1, 12).OrderBy(_ => random.Next()).Take(overlap).Select(who => new Vote(who, Value(said(who, truth)), false)).ToArray();
            })];
            int Usual(int truth) => random.NextDouble() < 0.9 ? truth : random.Next(labels);
            var even = Work((_, truth) => Usual(truth));
            teams += Enumerable.Range(1, 12).Any(w => Named(w, even)) ? 1 : 0;
            var mixed = Work((who, truth) => who == 12 && random.NextDouble() < 0.5 ? random.Next(labels) : Usual(truth));
            odd += Named(12, mixed) ? 1 : 0;
        }

        Assert.InRange(teams, 0, 4);
        Assert.InRange(odd, fewest, Teams);
    }

    [Fact]
    public void Intervals_HoldTheirCoefficients_AndNarrowWithMoreItems()
    {
        var (votes, _) = Team();
        var metrics = TeamAgreement.Of(votes)!;
        var (all, few) = (AgreementIntervals.Of(votes)!, AgreementIntervals.Of([.. votes.Take(60)])!);
        (double?, Interval?)[] pairs = [(metrics.CohenKappa, all.Cohen), (metrics.FleissKappa, all.Fleiss), (metrics.KrippendorffAlpha, all.Alpha), (metrics.GwetAc1, all.Gwet), (metrics.Percent, all.Percent)];
        Assert.All(pairs, p => Assert.True(p.Item2!.Value.Lower <= p.Item1 && p.Item1 <= p.Item2.Value.Upper && p.Item2.Value.Estimate == p.Item1));
        Assert.True(few.Alpha!.Value.Upper - few.Alpha.Value.Lower > 1.8 * (all.Alpha!.Value.Upper - all.Alpha.Value.Lower));
    }

    [Fact]
    public void AlphaOfCounts_HasNearlyTheIntervalOfTheVotes()
    {
        var (votes, _) = Team();
        var pairs = new Dictionary<(string, string), (long Count, long Weight)>();
        foreach (var item in votes)
        {
            for (var i = 0; i < item.Length; i++)
            {
                for (var j = i + 1; j < item.Length; j++)
                {
                    var key = string.CompareOrdinal(item[i].Value, item[j].Value) <= 0 ? (item[i].Value, item[j].Value) : (item[j].Value, item[i].Value);
                    var (count, weight) = pairs.GetValueOrDefault(key);
                    pairs[key] = (count + 1, weight + (CoincidenceAlpha.TallyWhole / (item.Length - 1)));
                }
            }
        }

        var ofCounts = CoincidenceAlpha.IntervalOf([.. pairs.Select(p => (p.Key.Item1, p.Key.Item2, p.Value.Count, p.Value.Weight))])!.Value;
        var ofVotes = AgreementIntervals.Of(votes)!.Alpha!.Value;
        Assert.Equal(ofVotes.Estimate, ofCounts.Estimate, 3);
        Assert.InRange((ofCounts.Upper - ofCounts.Lower) / (ofVotes.Upper - ofVotes.Lower), 0.9, 2);
    }

    // Eight with care, two carelessly, one wrong on purpose, one who exchanges two labels; three of them an item.
    private static (List<Vote[]> Votes, Dictionary<long, double> Right) Team()
    {
        var random = new Random(5);
        var (right, all) = (new int[13], new int[13]);
        var votes = new List<Vote[]>();
        for (var i = 0; i < Items; i++)
        {
            var truth = random.Next(Labels);
            votes.Add([.. Enumerable.Range(1, 12).OrderBy(_ => random.Next()).Take(3).Select(who =>
            {
                var said = who switch
                {
                    <= 8 => random.NextDouble() < 0.93 ? truth : random.Next(Labels),
                    9 or 10 => random.NextDouble() < 0.5 ? truth : random.Next(Labels),
                    11 => (truth + 1 + random.Next(Labels - 1)) % Labels,
                    _ => truth < 2 ? 1 - truth : truth,
                };
                all[who]++;
                right[who] += said == truth ? 1 : 0;
                return new Vote(who, Value(said), false);
            })]);
        }

        return (votes, Enumerable.Range(1, 12).ToDictionary(w => (long)w, w => (double)right[w] / all[w]));
    }

    private static string Value(int label) => LabelJson.Write(new ChoiceValue(string.Create(CultureInfo.InvariantCulture, $"label {label}")));
}
