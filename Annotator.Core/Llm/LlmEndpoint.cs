using System.Net;
using System.Text;
using Annotator.Core.Outbound;

namespace Annotator.Core.Llm;

/// <summary>An OpenAI-compatible server, the model asked there, and the limits within which it is asked.</summary>
/// <remarks>Limits are of the endpoint as seen from one labeller; several labellers of one endpoint each have their own.</remarks>
public sealed record LlmEndpoint
{
    /// <summary>
    /// The address to whose path <c>/chat/completions</c> is added, e.g. <c>https://api.openai.com/v1</c>, <c>http://127.0.0.1:11434/v1</c> or
    /// <c>https://NAME.openai.azure.com/openai/deployments/MODEL?api-version=2024-10-21</c>. Of an address without a path <c>/v1</c> is tried too.
    /// </summary>
    public required string BaseUrl { get; init; }

    /// <summary>The key sent as a bearer token; null or empty where the server wants none. Never part of <see cref="ToString"/>.</summary>
    public string? ApiKey { get; init; }

    /// <summary>The model's name as the server knows it.</summary>
    public required string Model { get; init; }

    /// <summary>What a token costs in a batch, as a part of its price: the providers that have the Batch API take half.</summary>
    public const decimal BatchPrice = 0.5m;

    /// <summary>Calls under way at a time, 1 to 256.</summary>
    public int Concurrency { get; init; } = 4;

    /// <summary>Items of a call, 1 to 100. One is slowest and safest: then no item can speak about another.</summary>
    public int ItemsPerCall { get; init; } = 10;

    /// <summary>Requests a minute; null: no limit.</summary>
    public int? RequestsPerMinute { get; init; }

    /// <summary>Tokens a minute, prompt and answer together; null: no limit.</summary>
    public int? TokensPerMinute { get; init; }

    /// <summary>How long one request may take, its whole answer included.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>How often one call is sent before it is given up (429, 5xx, time-out, cut connection), 1 to 10.</summary>
    public int MaximumAttempts { get; init; } = 4;

    /// <summary>How long the server may answer nothing but 429 before it is not asked again in a run, above zero and at most an hour.</summary>
    public TimeSpan RateLimitPatience { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>Longest wait that a server may ask for by Retry-After; a longer one counts as a refusal to answer.</summary>
    public TimeSpan MaximumRetryAfter { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>Price of a million prompt tokens, in the currency of the budget.</summary>
    public decimal PromptPrice { get; init; }

    /// <summary>Price of a million completion tokens, in the currency of the budget.</summary>
    public decimal CompletionPrice { get; init; }

    /// <summary>Completion tokens allowed to a call apart from those of its items; models that reason before they answer need thousands.</summary>
    public int CompletionTokens { get; init; } = 512;

    /// <summary>Completion tokens allowed for each item of a call.</summary>
    public int CompletionTokensPerItem { get; init; } = 128;

    /// <summary>Whether log-probabilities of the label tokens are asked for, the better confidence by far where a server gives them.</summary>
    public bool LogProbabilities { get; init; } = true;

    /// <summary>
    /// Whether the address may be on this host or in a private network, as local models are. Addresses by name are judged by the HTTP client
    /// when it connects; here only what the address itself says is.
    /// </summary>
    public bool AllowPrivateAddresses { get; init; } = true;

    /// <summary>What is wrong with the endpoint, one sentence each, beginning with the property's name; empty: it can be used.</summary>
    public IReadOnlyList<string> Validate()
    {
        var errors = new List<string>();
        if (!Uri.TryCreate(BaseUrl, UriKind.Absolute, out var address) || address.Scheme is not ("http" or "https"))
            errors.Add($"{nameof(BaseUrl)} must be an absolute http or https address.");
        else if (address.UserInfo.Length > 0 || address.Fragment.Length > 0 || (address.Query.Length > 0 && !EndpointAddress.IsVersion(address.Query)))
            errors.Add($"{nameof(BaseUrl)} must have no user and no fragment, and no query but api-version.");
        else if (!AllowPrivateAddresses && IsPrivate(address))
            errors.Add($"{nameof(BaseUrl)} is in a private network, which the settings do not allow.");
        if (string.IsNullOrWhiteSpace(Model)) errors.Add($"{nameof(Model)} is missing.");
        if (ApiKey is { Length: > 0 } key && key.Any(c => c is < '!' or > '~')) errors.Add($"{nameof(ApiKey)} has characters that cannot be sent.");
        Within(nameof(Concurrency), Concurrency, 1, 256);
        Within(nameof(ItemsPerCall), ItemsPerCall, 1, 100);
        Within(nameof(MaximumAttempts), MaximumAttempts, 1, 10);
        Within(nameof(CompletionTokens), CompletionTokens, 1, 1_000_000);
        Within(nameof(CompletionTokensPerItem), CompletionTokensPerItem, 1, 100_000);
        if (RequestsPerMinute is <= 0) errors.Add($"{nameof(RequestsPerMinute)} must be positive.");
        if (TokensPerMinute is <= 0) errors.Add($"{nameof(TokensPerMinute)} must be positive.");
        if (Timeout <= TimeSpan.Zero || Timeout > TimeSpan.FromHours(1)) errors.Add($"{nameof(Timeout)} must be above zero and at most an hour.");
        if (MaximumRetryAfter < TimeSpan.Zero || MaximumRetryAfter > TimeSpan.FromHours(1)) errors.Add($"{nameof(MaximumRetryAfter)} must be between zero and an hour.");
        if (RateLimitPatience <= TimeSpan.Zero || RateLimitPatience > TimeSpan.FromHours(1)) errors.Add($"{nameof(RateLimitPatience)} must be above zero and at most an hour.");
        if (PromptPrice < 0 || CompletionPrice < 0) errors.Add($"{nameof(PromptPrice)} and {nameof(CompletionPrice)} must not be negative.");
        return errors;

        void Within(string name, int value, int least, int most)
        {
            if (value < least || value > most) errors.Add(FormattableString.Invariant($"{name} must be between {least} and {most}."));
        }
    }

    /// <summary>Cost of a call.</summary>
    internal decimal Cost(long promptTokens, long completionTokens) =>
        ((promptTokens * PromptPrice) + (completionTokens * CompletionPrice)) / 1_000_000m;

    // In every spelling that Uri turns into an address.
    private static bool IsPrivate(Uri address)
    {
        string host = address.IdnHost.TrimEnd('.');
        if (string.Equals(host, "localhost", StringComparison.OrdinalIgnoreCase) || host.EndsWith(".localhost", StringComparison.OrdinalIgnoreCase)) return true;
        return IPAddress.TryParse(host, out var ip) && OutboundAddress.IsPrivate(ip);
    }

    // The compiler's would print the key.
    private bool PrintMembers(StringBuilder builder)
    {
        builder.Append(nameof(BaseUrl)).Append(" = ").Append(BaseUrl).Append(", ").Append(nameof(Model)).Append(" = ").Append(Model);
        return true;
    }
}
