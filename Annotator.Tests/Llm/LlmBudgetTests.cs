using System.Net;
using System.Text.Json.Nodes;
using Annotator.Core.Llm;
using Annotator.Tests.Support;

namespace Annotator.Tests.Llm;

/// <summary>A budget holds over all that asks in a project's name: steps on the way to an answer, further answers, and runs beside each other.</summary>
public class LlmBudgetTests
{
    private const double Price = 10e-6;
    private const int Tokens = 120;
    private const int Concurrency = 2;

    private static readonly LlmEndpoint s_endpoint = new() { BaseUrl = "http://127.0.0.1/v1", Model = "m", PromptPrice = 10, CompletionPrice = 10 };

    [Fact]
    public async Task Sessions_ThatShareAPurse_DoNotEachSpendIt()
    {
        var purse = new LlmPurse(0.01m);
        LlmBudget[] budgets = [.. Enumerable.Range(0, 3).Select(_ => new LlmBudget(s_endpoint, null, 1_000, [purse]))];

        // The first knows nothing: one request of one session goes alone.
        Assert.Equal(LlmFailure.None, (await budgets[0].ReserveAsync(100, 1, 10, CancellationToken.None)).Failure);
        budgets[0].Settle(0.0011m, 0.0011m, 100, 1, 100, 10);
        var sent = 1;
        for (var round = 0; round < 50; round++)
        {
            foreach (var budget in budgets)
            {
                var (failure, reservation) = await budget.ReserveAsync(100, 1, 10, CancellationToken.None);
                if (failure == LlmFailure.BudgetSpent) continue;
                budget.Settle(reservation, 0.0011m, 100, 1, 100, 10);
                sent++;
            }
        }

        Assert.Equal(8, sent);
        Assert.Equal(0.0088m, purse.Spent);
        Assert.Equal(0, purse.Reserved);
    }

    [Fact]
    public async Task Request_ThatDoesNotFitBesideAnother_WaitsForIt_WhoeverSentThat()
    {
        var purse = new LlmPurse(0.0015m);
        var (first, second) = (new LlmBudget(s_endpoint, null, 10, [purse]), new LlmBudget(s_endpoint, null, 10, [purse]));
        var (_, reservation) = await first.ReserveAsync(100, 1, 10, CancellationToken.None);
        var waiting = second.ReserveAsync(100, 1, 10, CancellationToken.None).AsTask();
        Assert.False(waiting.IsCompleted);
        first.Settle(reservation, 0.0001m, 100, 1, 10, 0);
        Assert.Equal(LlmFailure.None, (await waiting).Failure);
    }

    [Fact]
    public async Task Budget_HoldsOverNarrowing_FurtherAnswers_AndRunsBesideEachOther()
    {
        var labels = Enumerable.Range(0, 24).Select(i => $"topic-{i:00}").ToArray();
        await using var llm = await FakeLlmServer.StartAsync(r =>
        {
            static string Topic(string text) => text.IndexOf("topic-", StringComparison.Ordinal) is >= 0 and var at ? text[at..][..8] : "topic-00";
            var several = r.Json["response_format"]!["json_schema"]!["schema"]!["properties"]!["results"]!["items"]!["properties"]!["labels"] is not null;
            return FakeLlmReply.Late(TimeSpan.FromMilliseconds(20), several
                ? FakeLlmReply.Content(new JsonObject { ["results"] = new JsonArray([.. r.Items.Select(i => new JsonObject { ["id"] = i.Id, ["labels"] = new JsonArray(Topic(i.Text)), ["confidence"] = 0.9 })]) }.ToJsonString())
                : FakeLlmReply.Good(r, Topic, 0.3));
        });
        await using var host = await AppHost.StartAsync(
            ("Annotator:Llm:BaseUrl", llm.BaseUrl), ("Annotator:Llm:Model", "m"), ("Annotator:Llm:PromptPrice", "10"), ("Annotator:Llm:CompletionPrice", "10"), ("Annotator:Llm:Concurrency", $"{Concurrency}"), ("Annotator:Runs:Workers", "6"));
        const double budget = 30.5 * Tokens * Price;
        var project = await host.Admin.CreateProjectAsync(labels: labels, settings: new { groupDuplicates = false, llm = new { enabled = false, narrowAbove = 20, itemsPerCall = 5, samples = 5, budget, examples = 0 } });
        var ids = await host.Admin.AddTextsAsync(project, Enumerable.Range(0, 200).Select(i => $"message {i * 7919} about topic-{i % 24:00}"));
        await host.Admin.WaitAsync($"/api/v1/projects/{project}/metrics", m => m["items"]!["queued"]!.GetValue<long>() == 200);
        var decisions = ids.Take(50).Select((id, i) => new { itemId = id, action = "correct", value = new { choice = labels[i % 24] } });
        (await host.Admin.PostAsync($"/api/v1/projects/{project}/decisions", new { decisions })).Expect(HttpStatusCode.OK);
        (await host.Admin.PatchAsync($"/api/v1/projects/{project}", new { settings = new { llm = new { enabled = true } } })).Expect(HttpStatusCode.OK);
        foreach (var kind in (string[])["prelabel", "measurePrompt", "sampleLlm", "refinePrompt"]) (await host.Admin.PostAsync($"/api/v1/projects/{project}/runs", new { kind })).Expect(HttpStatusCode.Accepted);
        await host.Admin.WaitAsync($"/api/v1/projects/{project}/runs", r => r["items"]!.AsArray().All(x => x!["state"]!.GetValue<string>() is "succeeded" or "failed" or "cancelled"));

        var spent = (llm.PromptTokens + llm.CompletionTokens) * Price;
        Assert.InRange(spent, budget / 2, budget + (Concurrency * Tokens * Price));
        var metrics = (await host.Admin.GetAsync($"/api/v1/projects/{project}/metrics")).Expect(HttpStatusCode.OK)["llm"]!;
        Assert.Equal(spent, metrics["cost"]!.GetValue<double>(), 1e-9);
        Assert.Equal(llm.PromptTokens, metrics["promptTokens"]!.GetValue<long>());
        Assert.Equal(llm.Requests.Count, metrics["calls"]!.GetValue<int>());
    }

