namespace Annotator.Core.Llm;

/// <summary>
/// Labels items by a model: several items a call, several calls at a time, within limits that hold by arithmetic. Every item comes back,
/// with an answer or with the reason why it has none; nothing a server does makes the run throw or go on without end.
/// </summary>
/// <remarks>
/// What holds: an item is asked at most <see cref="LlmRunOptions.MaximumItemAttempts"/> times; a call fails at most
/// <see cref="LlmEndpoint.MaximumAttempts"/> times, plus once for each parameter the server does not know, and is held back by 429 for at most
/// <see cref="LlmEndpoint.RateLimitPatience"/> without an answer to anybody; all requests together are at most
/// <see cref="LlmRunOptions.MaximumRequests"/>; each takes at most <see cref="LlmEndpoint.Timeout"/>, and a wait that the
/// server asks for at most <see cref="LlmEndpoint.MaximumRetryAfter"/>. Concurrency, limits over time, and what the server was found to
/// understand belong to the labeller: all runs share them.
/// </remarks>
[System.Diagnostics.CodeAnalysis.SuppressMessage("Design", "CA1001", Justification = "A semaphore whose wait handle nobody asks for holds nothing.")]
public sealed class LlmLabeller
{
    private readonly LlmEndpoint _endpoint;
    private readonly LlmClient _client;
    private readonly TimeProvider _time;
    private readonly CallPacing _pacing;
    private readonly SemaphoreSlim _gate;
    private LlmCapabilities _capabilities;
    private volatile bool _isProven;

    /// <summary>Makes a labeller for an endpoint.</summary>
    /// <param name="endpoint">The endpoint, valid.</param>
    /// <param name="http">The client that goes out, with no time-out of its own; it decides where names may lead. Not disposed.</param>
    /// <param name="time">The clock of all waits; null: the system's.</param>
    /// <exception cref="ArgumentException">The endpoint is not valid; the message says why.</exception>
    public LlmLabeller(LlmEndpoint endpoint, HttpClient http, TimeProvider? time = null)
    {
        ArgumentNullException.ThrowIfNull(endpoint);
        ArgumentNullException.ThrowIfNull(http);
        if (endpoint.Validate() is { Count: > 0 } errors) throw new ArgumentException(string.Join(' ', errors), nameof(endpoint));
        _endpoint = endpoint;
        _time = time ?? TimeProvider.System;
        _client = new LlmClient(endpoint, http, _time);
        _gate = new SemaphoreSlim(endpoint.Concurrency);
        Circuit = new LlmCircuit(_time);
        Pictures = new PictureProof(_time);
        _pacing = new CallPacing(_time, endpoint.RequestsPerMinute, endpoint.TokensPerMinute);
        _capabilities = LlmCapabilities.All(endpoint, endpoint.LogProbabilities);
    }

    /// <summary>The endpoint.</summary>
    public LlmEndpoint Endpoint => _endpoint;

    /// <summary>What the server is taken to understand; shared by the runs.</summary>
    internal LlmCapabilities Capabilities => Volatile.Read(ref _capabilities);

    /// <summary>Whether a request of these capabilities was answered: then a refusal is about the content of a request, not about its form.</summary>
    internal bool IsProven => _isProven;

    /// <summary>The client.</summary>
    internal LlmClient Client => _client;

    /// <summary>Calls under way at a time, shared by the runs.</summary>
    internal SemaphoreSlim Gate => _gate;

    /// <summary>The clock.</summary>
    internal TimeProvider Time => _time;

    /// <summary>The limits over time, shared by the runs.</summary>
    internal CallPacing Pacing => _pacing;

    /// <summary>Whether the server is out of order, as all runs have found.</summary>
    internal LlmCircuit Circuit { get; }

    /// <summary>Whether the model takes pictures, as all runs have found.</summary>
    internal PictureProof Pictures { get; }

    /// <summary>Keeps what a request that was answered has shown.</summary>
    internal void Prove(LlmCapabilities capabilities)
    {
        Volatile.Write(ref _capabilities, capabilities);
        _isProven = true;
    }

    /// <summary>Begins a run over items that come in parts.</summary>
    /// <param name="prompt">What is asked.</param>
    /// <param name="options">Bounds; null: the defaults.</param>
    /// <param name="cancellationToken">Ends the run; requests under way are given up.</param>
    public LlmSession Begin(LabellingPrompt prompt, LlmRunOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(prompt);
        options ??= new LlmRunOptions();
        options.Validate();
        return new LlmSession(this, prompt, options, cancellationToken);
    }

    /// <summary>Labels items.</summary>
    /// <param name="prompt">What is asked.</param>
    /// <param name="items">The items.</param>
    /// <param name="options">Bounds; null: the defaults.</param>
    /// <param name="cancellationToken">Ends the run; requests under way are given up.</param>
    /// <returns>A result for every item.</returns>
    /// <exception cref="OperationCanceledException">The run was cancelled. What the ledger was told by then stands.</exception>
    public async Task<LlmRunResult> LabelAsync(
        LabellingPrompt prompt, IReadOnlyList<LlmItem> items, LlmRunOptions? options = null, CancellationToken cancellationToken = default)
    {
        await using var session = Begin(prompt, options, cancellationToken);
        var results = await session.AskAsync(items);
        return new LlmRunResult(results, session.Requests, session.PromptTokens, session.CompletionTokens, session.Cost);
    }
}
