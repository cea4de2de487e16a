using Annotator.Core.Items;
using Annotator.Core.Labels;
using Annotator.Core.Projects;

namespace Annotator.Core.Cascade;

/// <summary>What a labeller says of an item.</summary>
/// <param name="Value">Value as canonical JSON.</param>
/// <param name="Confidence">Probability that it is right.</param>
/// <param name="Source">Who says it.</param>
/// <param name="Version">Which version of it.</param>
public sealed record Opinion(string Value, double Confidence, LabelSource Source, int Version);

/// <summary>Where an item goes.</summary>
/// <param name="Route">The way.</param>
/// <param name="Prelabel">The pre-label to show; null where nobody has an opinion.</param>
/// <param name="Reason">Why a person is asked, where one is.</param>
/// <param name="Uncertainty">How much a person's decision is worth: 0 (certain) to 1.</param>
public sealed record Routing(Route Route, Opinion? Prelabel, QueueReason Reason, double Uncertainty);

/// <summary>The cascade's rule: the student where it is sure, else the LLM where one is there, else a person.</summary>
public static class CascadeRouter
{
    /// <summary>Decides where an item goes.</summary>
    /// <param name="settings">The project's settings.</param>
    /// <param name="line">The probability from which a label is accepted without a person; above 1: never.</param>
    /// <param name="student">The student's opinion.</param>
    /// <param name="llm">The LLM's opinion.</param>
    /// <param name="hint">The weak first guess.</param>
    /// <param name="llmAvailable">Whether the LLM may still be asked about this item.</param>
    /// <param name="llmFailed">Whether the LLM was asked and gave no valid answer.</param>
    public static Routing Decide(ProjectSettings settings, double line, Opinion? student, Opinion? llm, Opinion? hint, bool llmAvailable, bool llmFailed)
    {
        var best = Best(student, llm) ?? hint;
        if (settings.AutoAccept && best is { Source: not LabelSource.Hint } && best.Confidence >= line) return new Routing(Route.Auto, best, QueueReason.Uncertain, 0);
        if (llmAvailable && llm is null) return new Routing(Route.Llm, best, QueueReason.Uncertain, best is null ? 1 : 1 - best.Confidence);
        var disagree = student is not null && llm is not null && !string.Equals(student.Value, llm.Value, StringComparison.Ordinal);
        var reason = disagree ? QueueReason.Disagreement
            : llmFailed ? QueueReason.LlmFailed
            : best is null ? QueueReason.NoPrediction
            : best.Source == LabelSource.Hint ? QueueReason.Random : QueueReason.Uncertain;
        return new Routing(Route.Human, best, reason, best is null or { Source: LabelSource.Hint } ? 1 : 1 - best.Confidence);
    }

    // Where both say the same they support each other; where they differ the surer one is shown, and less is thought of it.
    private static Opinion? Best(Opinion? student, Opinion? llm)
    {
        if (student is null || llm is null) return student ?? llm;
        if (string.Equals(student.Value, llm.Value, StringComparison.Ordinal))
        {
            var surer = student.Confidence >= llm.Confidence ? student : llm;
            var (right, wrong) = (student.Confidence * llm.Confidence, (1 - student.Confidence) * (1 - llm.Confidence));
            return surer with { Confidence = right / (right + wrong) };
        }

        var winner = student.Confidence >= llm.Confidence ? student : llm;
        var loser = ReferenceEquals(winner, student) ? llm : student;
        return winner with { Confidence = winner.Confidence / (winner.Confidence + loser.Confidence) };
    }

    /// <summary>The student's opinion from its probabilities.</summary>
    /// <param name="classes">Names of the classes.</param>
    /// <param name="probabilities">A row of calibrated probabilities.</param>
    /// <param name="multiple">Whether an item may carry several labels.</param>
    /// <param name="version">Student version.</param>
    public static Opinion FromStudent(IReadOnlyList<string> classes, ReadOnlySpan<float> probabilities, bool multiple, int version)
    {
        if (!multiple)
        {
            var best = 0;
            for (var c = 1; c < probabilities.Length; c++)
            {
                if (probabilities[c] > probabilities[best]) best = c;
            }

            return new Opinion(LabelJson.Write(new ChoiceValue(classes[best])), probabilities[best], LabelSource.Student, version);
        }

        var chosen = new List<string>();
        var confidence = 1.0;
        for (var c = 0; c < probabilities.Length; c++)
        {
            if (probabilities[c] >= 0.5f) chosen.Add(classes[c]);
            confidence *= Math.Max(probabilities[c], 1 - probabilities[c]);
        }

        return new Opinion(LabelJson.Write(new ChoicesValue(chosen)), confidence, LabelSource.Student, version);
    }
}
