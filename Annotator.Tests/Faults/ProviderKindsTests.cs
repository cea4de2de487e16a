using System.Collections.Concurrent;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Annotator.Core.Items;
using Annotator.Tests.Support;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Tests.Faults;

/// <summary>The same project through servers of every kind, killed in the middle: each labels it rightly, and what was answered is not asked again.</summary>
public partial class ProviderKindsTests
{
    private const int Items = 120;
    private const int PerCall = 5;
    private const int Concurrency = 2;
    private const string Schemas = "schemas and log-probabilities";
    private const string Batches = "batches";

    private static readonly TimeSpan s_latency = TimeSpan.FromMilliseconds(120);
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(2);
    private static readonly string[] s_labels = ["refund", "delivery", "praise"];
    private static readonly string[] s_kinds = [Schemas, "schemas only", "JSON mode", "plain text", Batches];

    [Fact]
    public async Task Project_IsLabelledThroughEveryKindOfServer_AndGoesOnAfterAKill()
    {
        using var database = await TestDatabase.CreateAsync("Sqlite");
        var servers = new Dictionary<string, FakeLlmServer>(StringComparer.Ordinal);
        var asked = new ConcurrentQueue<(string Kind, string Text)>();
        try
        {
            foreach (var kind in s_kinds)
            {
                servers[kind] = await FakeLlmServer.StartAsync(request =>
                {
                    var reply = Answer(kind, request);
                    if (reply.Usage == default) return reply;
                    foreach (var (_, text) in request.Items) asked.Enqueue((kind, text));
                    return kind == Batches ? reply : FakeLlmReply.Late(s_latency, reply);
                });
            }

            (servers[Batches].Batches.Enabled, servers[Batches].Batches.Looks) = (true, 3);
            await using var host = await ProcessHost.StartAsync(database, ("Annotator:Runs:OwnerTimeoutSeconds", "5"), ("Annotator:Runs:Workers", "6"));
            var projects = new Dictionary<string, string>(StringComparer.Ordinal);
            foreach (var kind in s_kinds)
            {
                var provider = (await host.PostAsync("/api/v1/llm/providers", new { name = kind, settings = new { baseUrl = servers[kind].BaseUrl, model = "m", concurrency = Concurrency, promptPrice = 1, completionPrice = 2 }, apiKey = "sk" }))["id"]!.GetValue<string>();
                projects[kind] = await host.NewProjectAsync(s_labels, new { groupDuplicates = false, llm = new { enabled = kind != Batches, itemsPerCall = PerCall, provider } });
            }

            foreach (var kind in s_kinds.Reverse()) await host.PostAsync($"/api/v1/projects/{projects[kind]}/items", new { items = Enumerable.Range(0, Items).Select(i => new { key = $"k{i}", text = Text(i) }) });
            await host.Client.PatchAsJsonAsync($"/api/v1/projects/{projects[Batches]}", new { settings = new { llm = new { enabled = true } } }, TestContext.Current.CancellationToken);
            await host.PostAsync($"/api/v1/projects/{projects[Batches]}/runs", new { kind = "llmBatch", options = new { requestsPerBatch = 3, pollSeconds = 1 } });

            // In the middle of each, where the machine lets them go at one pace.
            await Eventually.TrueAsync(() => Task.FromResult(servers[Batches].Batches.Made > 0 && s_kinds.Where(k => k != Batches).All(k => asked.Count(a => a.Kind == k) >= Items / 4)), s_patience, () => host.Output);
            await host.KillAsync();
            await host.StartAgainAsync();
            foreach (var kind in s_kinds)
            {
                JsonArray items = [];
                await Eventually.TrueAsync(
                    async () => (items = (await host.GetAsync($"/api/v1/projects/{projects[kind]}/items?limit=1000"))["items"]!.AsArray()).All(i => i!["prediction"]?["source"]?.GetValue<string>() == "llm"), s_patience, () => $"{kind}: {host.Output}");
                Assert.Equal(Items, items.Count);
                Assert.All(items, i => Assert.Equal(Right(i!["text"]!.GetValue<string>()), i["prediction"]!["value"]!["choice"]!.GetValue<string>()));

                // Asked again is what was under way at the kill, or answered and not yet stored, which on a slow machine is more.
                var again = asked.Count(a => a.Kind == kind) - Items;
                Assert.True(again >= 0 && again <= (kind == Batches ? 0 : 5 * Concurrency * PerCall), $"{kind}: {again} items were asked about again");
                var metrics = (await host.GetAsync($"/api/v1/projects/{projects[kind]}/metrics"))["llm"]!;
                Assert.True(metrics["promptTokens"]!.GetValue<long>() <= servers[kind].PromptTokens);
            }

            await host.StopAsync();
            await using var core = await CoreHost.StartAsync(database);
            await using var db = await core.Database.OpenAsync();
            foreach (var kind in s_kinds)
            {
                var id = long.Parse(projects[kind], System.Globalization.CultureInfo.InvariantCulture);
                var said = await db.Predictions.AsNoTracking().Where(p => p.ProjectId == id && p.Source == LabelSource.Llm).Select(p => p.Confidence).ToListAsync(TestContext.Current.CancellationToken);

                // The probability of the label's tokens where it is told, what the model says of itself elsewhere.
                Assert.Equal(Items, said.Count);
                Assert.All(said, c => Assert.Equal(kind == Schemas ? 0.8 : 0.6, c, 6));
            }
        }
        finally
        {
            foreach (var server in servers.Values) await server.DisposeAsync();
        }
    }

    private static string Text(int i) => $"message {i * 7919 % 104729} is about {s_labels[i % s_labels.Length]} and nothing else {i}";

    private static string Right(string text) => s_labels.First(l => text.Contains(l, StringComparison.Ordinal));

    private static FakeLlmReply Answer(string kind, FakeLlmRequest request)
    {
        var content = new JsonObject { ["results"] = new JsonArray([.. request.Items.Select(i => new JsonObject { ["id"] = i.Id, ["label"] = Right(i.Text), ["confidence"] = 0.6 })]) }.ToJsonString();
        switch (kind)
        {
            case Schemas when request.Json["logprobs"] is not null:
                return FakeLlmReply.Content(content, tokens: Tokens().Split(content).Select(t => (t, s_labels.Contains(t) ? Math.Log(0.8) : 0.0)));
            case "schemas only" when request.Json["logprobs"] is not null:
                return FakeLlmReply.Error(400, "'logprobs' is not supported by this model", "unsupported_parameter");
            case "schemas only" when request.Json["temperature"] is not null:
                return FakeLlmReply.Error(400, "'temperature' does not support 0 with this model", "unsupported_value");
            case "JSON mode" when request.ResponseFormat == "json_schema":
                return FakeLlmReply.Error(400, "response_format.type must be 'text' or 'json_object'");
            case "JSON mode":
                return FakeLlmReply.Content("```json\n" + content.Replace("\"id\":\"1\"", "\"id\":1", StringComparison.Ordinal) + "\n```");
            case "plain text" when request.ResponseFormat is not null:
                return FakeLlmReply.Error(400, "invalid request");
            case "plain text" when request.Json["max_completion_tokens"] is not null:
                return FakeLlmReply.Error(422, "unexpected field");
            case "plain text":
                return FakeLlmReply.Content("Of course. Here are the labels:\n\n" + content + "\n\nTell me if you need more.");
            default:
                return FakeLlmReply.Content(content);
        }
    }

    [GeneratedRegex("(?<label>refund|delivery|praise)", RegexOptions.None, 1000)]
    private static partial Regex Tokens();
}
