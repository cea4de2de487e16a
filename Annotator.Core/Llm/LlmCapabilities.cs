using System.Text;

namespace Annotator.Core.Llm;

/// <summary>How the shape of the answer is asked for.</summary>
internal enum AnswerFormat
{
    /// <summary><c>response_format</c> <c>json_schema</c>, strict.</summary>
    JsonSchema,

    /// <summary><c>response_format</c> <c>json_object</c>.</summary>
    JsonObject,

    /// <summary>By the prompt alone.</summary>
    Text,
}

/// <summary>How the length of the answer is bounded.</summary>
internal enum TokenLimit
{
    /// <summary><c>max_completion_tokens</c>, the present name.</summary>
    MaxCompletionTokens,

    /// <summary><c>max_tokens</c>, which many compatible servers know alone.</summary>
    MaxTokens,
}

/// <summary>What a server understands. Compatible servers differ; each step down is tried once and kept when it helped.</summary>
/// <param name="Format">The shape of the answer.</param>
/// <param name="Limit">The name of the bound.</param>
/// <param name="LogProbabilities">Whether log-probabilities may be asked for.</param>
/// <param name="Temperature">Whether a temperature may be set.</param>
/// <param name="Extras">Whether what only OpenAI's own servers know may be sent: a seed, and that nothing is to be kept.</param>
internal sealed record LlmCapabilities(AnswerFormat Format, TokenLimit Limit, bool LogProbabilities, bool Temperature, bool Extras)
{
    /// <summary>Most steps down there can be.</summary>
    public const int MaximumSteps = 6;

    /// <summary>Whether an answer may mean that a parameter is not known.</summary>
    public static bool IsAboutParameters(int? status) => status is 400 or 415 or 422 or 501;

    /// <summary>What is tried first.</summary>
    public static LlmCapabilities All(LlmEndpoint endpoint, bool logProbabilities) => new(
        AnswerFormat.JsonSchema, TokenLimit.MaxCompletionTokens, logProbabilities, Temperature: true,
        Extras: Uri.TryCreate(endpoint.BaseUrl, UriKind.Absolute, out var address) && address.Host.EndsWith("openai.com", StringComparison.OrdinalIgnoreCase));

    /// <summary>The next thing to try after an answer that may be about parameters; null where nothing is left.</summary>
    /// <param name="error">The body of the error, which mostly names the parameter.</param>
    public LlmCapabilities? StepDown(ReadOnlySpan<byte> error)
    {
        string text = Encoding.UTF8.GetString(error[..Math.Min(error.Length, 4096)]);
        bool Names(string word) => text.Contains(word, StringComparison.OrdinalIgnoreCase);
        if (LogProbabilities && Names("logprobs")) return this with { LogProbabilities = false };
        if (Temperature && Names("temperature")) return this with { Temperature = false };
        if (Extras && (Names("seed") || Names("'store'") || Names("\"store\""))) return this with { Extras = false };
        if (Limit == TokenLimit.MaxCompletionTokens && Names("max_completion_tokens")) return this with { Limit = TokenLimit.MaxTokens };
        if (Format != AnswerFormat.Text && (Names("response_format") || Names("json_schema") || Names("json_object") || Names("schema"))) return this with { Format = Format + 1 };
        // Nothing named: what differs most between servers first.
        if (Format == AnswerFormat.JsonSchema) return this with { Format = AnswerFormat.JsonObject };
        if (LogProbabilities) return this with { LogProbabilities = false };
        if (Limit == TokenLimit.MaxCompletionTokens) return this with { Limit = TokenLimit.MaxTokens };
        if (Format == AnswerFormat.JsonObject) return this with { Format = AnswerFormat.Text };
        if (Temperature) return this with { Temperature = false };
        return Extras ? this with { Extras = false } : null;
    }
}
