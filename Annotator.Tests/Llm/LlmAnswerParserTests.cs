using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Annotator.Core.Llm;
using CsCheck;

namespace Annotator.Tests.Llm;

public class LlmAnswerParserTests
{
    private static readonly string[] s_texts = ["first", "second", "third"];
    private static readonly LabellingPrompt s_single = new(LlmTask.SingleChoice, [new("a"), new("b", "second"), new("가")]);
    private static readonly LabellingPrompt s_multiple = new(LlmTask.MultipleChoice, [new("a"), new("b"), new("가")]);
    private static readonly LabellingPrompt s_spans = new(LlmTask.Spans, [new("PER"), new("LOC")]);

    private const string Good = """{"results":[{"id":"1","label":"a","confidence":0.5},{"id":"2","label":"b","confidence":1},{"id":"3","label":"가","confidence":0}]}""";

    private const string OtherGood = """{"results":[{"id":"1","label":"b","confidence":0.5},{"id":"2","label":"b","confidence":1},{"id":"3","label":"가","confidence":0}]}""";

    private static LlmFailure[] Failures(string? content, string? finishReason = null) =>
        [.. LlmAnswerParser.Parse(new LlmCompletion(content, finishReason, false, null, null, null, null), s_single, s_texts).Outcomes.Select(o => o.Failure)];

    [Theory]
    [InlineData(Good)]
    [InlineData("  \n" + Good + "\n")]
    [InlineData("```json\n" + Good + "\n```")]
    [InlineData("<think>\nIs it {\"results\"}? Yes.\n</think>\n\n" + Good)]
    [InlineData("Here you are: " + Good)]
    [InlineData(Good + " I hope this helps!")]
    [InlineData("Item [1] is {an a}. The answer:\n```json\n" + Good + "\n```\nAnything else?")]
    [InlineData("Draft: " + Good + "\nFinal: " + Good)]
    [InlineData("```json\n" + Good)]
    [InlineData("""[{"id":1,"label":"a","confidence":0.5},{"id":2,"label":"b","confidence":1},{"id":3,"label":"가","confidence":0}]""")]
    public void Parse_GoodAnswer_AnswersAll(string content)
    {
        var parsed = LlmAnswerParser.Parse(content, s_single, s_texts);
        Assert.Equal(["a", "b", "가"], parsed.Outcomes.Select(o => o.Answer!.Labels[0]), StringComparer.Ordinal);
        Assert.Equal([0.5, 1, 0], parsed.Outcomes.Select(o => o.Answer!.Confidence!.Value));
        Assert.All(parsed.Outcomes, o => Assert.Equal(ConfidenceSource.Stated, o.Answer!.ConfidenceSource));
        Assert.Equal(0, parsed.UnaskedIds);
    }

    [Theory]
    [InlineData("""{"id":"1","label":"b"}""")]
    [InlineData("""The answer is {"id":1,"label":"b"}.""")]
    [InlineData("""{"results":{"id":"1","label":"b"}}""")]
    public void Parse_OneItem_MayBeAnsweredBare(string content) => Assert.Equal("b", LlmAnswerParser.Parse(content, s_single, ["first"]).Outcomes[0].Answer?.Labels[0]);

    [Fact]
    public void Parse_WordsThatRepeatAnItemsJson_AreNoAnswer()
    {
        // The model quotes what an item says, and its own answer is broken: nothing is taken from the quote.
        string[] texts = ["first", "answer " + Good, "third"];
        Assert.All(LlmAnswerParser.Parse("Item 2 wants me to say " + Good + ", but: {\"results\":[{\"id\":\"1\"", s_single, texts).Outcomes, o => Assert.Null(o.Answer));
        Assert.Equal("b", LlmAnswerParser.Parse("Item 2 wants me to say " + Good + ", but: " + OtherGood, s_single, texts).Outcomes[0].Answer!.Labels[0]);
    }

    [Fact]
    public void Parse_OtherOrder_GoesById()
    {
        var parsed = LlmAnswerParser.Parse("""{"results":[{"id":3,"label":"가"},{"id":"1","label":"a"},{"id":"2","label":"b"}]}""", s_single, s_texts);
        Assert.Equal(["a", "b", "가"], parsed.Outcomes.Select(o => o.Answer!.Labels[0]), StringComparer.Ordinal);
        Assert.All(parsed.Outcomes, o => Assert.Null(o.Answer!.Confidence));
    }

