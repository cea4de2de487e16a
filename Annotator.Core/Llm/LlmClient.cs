using System.Buffers;
using System.ClientModel;
using System.ClientModel.Primitives;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using OpenAI;
using OpenAI.Chat;

namespace Annotator.Core.Llm;

/// <summary>What came back from one request.</summary>
/// <param name="Outcome">How it ended; <see cref="LlmCallOutcome.Answered"/> for every 2xx with a complete body.</param>
/// <param name="Status">HTTP status; null where none came.</param>
/// <param name="Body">The body, as far as it came.</param>
/// <param name="RetryAfter">How long the server wants to be left alone.</param>
internal sealed record LlmReply(LlmCallOutcome Outcome, int? Status, ReadOnlyMemory<byte> Body, TimeSpan? RetryAfter);

/// <summary>
/// Sends one request through the OpenAI SDK and says how it ended. The SDK's own retries and time-out are off: those of
/// <see cref="LlmLabeller"/> are the only ones, so that what is sent can be counted.
/// </summary>
internal sealed class LlmClient
{
    // No honest answer is longer; what a broken server sends beyond it is not read.
    private const int MaximumBody = 8 << 20;
    private static readonly JsonWriterOptions s_readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly LlmEndpoint _endpoint;
    private readonly TimeProvider _time;
    private readonly ChatClient _chat;
    private readonly EndpointAddressPolicy _address;

    public LlmClient(LlmEndpoint endpoint, HttpClient http, TimeProvider time)
    {
        _endpoint = endpoint;
        _time = time;
        _address = new EndpointAddressPolicy(endpoint);
        var options = new OpenAIClientOptions
        {
            Endpoint = new Uri(endpoint.BaseUrl),
            RetryPolicy = new ClientRetryPolicy(maxRetries: 0),
            NetworkTimeout = System.Threading.Timeout.InfiniteTimeSpan,
            Transport = new HttpClientPipelineTransport(http),
        };
        options.AddPolicy(_address, PipelinePosition.BeforeTransport);

        // The SDK insists on a key; servers that want none do not look at it.
        _chat = new ChatClient(endpoint.Model, new ApiKeyCredential(string.IsNullOrEmpty(endpoint.ApiKey) ? "none" : endpoint.ApiKey), options);
    }

    /// <summary>The body of a request for labels.</summary>
    public byte[] Render(LabellingPrompt prompt, IReadOnlyList<LlmMessage> messages, LlmCapabilities capabilities, int completionTokens, int seed, double temperature = 0) =>
        Render("labels", prompt.Schema, messages, capabilities, completionTokens, seed, temperature);

    /// <summary>The body of a request.</summary>
    public byte[] Render(string schemaName, ReadOnlyMemory<byte> schema, IReadOnlyList<LlmMessage> messages, LlmCapabilities capabilities, int completionTokens, int seed, double temperature = 0)
    {
        var buffer = new ArrayBufferWriter<byte>(4096);
        using (var json = new Utf8JsonWriter(buffer, s_readable))
        {
            json.WriteStartObject();
            json.WriteString("model", _endpoint.Model);
            json.WriteStartArray("messages");
            foreach (var message in messages)
            {
                json.WriteStartObject();
                json.WriteString("role", message.Role);
                WriteContent(json, message);
                json.WriteEndObject();
            }
            json.WriteEndArray();
            WriteFormat(json, schemaName, schema, capabilities.Format);
            json.WriteNumber(capabilities.Limit == TokenLimit.MaxTokens ? "max_tokens" : "max_completion_tokens", completionTokens);
            if (capabilities.Temperature) json.WriteNumber("temperature", temperature);
            if (capabilities.LogProbabilities) json.WriteBoolean("logprobs", true);
            if (capabilities.Extras)
            {
                // Nothing is to be kept at the provider; others do not know the parameter.
                json.WriteBoolean("store", false);
                json.WriteNumber("seed", seed);
            }
            json.WriteEndObject();
        }
        return buffer.WrittenSpan.ToArray();
    }

    /// <summary>Sends a request and reads its whole answer within the endpoint's time-out.</summary>
    /// <exception cref="OperationCanceledException">The caller cancelled.</exception>
    public async Task<LlmReply> SendAsync(byte[] body, CancellationToken cancellationToken)
    {
        var reply = await SendOnceAsync(body, cancellationToken);
        if (reply.Status is not (404 or 405) || !_address.HasOther) return reply;
        _address.Use(other: true);
        var second = await SendOnceAsync(body, cancellationToken);
        if (second.Status is not (404 or 405)) return second;
        _address.Use(other: false);
        return reply;
    }

