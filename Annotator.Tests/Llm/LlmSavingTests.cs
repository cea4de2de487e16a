using System.Net;
using System.Text.Json.Nodes;
using Annotator.Core.Llm;
using Annotator.Tests.Support;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;

namespace Annotator.Tests.Llm;

/// <summary>What the LLM is not asked about, and what becomes of a server that fails.</summary>
public class LlmSavingTests
{
    private static readonly string[] s_labels = ["refund", "delivery", "praise"];

    [Fact]
    public async Task Duplicates_FollowTheFirstOfTheirGroup_AndAreNotAskedAbout()
    {
        await using var llm = await FakeLlmServer.StartAsync(r => FakeLlmReply.Good(r, Right));
        await using var host = await StartAsync(llm);
        var project = await ImportAsync(host, 12, copies: 3);
        Assert.Equal(12, llm.Requests.Sum(r => r.Items.Count));
        var items = (await host.Admin.GetAsync($"/api/v1/projects/{project}/items?limit=1000")).Expect(HttpStatusCode.OK)["items"]!.AsArray();
        Assert.Equal(36, items.Count);
        Assert.All(items, i => Assert.Equal(Right(i!["text"]!.GetValue<string>()), i["prediction"]!["value"]!["choice"]!.GetValue<string>()));
        Assert.Equal(12, items.Count(i => i!["state"]!.GetValue<string>() == "queued"));
        Assert.Equal(24, items.Count(i => i!["state"]!.GetValue<string>() == "prelabelled"));

        // A run for the LLM alone asks about nothing more.
        var run = (await host.Admin.PostAsync($"/api/v1/projects/{project}/runs", new { kind = "prelabel", options = new { stage = "llm" } })).Expect(HttpStatusCode.Accepted);
        await host.Admin.WaitRunAsync(run["id"]!.GetValue<string>());
        Assert.Equal(12, llm.Requests.Sum(r => r.Items.Count));
    }

    [Fact]
    public async Task Duplicates_OfAnItemTheLlmFailedOn_WaitForAPersonBehindIt()
    {
        await using var llm = await FakeLlmServer.StartAsync(r => FakeLlmReply.Good(r, _ => "none of the labels"));
        await using var host = await StartAsync(llm);
        var project = await ImportAsync(host, 4, copies: 3);
        var states = (await host.Admin.GetAsync($"/api/v1/projects/{project}/metrics")).Expect(HttpStatusCode.OK)["items"]!["byState"]!;
        Assert.Equal((12, 0), (states["queued"]!.GetValue<int>(), states["prelabelled"]!.GetValue<int>()));
        var leased = (await host.Admin.PostAsync($"/api/v1/projects/{project}/queue/lease", new { count = 4 })).Expect(HttpStatusCode.OK)["items"]!.AsArray();
        Assert.All(leased, l => Assert.Equal("llmFailed", l!["reason"]!.GetValue<string>()));
        Assert.Equal(4, leased.Select(l => l!["data"]!["text"]!.GetValue<string>().Split('!')[0]).Distinct(StringComparer.Ordinal).Count());

        // What is decided of the first goes to its copies, and nobody is asked about them.
        var decisions = leased.Select(l => new { itemId = l!["itemId"]!.GetValue<string>(), lease = l["lease"]!.GetValue<string>(), action = "correct", value = new { choice = "praise" } });
        (await host.Admin.PostAsync($"/api/v1/projects/{project}/decisions", new { decisions })).Expect(HttpStatusCode.OK);
        var after = (await host.Admin.GetAsync($"/api/v1/projects/{project}/metrics")).Expect(HttpStatusCode.OK)["items"]!;
        Assert.Equal(12, after["final"]!.GetValue<int>());
    }

