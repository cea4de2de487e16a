using Annotator.Core.Llm;

namespace Annotator.Tests.Llm;

public class TokenCounterTests
{
    // As OpenAI's own tokenizer page counts them for GPT-4o.
    [Theory]
    [InlineData("", 0)]
    [InlineData("hello world", 2)]
    [InlineData("안녕하세요", 2)]
    public void Count_OfAKnownModel_IsItsTokenizers(string text, int tokens) => Assert.Equal(tokens, TokenCounter.Count("gpt-4o-mini", text));

    [Fact]
    public void Count_OfAnotherModel_IsOnTheSafeSide_AndOfALongTextInProportion()
    {
        const string text = "The parcel was left in the rain, and nobody answers the telephone.";
        Assert.True(TokenCounter.Count("llama3.1", text) > TokenCounter.Count("openai/gpt-4o", text));
        var once = TokenCounter.Count("gpt-4o", string.Concat(Enumerable.Repeat(text, 200)));
        Assert.InRange(TokenCounter.Count("gpt-4o", string.Concat(Enumerable.Repeat(text, 2_000))), once * 9, once * 11);
    }
}
