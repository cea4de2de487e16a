using Annotator.Core.Student;

namespace Annotator.Core.Learning.Routing;

/// <summary>
/// What is known about one labeller (a person, a prompt version, a student version, propagation): how often it answers each class when each class is
/// true. Rows with few cases are drawn towards the labeller's overall accuracy (a Dirichlet prior), so that a rare class is neither trusted nor
/// distrusted on three examples.
/// </summary>
public sealed class LabellerReliability
{
    /// <summary>Cases that the prior of one row is worth.</summary>
    private const double RowStrength = 8;

    // [answer, true], so that an answer's likelihoods stand together.
    private readonly float[] _logLikelihood;

    private LabellerReliability(int classes, double[] confusion, double[] cases, double accuracy)
    {
        Classes = classes;
        Confusion = confusion;
        Cases = cases;
        Accuracy = accuracy;
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
    /// <param name="answers">The labeller's answer for each item; -1 for none.</param>
    /// <param name="truth">For each item the probability of each class, [item, class] row-major: a decided item has a single 1.</param>
    /// <returns>The reliability.</returns>
    /// <remarks>
    /// Undecided items take part through their posterior. That matters when people decide the doubtful items first: counting the decided ones alone
    /// would make a labeller look worse than it is, for its errors are among the doubtful.
    /// </remarks>
    public static LabellerReliability Measure(int classes, ReadOnlySpan<int> answers, ReadOnlySpan<float> truth)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(classes, 1);
        if (truth.Length != answers.Length * classes) throw new ArgumentException("One probability an item and class is needed.", nameof(truth));
        var counts = new double[classes * classes];
        for (var i = 0; i < answers.Length; i++)
        {
            if (answers[i] < 0) continue;
            var row = truth.Slice(i * classes, classes);
            for (var c = 0; c < classes; c++) counts[(c * classes) + answers[i]] += row[c];
        }

        return FromCounts(classes, counts, 0.7, 4);
    }

    /// <summary>Probability of an answer if a class is true.</summary>
    /// <param name="truth">The true class.</param>
    /// <param name="answer">The answer.</param>
    /// <returns>The probability.</returns>
    public double Likelihood(int truth, int answer) => Confusion[(truth * Classes) + answer];

    /// <summary>Adds the logarithm of an answer's likelihood to a score for each class.</summary>
    /// <param name="answer">The answer; -1 adds nothing.</param>
    /// <param name="scores">One score a class, changed in place.</param>
    public void AddLogLikelihood(int answer, Span<float> scores)
    {
        if (answer < 0) return;
        SpanMath.AddScaled(_logLikelihood.AsSpan(answer * Classes, Classes), 1, scores[..Classes]);
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

        return new LabellerReliability(classes, confusion, rows, accuracy);
    }
}
