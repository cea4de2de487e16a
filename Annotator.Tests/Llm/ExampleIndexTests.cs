using Annotator.Core.Llm;
using Annotator.Core.Llm.Prompts;

namespace Annotator.Tests.Llm;

public class ExampleIndexTests
{
    private static readonly IReadOnlySet<long> s_none = new HashSet<long>();

    private static readonly DecidedText[] s_texts =
    [
        DecidedText.Of(1, "my card has not arrived yet", "arrival"), DecidedText.Of(2, "the new card did not come by mail", "arrival", corrected: true), DecidedText.Of(3, "please close my account today", "close"),
        DecidedText.Of(4, "카드가 아직 도착하지 않았어요", "arrival"), DecidedText.Of(5, "계좌를 해지하고 싶습니다", "close"), DecidedText.Of(6, "what is the exchange rate for euros", "rate"),
    ];

    [Theory]
    [InlineData("when will the card arrive by mail", "arrival")]
    [InlineData("i want to close the account", "close")]
    [InlineData("카드 도착은 언제인가요", "arrival")]
    [InlineData("해지하고 싶어요 계좌", "close")]
    public void Nearest_IsOfTheSameKind(string text, string label) => Assert.Equal(label, new ExampleIndex(s_texts).Nearest(text, 1, s_none)[0].Text.ToExample()!.Labels[0]);

    [Fact]
    public void Nearest_SameText_IsSimilarByOne_AndCanBeLeftOut()
    {
        var index = new ExampleIndex(s_texts);
        Assert.Equal(1, index.Nearest(s_texts[2].Text, 1, s_none)[0].Similarity, 1e-5);
        Assert.DoesNotContain(index.Nearest(s_texts[2].Text, 10, new HashSet<long> { 3 }), n => n.Text.ItemId == 3);
    }

    [Fact]
    public void For_KeepsToItsBounds_AndNeverShowsTheItemsThemselves()
    {
        var index = new ExampleIndex(s_texts);
        LlmItem[] items = [new("1", s_texts[0].Text), new("2", s_texts[1].Text), new("99", "close it")];
        for (var most = 0; most < 8; most++)
        {
            var examples = index.For(items, most, 10_000);
            Assert.InRange(examples.Count, 0, most);
            Assert.DoesNotContain(examples, e => e.Text == s_texts[0].Text || e.Text == s_texts[1].Text);
        }

        Assert.Empty(index.For(items, 5, 10));
        Assert.Empty(new ExampleIndex([]).For(items, 5, 1_000));
    }

    [Fact]
    public void For_IsTheSameEachTime()
    {
        LlmItem[] items = [new("10", "card"), new("11", "account")];
        Assert.Equal(new ExampleIndex(s_texts).For(items, 4, 1_000).Select(e => e.Text), new ExampleIndex(s_texts).For(items, 4, 1_000).Select(e => e.Text), StringComparer.Ordinal);
    }
}
