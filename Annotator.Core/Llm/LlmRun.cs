using System.Threading.Channels;

namespace Annotator.Core.Llm;

/// <summary>One run of a labeller: the calls still to be made, the results so far, and what may yet be spent.</summary>
internal sealed class LlmRun
{
    private static readonly TimeSpan s_firstWait = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan s_longestWait = TimeSpan.FromSeconds(30);

    private readonly LlmLabeller _labeller;
    private readonly LlmEndpoint _endpoint;
    private readonly LabellingPrompt _prompt;
    private readonly IReadOnlyList<LlmItem> _items;
    private readonly LlmRunOptions _options;
    private readonly LlmBudget _budget;
    private readonly LlmItemResult?[] _results;
    private readonly Channel<Call> _calls = Channel.CreateUnbounded<Call>();
    private readonly Lock _lock = new();
    private readonly Random _jitter;
    private readonly int _breakAfter;
    private readonly CancellationTokenSource _broken = new();
    private int _open;
    private int _callNumber;
    private int _failuresInARow;
    private LlmFailure _stop;
    private string? _stopDetail;
    private long _promptTokens;
    private long _completionTokens;

    public LlmRun(LlmLabeller labeller, LabellingPrompt prompt, IReadOnlyList<LlmItem> items, LlmRunOptions options)
    {
        _labeller = labeller;
        _endpoint = labeller.Endpoint;
        _prompt = prompt;
        _items = items;
        _options = options;
        _budget = new LlmBudget(_endpoint, options.Budget, options.MaximumRequests ?? LlmRunOptions.DefaultRequests(items.Count, _endpoint.ItemsPerCall));
        _results = new LlmItemResult?[items.Count];
        _jitter = new Random(options.Seed);
        _breakAfter = options.BreakAfter ?? Math.Max(5, 3 * _endpoint.Concurrency);
    }

    /// <summary>Items asked together.</summary>
    /// <param name="Items">Places of the items.</param>
    /// <param name="Round">How often they were asked before.</param>
    /// <param name="Size">Items of the call they were in before, or of a first call.</param>
    /// <param name="Allowance">Factor on the completion tokens.</param>
    /// <param name="Number">Number of the call within the run, which seeds its order of labels.</param>
    private sealed record Call(int[] Items, int Round, int Size, int Allowance, int Number);

    public async Task<LlmRunResult> ExecuteAsync(CancellationToken cancellationToken)
    {
        using (_broken)
        {
            var askable = new List<int>(_items.Count);
            for (int i = 0; i < _items.Count; i++)
            {
                if (_items[i].Text.Length <= _options.MaximumTextLength) askable.Add(i);
                else await FinishAsync(i, LlmOutcome.Failed(LlmFailure.ItemTooLong, "the text is longer than what is sent"), 0);
            }
            Enqueue(askable, 0, _endpoint.ItemsPerCall, 1);
            if (askable.Count == 0) _calls.Writer.TryComplete();

            // One worker that throws (the ledger, the receiver of results) stops the others.
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            var workers = new Task[Math.Min(_endpoint.Concurrency, Math.Max(1, askable.Count))];
            for (int w = 0; w < workers.Length; w++) workers[w] = WorkAsync(stop);
            await Task.WhenAll(workers);
            cancellationToken.ThrowIfCancellationRequested();
        }
        return new LlmRunResult(_results!, _budget.Requests, _promptTokens, _completionTokens, _budget.Spent);
    }

    private async Task WorkAsync(CancellationTokenSource stop)
    {
        try
        {
            await foreach (var call in _calls.Reader.ReadAllAsync(stop.Token))
            {
                await AskAsync(call, stop.Token);
                if (Interlocked.Decrement(ref _open) == 0) _calls.Writer.TryComplete();
            }
        }
        catch
        {
            await stop.CancelAsync();
            throw;
        }
    }

