namespace Annotator.Core.Llm;

/// <summary>Address, model, limits and prices of a connected endpoint, as an administrator sets them.</summary>
public sealed record LlmProviderSettings
{
    /// <summary>Base address.</summary>
    public string BaseUrl { get; init; } = "";

    /// <summary>Name of the model.</summary>
    public string Model { get; init; } = "";

    /// <summary>Requests at a time, 1 to 256.</summary>
    public int Concurrency { get; init; } = 4;

    /// <summary>Seconds after which a request counts as failed, 1 to 3,600.</summary>
    public int TimeoutSeconds { get; init; } = 60;

    /// <summary>How often a request may fail before it is given up, 1 to 10.</summary>
    public int MaximumAttempts { get; init; } = 4;

    /// <summary>Requests a minute; null: no limit.</summary>
    public int? RequestsPerMinute { get; init; }

    /// <summary>Tokens a minute; null: no limit.</summary>
    public int? TokensPerMinute { get; init; }

    /// <summary>Price of a million tokens of the request.</summary>
    public decimal PromptPrice { get; init; }

    /// <summary>Price of a million tokens of the answer.</summary>
    public decimal CompletionPrice { get; init; }

    /// <summary>Whether log-probabilities are asked for.</summary>
    public bool LogProbabilities { get; init; } = true;

    /// <summary>The endpoint.</summary>
    internal LlmEndpoint ToEndpoint(string? key, bool allowPrivate) => new()
    {
        BaseUrl = BaseUrl.Trim().TrimEnd('/'),
        ApiKey = key,
        Model = Model.Trim(),
        Concurrency = Concurrency,
        Timeout = TimeSpan.FromSeconds(TimeoutSeconds),
        MaximumAttempts = MaximumAttempts,
        RequestsPerMinute = RequestsPerMinute,
        TokensPerMinute = TokensPerMinute,
        PromptPrice = PromptPrice,
        CompletionPrice = CompletionPrice,
        LogProbabilities = LogProbabilities,
        AllowPrivateAddresses = allowPrivate,
    };
}

/// <summary>A start for the settings of a well-known kind of endpoint.</summary>
/// <param name="Id">Short name.</param>
/// <param name="Name">Name for people.</param>
/// <param name="Settings">Settings to begin with; the model is an example.</param>
/// <param name="NeedsKey">Whether it wants a key.</param>
public sealed record LlmPreset(string Id, string Name, LlmProviderSettings Settings, bool NeedsKey)
{
    /// <summary>The presets.</summary>
    public static IReadOnlyList<LlmPreset> All { get; } =
    [
        new("openai", "OpenAI", new LlmProviderSettings { BaseUrl = "https://api.openai.com/v1", Model = "gpt-4o-mini", Concurrency = 8 }, NeedsKey: true),
        new("gemini", "Google Gemini", new LlmProviderSettings { BaseUrl = "https://generativelanguage.googleapis.com/v1beta/openai", Model = "gemini-2.5-flash", LogProbabilities = false }, NeedsKey: true),
        new("azure", "Azure OpenAI", new LlmProviderSettings { BaseUrl = "https://RESOURCE.openai.azure.com/openai/v1", Model = "DEPLOYMENT" }, NeedsKey: true),
        new("ollama", "Ollama", new LlmProviderSettings { BaseUrl = "http://127.0.0.1:11434/v1", Model = "llama3.1", Concurrency = 2, TimeoutSeconds = 300 }, NeedsKey: false),
        new("vllm", "vLLM", new LlmProviderSettings { BaseUrl = "http://127.0.0.1:8000/v1", Model = "MODEL", Concurrency = 16, TimeoutSeconds = 120 }, NeedsKey: false),
    ];
}
