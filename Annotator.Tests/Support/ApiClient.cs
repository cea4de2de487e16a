using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Annotator.Tests.Support;

/// <summary>The API over HTTP as a client from outside sees it: paths and JSON, none of the product's types.</summary>
public sealed class ApiClient : IDisposable
{
    private static readonly TimeSpan RunDeadline = TimeSpan.FromSeconds(120);
    private readonly HttpClient _http;

    /// <summary>Makes a client.</summary>
    /// <param name="baseAddress">Address of the program.</param>
    /// <param name="token">Bearer token; null: none.</param>
    public ApiClient(Uri baseAddress, string? token)
    {
        _http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false }) { BaseAddress = baseAddress };
        if (token is not null) _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
    }

    /// <summary>The client underneath, for what the short forms do not say.</summary>
    public HttpClient Http => _http;

    /// <summary>GET.</summary>
    public Task<ApiAnswer> GetAsync(string path, params (string Name, string Value)[] headers) => SendAsync(HttpMethod.Get, path, null, headers);

    /// <summary>POST of a body as JSON; null: without a body.</summary>
    public Task<ApiAnswer> PostAsync(string path, object? body = null, params (string Name, string Value)[] headers) => SendAsync(HttpMethod.Post, path, Json(body), headers);

    /// <summary>PUT of a body as JSON.</summary>
    public Task<ApiAnswer> PutAsync(string path, object? body, params (string Name, string Value)[] headers) => SendAsync(HttpMethod.Put, path, Json(body), headers);

    /// <summary>PATCH of a body as JSON.</summary>
    public Task<ApiAnswer> PatchAsync(string path, object? body, params (string Name, string Value)[] headers) => SendAsync(HttpMethod.Patch, path, Json(body), headers);

    /// <summary>DELETE.</summary>
    public Task<ApiAnswer> DeleteAsync(string path, params (string Name, string Value)[] headers) => SendAsync(HttpMethod.Delete, path, null, headers);

    /// <summary>POST of a raw body.</summary>
    public Task<ApiAnswer> PostRawAsync(string path, string body, string contentType = "application/octet-stream", params (string Name, string Value)[] headers) =>
        SendAsync(HttpMethod.Post, path, new StringContent(body, Encoding.UTF8, MediaTypeHeaderValue.Parse(contentType)), headers);

    /// <summary>Any request.</summary>
    public async Task<ApiAnswer> SendAsync(HttpMethod method, string path, HttpContent? content = null, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(method, path) { Content = content };
        foreach (var (name, value) in headers) request.Headers.TryAddWithoutValidation(name, value);
        using var response = await _http.SendAsync(request);
        return await ApiAnswer.ReadAsync(response);
    }

    /// <summary>Makes a classification project of texts.</summary>
    /// <returns>Its id.</returns>
    public async Task<string> CreateProjectAsync(string name = "A project", string[]? labels = null, object? settings = null)
    {
        var body = new
        {
            name,
            modality = "text",
            task = new { type = "classification", multiple = false, labels = (labels ?? ["yes", "no"]).Select(l => new { name = l }) },
            settings,
        };
        return (await PostAsync("/api/v1/projects", body)).Expect(HttpStatusCode.Created)["id"]!.GetValue<string>();
    }

    /// <summary>Stores texts as items, with the keys <c>prefix0</c>, <c>prefix1</c>, …</summary>
    /// <returns>Their ids, in order.</returns>
    public async Task<IReadOnlyList<string>> AddTextsAsync(string projectId, IEnumerable<string> texts, string prefix = "k")
    {
        var items = texts.Select((t, i) => new { key = string.Create(CultureInfo.InvariantCulture, $"{prefix}{i}"), text = t }).ToList();
        var answer = (await PostAsync($"/api/v1/projects/{projectId}/items", new { items })).Expect(HttpStatusCode.OK);
        return [.. answer["items"]!.AsArray().Select(i => i!["id"]!.GetValue<string>())];
    }

    /// <summary>Waits for the end of a run.</summary>
    /// <returns>The run as it ended.</returns>
    public async Task<JsonNode> WaitRunAsync(string runId)
    {
        var end = TimeProvider.System.GetUtcNow() + RunDeadline;
        while (true)
        {
            var run = (await GetAsync($"/api/v1/runs/{runId}")).Expect(HttpStatusCode.OK);
            if (run["state"]!.GetValue<string>() is "succeeded" or "failed" or "cancelled") return run;
            if (TimeProvider.System.GetUtcNow() > end) throw new TimeoutException($"The run does not end: {run.ToJsonString()}");
            await Task.Delay(50);
        }
    }

    /// <summary>Asks again and again until the answer is as wanted.</summary>
    public async Task<JsonNode> WaitAsync(string path, Func<JsonNode, bool> wanted)
    {
        var end = TimeProvider.System.GetUtcNow() + RunDeadline;
        while (true)
        {
            var answer = (await GetAsync(path)).Expect(HttpStatusCode.OK);
            if (wanted(answer)) return answer;
            if (TimeProvider.System.GetUtcNow() > end) throw new TimeoutException($"It does not come to that: {answer.ToJsonString()}");
            await Task.Delay(50);
        }
    }

    /// <inheritdoc />
    public void Dispose() => _http.Dispose();

    private static StringContent? Json(object? body) => body is null
        ? null
        : new StringContent(body as string ?? JsonSerializer.Serialize(body, JsonSerializerOptions.Web), Encoding.UTF8, "application/json");
}

