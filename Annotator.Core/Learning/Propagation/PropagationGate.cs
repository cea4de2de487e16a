using System.Globalization;

namespace Annotator.Core.Learning.Propagation;

/// <summary>One human decision that propagation was not shown, and what was said about the item.</summary>
/// <param name="Human">The person's class.</param>
/// <param name="Propagated">Propagation's class, -1 where no label reached the item.</param>
/// <param name="Confidence">Propagation's confidence, 0 to 1.</param>
/// <param name="Student">The student's class for the same item, from training without that decision; null where there is no student.</param>
public readonly record struct PropagationCheck(int Human, int Propagated, double Confidence, int? Student);

/// <summary>Why propagation is on or off.</summary>
public enum PropagationReason
{
    /// <summary>Its confident part holds the target and is better than the student there.</summary>
    Accepted,

    /// <summary>Too few decisions were held back to tell.</summary>
    TooFewChecks,

    /// <summary>Even its most confident part does not hold the target.</summary>
    BelowTarget,

    /// <summary>The student is as good or better on the same items.</summary>
    StudentNotBeaten,
}

/// <summary>The gate's decision.</summary>
/// <param name="On">True where labels of at least <paramref name="Threshold"/> may be proposed.</param>
/// <param name="Reason">Why, as a value.</param>
/// <param name="Threshold">The least confidence that may be proposed; above 1 where nothing may.</param>
/// <param name="Coverage">Share of the checked items at or above it.</param>
/// <param name="Checked">Number of checked items at or above it (or, where it is off, of the part that was last looked at).</param>
/// <param name="Accuracy">Propagation's accuracy there.</param>
/// <param name="LowerBound">Its lower bound at the gate's confidence (Clopper-Pearson, one-sided).</param>
/// <param name="StudentAccuracy">The student's accuracy there, or null.</param>
/// <param name="Explanation">All of this in one English sentence.</param>
public sealed record PropagationVerdict(
    bool On, PropagationReason Reason, double Threshold, double Coverage, int Checked, double Accuracy, double LowerBound, double? StudentAccuracy,
    string Explanation);

/// <summary>
/// Decides from held-back human decisions whether propagation may propose labels: only a confident part whose accuracy holds the target with the
/// stated confidence, and only where it beats the student on the same items. On lexical text it usually does not; then it switches itself off
/// and says so.
/// </summary>
/// <remarks>
/// The confident parts (the best tenth, the best two tenths, …) are tested from strict to lax and the walk ends at the first failure: fixed-sequence
/// testing, so that trying ten thresholds does not spend the confidence (Angelopoulos et al. 2021, "Learn then test").
/// </remarks>
public static class PropagationGate
{
    /// <summary>Fewer checks than this in a part decide nothing, whatever the target.</summary>
    public const int LeastChecks = 20;

    private const int Steps = 10;

    /// <summary>Decides.</summary>
    /// <param name="checks">The held-back decisions, drawn at random from all decisions.</param>
    /// <param name="target">Accuracy that what is proposed must have, above 0 and below 1.</param>
    /// <param name="confidence">Confidence of the bound, above 0.5 and below 1.</param>
    public static PropagationVerdict Decide(IReadOnlyCollection<PropagationCheck> checks, double target = 0.9, double confidence = 0.9)
    {
        ArgumentNullException.ThrowIfNull(checks);
        if (!(target > 0 && target < 1))
            throw new ArgumentOutOfRangeException(nameof(target), target, "The target lies between 0 and 1.");
        if (!(confidence > 0.5 && confidence < 1))
            throw new ArgumentOutOfRangeException(nameof(confidence), confidence, "The confidence lies between 0.5 and 1.");

        var order = checks.Where(c => c.Propagated >= 0).OrderByDescending(c => c.Confidence).ToArray();
        // A part in which even no error at all would not show the target is no test; twice that stands an error or two where there are enough.
        var least = Math.Max(LeastChecks, (int)Math.Ceiling(Math.Log(1 - confidence) / Math.Log(target)));
        var first = order.Length >= 2 * least ? 2 * least : least;
        PropagationVerdict? best = null, failed = null;
        for (var step = 1; step <= Steps && failed is null; step++)
        {
            var size = Extend(order, order.Length * step / Steps);
            if (size < first || (best is not null && size == best.Checked))
                continue;
            var verdict = Test(order.AsSpan(0, size), checks.Count, target, confidence);
            if (verdict.On)
                best = verdict;
            else
                failed = verdict;
        }

        return best ?? failed ?? new(false, PropagationReason.TooFewChecks, 2, 0, order.Length, 0, 0, null,
            $"Propagation is off: only {order.Length} of the {checks.Count} held-back decisions can be compared, at least {least} are needed.");
    }

