using Annotator.Core.Student;

namespace Annotator.Core.Learning.Routing;

/// <summary>What the opinions of the student, of similar items and of naive Bayes are worth when they are put together.</summary>
/// <param name="Student">Power to which the student's probabilities are raised (below 1: it was over-confident).</param>
/// <param name="Neighbours">Power to which the vote of similar items is raised; 0: it tells nothing that the student does not.</param>
/// <param name="Words">Power to which the word of naive Bayes is raised; 0: it tells nothing that the others do not.</param>
/// <param name="Misread">Share of items that all misread, so that they are much less sure than they say.</param>
public sealed record PoolPowers(double Student, double Neighbours, double Words, double Misread)
{
    /// <summary>Before anything is measured: the student as it is.</summary>
    public static PoolPowers First { get; } = new(1, 0, 0, 0.04);
}

/// <summary>
/// The signals of all items as logarithms, pooled: p = student^a vote^b words^c, (1 - misread) p + misread p^0.3, each normalised, then weighed by the likelihood of the labellers' answers.
/// </summary>
internal sealed class OpinionPool
{
    // With fewer answers than this their fit to the student says little of it.
    private const int FewestAnswers = 200;

    // With fewer decisions than this and no answers, the student is taken as it is.
    private const int FewestDecisions = 20;

    // Probabilities that a fit looks at, of items decided and of items answered; but so many items at least. Fewer than a few thousand items tell powers so badly that the
    // risks of a whole project move by a fifth with the sample.
    private const int LookedProbabilities = 100_000;
    private const int LookedItems = 1_500;

    // Moves of a fit at most; a later one goes on from there.
    private const int Moves = 12;

    private const int PartSize = 128;

    private const double PowerStep = 1.1;
    private const double VoiceStep = 0.1;
    private const double MisreadStep = 1.5;
    private const double LeastPower = 0.35;
    private const double MostNeighbours = 3;
    private const double MostWords = 3;
    private const double MostMisread = 0.1;

    // What the prior of the powers is worth, in decisions.
    private const double FitStrength = 10;

    // How much of their sureness the opinions keep about a text that they misread: the classes they take for likely stay likelier than others.
    private const float MisreadPower = 0.3f;

    // Without answers people's decisions are all that is known, of the doubtful items for the most part: a student that is sharpened to these is too sure of the others.
    private const double MostPower = 2.2;
    private const double MostPowerUnanswered = 1.6;

    // Nobody's voice in each vote: what one neighbour of a cosine of 0.45 says weighs as much.
    private const float Silence = 0.2f;

    private readonly LabelEvidence _evidence;
    private readonly LabellerReliability[] _labellers;
    private readonly float[] _student;
    private readonly float[] _votes;
    private readonly float[] _words;
    private readonly bool[] _hasAnswer;
    private readonly int[] _decided;
    private readonly int[] _answered;
    private readonly int _decisions;
    private readonly int _answers;

    /// <param name="evidence">What is known.</param>
    /// <param name="labellers">Reliability of each labeller; may be changed between calls.</param>
    /// <param name="powers">The powers to begin with.</param>
    public OpinionPool(LabelEvidence evidence, LabellerReliability[] labellers, PoolPowers powers)
    {
        (_evidence, _labellers, Powers) = (evidence, labellers, powers);
        _student = new float[evidence.Student.Length];
        SpanMath.LogAtLeast(evidence.Student, 1e-7f, _student);
        _votes = evidence.Neighbours is null ? [] : new float[evidence.Count * evidence.Classes];
        _words = new float[evidence.Words?.Length ?? 0];
        if (evidence.Words is { } words) SpanMath.LogAtLeast(words, 1e-7f, _words);
        _hasAnswer = new bool[evidence.Count];
        foreach (var answers in evidence.Answers)
        {
            for (var i = 0; i < answers.Count; i++) _hasAnswer[i] |= answers[i] >= 0;
        }

        var looked = Math.Max(LookedItems, LookedProbabilities / evidence.Classes);
        (_decided, _decisions) = Spread(evidence.Count, looked, i => evidence.Decided[i] >= 0);
        (_answered, _answers) = Spread(evidence.Count, looked, i => _hasAnswer[i]);
    }

    /// <summary>The powers.</summary>
    public PoolPowers Powers { get; private set; }

    private static ParallelOptions Parallelism { get; } = new() { MaxDegreeOfParallelism = 2 };

