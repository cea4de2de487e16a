using Annotator.Core.Learning.Neighbours;
using Annotator.Core.Learning.Routing;
using Annotator.Core.Student;

namespace Annotator.Core.Learning.Steering;

/// <summary>What is known of a project's items when the models learn, by row of the features.</summary>
/// <param name="Rows">Features of all items.</param>
/// <param name="Classes">Number of classes.</param>
/// <param name="Decided">Class that people (or the data) gave each row; -1 where nobody has.</param>
/// <param name="Answers">Answers of each further labeller, such as the LLM.</param>
/// <param name="IdOf">Stable number of a row, from which its fold follows.</param>
/// <param name="Neighbours">The rows that are most like each row; null for none.</param>
/// <param name="Groups">Number of each row's group of near-duplicates, whose members have their say among the answers; -1 for none.</param>
public sealed record SteeringInput(
    SparseRows Rows, int Classes, int[] Decided, IReadOnlyList<LabellerAnswers> Answers, Func<int, long> IdOf, RowNeighbours? Neighbours = null, int[]? Groups = null)
{
    /// <summary>Number of items.</summary>
    public int Count => Decided.Length;

    /// <summary>The words of each row; made where they are needed and not given.</summary>
    public WordRows? Words { get; init; }
}

/// <summary>What the models say of a project's items after they have learned.</summary>
/// <param name="Student">The student.</param>
/// <param name="Fused">What all labellers say together, with their reliabilities.</param>
/// <param name="Proposals">The proposed class of each row; made without the row's own decision.</param>
/// <param name="Risks">Calibrated probability that the proposal is wrong, as if nobody had decided the row.</param>
/// <param name="StudentClasses">The class that the student alone proposes for each row, by a model that has not seen the row's own label.</param>
/// <param name="StudentPosterior">The student's probabilities, [row, class] row-major, out of fold where the row had a label.</param>
/// <param name="Answered">Rows that a further labeller had answered.</param>
public sealed record SteeringView(
    TrainedStudent Student, FusedLabels Fused, int[] Proposals, double[] Risks, int[] StudentClasses, float[] StudentPosterior, int Answered)
{
    /// <summary>
    /// The student's accuracy over all items: decided ones count by their decision, the others by the probability that its class is right. People decide
    /// the doubtful items first, so an accuracy over decided items alone would be far too low.
    /// </summary>
    public double StudentAccuracy
    {
        get
        {
            double right = 0;
            for (var i = 0; i < Proposals.Length; i++) right += Fused[i][StudentClasses[i]];
            return Proposals.Length == 0 ? 0 : right / Proposals.Length;
        }
    }
}

/// <summary>
/// One round of learning over all items of a project: the student is trained on people's decisions and, where nobody has decided, on what all labellers
/// together believe; its out-of-fold opinion, the vote of similar items and the answers of the other labellers are fused; and a calibrated risk is made for each
/// proposal.
/// </summary>
/// <remarks>
/// This is expectation maximisation over the undecided items (Dawid and Skene 1979, with a classifier as the prior of each item as in Raykar et al. 2010).
/// A student that learned from an item's own machine label would agree with it, so every item is judged by the model of the folds it is not in.
/// </remarks>
public static class SteeringModel
{
    /// <summary>Similar items that have a voice in what is believed of each item.</summary>
    public const int Neighbours = 25;

    // Parts of a belief smaller than this are noise to the student, and cost time.
    private const float SmallestTarget = 0.02f;

    // How far an answer is believed before anything is known of the labeller.
    private const float FirstTrust = 0.75f;

    // Nobody is surer than this of anything: labels have a floor of noise that no model sees.
    private const double SmallestRisk = 0.0005;

    // With so many times the answers that the last round knew, its beliefs are a worse start than none: those of the first hundreds of answers are still held against
    // thousands many trainings later.
    internal const double FreshGrowth = 1.25;

    // Student and neighbours read the same text, and err together more often than the pool of both believes. And where sharpening the student explains an LLM's answers
    // best, its own word is what a risk is made of: both may mistake the same classes for each other.
    private const double Caution = 1.1;

    // People decide what the others are in doubt about, and there are ten times as many labels of machines: once each, decisions would hardly be heard.
    private const float Emphasis = 3;

