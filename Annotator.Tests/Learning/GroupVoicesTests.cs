using Annotator.Core.Cascade;
using Annotator.Core.Items;
using Annotator.Core.Learning.Routing;
using Annotator.Core.Learning.Steering;
using Annotator.Core.Student;

namespace Annotator.Tests.Learning;

/// <summary>What near-duplicates say of each other.</summary>
public sealed class GroupVoicesTests
{
    [Fact]
    public void Members_SpeakForThoseThatNobodyDecided_ExactCopiesApart()
    {
        // Items 1, 2, 3 are a group, of which 2 has the words of 1; 4 and 5 are one; 6 is alone.
        string[] texts = ["card has not arrived yet", "card has not arrived yet", "card has not arrived today", "refund is late again", "refund is late again please", "hello"];
        long?[] group = [1, 1, 1, 4, 4, null];
        var rows = new SparseRows();
        new TextFeatures().Append(texts, rows);
        var items = texts.Select((t, i) => new Item { ProjectId = 1, Id = i + 1, Key = t, GroupId = group[i] }).ToList();
        int[] decided = [2, -1, -1, -1, -1, -1];
        int[] llm = [0, -1, 1, 3, -1, 2];
        var voices = GroupVoices.Of(items, id => (int)id - 1, rows, decided, new LabellerAnswers(llm), out var groups);

        Assert.Equal([0, 0, 0, 1, 1, -1], groups);
        Assert.Equal([-1, 2, -1, -1, -1, -1], voices[0].Classes);
        Assert.Equal([-1, -1, 2, -1, -1, -1], voices[1].Classes);
        Assert.Equal([-1, -1, -1, -1, 3, -1], voices[2].Classes);
        Assert.Equal([0, -1, 1, 3, -1, 2], llm);
    }

    [Fact]
    public void ExactCopy_TakesTheAnswerOver_ThatTheLlmGaveForTheSameWords()
    {
        var rows = new SparseRows();
        new TextFeatures().Append(["card has not arrived yet", "card has not arrived yet"], rows);
        var items = new[] { 1L, 2L }.Select(id => new Item { ProjectId = 1, Id = id, Key = $"{id}", GroupId = 1 }).ToList();
        var llm = new LabellerAnswers([1, -1], [3, -1]);
        GroupVoices.Of(items, id => (int)id - 1, rows, [-1, -1], llm, out _);
        Assert.Equal([1, 1], llm.Classes);
        Assert.Equal([3, 3], llm.Levels!);
    }

    [Fact]
    public void WithoutGroups_ThereAreNoVoices()
    {
        var rows = new SparseRows();
        new TextFeatures().Append(["a", "b"], rows);
        var items = new[] { 1L, 2L }.Select(id => new Item { ProjectId = 1, Id = id, Key = $"{id}" }).ToList();
        Assert.Empty(GroupVoices.Of(items, id => (int)id - 1, rows, [-1, -1], new LabellerAnswers([-1, -1]), out _));
    }

    [Theory]
    [InlineData("Card not received!", "card  NOT received", true)]
    [InlineData("카드가 안 왔어요", "카드가 안 왔어요!!", true)]
    [InlineData("card not received", "card not working", false)]
    [InlineData("card", "cards", false)]
    [InlineData("!!!", "???", true)]
    [InlineData("I got 5", "I got 6", false)]
    public void SameWords_LooksAtLettersAndDigitsAlone(string one, string other, bool same)
    {
        Assert.Equal(same, SameWords.In(one, other));
        Assert.Equal(same, SameWords.In(other, one));
        Assert.False(SameWords.In(one, null));
    }
}
