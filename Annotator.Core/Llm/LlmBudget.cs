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
    private TaskCompletionSource _settled = new(TaskCreationOptions.RunContinuationsAsynchronously);
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

    /// <summary>Reserves a request. While others are under way, which mostly cost less than they reserved, it waits rather than refuses.</summary>
    /// <param name="promptBytes">Size of the prompt.</param>
    /// <param name="completionTokens">Most tokens of the answer.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>What was reserved, and <see cref="LlmFailure.None"/> or what is not left.</returns>
    public async ValueTask<(LlmFailure Failure, decimal Reservation)> ReserveAsync(long promptBytes, long completionTokens, CancellationToken cancellationToken)
    {
        while (true)
        {
            Task settled;
            lock (_lock)
            {
                decimal reservation = _endpoint.Cost((long)Math.Ceiling(promptBytes * _tokensPerByte), completionTokens);
                if (Requests >= _requests) return (LlmFailure.RequestsSpent, 0);
                if (_money is not { } money || Spent + _reserved + reservation <= money)
                {
                    Requests++;
                    _reserved += reservation;
                    return (LlmFailure.None, reservation);
                }
                if (_reserved == 0) return (LlmFailure.BudgetSpent, 0);
                settled = _settled.Task;
            }
            await settled.WaitAsync(cancellationToken);
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
            _settled.SetResult();
            _settled = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            if (promptTokens is not { } tokens || tokens == 0 || promptBytes == 0) return;
            _seen = Math.Max(_seen ?? 0, (double)tokens / promptBytes);
            _tokensPerByte = _seen.Value * Margin;
        }
    }
}