    /// <summary>Learns.</summary>
    /// <param name="input">What is known.</param>
    /// <param name="trainer">How the student is trained; for one class an item.</param>
    /// <param name="start">The result of the round before, over the same rows (or the first of them) and classes; null at the beginning.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public static SteeringView Learn(SteeringInput input, SoftmaxTrainer trainer, SteeringView? start, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(input);
        var answered = Enumerable.Range(0, input.Count).Count(i => input.Answers.Any(a => a[i] >= 0));
        if (start is not null && (start.Fused.Classes != input.Classes || start.Fused.Labellers.Count != input.Answers.Count || answered > start.Answered * FreshGrowth)) start = null;

        // The first beliefs are the labellers' bare answers; what the student makes of them is a better start.
        var view = Round(input, trainer, start, answered, cancellationToken);
        return start is null && answered > 0 ? Round(input, trainer, view, answered, cancellationToken) : view;
    }

    private static SteeringView Round(SteeringInput input, SoftmaxTrainer trainer, SteeringView? start, int answered, CancellationToken cancellationToken)
    {
        var (count, classes) = (input.Count, input.Classes);
        var labels = Targets(input, start, answered > 0);
        var student = StudentTraining.Train(trainer, input.Rows, labels, classes, input.IdOf, start?.Student, cancellationToken: cancellationToken);
        var probabilities = Opinions(input, student);
        var words = NaiveBayes.Opinions(input.Words ?? WordRows.Of(input.Rows, trainer.Features), labels, classes, input.Groups, cancellationToken);
        var evidence = new LabelEvidence(classes, input.Decided, probabilities, input.Answers, input.Neighbours, input.Groups, words);
        var fused = LabelFusion.Fuse(evidence, start?.Fused, rounds: start is null ? 6 : 3);
        var (blind, careful) = LabelFusion.WithoutDecisions(evidence, fused, Math.Max(Caution, fused.Powers.Student));
        cancellationToken.ThrowIfCancellationRequested();

        var (proposals, own, risks) = (new int[count], new int[count], new double[count]);
        for (var i = 0; i < count; i++)
        {
            var belief = blind.AsSpan(i * classes, classes);
            var opinion = probabilities.AsSpan(i * classes, classes);
            (proposals[i], own[i]) = (Probabilities.Best(belief), Probabilities.Best(opinion));

            // No further model on top: one that is trained on what people have decided sees the doubtful items only, and believes the others too readily.
            risks[i] = Math.Clamp(1 - (double)careful[(i * classes) + proposals[i]], SmallestRisk, 1 - (1.0 / classes));
        }

        return new SteeringView(student, fused, proposals, risks, own, probabilities, answered);
    }

    private static List<LabelledRow> Targets(SteeringInput input, SteeringView? start, bool machine)
    {
        var labels = new List<LabelledRow>(input.Count);
        var known = start?.Fused.Count ?? 0;
        for (var i = 0; i < input.Count; i++)
        {
            if (input.Decided[i] >= 0)
            {
                labels.Add(new LabelledRow(i, input.Decided[i], Emphasis: machine ? Emphasis : 1));
                continue;
            }

            // Without another labeller the student would only learn from itself.
            if (!machine || !input.Answers.Any(a => a[i] >= 0)) continue;
            if (i < known)
            {
                var belief = start!.Fused[i];
                for (var c = 0; c < belief.Length; c++)
                {
                    if (belief[c] > SmallestTarget) labels.Add(new LabelledRow(i, c, belief[c]));
                }
            }
            else
            {
                foreach (var answers in input.Answers)
                {
                    if (answers[i] >= 0) labels.Add(new LabelledRow(i, answers[i], FirstTrust));
                }
            }
        }

        return labels;
    }

    // Out of fold where the row had a label or a belief to learn from, by the whole model where it had none.
    private static float[] Opinions(SteeringInput input, TrainedStudent student)
    {
        var (count, classes) = (input.Count, input.Classes);
        var probabilities = new float[count * classes];
        var judged = new bool[count];
        if (student.OutOfFold is { } folds)
        {
            var values = folds.Probabilities(student.Temperature);
            for (var k = 0; k < folds.Rows.Count; k++)
            {
                values.AsSpan(k * classes, classes).CopyTo(probabilities.AsSpan(folds.Rows[k] * classes, classes));
                judged[folds.Rows[k]] = true;
            }
        }

        var scorer = student.Fit.Model.CreateScorer(student.Temperature);
        for (var i = 0; i < count; i++)
        {
            if (!judged[i]) scorer.Score(input.Rows, i, probabilities.AsSpan(i * classes, classes));
        }

        return probabilities;
    }
}
