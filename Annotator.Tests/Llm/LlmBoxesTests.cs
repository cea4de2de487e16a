using Annotator.Core.Labels;
using Annotator.Core.Llm;

namespace Annotator.Tests.Llm;

/// <summary>Boxes in the answers of models: what is read, what is refused, and where they stand in pixels.</summary>
public class LlmBoxesTests
{
    private static readonly string[] s_texts = ["", "", ""];
    private static readonly LabellingPrompt s_prompt = new(LlmTask.Boxes, [new LlmLabel("car"), new LlmLabel("person")], pictures: true);

    [Fact]
    public void Boxes_AreReadAndMappedExactly()
    {
        var parsed = LlmAnswerParser.Parse(
            """{"results":[{"id":"1","boxes":[{"label":"car","box":[0,0,1000,1000]},{"label":"person","box":[125,333,250.5,334]},{"label":"car","box":[0,0,1000,1000]}],"confidence":0.8},{"id":"2","boxes":[],"confidence":1}]}""",
            s_prompt, s_texts);
        var boxes = parsed.Outcomes[0].Answer!.Boxes!;
        Assert.Equal(2, boxes.Count);
        Assert.Equal(new Box("car", 0, 0, 641, 479), boxes[0].ToPixels(641, 479));
        Assert.Equal(new Box("person", 213.453, 59.875, 0.641, 60.1145), boxes[1].ToPixels(641, 479));
        Assert.Empty(parsed.Outcomes[1].Answer!.Boxes!);
        Assert.Equal(LlmFailure.Missing, parsed.Outcomes[2].Failure);
    }

    [Theory]
    [InlineData("""[{"label":"truck","box":[1,1,2,2]}]""", LlmFailure.UnknownLabel)]
    [InlineData("""[{"label":"car","box":[1,1,2,1001]}]""", LlmFailure.BoxOutOfRange)]
    [InlineData("""[{"label":"car","box":[-1,1,2,2]}]""", LlmFailure.BoxOutOfRange)]
    [InlineData("""[{"label":"car","box":[1,1,1,2]}]""", LlmFailure.BoxOutOfRange)]
    [InlineData("""[{"label":"car","box":[2,1,1,2]}]""", LlmFailure.BoxOutOfRange)]
    [InlineData("""[{"label":"car","box":[1,5,2,4]}]""", LlmFailure.BoxOutOfRange)]
    [InlineData("""[{"label":"car","box":[1,1,2,1e300]}]""", LlmFailure.BoxOutOfRange)]
    [InlineData("""[{"label":"car","box":[1,1,2]}]""", LlmFailure.WrongShape)]
    [InlineData("""[{"label":"car","box":[1,1,2,3,4]}]""", LlmFailure.WrongShape)]
    [InlineData("""[{"label":"car","box":["1",1,2,3]}]""", LlmFailure.WrongShape)]
    [InlineData("""[{"label":"car"}]""", LlmFailure.WrongShape)]
    [InlineData("""[{"box":[1,1,2,2]}]""", LlmFailure.WrongShape)]
    [InlineData("""["car"]""", LlmFailure.WrongShape)]
    [InlineData("""{}""", LlmFailure.WrongShape)]
    public void OneBadBox_FailsItsItemAlone(string boxes, LlmFailure failure)
    {
        var good = """{"id":"ID","boxes":[{"label":"car","box":[1,1,2,2]}],"confidence":0.5}""";
        var parsed = LlmAnswerParser.Parse(
            $$"""{"results":[{{good.Replace("ID", "1", StringComparison.Ordinal)}},{"id":"2","boxes":{{boxes}}},{{good.Replace("ID", "3", StringComparison.Ordinal)}}]}""", s_prompt, s_texts);
        Assert.Equal([LlmFailure.None, failure, LlmFailure.None], parsed.Outcomes.Select(o => o.Failure));
    }

    [Fact]
    public void Prompts_OfPictures_TakeNoExamplesAndNoSpans()
    {
        Assert.Throws<ArgumentException>(() => new LabellingPrompt(LlmTask.Spans, [new LlmLabel("a")], pictures: true));
        Assert.Throws<ArgumentException>(() => new LabellingPrompt(LlmTask.Boxes, [new LlmLabel("a")]));
        Assert.Throws<ArgumentException>(() => new LabellingPrompt(LlmTask.SingleChoice, [new LlmLabel("a")], examples: [new LlmExample("t", ["a"])], pictures: true));
        Assert.NotEqual(new LabellingPrompt(LlmTask.SingleChoice, [new LlmLabel("a")]).Version, new LabellingPrompt(LlmTask.SingleChoice, [new LlmLabel("a")], pictures: true).Version);
    }
}
