using System.Threading.Channels;
using Annotator.Core.Labels;

namespace Annotator.Core.Llm;

/// <summary>
/// One run of a labeller over items that come in parts: the calls still to be made, and what may yet be spent. Parts are asked one behind the
/// other without a gap, so that calls of the next part are under way while the last answers of the one before still come.
/// </summary>
/// <remarks>
/// Every item comes back, with an answer or with the reason why it has none. A server that fails too often in a row, or that does not accept
/// requests at all, is not asked again in the session.
/// </remarks>
public sealed class LlmSession : IAsyncDisposable
{
    private static readonly TimeSpan s_firstWait = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan s_longestWait = TimeSpan.FromSeconds(30);

    // Below this a wait that the server names is no wait: it would be asked again at once, and again.
    private static readonly TimeSpan s_shortestAsked = TimeSpan.FromMilliseconds(200);

    // A request that ran into the time-out has cost far more time than one that was refused.
    private const int TimeoutWeight = 2;

    // There may be many boxes in a picture, and an answer that ends early must be paid for again.
    private const int BoxesAllowance = 4;

    // Refusals of requests of every form, before the first answer, after which nothing is sent any more.
    private const int RefusalsBeforeProof = 4;

    private readonly LlmLabeller _labeller;
    private readonly LlmEndpoint _endpoint;
    private readonly LabellingPrompt _prompt;
    private readonly LlmRunOptions _options;
    private readonly LlmBudget _budget;
    private readonly int _itemsPerCall;
    private readonly Channel<Call> _calls = Channel.CreateUnbounded<Call>();
    private readonly Lock _lock = new();
    private readonly Random _jitter;
    private readonly int _breakAfter;
    private readonly CancellationTokenSource _broken = new();
    private readonly CancellationTokenSource _stop;
    private readonly TaskCompletionSource _failed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Task[] _workers;

    // Where the server was out of order when the session began: done when the first request has shown what it is now.
    private readonly TaskCompletionSource? _halfOpen;
    private int _probing;
    private int _callNumber;
    private int _failuresInARow;
    private int _refusals;
    private long _limitedSince;
    private LlmFailure _stopReason;
    private string? _stopDetail;
    private long _promptTokens;
    private long _completionTokens;