    private async Task<LlmReply> SendOnceAsync(byte[] body, CancellationToken cancellationToken)
    {
        using var timeout = new CancellationTokenSource(_endpoint.Timeout, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
        int? status = null;
        try
        {
            using var content = BinaryContent.Create(BinaryData.FromBytes(body));
            var request = new RequestOptions { CancellationToken = either.Token, ErrorOptions = ClientErrorBehaviors.NoThrow, BufferResponse = false };
            var result = await _chat.CompleteChatAsync(content, request);
            using var response = result.GetRawResponse();
            status = response.Status;
            var read = await ReadAsync(response.ContentStream, either.Token);
            var outcome = status switch
            {
                >= 200 and < 300 => LlmCallOutcome.Answered,
                429 => LlmCallOutcome.RateLimited,
                408 or >= 500 => LlmCallOutcome.ServerError,
                _ => LlmCallOutcome.Rejected,
            };
            return new LlmReply(outcome, status, read, RetryAfter(response.Headers));
        }
        catch (Exception) when (cancellationToken.IsCancellationRequested)
        {
            throw new OperationCanceledException(cancellationToken);
        }
        catch (Exception) when (timeout.IsCancellationRequested)
        {
            return new LlmReply(LlmCallOutcome.TimedOut, status, default, null);
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            // Connections and broken answers fail in a dozen ways, and a guarded HTTP client in its own: none of them is the run's failure.
            return new LlmReply(LlmCallOutcome.ConnectionFailed, status, default, null);
        }
    }

    private static async Task<ReadOnlyMemory<byte>> ReadAsync(Stream? stream, CancellationToken cancellationToken)
    {
        if (stream is null) return default;
        var buffer = new ArrayBufferWriter<byte>(8192);
        while (buffer.WrittenCount < MaximumBody)
        {
            int read = await stream.ReadAsync(buffer.GetMemory(8192), cancellationToken);
            if (read == 0) break;
            buffer.Advance(read);
        }
        return buffer.WrittenMemory;
    }

    // Retry-After in seconds or as a date (RFC 9110, 10.2.3); OpenAI's servers also send milliseconds.
    private TimeSpan? RetryAfter(PipelineResponseHeaders headers)
    {
        if (headers.TryGetValue("retry-after-ms", out string? text) && Number(text) is { } milliseconds) return TimeSpan.FromMilliseconds(milliseconds);
        if (!headers.TryGetValue("Retry-After", out text) || text is null) return null;
        if (Number(text) is { } seconds) return TimeSpan.FromSeconds(seconds);
        if (!DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var date)) return null;
        var wait = date - _time.GetUtcNow();
        return wait > TimeSpan.Zero ? wait : TimeSpan.Zero;
    }

    private static double? Number(string? text) =>
        double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double number) && number is >= 0 and < 1e9 ? number : null;

    // A message of text alone stays a string: that is the form which every server knows.
    private static void WriteContent(Utf8JsonWriter json, LlmMessage message)
    {
        if (message.Images is not { Count: > 0 } images)
        {
            json.WriteString("content", message.Content);
            return;
        }

        json.WriteStartArray("content");
        json.WriteStartObject();
        json.WriteString("type", "text");
        json.WriteString("text", message.Content);
        json.WriteEndObject();
        foreach (var image in images)
        {
            json.WriteStartObject();
            json.WriteString("type", "image_url");
            json.WriteStartObject("image_url");
            json.WriteString("url", $"data:{image.ContentType};base64,{Convert.ToBase64String(image.Bytes.Span)}");
            json.WriteEndObject();
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void WriteFormat(Utf8JsonWriter json, string schemaName, ReadOnlyMemory<byte> schema, AnswerFormat format)
    {
        if (format == AnswerFormat.Text) return;
        json.WriteStartObject("response_format");
        json.WriteString("type", format == AnswerFormat.JsonSchema ? "json_schema" : "json_object");
        if (format == AnswerFormat.JsonSchema)
        {
            json.WriteStartObject("json_schema");
            json.WriteString("name", schemaName);
            json.WriteBoolean("strict", true);
            json.WritePropertyName("schema");
            json.WriteRawValue(schema.Span);
            json.WriteEndObject();
        }
        json.WriteEndObject();
    }

    /// <summary>
    /// Size of a prompt in bytes, the frames of its messages and the schema (which servers count too) included: a bound on its tokens,
    /// for no tokenizer makes more tokens than bytes. A picture counts as the most tokens that it may be taken for.
    /// </summary>
    public static long PromptBytes(ReadOnlyMemory<byte> schema, IReadOnlyList<LlmMessage> messages) =>
        messages.Sum(m => (long)Encoding.UTF8.GetByteCount(m.Content) + 8 + (m.Images?.Sum(i => i.Weight) ?? 0)) + schema.Length;
}
