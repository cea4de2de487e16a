using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Reflection;
using System.Text;
using System.Text.Json.Nodes;
using Annotator.Benchmarks.Student;
using Annotator.Web;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Annotator.Benchmarks.Replay;

/// <summary>
/// Plays labelled sets through the real program over HTTP, with their labels as the reviewer and a simulated LLM, until every item is final:
/// <c>replay [sets=agnews,banking77] [llm=0.85,0] [telling=0] [n=10000] [target=0.97] [seeds=1] [lease=20] [database=Sqlite]</c>. With <c>telling</c>
/// the LLM's confidence is about so many standard deviations lower where it is wrong (1.36: an AUROC of 0.83, as published of token probabilities). Prints what people had to decide, what the certificate says and
/// what is true.
/// </summary>
internal static class ReplayBenchmark
{
    private const string Token = "replay-token-0123456789-0123456789-01";

    public static async Task<int> RunAsync(string[] args)
    {
        CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
        string Value(string key, string otherwise) => StudentBenchmark.Value(args, key, otherwise);
        if (!Directory.Exists(LabelledTexts.Folder))
        {
            await Console.Error.WriteLineAsync($"No data: {LabelledTexts.Folder}");
            return 1;
        }

        Console.WriteLine("| set | items | LLM | human decisions | audit draws | share | true accuracy | certificate | seconds | longest wait for the queue, s |");
        Console.WriteLine("|---|---|---|---|---|---|---|---|---|---|");
        foreach (var name in Value("sets", "agnews,banking77").Split(','))
        {
            foreach (var llm in Value("llm", "0.85,0").Split(',').Select(double.Parse))
            {
                foreach (var seed in Value("seeds", "1").Split(',').Select(ulong.Parse))
                    await PlayAsync(Cut(LabelledTexts.Load(name), int.Parse(Value("n", "10000")), seed), llm, double.Parse(Value("telling", "0")), seed, double.Parse(Value("target", "0.97")), int.Parse(Value("lease", "20")), args.Contains("v", StringComparer.Ordinal));
            }
        }

        return 0;
    }

    private static LabelledTexts Cut(LabelledTexts set, int items, ulong seed)
    {
        var order = Enumerable.Range(0, set.Texts.Length).DistinctBy(i => set.Texts[i], StringComparer.Ordinal).ToArray();
        new Core.Student.SplitMix(seed).Shuffle(order);
        var chosen = order.Take(items).ToArray();
        return set with { Texts = [.. chosen.Select(i => set.Texts[i])], Labels = [.. chosen.Select(i => set.Labels[i])] };
    }