    [Fact]
    public async Task RepeatedTexts_AreAskedOnce_WithinARunAndLater()
    {
        await using var llm = await FakeLlmServer.StartAsync(r => FakeLlmReply.Good(r, Right));
        await using var host = await StartAsync(llm);
        var project = await host.Admin.CreateProjectAsync(labels: s_labels);
        await host.Admin.AddTextsAsync(project, Enumerable.Range(0, 60).Select(i => $"thing {i / 2} with a refund"));
        await host.Admin.WaitAsync($"/api/v1/projects/{project}/metrics", m => m["llm"] is { } l && l["items"]!.GetValue<long>() == 60 && m["items"]!["queued"]!.GetValue<long>() == 60);
        Assert.Equal(30, llm.Requests.Sum(r => r.Items.Count));
        await host.Admin.AddTextsAsync(project, Enumerable.Range(0, 30).Select(i => $"thing {i} with a refund"), "again");
        await host.Admin.WaitAsync($"/api/v1/projects/{project}/metrics", m => m["items"]!["queued"]!.GetValue<long>() == 90);
        Assert.Equal(30, llm.Requests.Sum(r => r.Items.Count));
        var items = (await host.Admin.GetAsync($"/api/v1/projects/{project}/items?limit=1000")).Expect(HttpStatusCode.OK)["items"]!.AsArray();
        Assert.All(items, i => Assert.Equal(("llm", "refund"), (i!["prediction"]!["source"]!.GetValue<string>(), i["prediction"]!["value"]!["choice"]!.GetValue<string>())));
    }

    [Fact]
    public async Task Judgements_AreTakenBackWithTheirDecisions()
    {
        await using var llm = await FakeLlmServer.StartAsync(r => FakeLlmReply.Good(r, Right));
        await using var host = await StartAsync(llm);
        var project = await host.Admin.CreateProjectAsync(labels: s_labels, settings: new { llm = new { enabled = true, checkShare = 0 } });
        var ids = await host.Admin.AddTextsAsync(project, ["one refund of 17", "some delivery at 9"]);
        await host.Admin.WaitAsync($"/api/v1/projects/{project}/metrics", m => m["items"]!["queued"]!.GetValue<long>() == 2);
        async Task DecideAsync(string item, string choice) =>
            (await host.Admin.PostAsync($"/api/v1/projects/{project}/decisions", new { decisions = new[] { new { itemId = item, action = "correct", value = new { choice } } } })).Expect(HttpStatusCode.OK);
        async Task<double?> AccuracyAsync() => (await host.Admin.GetAsync($"/api/v1/projects/{project}/metrics")).Expect(HttpStatusCode.OK)["llm"]!["accuracy"]?.GetValue<double>();

        await DecideAsync(ids[0], "refund");
        Assert.Equal(1, await AccuracyAsync());
        await DecideAsync(ids[0], "praise");
        Assert.Equal(0, await AccuracyAsync());
        await DecideAsync(ids[1], "delivery");
        Assert.Equal(0.5, await AccuracyAsync());
        (await host.Admin.PostAsync($"/api/v1/projects/{project}/decisions/undo")).Expect(HttpStatusCode.OK);
        Assert.Equal(0, await AccuracyAsync());
        (await host.Admin.PostAsync($"/api/v1/projects/{project}/decisions/undo")).Expect(HttpStatusCode.OK);
        Assert.Null(await AccuracyAsync());
    }

    [Fact]
    public async Task Circuit_ThatIsOpen_LetsOneRequestThrough_AndClosesWhenItIsAnswered()
    {
        var works = false;
        await using var llm = await FakeLlmServer.StartAsync(r => works ? FakeLlmReply.Good(r, _ => s_labels[0]) : FakeLlmReply.Error(500));
        using var http = new HttpClient(new SocketsHttpHandler { UseProxy = false });
        var labeller = new LlmLabeller(new LlmEndpoint { BaseUrl = llm.BaseUrl, Model = "m", Concurrency = 8, ItemsPerCall = 2, MaximumAttempts = 1 }, http);
        var prompt = new LabellingPrompt(LlmTask.SingleChoice, [.. s_labels.Select(l => new LlmLabel(l))]);
        LlmItem[] items = [.. Enumerable.Range(0, 200).Select(i => new LlmItem($"{i}", $"text {i}"))];

        var broken = await labeller.LabelAsync(prompt, items, cancellationToken: TestContext.Current.CancellationToken);
        Assert.All(broken.Results, r => Assert.Null(r.Answer));
        Assert.True(labeller.Circuit.IsOpen);

        // Still broken: one request finds it out.
        var before = llm.Requests.Count;
        var again = await labeller.LabelAsync(prompt, items, cancellationToken: TestContext.Current.CancellationToken);
        Assert.All(again.Results, r => Assert.Null(r.Answer));
        Assert.Equal(before + 1, llm.Requests.Count);

        // Repaired: one request first, then all the others.
        works = true;
        var healed = await labeller.LabelAsync(prompt, items, cancellationToken: TestContext.Current.CancellationToken);
        Assert.All(healed.Results, r => Assert.NotNull(r.Answer));
        Assert.False(labeller.Circuit.IsOpen);
    }

