using Annotator.Core.Student;

namespace Annotator.Core.Learning.Routing;

/// <summary>
/// What is known about one labeller (a person, a prompt version, a student version, propagation): how often it answers each class when each class is
/// true. Rows with few cases are drawn towards the labeller's overall accuracy (a Dirichlet prior), so that a rare class is neither trusted nor
/// distrusted on three examples. Where its answers come with levels of sureness, each level is more or less reliable by one and the same factor of the odds for all classes
/// (a proportional-odds shift of the confusion), so that a level costs one number to learn and not a confusion of its own.
/// </summary>
public sealed class LabellerReliability
{
    /// <summary>Cases that the prior of one row is worth.</summary>
    private const double RowStrength = 8;

    /// <summary>Cases that the labeller's overall accuracy is worth on each level.</summary>
    private const double LevelStrength = 8;

    // No level is believed more or less than this, in log-odds beyond the labeller's own.
    private const double MostShift = 5;
    private const int Halvings = 40;

    // [answer, true], so that an answer's likelihoods stand together.
    private readonly float[] _logLikelihood;

    // [level, true]: what is to be added to the logarithm for a right and for a wrong answer.
    private readonly float[] _whenRight;
    private readonly float[] _whenWrong;

    private LabellerReliability(int classes, double[] confusion, double[] cases, double accuracy, double[] shifts)
    {
        Classes = classes;
        Confusion = confusion;
        Cases = cases;
        Accuracy = accuracy;
        LevelShifts = shifts;
        (_whenRight, _whenWrong) = (new float[shifts.Length * classes], new float[shifts.Length * classes]);
        for (var l = 0; l < shifts.Length; l++)
        {
            for (var c = 0; c < classes; c++)
            {
                var (right, shifted) = (Own(c), Shifted(Own(c), shifts[l]));
                _whenRight[(l * classes) + c] = (float)Math.Log(shifted / right);
                _whenWrong[(l * classes) + c] = (float)Math.Log((1 - shifted) / (1 - right));
            }
        }

        _logLikelihood = new float[confusion.Length];
        for (var c = 0; c < classes; c++)
        {
            for (var a = 0; a < classes; a++) _logLikelihood[(a * classes) + c] = (float)Math.Log(confusion[(c * classes) + a]);
        }
    }

    /// <summary>Number of classes.</summary>
    public int Classes { get; }

    /// <summary>Probability of an answer given the true class, [true, answer] row-major; rows sum to 1.</summary>
    public double[] Confusion { get; }

    /// <summary>Cases (possibly parts of cases) behind each row.</summary>
    public double[] Cases { get; }

    /// <summary>Overall share of right answers, drawn towards 0.7 with the weight of four cases.</summary>
    public double Accuracy { get; }

    /// <summary>What the odds of a right answer are multiplied by on each level of sureness, as a logarithm; empty where all answers are taken alike.</summary>
    public IReadOnlyList<double> LevelShifts { get; }

