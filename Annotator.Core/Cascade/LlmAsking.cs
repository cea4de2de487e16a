using System.Collections.Concurrent;
using System.Globalization;
using Annotator.Core.Items;
using Annotator.Core.Labels;
using Annotator.Core.Llm;
using Annotator.Core.Llm.Prompts;
using Annotator.Core.Projects;
using Annotator.Core.Quality;
using Annotator.Core.Storage;

namespace Annotator.Core.Cascade;

/// <summary>What is made of the ways to ask about items.</summary>
[Flags]
internal enum LlmWays
{
    /// <summary>Each item once, with what the prompt says and no more.</summary>
    Plain = 0,

    /// <summary>The nearest decided items are shown as examples.</summary>
    Examples = 1,

    /// <summary>What was answered before is not asked again, and what is answered is remembered.</summary>
    Cache = 2,

    /// <summary>An answer that is unsure is asked for several times, where the project wants it.</summary>
    Samples = 4,

    /// <summary>All of them.</summary>
    All = Examples | Cache | Samples,
}

/// <summary>Asks the LLM about the items of one run, part by part, each part while the one before is still under way.</summary>
internal sealed class LlmAsking : IAsyncDisposable
{
    private const int MostRemembered = 50_000;

    private readonly AnnotatorDatabase _database;
    private readonly Asker _asker;
    private readonly LlmTask _task;
    private readonly TimeProvider _time;
    private readonly LlmLabeller _labeller;
    private readonly LabellingPrompt _prompt;
    private readonly LlmAnswerCache? _cache;
    private readonly Func<string, string>? _mask;
    private readonly LlmPictures? _pictures;
    private readonly int _pixels;
    private readonly CancellationToken _cancellation;
    private readonly LedgerWriter _ledger;
    private readonly LlmSession _session;
    private readonly LlmPurses.Lease _purse;
    private readonly LlmNarrowing? _narrowing;
    private readonly LlmSampling? _sampling;

    // Texts of the run by their keys: what is being asked about is waited for, what was answered is not asked again.
    private readonly ConcurrentDictionary<string, TaskCompletionSource<LlmItemResult?>> _texts = new(StringComparer.Ordinal);
    private int _remembered;

    // The keys of what is being asked about, by item: they are needed again when the answers are kept.
    private readonly ConcurrentDictionary<string, string> _keys = new(StringComparer.Ordinal);

    // Whether there were kept answers when the run began; what it answers itself it remembers by itself.
    private readonly Lazy<Task<bool>> _hasCached;

    public LlmAsking(
        AnnotatorDatabase database, Asker asker, LlmLabeller labeller, LabellingPrompt prompt, LlmRunOptions options, LlmSettings settings, LlmWays ways, LlmAnswerCache? cache, LlmPictures? pictures, LlmPurses.Lease purse,
        Func<WriteScope, IReadOnlyList<LlmItemResult>, Task>? keep, TimeProvider time, CancellationToken cancellationToken)
    {
        (_database, _asker, _time, _task, _labeller, _prompt, _cache, _mask) = (database, asker, time, prompt.Task, labeller, prompt, cache, options.Mask);
        (_pictures, _pixels, _cancellation, _purse) = (pictures, settings.ImagePixels, cancellationToken, purse);

        // The steps on the way to an answer are paid out of what the answers are paid of.
        options = options with { Budget = null, Purses = [new LlmPurse(options.Budget), purse.Purse] };
        _hasCached = new Lazy<Task<bool>>(() => cache?.AnyAsync(asker.ProjectId, cancellationToken) ?? Task.FromResult(false));
        _ledger = new LedgerWriter(database, asker, keep is null && cache is null ? null : KeepAsync, labeller.Endpoint.Concurrency);
        PartSize = (options.ItemsPerCall ?? labeller.Endpoint.ItemsPerCall) * ((labeller.Endpoint.Concurrency + 1) / 2);
        if (prompt.Labels.Count > settings.NarrowAbove && prompt is { Task: not LlmTask.Spans, Pictures: false }) _narrowing = new LlmNarrowing(database, asker, labeller, prompt, options, cancellationToken);
        _session = labeller.Begin(prompt, options with { Ledger = _ledger, PromptFor = _narrowing is null ? null : _narrowing.PromptFor }, cancellationToken);
        if (ways.HasFlag(LlmWays.Samples) && settings.Samples > 1) _sampling = new LlmSampling(database, asker, labeller, prompt, options with { PromptFor = _narrowing is null ? null : _narrowing.PromptFor }, settings, cancellationToken);

        async Task KeepAsync(WriteScope scope, IReadOnlyList<LlmItemResult> answers)
        {
            if (keep is not null) await keep(scope, answers);
            if (_cache is not null) await _cache.StoreAsync(scope, asker.ProjectId, [.. answers.Select(a => (KeyOf(a.Item), a.Answer!))]);
        }
    }