    [Fact]
    public async Task Server_ThatComesBack_IsAskedAgainByItself()
    {
        var works = false;
        await using var llm = await FakeLlmServer.StartAsync(r => works ? FakeLlmReply.Good(r, Right) : FakeLlmReply.Error(500));
        await using var host = await StartAsync(llm);
        var project = await host.Admin.CreateProjectAsync(labels: s_labels);
        await host.Admin.AddTextsAsync(project, Enumerable.Range(0, 20).Select(i => $"thing {i} with a refund"));
        await host.Admin.WaitAsync($"/api/v1/projects/{project}/metrics", m => m["items"]!["queued"]!.GetValue<long>() == 20);
        await Until.TrueAsync(() => Task.FromResult(host.Services.GetRequiredService<LlmRecovery>().Waiting == 1), "the project waits for the server");

        // Also where the program was stopped meanwhile.
        await host.StopAsync();
        await host.StartAgainAsync();
        works = true;
        await host.Admin.WaitAsync($"/api/v1/projects/{project}/metrics", m => m["llm"]!["items"]!.GetValue<long>() == 20);
    }

    [Fact]
    public void Circuit_IsDueAfterGrowingPauses()
    {
        var clock = new FakeTimeProvider();
        var circuit = new LlmCircuit(clock);
        Assert.True(circuit is { IsOpen: false, IsDue: true });
        var pause = LlmCircuit.FirstPause;
        for (var i = 0; i < 12; i++)
        {
            circuit.Open();
            Assert.True(circuit is { IsOpen: true, IsDue: false });
            clock.Advance(pause - TimeSpan.FromMilliseconds(1));
            Assert.False(circuit.IsDue);
            clock.Advance(TimeSpan.FromMilliseconds(1));
            Assert.True(circuit.IsDue);
            pause = pause * 2 < LlmCircuit.LongestPause ? pause * 2 : LlmCircuit.LongestPause;
        }

        circuit.Close();
        Assert.False(circuit.IsOpen);
    }

    private static string Right(string text) => s_labels.FirstOrDefault(l => text.Contains(l, StringComparison.Ordinal)) ?? s_labels[0];

    private static Task<AppHost> StartAsync(FakeLlmServer llm) => AppHost.StartAsync(("Annotator:Llm:BaseUrl", llm.BaseUrl), ("Annotator:Llm:Model", "m"), ("Annotator:Llm:MaximumAttempts", "1"));

    // Texts that differ, each several times with another ending.
    private static async Task<string> ImportAsync(AppHost host, int texts, int copies)
    {
        var project = await host.Admin.CreateProjectAsync(labels: s_labels, settings: new { llm = new { enabled = true, checkShare = 0 } });
        string[] things =
        [
            "the kettle arrived with a broken handle and smells of burnt plastic when it boils", "my blue bicycle squeaks at every turn of the left pedal since Monday", "a wooden chair, ordered for grandmother, wobbles on flat ground",
            "their garden hose bursts as soon as pressure rises above normal", "old radio picks up nothing but static between stations", "her winter coat lost both upper buttons within days", "one silver spoon is missing out of twelve in this box",
            "fishing rod snapped while I was unpacking it near the lake", "why does a paper lamp need three different screws", "heavy suitcase rolled away because its wheels have no brake", "our kitchen clock runs eleven minutes fast each week", "running shoes feel narrower than size forty-two should",
        ];
        var lines = Enumerable.Range(0, texts * copies).Select(i => new JsonObject
        {
            ["key"] = $"k{i}",
            ["text"] = $"{things[i % texts]}: {s_labels[i % texts % 3]}{new string('!', 1 + (i / texts))}",
        }.ToJsonString());
        var run = (await host.Admin.PostRawAsync($"/api/v1/projects/{project}/imports?format=jsonl&text=text&key=key", string.Join('\n', lines))).Expect(HttpStatusCode.Accepted);
        await host.Admin.WaitRunAsync(run["id"]!.GetValue<string>());
        await host.Admin.WaitAsync($"/api/v1/projects/{project}/metrics", m => m["items"]!["byState"]!["new"]!.GetValue<long>() == 0 && m["llm"] is not null);
        await host.Admin.WaitAsync($"/api/v1/projects/{project}/runs", r => r["items"]!.AsArray().All(x => x!["state"]!.GetValue<string>() is "succeeded" or "failed" or "cancelled"));
        return project;
    }
}