    /// <summary>A labeller of whom nothing is known but an accuracy; errors fall on all other classes alike.</summary>
    /// <param name="classes">Number of classes.</param>
    /// <param name="accuracy">Assumed share of right answers.</param>
    /// <returns>The reliability.</returns>
    public static LabellerReliability Assumed(int classes, double accuracy)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(classes, 1);
        return FromCounts(classes, new double[classes * classes], accuracy, 1e9);
    }

    /// <summary>Measures a labeller on items whose truth is known, or known in part.</summary>
    /// <param name="classes">Number of classes.</param>
    /// <param name="answers">The labeller's answer for each item, and its level of sureness where it has one.</param>
    /// <param name="truth">For each item the probability of each class, [item, class] row-major: a decided item has a single 1.</param>
    /// <returns>The reliability.</returns>
    /// <exception cref="ArgumentException">The shapes do not fit.</exception>
    /// <remarks>
    /// Undecided items take part through their posterior. That matters when people decide the doubtful items first: counting the decided ones alone
    /// would make a labeller look worse than it is, for its errors are among the doubtful.
    /// </remarks>
    public static LabellerReliability Measure(int classes, LabellerAnswers answers, ReadOnlySpan<float> truth)
    {
        ArgumentNullException.ThrowIfNull(answers);
        ArgumentOutOfRangeException.ThrowIfLessThan(classes, 1);
        if (truth.Length != answers.Count * classes) throw new ArgumentException("One probability an item and class is needed.", nameof(truth));
        var counts = new double[classes * classes];
        var (cases, right) = (new double[answers.LevelCount * classes], new double[answers.LevelCount]);
        for (var i = 0; i < answers.Count; i++)
        {
            if (answers[i] < 0) continue;
            var row = truth.Slice(i * classes, classes);
            for (var c = 0; c < classes; c++) counts[(c * classes) + answers[i]] += row[c];
            if (answers.LevelOf(i) is not (>= 0 and var level)) continue;
            for (var c = 0; c < classes; c++) cases[(level * classes) + c] += row[c];
            right[level] += row[answers[i]];
        }

        var overall = FromCounts(classes, counts, 0.7, 4);
        if (right.Length == 0 || classes == 1) return overall;
        var shifts = new double[right.Length];
        for (var l = 0; l < shifts.Length; l++) shifts[l] = overall.ShiftOf(cases.AsSpan(l * classes, classes), right[l]);
        return new LabellerReliability(classes, overall.Confusion, overall.Cases, overall.Accuracy, shifts);
    }

    /// <summary>The same labeller, whose answers are taken alike whatever comes with them.</summary>
    public LabellerReliability WithoutLevels() => LevelShifts.Count == 0 ? this : new LabellerReliability(Classes, Confusion, Cases, Accuracy, []);

    /// <summary>Probability of an answer if a class is true.</summary>
    /// <param name="truth">The true class.</param>
    /// <param name="answer">The answer.</param>
    /// <param name="level">Its level of sureness; -1 for none.</param>
    /// <returns>The probability.</returns>
    public double Likelihood(int truth, int answer, int level = -1)
    {
        var own = Confusion[(truth * Classes) + answer];
        return level < 0 || LevelShifts.Count == 0 ? own : own * Math.Exp((truth == answer ? _whenRight : _whenWrong)[(level * Classes) + truth]);
    }

    /// <summary>Adds the logarithm of an answer's likelihood to a score for each class.</summary>
    /// <param name="answer">The answer; -1 adds nothing.</param>
    /// <param name="level">Its level of sureness; -1 for none.</param>
    /// <param name="scores">One score a class, changed in place.</param>
    public void AddLogLikelihood(int answer, int level, Span<float> scores)
    {
        if (answer < 0) return;
        SpanMath.AddScaled(_logLikelihood.AsSpan(answer * Classes, Classes), 1, scores[..Classes]);
        if (level < 0 || LevelShifts.Count == 0) return;
        SpanMath.AddScaled(_whenWrong.AsSpan(level * Classes, Classes), 1, scores[..Classes]);
        scores[answer] += _whenRight[(level * Classes) + answer] - _whenWrong[(level * Classes) + answer];
    }

    private double Own(int truth) => Math.Clamp(Confusion[(truth * Classes) + truth], 1e-6, 1 - 1e-6);

    private static double Shifted(double probability, double shift) => Math.Clamp(1 / (1 + ((1 - probability) / probability * Math.Exp(-shift))), 1e-6, 1 - 1e-6);

    // The shift with which as many answers of a level are right as were, some cases of the overall accuracy added. What is expected grows with it, so halving finds it.
    private double ShiftOf(ReadOnlySpan<double> cases, double right)
    {
        var wanted = right + (LevelStrength * Accuracy);
        var (low, high) = (-MostShift, MostShift);
        for (var halving = 0; halving < Halvings; halving++)
        {
            var middle = (low + high) / 2;
            var expected = LevelStrength * Shifted(Accuracy, middle);
            for (var c = 0; c < cases.Length; c++) expected += cases[c] * Shifted(Own(c), middle);
            (low, high) = expected < wanted ? (middle, high) : (low, middle);
        }

        return (low + high) / 2;
    }

    private static LabellerReliability FromCounts(int classes, double[] counts, double priorAccuracy, double priorCases)
    {
        double right = priorAccuracy * priorCases, all = priorCases;
        var rows = new double[classes];
        var answers = new double[classes];
        double wrong = 1e-9;
        for (var c = 0; c < classes; c++)
        {
            for (var a = 0; a < classes; a++)
            {
                var count = counts[(c * classes) + a];
                rows[c] += count;
                all += count;
                if (a == c) right += count;
                else
                {
                    answers[a] += count;
                    wrong += count;
                }
            }
        }

        var accuracy = classes == 1 ? 1 : Math.Clamp(right / all, 1.0 / classes, 0.999);
        var confusion = new double[classes * classes];
        for (var c = 0; c < classes; c++)
        {
            // Wrong answers of the prior fall half evenly, half on the answers that this labeller likes to give wrongly.
            var others = 1e-9 + wrong - answers[c];
            for (var a = 0; a < classes; a++)
            {
                var prior = a == c
                    ? accuracy
                    : (1 - accuracy) * ((0.5 / (classes - 1)) + (0.5 * ((answers[a] / others * (others / (others + 1))) + (1 / (others + 1) / (classes - 1)))));
                confusion[(c * classes) + a] = (counts[(c * classes) + a] + (RowStrength * prior)) / (rows[c] + RowStrength);
            }

            double sum = 0;
            for (var a = 0; a < classes; a++) sum += confusion[(c * classes) + a];
            for (var a = 0; a < classes; a++) confusion[(c * classes) + a] /= sum;
        }

        return new LabellerReliability(classes, confusion, rows, accuracy, []);
    }
}
