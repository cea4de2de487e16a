using System.Globalization;
using System.Net.Http.Headers;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Annotator.Core.Llm.Batches;

/// <summary>Where a batch stands at its server.</summary>
/// <param name="Id">Its id there.</param>
/// <param name="Status">The server's word for it.</param>
/// <param name="OutputFile">File of the answers; null where there is none.</param>
/// <param name="ErrorFile">File of the requests that failed; null where there is none.</param>
/// <param name="Error">Code of the first error of the batch as a whole; null without one.</param>
internal sealed record BatchState(string Id, string Status, string? OutputFile, string? ErrorFile, string? Error)
{
    /// <summary>Whether nothing more will come.</summary>
    public bool HasEnded => Status is "completed" or "failed" or "expired" or "cancelled";
}

/// <summary>One line of a batch's answers.</summary>
/// <param name="CustomId">The name of the request.</param>
/// <param name="Status">HTTP status of its answer; 0 where it got none.</param>
/// <param name="Body">The answer.</param>
internal sealed record BatchLine(string CustomId, int Status, ReadOnlyMemory<byte> Body);

/// <summary>The server did not do what was asked.</summary>
internal sealed class BatchException(string message) : Exception(message);

/// <summary>The files and batches of the OpenAI protocol: requests go as one file, answers come as another within a day, at half the price.</summary>
internal sealed class LlmBatchClient(LlmEndpoint endpoint, HttpClient http)
{
    // Answers of a batch are some hundred bytes each; a server that sends more than this sends something else.
    private const long LargestLine = 8 << 20;

    /// <summary>Name of the answer's call in a batch's metadata: by it a batch is found again that was made just before the process died.</summary>
    private const string MarkKey = "annotator";

    /// <summary>Uploads requests.</summary>
    /// <returns>The file's id.</returns>
    public async Task<string> UploadAsync(ReadOnlyMemory<byte> lines, CancellationToken cancellationToken)
    {
        using var content = new MultipartFormDataContent { { new StringContent("batch"), "purpose" } };
        using var file = new ReadOnlyMemoryContent(lines);
        file.Headers.ContentType = new MediaTypeHeaderValue("application/jsonl");
        content.Add(file, "file", "requests.jsonl");
        var answer = await SendAsync(HttpMethod.Post, "/files", content, cancellationToken);
        return Text(answer, "id") ?? throw new BatchException("The server named no file.");
    }

    /// <summary>Makes a batch of an uploaded file.</summary>
    /// <param name="file">The file.</param>
    /// <param name="mark">By which it can be found again.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public async Task<BatchState> CreateAsync(string file, string mark, CancellationToken cancellationToken)
    {
        var body = new JsonObject { ["input_file_id"] = file, ["endpoint"] = "/v1/chat/completions", ["completion_window"] = "24h", ["metadata"] = new JsonObject { [MarkKey] = mark } };
        using var content = new StringContent(body.ToJsonString(), Encoding.UTF8, "application/json");
        return State(await SendAsync(HttpMethod.Post, "/batches", content, cancellationToken));
    }

    /// <summary>Finds a batch by its mark among the newest hundred; null where there is none.</summary>
    public async Task<BatchState?> FindAsync(string mark, CancellationToken cancellationToken)
    {
        var answer = await SendAsync(HttpMethod.Get, "/batches?limit=100", null, cancellationToken);
        return answer.TryGetProperty("data", out var list) && list.ValueKind == JsonValueKind.Array
            ? list.EnumerateArray().Where(b => b.TryGetProperty("metadata", out var m) && string.Equals(Text(m, MarkKey), mark, StringComparison.Ordinal)).Select(State).FirstOrDefault()
            : null;
    }

    /// <summary>Where a batch stands.</summary>
    public async Task<BatchState> GetAsync(string batch, CancellationToken cancellationToken) => State(await SendAsync(HttpMethod.Get, "/batches/" + Uri.EscapeDataString(batch), null, cancellationToken));