    /// <summary>
    /// What the neighbours of each item say: people's decisions about them, else the labellers' answers, else the student's opinion, which has not seen
    /// a label of theirs then.
    /// </summary>
    public void Vote()
    {
        if (_evidence.Neighbours is not { } neighbours) return;
        var groups = _evidence.Groups;
        var classes = _evidence.Classes;
        var voices = new float[_evidence.Count * classes];
        var speaks = new bool[_evidence.Count];
        for (var i = 0; i < _evidence.Count; i++) speaks[i] = Speak(i, voices.AsSpan(i * classes, classes));
        Parallel.For(0, _evidence.Count, Parallelism, i =>
        {
            var vote = _votes.AsSpan(i * classes, classes);
            vote.Fill(Silence / classes);
            for (var n = i * neighbours.K; n < (i + 1) * neighbours.K && neighbours.Indices[n] >= 0; n++)
            {
                var j = neighbours.Indices[n];
                if (j >= speaks.Length || !speaks[j]) continue;
                if (groups is not null && groups[i] >= 0 && groups[i] == groups[j]) continue;
                var weight = neighbours.Similarities[n] * neighbours.Similarities[n];
                var voice = voices.AsSpan(j * classes, classes);
                SpanMath.AddScaled(voice, weight, vote);
            }

            SpanMath.LogOfScaled(vote, 1 / SpanMath.Sum(vote), 0);
        });
    }

    private bool Speak(int item, Span<float> voice)
    {
        if (_evidence.Decided[item] is >= 0 and var decided)
        {
            voice[decided] = 1;
            return true;
        }

        if (_hasAnswer[item])
        {
            AddAnswers(item, voice);
            SpanMath.Softmax(voice);
            return true;
        }

        if (_student.Length == 0) return false;
        _evidence.Student.AsSpan(item * voice.Length, voice.Length).CopyTo(voice);
        return true;
    }

    /// <summary>
    /// Climbs to the powers that make what is known likeliest: people's decisions given the signals (so that the fit is not biased by their choice of the doubtful
    /// items), and the labellers' answers given student and neighbours. Drawn towards the bare student, and one item in 25 misread, by the worth of ten decisions.
    /// </summary>
    public void Fit()
    {
        if (_student.Length == 0) return;
        var withAnswers = _answers >= FewestAnswers;
        if (_decisions < FewestDecisions && !withAnswers)
        {
            Powers = PoolPowers.First with { Student = Math.Min(Powers.Student, 1) };
            return;
        }

        var most = withAnswers ? MostPower : MostPowerUnanswered;
        var best = Powers with { Student = Math.Min(Powers.Student, most) };
        var value = LogLikelihood(best, withAnswers);
        for (var move = 0; move < Moves; move++)
        {
            var (now, before) = (best, value);
            foreach (var trial in Steps(now))
            {
                if (trial.Student < LeastPower || trial.Student > most || trial.Neighbours is < 0 or > MostNeighbours || trial.Words is < 0 or > MostWords || trial.Misread > MostMisread) continue;
                var reached = LogLikelihood(trial, withAnswers);
                if (reached > value) (best, value) = (trial, reached);
            }

            if (value - before < 0.01) break;
        }

        Powers = best;
    }

    private IEnumerable<PoolPowers> Steps(PoolPowers now)
    {
        yield return now with { Student = now.Student * PowerStep };
        yield return now with { Student = now.Student / PowerStep };
        yield return now with { Misread = now.Misread * MisreadStep };
        yield return now with { Misread = now.Misread / MisreadStep };
        if (_votes.Length > 0)
        {
            yield return now with { Neighbours = now.Neighbours + VoiceStep };
            yield return now with { Neighbours = now.Neighbours - VoiceStep };
            yield return now with { Student = now.Student / PowerStep, Neighbours = now.Neighbours + VoiceStep };
            yield return now with { Student = now.Student * PowerStep, Neighbours = now.Neighbours - VoiceStep };
        }

        if (_words.Length == 0) yield break;
        yield return now with { Words = now.Words + VoiceStep };
        yield return now with { Words = now.Words - VoiceStep };
        yield return now with { Student = now.Student / PowerStep, Words = now.Words + VoiceStep };
        yield return now with { Student = now.Student * PowerStep, Words = now.Words - VoiceStep };
        if (_votes.Length == 0) yield break;
        yield return now with { Neighbours = now.Neighbours - VoiceStep, Words = now.Words + VoiceStep };
        yield return now with { Neighbours = now.Neighbours + VoiceStep, Words = now.Words - VoiceStep };
    }

