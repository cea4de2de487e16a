using System.Net;
using System.Text.Json.Nodes;
using Annotator.Core.Llm;
using Annotator.Core.Llm.Taxonomy;
using Annotator.Tests.Support;

namespace Annotator.Tests.Llm;

public class TaxonomyTests
{
    private static readonly string[] s_kinds = ["refund", "delivery", "praise"];

    [Fact]
    public async Task Run_ProposesLabels_MergesThem_ShowsWhatTheyCover_AndALeadAcceptsThem()
    {
        var asked = 0;
        await using var llm = await FakeLlmServer.StartAsync(r =>
        {
            var properties = r.Json["response_format"]!["json_schema"]!["schema"]!["properties"]!.AsObject();
            if (properties.ContainsKey("results"))
            {
                // Of two labels that mean the same it gives now the one, now the other: whichever stands first in the prompt.
                var system = r.Messages[0].Content;
                var refund = system.IndexOf("- \"refund\"", StringComparison.Ordinal) < system.IndexOf("- \"money back\"", StringComparison.Ordinal) ? "refund" : "money back";
                return FakeLlmReply.Good(r, t => t.Contains("refund", StringComparison.Ordinal) && r.Labels.Contains("money back") ? refund : r.Labels.FirstOrDefault(l => t.Contains(l, StringComparison.Ordinal)) ?? "none of these");
            }

            Interlocked.Increment(ref asked);
            if (properties.ContainsKey("merges"))
            {
                var pair = JsonNode.Parse(r.Messages[^1].Content)!["pairs"]!.AsArray().First(p => p!["labels"]!.AsArray().Any(l => l!["name"]!.GetValue<string>() == "money back"))!;
                Assert.True(pair["takenForEachOther"]!.GetValue<int>() > 1);
                return FakeLlmReply.Content("""{"merges":[{"labels":["refund","money back"],"name":"refund","description":"wants money back","reason":"the same"},{"labels":["refund","unknown"],"name":"x","description":"","reason":""}],"splits":[]}""");
            }

            var merges = JsonNode.Parse(r.Messages[^1].Content)!.AsObject().ContainsKey("proposed");
            string[] names = merges ? [.. s_kinds, "money back"] : [.. s_kinds, "Refund", "money back"];
            return FakeLlmReply.Content(new JsonObject { ["labels"] = new JsonArray([.. names.Select(n => new JsonObject { ["name"] = n, ["description"] = "about " + n })]) }.ToJsonString());
        });
        await using var host = await AppHost.StartAsync(("Annotator:Llm:BaseUrl", llm.BaseUrl), ("Annotator:Llm:Model", "m"));
        var project = await host.Admin.CreateProjectAsync(labels: []);
        (await host.Admin.GetAsync($"/api/v1/projects/{project}/llm/taxonomy")).ExpectProblem(HttpStatusCode.NotFound);
        await host.Admin.AddTextsAsync(project, Enumerable.Range(0, 100).Select(i => i % 10 == 9 ? $"weather report {i}" : $"text {i} is a {s_kinds[i % 3]}"));
        (await host.Admin.PostAsync($"/api/v1/projects/{project}/runs", new { kind = "proposeTaxonomy", options = new { sample = 1 } })).ExpectProblem(HttpStatusCode.BadRequest, "options.sample");
        var run = (await host.Admin.PostAsync($"/api/v1/projects/{project}/runs", new { kind = "proposeTaxonomy", options = new { sample = 100, mostLabels = 5 } })).Expect(HttpStatusCode.Accepted);
        run = await host.Admin.WaitRunAsync(run["id"]!.GetValue<string>());
        Assert.True(run["state"]!.GetValue<string>() == "succeeded", run.ToJsonString());
        Assert.Equal(5, asked);
        var result = (await host.Admin.GetAsync($"/api/v1/projects/{project}/llm/taxonomy")).Expect(HttpStatusCode.OK);
        Assert.Equal(["delivery", "money back", "praise", "refund"], result["labels"]!.AsArray().Select(l => l!["name"]!.GetValue<string>()).Order(StringComparer.Ordinal), StringComparer.Ordinal);
        Assert.Equal(90, result["labels"]!.AsArray().Sum(l => l!["items"]!.GetValue<int>()));
        Assert.Equal(0.9, result["coverage"]!.GetValue<double>(), 1e-9);
        Assert.InRange(result["stability"]!.GetValue<double>(), 0.5, 0.999);
        Assert.All(result["uncovered"]!.AsArray(), u => Assert.StartsWith("weather", u!["text"]!.GetValue<string>(), StringComparison.Ordinal));
        var merge = Assert.Single(result["suggestions"]!.AsArray())!;
        Assert.Equal("merge", merge["kind"]!.GetValue<string>());
        Assert.Equal("refund", merge["into"]![0]!["name"]!.GetValue<string>());

        (await host.Admin.PostAsync($"/api/v1/projects/{project}/llm/taxonomy", new { labels = new[] { new { name = " " } } })).ExpectProblem(HttpStatusCode.BadRequest, "labels[0].name");
        var labels = s_kinds.Select(k => new { name = k, description = "about " + k }).ToList();
        (await host.Admin.PostAsync($"/api/v1/projects/{project}/llm/taxonomy", new { labels })).Expect(HttpStatusCode.OK);

        // From then on items are labelled with them, without anybody starting it.
        await host.Admin.WaitAsync($"/api/v1/projects/{project}/metrics", m => m["llm"]?["items"]?.GetValue<long>() is > 0);
    }