/// <summary>An answer of the API.</summary>
/// <param name="Status">Status.</param>
/// <param name="Text">Body as text.</param>
/// <param name="ContentType">Media type; null without a body.</param>
/// <param name="Headers">All headers.</param>
public sealed record ApiAnswer(HttpStatusCode Status, string Text, string? ContentType, IReadOnlyDictionary<string, string> Headers)
{
    /// <summary>The body as JSON.</summary>
    public JsonNode Json => JsonNode.Parse(Text) ?? throw new InvalidOperationException("The answer is null.");

    /// <summary>The <c>Location</c> header.</summary>
    public string? Location => Headers.GetValueOrDefault("Location");

    /// <summary>The body, where the status is the expected one.</summary>
    public JsonNode Expect(HttpStatusCode status)
    {
        Assert.True(status == Status, $"Expected {(int)status}, got {(int)Status}: {Text}");
        return Text.Length == 0 ? new JsonObject() : Json;
    }

    /// <summary>Asserts that the answer is problem details of a status, with all that RFC 9457 and the contract ask.</summary>
    /// <param name="status">The status.</param>
    /// <param name="field">The field that <c>errors</c> must name; null: none is asked for.</param>
    /// <returns>The problem.</returns>
    public JsonNode ExpectProblem(HttpStatusCode status, string? field = null)
    {
        Assert.True(status == Status, $"Expected {(int)status}, got {(int)Status}: {Text}");
        Assert.Equal("application/problem+json", ContentType);
        var problem = Json;
        Assert.False(string.IsNullOrWhiteSpace(problem["title"]?.GetValue<string>()));
        Assert.False(string.IsNullOrWhiteSpace(problem["detail"]?.GetValue<string>()));
        Assert.Equal((int)status, problem["status"]!.GetValue<int>());
        if (field is not null)
        {
            var errors = problem["errors"]?.AsObject() ?? throw new Xunit.Sdk.XunitException($"No errors in {Text}");
            Assert.True(errors.ContainsKey(field), $"'{field}' is not named in {Text}");
            Assert.NotEmpty(errors[field]!.AsArray());
        }

        return problem;
    }

    internal static async Task<ApiAnswer> ReadAsync(HttpResponseMessage response)
    {
        var headers = response.Headers.Concat(response.Content.Headers).ToDictionary(h => h.Key, h => string.Join(", ", h.Value), StringComparer.OrdinalIgnoreCase);
        return new ApiAnswer(response.StatusCode, await response.Content.ReadAsStringAsync(), response.Content.Headers.ContentType?.MediaType, headers);
    }
}