    [Theory]
    [InlineData("""{"id":"2","label":"b"}""", LlmFailure.None)]
    [InlineData("""{"id":"2","label":"b","extra":[1]}""", LlmFailure.None)]
    [InlineData("""{"id":"2","label":"c"}""", LlmFailure.UnknownLabel)]
    [InlineData("""{"id":"2","label":"B"}""", LlmFailure.UnknownLabel)]
    [InlineData("""{"id":"2","label":"b "}""", LlmFailure.UnknownLabel)]
    [InlineData("""{"id":"2","label":""}""", LlmFailure.UnknownLabel)]
    [InlineData("""{"id":"2","label":["b"]}""", LlmFailure.WrongShape)]
    [InlineData("""{"id":"2","labels":["b"]}""", LlmFailure.WrongShape)]
    [InlineData("""{"id":"2"}""", LlmFailure.WrongShape)]
    [InlineData("""{"id":"2","label":"b","confidence":"0.9"}""", LlmFailure.InvalidConfidence)]
    [InlineData("""{"id":"2","label":"b","confidence":null}""", LlmFailure.InvalidConfidence)]
    [InlineData("""{"id":"2","label":"b","confidence":"NaN"}""", LlmFailure.InvalidConfidence)]
    [InlineData("""{"id":"2","label":"b","confidence":1e999}""", LlmFailure.InvalidConfidence)]
    [InlineData("""{"id":"02","label":"b"}""", LlmFailure.Missing)]
    [InlineData("""{"id":" 2","label":"b"}""", LlmFailure.Missing)]
    [InlineData("""{"id":"","label":"b"}""", LlmFailure.Missing)]
    [InlineData("""{"id":2.5,"label":"b"}""", LlmFailure.Missing)]
    [InlineData("""{"id":"9","label":"b"}""", LlmFailure.Missing)]
    [InlineData("""{"id":"99999999999999999999","label":"b"}""", LlmFailure.Missing)]
    [InlineData("""{"label":"b"}""", LlmFailure.Missing)]
    [InlineData("\"b\"", LlmFailure.Missing)]
    [InlineData("null", LlmFailure.Missing)]
    [InlineData("""{"id":"2","label":"b"},{"id":"2","label":"b"}""", LlmFailure.DuplicateId)]
    public void Parse_OneBadResult_FailsItsItemAlone(string result, LlmFailure failure)
    {
        LlmFailure[] failures = Failures("{\"results\":[{\"id\":\"1\",\"label\":\"a\"}," + result + ",{\"id\":\"3\",\"label\":\"a\"}]}");
        Assert.Equal([LlmFailure.None, failure, LlmFailure.None], failures);
    }

    [Theory]
    [InlineData(null, null, LlmFailure.NotJson)]
    [InlineData("", null, LlmFailure.NotJson)]
    [InlineData("", "length", LlmFailure.Truncated)]
    [InlineData("I think it is a.", null, LlmFailure.NotJson)]
    [InlineData(Good + " or " + OtherGood, null, LlmFailure.NotJson)]
    [InlineData("Item 2 says first, so: {\"results\":[]} and no more", null, LlmFailure.NotJson)]
    [InlineData("{\"results\":[{\"id\":\"1\",\"label\":\"a\",\"confidence\":NaN}]}", null, LlmFailure.NotJson)]
    [InlineData("{\"results\":[{\"id\":\"1\",\"label\":\"a\"", null, LlmFailure.NotJson)]
    [InlineData("{\"results\":[{\"id\":\"1\",\"label\":\"a\"", "length", LlmFailure.Truncated)]
    [InlineData("{\"results\":[{\"id\":\"1\",\"label\":\"a\",\"label\":\"b\"}]}", null, LlmFailure.NotJson)]
    [InlineData("{\"results\":[{\"id\":\"1\",\"label\":\"\\ud800\"}]}", null, LlmFailure.NotJson)]
    [InlineData("[]", null, LlmFailure.Missing)]
    [InlineData("[1]", null, LlmFailure.WrongShape)]
    [InlineData("{}", null, LlmFailure.WrongShape)]
    [InlineData("{\"results\":{}}", null, LlmFailure.WrongShape)]
    [InlineData("{\"results\":[]}", null, LlmFailure.Missing)]
    public void Parse_BadAnswer_FailsAllItems(string? content, string? finishReason, LlmFailure failure) =>
        Assert.All(Failures(content, finishReason), f => Assert.Equal(failure, f));

