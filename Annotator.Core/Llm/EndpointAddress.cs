using System.ClientModel.Primitives;

namespace Annotator.Core.Llm;

/// <summary>
/// Where a request goes, and how it is signed. The path is added to the endpoint's own, whatever it is; a query of the endpoint
/// (<c>?api-version=…</c>, as Azure's addresses of deployments have it) goes with every request, whose key then stands in <c>api-key</c>.
/// </summary>
internal static class EndpointAddress
{
    /// <summary>The header of the key at addresses that have a version in their query.</summary>
    public const string KeyHeader = "api-key";

    /// <summary>The address of a path.</summary>
    /// <param name="endpoint">The endpoint.</param>
    /// <param name="path">The path, which begins with a slash; it may have a query of its own.</param>
    /// <param name="prefix">What stands before it: <c>/v1</c> where the endpoint's address leaves that out.</param>
    public static Uri Of(LlmEndpoint endpoint, string path, string prefix = "")
    {
        var address = new Uri(endpoint.BaseUrl);
        var full = address.GetLeftPart(UriPartial.Path).TrimEnd('/') + prefix + path;
        return address.Query.Length == 0 ? new Uri(full) : new Uri(full + (path.Contains('?', StringComparison.Ordinal) ? "&" + address.Query[1..] : address.Query));
    }

    /// <summary>Whether the key goes by <see cref="KeyHeader"/>.</summary>
    public static bool HasVersion(LlmEndpoint endpoint) => new Uri(endpoint.BaseUrl).Query.Length > 0;

    /// <summary>Whether a query of an address is one that may stand there.</summary>
    public static bool IsVersion(string query) =>
        query.StartsWith("?api-version=", StringComparison.OrdinalIgnoreCase) && query.Length <= 64 && query["?api-version=".Length..].All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '.');

    /// <summary>Signs a request.</summary>
    public static void Sign(HttpRequestMessage request, LlmEndpoint endpoint)
    {
        if (string.IsNullOrEmpty(endpoint.ApiKey)) return;
        if (HasVersion(endpoint)) request.Headers.Add(KeyHeader, endpoint.ApiKey);
        else request.Headers.Authorization = new System.Net.Http.Headers.AuthenticationHeaderValue("Bearer", endpoint.ApiKey);
    }
}

/// <summary>Sends the requests of the SDK to the address of their endpoint.</summary>
internal sealed class EndpointAddressPolicy(LlmEndpoint endpoint) : PipelinePolicy
{
    private const string Path = "/chat/completions";

    private readonly Uri _address = EndpointAddress.Of(endpoint, Path);
    private readonly Uri? _other = new Uri(endpoint.BaseUrl).AbsolutePath is "/" ? EndpointAddress.Of(endpoint, Path, "/v1") : null;
    private readonly bool _hasVersion = EndpointAddress.HasVersion(endpoint);
    private volatile bool _usesOther;

    /// <summary>Whether there is another address to try where the endpoint's is not there: many write theirs without <c>/v1</c>.</summary>
    public bool HasOther => _other is not null && !_usesOther;

    /// <summary>Takes the one address or the other from now on.</summary>
    public void Use(bool other) => _usesOther = other && _other is not null;

    public override void Process(PipelineMessage message, IReadOnlyList<PipelinePolicy> pipeline, int currentIndex)
    {
        Direct(message.Request);
        ProcessNext(message, pipeline, currentIndex);
    }

    public override ValueTask ProcessAsync(PipelineMessage message, IReadOnlyList<PipelinePolicy> pipeline, int currentIndex)
    {
        Direct(message.Request);
        return ProcessNextAsync(message, pipeline, currentIndex);
    }

    private void Direct(PipelineRequest request)
    {
        request.Uri = _usesOther ? _other! : _address;
        if (!_hasVersion) return;
        request.Headers.Remove("Authorization");
        if (!string.IsNullOrEmpty(endpoint.ApiKey)) request.Headers.Set(EndpointAddress.KeyHeader, endpoint.ApiKey);
    }
}
