using System.Net;
using System.Text.Json.Nodes;
using Annotator.Tests.Support;

namespace Annotator.Tests.Llm;

/// <summary>Asking by the Batch API: at half the price, with lines that fail or are lost, and over the death of the program.</summary>
public class LlmBatchTests
{
    private static readonly string[] s_labels = ["refund", "delivery", "praise"];

    [Fact]
    public async Task Batches_LabelAllAtHalfThePrice_WhateverBecomesOfSomeLines()
    {
        await using var llm = await FakeLlmServer.StartAsync(r => FakeLlmReply.Good(r, Right));
        llm.Batches.Enabled = true;

        // Of the first lines one fails and one is lost; of one answer an item is missing.
        var line = 0;
        llm.Batches.FateOf = _ => Interlocked.Increment(ref line) switch { 2 => "error", 4 => "lose", _ => "answer" };
        llm.Script = r => r.Number == 1 ? FakeLlmReply.Content(Results(r.Items.Skip(1))) : FakeLlmReply.Good(r, Right);
        await using var host = await StartAsync(llm);
        var project = await WaitingAsync(host, 60);
        var run = await RunAsync(host, project, new { requestsPerBatch = 3, pollSeconds = 1 });
        Assert.True(run["state"]!.GetValue<string>() == "succeeded", run.ToJsonString());
        Assert.Equal(60, run["result"]!["answered"]!.GetValue<int>());
        var metrics = await host.Admin.WaitAsync($"/api/v1/projects/{project}/metrics", m => m["items"]!["byState"]!["prelabelled"]!.GetValue<long>() == 0);
        Assert.Equal(60, metrics["llm"]!["items"]!.GetValue<int>());

        // The ledger holds what the server told, at half the price; nothing went by another way.
        Assert.Equal(llm.PromptTokens, metrics["llm"]!["promptTokens"]!.GetValue<long>());
        Assert.Equal(llm.CompletionTokens, metrics["llm"]!["completionTokens"]!.GetValue<long>());
        Assert.Equal((llm.PromptTokens + llm.CompletionTokens) * 10e-6 / 2, metrics["llm"]!["cost"]!.GetValue<double>(), 1e-9);
        Assert.All(llm.Requests, r => Assert.Equal("", r.Authorization));
        Assert.Equal(0, llm.Batches.FilesLeft);
        var items = (await host.Admin.GetAsync($"/api/v1/projects/{project}/items?limit=1000")).Expect(HttpStatusCode.OK)["items"]!.AsArray();
        Assert.All(items, i => Assert.Equal(Right(i!["text"]!.GetValue<string>()), i["prediction"]!["value"]!["choice"]!.GetValue<string>()));
    }

    [Fact]
    public async Task Restart_InTheMiddle_FindsTheBatchesAgain_AndAsksNothingTwice()
    {
        await using var llm = await FakeLlmServer.StartAsync(r => FakeLlmReply.Good(r, Right));
        (llm.Batches.Enabled, llm.Batches.Looks) = (true, 4);
        await using var host = await StartAsync(llm);
        var project = await WaitingAsync(host, 60);
        (await host.Admin.PostAsync($"/api/v1/projects/{project}/runs", new { kind = "llmBatch", options = new { requestsPerBatch = 2, pollSeconds = 1 } })).Expect(HttpStatusCode.Accepted);
        await Until.TrueAsync(() => Task.FromResult(llm.Batches.Made > 0), "a batch is made");
        await host.StopAsync();
        await host.StartAgainAsync();
        await host.Admin.WaitAsync($"/api/v1/projects/{project}/metrics", m => m["llm"]?["items"]?.GetValue<int>() == 60);
        Assert.Equal(3, llm.Batches.Made);
        Assert.Equal(6, llm.Requests.Count);
    }

    [Fact]
    public async Task Batches_ThatAreCancelled_OrNotOffered_OrTooDear_SaySo()
    {
        await using var llm = await FakeLlmServer.StartAsync(r => FakeLlmReply.Good(r, Right));
        await using var host = await StartAsync(llm);
        var project = await WaitingAsync(host, 30);
        var none = await RunAsync(host, project, new { });
        Assert.Equal("failed", none["state"]!.GetValue<string>());
        Assert.Contains("HTTP 404", none["message"]!.GetValue<string>(), StringComparison.Ordinal);

        (llm.Batches.Enabled, llm.Batches.Looks) = (true, int.MaxValue);
        var run = (await host.Admin.PostAsync($"/api/v1/projects/{project}/runs", new { kind = "llmBatch", options = new { pollSeconds = 1 } })).Expect(HttpStatusCode.Accepted);
        await Until.TrueAsync(() => Task.FromResult(llm.Batches.Made == 1), "a batch is made");
        (await host.Admin.PostAsync($"/api/v1/runs/{run["id"]!.GetValue<string>()}/cancel")).Expect(HttpStatusCode.Accepted);
        Assert.Equal("cancelled", (await host.Admin.WaitRunAsync(run["id"]!.GetValue<string>()))["state"]!.GetValue<string>());
        Assert.Equal(1, llm.Batches.Cancelled);

        // A purse that covers not one request.
        (await host.Admin.PatchAsync($"/api/v1/projects/{project}", new { settings = new { llm = new { budget = 0.000001 } } })).Expect(HttpStatusCode.OK);
        var poor = await RunAsync(host, project, new { });
        Assert.True(poor["result"]!["budgetSpent"]!.GetValue<bool>());
        Assert.Equal(1, llm.Batches.Made);
    }

    private static string Results(IEnumerable<(string Id, string Text)> items) =>
        new JsonObject { ["results"] = new JsonArray([.. items.Select(i => new JsonObject { ["id"] = i.Id, ["label"] = Right(i.Text), ["confidence"] = 0.93 })]) }.ToJsonString();

    private static string Right(string text) => s_labels.FirstOrDefault(l => text.Contains(l, StringComparison.Ordinal)) ?? s_labels[0];

    private static Task<AppHost> StartAsync(FakeLlmServer llm) => AppHost.StartAsync(
        ("Annotator:Llm:BaseUrl", llm.BaseUrl), ("Annotator:Llm:Model", "m"), ("Annotator:Llm:PromptPrice", "10"), ("Annotator:Llm:CompletionPrice", "10"));

    // Items that the LLM was not asked about, because it was switched off when they came.
    private static async Task<string> WaitingAsync(AppHost host, int count)
    {
        var project = await host.Admin.CreateProjectAsync(labels: s_labels, settings: new { llm = new { enabled = false } });
        await host.Admin.AddTextsAsync(project, Enumerable.Range(0, count).Select(i => $"thing {i} is about {s_labels[i % 3]}"));
        await host.Admin.WaitAsync($"/api/v1/projects/{project}/metrics", m => m["items"]!["queued"]!.GetValue<int>() == count);
        (await host.Admin.PatchAsync($"/api/v1/projects/{project}", new { settings = new { llm = new { enabled = true } } })).Expect(HttpStatusCode.OK);
        return project;
    }

    private static async Task<JsonNode> RunAsync(AppHost host, string project, object options)
    {
        var run = (await host.Admin.PostAsync($"/api/v1/projects/{project}/runs", new { kind = "llmBatch", options })).Expect(HttpStatusCode.Accepted);
        return await host.Admin.WaitRunAsync(run["id"]!.GetValue<string>());
    }
}
