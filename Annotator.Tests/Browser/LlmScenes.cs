using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json.Nodes;
using Annotator.Tests.Support;

namespace Annotator.Tests.Browser;

/// <summary>A project whose LLM has a past: versions that were measured, labels that were proposed, people who disagree with it here and there.</summary>
internal static class LlmScenes
{
    private const string Rule = "when a parcel is late, lost or damaged, choose delivery_problem, even if the customer asks where it is";
    private static readonly Dictionary<string, string> s_intents = PageScenes.Messages.DistinctBy(m => m.Text, StringComparer.Ordinal).ToDictionary(m => m.Text, m => m.Intent, StringComparer.Ordinal);

    /// <summary>Starts a server that plays the model: mostly right, drawn to order_status in Korean and to the first label where it is unsure.</summary>
    public static async Task<FakeLlmServer> ServerAsync()
    {
        // How often a text was labelled with the labels that were proposed: what it takes for what must not hang on how the batches happen to be mixed.
        var read = new ConcurrentDictionary<string, int>(StringComparer.Ordinal);
        var server = await FakeLlmServer.StartAsync(request => Answer(request, text => read.AddOrUpdate(text, 1, (_, n) => n + 1)));
        server.Batches.Enabled = true;
        return server;
    }

    /// <summary>Connects the server, and makes a project that has used it.</summary>
    /// <returns>The project, and the newer of its two versions of the prompt.</returns>
    public static async Task<(string Project, int Version)> ProjectAsync(TestApi api, FakeLlmServer llm, int items = 240, int decided = 150)
    {
        string[] names = ["GPT, Frankfurt", "Ollama in the cellar"];
        var provider = "";
        foreach (var name in names)
        {
            var made = await api.SendAsync(HttpMethod.Post, "/api/v1/llm/providers", new JsonObject
            {
                ["name"] = string.Create(CultureInfo.InvariantCulture, $"{name} {Environment.TickCount64 % 1000}"),
                ["apiKey"] = name == names[0] ? "sk-of-the-scene" : null,
                ["settings"] = new JsonObject { ["baseUrl"] = llm.BaseUrl, ["model"] = name == names[0] ? "gpt-4o-mini" : "llama3.1", ["promptPrice"] = 0.15, ["completionPrice"] = 0.6, ["concurrency"] = 8 },
            });
            await api.SendAsync(HttpMethod.Post, $"/api/v1/llm/providers/{(string)made!["id"]!}/test");
            if (provider.Length == 0) provider = (string)made["id"]!;
        }

        var project = await api.CreateProjectAsync(
            "Support messages", PageScenes.Labels, settings: new JsonObject { ["autoAccept"] = false, ["groupDuplicates"] = true, ["llm"] = new JsonObject { ["enabled"] = true, ["provider"] = provider, ["budget"] = 5, ["examples"] = 0, ["checkShare"] = 0.2 } });
        var messages = PageScenes.Messages.DistinctBy(m => m.Text, StringComparer.Ordinal).Take(items).ToList();
        var stored = await api.SendAsync(HttpMethod.Post, $"/api/v1/projects/{project}/items", new JsonObject
        {
            ["items"] = new JsonArray([.. messages.Select((m, i) => new JsonObject { ["key"] = $"t{i}", ["text"] = m.Text, ["metadata"] = new JsonObject { ["channel"] = i % 3 == 0 ? "e-mail" : i % 3 == 1 ? "chat" : "app", ["priority"] = i % 7 == 0 ? "high" : "normal" } })]),
        });
        await Until.HoldsAsync(async () => (long?)(await api.GetAsync($"/api/v1/projects/{project}/metrics"))!["llm"]?["items"] ?? 0, n => n >= items, "the LLM has labelled all");
        var ids = stored!["items"]!.AsArray().Select(i => (string)i!["id"]!).ToList();
        await api.DecideAsync(project, messages.Take(decided).Select((m, i) => (ids[i], m.Intent)));

        await RunAsync(api, project, "measurePrompt", new JsonObject { ["items"] = 120 });
        var version = await api.SendAsync(HttpMethod.Post, $"/api/v1/projects/{project}/prompts", new JsonObject { ["rules"] = new JsonArray(Rule), ["note"] = "Late parcels were taken for questions about orders." });
        var number = (int)version!["version"]!;
        await RunAsync(api, project, "measurePrompt", new JsonObject { ["version"] = number, ["items"] = 120 });
        await RunAsync(api, project, "findRules", []);
        await RunAsync(api, project, "probeLlm", new JsonObject { ["items"] = 60 });
        await RunAsync(api, project, "proposeTaxonomy", new JsonObject { ["sample"] = 120 });
        return (project, number);
    }

