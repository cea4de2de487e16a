using System.ComponentModel.DataAnnotations;

namespace Annotator.Core.Llm;

/// <summary>The default OpenAI-compatible provider; section <c>Annotator:Llm</c>. Without an address there is no LLM stage.</summary>
public sealed class LlmProviderOptions : IValidatableObject
{
    /// <summary>Base address, such as <c>https://api.openai.com/v1</c>.</summary>
    public string? BaseUrl { get; set; }

    /// <summary>Key; not needed by local servers.</summary>
    public string? ApiKey { get; set; }

    /// <summary>Name of the model.</summary>
    public string? Model { get; set; }

    /// <summary>Requests at a time.</summary>
    /// <value>Default 4; 1 to 256.</value>
    [Range(1, 256)]
    public int Concurrency { get; set; } = 4;

    /// <summary>Seconds after which a request counts as failed.</summary>
    /// <value>Default 60; 1 to 3,600.</value>
    [Range(1, 3600)]
    public int TimeoutSeconds { get; set; } = 60;

    /// <summary>How often a request is tried in all.</summary>
    /// <value>Default 4; 1 to 10.</value>
    [Range(1, 10)]
    public int MaximumAttempts { get; set; } = 4;

    /// <summary>Seconds for which the server may answer nothing but 429 before it is not asked again in a run.</summary>
    /// <value>Default 60; 1 to 3,600.</value>
    [Range(1, 3600)]
    public int RateLimitPatienceSeconds { get; set; } = 60;

    /// <summary>Requests a minute; null: no limit.</summary>
    public int? RequestsPerMinute { get; set; }

    /// <summary>Tokens a minute; null: no limit.</summary>
    public int? TokensPerMinute { get; set; }

    /// <summary>Price of a million tokens of the request.</summary>
    [Range(0, 100_000)]
    public double PromptPrice { get; set; }

    /// <summary>Price of a million tokens of the answer.</summary>
    [Range(0, 100_000)]
    public double CompletionPrice { get; set; }

    /// <summary>Days for which an answer is given again to the same text under the same prompt, instead of asking for it; 0: never.</summary>
    /// <value>Default 7; 0 to 365.</value>
    [Range(0, 365)]
    public int CacheDays { get; set; } = 7;

    /// <summary>Whether addresses of this machine and of private networks may be asked, as local models need it.</summary>
    /// <value>Default true.</value>
    public bool AllowPrivateAddresses { get; set; } = true;

    /// <summary>Whether a provider is configured.</summary>
    public bool IsConfigured => !string.IsNullOrWhiteSpace(BaseUrl);

    /// <inheritdoc />
    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (!IsConfigured) yield break;
        foreach (var error in ToEndpoint().Validate()) yield return new ValidationResult(error, []);
    }

    internal LlmProviderSettings ToSettings() => new()
    {
        BaseUrl = BaseUrl ?? "",
        Model = Model ?? "",
        Concurrency = Concurrency,
        TimeoutSeconds = TimeoutSeconds,
        MaximumAttempts = MaximumAttempts,
        RequestsPerMinute = RequestsPerMinute,
        TokensPerMinute = TokensPerMinute,
        PromptPrice = (decimal)PromptPrice,
        CompletionPrice = (decimal)CompletionPrice,
    };

    internal LlmEndpoint ToEndpoint() => new()
    {
        BaseUrl = BaseUrl ?? "",
        ApiKey = ApiKey,
        Model = Model ?? "",
        Concurrency = Concurrency,
        Timeout = TimeSpan.FromSeconds(TimeoutSeconds),
        MaximumAttempts = MaximumAttempts,
        RateLimitPatience = TimeSpan.FromSeconds(RateLimitPatienceSeconds),
        RequestsPerMinute = RequestsPerMinute,
        TokensPerMinute = TokensPerMinute,
        PromptPrice = (decimal)PromptPrice,
        CompletionPrice = (decimal)CompletionPrice,
        AllowPrivateAddresses = AllowPrivateAddresses,
    };
}