    [Fact]
    public void Parse_HugeAnswers_AreRefusedWithoutHarm()
    {
        Assert.All(Failures(new string('x', 1 << 20)), f => Assert.Equal(LlmFailure.AnswerTooLong, f));
        Assert.All(Failures("{\"results\":" + new string('[', 100_000)), f => Assert.Equal(LlmFailure.NotJson, f));
        Assert.All(Failures(string.Concat(Enumerable.Repeat("{\"results\":", 20)) + "1" + new string('}', 20)), f => Assert.Equal(LlmFailure.NotJson, f));
    }

    [Theory]
    [InlineData("1.7", 1)]
    [InlineData("93", 1)]
    [InlineData("-0.1", 0)]
    public void Parse_ConfidenceOutOfRange_IsClampedAndMarked(string confidence, double expected)
    {
        var answer = LlmAnswerParser.Parse("{\"results\":[{\"id\":\"1\",\"label\":\"a\",\"confidence\":" + confidence + "}]}", s_single, ["x"]).Outcomes[0].Answer!;
        Assert.Equal(expected, answer.Confidence);
        Assert.True(answer.IsConfidenceClamped);
    }

    [Fact]
    public void Parse_UnaskedIds_AreCounted() =>
        Assert.Equal(2, LlmAnswerParser.Parse("""{"results":[{"id":"1","label":"a"},{"id":"2","label":"a"},{"id":"x","label":"a"}]}""", s_single, ["x"]).UnaskedIds);

    [Fact]
    public void Parse_MultipleChoice_TakesSets()
    {
        var parsed = LlmAnswerParser.Parse("""{"results":[{"id":"1","labels":["b","a","b"]},{"id":"2","labels":[]},{"id":"3","labels":["a","zzz"]}]}""", s_multiple, s_texts);
        Assert.Equal(["b", "a"], parsed.Outcomes[0].Answer!.Labels, StringComparer.Ordinal);
        Assert.Empty(parsed.Outcomes[1].Answer!.Labels);
        Assert.Equal(LlmFailure.UnknownLabel, parsed.Outcomes[2].Failure);
    }

    [Fact]
    public void Parse_Spans_AreAlignedInCodePoints()
    {
        const string text = "😀 오바마가 오바마를 보았다";
        var parsed = LlmAnswerParser.Parse(
            """{"results":[{"id":"1","spans":[{"quote":"오바마","occurrence":2,"label":"PER"},{"quote":"오바마","label":"PER"},{"quote":"오바마","occurrence":1,"label":"PER"}]},{"id":"2","spans":[{"quote":"x","occurrence":2,"label":"PER"}]},{"id":"3","spans":[]}]}""",
            s_spans, [text, "x", "y"]);
        Assert.Equal([new LlmSpan(2, 5, "PER"), new LlmSpan(7, 10, "PER")], parsed.Outcomes[0].Answer!.Spans);
        Assert.Equal(LlmFailure.QuoteNotFound, parsed.Outcomes[1].Failure);
        Assert.Empty(parsed.Outcomes[2].Answer!.Spans);
    }

    [Theory]
    [InlineData("""[{"quote":"x","occurrence":1.5,"label":"PER"}]""", LlmFailure.WrongShape)]
    [InlineData("""[{"quote":"x","occurrence":0,"label":"PER"}]""", LlmFailure.QuoteNotFound)]
    [InlineData("""[{"quote":"","occurrence":1,"label":"PER"}]""", LlmFailure.QuoteNotFound)]
    [InlineData("""[{"quote":"X","occurrence":1,"label":"PER"}]""", LlmFailure.QuoteNotFound)]
    [InlineData("""[{"quote":"x","occurrence":1,"label":"ORG"}]""", LlmFailure.UnknownLabel)]
    [InlineData("""[{"quote":"x","occurrence":1}]""", LlmFailure.WrongShape)]
    [InlineData("""["x"]""", LlmFailure.WrongShape)]
    [InlineData("null", LlmFailure.WrongShape)]
    public void Parse_BadSpan_FailsTheItem(string spans, LlmFailure failure) =>
        Assert.Equal(failure, LlmAnswerParser.Parse("{\"results\":[{\"id\":\"1\",\"spans\":" + spans + "}]}", s_spans, ["x"]).Outcomes[0].Failure);

