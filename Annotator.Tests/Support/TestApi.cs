using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json.Nodes;

namespace Annotator.Tests.Support;

/// <summary>The public API as a client uses it: what a test needs around what it is about.</summary>
public sealed class TestApi : IDisposable
{
    private readonly HttpClient _http;

    /// <summary>A client with a token.</summary>
    public TestApi(Uri address, string token = InProcessServer.AdminToken)
    {
        _http = new HttpClient { BaseAddress = address };
        _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
    }

    /// <summary>Sends a request and answers its JSON.</summary>
    /// <exception cref="HttpRequestException">The answer was no success; its message holds what it was.</exception>
    public async Task<JsonNode?> SendAsync(HttpMethod method, string path, JsonNode? body = null)
    {
        using var request = new HttpRequestMessage(method, path) { Content = body is null ? null : JsonContent.Create(body) };
        using var response = await _http.SendAsync(request, TestContext.Current.CancellationToken);
        var text = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        if (!response.IsSuccessStatusCode) throw new HttpRequestException($"{method} {path}: {(int)response.StatusCode} {text}", null, response.StatusCode);
        return text.Length == 0 ? null : JsonNode.Parse(text);
    }

    /// <summary>Reads JSON.</summary>
    public Task<JsonNode?> GetAsync(string path) => SendAsync(HttpMethod.Get, path);

    /// <summary>Makes a classification of texts.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="labels">Labels; the first nine get the digits as keys.</param>
    /// <param name="multiple">Whether several labels may apply.</param>
    /// <param name="guidelines">Guidelines, Markdown.</param>
    /// <param name="settings">Settings that differ from the default.</param>
    /// <returns>The project's id.</returns>
    public async Task<string> CreateProjectAsync(string name, IReadOnlyList<string> labels, bool multiple = false, string? guidelines = null, JsonObject? settings = null)
    {
        var definitions = labels.Select((l, i) => (JsonNode)new JsonObject { ["name"] = l, ["key"] = i < 9 ? $"{i + 1}" : null });
        return await CreateProjectAsync(name, new JsonArray([.. definitions]), multiple, guidelines, settings);
    }

    /// <summary>Makes a project on texts with labels given in full.</summary>
    public async Task<string> CreateProjectAsync(string name, JsonArray labels, bool multiple = false, string? guidelines = null, JsonObject? settings = null, string type = "classification")
    {
        var made = await SendAsync(HttpMethod.Post, "/api/v1/projects", new JsonObject
        {
            ["name"] = name,
            ["modality"] = "text",
            ["task"] = new JsonObject { ["type"] = type, ["multiple"] = multiple, ["labels"] = labels },
            ["guidelines"] = guidelines,
            ["settings"] = settings ?? new JsonObject { ["autoAccept"] = false },
        });
        return (string)made!["id"]!;
    }

    /// <summary>Adds texts; their keys are <c>t1</c>, <c>t2</c>, … from <paramref name="first"/>.</summary>
    /// <returns>The items' ids.</returns>
    public async Task<IReadOnlyList<string>> AddAsync(string project, IEnumerable<string> texts, int first = 1)
    {
        var ids = new List<string>();
        foreach (var part in texts.Select((text, i) => new JsonObject { ["key"] = $"t{first + i}", ["text"] = text }).Chunk(1_000))
        {
            var added = await SendAsync(HttpMethod.Post, $"/api/v1/projects/{project}/items", new JsonObject { ["items"] = new JsonArray([.. part]) });
            ids.AddRange(added!["items"]!.AsArray().Select(i => (string)i!["id"]!));
        }

        return ids;
    }

    /// <summary>Imports rows of CSV and waits until the run has ended well.</summary>
    /// <param name="project">The project.</param>
    /// <param name="csv">The file, with a header.</param>
    /// <param name="columns">The columns' meaning, e.g. <c>text=text&amp;label=category</c>.</param>
    public async Task ImportAsync(string project, string csv, string columns)
    {
        using var content = new StringContent(csv, Encoding.UTF8, "text/csv");
        using var response = await _http.PostAsync($"/api/v1/projects/{project}/imports?format=csv&{columns}", content, TestContext.Current.CancellationToken);
        response.EnsureSuccessStatusCode();
        var run = JsonNode.Parse(await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken))!;
        await EndedAsync((string)run["id"]!);
    }

    /// <summary>Waits for a run to succeed.</summary>
    public Task<JsonNode?> EndedAsync(string run) => Until.HoldsAsync(
        () => GetAsync($"/api/v1/runs/{run}"),
        r => (string?)r!["state"] switch { "succeeded" => true, "failed" or "cancelled" => throw new InvalidOperationException($"The run did not succeed: {r}"), _ => false },
        $"run {run} has succeeded");

    /// <summary>Waits until so many items wait for people.</summary>
    public Task QueuedAsync(string project, int atLeast) => Until.HoldsAsync(
        async () => (int)(await GetAsync($"/api/v1/projects/{project}/queue"))!["open"]!, open => open >= atLeast, $"{atLeast} items wait for people");

    /// <summary>Leases items for the token's owner.</summary>
    public async Task<JsonArray> LeaseAsync(string project, int count) =>
        (await SendAsync(HttpMethod.Post, $"/api/v1/projects/{project}/queue/lease", new JsonObject { ["count"] = count }))!["items"]!.AsArray();

    /// <summary>Decides items with a label, as the token's owner and without a lease where none is named.</summary>
    public async Task<JsonArray> DecideAsync(string project, IEnumerable<(string Item, string Label)> decisions) =>
        (await SendAsync(HttpMethod.Post, $"/api/v1/projects/{project}/decisions", new JsonObject
        {
            ["decisions"] = new JsonArray([.. decisions.Select(d => (JsonNode)new JsonObject
            {
                ["itemId"] = d.Item,
                ["action"] = "correct",
                ["value"] = new JsonObject { ["choice"] = d.Label },
            })]),
        }))!["results"]!.AsArray();

    /// <summary>Reads an item with its annotations and history.</summary>
    public Task<JsonNode?> ItemAsync(string project, string item) => GetAsync($"/api/v1/projects/{project}/items/{item}");

    /// <summary>Closes the connections.</summary>
    public void Dispose() => _http.Dispose();
}