    /// <summary>The pages about the LLM.</summary>
    public static IReadOnlyList<(string Name, string Address)> Pages(string project) =>
    [
        ("llm-providers", "/admin/llm"), ("llm-prompts", $"/projects/{project}/llm"), ("llm-labels", $"/projects/{project}/llm/labels"), ("llm-bias", $"/projects/{project}/llm/bias"), ("llm-cost", $"/projects/{project}/llm/cost"),
    ];

    private static async Task RunAsync(TestApi api, string project, string kind, JsonObject options) =>
        await api.EndedAsync((string)(await api.SendAsync(HttpMethod.Post, $"/api/v1/projects/{project}/runs", new JsonObject { ["kind"] = kind, ["options"] = options }))!["id"]!);

    private static FakeLlmReply Answer(FakeLlmRequest request, Func<string, int> times)
    {
        if (request.Json["response_format"]?["json_schema"]?["schema"]?["properties"] is not JsonObject properties) return FakeLlmReply.Content("white");
        var tokens = request.Body.Length / 4;
        if (properties.ContainsKey("results"))
        {
            var system = request.Messages[0].Content;
            var first = request.Labels.MinBy(l => system.IndexOf($"- \"{l}\"", StringComparison.Ordinal))!;
            var knows = system.Contains("when a parcel is late", StringComparison.Ordinal);
            var results = new JsonArray([.. request.Items.Select(i => new JsonObject { ["id"] = i.Id, ["label"] = Label(i.Text, request.Labels, first, knows, times), ["confidence"] = 0.8 + (i.Text.Length % 20 / 100.0) })]);
            return FakeLlmReply.Content(new JsonObject { ["results"] = results }.ToJsonString(), promptTokens: tokens, completionTokens: 20 * request.Items.Count);
        }

        if (properties.ContainsKey("rule")) return FakeLlmReply.Content(new JsonObject { ["rule"] = Rule }.ToJsonString(), promptTokens: tokens, completionTokens: 40);
        if (properties.ContainsKey("labels"))
        {
            (string Name, string Description)[] labels =
            [
                ("order status", "Asks where an order is or when it comes, with nothing wrong so far."), ("delivery trouble", "Reports that a delivery went wrong: late, lost, damaged or not complete."), ("courier problem", "Complains about how a parcel was delivered or left."),
                ("refund", "Wants to return something or to have the money back."), ("payment", "Asks about prices, discounts, invoices or a payment that failed."), ("product question", "Asks what a product is, has or can do."), ("praise", "Says thank you, or that something was good."),
            ];
            return FakeLlmReply.Content(new JsonObject { ["labels"] = new JsonArray([.. labels.Select(l => new JsonObject { ["name"] = l.Name, ["description"] = l.Description })]) }.ToJsonString(), promptTokens: tokens, completionTokens: 260);
        }

        return FakeLlmReply.Content(
            """{"merges":[{"labels":["delivery trouble","courier problem"],"name":"delivery problem","description":"Reports that a delivery went wrong, or how a parcel was delivered or left.","reason":"A late parcel and a careless courier are told in the same messages."}],"splits":[]}""",
            promptTokens: tokens, completionTokens: 80);
    }

    private static string Label(string text, IReadOnlyList<string> labels, string first, bool knows, Func<string, int> times)
    {
        var intent = s_intents.GetValueOrDefault(text, "other");
        var dice = text.Sum(c => c) % 20;
        var korean = text.Any(c => c is >= '가' and <= '힣');
        if (labels.Any(l => l.StartsWith("class-", StringComparison.Ordinal)))
        {
            var place = PageScenes.Labels.Select(l => (string)l!["name"]!).ToList().IndexOf(intent);
            return dice < 3 || place < 0 ? labels[^1] : string.Create(CultureInfo.InvariantCulture, $"class-{place + 1:000}");
        }

        if (!labels.Contains("none of these"))
        {
            if (dice == 0) return first;
            if (intent == "delivery_problem" && !knows && dice < (korean ? 15 : 9) && labels.Contains("order_status")) return "order_status";
            return labels.Contains(intent) ? intent : labels[^1];
        }

        // What is told alike is taken for the one at one time and for the other the next.
        var trouble = dice % 2 == 0 || times(text) % 2 == (dice % 4 == 1 ? 1 : 0) ? "delivery trouble" : "courier problem";
        var proposed = intent switch
        {
            "order_status" => "order status",
            "delivery_problem" => trouble,
            "refund_request" => "refund",
            "payment_issue" => "payment",
            "product_question" => "product question",
            _ => dice < 8 ? "praise" : "none of these",
        };
        return labels.Contains(proposed) ? proposed : "none of these";
    }
}