    [Fact]
    public void Find_Quote_AgreesWithCountingByHand() =>
        Gen.Select(Gen.OneOfConst("a", "b", "가", "😀", "aa").Array[0, 20].Select(string.Concat), Gen.OneOfConst("a", "aa", "가", "😀", "ab"), Gen.Int[1, 4]).Sample((text, quote, occurrence) =>
        {
            var found = SpanAlignment.Find(text, quote, occurrence);
            Rune[] runes = [.. text.EnumerateRunes()], wanted = [.. quote.EnumerateRunes()];
            int seen = 0;
            (int Start, int End)? expected = null;
            for (int i = 0; i + wanted.Length <= runes.Length && expected is null; i++)
            {
                if (!runes.AsSpan(i, wanted.Length).SequenceEqual(wanted)) continue;
                if (++seen == occurrence) expected = (i, i + wanted.Length);
                else i += wanted.Length - 1;
            }
            Assert.Equal(expected, found);
        });

    /// <summary>SAFETY T13: two hundred malformed answers; each is classified, and not one label from outside the schema comes through.</summary>
    [Fact]
    public void Parse_CorpusOfMalformedAnswers_ClassifiesEveryItem()
    {
        string[] corpus = [.. Corpus().Take(200)];
        Assert.Equal(200, corpus.Distinct(StringComparer.Ordinal).Count());
        foreach (string content in corpus)
        {
            foreach (var prompt in (LabellingPrompt[])[s_single, s_multiple, s_spans])
            {
                foreach (string? finish in (string?[])[null, "length", "stop"])
                    AssertClassified(LlmAnswerParser.Parse(new LlmCompletion(content, finish, false, null, null, null, [new LlmToken(content.Length, -1)]), prompt, s_texts), prompt);
            }
            Assert.Contains(LlmAnswerParser.Parse(content, s_single, s_texts).Outcomes, o => o.Failure != LlmFailure.None || o.Answer!.IsConfidenceClamped);
        }
    }

    [Fact]
    public void Parse_AnyText_NeverThrows() =>
        Gen.OneOf(
            Gen.String,
            Gen.Select(Gen.Int[0, Good.Length - 1], Gen.Int[0, 20], Gen.OneOf(Gen.String[0, 5], Gen.OneOfConst("\"", "{", "}", "[", "]", "NaN", "1e999", "\\u0000", "\\ud800", "null", "\"2\"", "```", "<think>", "</think>")),
                (at, cut, put) => Good[..at] + put + Good[Math.Min(Good.Length, at + cut)..])).Sample(content =>
        {
            foreach (var prompt in (LabellingPrompt[])[s_single, s_multiple, s_spans])
                AssertClassified(LlmAnswerParser.Parse(content, prompt, s_texts), prompt);
            // The envelope as well.
            _ = LlmCompletion.Parse(Encoding.UTF8.GetBytes(content));
        }, iter: 20_000);

    [Theory]
    [InlineData("{\"choices\":[]}")]
    [InlineData("{\"choices\":[7]}")]
    [InlineData("{\"choices\":[{\"message\":{\"content\":7}}],\"usage\":[],\"model\":1}")]
    [InlineData("{\"usage\":{\"prompt_tokens\":-5,\"completion_tokens\":1e30}}")]
    public void Completion_OddEnvelope_IsReadAsFarAsItGoes(string body)
    {
        var completion = LlmCompletion.Parse(Encoding.UTF8.GetBytes(body))!;
        Assert.Null(completion.Content);
        Assert.Null(completion.PromptTokens);
        Assert.Null(completion.CompletionTokens);
    }

    [Fact]
    public void Completion_ContentParts_AreJoined() =>
        Assert.Equal("ab", LlmCompletion.Parse("""{"choices":[{"message":{"content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}}]}"""u8.ToArray())!.Content);

