using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Headers;
using System.Reflection;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Annotator.Core.Llm;
using Annotator.Tests.Support;
using Annotator.Web;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Annotator.Benchmarks.Llm;

/// <summary>
/// The LLM stage against a server on loopback with a fixed latency: the labeller alone, and the whole program from stored items to
/// pre-labels. Prints wall time over the ideal one and the memory. Arguments: <c>items= perCall= latency= concurrency= limited= cacheDays=</c>
/// (<c>limited</c>: percent of calls answered 429; <c>cacheDays=0</c>: answers are not kept for later).
/// </summary>
internal static class LlmThroughput
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(120);
    private static readonly TimeSpan s_quiet = TimeSpan.FromSeconds(4);

    private const string Token = "token-of-the-benchmark-0123456789abcdef";
    private static readonly string s_root = typeof(LlmThroughput).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().First(a => string.Equals(a.Key, "RepoRoot", StringComparison.Ordinal)).Value!;
    private static readonly string[] s_labels = ["refund", "delivery", "praise", "complaint"];

    public static async Task<int> RunAsync(string[] args)
    {
        int Argument(string name, int usual) => args.FirstOrDefault(a => a.StartsWith(name + "=", StringComparison.Ordinal)) is { } found ? int.Parse(found[(name.Length + 1)..], CultureInfo.InvariantCulture) : usual;
        var (items, perCall, latency, concurrency, limited) = (Argument("items", 10_000), Argument("perCall", 40), Argument("latency", 50), Argument("concurrency", 16), Argument("limited", 0));
        var ideal = Math.Ceiling(Math.Ceiling((double)items / perCall) / concurrency) * latency / 1_000;
        await using var server = await FakeLlmServer.StartAsync(r => FakeLlmReply.Late(
            TimeSpan.FromMilliseconds(latency), r.Number * 37 % 100 < limited ? FakeLlmReply.Error(429, retryAfter: "1") : FakeLlmReply.Good(r, t => s_labels[t.Length % s_labels.Length])));

        var texts = Enumerable.Range(0, items).Select(i => $"message {i} is about {s_labels[i % s_labels.Length]}, and {i * 7919 % 104729} says it too").ToList();
        var endpoint = new LlmEndpoint { BaseUrl = server.BaseUrl, Model = "m", Concurrency = concurrency, ItemsPerCall = perCall };
        using (var http = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { Timeout = Timeout.InfiniteTimeSpan })
        {
            var prompt = new LabellingPrompt(LlmTask.SingleChoice, [.. s_labels.Select(l => new LlmLabel(l))]);
            var labeller = new LlmLabeller(endpoint, http);
            await labeller.LabelAsync(prompt, [.. texts.Take(perCall * concurrency).Select((t, i) => Item(t, i))]);
            var (watch, began) = (Stopwatch.StartNew(), Environment.CpuUsage.TotalTime);
            var result = await labeller.LabelAsync(prompt, [.. texts.Select(Item)]);
            Print("labeller", watch.Elapsed.TotalSeconds, ideal, result.Results.Count(r => r.Answer is not null), items, result.Requests, (Environment.CpuUsage.TotalTime - began).TotalSeconds);
        }

        await ProgramAsync(server, texts, perCall, concurrency, Argument("cacheDays", 7), ideal);
        return 0;
    }

    private static LlmItem Item(string text, int number) => new(number.ToString(CultureInfo.InvariantCulture), text);

    // From the start of the run to its end, as the run itself has noted them.
    private static async Task ProgramAsync(FakeLlmServer server, List<string> texts, int perCall, int concurrency, int cacheDays, double ideal)
    {
        var data = Directory.CreateTempSubdirectory("annotator-bench-").FullName;
        string[] settings =
        [
            "--urls=http://127.0.0.1:0", $"--Annotator:DataDirectory={data}", "--Annotator:Bootstrap:AdminEmail=a@example.org", "--Annotator:Bootstrap:AdminPassword=correct horse battery 42",
            $"--Annotator:Bootstrap:ApiToken={Token}", $"--Annotator:Llm:BaseUrl={server.BaseUrl}", "--Annotator:Llm:Model=m", $"--Annotator:Llm:Concurrency={concurrency}", $"--Annotator:Llm:CacheDays={cacheDays}",
        ];
        await using (var app = AnnotatorApp.Build(settings, s_root, b => b.Logging.ClearProviders()))
        {
            await AnnotatorApp.StartAsync(app);
            using var http = new HttpClient { BaseAddress = new Uri(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First()) };
            http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", Token);

            // A server that has just started compiles its queries first.
            await RunProjectAsync(http, server, [.. texts.Take(2 * perCall * concurrency)], perCall, "program, just started", ideal * 2 * perCall * concurrency / texts.Count);
            await RunProjectAsync(http, server, texts, perCall, "program, items to pre-labels", ideal);
            await RunProjectAsync(http, server, [.. texts.Select(t => t + ", once more")], perCall, "program, another project", ideal);
            await app.StopAsync();
        }

        Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
        Directory.Delete(data, recursive: true);
    }

    private static async Task RunProjectAsync(HttpClient http, FakeLlmServer server, List<string> texts, int perCall, string name, double ideal)
    {
        var body = new { name = "b", modality = "text", task = new { type = "classification", labels = s_labels.Select(l => new { name = l }) }, settings = new { llm = new { enabled = false, itemsPerCall = perCall } } };
        var project = (await SendAsync(http, HttpMethod.Post, "/api/v1/projects", body))["id"]!.GetValue<string>();
        foreach (var part in texts.Chunk(1_000).Index())
            await SendAsync(http, HttpMethod.Post, $"/api/v1/projects/{project}/items", new { items = part.Item.Select((t, i) => new { key = $"{part.Index}-{i}", text = t }) });
        await SendAsync(http, HttpMethod.Patch, $"/api/v1/projects/{project}", new { settings = new { llm = new { enabled = true } } });
        var before = server.Requests.Count;
        var began = Environment.CpuUsage.TotalTime;
        var run = (await SendAsync(http, HttpMethod.Post, $"/api/v1/projects/{project}/runs", new { kind = "prelabel", options = new { stage = "llm" } }))["id"]!.GetValue<string>();
        JsonNode state;
        do
        {
            await Task.Delay(100);
            state = await SendAsync(http, HttpMethod.Get, $"/api/v1/runs/{run}", null);
        }
        while (state["state"]!.GetValue<string>() is "queued" or "running");
        var cpu = (Environment.CpuUsage.TotalTime - began).TotalSeconds;
        var took = (state["finishedAt"]!.GetValue<DateTimeOffset>() - state["startedAt"]!.GetValue<DateTimeOffset>()).TotalSeconds;
        var metrics = await SendAsync(http, HttpMethod.Get, $"/api/v1/projects/{project}/metrics", null);
        Print(name, took, ideal, metrics["llm"]!["items"]!.GetValue<int>(), texts.Count, server.Requests.Count - before, cpu);

        // What the project learns from the answers is no part of the next one's time: it begins a moment after them.
        var (learning, quiet) = (Stopwatch.StartNew(), Stopwatch.StartNew());
        while (learning.Elapsed < s_patience && quiet.Elapsed < s_quiet)
        {
            if ((await SendAsync(http, HttpMethod.Get, $"/api/v1/projects/{project}/runs?limit=100", null))["items"]!.AsArray().Any(r => r!["state"]!.GetValue<string>() is "queued" or "running")) quiet.Restart();
            await Task.Delay(200);
        }
    }

    private static async Task<JsonNode> SendAsync(HttpClient http, HttpMethod method, string path, object? body)
    {
        using var request = new HttpRequestMessage(method, path) { Content = body is null ? null : new StringContent(JsonSerializer.Serialize(body, JsonSerializerOptions.Web), Encoding.UTF8, "application/json") };
        using var response = await http.SendAsync(request);
        return JsonNode.Parse(await response.EnsureSuccessStatusCode().Content.ReadAsStringAsync())!;
    }

    private static void Print(string name, double took, double ideal, int answered, int items, int requests, double cpu)
    {
        using var process = Process.GetCurrentProcess();
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{name,-30} {took,7:0.00} s   ideal {ideal:0.00} s   x{took / ideal:0.00}   processor {cpu:0.00} s   answered {answered}/{items}   requests {requests}   live {GC.GetTotalMemory(true) / 1048576.0:0} MiB   peak {process.PeakWorkingSet64 / 1048576.0:0} MiB"));
    }
}
