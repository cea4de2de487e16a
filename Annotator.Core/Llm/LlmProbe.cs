using System.Buffers;
using System.Text;
using System.Text.Json;

namespace Annotator.Core.Llm;

/// <summary>What a test of an endpoint found.</summary>
/// <param name="Works">Whether items can be labelled through it, in whichever form.</param>
/// <param name="Structured">Whether it takes a strict JSON schema.</param>
/// <param name="JsonMode">Whether it takes JSON mode; tried only where a schema is not taken.</param>
/// <param name="LogProbabilities">Whether it gives log-probabilities of tokens.</param>
/// <param name="Images">Whether the model takes images.</param>
/// <param name="Batch">Whether it has the Batch API.</param>
/// <param name="Model">The model that answered, by the server's word.</param>
/// <param name="Milliseconds">Time to the first right answer.</param>
/// <param name="Error">What went wrong, without anything the server wrote; null where all is well.</param>
/// <param name="TestedAt">When.</param>
/// <param name="ImagesSeen">Whether it named the colour of the image that it took: servers let images pass to models that do not look at them. Null where it takes none.</param>
public sealed record LlmProbeResult(
    bool Works, bool Structured, bool? JsonMode, bool LogProbabilities, bool Images, bool Batch, string? Model, int? Milliseconds, string? Error, DateTimeOffset TestedAt, bool? ImagesSeen = null);

/// <summary>Finds out what an endpoint understands, by a handful of small requests.</summary>
internal sealed class LlmProbe(LlmEndpoint endpoint, HttpClient http, TimeProvider time)
{
    private const int Tokens = 512;

    // A red square of 64 pixels: some servers refuse pictures that are much smaller.
    private const string Red = "iVBORw0KGgoAAAANSUhEUgAAAEAAAABAAQMAAACQp+OdAAAAA1BMVEXcFB73SBu4AAAAD0lEQVR42mNgGAWjgHwAAAJAAAHgTR1EAAAAAElFTkSuQmCC";

    private static readonly LabellingPrompt s_prompt = new(LlmTask.SingleChoice, [new LlmLabel("fruit", "something that grows on a tree"), new LlmLabel("vehicle", "something that drives")]);
    private static readonly string[] s_reds = ["red", "crimson", "scarlet"];
    private static readonly string[] s_texts = ["a ripe apple"];

    private readonly LlmClient _client = new(endpoint, http, time);

    public async Task<LlmProbeResult> RunAsync(CancellationToken cancellationToken)
    {
        var capabilities = LlmCapabilities.All(endpoint, logProbabilities: true);
        var messages = s_prompt.Render(s_texts, 1);
        LlmCompletion? completion = null;
        ParsedAnswer? answer = null;
        LlmReply reply;
        var clock = 0L;
        for (var steps = 0; ; steps++)
        {
            clock = time.GetTimestamp();
            reply = await _client.SendAsync(_client.Render(s_prompt, messages, capabilities, Tokens, 1), cancellationToken);
            completion = reply.Outcome == LlmCallOutcome.Answered ? LlmCompletion.Parse(reply.Body) : null;
            if (reply.Outcome == LlmCallOutcome.Answered)
            {
                answer = LlmAnswerParser.Parse(completion, s_prompt, s_texts);
                break;
            }

            if (!LlmCapabilities.IsAboutParameters(reply.Status) || steps >= LlmCapabilities.MaximumSteps || capabilities.StepDown(reply.Body.Span) is not { } simpler) break;
            capabilities = simpler;
        }

        var took = (int)time.GetElapsedTime(clock).TotalMilliseconds;
        var now = time.GetUtcNow();
        if (reply.Outcome != LlmCallOutcome.Answered) return new LlmProbeResult(false, false, null, false, false, false, null, null, Say(reply), now);
        var failure = answer!.Outcomes[0].Answer is null ? answer.Outcomes[0].Detail : null;
        var structured = capabilities.Format == AnswerFormat.JsonSchema;
        var (images, seen) = failure is null ? await TakesImagesAsync(capabilities, cancellationToken) : (false, null);
        return new LlmProbeResult(
            failure is null,
            structured && failure is null,
            structured ? null : capabilities.Format == AnswerFormat.JsonObject,
            completion?.Tokens is { Count: > 0 },
            images,
            failure is null && await HasBatchesAsync(cancellationToken),
            completion?.Model,
            took,
            failure is null ? null : $"It answers, but not as asked: {failure}.",
            now,
            seen);
    }

    // A server's own words may hold what it was asked, or what an inner host answered: only its status is told.
    private static string Say(LlmReply reply) => reply switch
    {
        { Status: 401 or 402 or 403 or 404 or 405 or (>= 300 and < 400) } => Sentence(LlmSession.Refusal(reply.Status)),
        { Status: 429 } => "It says that it is asked too often (HTTP 429).",
        { Outcome: LlmCallOutcome.TimedOut } => "It did not answer in time.",
        { Status: { } status } => FormattableString.Invariant($"It does not accept the request (HTTP {status})."),
        _ => "No connection could be made.",
    };

    private static string Sentence(string words) => char.ToUpperInvariant(words[0]) + words[1..] + ".";

    private async Task<(bool Takes, bool? Sees)> TakesImagesAsync(LlmCapabilities capabilities, CancellationToken cancellationToken)
    {
        var buffer = new ArrayBufferWriter<byte>(1024);
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("model", endpoint.Model);
            json.WriteStartArray("messages");
            json.WriteStartObject();
            json.WriteString("role", "user");
            json.WriteStartArray("content");
            json.WriteStartObject();
            json.WriteString("type", "text");
            json.WriteString("text", "Name the colour of the image in one English word.");
            json.WriteEndObject();
            json.WriteStartObject();
            json.WriteString("type", "image_url");
            json.WriteStartObject("image_url");
            json.WriteString("url", "data:image/png;base64," + Red);
            json.WriteEndObject();
            json.WriteEndObject();
            json.WriteEndArray();
            json.WriteEndObject();
            json.WriteEndArray();
            json.WriteNumber(capabilities.Limit == TokenLimit.MaxTokens ? "max_tokens" : "max_completion_tokens", Tokens);
            json.WriteEndObject();
        }

        var reply = await _client.SendAsync(buffer.WrittenSpan.ToArray(), cancellationToken);
        var said = reply.Outcome == LlmCallOutcome.Answered ? LlmCompletion.Parse(reply.Body)?.Content : null;
        return string.IsNullOrWhiteSpace(said) ? (false, null) : (true, s_reds.Any(r => said.Contains(r, StringComparison.OrdinalIgnoreCase)));
    }

    private async Task<bool> HasBatchesAsync(CancellationToken cancellationToken)
    {
        using var timeout = new CancellationTokenSource(endpoint.Timeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, EndpointAddress.Of(endpoint, "/batches?limit=1"));
            EndpointAddress.Sign(request, endpoint);
            using var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, either.Token);
            if (!response.IsSuccessStatusCode) return false;
            var head = new byte[4096];
            await using var stream = await response.Content.ReadAsStreamAsync(either.Token);
            var length = await stream.ReadAtLeastAsync(head, head.Length, throwOnEndOfStream: false, either.Token);
            return Encoding.UTF8.GetString(head, 0, length).Contains("\"data\"", StringComparison.Ordinal);
        }
        catch (Exception e) when (e is HttpRequestException or IOException || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            return false;
        }
    }
}