    internal LlmSession(LlmLabeller labeller, LabellingPrompt prompt, LlmRunOptions options, CancellationToken cancellationToken)
    {
        _labeller = labeller;
        _endpoint = labeller.Endpoint;
        _prompt = prompt;
        _options = options;
        _itemsPerCall = options.ItemsPerCall ?? _endpoint.ItemsPerCall;
        _budget = new LlmBudget(_endpoint, options.Budget, options.MaximumRequests ?? 0, options.Purses);
        _jitter = new Random(options.Seed);
        _breakAfter = options.BreakAfter ?? Math.Max(5, 2 * _endpoint.Concurrency);
        _stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        if (prompt.Pictures && labeller.Pictures.IsRefused) (_stopReason, _stopDetail) = (LlmFailure.Rejected, "the server does not accept pictures");
        _halfOpen = labeller.Circuit.IsOpen ? new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously) : null;
        _workers = new Task[_endpoint.Concurrency];
        for (int w = 0; w < _workers.Length; w++) _workers[w] = WorkAsync();
    }

    /// <summary>Requests sent.</summary>
    public int Requests => _budget.Requests;

    /// <summary>Tokens of requests, as the server counted them.</summary>
    public long PromptTokens => Interlocked.Read(ref _promptTokens);

    /// <summary>Tokens of answers, as the server counted them.</summary>
    public long CompletionTokens => Interlocked.Read(ref _completionTokens);

    /// <summary>What it cost, estimates for answers that were lost on their way included.</summary>
    public decimal Cost => _budget.Spent;

    /// <summary>Why nothing more is asked; <see cref="LlmFailure.None"/> while it is.</summary>
    public LlmFailure StopReason
    {
        get
        {
            lock (_lock) return _stopReason;
        }
    }

    /// <summary>Why nothing more is asked, in words for people; null while it is.</summary>
    public string? StopDetail
    {
        get
        {
            lock (_lock) return _stopDetail;
        }
    }

    /// <summary>A place of a part, which waits for its result.</summary>
    private sealed class Place(Part part, int index)
    {
        public LlmItem Item => part.Items[index];

        public void Finish(LlmOutcome outcome, int attempts) => part.Finish(index, new LlmItemResult(Item, outcome.Answer, outcome.Failure, outcome.Detail, attempts));
    }

    private sealed class Part(IReadOnlyList<LlmItem> items)
    {
        private readonly LlmItemResult[] _results = new LlmItemResult[items.Count];
        private readonly TaskCompletionSource<IReadOnlyList<LlmItemResult>> _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private int _open = items.Count;

        public IReadOnlyList<LlmItem> Items => items;

        public Task<IReadOnlyList<LlmItemResult>> Done => _done.Task;

        public void Finish(int index, LlmItemResult result)
        {
            _results[index] = result;
            if (Interlocked.Decrement(ref _open) == 0) _done.TrySetResult(_results);
        }
    }

    /// <summary>Items asked together.</summary>
    /// <param name="Items">The items.</param>
    /// <param name="Round">How often they were asked before.</param>
    /// <param name="Size">Items of the call they were in before, or of a first call.</param>
    /// <param name="Allowance">Factor on the completion tokens.</param>
    /// <param name="Number">Number of the call within the session, which seeds its order of labels.</param>
    private sealed record Call(Place[] Items, int Round, int Size, int Allowance, int Number);

    /// <summary>Asks about items. Several parts may be asked at a time; their calls are made in the order in which they were given.</summary>
    /// <returns>A result for every item, in the order given.</returns>
    /// <exception cref="OperationCanceledException">The session was cancelled or disposed.</exception>
    public async Task<IReadOnlyList<LlmItemResult>> AskAsync(IReadOnlyList<LlmItem> items)
    {
        ArgumentNullException.ThrowIfNull(items);
        if (items.Count == 0) return [];
        var part = new Part(items);
        var askable = new List<Place>(items.Count);
        for (int i = 0; i < items.Count; i++)
        {
            var place = new Place(part, i);
            if (items[i].Text.Length <= _options.MaximumTextLength) askable.Add(place);
            else place.Finish(LlmOutcome.Failed(LlmFailure.ItemTooLong, "the text is longer than what is sent"), 0);
        }

        if (_options.MaximumRequests is null) _budget.AllowRequests(LlmRunOptions.DefaultRequests(askable.Count, _itemsPerCall));
        Enqueue(askable, 0, _itemsPerCall, 1);
        await Task.WhenAny(part.Done, _failed.Task);
        return part.Done.IsCompleted ? await part.Done : await NeverAsync();

        async Task<IReadOnlyList<LlmItemResult>> NeverAsync()
        {
            await _failed.Task;
            throw new OperationCanceledException();
        }
    }

    /// <summary>Asks a question, within the same bounds.</summary>
    /// <returns>What the model wrote; null, with the reason, where it wrote nothing or could not be asked.</returns>
    public async Task<(string? Content, string? Why)> CompleteAsync(LlmQuestion question)
    {
        ArgumentNullException.ThrowIfNull(question);
        var capabilities = _labeller.Capabilities with { LogProbabilities = false };
        var bytes = LlmClient.PromptBytes(question.AnswerSchema, question.Messages);

        // For the estimates it counts as so many items as its answer may be long.
        var items = Math.Max(1, question.Tokens / _endpoint.CompletionTokensPerItem);
        if (_options.MaximumRequests is null) _budget.AllowRequests(_endpoint.MaximumAttempts + LlmCapabilities.MaximumSteps);
        for (int attempt = 1, steps = 0; ; attempt++)
        {
            if (Stopped(out _, out var why)) return (null, why);
            var estimate = _budget.EstimateTokens(bytes, items, question.Tokens);
            await _labeller.Gate.WaitAsync(_stop.Token);
            LlmReply reply;
            LlmCompletion? completion;
            try
            {
                await _labeller.Pacing.WaitAsync(estimate, _stop.Token);
                var (spent, reservation) = await _budget.ReserveAsync(bytes, items, question.Tokens, _stop.Token);
                if (spent != LlmFailure.None) return (null, spent == LlmFailure.BudgetSpent ? "the budget does not cover another call" : "no more requests are allowed to the run");
                var started = _labeller.Time.GetUtcNow();
                var clock = _labeller.Time.GetTimestamp();
                reply = await SendAsync(_labeller.Client.Render(question.Schema, question.AnswerSchema, question.Messages, capabilities, question.Tokens, _options.Seed), _stop.Token);
                completion = reply.Outcome == LlmCallOutcome.Answered ? LlmCompletion.Parse(reply.Body) : null;
                var call = new Call([], 0, items, 1, 0);
                await RecordAsync(call, attempt, started, _labeller.Time.GetElapsedTime(clock), reply, completion, null, new Expected(reservation, bytes, question.Tokens, estimate, items));
            }
            finally
            {
                _labeller.Gate.Release();
            }

            _stop.Token.ThrowIfCancellationRequested();
            if (!string.IsNullOrWhiteSpace(completion?.Content)) return (completion.Content, null);
            if (LlmCapabilities.IsAboutParameters(reply.Status) && steps < LlmCapabilities.MaximumSteps && capabilities.StepDown(reply.Body.Span) is { } simpler)
            {
                (capabilities, steps, attempt) = (simpler, steps + 1, attempt - 1);
                continue;
            }

            if (reply.Outcome == LlmCallOutcome.Rejected || IsOutOfQuota(reply)) return (null, Refusal(reply.Status));
            if (attempt >= _endpoint.MaximumAttempts) return (null, FormattableString.Invariant($"the server gave no answer ({Names.Of(reply.Outcome)})"));
            if (reply.Outcome != LlmCallOutcome.Answered) await PauseAsync(reply, new Tries { Failures = attempt }, _stop.Token);
        }
    }

    /// <summary>Ends the session; requests still under way are given up.</summary>
    public async ValueTask DisposeAsync()
    {
        _calls.Writer.TryComplete();
        await _stop.CancelAsync();
        await Task.WhenAll(_workers);
        _failed.TrySetCanceled();
        _broken.Dispose();
        _stop.Dispose();
    }

    private async Task WorkAsync()
    {
        try
        {
            await foreach (var call in _calls.Reader.ReadAllAsync(_stop.Token)) await AskAsync(call, _stop.Token);
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            _failed.TrySetCanceled();
        }
        catch (Exception e)
        {
            // One worker that throws (the ledger) stops the others: nothing is spent that is not accounted for.
            _failed.TrySetException(e);
            await _stop.CancelAsync();
        }
    }

    // Cuts items into calls of at most so many items and characters.
    private void Enqueue(List<Place> items, int round, int size, int allowance)
    {
        var next = new List<Place>(size);
        int length = 0;
        foreach (var item in items)
        {
            int more = item.Item.Text.Length;
            if (next.Count > 0 && (next.Count == size || length + more > _options.MaximumCallLength)) Close();
            next.Add(item);
            length += more;
        }

        if (next.Count > 0) Close();

        void Close()
        {
            _calls.Writer.TryWrite(new Call([.. next], round, size, allowance, Interlocked.Increment(ref _callNumber)));
            next.Clear();
            length = 0;
        }
    }

    // The pictures of a call, and the call with those of its items whose picture can be seen; the others are done with.
    private static async Task<(Call Call, IReadOnlyList<LlmImage> Images)> OpenAsync(Call call, CancellationToken cancellationToken)
    {
        var (seen, images) = (new List<Place>(call.Items.Length), new List<LlmImage>(call.Items.Length));
        foreach (var place in call.Items)
        {
            if (place.Item.Picture is { } picture && await picture.OpenAsync(cancellationToken) is { } image)
            {
                seen.Add(place);
                images.Add(image);
            }
            else
            {
                place.Finish(LlmOutcome.Failed(LlmFailure.PictureUnreadable, "the picture is not there, or cannot be decoded"), call.Round);
            }
        }

        return (seen.Count == call.Items.Length ? call : call with { Items = [.. seen] }, images);
    }

    private async Task AskAsync(Call call, CancellationToken cancellationToken)
    {
        IReadOnlyList<LlmImage>? images = null;
        if (_prompt.Pictures)
        {
            (call, images) = await OpenAsync(call, cancellationToken);
            if (call.Items.Length == 0) return;
        }

        var items = call.Items.Select(i => i.Item).ToList();
        string[] texts = [.. items.Select(i => _options.Mask is { } mask ? mask(i.Text) : i.Text)];
        int seed = unchecked((_options.Seed * 397) ^ call.Number);
        var prompt = _options.PromptFor?.Invoke(items) ?? _prompt;
        var shown = _prompt.Pictures && _options.PicturesFor is { } find ? (await find(items, cancellationToken)).Where(e => e.Used.All(prompt.LabelNames.Contains)).ToList() : [];
        var messages = prompt.Render(texts, seed, _options.ExamplesFor?.Invoke(items).Where(prompt.Fits).ToList(), images, shown);
        var (parsed, failure, detail) = await ExchangeAsync(call, prompt, texts, messages, seed, cancellationToken);
        if (parsed is null && failure == LlmFailure.Rejected && call.Items.Length > 1 && call.Round + 1 < _options.MaximumItemAttempts && StopReason == LlmFailure.None)
        {
            // Too long together, or one item that a filter does not let pass: alone the others get their answer.
            Enqueue([.. call.Items], call.Round + 1, 1, call.Allowance);
            return;
        }

        if (parsed is null)
        {
            foreach (var item in call.Items) item.Finish(LlmOutcome.Failed(failure, detail!), call.Round);
            return;
        }

        int round = call.Round + 1;
        var again = new List<Place>();
        bool truncated = false;
        for (int i = 0; i < call.Items.Length; i++)
        {
            var outcome = parsed.Outcomes[i];

            // One item can make a model refuse them all; alone the others get their answer. A refusal of an item alone stands.
            bool retry = outcome.Answer is null && round < _options.MaximumItemAttempts && (outcome.Failure != LlmFailure.Refused || call.Items.Length > 1);
            if (retry) again.Add(call.Items[i]);
            else call.Items[i].Finish(outcome, round);
            truncated |= retry && outcome.Failure == LlmFailure.Truncated;
        }

        // Smaller and smaller: the last time alone.
        int size = round == _options.MaximumItemAttempts - 1 ? 1 : Math.Max(1, call.Size / 3);
        if (again.Count > 0) Enqueue(again, round, size, truncated ? call.Allowance * 4 : call.Allowance);
    }

    /// <summary>Sends a call until an answer comes or there is no more use in it.</summary>
    private async Task<(ParsedAnswer? Answer, LlmFailure Failure, string? Detail)> ExchangeAsync(
        Call call, LabellingPrompt prompt, string[] texts, IReadOnlyList<LlmMessage> messages, int seed, CancellationToken cancellationToken)
    {
        var capabilities = _labeller.Capabilities;
        int completionTokens = checked((_endpoint.CompletionTokens + (_endpoint.CompletionTokensPerItem * texts.Length * (prompt.Task == LlmTask.Boxes ? BoxesAllowance : 1))) * call.Allowance);
        long bytes = LlmClient.PromptBytes(prompt.Schema, messages);
        var tries = new Tries();
        try
        {
            return await ExchangeAsync(call, prompt, texts, messages, seed, capabilities, completionTokens, bytes, tries, cancellationToken);
        }
        finally
        {
            if (tries.Probes) _halfOpen?.TrySetResult();
        }
    }

    private async Task<(ParsedAnswer? Answer, LlmFailure Failure, string? Detail)> ExchangeAsync(
        Call call, LabellingPrompt prompt, string[] texts, IReadOnlyList<LlmMessage> messages, int seed, LlmCapabilities capabilities, int completionTokens, long bytes, Tries tries,
        CancellationToken cancellationToken)
    {
        while (true)
        {
            if (Stopped(out var stopped, out string? why)) return (null, stopped, why);
            if (!await EnterAsync(tries, cancellationToken)) continue;
            var (spent, sent) = await TrySendAsync(call, prompt, texts, messages, capabilities, completionTokens, bytes, seed, tries, cancellationToken);
            if (sent is null)
            {
                if (spent == LlmFailure.None) continue;
                return (null, spent, spent == LlmFailure.BudgetSpent ? "the budget does not cover another call" : "no more requests are allowed to the run");
            }

            cancellationToken.ThrowIfCancellationRequested();
            var (reply, parsed) = sent.Value;
            if (parsed is not null)
            {
                Interlocked.Exchange(ref _failuresInARow, 0);
                Interlocked.Exchange(ref _limitedSince, 0);
                _labeller.Circuit.Close();
                _halfOpen?.TrySetResult();
                if (_prompt.Pictures) _labeller.Pictures.Answered();

                // Only what helped is kept: a request may also be refused for its content.
                if (tries.Steps > 0 || !_labeller.IsProven) _labeller.Prove(capabilities);
                return (parsed, LlmFailure.None, null);
            }

            bool foundOut = _labeller.Capabilities != capabilities && (tries.Steps == 0 || _labeller.IsProven);
            if (LlmCapabilities.IsAboutParameters(reply.Status) && tries.Steps < LlmCapabilities.MaximumSteps && (foundOut || !_labeller.IsProven)
                && (foundOut ? _labeller.Capabilities : capabilities.StepDown(reply.Body.Span)) is { } simpler)
            {
                // Another call may have found it out meanwhile. It costs none of the attempts.
                capabilities = simpler;
                tries.Steps++;
                continue;
            }

            if (Judge(reply, tries) is { } verdict) return (null, verdict.Failure, verdict.Detail);
            await PauseAsync(reply, tries, cancellationToken);
        }
    }

    /// <summary>How often a call was sent, by how it ended.</summary>
    private sealed class Tries
    {
        public int Sent { get; set; }

        public int Failures { get; set; }

        public int Limited { get; set; }

        public int Steps { get; set; }

        public bool Probes { get; set; }
    }

    // One call goes first where the server was out of order; the others wait for what becomes of it.
    private async Task<bool> EnterAsync(Tries tries, CancellationToken cancellationToken)
    {
        if (_halfOpen is not { Task.IsCompleted: false } || tries.Probes) return true;
        if (Interlocked.CompareExchange(ref _probing, 1, 0) == 0)
        {
            tries.Probes = true;
            return true;
        }

        await _halfOpen.Task.WaitAsync(cancellationToken);
        return false;
    }

    // Waits for a place at the endpoint, for its limits over time and for the money; then sends. Nothing is sent where the money or the
    // number of requests is not enough, or where the circuit opened meanwhile.
    private async Task<(LlmFailure Failure, (LlmReply Reply, ParsedAnswer? Parsed)? Sent)> TrySendAsync(
        Call call, LabellingPrompt prompt, string[] texts, IReadOnlyList<LlmMessage> messages, LlmCapabilities capabilities, int completionTokens, long bytes, int seed, Tries tries,
        CancellationToken cancellationToken)
    {
        decimal reservation;
        long estimate;
        bool entered = false;
        try
        {
            using (var wait = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _broken.Token))
            {
                try
                {
                    await _labeller.Gate.WaitAsync(wait.Token);
                    entered = true;
                    estimate = _budget.EstimateTokens(bytes, texts.Length, completionTokens);
                    await _labeller.Pacing.WaitAsync(estimate, wait.Token);
                    (var spent, reservation) = await _budget.ReserveAsync(bytes, texts.Length, completionTokens, wait.Token);
                    if (spent != LlmFailure.None) return (spent, null);
                }
                catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
                {
                    return (LlmFailure.None, null);
                }
            }

            tries.Sent++;
            byte[] body = _labeller.Client.Render(prompt, messages, capabilities, completionTokens, seed, _options.Temperature);
            var started = _labeller.Time.GetUtcNow();
            long clock = _labeller.Time.GetTimestamp();
            var reply = await SendAsync(body, cancellationToken);
            var completion = reply.Outcome == LlmCallOutcome.Answered ? LlmCompletion.Parse(reply.Body) : null;
            var parsed = reply.Outcome == LlmCallOutcome.Answered ? Restored(LlmAnswerParser.Parse(completion, prompt, texts), call) : null;
            var latency = _labeller.Time.GetElapsedTime(clock);
            _labeller.Gate.Release();
            entered = false;
            await RecordAsync(call, tries.Sent, started, latency, reply, completion, parsed, new Expected(reservation, bytes, completionTokens, estimate, texts.Length));
            return (LlmFailure.None, (reply, parsed));
        }
        finally
        {
            if (entered) _labeller.Gate.Release();
        }
    }

    private ParsedAnswer Restored(ParsedAnswer parsed, Call call) => _options.Restore is not { } restore ? parsed : parsed with
    {
        Outcomes = [.. parsed.Outcomes.Zip(call.Items).Select(p => p.First.Answer is { } answer ? p.First with { Answer = restore(p.Second.Item.Text, answer) } : p.First)],
    };

    // A request under way is not given up when the circuit opens: it is paid for, and its answer may come. Its own time-out bounds it.
    private async Task<LlmReply> SendAsync(byte[] body, CancellationToken cancellationToken)
    {
        try
        {
            return await _labeller.Client.SendAsync(body, cancellationToken);
        }
        catch (OperationCanceledException)
        {
            return new LlmReply(LlmCallOutcome.Cancelled, null, default, null);
        }
    }

    /// <summary>Counts a failed request, and decides whether its call is over.</summary>
    private (LlmFailure Failure, string Detail)? Judge(LlmReply reply, Tries tries)
    {
        if (reply.Outcome == LlmCallOutcome.Rejected || IsOutOfQuota(reply))
        {
            // A wrong key, model or address is wrong for every item; so is a server that took no form of request from the first on.
            bool all = reply.Status is 401 or 402 or 403 or 404 or 405 or 429 or (>= 300 and < 400) || (!_labeller.IsProven && Interlocked.Increment(ref _refusals) >= RefusalsBeforeProof)
                || (_prompt.Pictures && _labeller.Pictures.Refused());
            if (all) Break(LlmFailure.Rejected, Refusal(reply.Status));
            return (LlmFailure.Rejected, FormattableString.Invariant($"the server does not accept the request (HTTP {reply.Status})"));
        }

        string status = reply.Status is { } code ? FormattableString.Invariant($"HTTP {code}") : reply.Outcome == LlmCallOutcome.TimedOut ? "time-out" : "connection failed";
        if (reply.RetryAfter > _endpoint.MaximumRetryAfter)
        {
            if (Interlocked.Increment(ref _failuresInARow) >= _breakAfter || tries.Probes) Break(LlmFailure.CircuitOpen, FormattableString.Invariant($"the server failed {_breakAfter} times in a row"));
            return (FailureOf(reply), FormattableString.Invariant($"the server wants to be left alone for {reply.RetryAfter.Value.TotalSeconds:0} s ({status})"));
        }

        if (reply.Outcome == LlmCallOutcome.RateLimited)
        {
            // Being asked to slow down is no failure of the server, as long as it answers something from time to time.
            tries.Limited++;
            long now = _labeller.Time.GetTimestamp();
            long since = Interlocked.CompareExchange(ref _limitedSince, now, 0);
            if (since == 0 || _labeller.Time.GetElapsedTime(since, now) < _endpoint.RateLimitPatience) return null;
            Break(LlmFailure.RateLimited, FormattableString.Invariant($"the server answered nothing but 429 for {_endpoint.RateLimitPatience.TotalSeconds:0} s"));
            return (LlmFailure.RateLimited, FormattableString.Invariant($"no answer after {tries.Sent} attempts ({status})"));
        }

        tries.Failures++;
        if (tries.Probes && _halfOpen is { Task.IsCompleted: false })
        {
            Break(LlmFailure.CircuitOpen, FormattableString.Invariant($"the server still fails ({status})"));
            return (FailureOf(reply), FormattableString.Invariant($"the server still fails ({status})"));
        }

        if (Interlocked.Add(ref _failuresInARow, reply.Outcome == LlmCallOutcome.TimedOut ? TimeoutWeight : 1) >= _breakAfter)
            Break(LlmFailure.CircuitOpen, FormattableString.Invariant($"the server failed {_breakAfter} times in a row"));
        return tries.Failures >= _endpoint.MaximumAttempts ? (FailureOf(reply), FormattableString.Invariant($"no answer after {tries.Sent} attempts ({status})")) : null;
    }

    /// <summary>What a server means that refuses every request, in words for people. Its own words are not told: they may hold what it was asked.</summary>
    internal static string Refusal(int? status) => FormattableString.Invariant($"{status switch
    {
        401 or 403 => "the key is not accepted",
        402 or 429 => "the account's quota or credit is used up",
        404 or 405 => "there is no such address or model",
        >= 300 and < 400 => "it sends to another address, which is not followed",
        _ => "the server does not accept requests",
    }} (HTTP {status})");

    private static LlmFailure FailureOf(LlmReply reply) => reply.Outcome == LlmCallOutcome.RateLimited ? LlmFailure.RateLimited : LlmFailure.Unreachable;

    private static bool IsOutOfQuota(LlmReply reply) =>
        reply.Status == 429 && reply.Body.Span[..Math.Min(reply.Body.Length, 4096)].IndexOf("insufficient_quota"u8) >= 0;

    private async Task PauseAsync(LlmReply reply, Tries tries, CancellationToken cancellationToken)
    {
        var pause = Backoff(tries.Failures + tries.Limited);
        if (reply.RetryAfter is { } asked && asked >= s_shortestAsked)
        {
            // What the server asks of one holds for all.
            _labeller.Pacing.Pause(asked);
            lock (_lock) pause = asked * (0.05 * _jitter.NextDouble());
        }

        try
        {
            using var wait = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _broken.Token);
            await Task.Delay(pause, _labeller.Time, wait.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            // The circuit opened meanwhile; the loop sees it.
        }
    }

    private void Break(LlmFailure failure, string detail)
    {
        lock (_lock)
        {
            if (_stopReason != LlmFailure.None) return;
            _stopReason = failure;
            _stopDetail = detail;
        }

        if (failure != LlmFailure.Rejected) _labeller.Circuit.Open();
        _broken.Cancel();
        _halfOpen?.TrySetResult();
    }

    private bool Stopped(out LlmFailure failure, out string? detail)
    {
        lock (_lock)
        {
            failure = _stopReason;
            detail = _stopDetail;
            return failure != LlmFailure.None;
        }
    }

    // Exponential, with full jitter over its upper half, so that calls that failed together do not come back together.
    private TimeSpan Backoff(int attempt)
    {
        double ceiling = Math.Min(s_longestWait.TotalSeconds, s_firstWait.TotalSeconds * Math.Pow(2, Math.Min(10, attempt - 1)));
        lock (_lock) return TimeSpan.FromSeconds(ceiling * (0.5 + (0.5 * _jitter.NextDouble())));
    }

    /// <summary>What a call was expected to take.</summary>
    private readonly record struct Expected(decimal Reservation, long Bytes, int CompletionTokens, long Tokens, int Items);

    private async ValueTask RecordAsync(
        Call call, int attempt, DateTimeOffset started, TimeSpan latency, LlmReply reply, LlmCompletion? completion, ParsedAnswer? parsed, Expected expected)
    {
        // An answer lost on its way, or one that tells no usage, may have been worked on to its end: the budget takes it for what it can have cost.
        bool worked = reply.Outcome is LlmCallOutcome.Answered or LlmCallOutcome.TimedOut or LlmCallOutcome.Cancelled
            || (reply.Outcome == LlmCallOutcome.ConnectionFailed && reply.Status is not null);
        bool told = completion is { PromptTokens: not null, CompletionTokens: not null };
        long prompt = completion?.PromptTokens ?? 0;
        long answered = completion?.CompletionTokens ?? 0;
        decimal cost = _endpoint.Cost(prompt, answered);
        decimal estimated = worked && !told ? Math.Max(0, _budget.EstimateCost(expected.Bytes, expected.Items, expected.CompletionTokens) - cost) : 0;
        _budget.Settle(expected.Reservation, cost + estimated, expected.Bytes, expected.Items, completion?.PromptTokens, completion?.CompletionTokens);
        _labeller.Pacing.Correct(expected.Tokens, told ? prompt + answered : worked ? expected.Tokens : 0);
        Interlocked.Add(ref _promptTokens, prompt);
        Interlocked.Add(ref _completionTokens, answered);
        if (_options.Ledger is null) return;
        int round = call.Round + 1;
        IReadOnlyList<LlmItemResult> answers = parsed is null
            ? []
            : [.. parsed.Outcomes.Zip(call.Items).Where(p => p.First.Answer is not null).Select(p => new LlmItemResult(p.Second.Item, p.First.Answer, LlmFailure.None, null, round))];
        await _options.Ledger.RecordAsync(
            new LlmCallRecord
            {
                StartedAt = started,
                Model = _endpoint.Model,
                AnsweredBy = completion?.Model,
                PromptVersion = _prompt.Version,
                Items = call.Items.Length,
                Answered = answers.Count,
                UnaskedIds = parsed?.UnaskedIds ?? 0,
                Attempt = attempt,
                PromptTokens = prompt,
                CompletionTokens = answered,
                Cost = cost,
                EstimatedCost = estimated,
                Latency = latency,
                Outcome = reply.Outcome == LlmCallOutcome.Answered && answers.Count == 0 && call.Items.Length > 0 ? LlmCallOutcome.Useless : reply.Outcome,
                HttpStatus = reply.Status,
            },
            answers);
    }
}
