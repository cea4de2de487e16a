using System.Threading.Channels;
using Annotator.Core.Labels;
using Annotator.Core.Quality;
using Annotator.Core.Storage;

namespace Annotator.Core.Llm;

/// <summary>For whom requests are made.</summary>
/// <param name="ProjectId">The project.</param>
/// <param name="RunId">The run.</param>
/// <param name="PromptVersion">Version of the prompt.</param>
internal sealed record Asker(long ProjectId, long? RunId, int PromptVersion);

/// <summary>
/// Writes the ledger's rows together with what the requests answered, behind the calls: those that come while a transaction is under way go
/// into the next one together. What the ledger holds is paid for and its answers are kept; what it does not hold yet is no more than the
/// calls under way, and three times as many on a machine that is slow to write.
/// </summary>
internal sealed class LedgerWriter : ILlmLedger, IAsyncDisposable
{
    // Answers that may wait for each call under way: while another transaction of the project is written, two come from it.
    private const int WaitingPerCall = 2;

    private readonly AnnotatorDatabase _database;
    private readonly Asker _asker;
    private readonly Func<WriteScope, IReadOnlyList<LlmItemResult>, Task>? _keep;
    private readonly Channel<Entry> _entries;
    private readonly int _mostAtOnce;
    private readonly bool _countsItems;
    private readonly Task _worker;

    /// <summary>Makes a writer.</summary>
    /// <param name="database">Where to.</param>
    /// <param name="asker">For whom.</param>
    /// <param name="keep">Keeps answered items, each once; null: nothing is kept.</param>
    /// <param name="calls">Calls under way at a time: twice so many answers may wait to be written, and with more the callers wait. What a process has in its hands when it dies is asked again, and no more.</param>
    /// <param name="countsItems">Whether what is answered counts as items of the project; not so for steps on the way to an answer.</param>
    public LedgerWriter(AnnotatorDatabase database, Asker asker, Func<WriteScope, IReadOnlyList<LlmItemResult>, Task>? keep, int calls, bool countsItems = true)
    {
        (_database, _asker, _keep, _countsItems) = (database, asker, keep, countsItems);
        _mostAtOnce = WaitingPerCall * calls;
        _entries = Channel.CreateBounded<Entry>(_mostAtOnce);
        _worker = WriteAsync();
    }

    /// <inheritdoc />
    public ValueTask RecordAsync(LlmCallRecord call, IReadOnlyList<LlmItemResult> answers) => _entries.Writer.WriteAsync(new Entry(call, answers, null));

    /// <summary>Waits until everything recorded so far is in the database.</summary>
    public async Task FlushAsync()
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await _entries.Writer.WriteAsync(new Entry(null, [], done));
        await Task.WhenAny(done.Task, _worker);
        if (!done.Task.IsCompleted) await _worker;
    }

    /// <summary>Writes what is left. An error that was told already is not told again.</summary>
    public async ValueTask DisposeAsync()
    {
        _entries.Writer.TryComplete();
        await _worker.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private async Task WriteAsync()
    {
        try
        {
            var entries = new List<Entry>(_mostAtOnce);
            while (await _entries.Reader.WaitToReadAsync())
            {
                entries.Clear();
                while (entries.Count < _mostAtOnce && _entries.Reader.TryRead(out var entry)) entries.Add(entry);
                var calls = entries.Where(e => e.Call is not null).ToList();
                if (calls.Count > 0) await _database.WriteAsync(scope => StoreAsync(scope, calls));
                foreach (var entry in entries) entry.Flushed?.TrySetResult();
            }
        }
        catch (Exception e)
        {
            // From here on whoever records is told.
            _entries.Writer.TryComplete(e);
            throw;
        }
    }

    private async Task StoreAsync(WriteScope scope, List<Entry> entries)
    {
        var id = scope.NextId("llmCall", entries.Count);
        var rows = entries.Select(e => Row(e.Call!, id++, scope.Now)).ToList();
        await scope.Dialect.InsertAsync(scope.Db, rows, ignoreConflicts: false, scope.CancellationToken);
        if (_keep is not null)
        {
            // An item of a retried call can be there twice; the last answer counts.
            var kept = entries.SelectMany(e => e.Answers).GroupBy(a => a.Item.Id, StringComparer.Ordinal).Select(g => g.Last()).ToList();
            if (kept.Count > 0) await _keep(scope, kept);
        }

        var project = _asker.ProjectId;
        scope.Count(project, CounterNames.LlmCalls, entries.Count);
        if (_countsItems) scope.Count(project, CounterNames.LlmItems, entries.Sum(e => (long)e.Call!.Answered));
        scope.Count(project, CounterNames.LlmPromptTokens, entries.Sum(e => e.Call!.PromptTokens));
        scope.Count(project, CounterNames.LlmCompletionTokens, entries.Sum(e => e.Call!.CompletionTokens));
        scope.Count(project, CounterNames.LlmCost, entries.Sum(e => Units(e.Call!.Cost)));
        scope.Count(project, CounterNames.LlmEstimatedCost, entries.Sum(e => Units(e.Call!.EstimatedCost)));
    }

    private LlmCall Row(LlmCallRecord call, long id, DateTimeOffset now) => new()
    {
        Id = id,
        ProjectId = _asker.ProjectId,
        RunId = _asker.RunId,
        Model = call.Model,
        PromptVersion = _asker.PromptVersion,
        Items = call.Items,
        Answered = call.Answered,
        PromptTokens = call.PromptTokens,
        CompletionTokens = call.CompletionTokens,
        Cost = (double)call.Cost,
        EstimatedCost = (double)call.EstimatedCost,
        Milliseconds = (int)Math.Min(int.MaxValue, call.Latency.TotalMilliseconds),
        Status = call.HttpStatus ?? 0,
        Outcome = Names.Of(call.Outcome),
        CreatedAt = now,
    };

    private static long Units(decimal cost) => (long)Math.Round(cost * CounterNames.CostUnits);

    private sealed record Entry(LlmCallRecord? Call, IReadOnlyList<LlmItemResult> Answers, TaskCompletionSource? Flushed);
}