    [Fact]
    public async Task OnlyUnfitting_ReadsWhatFitsNone_AndProposesWhatIsMissing()
    {
        IReadOnlyList<string> read = [];
        await using var llm = await FakeLlmServer.StartAsync(r =>
        {
            var properties = r.Json["response_format"]!["json_schema"]!["schema"]!["properties"]!.AsObject();
            if (properties.ContainsKey("results")) return FakeLlmReply.Good(r, t => r.Labels.FirstOrDefault(l => t.Contains(l, StringComparison.Ordinal)) ?? r.Labels[^1]);
            if (JsonNode.Parse(r.Messages[^1].Content)!["texts"] is JsonArray texts) read = [.. texts.Select(t => t!.GetValue<string>())];
            return FakeLlmReply.Content("""{"labels":[{"name":"weather","description":"about the weather"},{"name":"praise","description":"known already"}]}""");
        });
        await using var host = await AppHost.StartAsync(("Annotator:Llm:BaseUrl", llm.BaseUrl), ("Annotator:Llm:Model", "m"));
        var project = await host.Admin.CreateProjectAsync(labels: s_kinds);
        await host.Admin.AddTextsAsync(project, Enumerable.Range(0, 60).Select(i => i % 6 == 5 ? $"weather report {i}" : $"text {i} is a {s_kinds[i % 3]}"));
        var run = (await host.Admin.PostAsync($"/api/v1/projects/{project}/runs", new { kind = "proposeTaxonomy", options = new { sample = 60, onlyUnfitting = true } })).Expect(HttpStatusCode.Accepted);
        run = await host.Admin.WaitRunAsync(run["id"]!.GetValue<string>());
        Assert.True(run["state"]!.GetValue<string>() == "succeeded", run.ToJsonString());
        Assert.Equal(10, read.Count);
        Assert.All(read, t => Assert.StartsWith("weather", t, StringComparison.Ordinal));
        var weather = Assert.Single(run["result"]!["labels"]!.AsArray(), l => !l!["known"]!.GetValue<bool>())!;
        Assert.Equal(("weather", 10), (weather["name"]!.GetValue<string>(), weather["items"]!.GetValue<int>()));
    }

    [Theory]
    [InlineData("", 0)]
    [InlineData("prose", 0)]
    [InlineData("{\"labels\":{}}", 0)]
    [InlineData("{\"labels\":[1,{\"name\":7},{\"name\":\" \"},{\"name\":\"a\"}]}", 1)]
    [InlineData("```json\n{\"labels\":[{\"name\":\"a\",\"description\":\"b\"}]}\n```", 1)]
    public void Read_AnyAnswer_GivesWhatHasTheShape(string written, int labels) => Assert.Equal(labels, TaxonomyAdvisor.ReadLabels(written).Count);

    [Fact]
    public void Pairs_AreTheConfusedAndTheAlike()
    {
        string[] names = ["refund", "delivery", "deliveries", "praise"];
        var pairs = LabelOverlap.Pairs(names, [0, 0, 0, 0, 1, 1, 3, 3], [3, 3, 0, 0, 1, 1, 3, 3], 10);
        Assert.Equal([(0, 3, 2), (1, 2, 0)], pairs);
        Assert.Equal([1], LabelOverlap.Wide([10, 60, 10, 10, 10], 3));
        Assert.Equal(1, LabelOverlap.Dice("Money-back", "money back"), 1e-9);
        Assert.Equal(0, LabelOverlap.Dice("a", "xyz"), 1e-9);
    }
}
