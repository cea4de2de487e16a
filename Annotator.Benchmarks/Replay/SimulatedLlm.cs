using System.Text.Json;
using System.Text.Json.Nodes;
using Annotator.Benchmarks.Student;
using Annotator.Core.Quality.Certificate;
using Annotator.Core.Student;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using SplitMix = Annotator.Core.Quality.Certificate.SplitMix;

namespace Annotator.Benchmarks.Replay;

/// <summary>
/// An OpenAI-compatible server on loopback that is right as often as it is told to be, and sure of itself always, or with a confidence that tells right answers from wrong ones
/// as well as it is told to. Its errors are fixed for a text and fall on the three labels whose texts are most alike.
/// </summary>
internal sealed class SimulatedLlm : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly Dictionary<string, (string Label, double Confidence)> _answers;

    private SimulatedLlm(WebApplication app, Dictionary<string, (string Label, double Confidence)> answers) => (_app, _answers) = (app, answers);

    /// <summary>The address for <c>Annotator:Llm:BaseUrl</c>.</summary>
    public string BaseUrl => _app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First() + "/v1";

    /// <summary>Starts it.</summary>
    /// <param name="set">The texts and their right labels.</param>
    /// <param name="accuracy">Share of right answers.</param>
    /// <param name="telling">How far the log-odds of its confidence are apart between right and wrong answers, in standard deviations; 0: it says 0.97 of everything.</param>
    /// <param name="seed">From which its errors follow.</param>
    public static async Task<SimulatedLlm> StartAsync(LabelledTexts set, double accuracy, double telling, ulong seed)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(System.Net.IPAddress.Loopback, 0));
        var app = builder.Build();
        var server = new SimulatedLlm(app, Answers(set, accuracy, telling, seed));
        app.MapPost("/v1/chat/completions", server.AnswerAsync);
        await app.StartAsync();
        return server;
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private static Dictionary<string, (string Label, double Confidence)> Answers(LabelledTexts set, double accuracy, double telling, ulong seed)
    {
        var features = new TextFeatures();
        var rows = new SparseRows();
        features.Append(set.Texts, rows);
        var frequencies = new DocumentFrequencies(features.Options.Buckets);
        frequencies.AddNew(rows);
        var similar = Similar(set, rows, frequencies);
        var random = new SplitMix(seed);
        var sureness = new SplitMix(seed + 1);
        var answers = new Dictionary<string, (string Label, double Confidence)>(StringComparer.Ordinal);
        for (var i = 0; i < set.Texts.Length; i++)
        {
            var near = similar[set.Labels[i]];
            var right = random.NextDouble() < accuracy;
            answers[set.Texts[i]] = (set.Classes[right ? set.Labels[i] : near[random.Next(near.Length)]], telling > 0 ? Confidence(right, telling, ref sureness) : 0.97);
        }

        return answers;
    }

    // Too sure on the whole, in hundredths; by Box and Muller.
    private static double Confidence(bool right, double telling, ref SplitMix random)
    {
        var normal = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
        return Math.Round(Math.Clamp(1 / (1 + Math.Exp(-(3 + normal - (right ? 0 : telling)))), 0.5, 0.99), 2);
    }

    // By the cosine of the classes' mean TF-IDF vectors.
    private static int[][] Similar(LabelledTexts set, SparseRows rows, DocumentFrequencies frequencies)
    {
        var classes = set.Classes.Length;
        var centres = Enumerable.Range(0, classes).Select(_ => new Dictionary<int, double>()).ToArray();
        for (var i = 0; i < rows.Count; i++)
        {
            foreach (var bucket in rows[i]) centres[set.Labels[i]][bucket] = centres[set.Labels[i]].GetValueOrDefault(bucket) + frequencies.Weight(bucket);
        }

        var norms = centres.Select(c => Math.Sqrt(c.Values.Sum(v => v * v)) + 1e-9).ToArray();
        double Cosine(int a, int b) => centres[a].Sum(p => p.Value * centres[b].GetValueOrDefault(p.Key)) / (norms[a] * norms[b]);
        return [.. Enumerable.Range(0, classes).Select(c => Enumerable.Range(0, classes).Where(o => o != c).OrderByDescending(o => Cosine(c, o)).Take(3).ToArray())];
    }

    private async Task AnswerAsync(HttpContext context)
    {
        var request = await JsonSerializer.DeserializeAsync<JsonObject>(context.Request.Body);
        var content = request!["messages"]!.AsArray()[^1]!["content"];
        var text = content is JsonArray parts ? parts[0]!["text"]!.GetValue<string>() : content!.GetValue<string>();
        var results = new JsonArray();
        foreach (var item in JsonNode.Parse(text)!["items"]!.AsArray())
            results.Add(new JsonObject { ["id"] = item!["id"]!.GetValue<string>(), ["label"] = _answers[item["text"]!.GetValue<string>()].Label, ["confidence"] = _answers[item["text"]!.GetValue<string>()].Confidence });
        var answer = new JsonObject
        {
            ["id"] = "simulated",
            ["object"] = "chat.completion",
            ["created"] = 0,
            ["model"] = "simulated",
            ["choices"] = new JsonArray(new JsonObject
            {
                ["index"] = 0, ["finish_reason"] = "stop", ["message"] = new JsonObject { ["role"] = "assistant", ["content"] = new JsonObject { ["results"] = results }.ToJsonString() },
            }),
            ["usage"] = new JsonObject { ["prompt_tokens"] = text.Length / 4, ["completion_tokens"] = results.Count * 12, ["total_tokens"] = (text.Length / 4) + (results.Count * 12) },
        };
        context.Response.ContentType = "application/json";
        await context.Response.WriteAsync(answer.ToJsonString());
    }
}
