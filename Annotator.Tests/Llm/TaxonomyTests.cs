using System.Net;
using System.Text.Json.Nodes;
using Annotator.Core.Llm;
using Annotator.Tests.Support;

namespace Annotator.Tests.Llm;

public class TaxonomyTests
{
    private static readonly string[] s_kinds = ["refund", "delivery", "praise"];

    [Fact]
    public async Task Run_ProposesLabels_MergesThem_AndShowsWhatTheyCover()
    {
        await using var llm = await FakeLlmServer.StartAsync(r =>
        {
            var schema = r.Json["response_format"]!["json_schema"]!["schema"]!["properties"]!.AsObject();
            if (schema.ContainsKey("results")) return FakeLlmReply.Good(r, t => r.Labels.FirstOrDefault(l => t.Contains(l, StringComparison.Ordinal)) ?? "none of these");
            var asked = JsonNode.Parse(r.Messages[^1].Content)!.AsObject();
            string[] names = asked.ContainsKey("proposed") ? s_kinds : [.. s_kinds, "Refund", "giving money back"];
            return FakeLlmReply.Content(new JsonObject { ["labels"] = new JsonArray([.. names.Select(n => new JsonObject { ["name"] = n, ["description"] = "about " + n })]) }.ToJsonString());
        });
        await using var host = await AppHost.StartAsync(("Annotator:Llm:BaseUrl", llm.BaseUrl), ("Annotator:Llm:Model", "m"));
        var project = await host.Admin.CreateProjectAsync(labels: []);
        await host.Admin.AddTextsAsync(project, Enumerable.Range(0, 100).Select(i => i % 10 == 9 ? $"weather report {i}" : $"text {i} is a {s_kinds[i % 3]}"));
        var run = (await host.Admin.PostAsync($"/api/v1/projects/{project}/runs", new { kind = "proposeTaxonomy", options = new { sample = 100, mostLabels = 5 } })).Expect(HttpStatusCode.Accepted);
        run = await host.Admin.WaitRunAsync(run["id"]!.GetValue<string>());
        Assert.True(run["state"]!.GetValue<string>() == "succeeded", run.ToJsonString());
        var result = run["result"]!;
        Assert.Equal(s_kinds.Order(StringComparer.Ordinal), result["labels"]!.AsArray().Select(l => l!["name"]!.GetValue<string>()).Order(StringComparer.Ordinal), StringComparer.Ordinal);
        Assert.Equal(90, result["labels"]!.AsArray().Sum(l => l!["items"]!.GetValue<int>()));
        Assert.Equal(0.9, result["coverage"]!.GetValue<double>(), 1e-9);
        Assert.All(result["uncovered"]!.AsArray(), u => Assert.StartsWith("weather", u!["text"]!.GetValue<string>(), StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("", 0)]
    [InlineData("prose", 0)]
    [InlineData("{\"labels\":{}}", 0)]
    [InlineData("{\"labels\":[1,{\"name\":7},{\"name\":\" \"},{\"name\":\"a\"}]}", 1)]
    [InlineData("```json\n{\"labels\":[{\"name\":\"a\",\"description\":\"b\"}]}\n```", 1)]
    public void Read_AnyAnswer_GivesWhatHasTheShape(string written, int labels) => Assert.Equal(labels, ProposeTaxonomyHandler.Read(written).Count);

    [Fact]
    public async Task Bias_OfTheLlm_IsShownLabelByLabel_AndRepeatedTextsAreAskedOnce()
    {
        await using var llm = await FakeLlmServer.StartAsync(r => FakeLlmReply.Good(r, _ => "praise"));
        await using var host = await AppHost.StartAsync(("Annotator:Llm:BaseUrl", llm.BaseUrl), ("Annotator:Llm:Model", "m"));
        var project = await host.Admin.CreateProjectAsync(labels: s_kinds);
        await host.Admin.AddTextsAsync(project, Enumerable.Range(0, 60).Select(i => $"thing {i / 2}"));
        await host.Admin.WaitAsync($"/api/v1/projects/{project}/metrics", m => m["llm"] is { } l && l["items"]!.GetValue<long>() == 60 && m["items"]!["queued"]!.GetValue<long>() == 60);
        Assert.Equal(30, llm.Requests.Sum(r => r.Items.Count));
        var items = (await host.Admin.GetAsync($"/api/v1/projects/{project}/items?limit=1000")).Expect(HttpStatusCode.OK)["items"]!.AsArray();
        Assert.All(items, i => Assert.Equal("llm", i!["prediction"]!["source"]!.GetValue<string>()));
        var decisions = items.Select((i, n) => new { itemId = i!["id"]!.GetValue<string>(), action = "correct", value = new { choice = s_kinds[n % 3] } }).ToList();
        (await host.Admin.PostAsync($"/api/v1/projects/{project}/decisions", new { decisions })).Expect(HttpStatusCode.OK);
        var bias = (await host.Admin.GetAsync($"/api/v1/projects/{project}/llm/bias")).Expect(HttpStatusCode.OK);
        Assert.Equal(60, bias["judged"]!.GetValue<int>());
        var praise = Assert.Single(bias["labels"]!.AsArray(), l => l!["label"]!.GetValue<string>() == "praise")!;
        Assert.Equal(3, praise["ratio"]!.GetValue<double>(), 1e-9);
        Assert.True(praise["biased"]!.GetValue<bool>());
        Assert.Equal(20, Assert.Single(bias["versions"]!.AsArray())!["right"]!.GetValue<int>());
    }
}
