using System.Net;
using System.Text.Json.Nodes;
using Annotator.Core.Labels;
using Annotator.Core.Llm;
using Annotator.Core.Llm.Prompts;
using Annotator.Tests.Support;
using Span = Annotator.Core.Labels.Span;

namespace Annotator.Tests.Llm;

/// <summary>Prompts of projects whose labels are pieces of texts: examples, figures, refinement, edge cases and probes.</summary>
public class PromptsOfSpansTests
{
    private const string Cure = "when a thing has a number, mark the number with it";

    [Fact]
    public void Example_NamesEachSpanByItsQuoteAndPlace()
    {
        const string text = "A 🦜 and a 🦜 at aaa";
        var decided = new DecidedText(1, text, LabelJson.Write(new SpansValue([new Span(10, 11, "BIRD"), new Span(15, 17, "X"), new Span(2, 3, "BIRD")])), true);
        var example = decided.ToExample()!;
        Assert.Equal([new LlmQuote("🦜", 1, "BIRD"), new LlmQuote("🦜", 2, "BIRD"), new LlmQuote("aa", 1, "X")], example.Quotes);
        Assert.All(example.Quotes!, q => Assert.NotNull(SpanAlignment.Find(text, q.Quote, q.Occurrence)));

        // A piece that overlaps its own earlier place has no number that a model could say, and one beyond the end is none.
        Assert.Null(new DecidedText(1, text, LabelJson.Write(new SpansValue([new Span(16, 18, "X")])), true).ToExample());
        Assert.Null(new DecidedText(1, text, LabelJson.Write(new SpansValue([new Span(16, 99, "X")])), true).ToExample());
        Assert.Empty(new DecidedText(1, text, LabelJson.Write(new SpansValue([])), true).ToExample()!.Quotes!);
    }

    [Fact]
    public void Difference_TellsMissedExtraRenamedAndMoved()
    {
        static string Spans(params Span[] spans) => LabelJson.Write(new SpansValue(spans));
        static string Name(string label) => LabelJson.Write(new ChoiceValue(label));
        var people = Spans(new(0, 3, "PER"), new(5, 9, "ORG"), new(12, 15, "LOC"), new(20, 24, "PER"));
        var model = Spans(new(0, 3, "PER"), new(5, 9, "LOC"), new(21, 24, "PER"), new(30, 31, "ORG"));
        Assert.Equal(
            [(Name("ORG"), Name("LOC")), (Name("PER"), Name("PER")), (Name("LOC"), AnswerDifference.Nothing), (AnswerDifference.Nothing, Name("ORG"))],
            AnswerDifference.Of(people, model));
        Assert.Empty(AnswerDifference.Of(people, people));
        Assert.Equal([(LabelJson.Write(new ChoicesValue(["PER", "ORG", "LOC"])), null)], AnswerDifference.Of(people, null));
        Assert.Equal([(Name("a"), Name("b"))], AnswerDifference.Of(Name("a"), Name("b")));

        static string Boxes(params Box[] boxes) => LabelJson.Write(new BoxesValue(boxes));
        Assert.Equal(
            [(Name("car"), Name("bus")), (AnswerDifference.Nothing, Name("car"))],
            AnswerDifference.Of(Boxes(new("car", 0, 0, 10, 10), new("man", 50, 50, 10, 10)), Boxes(new("man", 51, 50, 10, 10), new("bus", 0, 0, 10, 9), new("car", 80, 80, 5, 5))));
    }

    [Fact]
    public void Figures_OfSpans_CountHowNearAnswersCome()
    {
        static string Spans(params Span[] spans) => LabelJson.Write(new SpansValue(spans));
        var figures = PromptFigures.Of(
            [(Spans(new(0, 3, "A"), new(5, 9, "B")), Spans(new Span(0, 3, "A")), 0.9), (Spans(), Spans(), 0.9), (Spans(new Span(0, 1, "A")), null, null)], 1, TimeProvider.System.GetUtcNow());
        Assert.Equal((3, 2, 1), (figures.Items, figures.Answered, figures.Right));
        Assert.Equal(((2.0 / 3) + 1) / 3, figures.Likeness!.Value, 1e-9);
        Assert.Equal(2, figures.Confusions.Count);
    }

