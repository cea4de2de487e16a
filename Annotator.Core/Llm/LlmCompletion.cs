using System.Text;
using System.Text.Json;

namespace Annotator.Core.Llm;

/// <summary>A token of an answer with its log-probability.</summary>
/// <param name="Length">Bytes of UTF-8 that it stands for.</param>
/// <param name="LogProbability">Natural logarithm of its probability.</param>
internal readonly record struct LlmToken(int Length, double LogProbability);

/// <summary>
/// What is used of a chat completion. It is read leniently, for servers differ in what they leave out; only what the answer itself
/// says is judged strictly, by <see cref="LlmAnswerParser"/>.
/// </summary>
/// <param name="Content">The text of the first choice; null where there is none.</param>
/// <param name="FinishReason">Why it ended; null where that is not said.</param>
/// <param name="IsRefused">Whether the model, or a filter, refused.</param>
/// <param name="PromptTokens">Tokens of the prompt by the server's count; null where that is not said.</param>
/// <param name="CompletionTokens">Tokens of the answer by the server's count; null where that is not said.</param>
/// <param name="Model">The model that answered, by its own name.</param>
/// <param name="Tokens">The tokens with log-probabilities; null where there are none.</param>
internal sealed record LlmCompletion(
    string? Content, string? FinishReason, bool IsRefused, long? PromptTokens, long? CompletionTokens, string? Model, IReadOnlyList<LlmToken>? Tokens)
{
    /// <summary>Reads a completion; null where the body is no JSON object.</summary>
    public static LlmCompletion? Parse(ReadOnlyMemory<byte> body)
    {
        try
        {
            using var document = JsonDocument.Parse(body);
            var root = document.RootElement;
            if (root.ValueKind != JsonValueKind.Object) return null;
            var choice = Get(root, "choices") is { ValueKind: JsonValueKind.Array } choices && choices.GetArrayLength() > 0 ? choices[0] : default;
            var message = Get(choice, "message");
            var usage = Get(root, "usage");
            string? finish = Text(Get(choice, "finish_reason"));
            bool refused = Text(Get(message, "refusal")) is { Length: > 0 } || finish is "content_filter";
            return new LlmCompletion(
                ReadContent(Get(message, "content")), finish, refused, Count(Get(usage, "prompt_tokens")), Count(Get(usage, "completion_tokens")),
                Text(Get(root, "model")), ReadTokens(Get(Get(choice, "logprobs"), "content")));
        }
        catch (JsonException)
        {
            return null;
        }
        catch (InvalidOperationException)
        {
            // Half a surrogate pair in a string.
            return null;
        }
    }

    private static JsonElement Get(JsonElement parent, string name) =>
        parent.ValueKind == JsonValueKind.Object && parent.TryGetProperty(name, out var value) ? value : default;

    private static string? Text(JsonElement element) => element.ValueKind == JsonValueKind.String ? element.GetString() : null;

    private static long? Count(JsonElement element) =>
        element.ValueKind == JsonValueKind.Number && element.TryGetInt64(out long count) && count is >= 0 and < int.MaxValue ? count : null;

    // Some servers answer a list of parts, like the parts of a request.
    private static string? ReadContent(JsonElement element)
    {
        if (element.ValueKind != JsonValueKind.Array) return Text(element);
        var text = new StringBuilder();
        foreach (var part in element.EnumerateArray()) text.Append(Text(Get(part, "text")));
        return text.ToString();
    }

    private static List<LlmToken>? ReadTokens(JsonElement element)
    {
        if (element.ValueKind != JsonValueKind.Array) return null;
        var tokens = new List<LlmToken>(element.GetArrayLength());
        foreach (var entry in element.EnumerateArray())
        {
            var number = Get(entry, "logprob");
            if (number.ValueKind != JsonValueKind.Number || !number.TryGetDouble(out double logProbability)) return null;
            // bytes where given: a token can be a part of a character, which no string can hold.
            var bytes = Get(entry, "bytes");
            int length = bytes.ValueKind == JsonValueKind.Array ? bytes.GetArrayLength() : Text(Get(entry, "token")) is { } token ? Encoding.UTF8.GetByteCount(token) : 0;
            tokens.Add(new LlmToken(length, Math.Min(0, logProbability)));
        }
        return tokens;
    }
}
