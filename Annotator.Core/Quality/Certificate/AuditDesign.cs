namespace Annotator.Core.Quality.Certificate;

/// <summary>
/// How often the items of each risk are drawn in an audit, and how many draws that is expected to take: chosen before the draws, from predicted risks.
/// </summary>
/// <remarks>
/// The variance of an estimate by weighted draws is least when items are drawn in proportion to the square root of their risk; a draw that finds
/// a wrong label also mends it, which speaks for more; and the largest stake is limited by the item drawn most rarely, which speaks for less.
/// So a small family of weights (risk to a power, with a floor) is tried in a fluid model of the audit and the cheapest is taken.
/// </remarks>
internal sealed record AuditDesign(double[] Weights, double Draws, double Reviews)
{
    // Plans compare expected costs, so what is forecast is the mean course, with a hair for the steps that draws come in.
    private const double Slack = 0.1;

    private static readonly double[] s_powers = [0, 0.35, 0.5, 0.65, 0.8, 1];
    private static readonly double[] s_floors = [0.002, 0.006, 0.02, 0.05];

    /// <summary>Decisions in all: reviews without a draw, and draws.</summary>
    public double Decisions => Draws + Reviews;

    /// <summary>The cheapest weights for the population as it is.</summary>
    /// <param name="bins">The population.</param>
    /// <param name="allowed">Wrong labels that may remain.</param>
    /// <param name="alpha">Error probability of the bound.</param>
    public static AuditDesign Choose(RiskBins bins, double allowed, double alpha)
    {
        AuditDesign? best = null;
        foreach (var power in s_powers)
        {
            foreach (var floor in s_floors)
            {
                if (power == 0 && floor != s_floors[0]) continue;
                var trial = new RiskBins(bins);
                SetWeights(trial, power, floor);
                var draws = Forecast(trial, allowed, alpha);
                if (best is null || draws < best.Draws) best = new AuditDesign([.. trial.Weights], draws, 0);
            }
        }

        return best!;
    }

    /// <summary>
    /// The cheapest plan that may first let people decide the riskiest items outright: how many, and the audit of the rest.
    /// </summary>
    public static AuditDesign Plan(RiskBins bins, double allowed, double alpha)
    {
        var best = Choose(bins, allowed, alpha);
        var rest = new RiskBins(bins);
        double reviews = 0;
        for (var b = RiskBins.Length - 1; b > 0; b--)
        {
            if (rest.Counts[b] < 0.5) continue;
            reviews += rest.Counts[b];
            rest.Counts[b] = 0;
            if (reviews >= best.Decisions) break;
            var plan = Choose(rest, allowed, alpha);
            if (plan.Draws + reviews < best.Decisions) best = plan with { Reviews = reviews };
        }

        return best;
    }

    /// <summary>
    /// The cheapest way on inside an audit: how many of the riskiest items people should decide outright, and the draws after that. What reviews find counts for
    /// the claims under attack: the capital that was won against larger numbers is not lost.
    /// </summary>
    /// <param name="bins">What is left, with the audit's weights.</param>
    /// <param name="allowed">Wrong labels that may remain.</param>
    /// <param name="alpha">Error probability of the bound.</param>
    /// <param name="capital">Logarithm of the capital against the decisive claim, by the number of wrong labels that are found before.</param>
    public static AuditDesign PlanWithin(RiskBins bins, double allowed, double alpha, Func<double, double> capital)
    {
        var best = new AuditDesign(bins.Weights, Forecast(bins, allowed, alpha, capital(0)), 0);
        var rest = new RiskBins(bins);
        double reviews = 0, found = 0;
        for (var b = RiskBins.Length - 1; b > 0; b--)
        {
            // A bin in parts: the last ones hold hundreds of items.
            var part = rest.Counts[b] / Math.Ceiling(rest.Counts[b] / 50);
            while (rest.Counts[b] >= 0.5 && reviews < best.Decisions)
            {
                reviews += part;
                found += part * rest.Risks[b];
                rest.Counts[b] = Math.Max(0, rest.Counts[b] - part);
                var draws = Forecast(rest, allowed, alpha, capital(found));
                if (draws + reviews < best.Decisions) best = new AuditDesign(bins.Weights, draws, reviews);
            }
        }

        return best;
    }

    /// <summary>Expected number of draws until at most <paramref name="allowed"/> wrong labels are known to remain; all items when nothing less does. Capital that was won before shortens the way.</summary>
    public static double Forecast(RiskBins start, double allowed, double alpha, double capital = 0)
    {
        const int MaximumSteps = 64;
        var items = start.Items();
        if (items <= allowed) return 0;
        var step = Math.Max(1, items / 400);
        var states = new List<(RiskBins Bins, DrawOdds Odds)> { (start, start.Odds()) };
        var limit = Math.Log(1 / alpha) + Slack - capital;
        if (limit <= Slack) return 0;
        for (var length = 1; ; length++)
        {
            // Forward: counts after each step (steps grow, as the answer is wanted to some percent only).
            var last = new RiskBins(states[^1].Bins);
            var total = last.TotalWeight();
            for (var b = 0; b < RiskBins.Length; b++) last.Counts[b] *= Math.Exp(-StepOf(length - 1, step) * last.Weights[b] / total);
            states.Add((last, last.Odds()));
            if (length >= MaximumSteps) break;
            if (last.Items() <= allowed) break;
        }

        var low = 0;
        var high = states.Count - 1;
        if (Growth(states, high, step, allowed) < limit) return items;
        while (high - low > 1)
        {
            var middle = (low + high) / 2;
            if (Growth(states, middle, step, allowed) >= limit) high = middle; else low = middle;
        }

        var before = low == 0 ? 0 : Growth(states, low, step, allowed);
        var after = Growth(states, high, step, allowed);
        var part = after > before ? Math.Clamp((limit - before) / (after - before), 0, 1) : 1;
        return DrawsOf(low, step) + (part * StepOf(low, step));
    }

    private static double StepOf(int index, double step) => step * Math.Pow(1.06, index);

    private static double DrawsOf(int steps, double step) => step * (Math.Pow(1.06, steps) - 1) / 0.06;

    /// <summary>Expected logarithm of the capital against "more than allowed remain" after so many steps.</summary>
    private static double Growth(List<(RiskBins Bins, DrawOdds Odds)> states, int steps, double step, double allowed)
    {
        var end = states[steps].Odds.Errors;
        double growth = 0, bet = 0;
        for (var j = 0; j < steps; j++)
        {
            var odds = states[j].Odds;
            var claimed = allowed + odds.Errors - end;
            bet = odds.BestBet(claimed, bet);
            growth += odds.Growth(claimed, bet) * StepOf(j, step);
        }

        return growth;
    }

    private static void SetWeights(RiskBins bins, double power, double floor)
    {
        for (var b = 0; b < RiskBins.Length; b++) bins.Weights[b] = Math.Pow(Math.Max(bins.Risks[b], floor), power);
    }
}
