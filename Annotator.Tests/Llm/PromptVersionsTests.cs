using System.Net;
using System.Text.Json.Nodes;
using Annotator.Tests.Support;

namespace Annotator.Tests.Llm;

/// <summary>Versions of prompts in the real program, with a model whose accuracy depends on what the prompt says.</summary>
public class PromptVersionsTests
{
    private const string Cure = "when the text names a number, choose order";
    private static readonly string[] s_labels = ["order", "chat"];

    [Fact]
    public async Task Refinement_FindsWhatHelps_PromotesIt_AndTheVersionsCanBeCompared()
    {
        await using var llm = await FakeLlmServer.StartAsync(Model(_ => Cure));
        await using var host = await StartAsync(llm);
        var project = await DecidedAsync(host, 120);

        var run = await RunAsync(host, project, "refinePrompt", new { rounds = 2, candidates = 2, items = 120 });
        Assert.True(run["state"]!.GetValue<string>() == "succeeded", run.ToJsonString());
        var result = run["result"]!;
        var promoted = result["promoted"]!.GetValue<int>();
        Assert.True(result["pValue"]!.GetValue<double>() < 0.01);

        var versions = (await host.Admin.GetAsync($"/api/v1/projects/{project}/prompts")).Expect(HttpStatusCode.OK)["items"]!.AsArray();
        var active = Assert.Single(versions, v => v!["active"]!.GetValue<bool>())!;
        Assert.Equal(promoted, active["version"]!.GetValue<int>());
        Assert.Contains(Cure, active["content"]!["rules"]!.AsArray().Select(r => r!.GetValue<string>()), StringComparer.Ordinal);
        Assert.Equal(1, active["figures"]!["accuracy"]!.GetValue<double>(), 1e-9);

        var comparison = (await host.Admin.GetAsync($"/api/v1/projects/{project}/prompts/compare?before=1&after={promoted}")).Expect(HttpStatusCode.OK);
        Assert.Equal(120, comparison["items"]!.GetValue<int>());
        Assert.Equal(0, comparison["worse"]!.GetValue<int>());
        Assert.Equal(comparison["better"]!.GetValue<int>(), comparison["differences"]!.AsArray().Count);
        Assert.Contains(comparison["text"]!.AsArray(), l => l!["kind"]!.GetValue<string>() == "added" && l["text"]!.GetValue<string>() == Cure);

        // What was asked is kept: measured again, nothing is asked.
        var before = llm.Requests.Count;
        var again = (await host.Admin.PostAsync($"/api/v1/projects/{project}/prompts/{promoted}/measure")).Expect(HttpStatusCode.Accepted);
        Assert.Equal("succeeded", (await host.Admin.WaitRunAsync(again["id"]!.GetValue<string>()))["state"]!.GetValue<string>());
        Assert.Equal(before, llm.Requests.Count);

        // Back to the first.
        (await host.Admin.PostAsync($"/api/v1/projects/{project}/prompts/1/promote")).Expect(HttpStatusCode.OK);
        Assert.True((await host.Admin.GetAsync($"/api/v1/projects/{project}/prompts/1")).Expect(HttpStatusCode.OK)["active"]!.GetValue<bool>());

        var ledger = (await host.Admin.GetAsync($"/api/v1/projects/{project}/llm/ledger")).Expect(HttpStatusCode.OK)["lines"]!.AsArray();
        Assert.Equal(llm.PromptTokens, ledger.Sum(l => l!["promptTokens"]!.GetValue<long>()));
        Assert.Equal(llm.CompletionTokens, ledger.Sum(l => l!["completionTokens"]!.GetValue<long>()));
        Assert.Equal(llm.Requests.Count, ledger.Sum(l => l!["calls"]!.GetValue<long>()));
    }

    [Fact]
    public async Task Refinement_WithUselessProposals_ChangesNothing()
    {
        await using var llm = await FakeLlmServer.StartAsync(Model(n => $"always think twice ({n})"));
        await using var host = await StartAsync(llm);
        var project = await DecidedAsync(host, 80);
        var run = await RunAsync(host, project, "refinePrompt", new { rounds = 2, candidates = 2, items = 80 });
        Assert.Equal("succeeded", run["state"]!.GetValue<string>());
        Assert.Null(run["result"]!["promoted"]);
        Assert.NotEmpty(run["result"]!["tried"]!.AsArray());
        Assert.True((await host.Admin.GetAsync($"/api/v1/projects/{project}/prompts/1")).Expect(HttpStatusCode.OK)["active"]!.GetValue<bool>());
    }

