using Annotator.Core.Learning.Routing;
using Annotator.Core.Student;

namespace Annotator.Tests.Learning;

/// <summary>The word of naive Bayes in the pool: counted by hand, without the row itself, and without its near-duplicates.</summary>
public sealed class NaiveBayesTests
{
    [Fact]
    public void Opinions_OfThreeTexts_AreTheCountsOfTheOthers()
    {
        var (rows, features) = Rows("red apple", "red pear", "blue apple pear");
        LabelledRow[] labels = [new(0, 0), new(1, 0), new(2, 1)];
        var opinions = NaiveBayes.Opinions(WordRows.Of(rows, features), labels, 2, null, TestContext.Current.CancellationToken);

        // "blue" is in one text only and says nothing. All words that are left have one weight, so each text of two has 1 / sqrt 2 of either.
        var half = Math.Sqrt(0.5);
        double Score(double[] own, double total, double texts) => own.Sum(count => half * Math.Log(count + 0.1)) + Math.Log(texts + 1) - (2 * half * Math.Log(total + 0.3));

        // The first text: class 0 is left with the second ("red", "pear"), class 1 with the third ("apple", "pear").
        var first = Softmax(Score([half, 0], 2 * half, 1), Score([0, half], 2 * half, 1));
        Assert.Equal(first[0], opinions[0], 4);

        // The third text: class 0 has both others, class 1 has nobody left.
        var third = Softmax(Score([half, half], 4 * half, 2), Score([0, 0], 0, 0));
        Assert.Equal(third[0], opinions[4], 4);
    }

    [Fact]
    public void Opinions_OfNearDuplicates_DoNotPraiseEachOther()
    {
        var (rows, features) = Rows("green tea cup", "green tea cup", "red bus stop", "red bus line", "green bus cup");
        LabelledRow[] labels = [new(0, 1), new(1, 1), new(2, 0), new(3, 0), new(4, 0)];
        var alone = NaiveBayes.Opinions(WordRows.Of(rows, features), labels, 2, null, TestContext.Current.CancellationToken);
        var grouped = NaiveBayes.Opinions(WordRows.Of(rows, features), labels, 2, [7, 7, -1, -1, -1], TestContext.Current.CancellationToken);
        Assert.True(alone[1] > grouped[1] + 0.1, $"{alone[1]} and {grouped[1]}");
        Assert.Equal(alone.AsSpan(4).ToArray(), grouped.AsSpan(4).ToArray());
    }

    [Fact]
    public void Opinions_OfPartsOfLabels_AreBetweenThoseOfWholeOnes()
    {
        var (rows, features) = Rows("a rainy day", "a rainy night", "a long night", "a long match");
        float[] Of(float part) => NaiveBayes.Opinions(WordRows.Of(rows, features), [new(0, 0), new(1, 0, part), new(1, 1, 1 - part), new(3, 1)], 2, null, TestContext.Current.CancellationToken);
        Assert.True(Of(1)[0] > Of(0.5f)[0] && Of(0.5f)[0] > Of(0)[0]);
        Assert.All(Enumerable.Range(0, 4), i => Assert.Equal(1, Of(0.5f)[i * 2] + Of(0.5f)[(i * 2) + 1], 4));
    }

    [Fact]
    public void Opinions_WhereNothingIsLabelledOrRowsAreNoTexts_AreNone()
    {
        var (rows, features) = Rows("one text", "another text");
        Assert.Empty(NaiveBayes.Opinions(WordRows.Of(rows, features), [], 2, null, TestContext.Current.CancellationToken));
    }

    [Fact]
    public void Words_OfTextsThatCameLater_AreWhatAllTextsAtOnceMakeOfThem()
    {
        string[] texts = ["red apple red apple red", "a blue pear", "blue apple pie with apple", "", "green tea", "the tea is red and the pie is green", "pear"];
        LabelledRow[] labels = [new(0, 0), new(1, 1, 0.4f), new(1, 0, 0.6f), new(5, 1)];
        var (features, rows) = (new TextFeatures(), new SparseRows());
        WordRows? grown = null;
        foreach (var part in texts.Chunk(3))
        {
            features.Append(part, rows);
            var before = grown;
            grown = WordRows.Of(rows, features.Options, grown);
            Assert.NotSame(before, grown);
            Assert.Same(grown, WordRows.Of(rows, features.Options, grown));
        }

        var whole = WordRows.Of(rows, features.Options)!;
        Assert.Equal((7, whole.Words), (grown!.Count, grown.Words));
        for (var i = 0; i < texts.Length; i++)
        {
            Assert.Equal(whole[i].Index.ToArray(), grown[i].Index.ToArray());
            Assert.Equal(Bits(whole[i].Values), Bits(grown[i].Values));
        }

        Assert.Equal(Bits(NaiveBayes.Opinions(whole, labels, 2, null)), Bits(NaiveBayes.Opinions(grown, labels, 2, null)));

        // Features that are made otherwise, or fewer rows, are none of what was counted.
        Assert.NotSame(grown, WordRows.Of(rows, features.Options with { MaximumLength = 1_024 }, grown));
        var (fewer, _) = Rows("red tea", "green tea");
        Assert.Equal(1, WordRows.Of(fewer, features.Options, grown)!.Words);
        int[] Bits(ReadOnlySpan<float> values) => [.. values.ToArray().Select(BitConverter.SingleToInt32Bits)];
    }

    private static (SparseRows Rows, TextFeatureOptions Features) Rows(params string[] texts)
    {
        var (features, rows) = (new TextFeatures(), new SparseRows());
        features.Append(texts, rows);
        return (rows, features.Options);
    }

    private static double[] Softmax(double a, double b) => [1 / (1 + Math.Exp(b - a)), 1 / (1 + Math.Exp(a - b))];
}
