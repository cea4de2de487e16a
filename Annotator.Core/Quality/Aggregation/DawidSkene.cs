namespace Annotator.Core.Quality.Aggregation;

/// <summary>How <see cref="DawidSkene"/> estimates.</summary>
public sealed record DawidSkeneOptions
{
    /// <summary>Rounds at most, at least 1.</summary>
    public int MaximumRounds { get; init; } = 100;

    /// <summary>
    /// Ends when the mean log-likelihood an answer rises by less than this. On public crowd sets the labels are best after a few rounds and get worse again on the
    /// way to convergence, where labellers with few answers are fitted too closely: hence the early end.
    /// </summary>
    public double Tolerance { get; init; } = 0.005;

    /// <summary>
    /// Answers that each labeller is thought to have given besides the real ones, spread like those of all labellers together: 0 as published; about 1 keeps
    /// labellers with few answers from counting as infallible.
    /// </summary>
    public double Smoothing { get; init; }
}

/// <summary>
/// Dawid and Skene 1979: labels and each labeller's confusion of classes estimated together by expectation and maximisation, from the shares of the
/// answers. The usual choice for labellers who are biased each in their own way.
/// </summary>
public static class DawidSkene
{
    private const double Least = 1e-10;

    /// <summary>Aggregates.</summary>
    /// <param name="answers">Answers.</param>
    /// <param name="options">Null for the defaults.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    public static CrowdResult Aggregate(CrowdLabels answers, DawidSkeneOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(answers);
        options ??= new();
        ArgumentOutOfRangeException.ThrowIfLessThan(options.MaximumRounds, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(options.Smoothing);
        var start = MajorityVote.Aggregate(answers);
        var (classes, probabilities) = (answers.Classes, start.Probabilities);
        var priors = start.Priors;

        // [labeller, given, true]: what an answer says of all true classes lies side by side.
        var errors = new double[answers.WorkerCount * classes * classes];
        var logs = new double[errors.Length];
        Maximise(answers, probabilities, errors, options.Smoothing);
        var previous = double.NegativeInfinity;
        var rounds = 0;
        while (rounds < options.MaximumRounds)
        {
            cancellationToken.ThrowIfCancellationRequested();
            rounds++;
            for (var i = 0; i < logs.Length; i++) logs[i] = Math.Log(Math.Max(errors[i], Least));
            var likelihood = Expect(answers, probabilities, priors, logs) / Math.Max(1, answers.Count);
            priors = Shares(answers, probabilities);
            Maximise(answers, probabilities, errors, options.Smoothing);
            if (likelihood - previous < options.Tolerance) break;
            previous = likelihood;
        }

        return new CrowdResult(classes, probabilities, priors, Transpose(errors, classes), Trust(errors, priors, classes), rounds);
    }

    private static double Expect(CrowdLabels answers, float[] probabilities, double[] priors, double[] logs)
    {
        var classes = answers.Classes;
        var logPriors = Array.ConvertAll(priors, p => Math.Log(Math.Max(p, Least)));
        const int Block = 4096;
        var blocks = (answers.Tasks + Block - 1) / Block;
        var sums = new double[blocks];
        Parallel.For(0, blocks, block =>
        {
            var score = new double[classes];
            double sum = 0;
            for (var t = block * Block; t < Math.Min(answers.Tasks, (block + 1) * Block); t++)
            {
                if (answers.Starts[t] == answers.Starts[t + 1]) continue;
                logPriors.CopyTo(score, 0);
                for (var a = answers.Starts[t]; a < answers.Starts[t + 1]; a++)
                {
                    var says = logs.AsSpan(((answers.Workers[a] * classes) + answers.Labels[a]) * classes, classes);
                    for (var c = 0; c < says.Length; c++) score[c] += says[c];
                }

                var top = score.Max();
                double total = 0;
                for (var c = 0; c < score.Length; c++) total += score[c] = Math.Exp(score[c] - top);
                for (var c = 0; c < score.Length; c++) probabilities[(t * classes) + c] = (float)(score[c] / total);
                sum += top + Math.Log(total);
            }

            sums[block] = sum;
        });
        return sums.Sum();
    }

    private static double[] Shares(CrowdLabels answers, float[] probabilities)
    {
        var shares = new double[answers.Classes];
        for (var i = 0; i < probabilities.Length; i++) shares[i % shares.Length] += probabilities[i];
        var total = shares.Sum();
        return total == 0 ? shares : Array.ConvertAll(shares, s => s / total);
    }

    private static void Maximise(CrowdLabels answers, float[] probabilities, double[] errors, double smoothing)
    {
        var classes = answers.Classes;
        Array.Clear(errors);
        for (var t = 0; t < answers.Tasks; t++)
        {
            var row = probabilities.AsSpan(t * classes, classes);
            for (var a = answers.Starts[t]; a < answers.Starts[t + 1]; a++)
            {
                var cell = errors.AsSpan(((answers.Workers[a] * classes) + answers.Labels[a]) * classes, classes);
                for (var c = 0; c < row.Length; c++) cell[c] += row[c];
            }
        }

        if (smoothing > 0) Smooth(answers, errors, smoothing);
        for (var w = 0; w < answers.WorkerCount; w++)
        {
            var own = errors.AsSpan(w * classes * classes, classes * classes);
            for (var c = 0; c < classes; c++)
            {
                double total = 0;
                for (var g = 0; g < classes; g++) total += own[(g * classes) + c];
                for (var g = 0; g < classes && total > 0; g++) own[(g * classes) + c] /= total;
            }
        }
    }

    private static void Smooth(CrowdLabels answers, double[] errors, double smoothing)
    {
        var classes = answers.Classes;
        var all = new double[classes * classes];
        for (var i = 0; i < errors.Length; i++) all[i % all.Length] += errors[i];
        for (var c = 0; c < classes; c++)
        {
            double total = 0;
            for (var g = 0; g < classes; g++) total += all[(g * classes) + c];
            for (var g = 0; g < classes; g++)
            {
                // A class that nobody was seen to answer: as if people were mostly right.
                var share = total > 0 ? all[(g * classes) + c] / total : g == c ? 0.8 : 0.2 / Math.Max(1, classes - 1);
                for (var w = 0; w < answers.WorkerCount; w++) errors[(((w * classes) + g) * classes) + c] += smoothing * share;
            }
        }
    }

    private static double[] Transpose(double[] errors, int classes)
    {
        var result = new double[errors.Length];
        for (var w = 0; w < errors.Length / Math.Max(1, classes * classes); w++)
        {
            for (var g = 0; g < classes; g++)
            {
                for (var c = 0; c < classes; c++) result[(((w * classes) + c) * classes) + g] = errors[(((w * classes) + g) * classes) + c];
            }
        }

        return result;
    }

    private static double[] Trust(double[] errors, double[] priors, int classes)
    {
        var trust = new double[errors.Length / Math.Max(1, classes * classes)];
        for (var w = 0; w < trust.Length; w++)
        {
            for (var c = 0; c < classes; c++) trust[w] += priors[c] * errors[(((w * classes) + c) * classes) + c];
        }

        return trust;
    }
}
