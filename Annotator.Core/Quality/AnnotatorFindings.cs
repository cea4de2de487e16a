namespace Annotator.Core.Quality;

/// <summary>What is certainly different about an annotator's labels, as far as all votes together can tell.</summary>
public enum AnnotatorFinding
{
    /// <summary>Nothing that chance would not explain.</summary>
    None,

    /// <summary>Certainly less often right than the rest of the team.</summary>
    Careless,

    /// <summary>Certainly hardly ever right: no more often than somebody who guesses, or, of many labels, than in one case of seven.</summary>
    Adversarial,

    /// <summary>Certainly gives one label in place of another, more often than the rest of the team does.</summary>
    Confuses,
}

/// <summary>
/// Names those whose labels differ from the team's by more than chance. Everybody is held against everybody else, so the intervals are widened by the number of comparisons (Bonferroni): a team
/// in which nobody stands out is left alone in nineteen cases of twenty, and more.
/// </summary>
internal static class AnnotatorFindings
{
    // Nobody is named for a difference that does not matter.
    private const double LeastDifference = 0.05;
    private const double LeastConfusion = 0.2;
    private const double ErrorProbability = 0.05;
    private const double FewestConfusions = 3;

    // Of many labels a guess is hardly ever right: nobody could be told from it.
    private const double HardlyEver = 0.15;

    // A confusion explains what is wrong with somebody where the rest of their labels are as good as others'.
    private const double MostUnexplained = 0.5;

    /// <summary>Names them.</summary>
    /// <param name="confusion">[right, given] in expectation, by annotator, row-major.</param>
    /// <param name="accuracy">How right each annotator is.</param>
    /// <param name="classes">How many labels there are.</param>
    /// <returns>What stands out about each annotator; of a confusion the right and the given label, else -1.</returns>
    public static (AnnotatorFinding Finding, int Right, int Given)[] Of(double[][] confusion, double[] accuracy, int classes)
    {
        var given = Array.ConvertAll(confusion, c => c.Sum());
        var all = new double[classes * classes];
        foreach (var own in confusion)
        {
            for (var i = 0; i < all.Length; i++) all[i] += own[i];
        }

        var found = new (AnnotatorFinding, int, int)[confusion.Length];
        for (var w = 0; w < found.Length; w++)
        {
            found[w] = (AnnotatorFinding.None, -1, -1);
            var count = (int)Math.Round(given[w]);
            if (count < 2 || confusion.Length < 3) continue;
            var confidence = 1 - (2 * ErrorProbability / confusion.Length);
            var upper = ProportionInterval.Wilson((int)Math.Round(accuracy[w] * count), count, confidence)!.Value.Upper;
            var typical = Typical(accuracy, given, w);
            var below = upper < typical - LeastDifference;
            var (right, label, wrong) = Confused(confusion[w], all, classes, confusion.Length);
            if (right >= 0 && (!below || wrong >= MostUnexplained * (1 - accuracy[w]) * given[w])) found[w] = (AnnotatorFinding.Confuses, right, label);
            else if (below) found[w] = (upper < Math.Max(HardlyEver, Guessing(all, classes)) ? AnnotatorFinding.Adversarial : AnnotatorFinding.Careless, -1, -1);
        }

        return found;
    }

    // The median of the others, each counting by their labels: few who err do not move it.
    private static double Typical(double[] accuracy, double[] given, int but)
    {
        var others = Enumerable.Range(0, accuracy.Length).Where(w => w != but && given[w] > 0).OrderBy(w => accuracy[w]).ToList();
        var half = others.Sum(w => given[w]) / 2;
        foreach (var w in others)
        {
            half -= given[w];
            if (half <= 0) return accuracy[w];
        }

        return 0;
    }

    // Who guesses by the frequencies of the labels is right so often.
    private static double Guessing(double[] all, int classes)
    {
        double sum = all.Sum(), right = 0;
        for (var c = 0; c < classes; c++)
        {
            var share = all.AsSpan(c * classes, classes).ToArray().Sum() / sum;
            right += share * share;
        }

        return right;
    }

    // The label that is given in place of another with the least probability of being chance, and how much of what is wrong it explains, in both directions.
    private static (int Right, int Given, double Wrong) Confused(double[] own, double[] all, int classes, int people)
    {
        var (best, right, given, wrong) = (Math.Log(ErrorProbability / ((double)classes * (classes - 1) * people)), -1, -1, 0.0);
        for (var r = 0; r < classes; r++)
        {
            double mine = 0, team = 0, teamWrong = 0;
            for (var g = 0; g < classes; g++)
            {
                mine += own[(r * classes) + g];
                team += all[(r * classes) + g] - own[(r * classes) + g];
                if (g != r) teamWrong += all[(r * classes) + g] - own[(r * classes) + g];
            }

            for (var g = 0; g < classes; g++)
            {
                var count = own[(r * classes) + g];
                if (g == r || count < FewestConfusions || count / mine < LeastConfusion) continue;

                // What others do by chance or because the labels are alike: at least an even share of their mistakes.
                var others = Math.Max(all[(r * classes) + g] - count, teamWrong / (classes - 1));
                var rate = Math.Clamp((others + 0.5) / (team + 1), 1e-6, 1 - 1e-6);
                var (successes, trials) = (Math.Floor(count), Math.Max(Math.Floor(count), Math.Ceiling(mine)));
                if (count / mine < rate + LeastConfusion) continue;
                var chance = Math.Log(Math.Max(1e-300, SpecialFunctions.IncompleteBeta(successes, trials - successes + 1, rate)));
                if (chance >= best) continue;
                (best, right, given) = (chance, r, g);
                wrong = count + own[(g * classes) + r];
            }
        }

        return (right, given, wrong);
    }
}
