namespace Annotator.Core.Llm;

/// <summary>Money and requests of a run. Every request is reserved before it is sent, at the most that it can cost, and settled after.</summary>
internal sealed class LlmBudget
{
    // Until a server has counted a prompt, a token may be as short as a byte; after that, what was seen and a quarter more.
    private const double Margin = 1.25;

    private readonly Lock _lock = new();
    private readonly LlmEndpoint _endpoint;
    private readonly decimal? _money;
    private readonly int _requests;
    private decimal _reserved;
    private double _tokensPerByte = 1;
    private double? _seen;

    public LlmBudget(LlmEndpoint endpoint, decimal? money, int requests)
    {
        _endpoint = endpoint;
        _money = money;
        _requests = requests;
    }

    /// <summary>Money settled.</summary>
    public decimal Spent { get; private set; }

    /// <summary>Requests reserved.</summary>
    public int Requests { get; private set; }

    /// <summary>Likely tokens of a prompt of so many bytes.</summary>
    public long EstimatePrompt(long bytes)
    {
        lock (_lock) return (long)Math.Ceiling(bytes * _tokensPerByte);
    }

    /// <summary>Reserves a request.</summary>
    /// <param name="promptBytes">Size of the prompt.</param>
    /// <param name="completionTokens">Most tokens of the answer.</param>
    /// <param name="reservation">What was reserved.</param>
    /// <returns><see cref="LlmFailure.None"/>, or what is not left.</returns>
    public LlmFailure Reserve(long promptBytes, long completionTokens, out decimal reservation)
    {
        lock (_lock)
        {
            reservation = _endpoint.Cost((long)Math.Ceiling(promptBytes * _tokensPerByte), completionTokens);
            if (Requests >= _requests) return LlmFailure.RequestsSpent;
            if (_money is { } money && Spent + _reserved + reservation > money) return LlmFailure.BudgetSpent;
            Requests++;
            _reserved += reservation;
            return LlmFailure.None;
        }
    }

    /// <summary>Settles a request.</summary>
    /// <param name="reservation">What was reserved.</param>
    /// <param name="cost">What it cost.</param>
    /// <param name="promptBytes">Size of the prompt.</param>
    /// <param name="promptTokens">Its tokens by the server's count; null where it gave none.</param>
    public void Settle(decimal reservation, decimal cost, long promptBytes, long? promptTokens)
    {
        lock (_lock)
        {
            _reserved -= reservation;
            Spent += cost;
            if (promptTokens is not { } tokens || tokens == 0 || promptBytes == 0) return;
            _seen = Math.Max(_seen ?? 0, (double)tokens / promptBytes);
            _tokensPerByte = _seen.Value * Margin;
        }
    }
}
