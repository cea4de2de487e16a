using System.Net;
using System.Text.Json.Nodes;
using Annotator.Tests.Support;

namespace Annotator.Tests.Llm;

/// <summary>Two steps for many labels, and several answers for unsure items, in the real program.</summary>
public class LlmWaysTests
{
    [Fact]
    public async Task ManyLabels_AreNarrowedFirst_AndTheChoiceIsAmongFew()
    {
        var labels = Enumerable.Range(0, 30).Select(i => $"topic-{i:00}").ToArray();
        await using var llm = await FakeLlmServer.StartAsync(r =>
        {
            static string Topic(string text) => text[text.IndexOf("topic-", StringComparison.Ordinal)..][..8];
            var several = r.Json["response_format"]!["json_schema"]!["schema"]!["properties"]!["results"]!["items"]!["properties"]!["labels"] is not null;
            if (!several) return FakeLlmReply.Good(r, Topic);
            var results = new JsonArray([.. r.Items.Select(i => new JsonObject { ["id"] = i.Id, ["labels"] = i.Text.Contains("unclear", StringComparison.Ordinal) ? new JsonArray() : new JsonArray(Topic(i.Text), "topic-29"), ["confidence"] = 0.9 })]);
            return FakeLlmReply.Content(new JsonObject { ["results"] = results }.ToJsonString());
        });
        await using var host = await AppHost.StartAsync(("Annotator:Llm:BaseUrl", llm.BaseUrl), ("Annotator:Llm:Model", "m"), ("Annotator:Llm:PromptPrice", "1"));
        var project = await host.Admin.CreateProjectAsync(labels: labels, settings: new { llm = new { enabled = true, narrowAbove = 20, itemsPerCall = 5 } });
        await host.Admin.AddTextsAsync(project, Enumerable.Range(0, 40).Select(i => $"message {i * 7919} about topic-{i % 28:00}{(i == 3 ? " unclear" : "")}"));
        var metrics = await host.Admin.WaitAsync($"/api/v1/projects/{project}/metrics", m => m["items"]!["queued"]!.GetValue<long>() == 40 && m["llm"]?["items"]?.GetValue<long>() == 40);
        var items = (await host.Admin.GetAsync($"/api/v1/projects/{project}/items?limit=1000")).Expect(HttpStatusCode.OK)["items"]!.AsArray();
        Assert.All(items, i => Assert.Contains(i!["prediction"]!["value"]!["choice"]!.GetValue<string>(), i["text"]!.GetValue<string>(), StringComparison.Ordinal));

        // Eight calls narrow, eight choose; of these only the one with the item that nothing was named for has all labels.
        Assert.Equal(16, llm.Requests.Count);
        Assert.Equal(9, llm.Requests.Count(r => r.Labels.Count == 30));
        Assert.All(llm.Requests.Where(r => r.Labels.Count < 30), r => Assert.InRange(r.Labels.Count, 2, 11));
        Assert.Equal(llm.PromptTokens, metrics["llm"]!["promptTokens"]!.GetValue<long>());
        Assert.Equal(16, metrics["llm"]!["calls"]!.GetValue<long>());
    }

    [Fact]
    public async Task UnsureAnswers_AreAskedForAgain_AndWhatMostSayStands()
    {
        string[] labels = ["refund", "delivery", "praise"];
        var sampled = 0;
        await using var llm = await FakeLlmServer.StartAsync(r =>
        {
            // At first it guesses, and says that it is unsure of some; asked again it finds the right label four times of five.
            if (r.Json["temperature"]!.GetValue<double>() == 0) return FakeLlmReply.Content(Results(r, t => t.Contains("unsure", StringComparison.Ordinal) ? ("praise", 0.4) : (labels.First(l => t.Contains(l, StringComparison.Ordinal)), 0.95)));
            var wrong = Interlocked.Increment(ref sampled) == 1;
            return FakeLlmReply.Content(Results(r, t => (wrong ? "praise" : labels.First(l => t.Contains(l, StringComparison.Ordinal)), 0.4)));
        });
        await using var host = await AppHost.StartAsync(("Annotator:Llm:BaseUrl", llm.BaseUrl), ("Annotator:Llm:Model", "m"));
        var project = await host.Admin.CreateProjectAsync(labels: labels, settings: new { llm = new { enabled = true, samples = 5, itemsPerCall = 20 } });
        await host.Admin.AddTextsAsync(project, Enumerable.Range(0, 20).Select(i => $"message {i * 7919} about {(i < 5 ? "unsure refund" : "delivery")}"));
        var metrics = await host.Admin.WaitAsync($"/api/v1/projects/{project}/metrics", m => m["items"]!["queued"]!.GetValue<long>() == 20 && m["llm"]?["items"]?.GetValue<long>() == 20);
        var items = (await host.Admin.GetAsync($"/api/v1/projects/{project}/items?limit=1000")).Expect(HttpStatusCode.OK)["items"]!.AsArray();
        Assert.All(items, i => Assert.Contains(i!["prediction"]!["value"]!["choice"]!.GetValue<string>(), i["text"]!.GetValue<string>(), StringComparison.Ordinal));
        Assert.Equal(5, llm.Requests.Count);
        Assert.All(llm.Requests.Skip(1), r => Assert.Equal(5, r.Items.Count));
        Assert.Equal(5, metrics["llm"]!["calls"]!.GetValue<long>());
    }

    private static string Results(FakeLlmRequest request, Func<string, (string Label, double Confidence)> answer) => new JsonObject
    {
        ["results"] = new JsonArray([.. request.Items.Select(i => new JsonObject { ["id"] = i.Id, ["label"] = answer(i.Text).Label, ["confidence"] = answer(i.Text).Confidence })]),
    }.ToJsonString();
}