    [Fact]
    public async Task Refinement_WithTooFewDecisions_SaysSo()
    {
        await using var llm = await FakeLlmServer.StartAsync(Model(_ => Cure));
        await using var host = await StartAsync(llm);
        var project = await DecidedAsync(host, 10);
        var run = await RunAsync(host, project, "refinePrompt", new { });
        Assert.Equal("failed", run["state"]!.GetValue<string>());
        Assert.Contains("40 are needed", run["message"]!.GetValue<string>(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Version_MadeByHand_IsUsedOnceItIsPromoted_AndFollowsTheProject()
    {
        await using var llm = await FakeLlmServer.StartAsync(Model(_ => Cure));
        await using var host = await StartAsync(llm);
        var project = await host.Admin.CreateProjectAsync(labels: s_labels, settings: new { llm = new { enabled = true, examples = 0 } });
        var made = (await host.Admin.PostAsync($"/api/v1/projects/{project}/prompts", new { rules = new[] { Cure }, definitions = new { chat = "small talk of any kind" }, note = "by hand" })).Expect(HttpStatusCode.Created);
        Assert.Equal(2, made["version"]!.GetValue<int>());
        Assert.False(made["active"]!.GetValue<bool>());
        (await host.Admin.PostAsync($"/api/v1/projects/{project}/prompts/2/promote")).Expect(HttpStatusCode.OK);
        await host.Admin.AddTextsAsync(project, ["i bought 3 of them"]);
        await host.Admin.WaitAsync($"/api/v1/projects/{project}/metrics", m => m["llm"] is { } l && l["items"]!.GetValue<long>() == 1);
        var request = llm.Requests[^1].Messages[0].Content;
        Assert.Contains(Cure, request, StringComparison.Ordinal);
        Assert.Contains("small talk of any kind", request, StringComparison.Ordinal);

        // The ledger is written a moment before the item.
        var item = (await host.Admin.WaitAsync($"/api/v1/projects/{project}/items", l => l["items"]![0]!["prediction"] is not null))["items"]![0]!;
        Assert.Equal(2, item["prediction"]!["version"]!.GetValue<int>());

        // New guidelines make a new version that keeps the rule.
        (await host.Admin.PatchAsync($"/api/v1/projects/{project}", new { guidelines = "Read twice." })).Expect(HttpStatusCode.OK);
        var active = Assert.Single((await host.Admin.GetAsync($"/api/v1/projects/{project}/prompts")).Expect(HttpStatusCode.OK)["items"]!.AsArray(), v => v!["active"]!.GetValue<bool>())!;
        Assert.Equal(3, active["version"]!.GetValue<int>());
        Assert.Equal("Read twice.", active["content"]!["guidelines"]!.GetValue<string>());
        Assert.Equal(Cure, active["content"]!["rules"]![0]!.GetValue<string>());

        var bad = await host.Admin.PostAsync($"/api/v1/projects/{project}/prompts", new { rules = new[] { "" }, definitions = new { nobody = "x" }, parent = 1 });
        var errors = bad.Expect(HttpStatusCode.BadRequest)["errors"]!.AsObject();
        Assert.True(errors.ContainsKey("rules[0]") && errors.ContainsKey("definitions.nobody"), bad.Text);
        (await host.Admin.PostAsync($"/api/v1/projects/{project}/prompts", new { parent = 99 })).Expect(HttpStatusCode.BadRequest);
        (await host.Admin.PostAsync($"/api/v1/projects/{project}/prompts/99/promote")).Expect(HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task Examples_OfPeoplesDecisions_AreShown_NearestOnes_AndMasked()
    {
        await using var llm = await FakeLlmServer.StartAsync(Model(_ => Cure));
        await using var host = await StartAsync(llm);
        var project = await DecidedAsync(host, 30, new { enabled = true, examples = 4, maskPersonalData = true }, " call 010-1234-5678");
        await host.Admin.AddTextsAsync(project, ["the parrot number 12 repeats itself, mail me at x@example.org"], "new");
        await host.Admin.WaitAsync($"/api/v1/projects/{project}/metrics", m => m["llm"] is { } l && l["items"]!.GetValue<long>() >= 1);
        var request = llm.Requests.Last(r => r.Items.Any(i => i.Text.Contains("repeats itself", StringComparison.Ordinal)));
        Assert.Equal(["system", "user", "assistant", "user"], request.Messages.Select(m => m.Role), StringComparer.Ordinal);
        var examples = JsonNode.Parse(request.Messages[1].Content)!["items"]!.AsArray();
        Assert.InRange(examples.Count, 1, 4);
        foreach (var secret in (string[])["010-1234-5678", "x@example.org"]) Assert.DoesNotContain(secret, request.Body, StringComparison.Ordinal);
        Assert.Contains("[EMAIL]", request.Messages[^1].Content, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Stage_PausesItself_WhenPeopleFindItWrong()
    {
        await using var llm = await FakeLlmServer.StartAsync(r => FakeLlmReply.Good(r, _ => "chat"));
        await using var host = await StartAsync(llm);
        var project = await host.Admin.CreateProjectAsync(labels: s_labels, settings: new { llm = new { enabled = true, pauseBelow = 0.8 } });
        await host.Admin.AddTextsAsync(project, Enumerable.Range(0, 40).Select(i => $"thing {i} of {i * 7919}"));
        await host.Admin.WaitAsync($"/api/v1/projects/{project}/metrics", m => m["llm"] is { } l && l["items"]!.GetValue<long>() == 40 && m["items"]!["queued"]!.GetValue<long>() == 40);
        var items = (await host.Admin.GetAsync($"/api/v1/projects/{project}/items?limit=1000")).Expect(HttpStatusCode.OK)["items"]!.AsArray();
        var decisions = items.Select(i => new { itemId = i!["id"]!.GetValue<string>(), action = "correct", value = new { choice = "order" } }).ToList();
        (await host.Admin.PostAsync($"/api/v1/projects/{project}/decisions", new { decisions })).Expect(HttpStatusCode.OK);
        var asked = llm.Requests.Count;
        var stored = (await host.Admin.PostAsync($"/api/v1/projects/{project}/items", new { items = new[] { new { key = "late", text = "one more of them" } } })).Expect(HttpStatusCode.OK);
        Assert.NotEqual("llm", stored["items"]![0]!["route"]!.GetValue<string>());
        var run = await RunAsync(host, project, "prelabel", new { stage = "llm" });
        Assert.Equal("failed", run["state"]!.GetValue<string>());
        Assert.Contains("paused", run["message"]!.GetValue<string>(), StringComparison.Ordinal);
        Assert.Equal(asked, llm.Requests.Count);
    }

    [Fact]
    public async Task Disagreements_BecomeRules_ThatALeadApproves()
    {
        await using var llm = await FakeLlmServer.StartAsync(r => r.Json["response_format"]?["json_schema"]?["name"]?.GetValue<string>() == "rule" ? FakeLlmReply.Content(new JsonObject { ["rule"] = Cure }.ToJsonString()) : Model(_ => Cure)(r));
        await using var host = await StartAsync(llm);
        var project = await host.Admin.CreateProjectAsync(labels: s_labels, settings: new { groupDuplicates = false, llm = new { enabled = true, examples = 0, checkShare = 0 } });
        await host.Admin.AddTextsAsync(project, Enumerable.Range(0, 45).Select(Text));
        await host.Admin.WaitAsync($"/api/v1/projects/{project}/metrics", m => m["llm"]?["items"]?.GetValue<long>() == 45 && m["items"]!["queued"]!.GetValue<long>() == 45);
        var items = (await host.Admin.GetAsync($"/api/v1/projects/{project}/items?limit=1000")).Expect(HttpStatusCode.OK)["items"]!.AsArray();
        var decisions = items.Select(i => new { itemId = i!["id"]!.GetValue<string>(), action = "correct", value = new { choice = Right(i["text"]!.GetValue<string>()) } }).ToList();
        (await host.Admin.PostAsync($"/api/v1/projects/{project}/decisions", new { decisions })).Expect(HttpStatusCode.OK);
        var run = await RunAsync(host, project, "findRules", new { });
        Assert.True(run["state"]!.GetValue<string>() == "succeeded", run.ToJsonString());
        var rules = (await host.Admin.GetAsync($"/api/v1/projects/{project}/prompts/rules")).Expect(HttpStatusCode.OK);
        Assert.Equal(15, rules["disagreements"]!.GetValue<int>());
        var rule = Assert.Single(rules["rules"]!.AsArray())!;
        Assert.Equal(("order", "chat", 15), (rule["people"]!.GetValue<string>(), rule["model"]!.GetValue<string>(), rule["items"]!.GetValue<int>()));
        (await host.Admin.PostAsync($"/api/v1/projects/{project}/prompts/rules", new { rules = Array.Empty<string>() })).ExpectProblem(HttpStatusCode.BadRequest, "rules");
        var made = (await host.Admin.PostAsync($"/api/v1/projects/{project}/prompts/rules", new { rules = new[] { rule["rule"]!.GetValue<string>() } })).Expect(HttpStatusCode.Created);
        Assert.False(made["active"]!.GetValue<bool>());
        Assert.Equal(Cure, made["content"]!["rules"]![0]!.GetValue<string>());
    }

    // A model that is wrong on every other text with a number unless the prompt tells it better; asked to improve the prompt, it proposes rules.
    private static Func<FakeLlmRequest, FakeLlmReply> Model(Func<int, string> rule)
    {
        var proposals = 0;
        return r =>
        {
            if (r.Json["response_format"]?["json_schema"]?["name"]?.GetValue<string>() == "proposals")
            {
                var list = Enumerable.Range(0, 2).Select(i => new JsonObject
                {
                    ["reason"] = "seen in the errors",
                    ["instructions"] = null,
                    ["definitions"] = new JsonArray(),
                    ["rules"] = new JsonArray(i == 0 ? "be careful with short texts " + proposals : rule(proposals)),
                    ["drop"] = new JsonArray(),
                    ["examples"] = new JsonArray(),
                }).ToArray<JsonNode>();
                Interlocked.Increment(ref proposals);
                return FakeLlmReply.Content(new JsonObject { ["proposals"] = new JsonArray(list) }.ToJsonString());
            }

            var knows = r.Messages[0].Content.Contains(Cure, StringComparison.Ordinal);
            return FakeLlmReply.Good(r, text => Right(text) == "order" && !knows && text.Contains("parrot", StringComparison.Ordinal) ? "chat" : Right(text));
        };
    }

    private static string Right(string text) => text.Any(char.IsAsciiDigit) ? "order" : "chat";

    private static string Text(int i) => (i % 3) switch
    {
        0 => $"a parrot costs {i * 31 % 977} coins in shop {(char)('a' + (i % 26))}",
        1 => $"the lamp number {i * 17 % 953} came late to {(char)('a' + (i % 26))}",
        _ => "good morning dear " + new string((char)('a' + (i % 26)), 1 + (i % 9)) + (char)('a' + (i / 26 % 26)),
    };

    private static Task<AppHost> StartAsync(FakeLlmServer llm) => AppHost.StartAsync(("Annotator:Llm:BaseUrl", llm.BaseUrl), ("Annotator:Llm:Model", "m"), ("Annotator:Llm:PromptPrice", "1"), ("Annotator:Llm:CompletionPrice", "1"));

    // A project whose items came with their labels.
    private static async Task<string> DecidedAsync(AppHost host, int count, object? llm = null, string suffix = "")
    {
        var project = await host.Admin.CreateProjectAsync(labels: s_labels, settings: new { llm = llm ?? new { enabled = true, examples = 0 }, groupDuplicates = false });
        var lines = Enumerable.Range(0, count).Select(i => new JsonObject { ["key"] = $"d{i}", ["text"] = Text(i) + suffix, ["label"] = Right(Text(i)) }.ToJsonString());
        var run = (await host.Admin.PostRawAsync($"/api/v1/projects/{project}/imports?format=jsonl&text=text&key=key&label=label", string.Join('\n', lines))).Expect(HttpStatusCode.Accepted);
        Assert.Equal("succeeded", (await host.Admin.WaitRunAsync(run["id"]!.GetValue<string>()))["state"]!.GetValue<string>());
        await host.Admin.WaitAsync($"/api/v1/projects/{project}/runs", r => r["items"]!.AsArray().All(x => x!["state"]!.GetValue<string>() is "succeeded" or "failed" or "cancelled"));
        return project;
    }

    private static async Task<JsonNode> RunAsync(AppHost host, string project, string kind, object options)
    {
        var run = (await host.Admin.PostAsync($"/api/v1/projects/{project}/runs", new { kind, options })).Expect(HttpStatusCode.Accepted);
        return await host.Admin.WaitRunAsync(run["id"]!.GetValue<string>());
    }
}
