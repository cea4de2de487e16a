using Annotator.Core.Labels;
using Annotator.Core.Quality.Agreement;

namespace Annotator.Core.Quality;

/// <summary>95 % bootstrap intervals over items of the coefficients of <see cref="AgreementMetrics"/>; null where one is undefined.</summary>
/// <param name="Cohen">Of Cohen's kappa.</param>
/// <param name="Fleiss">Of Fleiss's kappa.</param>
/// <param name="Alpha">Of Krippendorff's alpha; of what is drawn with 1 - F1 as the distance.</param>
/// <param name="Gwet">Of Gwet's AC1.</param>
/// <param name="Percent">Of the share of equal pairs; of what is drawn of their mean F1.</param>
/// <param name="Items">Items that they rest on.</param>
public sealed record AgreementIntervals(Interval? Cohen, Interval? Fleiss, Interval? Alpha, Interval? Gwet, Interval? Percent, int Items)
{
    private const long Work = 10_000_000;
    private const int Most = 400;
    private const int Fewest = 50;
    private const int FewestItems = 10;

    // Drawn labels are compared shape by shape: fewer resamples of fewer items.
    private const int MostDrawn = 2_000;

    internal static AgreementIntervals? Of(IReadOnlyCollection<Vote[]> items)
    {
        if (items.SelectMany(i => i).FirstOrDefault() is { Value: { } any } && LabelLikeness.IsDrawn(any)) return Drawn(items);
        if (TeamAgreement.RatingsOf(items) is not { } ratings || ratings.Units < FewestItems) return null;
        var resamples = (int)Math.Min(Work / Math.Max(1, ratings.Count), Most);
        if (resamples < Fewest) return null;
        var countable = ratings.Categories <= TeamAgreement.MostCategories;
        var figures = new (double? Cohen, double? Fleiss, double? Alpha, double? Gwet, double? Percent)[resamples];
        Parallel.For(0, resamples, Bootstrap.Threads, i =>
        {
            var drawn = ratings.Resample(new Random(i + 1));
            figures[i] = (countable ? Kappa.CohenPairwise(drawn) : null, Kappa.Fleiss(drawn), countable ? Krippendorff.Alpha(drawn) : null, Kappa.GwetAc1(drawn), Kappa.Percent(drawn));
        });
        return new AgreementIntervals(
            IntervalOf(countable ? Kappa.CohenPairwise(ratings) : null, figures.Select(f => f.Cohen)), IntervalOf(Kappa.Fleiss(ratings), figures.Select(f => f.Fleiss)),
            IntervalOf(countable ? Krippendorff.Alpha(ratings) : null, figures.Select(f => f.Alpha)), IntervalOf(Kappa.GwetAc1(ratings), figures.Select(f => f.Gwet)),
            IntervalOf(Kappa.Percent(ratings), figures.Select(f => f.Percent)), ratings.Units);
    }

    private static AgreementIntervals? Drawn(IReadOnlyCollection<Vote[]> items)
    {
        var votes = items.Select(i => (IReadOnlyList<string>)[.. i.Where(v => v.UserId != 0).Select(v => v.Value)]).Where(v => v.Count > 1).ToList();
        if (votes.Count is < FewestItems or > MostDrawn) return null;
        var all = DrawnAgreement.Of(votes);
        var compared = votes.ConvertAll(DrawnAgreement.Compare);
        if (all.KrippendorffAlpha is not { } alpha || DrawnAgreement.Chance(votes) is not { } expected || expected <= 0) return null;
        var figures = new (double Alpha, double Percent)[Most];
        for (var i = 0; i < figures.Length; i++)
        {
            var random = new Random(i + 1);
            double likeness = 0, distance = 0;
            long pairs = 0, ratings = 0;
            for (var n = 0; n < compared.Count; n++)
            {
                var drawn = compared[random.Next(compared.Count)];
                (likeness, distance, pairs, ratings) = (likeness + drawn.Likeness, distance + drawn.Distance, pairs + drawn.Pairs, ratings + drawn.Ratings);
            }

            figures[i] = (1 - (distance / ratings / expected), likeness / pairs);
        }

        return new AgreementIntervals(null, null, IntervalOf(alpha, figures.Select(f => (double?)f.Alpha)), null, IntervalOf(all.Percent, figures.Select(f => (double?)f.Percent)), votes.Count);
    }

    private static Interval? IntervalOf(double? estimate, IEnumerable<double?> resampled)
    {
        var sorted = resampled.OfType<double>().Where(double.IsFinite).Order().ToArray();
        if (estimate is not { } value || sorted.Length < Fewest / 2) return null;
        return new Interval(value, Math.Min(value, sorted[(int)(0.025 * (sorted.Length - 1))]), Math.Max(value, sorted[(int)Math.Ceiling(0.975 * (sorted.Length - 1))]));
    }
}