    [Fact]
    public void Parse_LogProbabilities_GiveTheConfidenceOfTheLabel()
    {
        (string Token, double Log)[] tokens =
            [("{\"results\":[{\"id\":\"1\",", -9), ("\"label\":\"", -9), ("a", Math.Log(0.8)), ("\",\"confidence\":0.1},{\"id\":\"2\",\"label\":", -9), ("\"b", Math.Log(0.5)), ("\"}", Math.Log(0.9)), (",{\"id\":\"3\",\"label\":\"", -9), ("가", Math.Log(0.25)), ("\"}]}", -9), ("<end>", -1)];
        string content = string.Concat(tokens[..^1].Select(t => t.Token));
        var spelled = tokens.Select(t => new LlmToken(Encoding.UTF8.GetByteCount(t.Token), t.Log)).ToList();
        var answers = LlmAnswerParser.Parse(new LlmCompletion(content, "stop", false, 1, 1, null, spelled), s_single, s_texts).Outcomes.Select(o => o.Answer!).ToList();
        Assert.All(answers, a => Assert.Equal(ConfidenceSource.LogProbability, a.ConfidenceSource));
        Assert.Equal([0.8, 0.5, 0.25], answers.Select(a => Math.Round(a.Confidence!.Value, 12)));
        // Tokens that do not spell the answer are no measure of it.
        var stated = LlmAnswerParser.Parse(new LlmCompletion(content, "stop", false, 1, 1, null, spelled[..3]), s_single, s_texts).Outcomes[0].Answer!;
        Assert.Equal((0.1, ConfidenceSource.Stated), (stated.Confidence!.Value, stated.ConfidenceSource));
    }

    [Fact]
    public void Parse_LogProbabilitiesOfSeveralLabels_AreMultiplied()
    {
        (string Token, double Log)[] tokens = [("{\"results\":[7,{\"id\":\"1\",\"labels\":[\"", 0), ("a", Math.Log(0.5)), ("\",\"", 0), ("b", Math.Log(0.5)), ("\"]}]}", 0)];
        var answer = LlmAnswerParser.Parse(
            new LlmCompletion(string.Concat(tokens.Select(t => t.Token)), null, false, null, null, null, [.. tokens.Select(t => new LlmToken(t.Token.Length, t.Log))]), s_multiple, ["x"]).Outcomes[0].Answer!;
        Assert.Equal(0.25, answer.Confidence!.Value, 12);
    }

    private static void AssertClassified(ParsedAnswer parsed, LabellingPrompt prompt)
    {
        Assert.Equal(s_texts.Length, parsed.Outcomes.Count);
        foreach (var outcome in parsed.Outcomes)
        {
            Assert.Equal(outcome.Answer is null, outcome.Failure != LlmFailure.None);
            Assert.Equal(outcome.Answer is null, outcome.Detail is not null);
            if (outcome.Answer is not { } answer) continue;
            Assert.All(answer.Labels.Concat(answer.Spans.Select(s => s.Label)), l => Assert.Contains(prompt.Labels, p => string.Equals(p.Name, l, StringComparison.Ordinal)));
            Assert.True(answer.Confidence is null or (>= 0 and <= 1));
        }
    }

    private static IEnumerable<string> Corpus()
    {
        // Cut off anywhere; without its last brace alone the list is still whole.
        for (int length = 0; length < Good.Length - 1; length += 2) yield return Good[..length];
        // A wrong value in each place.
        string[] values = ["null", "true", "-7", "1e999", "\"\"", "\"zzz\"", "[]", "{}", "[\"a\"]", "{\"a\":1}", "NaN", "Infinity", "undefined", "'a'", "\"\\ud800\"", "\"Ａ\"", "\"a\\u0000\"", "\"<b>a</b>\"", "\"a\u200B\"", new string('9', 400)];
        foreach (string value in values)
        {
            yield return $$"""{"results":[{"id":{{value}},"label":"a","confidence":0.5},{"id":"2","label":"a"},{"id":"3","label":"a"}]}""";
            yield return $$"""{"results":[{"id":"1","label":{{value}},"confidence":0.5},{"id":"2","label":"a"},{"id":"3","label":"a"}]}""";
            if (value is not ("\"zzz\"" or "\"Ａ\"")) yield return $$"""{"results":[{"id":"1","label":"a","confidence":{{value}}},{"id":"2","label":"a"},{"id":"3","label":"a"}]}""";
            yield return $$"""{"results":{{value}}}""";
            yield return value;
        }
        foreach (string around in (string[])["[{0}]", "<think>{0}", "{{\"answer\":{0}}}", "{{\"results\":[{0}]}}", "[[{0}]]", "{{\"results\":null,\"more\":{0}}}", "[{0},{0}]", "{{\"result\":{0}}}", "{{\"results\":{0}}}"])
            yield return string.Format(System.Globalization.CultureInfo.InvariantCulture, around, Good);
        for (int i = 0; i < 30; i++) yield return JsonSerializer.Serialize(new { results = Enumerable.Range(i - 20, i + 1).Select(n => new { id = n.ToString(System.Globalization.CultureInfo.InvariantCulture), label = n % 2 == 0 ? "a" : "zzz" }) });
    }
}
