namespace Annotator.Core.Quality.Aggregation;

/// <summary>How <see cref="Mace"/> estimates.</summary>
public sealed record MaceOptions
{
    /// <summary>Random starts, of which the most likely outcome is kept; at least 1.</summary>
    public int Restarts { get; init; } = 10;

    /// <summary>Rounds a start, at least 1.</summary>
    public int Rounds { get; init; } = 50;

    /// <summary>Prior of the share of a labeller's answers that are guesses: both parameters of a Beta distribution, above 0.</summary>
    public double Prior { get; init; } = 0.5;

    /// <summary>Prior of what is guessed: the parameter of a Dirichlet distribution, above 0.</summary>
    public double GuessPrior { get; init; } = 10;

    /// <summary>Seed of the starts.</summary>
    public int Seed { get; init; } = 1;
}

/// <summary>
/// MACE (Hovy, Berg-Kirkpatrick, Vaswani and Hovy 2013): a labeller either knows and says the truth or guesses from a distribution of its own. Fewer
/// parameters than Dawid and Skene's, so it needs fewer answers a labeller; variational Bayes as in the authors' program.
/// </summary>
public static class Mace
{
    /// <summary>Aggregates; <see cref="CrowdResult.Trust"/> is the share of a labeller's answers that are no guesses.</summary>
    public static CrowdResult Aggregate(CrowdLabels answers, MaceOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(answers);
        options ??= new();
        ArgumentOutOfRangeException.ThrowIfLessThan(options.Restarts, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.Rounds, 1);
        if (!(options.Prior > 0) || !(options.GuessPrior > 0)) throw new ArgumentException("Priors must be above 0.", nameof(options));
        State? best = null;
        for (var start = 0; start < options.Restarts; start++)
        {
            var state = new State(answers, options, new Random(unchecked((options.Seed * 7919) + start)));
            for (var round = 0; round < options.Rounds; round++)
            {
                cancellationToken.ThrowIfCancellationRequested();
                state.Expect();
                state.Maximise();
            }

            state.Expect();
            if (best is null || state.LogLikelihood > best.LogLikelihood) best = state;
        }

        var classes = answers.Classes;
        var shares = new double[classes];
        for (var i = 0; i < best!.Probabilities.Length; i++) shares[i % classes] += best.Probabilities[i];
        var total = Math.Max(shares.Sum(), double.Epsilon);
        var trust = Enumerable.Range(0, answers.WorkerCount).Select(w => best.Knows[w] / (best.Knows[w] + best.Guesses[w])).ToArray();
        return new CrowdResult(classes, best.Probabilities, Array.ConvertAll(shares, s => s / total), [], trust, options.Rounds);
    }

    private sealed class State
    {
        private readonly CrowdLabels _answers;
        private readonly MaceOptions _options;
        private readonly double[] _guessed;
        private readonly double[] _knowCounts;
        private readonly double[] _guessCounts;
        private readonly double[] _guessedCounts;

        public State(CrowdLabels answers, MaceOptions options, Random random)
        {
            _answers = answers;
            _options = options;
            Knows = new double[answers.WorkerCount];
            Guesses = new double[answers.WorkerCount];
            _guessed = new double[answers.WorkerCount * answers.Classes];
            _knowCounts = new double[Knows.Length];
            _guessCounts = new double[Knows.Length];
            _guessedCounts = new double[_guessed.Length];
            Probabilities = new float[answers.Tasks * answers.Classes];
            for (var w = 0; w < Knows.Length; w++)
            {
                var know = 0.5 + (0.4 * (random.NextDouble() - 0.5));
                (Knows[w], Guesses[w]) = (know, 1 - know);
                double total = 0;
                for (var c = 0; c < answers.Classes; c++) total += _guessed[(w * answers.Classes) + c] = 1 + random.NextDouble();
                for (var c = 0; c < answers.Classes; c++) _guessed[(w * answers.Classes) + c] /= total;
            }
        }

        public double[] Knows { get; }

        public double[] Guesses { get; }

        public float[] Probabilities { get; }

        public double LogLikelihood { get; private set; }

        public void Expect()
        {
            var classes = _answers.Classes;
            Array.Clear(_knowCounts);
            Array.Clear(_guessCounts);
            Array.Clear(_guessedCounts);
            LogLikelihood = 0;
            var score = new double[classes];
            for (var t = 0; t < _answers.Tasks; t++)
            {
                var (first, last) = (_answers.Starts[t], _answers.Starts[t + 1]);
                if (first == last) continue;
                Array.Clear(score);
                for (var a = first; a < last; a++)
                {
                    var (w, given) = (_answers.Workers[a], _answers.Labels[a]);
                    var guess = Math.Max(Guesses[w] * _guessed[(w * classes) + given], 1e-300);
                    var right = Math.Log(guess + Knows[w]);
                    var wrong = Math.Log(guess);
                    for (var c = 0; c < classes; c++) score[c] += c == given ? right : wrong;
                }

                var top = score.Max();
                double total = 0;
                for (var c = 0; c < classes; c++) total += score[c] = Math.Exp(score[c] - top);
                LogLikelihood += top + Math.Log(total / classes);
                for (var c = 0; c < classes; c++) Probabilities[(t * classes) + c] = (float)(score[c] / total);
                for (var a = first; a < last; a++)
                {
                    var (w, given) = (_answers.Workers[a], _answers.Labels[a]);
                    var guess = Guesses[w] * _guessed[(w * classes) + given];
                    var knew = score[given] / total * (Knows[w] / Math.Max(Knows[w] + guess, 1e-300));
                    _knowCounts[w] += knew;
                    _guessCounts[w] += 1 - knew;
                    _guessedCounts[(w * classes) + given] += 1 - knew;
                }
            }
        }

        // Variational Bayes: exp of the digamma in place of the counts.
        public void Maximise()
        {
            var classes = _answers.Classes;
            for (var w = 0; w < Knows.Length; w++)
            {
                var all = SpecialFunctions.Digamma(_knowCounts[w] + _guessCounts[w] + (2 * _options.Prior));
                Knows[w] = Math.Exp(SpecialFunctions.Digamma(_knowCounts[w] + _options.Prior) - all);
                Guesses[w] = Math.Exp(SpecialFunctions.Digamma(_guessCounts[w] + _options.Prior) - all);
                var guesses = SpecialFunctions.Digamma(_guessCounts[w] + (classes * _options.GuessPrior));
                for (var c = 0; c < classes; c++)
                    _guessed[(w * classes) + c] = Math.Exp(SpecialFunctions.Digamma(_guessedCounts[(w * classes) + c] + _options.GuessPrior) - guesses);
            }
        }
    }
}