    [Fact]
    public async Task Batches_LeaveToOthersWhatTheyDoNotReserve_AndNoMore()
    {
        await using var llm = await FakeLlmServer.StartAsync(r => FakeLlmReply.Good(r, _ => "a"));
        (llm.Batches.Enabled, llm.Batches.Looks) = (true, int.MaxValue);
        await using var host = await AppHost.StartAsync(("Annotator:Llm:BaseUrl", llm.BaseUrl), ("Annotator:Llm:Model", "m"), ("Annotator:Llm:PromptPrice", "10"), ("Annotator:Llm:CompletionPrice", "10"));

        // A batch of a request may cost about a cent and a half; the whole purse is two.
        var project = await host.Admin.CreateProjectAsync(labels: ["a", "b"], settings: new { groupDuplicates = false, llm = new { enabled = false, itemsPerCall = 10, budget = 0.02, examples = 0 } });
        var ids = await host.Admin.AddTextsAsync(project, Enumerable.Range(0, 20).Select(i => $"message {i * 7919}"));
        await host.Admin.WaitAsync($"/api/v1/projects/{project}/metrics", m => m["items"]!["queued"]!.GetValue<long>() == 20);
        (await host.Admin.PostAsync($"/api/v1/projects/{project}/decisions", new { decisions = ids.Take(10).Select(id => new { itemId = id, action = "correct", value = new { choice = "a" } }) })).Expect(HttpStatusCode.OK);
        (await host.Admin.PatchAsync($"/api/v1/projects/{project}", new { settings = new { llm = new { enabled = true } } })).Expect(HttpStatusCode.OK);
        var batch = (await host.Admin.PostAsync($"/api/v1/projects/{project}/runs", new { kind = "llmBatch", options = new { pollSeconds = 1 } })).Expect(HttpStatusCode.Accepted)["id"]!.GetValue<string>();
        await Until.TrueAsync(() => Task.FromResult(llm.Batches.Made == 1), "a batch is made");
        Assert.InRange((await host.Admin.GetAsync($"/api/v1/projects/{project}/llm/estimate")).Expect(HttpStatusCode.OK)["budgetLeft"]!.GetValue<double>(), 0.001, 0.0199);
        (await host.Admin.PostAsync($"/api/v1/runs/{batch}/cancel")).Expect(HttpStatusCode.Accepted);
        await host.Admin.WaitRunAsync(batch);
        Assert.Equal(0.02, (await host.Admin.GetAsync($"/api/v1/projects/{project}/llm/estimate")).Expect(HttpStatusCode.OK)["budgetLeft"]!.GetValue<double>(), 1e-9);
    }
}