    private static async Task PlayAsync(LabelledTexts set, double accuracy, double telling, ulong seed, double target, int lease, bool verbose)
    {
        var data = Directory.CreateTempSubdirectory("replay-").FullName;
        await using var llm = accuracy > 0 ? await SimulatedLlm.StartAsync(set, accuracy, telling, seed) : null;
        await using var app = AnnotatorApp.Build(
            [],
            typeof(ReplayBenchmark).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().First(a => a.Key is "RepoRoot").Value,
            builder =>
            {
                builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>(StringComparer.Ordinal)
                {
                    ["urls"] = "http://127.0.0.1:0",
                    ["Annotator:DataDirectory"] = data,
                    ["Annotator:Bootstrap:AdminEmail"] = "replay@example.org",
                    ["Annotator:Bootstrap:AdminPassword"] = "correct horse battery staple 42",
                    ["Annotator:Bootstrap:ApiToken"] = Token,
                    ["Annotator:Llm:BaseUrl"] = llm?.BaseUrl ?? "",
                    ["Annotator:Llm:Model"] = "simulated",
                    ["Annotator:Llm:ApiKey"] = "none",
                });
                builder.Logging.SetMinimumLevel(LogLevel.Warning);
            });
        await AnnotatorApp.StartAsync(app);
        using var client = new HttpClient { BaseAddress = new Uri(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First()), Timeout = TimeSpan.FromMinutes(5) };
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", Token);
        try
        {
            await new Replay(client, set, target, lease, verbose).RunAsync(accuracy);
        }
        finally
        {
            await app.StopAsync();
            Directory.Delete(data, recursive: true);
        }
    }

    private sealed class Replay(HttpClient client, LabelledTexts set, double target, int lease, bool verbose)
    {
        private readonly Stopwatch _watch = Stopwatch.StartNew();

        public async Task RunAsync(double accuracy)
        {
            var project = await MakeAsync();
            await ImportAsync(project);
            var (decisions, longest) = await ReviewAsync(project);
            var metrics = await GetAsync($"projects/{project}/metrics");
            var right = await TrueAccuracyAsync(project);
            var certificate = metrics["certificate"];
            var human = metrics["decisions"]!["human"]!.GetValue<int>();
            Console.WriteLine(
                $"| {set.Name} | {set.Texts.Length} | {(accuracy > 0 ? accuracy.ToString("0.00") : "none")} | {human} ({decisions} sent) | {certificate?["audited"]} | {100.0 * human / set.Texts.Length:F1} % | {right:F4} | "
                + $"{certificate?["lowerBound"]?.GetValue<double>():F4} of {certificate?["target"]} | {_watch.Elapsed.TotalSeconds:F0} | {longest.TotalSeconds:F1} |");
        }

        private async Task<string> MakeAsync()
        {
            var labels = new JsonArray([.. set.Classes.Select(c => (JsonNode)new JsonObject { ["name"] = c })]);
            var body = new JsonObject
            {
                ["name"] = set.Name,
                ["modality"] = "text",
                ["task"] = new JsonObject { ["type"] = "classification", ["multiple"] = false, ["labels"] = labels },
                ["settings"] = new JsonObject { ["overlap"] = 1, ["targetAccuracy"] = target, ["confidence"] = 0.95, ["autoAccept"] = true, ["llm"] = new JsonObject { ["enabled"] = true, ["itemsPerCall"] = 40 } },
            };
            return (await PostAsync("projects", body))["id"]!.GetValue<string>();
        }

        private async Task ImportAsync(string project)
        {
            var rows = new StringBuilder();
            for (var i = 0; i < set.Texts.Length; i++) rows.Append(new JsonObject { ["key"] = $"k{i}", ["text"] = set.Texts[i] }.ToJsonString()).Append('\n');
            using var content = new StringContent(rows.ToString());
            using var response = await client.PostAsync($"/api/v1/projects/{project}/imports?format=jsonl&text=text&key=key", content);
            response.EnsureSuccessStatusCode();
            var run = JsonNode.Parse(await response.Content.ReadAsStringAsync())!["id"]!.GetValue<string>();
            while ((await GetAsync($"runs/{run}"))["state"]!.GetValue<string>() is "queued" or "running") await Task.Delay(100);
        }

        private async Task<(int Decisions, TimeSpan LongestWait)> ReviewAsync(string project)
        {
            var (decisions, longest, waiting) = (0, TimeSpan.Zero, Stopwatch.StartNew());
            var told = 0;
            while (true)
            {
                var items = (await PostAsync($"projects/{project}/queue/lease", new JsonObject { ["count"] = lease }))["items"]!.AsArray();
                if (items.Count == 0)
                {
                    var state = (await GetAsync($"projects/{project}/metrics"))["items"]!;
                    if (state["final"]!.GetValue<int>() == state["total"]!.GetValue<int>() || waiting.Elapsed > TimeSpan.FromMinutes(5)) return (decisions, longest);
                    await Task.Delay(50);
                    continue;
                }

                if (waiting.Elapsed > longest) longest = waiting.Elapsed;
                var answers = new JsonArray([.. items.Select(i => Answer(i!))]);
                await PostAsync($"projects/{project}/decisions", new JsonObject { ["decisions"] = answers });
                decisions += answers.Count;
                waiting.Restart();
                if (verbose && decisions / 50 > told)
                {
                    told = decisions / 50;
                    var metrics = await GetAsync($"projects/{project}/metrics");
                    await Console.Error.WriteLineAsync($"  {_watch.Elapsed.TotalSeconds:F0} s: {decisions} decisions, student {metrics["student"]?["accuracy"]}, certificate {metrics["certificate"]?.ToJsonString()}, steering {metrics["steering"]?.ToJsonString()}");
                }
            }
        }

        private JsonObject Answer(JsonNode item)
        {
            var truth = set.Classes[set.Labels[int.Parse(item["key"]!.GetValue<string>()[1..])]];
            var accept = string.Equals(item["prediction"]?["value"]?["choice"]?.GetValue<string>(), truth, StringComparison.Ordinal);
            return new JsonObject
            {
                ["itemId"] = item["itemId"]!.GetValue<string>(), ["lease"] = item["lease"]!.GetValue<string>(), ["action"] = accept ? "accept" : "correct",
                ["value"] = new JsonObject { ["choice"] = truth }, ["seconds"] = 2,
            };
        }

        private async Task<double> TrueAccuracyAsync(string project)
        {
            var (right, all) = (0, 0);
            using var reader = new StreamReader(await client.GetStreamAsync($"/api/v1/projects/{project}/export?format=jsonl&state=final"));
            while (await reader.ReadLineAsync() is { } line)
            {
                var row = JsonNode.Parse(line)!;
                if (row["key"] is null) continue;
                all++;
                if (string.Equals(row["label"]!["choice"]!.GetValue<string>(), set.Classes[set.Labels[int.Parse(row["key"]!.GetValue<string>()[1..])]], StringComparison.Ordinal)) right++;
            }

            return all == 0 ? 0 : (double)right / all;
        }

        private async Task<JsonNode> PostAsync(string path, JsonNode body)
        {
            using var response = await client.PostAsJsonAsync($"/api/v1/{path}", body);
            var text = await response.Content.ReadAsStringAsync();
            if (!response.IsSuccessStatusCode) throw new InvalidOperationException($"{path}: {(int)response.StatusCode} {text}");
            return JsonNode.Parse(text)!;
        }

        private async Task<JsonNode> GetAsync(string path) => JsonNode.Parse(await client.GetStringAsync($"/api/v1/{path}"))!;
    }
}
