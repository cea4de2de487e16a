using Annotator.Core.Learning.Neighbours;

namespace Annotator.Core.Learning.Routing;

/// <summary>What all labellers together say about each item.</summary>
public sealed class FusedLabels
{
    internal FusedLabels(int classes, float[] posterior, IReadOnlyList<LabellerReliability> labellers, PoolPowers powers)
    {
        Classes = classes;
        Posterior = posterior;
        Labellers = labellers;
        Powers = powers;
    }

    /// <summary>Number of classes.</summary>
    public int Classes { get; }

    /// <summary>Probability of each class, [item, class] row-major; a decided item has a single 1.</summary>
    public float[] Posterior { get; }

    /// <summary>Measured reliability of each labeller, in the order given.</summary>
    public IReadOnlyList<LabellerReliability> Labellers { get; }

    /// <summary>What the opinions of student and neighbours are worth.</summary>
    public PoolPowers Powers { get; }

    /// <summary>Number of items.</summary>
    public int Count => Posterior.Length / Classes;

    /// <summary>The probabilities of one item.</summary>
    /// <param name="item">Index of the item.</param>
    /// <returns>One probability a class.</returns>
    public ReadOnlySpan<float> this[int item] => Posterior.AsSpan(item * Classes, Classes);
}

/// <summary>What is known of each item before it is put together.</summary>
/// <param name="Classes">Number of classes.</param>
/// <param name="Decided">Class that a person decided for each item; -1 where nobody has.</param>
/// <param name="Student">Student's probability of each class, [item, class] row-major, from models that were not trained on the item; empty without a student.</param>
/// <param name="Answers">Answers of each further labeller, such as the LLM.</param>
/// <param name="Neighbours">The items that are most like each item; null for none.</param>
/// <param name="Groups">Number of each item's group, whose members have no voice among each other's neighbours; -1 for none.</param>
/// <param name="Words">What counts of words say of each item without the item itself, [item, class] row-major; null or empty where there are none.</param>
public sealed record LabelEvidence(
    int Classes, int[] Decided, float[] Student, IReadOnlyList<LabellerAnswers> Answers, RowNeighbours? Neighbours = null, int[]? Groups = null, float[]? Words = null)
{
    /// <summary>Number of items.</summary>
    public int Count => Decided.Length;
}

/// <summary>
/// Puts the student's probabilities, the vote of similar items, the counts of words and the answers of other labellers together: the posterior is proportional to
/// student^a x vote^b x words^c (a logarithmic opinion pool: Genest and Zidek 1986) x the likelihood of each answer under its labeller's confusion. Confusions are learned from people's
/// decisions and, through the posterior, from the undecided items too (the EM of Dawid and Skene 1979 with the pool as the prior of each item). The
/// powers are those that make decisions and answers likeliest, so that a vote that tells nothing new has none.
/// </summary>
/// <remarks>
/// What the neighbours vote for are people's decisions, the other labellers' own answers, or, where there is neither, the opinion of a student that learned nothing from them:
/// never a belief that the item itself has had a part in.
/// </remarks>
public static class LabelFusion
{
    /// <summary>Fuses the labels.</summary>
    /// <param name="evidence">What is known.</param>
    /// <param name="start">An earlier result whose confusions and powers are taken as the start; null starts from an accuracy of 0.75.</param>
    /// <param name="rounds">Rounds of EM.</param>
    /// <returns>The posterior of each item and the reliability of each labeller.</returns>
    public static FusedLabels Fuse(LabelEvidence evidence, FusedLabels? start = null, int rounds = 6)
    {
        ArgumentNullException.ThrowIfNull(evidence);
        var (items, classes) = (evidence.Count, evidence.Classes);
        Check(evidence);
        var labellers = new LabellerReliability[evidence.Answers.Count];
        for (var l = 0; l < labellers.Length; l++)
        {
            labellers[l] = start is not null && start.Labellers.Count == labellers.Length && start.Classes == classes
                ? start.Labellers[l] : LabellerReliability.Assumed(classes, 0.75);
            if (labellers[l].LevelShifts.Count != evidence.Answers[l].LevelCount) labellers[l] = labellers[l].WithoutLevels();
        }

        var posterior = new float[items * classes];
        var pool = new OpinionPool(evidence, labellers, start?.Powers ?? PoolPowers.First);
        for (var round = 0; round < rounds; round++)
        {
            // Powers change slowly: a later training fits them once.
            pool.Vote();
            if (start is null || round == 0) pool.Fit();
            pool.Posterior(posterior, pool.Powers, decisions: true);
            if (labellers.Length == 0) break;
            for (var l = 0; l < labellers.Length; l++) labellers[l] = LabellerReliability.Measure(classes, evidence.Answers[l], posterior);
        }

        return new FusedLabels(classes, posterior, labellers, pool.Powers);
    }

    /// <summary>What the labellers say of each item with the reliabilities of an earlier result, people's decisions about the item itself left out.</summary>
    /// <param name="evidence">What is known.</param>
    /// <param name="fused">An earlier result over it.</param>
    /// <param name="caution">For the careful probabilities the powers are divided by this.</param>
    /// <returns>Probability of each class, [item, class] row-major: as believed, and with caution.</returns>
    public static (float[] Beliefs, float[] Careful) WithoutDecisions(LabelEvidence evidence, FusedLabels fused, double caution = 1)
    {
        ArgumentNullException.ThrowIfNull(evidence);
        ArgumentNullException.ThrowIfNull(fused);
        Check(evidence);
        if (evidence.Answers.Count != fused.Labellers.Count) throw new ArgumentException("The labellers of the earlier result are needed.", nameof(evidence));
        if (evidence.Answers.Where((a, l) => fused.Labellers[l].LevelShifts.Count is > 0 and var known && known < a.LevelCount).Any()) throw new ArgumentException("The levels of the earlier result are needed.", nameof(evidence));
        var pool = new OpinionPool(evidence, [.. fused.Labellers], fused.Powers);
        pool.Vote();
        var (beliefs, careful) = (new float[evidence.Count * fused.Classes], new float[evidence.Count * fused.Classes]);
        pool.Posterior(beliefs, fused.Powers, decisions: false);
        pool.Posterior(careful, fused.Powers with { Student = fused.Powers.Student / caution, Neighbours = fused.Powers.Neighbours / caution, Words = fused.Powers.Words / caution }, decisions: false);
        return (beliefs, careful);
    }

    private static void Check(LabelEvidence evidence)
    {
        if (evidence.Student.Length > 0 && evidence.Student.Length != evidence.Count * evidence.Classes) throw new ArgumentException("One probability an item and class is needed.", nameof(evidence));
        if (evidence.Words is { Length: > 0 } words && words.Length != evidence.Count * evidence.Classes) throw new ArgumentException("One probability of the words an item and class is needed.", nameof(evidence));
        if (evidence.Answers.Any(a => a.Count != evidence.Count || (a.Levels is { } levels && levels.Length != evidence.Count))) throw new ArgumentException("Each labeller needs one answer (or -1) an item.", nameof(evidence));
        if (evidence.Neighbours is { } neighbours && neighbours.Count < evidence.Count) throw new ArgumentException("Each item needs its neighbours.", nameof(evidence));
    }
}