    /// <summary>Asks for a batch to end; what is answered by then stays.</summary>
    public Task CancelAsync(string batch, CancellationToken cancellationToken) => SendAsync(HttpMethod.Post, $"/batches/{Uri.EscapeDataString(batch)}/cancel", null, cancellationToken);

    /// <summary>Removes a file: what was sent is not left lying at the provider.</summary>
    public Task DeleteAsync(string file, CancellationToken cancellationToken) => SendAsync(HttpMethod.Delete, "/files/" + Uri.EscapeDataString(file), null, cancellationToken);

    /// <summary>Reads the lines of a file of answers or errors; a line that is no JSON object is passed over.</summary>
    public async IAsyncEnumerable<BatchLine> ReadAsync(string file, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var request = Request(HttpMethod.Get, $"/files/{Uri.EscapeDataString(file)}/content", null);
        using var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
        if (!response.IsSuccessStatusCode) throw new BatchException(FormattableString.Invariant($"The server did not give the answers (HTTP {(int)response.StatusCode})."));
        await using var stream = await response.Content.ReadAsStreamAsync(cancellationToken);
        using var reader = new StreamReader(stream, Encoding.UTF8);
        while (await reader.ReadLineAsync(cancellationToken) is { } line)
        {
            if (line.Length > LargestLine) throw new BatchException("The server's answers are far longer than they could be.");
            if (Read(line) is { } read) yield return read;
        }
    }

    private static BatchLine? Read(string line)
    {
        try
        {
            using var document = JsonDocument.Parse(line);
            var root = document.RootElement;
            if (root.ValueKind != JsonValueKind.Object || Text(root, "custom_id") is not { } id) return null;
            if (!root.TryGetProperty("response", out var response) || response.ValueKind != JsonValueKind.Object) return new BatchLine(id, 0, default);
            var status = response.TryGetProperty("status_code", out var code) && code.ValueKind == JsonValueKind.Number && code.TryGetInt32(out var number) ? number : 0;
            return new BatchLine(id, status, response.TryGetProperty("body", out var body) ? Encoding.UTF8.GetBytes(body.GetRawText()) : default(ReadOnlyMemory<byte>));
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return null;
        }
    }

    private HttpRequestMessage Request(HttpMethod method, string path, HttpContent? content)
    {
        var request = new HttpRequestMessage(method, EndpointAddress.Of(endpoint, path)) { Content = content };
        EndpointAddress.Sign(request, endpoint);
        return request;
    }

    // A server's own words may hold what an inner host answered: only its status is told.
    private async Task<JsonElement> SendAsync(HttpMethod method, string path, HttpContent? content, CancellationToken cancellationToken)
    {
        using var timeout = new CancellationTokenSource(TimeSpan.FromMinutes(10));
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
        try
        {
            using var request = Request(method, path, content);
            using var response = await http.SendAsync(request, HttpCompletionOption.ResponseContentRead, either.Token);
            if (!response.IsSuccessStatusCode) throw new BatchException(string.Create(CultureInfo.InvariantCulture, $"The server did not accept {method} {path.Split('?')[0]} (HTTP {(int)response.StatusCode})."));
            using var document = JsonDocument.Parse(await response.Content.ReadAsByteArrayAsync(either.Token));
            return document.RootElement.Clone();
        }
        catch (Exception e) when (e is HttpRequestException or IOException or JsonException || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            throw new BatchException($"The server could not be asked for {method} {path.Split('?')[0]}.");
        }
    }

    private static BatchState State(JsonElement batch) => new(
        Text(batch, "id") ?? throw new BatchException("The server named no batch."),
        Text(batch, "status") ?? "",
        Text(batch, "output_file_id"),
        Text(batch, "error_file_id"),
        batch.TryGetProperty("errors", out var errors) && errors.ValueKind == JsonValueKind.Object && errors.TryGetProperty("data", out var list) && list.ValueKind == JsonValueKind.Array && list.GetArrayLength() > 0 ? Text(list[0], "code") : null);

    private static string? Text(JsonElement parent, string name) =>
        parent.ValueKind == JsonValueKind.Object && parent.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}