    /// <summary>Items of a part: a call for every second one of those that may be under way at a time, so that one part is taken in while another is asked about.</summary>
    public int PartSize { get; }

    /// <summary>Whether nothing more is asked: the server failed, or does not accept requests.</summary>
    public bool Stopped => _session.StopReason != LlmFailure.None;

    /// <summary>Why nothing more is asked, in words for people; null while it is.</summary>
    public string? StopDetail => _session.StopDetail;

    /// <summary>Says that items were lost because the server failed.</summary>
    /// <param name="anyAnswered">Whether others were answered in the run.</param>
    /// <returns>The circuit to wait for.</returns>
    public LlmCircuit Failed(bool anyAnswered)
    {
        if (!anyAnswered && !_labeller.Circuit.IsOpen) _labeller.Circuit.Open();
        return _labeller.Circuit;
    }

    /// <summary>What was spent so far.</summary>
    public decimal Cost => _session.Cost + (_narrowing?.Cost ?? 0) + (_sampling?.Cost ?? 0);

    /// <summary>A result as a prediction.</summary>
    public static Prediction Prediction(LlmItemResult result, Asker asker, LlmTask task, DateTimeOffset now) => new()
    {
        ProjectId = asker.ProjectId,
        ItemId = long.Parse(result.Item.Id, CultureInfo.InvariantCulture),
        Source = LabelSource.Llm,
        Version = asker.PromptVersion,
        Value = result.Answer is { } answer ? Value(answer, task, result.Item.Picture) : null,
        Confidence = result.Answer?.Confidence ?? 0,
        Failure = result.Answer is null ? result.Failure.ToString() : null,
        CreatedAt = now,
    };

    /// <summary>An answer as a label value in canonical JSON.</summary>
    /// <param name="answer">The answer.</param>
    /// <param name="task">What was asked for.</param>
    /// <param name="picture">The item's picture, in whose pixels boxes are given.</param>
    public static string Value(LlmAnswer answer, LlmTask task, LlmPicture? picture = null) => LabelJson.Write(task switch
    {
        LlmTask.Boxes => new BoxesValue((answer.Boxes ?? []).Select(b => b.ToPixels(picture!.Width, picture.Height))),
        LlmTask.SingleChoice => new ChoiceValue(answer.Labels[0]),
        LlmTask.MultipleChoice => new ChoicesValue(answer.Labels),
        _ => new SpansValue(answer.Spans.Select(s => new Span(s.Start, s.End, s.Label))),
    });

    /// <summary>
    /// Asks about items; every item gets a prediction, or the reason why it has none. Answers are stored when this ends, failures are not. A
    /// text that was answered before is not asked about again: it gets the same answer, and one that is being asked about waits for it.
    /// </summary>
    public async Task<IReadOnlyList<Prediction>> AskAsync(IReadOnlyList<Item> items)
    {
        var asked = await DescribeAsync(items);
        var (own, waiting) = (new List<(Item Item, string Key)>(), new List<(Item Item, Task<LlmItemResult?> Same)>());
        foreach (var item in items)
        {
            var key = KeyOf(asked[item.Id]);
            if (_texts.TryGetValue(key, out var same)) waiting.Add((item, same.Task));
            else
            {
                if (_remembered++ < MostRemembered) _texts.TryAdd(key, new TaskCompletionSource<LlmItemResult?>(TaskCreationOptions.RunContinuationsAsynchronously));
                own.Add((item, key));
            }
        }

        var said = new Dictionary<long, LlmItemResult>(items.Count);
        var known = new HashSet<long>();
        try
        {
            IReadOnlyDictionary<string, LlmAnswer> cached = _cache is null || (_remembered < MostRemembered && !await _hasCached.Value) ? new Dictionary<string, LlmAnswer>(StringComparer.Ordinal) : await _cache.FindAsync(_asker.ProjectId, [.. own.Select(o => o.Key)]);
            foreach (var (item, key) in own.Where(o => cached.ContainsKey(o.Key)))
            {
                said[item.Id] = new LlmItemResult(asked[item.Id], cached[key], LlmFailure.None, null, 0);
                known.Add(item.Id);
            }

            foreach (var result in await AskAsync([.. own.Where(o => !said.ContainsKey(o.Item.Id)).Select(o => asked[o.Item.Id])])) said[long.Parse(result.Item.Id, CultureInfo.InvariantCulture)] = result;
        }
        finally
        {
            foreach (var (item, key) in own)
            {
                if (_texts.TryGetValue(key, out var mine)) mine.TrySetResult(said.GetValueOrDefault(item.Id));
                _keys.TryRemove(asked[item.Id].Id, out _);
            }
        }

        foreach (var (item, same) in waiting)
        {
            _keys.TryRemove(asked[item.Id].Id, out _);
            if (await same is not { } result) continue;
            said[item.Id] = result with { Item = asked[item.Id] };
            if (result.Answer is not null) known.Add(item.Id);
        }

        // The one it waited for was given up with its run: so is this one.
        var now = _time.GetUtcNow();
        var predictions = items.Where(i => said.ContainsKey(i.Id)).Select(i => Prediction(said[i.Id], _asker, _task, now)).ToList();
        await StoreKnownAsync([.. predictions.Where(p => known.Contains(p.ItemId))]);
        return predictions;
    }

