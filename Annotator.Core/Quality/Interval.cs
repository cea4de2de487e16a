namespace Annotator.Core.Quality;

/// <summary>An interval with the value it is about.</summary>
/// <param name="Estimate">The value.</param>
/// <param name="Lower">Lower end.</param>
/// <param name="Upper">Upper end.</param>
public readonly record struct Interval(double Estimate, double Lower, double Upper);

/// <summary>Intervals of a proportion: <c>successes</c> out of <c>trials</c>.</summary>
public static class ProportionInterval
{
    /// <summary>Wilson's score interval (1927): good coverage on average, never outside [0, 1].</summary>
    /// <param name="successes">Number of successes.</param>
    /// <param name="trials">Number of trials.</param>
    /// <param name="confidence">Coverage in (0, 1).</param>
    /// <returns>The interval; null without trials.</returns>
    public static Interval? Wilson(int successes, int trials, double confidence = 0.95)
    {
        Check(successes, trials, confidence);
        if (trials == 0) return null;
        var z = SpecialFunctions.NormalQuantile(0.5 + (confidence / 2));
        double n = trials, p = successes / n, zz = z * z;
        var centre = (p + (zz / (2 * n))) / (1 + (zz / n));
        var half = z / (1 + (zz / n)) * Math.Sqrt((p * (1 - p) / n) + (zz / (4 * n * n)));
        return new Interval(p, successes == 0 ? 0 : Math.Max(0, centre - half), successes == trials ? 1 : Math.Min(1, centre + half));
    }

    /// <summary>Clopper and Pearson's exact interval (1934): coverage at least as stated, for one look at the data.</summary>
    /// <param name="successes">Number of successes.</param>
    /// <param name="trials">Number of trials.</param>
    /// <param name="confidence">Coverage in (0, 1).</param>
    /// <returns>The interval; null without trials.</returns>
    public static Interval? ClopperPearson(int successes, int trials, double confidence = 0.95)
    {
        Check(successes, trials, confidence);
        if (trials == 0) return null;
        var tail = (1 - confidence) / 2;
        var lower = successes == 0 ? 0 : SpecialFunctions.InverseIncompleteBeta(successes, trials - successes + 1, tail);
        var upper = successes == trials ? 1 : SpecialFunctions.InverseIncompleteBeta(successes + 1, trials - successes, 1 - tail);
        return new Interval((double)successes / trials, lower, upper);
    }

    /// <summary>
    /// Korn and Graubard's interval (1998) of a proportion from draws of unequal weight: Clopper and Pearson's with as many trials as the draws are worth. That number is
    /// the smaller of Kish's effective size and the one that the linearised variance gives. With equal weights it is <see cref="ClopperPearson"/>'s.
    /// </summary>
    /// <param name="successes">Whether each draw was a success.</param>
    /// <param name="weights">What each draw stands for: one over its chance of being drawn, up to a factor; above 0.</param>
    /// <param name="confidence">Coverage in (0, 1), for one look at the data.</param>
    /// <returns>The interval around the weighted share; null without draws.</returns>
    /// <exception cref="ArgumentException">There are not as many weights as draws.</exception>
    public static Interval? Weighted(ReadOnlySpan<bool> successes, ReadOnlySpan<double> weights, double confidence = 0.95)
    {
        if (successes.Length != weights.Length) throw new ArgumentException($"{successes.Length} draws need as many weights, not {weights.Length}.", nameof(weights));
        Check(0, successes.Length, confidence);
        if (successes.IsEmpty) return null;
        double all = 0, squares = 0, good = 0, right = 0;
        for (var i = 0; i < weights.Length; i++)
        {
            all += weights[i];
            squares += weights[i] * weights[i];
            if (!successes[i]) continue;
            good += weights[i];
            right++;
        }

        var p = right == weights.Length ? 1 : Math.Clamp(good / all, 0, 1);
        var trials = all * all / squares;
        double spread = 0;
        for (var i = 0; i < weights.Length; i++) spread += weights[i] * weights[i] * ((successes[i] ? 1 : 0) - p) * ((successes[i] ? 1 : 0) - p);
        if (spread > 0) trials = Math.Min(trials, p * (1 - p) * all * all / spread);
        var (tail, x) = ((1 - confidence) / 2, p * trials);
        return new Interval(
            p,
            right == 0 ? 0 : SpecialFunctions.InverseIncompleteBeta(x, trials - x + 1, tail),
            right == weights.Length ? 1 : SpecialFunctions.InverseIncompleteBeta(x + 1, trials - x, 1 - tail));
    }

    /// <summary>
    /// An anytime-valid interval from counts alone: a uniform mixture over the binomial's likelihood ratios (Robbins 1970) and Ville's inequality, so that
    /// it may be looked at after every trial. Wider than <see cref="ClopperPearson"/>.
    /// </summary>
    /// <param name="successes">Number of successes.</param>
    /// <param name="trials">Number of trials.</param>
    /// <param name="confidence">Coverage in (0, 1), over all looks together.</param>
    /// <returns>The interval; (0, 1) around 0.5 without trials.</returns>
    public static Interval AnyTime(int successes, int trials, double confidence = 0.95)
    {
        Check(successes, trials, confidence);
        if (trials == 0) return new Interval(0.5, 0, 1);
        var p = (double)successes / trials;
        var failures = trials - successes;
        var mixture = SpecialFunctions.LogBeta(successes + 1, failures + 1);
        var limit = -Math.Log(1 - confidence);
        return new Interval(p, Edge(0, p), Edge(1, p));

        // The likelihood falls away from p on either side: bisect for where the mixture's lead reaches the limit.
        double Edge(double outside, double inside)
        {
            if (Lead(outside) < limit) return outside;
            for (var i = 0; i < 100; i++)
            {
                var middle = 0.5 * (outside + inside);
                if (Lead(middle) >= limit) outside = middle; else inside = middle;
            }

            return outside;
        }

        double Lead(double q) => mixture - (successes == 0 ? 0 : successes * Math.Log(q)) - (failures == 0 ? 0 : failures * Math.Log(1 - q));
    }

    private static void Check(int successes, int trials, double confidence)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(trials);
        ArgumentOutOfRangeException.ThrowIfNegative(successes);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(successes, trials);
        if (!(confidence is > 0 and < 1)) throw new ArgumentOutOfRangeException(nameof(confidence), confidence, "A confidence lies between 0 and 1.");
    }
}