    // Cuts items into calls of at most so many items and characters.
    private void Enqueue(List<int> items, int round, int size, int allowance)
    {
        var calls = new List<Call>();
        var next = new List<int>(size);
        int length = 0;
        foreach (int item in items)
        {
            int more = _items[item].Text.Length;
            if (next.Count > 0 && (next.Count == size || length + more > _options.MaximumCallLength))
            {
                calls.Add(new Call([.. next], round, size, allowance, 0));
                next.Clear();
                length = 0;
            }
            next.Add(item);
            length += more;
        }
        if (next.Count > 0) calls.Add(new Call([.. next], round, size, allowance, 0));
        // All are counted before the first can finish, or the channel would be closed too early.
        Interlocked.Add(ref _open, calls.Count);
        foreach (var call in calls) _calls.Writer.TryWrite(call with { Number = Interlocked.Increment(ref _callNumber) });
    }

    private async Task AskAsync(Call call, CancellationToken cancellationToken)
    {
        var items = call.Items.Select(i => _items[i]).ToList();
        string[] texts = [.. items.Select(i => i.Text)];
        int seed = unchecked((_options.Seed * 397) ^ call.Number);
        var messages = _prompt.Render(texts, seed, _options.ExamplesFor?.Invoke(items));
        var (parsed, failure, detail) = await ExchangeAsync(call, texts, messages, seed, cancellationToken);
        if (parsed is null && failure == LlmFailure.Rejected && call.Items.Length > 1 && call.Round + 1 < _options.MaximumItemAttempts && !Stopped(out _, out _))
        {
            // Too long together, or one item that a filter does not let pass: alone the others get their answer.
            Enqueue([.. call.Items], call.Round + 1, 1, call.Allowance);
            return;
        }
        if (parsed is null)
        {
            foreach (int item in call.Items) await FinishAsync(item, LlmOutcome.Failed(failure, detail!), call.Round);
            return;
        }

        int round = call.Round + 1;
        var again = new List<int>();
        bool truncated = false;
        for (int i = 0; i < call.Items.Length; i++)
        {
            var outcome = parsed.Outcomes[i];
            if (outcome.Answer is null && round < _options.MaximumItemAttempts && outcome.Failure != LlmFailure.Refused)
            {
                again.Add(call.Items[i]);
                truncated |= outcome.Failure == LlmFailure.Truncated;
            }
            else if (outcome.Answer is null && outcome.Failure == LlmFailure.Refused && call.Items.Length > 1 && round < _options.MaximumItemAttempts)
            {
                // One item can make a model refuse them all; alone the others get their answer.
                again.Add(call.Items[i]);
            }
            else
            {
                await FinishAsync(call.Items[i], outcome, round);
            }
        }
        // Smaller and smaller: the last time alone.
        int size = round == _options.MaximumItemAttempts - 1 ? 1 : Math.Max(1, call.Size / 3);
        if (again.Count > 0) Enqueue(again, round, size, truncated ? call.Allowance * 4 : call.Allowance);
    }