    /// <summary>Probability of each class of each item.</summary>
    /// <param name="posterior">[item, class] row-major; overwritten.</param>
    /// <param name="powers">What the opinions are worth.</param>
    /// <param name="decisions">Whether people's decisions about the item itself count.</param>
    public void Posterior(float[] posterior, PoolPowers powers, bool decisions)
    {
        var classes = _evidence.Classes;
        Parallel.For(0, _evidence.Count, Parallelism, () => new float[classes], (i, _, flat) =>
        {
            var row = posterior.AsSpan(i * classes, classes);
            if (decisions && _evidence.Decided[i] is >= 0 and var decided)
            {
                row.Clear();
                row[decided] = 1;
            }
            else
            {
                Believe(i, powers, row, flat);
            }

            return flat;
        }, _ => { });
    }

    // The probabilities of one item, its answers taken in.
    private void Believe(int item, PoolPowers powers, Span<float> row, Span<float> flat)
    {
        LogPrior(item, powers, row, flat);
        AddAnswers(item, row);
        SpanMath.Softmax(row);
    }

    private void AddAnswers(int item, Span<float> scores)
    {
        for (var l = 0; l < _labellers.Length; l++) _labellers[l].AddLogLikelihood(_evidence.Answers[l][item], _evidence.Answers[l].LevelOf(item), scores);
    }

    private double LogLikelihood(PoolPowers powers, bool withAnswers)
    {
        var value = -FitStrength * (Math.Pow(Math.Log(powers.Student), 2) + (powers.Neighbours * powers.Neighbours) + (powers.Words * powers.Words)) - (FitStrength * Math.Pow(Math.Log(powers.Misread / PoolPowers.First.Misread), 2));
        if (_decided.Length > 0)
        {
            value += _decisions / (double)_decided.Length * SumOver(_decided, (i, row, other) =>
            {
                Believe(i, powers, row, other);
                return Math.Log(Math.Max(row[_evidence.Decided[i]], 1e-6));
            });
        }

        if (!withAnswers) return value;

        // Answers that are often wrong tell next to nothing of rare surprises: how many there are is for people's decisions to say.
        var asRead = powers with { Misread = 0 };
        return value + (_answers / (double)_answered.Length * SumOver(_answered, (i, row, said) =>
        {
            LogPrior(i, asRead, row, said);
            said.Clear();
            AddAnswers(i, said);
            double likelihood = 0;
            for (var c = 0; c < row.Length; c++) likelihood += MathF.Exp(row[c] + said[c]);
            return Math.Log(Math.Max(likelihood, 1e-12));
        }));
    }

    private delegate double Term(int item, Span<float> row, Span<float> said);

    // In parts that do not depend on the number of threads, so that the sum does not either.
    private double SumOver(int[] items, Term term)
    {
        var sums = new double[(items.Length + PartSize - 1) / PartSize];
        Parallel.For(0, sums.Length, Parallelism, part =>
        {
            var (row, said) = (new float[_evidence.Classes], new float[_evidence.Classes]);
            foreach (var i in items.AsSpan(part * PartSize, Math.Min(PartSize, items.Length - (part * PartSize)))) sums[part] += term(i, row, said);
        });
        return sums.Sum();
    }

    private void LogPrior(int item, PoolPowers powers, Span<float> row, Span<float> flat)
    {
        var start = item * row.Length;
        if (_student.Length > 0) SpanMath.Multiply(_student.AsSpan(start, row.Length), (float)powers.Student, row);
        else row.Clear();
        if (_votes.Length > 0 && powers.Neighbours > 0) SpanMath.AddScaled(_votes.AsSpan(start, row.Length), (float)powers.Neighbours, row);
        if (_words.Length > 0 && powers.Words > 0) SpanMath.AddScaled(_words.AsSpan(start, row.Length), (float)powers.Words, row);
        if (powers.Misread > 0)
        {
            SpanMath.Multiply(row, MisreadPower, flat);
            SpanMath.Softmax(flat);
            SpanMath.Softmax(row);
            SpanMath.Multiply(row, (float)(1 - powers.Misread), row);
            SpanMath.AddScaled(flat, (float)powers.Misread, row);
        }
        else
        {
            SpanMath.Softmax(row);
        }

        SpanMath.LogOfScaled(row, 1, 1e-9f);
    }

    // Evenly spread ones of those that are meant, and how many there are.
    private static (int[] Chosen, int All) Spread(int count, int most, Func<int, bool> meant)
    {
        var all = Enumerable.Range(0, count).Where(meant).ToArray();
        return (all.Length <= most ? all : [.. Enumerable.Range(0, most).Select(k => all[(int)((long)k * all.Length / most)])], all.Length);
    }
}
