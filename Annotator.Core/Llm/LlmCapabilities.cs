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
internal sealed record LlmCapabilities(AnswerFormat Format, TokenLimit Limit, bool LogProbabilities, bool Temperature)
{
    /// <summary>Most steps down there can be.</summary>
    public const int MaximumSteps = 5;

    /// <summary>The next thing to try after a 400 or 422; null where nothing is left.</summary>
    /// <param name="error">The body of the error, which mostly names the parameter.</param>
    public LlmCapabilities? StepDown(ReadOnlySpan<byte> error)
    {
        string text = Encoding.UTF8.GetString(error[..Math.Min(error.Length, 4096)]);
        bool Names(string word) => text.Contains(word, StringComparison.OrdinalIgnoreCase);
        if (LogProbabilities && Names("logprobs")) return this with { LogProbabilities = false };
        if (Temperature && Names("temperature")) return this with { Temperature = false };
        if (Limit == TokenLimit.MaxCompletionTokens && Names("max_completion_tokens")) return this with { Limit = TokenLimit.MaxTokens };
        if (Format != AnswerFormat.Text && (Names("response_format") || Names("json_schema") || Names("json_object") || Names("schema"))) return this with { Format = Format + 1 };
        // Nothing named: what differs most between servers first.
        if (Format == AnswerFormat.JsonSchema) return this with { Format = AnswerFormat.JsonObject };
        if (LogProbabilities) return this with { LogProbabilities = false };
        if (Limit == TokenLimit.MaxCompletionTokens) return this with { Limit = TokenLimit.MaxTokens };
        if (Format == AnswerFormat.JsonObject) return this with { Format = AnswerFormat.Text };
        return Temperature ? this with { Temperature = false } : null;
    }
}