    [Fact]
    public async Task Project_OfSpans_ShowsExamples_IsMeasured_Refined_AndProbed()
    {
        await using var llm = await FakeLlmServer.StartAsync(Model);
        await using var host = await AppHost.StartAsync(("Annotator:Llm:BaseUrl", llm.BaseUrl), ("Annotator:Llm:Model", "m"), ("Annotator:Llm:PromptPrice", "1"), ("Annotator:Llm:CompletionPrice", "1"));
        var project = (await host.Admin.PostAsync("/api/v1/projects", new
        {
            name = "Spans", modality = "text", task = new { type = "spans", labels = new[] { new { name = "THING" } } }, settings = new { groupDuplicates = false, llm = new { enabled = true, examples = 3, checkShare = 0 } },
        })).Expect(HttpStatusCode.Created)["id"]!.GetValue<string>();
        await host.Admin.AddTextsAsync(project, Enumerable.Range(0, 60).Select(Text));
        await host.Admin.WaitAsync($"/api/v1/projects/{project}/metrics", m => m["llm"]?["items"]?.GetValue<long>() == 60 && m["items"]!["queued"]!.GetValue<long>() == 60);
        var items = (await host.Admin.GetAsync($"/api/v1/projects/{project}/items?limit=1000")).Expect(HttpStatusCode.OK)["items"]!.AsArray();
        var decisions = items.Select(i => new { itemId = i!["id"]!.GetValue<string>(), action = "correct", value = new { spans = Right(i["text"]!.GetValue<string>()).Select(s => new { start = s.Start, end = s.End, label = s.Label }) } }).ToList();
        (await host.Admin.PostAsync($"/api/v1/projects/{project}/decisions", new { decisions })).Expect(HttpStatusCode.OK);

        // A new text is asked about with the nearest decided ones, marked as a model marks them.
        await host.Admin.AddTextsAsync(project, ["we saw lamp 77 in the hall"], "late");
        await host.Admin.WaitAsync($"/api/v1/projects/{project}/metrics", m => m["llm"]!["items"]!.GetValue<long>() == 61);
        var asked = llm.Requests.Last(r => r.Messages[^1].Content.Contains("lamp 77", StringComparison.Ordinal));
        Assert.Equal(["system", "user", "assistant", "user"], asked.Messages.Select(m => m.Role), StringComparer.Ordinal);
        var shown = JsonNode.Parse(asked.Messages[2].Content)!["results"]!.AsArray();
        Assert.InRange(shown.Count, 1, 3);
        Assert.All(shown, s => Assert.All(s!["spans"]!.AsArray(), q => Assert.Equal("THING", q!["label"]!.GetValue<string>())));

        var rules = await RunAsync(host, project, "findRules", new { });
        var found = Assert.Single(rules["result"]!["rules"]!.AsArray())!;
        Assert.Equal(("THING", "THING", Cure), (found["people"]!.GetValue<string>(), found["model"]!.GetValue<string>(), found["rule"]!.GetValue<string>()));

        var refined = (await RunAsync(host, project, "refinePrompt", new { rounds = 1, candidates = 2, items = 60 }))["result"]!;
        var promoted = refined["promoted"]!.GetValue<int>();
        var versions = (await host.Admin.GetAsync($"/api/v1/projects/{project}/prompts")).Expect(HttpStatusCode.OK)["items"]!.AsArray();
        var (first, now) = (versions.Single(v => v!["version"]!.GetValue<int>() == 1)!["figures"]!, versions.Single(v => v!["version"]!.GetValue<int>() == promoted)!["figures"]!);
        Assert.Equal((1.0, 1.0), (now["accuracy"]!.GetValue<double>(), now["likeness"]!.GetValue<double>()));
        Assert.True(first["likeness"]!.GetValue<double>() < 0.8);
        Assert.NotEmpty(first["confusions"]!.AsArray());
        var comparison = (await host.Admin.GetAsync($"/api/v1/projects/{project}/prompts/compare?before=1&after={promoted}")).Expect(HttpStatusCode.OK);
        Assert.True(comparison["better"]!.GetValue<int>() > 10 && comparison["worse"]!.GetValue<int>() == 0);

        var probe = (await RunAsync(host, project, "probeLlm", new { items = 20 }))["result"]!;
        Assert.All(probe["shares"]!.AsArray(), s => Assert.Equal(20, s!["same"]!.GetValue<int>()));
    }

    private static async Task<JsonNode> RunAsync(AppHost host, string project, string kind, object options)
    {
        var run = await host.Admin.WaitRunAsync((await host.Admin.PostAsync($"/api/v1/projects/{project}/runs", new { kind, options })).Expect(HttpStatusCode.Accepted)["id"]!.GetValue<string>());
        Assert.True(run["state"]!.GetValue<string>() == "succeeded", run.ToJsonString());
        return run;
    }

    private static string Text(int i) => $"{(i % 2 == 0 ? "we saw" : "there was")} {(i % 3 == 0 ? "lamp" : "chair")}{(i % 2 == 0 ? " " + (i * 31 % 977) : "")} in room {(char)('a' + (i % 26))} of the house {i * 17 % 953}";

    // People mark a thing together with its number; the model leaves the number out until it is told.
    private static List<Span> Right(string text)
    {
        var match = System.Text.RegularExpressions.Regex.Match(text, "(?:lamp|chair)(?: [0-9]+)?", System.Text.RegularExpressions.RegexOptions.None, TimeSpan.FromSeconds(1));
        return [new Span(match.Index, match.Index + match.Length, "THING")];
    }

    private static FakeLlmReply Model(FakeLlmRequest request)
    {
        switch (request.Json["response_format"]?["json_schema"]?["name"]?.GetValue<string>())
        {
            case "rule":
                return FakeLlmReply.Content(new JsonObject { ["rule"] = Cure }.ToJsonString());
            case "proposals":
                Assert.Contains("→ THING", request.Messages[^1].Content, StringComparison.Ordinal);
                static JsonObject Proposal(string rule) => new() { ["reason"] = "seen", ["instructions"] = null, ["definitions"] = new JsonArray(), ["rules"] = new JsonArray(rule), ["drop"] = new JsonArray(), ["examples"] = new JsonArray(1) };
                return FakeLlmReply.Content(new JsonObject { ["proposals"] = new JsonArray(Proposal("look twice"), Proposal(Cure)) }.ToJsonString());
        }

        var knows = request.Messages[0].Content.Contains(Cure, StringComparison.Ordinal);
        var label = request.Messages[0].Content.Contains("- \"class-001\"", StringComparison.Ordinal) ? "class-001" : "THING";
        return FakeLlmReply.Content(new JsonObject
        {
            ["results"] = new JsonArray([.. request.Items.Select(i =>
            {
                var span = Right(i.Text)[0];
                var quote = i.Text[span.Start..span.End];
                return (JsonNode)new JsonObject { ["id"] = i.Id, ["spans"] = new JsonArray(new JsonObject { ["quote"] = knows ? quote : quote.Split(' ')[0], ["occurrence"] = 1, ["label"] = label }), ["confidence"] = 0.9 };
            })]),
        }.ToJsonString());
    }
}