    /// <summary>
    /// Chooses which decisions to hold back: about <paramref name="share"/> of them at random, but never the last one of a class, so that propagation
    /// still knows every class.
    /// </summary>
    /// <param name="labels">The class of each decision.</param>
    /// <param name="share">Share to hold back, above 0 and below 1.</param>
    /// <param name="seed">Seed of the draw.</param>
    /// <returns>For each decision whether it is held back.</returns>
    public static bool[] HoldBack(ReadOnlySpan<int> labels, double share, int seed)
    {
        if (!(share > 0 && share < 1))
            throw new ArgumentOutOfRangeException(nameof(share), share, "The share lies between 0 and 1.");
        var random = new Random(seed);
        var left = new Dictionary<int, int>();
        foreach (var label in labels)
            left[label] = left.GetValueOrDefault(label) + 1;
        var order = Enumerable.Range(0, labels.Length).ToArray();
        random.Shuffle(order);
        var held = new bool[labels.Length];
        var wanted = (int)Math.Round(share * labels.Length);
        foreach (var i in order)
        {
            if (wanted == 0)
                break;
            if (left[labels[i]] < 2)
                continue;
            left[labels[i]]--;
            held[i] = true;
            wanted--;
        }

        return held;
    }

    /// <summary>The part may not end between equal confidences: a threshold could not tell them apart.</summary>
    private static int Extend(PropagationCheck[] order, int size)
    {
        while (size > 0 && size < order.Length && order[size].Confidence >= order[size - 1].Confidence)
            size++;
        return size;
    }

    private static PropagationVerdict Test(ReadOnlySpan<PropagationCheck> part, int all, double target, double confidence)
    {
        int right = 0, compared = 0, studentRight = 0, onlyPropagation = 0, onlyStudent = 0;
        foreach (var check in part)
        {
            var good = check.Propagated == check.Human;
            right += good ? 1 : 0;
            if (check.Student is not { } student)
                continue;
            compared++;
            var studentGood = student == check.Human;
            studentRight += studentGood ? 1 : 0;
            onlyPropagation += good && !studentGood ? 1 : 0;
            onlyStudent += studentGood && !good ? 1 : 0;
        }

        var accuracy = (double)right / part.Length;
        var bound = LowerBound(right, part.Length, confidence);
        double? studentAccuracy = compared > 0 ? (double)studentRight / compared : null;
        var threshold = part[^1].Confidence;
        var reason = bound < target ? PropagationReason.BelowTarget
            : compared > 0 && onlyPropagation <= onlyStudent ? PropagationReason.StudentNotBeaten
            : PropagationReason.Accepted;
        var facts = string.Create(CultureInfo.InvariantCulture,
            $"of the {part.Length} most confident held-back items {accuracy:P1} are right (at least {bound:P1} with {confidence:P0} confidence, target {target:P1})");
        var rival = studentAccuracy is null ? "" : string.Create(CultureInfo.InvariantCulture,
            $"; the student has {studentAccuracy:P1} there, {onlyPropagation} items only propagation has right, {onlyStudent} only the student");
        var explanation = reason switch
        {
            PropagationReason.Accepted => $"Propagation is on: {facts}{rival}.",
            PropagationReason.StudentNotBeaten => $"Propagation is off, since it does not beat the student: {facts}{rival}.",
            _ => $"Propagation is off, since even its confident part misses the target: {facts}{rival}.",
        };
        var on = reason == PropagationReason.Accepted;
        return new(on, reason, on ? threshold : 2, (double)part.Length / all, part.Length, accuracy, bound, studentAccuracy, explanation);
    }

    /// <summary>The p at which as many successes or more have probability 1 - confidence (Clopper and Pearson 1934), by bisection.</summary>
    internal static double LowerBound(int right, int count, double confidence)
    {
        if (right == 0)
            return 0;
        var logs = new double[count + 1];
        for (var i = 1; i <= count; i++)
            logs[i] = logs[i - 1] + Math.Log(i);
        double low = 0, high = 1;
        for (var step = 0; step < 60; step++)
        {
            var p = (low + high) / 2;
            double tail = 0;
            for (var k = right; k <= count; k++)
                tail += Math.Exp(logs[count] - logs[k] - logs[count - k] + k * Math.Log(p) + (count - k) * Math.Log(1 - p));
            if (tail < 1 - confidence)
                low = p;
            else
                high = p;
        }

        return low;
    }
}