    /// <summary>Sends a call until an answer comes or there is no more use in it.</summary>
    private async Task<(ParsedAnswer? Answer, LlmFailure Failure, string? Detail)> ExchangeAsync(
        Call call, string[] texts, IReadOnlyList<LlmMessage> messages, int seed, CancellationToken cancellationToken)
    {
        var capabilities = _labeller.Capabilities;
        int completionTokens = checked((_endpoint.CompletionTokens + (_endpoint.CompletionTokensPerItem * texts.Length)) * call.Allowance);
        long bytes = LlmClient.PromptBytes(_prompt, messages);
        int attempt = 0, steps = 0;
        while (true)
        {
            if (Stopped(out var stopped, out string? why)) return (null, stopped, why);
            long estimate = _budget.EstimatePrompt(bytes) + completionTokens;
            LlmFailure spent;
            decimal reservation;
            try
            {
                using var wait = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _broken.Token);
                await _labeller.Pacing.WaitAsync(estimate, wait.Token);
                (spent, reservation) = await _budget.ReserveAsync(bytes, completionTokens, wait.Token);
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                continue;
            }
            if (spent != LlmFailure.None)
                return (null, spent, spent == LlmFailure.BudgetSpent ? "the budget does not cover another call" : "no more requests are allowed to the run");

            attempt++;
            byte[] body = _labeller.Client.Render(_prompt, messages, capabilities, completionTokens, seed);
            var started = _labeller.Time.GetUtcNow();
            long clock = _labeller.Time.GetTimestamp();
            LlmReply reply;
            try
            {
                reply = await SendAsync(body, cancellationToken);
            }
            catch (OperationCanceledException)
            {
                reply = new LlmReply(LlmCallOutcome.Cancelled, null, default, null);
            }
            var completion = reply.Outcome == LlmCallOutcome.Answered ? LlmCompletion.Parse(reply.Body) : null;
            var parsed = reply.Outcome == LlmCallOutcome.Answered ? LlmAnswerParser.Parse(completion, _prompt, texts) : null;
            await RecordAsync(call, attempt, started, _labeller.Time.GetElapsedTime(clock), reply, completion, parsed, reservation, bytes, completionTokens, estimate);
            cancellationToken.ThrowIfCancellationRequested();

            if (parsed is not null)
            {
                Interlocked.Exchange(ref _failuresInARow, 0);
                // Only what helped is kept: a request may also be refused for its content.
                if (steps > 0 || !_labeller.IsProven) _labeller.Prove(capabilities);
                return (parsed, LlmFailure.None, null);
            }
            if (reply.Outcome == LlmCallOutcome.Cancelled) continue;

            bool foundOut = steps == 0 && _labeller.Capabilities != capabilities;
            if (reply.Status is 400 or 422 && steps < LlmCapabilities.MaximumSteps && (foundOut || !_labeller.IsProven)
                && (foundOut ? _labeller.Capabilities : capabilities.StepDown(reply.Body.Span)) is { } simpler)
            {
                // Another call may have found it out meanwhile. It costs none of the attempts.
                capabilities = simpler;
                steps++;
                attempt--;
                continue;
            }
            if (Judge(reply, attempt) is { } verdict) return (null, verdict.Failure, verdict.Detail);
            var pause = Backoff(attempt);
            if (reply.RetryAfter is { } asked)
            {
                _labeller.Pacing.Pause(asked);
                pause = TimeSpan.Zero;
            }
            try
            {
                using var wait = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _broken.Token);
                if (pause > TimeSpan.Zero) await Task.Delay(pause, _labeller.Time, wait.Token);
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                // The circuit opened meanwhile; the loop sees it.
            }
        }
    }

    // A circuit that opens gives up the requests under way as well.
    private async Task<LlmReply> SendAsync(byte[] body, CancellationToken cancellationToken)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _broken.Token);
        return await _labeller.Client.SendAsync(body, either.Token);
    }

    /// <summary>Counts a failed request, and decides whether its call is over.</summary>
    private (LlmFailure Failure, string Detail)? Judge(LlmReply reply, int attempt)
    {
        if (reply.Outcome == LlmCallOutcome.Rejected || IsOutOfQuota(reply))
        {
            // A wrong key, model or address is wrong for every item.
            if (reply.Status is 401 or 402 or 403 or 404 or 405 or 429) Break(LlmFailure.Rejected, FormattableString.Invariant($"the server does not accept requests (HTTP {reply.Status})"));
            return (LlmFailure.Rejected, FormattableString.Invariant($"the server does not accept the request (HTTP {reply.Status})"));
        }
        bool over = attempt >= _endpoint.MaximumAttempts || reply.RetryAfter > _endpoint.MaximumRetryAfter;
        if ((over || reply.Outcome != LlmCallOutcome.RateLimited) && Interlocked.Increment(ref _failuresInARow) >= _breakAfter)
            Break(LlmFailure.CircuitOpen, FormattableString.Invariant($"the server failed {_breakAfter} times in a row"));
        var failure = reply.Outcome == LlmCallOutcome.RateLimited ? LlmFailure.RateLimited : LlmFailure.Unreachable;
        string status = reply.Status is { } code ? FormattableString.Invariant($"HTTP {code}") : reply.Outcome == LlmCallOutcome.TimedOut ? "time-out" : "connection failed";
        if (attempt >= _endpoint.MaximumAttempts) return (failure, FormattableString.Invariant($"no answer after {attempt} attempts ({status})"));
        if (reply.RetryAfter > _endpoint.MaximumRetryAfter) return (failure, FormattableString.Invariant($"the server wants to be left alone for {reply.RetryAfter.Value.TotalSeconds:0} s ({status})"));
        return null;
    }

    private static bool IsOutOfQuota(LlmReply reply) =>
        reply.Status == 429 && reply.Body.Span[..Math.Min(reply.Body.Length, 4096)].IndexOf("insufficient_quota"u8) >= 0;

    private void Break(LlmFailure failure, string detail)
    {
        lock (_lock)
        {
            if (_stop != LlmFailure.None) return;
            _stop = failure;
            _stopDetail = detail;
        }
        _broken.Cancel();
    }

    private bool Stopped(out LlmFailure failure, out string? detail)
    {
        lock (_lock)
        {
            failure = _stop;
            detail = _stopDetail;
            return failure != LlmFailure.None;
        }
    }

    // Exponential, with full jitter over its upper half, so that calls that failed together do not come back together.
    private TimeSpan Backoff(int attempt)
    {
        double ceiling = Math.Min(s_longestWait.TotalSeconds, s_firstWait.TotalSeconds * Math.Pow(2, attempt - 1));
        lock (_lock) return TimeSpan.FromSeconds(ceiling * (0.5 + (0.5 * _jitter.NextDouble())));
    }

    private async ValueTask RecordAsync(
        Call call, int attempt, DateTimeOffset started, TimeSpan latency, LlmReply reply, LlmCompletion? completion, ParsedAnswer? parsed,
        decimal reservation, long bytes, int completionTokens, long estimate)
    {
        // An answer lost on its way, or one that tells no usage, may have been worked on to its end: taken for what it can have cost.
        bool worked = reply.Outcome is LlmCallOutcome.Answered or LlmCallOutcome.TimedOut or LlmCallOutcome.Cancelled
            || (reply.Outcome == LlmCallOutcome.ConnectionFailed && reply.Status is not null);
        bool counted = completion is { PromptTokens: not null, CompletionTokens: not null };
        long prompt = completion?.PromptTokens ?? (worked ? estimate - completionTokens : 0);
        long answered = completion?.CompletionTokens ?? (worked ? completionTokens : 0);
        decimal cost = _endpoint.Cost(prompt, answered);
        _budget.Settle(reservation, cost, bytes, completion?.PromptTokens);
        _labeller.Pacing.Correct(estimate, prompt + answered);
        Interlocked.Add(ref _promptTokens, prompt);
        Interlocked.Add(ref _completionTokens, answered);
        if (_labeller.Ledger is null) return;
        int good = parsed?.Outcomes.Count(o => o.Answer is not null) ?? 0;
        await _labeller.Ledger.RecordAsync(new LlmCallRecord
        {
            StartedAt = started,
            Model = _endpoint.Model,
            AnsweredBy = completion?.Model,
            PromptVersion = _prompt.Version,
            Items = call.Items.Length,
            Answered = good,
            UnaskedIds = parsed?.UnaskedIds ?? 0,
            Attempt = attempt,
            PromptTokens = prompt,
            CompletionTokens = answered,
            IsEstimated = worked && !counted,
            Cost = cost,
            Latency = latency,
            Outcome = reply.Outcome == LlmCallOutcome.Answered && good == 0 ? LlmCallOutcome.Useless : reply.Outcome,
            HttpStatus = reply.Status,
        });
    }

    private async ValueTask FinishAsync(int item, LlmOutcome outcome, int attempts)
    {
        var result = new LlmItemResult(_items[item], outcome.Answer, outcome.Failure, outcome.Detail, attempts);
        _results[item] = result;
        if (_options.OnResult is { } tell) await tell(result);
    }
}