    /// <summary>Asks about texts.</summary>
    public async Task<IReadOnlyList<LlmItemResult>> AskAsync(IReadOnlyList<LlmItem> items)
    {
        if (items.Count == 0) return [];
        if (_narrowing is not null) items = await _narrowing.NarrowAsync(items);
        var results = await _session.AskAsync(items);
        await _ledger.FlushAsync();
        if (_sampling is null) return results;
        var sampled = await _sampling.SampleAsync(results, _task);
        if (sampled.Changed.Count > 0)
        {
            await _database.WriteAsync(async scope =>
            {
                await _sampling.KeepAsync(scope, sampled.Changed, _task);
                if (_cache is not null) await _cache.StoreAsync(scope, _asker.ProjectId, [.. sampled.Changed.Select(c => (KeyOf(c.Item), c.Answer!))]);
            });
        }

        return sampled.Results;
    }

    /// <summary>Decided items, as they are asked about.</summary>
    public async Task<IReadOnlyList<LlmItem>> DescribeAsync(IReadOnlyList<DecidedText> decided)
    {
        var asked = await DescribeAsync([.. decided.Select(d => new Item { Id = d.ItemId, ProjectId = _asker.ProjectId, Key = "", Text = d.Url is null ? d.Text : null, Url = d.Url })]);
        return [.. decided.Select(d => asked[d.ItemId])];
    }

    /// <summary>Asks a question.</summary>
    public Task<(string? Content, string? Why)> CompleteAsync(LlmQuestion question) => _session.CompleteAsync(question);

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        await _session.DisposeAsync();
        await _ledger.DisposeAsync();
        if (_narrowing is not null) await _narrowing.DisposeAsync();
        if (_sampling is not null) await _sampling.DisposeAsync();
        _purse.Dispose();
    }

    // Items by their ids, as they are asked about.
    private async Task<Dictionary<long, LlmItem>> DescribeAsync(IReadOnlyList<Item> items)
    {
        var pictures = _pictures is null ? null : await _pictures.FindAsync(_asker.ProjectId, items, _pixels, _cancellation);
        return items.Select((item, i) => (item.Id, Asked: new LlmItem(item.Id.ToString(CultureInfo.InvariantCulture), item.Text ?? "", pictures?[i]))).ToDictionary(i => i.Id, i => i.Asked);
    }

    private string KeyOf(LlmItem item) => _keys.GetOrAdd(item.Id, static (_, a) => a.Asking.Compute(a.Item), (Asking: this, Item: item));

    private string Compute(LlmItem item) => LlmAnswerCache.KeyOf(_labeller.Endpoint, _prompt, LlmAnswerCache.TextOf(_prompt, item.Text, _mask), item.Picture);

    private async Task StoreKnownAsync(List<Prediction> predictions)
    {
        if (predictions.Count == 0) return;
        await _database.WriteAsync(async scope =>
        {
            await scope.Dialect.UpsertAsync(scope.Db, predictions, scope.CancellationToken);
            scope.Count(_asker.ProjectId, CounterNames.LlmItems, predictions.Count);
            scope.Count(_asker.ProjectId, CounterNames.LlmReused, predictions.Count);
        });
    }
}
