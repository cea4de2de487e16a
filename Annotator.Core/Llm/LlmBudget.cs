namespace Annotator.Core.Llm;

/// <summary>
/// Money and requests of a run. Every request is reserved before it is sent, at the most that it is likely to cost by what was seen, and
/// settled after. Before anything was seen a request is reserved at the most that it can cost, and one alone may be sent where even that is
/// more than what is left: so the money is passed by the calls under way at the most.
/// </summary>
internal sealed class LlmBudget
{
    // Until a server has counted a prompt, a token may be as short as a byte; after that, what was seen and a part more.
    private const double PromptMargin = 1.25;
    private const double CompletionMargin = 1.5;

    private readonly LlmEndpoint _endpoint;
    private readonly LlmPurse[] _purses;
    private int _requests;
    private double? _promptPerByte;
    private double? _completionPerItem;

    /// <summary>Makes a budget.</summary>
    /// <param name="endpoint">Who is asked.</param>
    /// <param name="money">Money of its own; null: no bound.</param>
    /// <param name="requests">Requests.</param>
    /// <param name="purses">Money that others spend too.</param>
    public LlmBudget(LlmEndpoint endpoint, decimal? money, int requests, IReadOnlyList<LlmPurse> purses)
    {
        _endpoint = endpoint;
        _purses = money is null ? [.. purses] : [new LlmPurse(money), .. purses];
        _requests = requests;
    }

    private static Lock Guard => LlmPurse.Guard;

    /// <summary>Money settled.</summary>
    public decimal Spent { get; private set; }

    /// <summary>Requests reserved.</summary>
    public int Requests { get; private set; }

    /// <summary>Allows more requests.</summary>
    public void AllowRequests(int more)
    {
        lock (Guard) _requests = (int)Math.Min(int.MaxValue, (long)_requests + more);
    }

    /// <summary>Likely tokens of a request and its answer.</summary>
    /// <param name="bytes">Size of the prompt.</param>
    /// <param name="items">Items asked about.</param>
    /// <param name="mostCompletion">Most tokens of the answer.</param>
    public long EstimateTokens(long bytes, int items, int mostCompletion)
    {
        lock (Guard) return PromptTokens(bytes) + CompletionTokens(items, mostCompletion);
    }

    /// <summary>Likely cost of a request and its answer.</summary>
    public decimal EstimateCost(long bytes, int items, int mostCompletion)
    {
        lock (Guard) return _endpoint.Cost(PromptTokens(bytes), CompletionTokens(items, mostCompletion));
    }

    /// <summary>Reserves a request. While others are under way, which mostly cost less than they reserved, it waits rather than refuses.</summary>
    /// <param name="bytes">Size of the prompt.</param>
    /// <param name="items">Items asked about.</param>
    /// <param name="mostCompletion">Most tokens of the answer.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>What was reserved, and <see cref="LlmFailure.None"/> or what is not left.</returns>
    public async ValueTask<(LlmFailure Failure, decimal Reservation)> ReserveAsync(long bytes, int items, int mostCompletion, CancellationToken cancellationToken)
    {
        while (true)
        {
            Task settled;
            lock (Guard)
            {
                decimal reservation = _endpoint.Cost(PromptTokens(bytes), CompletionTokens(items, mostCompletion));
                if (Requests >= _requests) return (LlmFailure.RequestsSpent, 0);
                if (Array.Find(_purses, p => !p.Covers(reservation, nothingSeen: _promptPerByte is null)) is not { } empty)
                {
                    Requests++;
                    foreach (var purse in _purses) purse.Reserve(reservation);
                    return (LlmFailure.None, reservation);
                }

                if (empty.Reserved == 0) return (LlmFailure.BudgetSpent, 0);
                settled = empty.Settled;
            }

            await settled.WaitAsync(cancellationToken);
        }
    }

    /// <summary>Settles a request.</summary>
    /// <param name="reservation">What was reserved.</param>
    /// <param name="cost">What it cost.</param>
    /// <param name="bytes">Size of the prompt.</param>
    /// <param name="items">Items asked about.</param>
    /// <param name="promptTokens">Tokens of the prompt by the server's count; null where it gave none.</param>
    /// <param name="completionTokens">Tokens of the answer by the server's count; null where it gave none.</param>
    public void Settle(decimal reservation, decimal cost, long bytes, int items, long? promptTokens, long? completionTokens)
    {
        lock (Guard)
        {
            Spent += cost;
            foreach (var purse in _purses) purse.Settle(reservation, cost);
            if (promptTokens is { } prompt) _promptPerByte = Math.Max(_promptPerByte ?? 0, (double)prompt / Math.Max(1, bytes));
            if (completionTokens is { } completion) _completionPerItem = Math.Max(_completionPerItem ?? 0, (double)completion / Math.Max(1, items));
        }
    }

    private long PromptTokens(long bytes) => (long)Math.Ceiling(_promptPerByte is { } seen ? seen * PromptMargin * bytes : bytes);

    private long CompletionTokens(int items, int most) => _completionPerItem is { } seen ? Math.Min(most, (long)Math.Ceiling(seen * CompletionMargin * items)) : most;
}
