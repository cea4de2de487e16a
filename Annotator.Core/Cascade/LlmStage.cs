using System.Collections.Concurrent;
using System.Globalization;
using Annotator.Core.Items;
using Annotator.Core.Labels;
using Annotator.Core.Llm;
using Annotator.Core.Projects;
using Annotator.Core.Quality;
using Annotator.Core.Runs;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace Annotator.Core.Cascade;

/// <summary>The cascade's use of the LLM: what is asked, within the project's budget, and what is thought of the answers.</summary>
public sealed class LlmStage(AnnotatorDatabase database, IOptions<LlmProviderOptions> provider, TimeProvider time) : IDisposable
{
    // Until people have judged enough of its answers, the model is thought to be right as often as not.
    private const double PriorRight = 4;
    private const double PriorJudged = 8;

    private readonly HttpClient _http = new(new SocketsHttpHandler { AllowAutoRedirect = false, UseProxy = false, PooledConnectionLifetime = TimeSpan.FromMinutes(5) }) { Timeout = Timeout.InfiniteTimeSpan };

    // One labeller for all projects: it holds the limits over time and what the server is known to understand.
    private readonly Lock _lock = new();
    private LlmLabeller? _labeller;

    /// <summary>Whether the LLM may be asked for this project now: configured, wanted, and within the budget.</summary>
    public async ValueTask<bool> IsAvailableAsync(Project project, CancellationToken cancellationToken = default)
    {
        if (Unavailable(project) is not null) return false;
        return project.Settings.Llm.Budget <= 0 || await SpentAsync(project.Id, cancellationToken) < project.Settings.Llm.Budget;
    }

    /// <summary>Why the LLM is not asked for this project, whatever was spent; null where it is.</summary>
    public string? Unavailable(Project project)
    {
        var schema = project.Schema;
        return !provider.Value.IsConfigured ? "No LLM is configured (Annotator:Llm:BaseUrl)."
            : !project.Settings.Llm.Enabled ? "The project's settings do not let the LLM be asked (settings.llm.enabled)."
            : project.Modality != Modality.Text || schema.Type != TaskType.Classification ? "The LLM is asked for classes of texts only."
            : schema.Labels.Count == 0 ? "The project has no labels yet."
            : null;
    }

    /// <inheritdoc />
    public void Dispose() => _http.Dispose();

    /// <summary>Begins to ask about items of a run.</summary>
    internal async Task<LlmAsking> BeginAsync(RunContext run, Project project, CancellationToken cancellationToken)
    {
        var schema = project.Schema;
        var names = schema.Leaves();
        var labels = schema.Labels.Where(l => names.Contains(l.Name, StringComparer.Ordinal)).Select(l => new LlmLabel(l.Name, l.Description)).ToList();
        var prompt = new LabellingPrompt(schema.Multiple ? LlmTask.MultipleChoice : LlmTask.SingleChoice, labels, null, project.Guidelines.Length > 0 ? project.Guidelines : null);
        var left = project.Settings.Llm.Budget > 0 ? Math.Max(0, project.Settings.Llm.Budget - await SpentAsync(project.Id, cancellationToken)) : (double?)null;
        var options = new LlmRunOptions
        {
            ItemsPerCall = project.Settings.Llm.ItemsPerCall,
            Budget = left is { } money ? (decimal)money : null,
            Seed = (int)(run.Run.Id & int.MaxValue),
        };
        return new LlmAsking(database, new Asker(project.Id, run.Run.Id, project.SchemaVersion), Labeller(), prompt, options, time, cancellationToken);
    }

    /// <summary>How often the model's answers are right, as people have judged them; held back while they are few.</summary>
    internal Task<double> ReliabilityAsync(long projectId, CancellationToken cancellationToken) => database.ReadAsync(
        async db =>
        {
            var counters = await db.Counters.Where(c => c.ProjectId == projectId && (c.Name == CounterNames.LlmRight || c.Name == CounterNames.LlmJudged))
                .ToDictionaryAsync(c => c.Name, c => c.Value, StringComparer.Ordinal, cancellationToken);
            return (counters.GetValueOrDefault(CounterNames.LlmRight) + PriorRight) / (counters.GetValueOrDefault(CounterNames.LlmJudged) + PriorJudged);
        },
        cancellationToken);

    private LlmLabeller Labeller()
    {
        lock (_lock) return _labeller ??= new LlmLabeller(provider.Value.ToEndpoint(), _http, time);
    }

    private Task<double> SpentAsync(long projectId, CancellationToken cancellationToken) => database.ReadAsync(
        async db => await db.Counters.Where(c => c.ProjectId == projectId && (c.Name == CounterNames.LlmCost || c.Name == CounterNames.LlmEstimatedCost)).SumAsync(c => c.Value, cancellationToken)
            / (double)CounterNames.CostUnits,
        cancellationToken);
}

/// <summary>Asks the LLM about the items of one run, part by part, each part while the one before is still under way.</summary>
internal sealed class LlmAsking : IAsyncDisposable
{
    private readonly Asker _asker;
    private readonly bool _multiple;
    private readonly TimeProvider _time;
    private readonly LedgerWriter _ledger;
    private readonly LlmSession _session;

    public LlmAsking(AnnotatorDatabase database, Asker asker, LlmLabeller labeller, LabellingPrompt prompt, LlmRunOptions options, TimeProvider time, CancellationToken cancellationToken)
    {
        (_asker, _time, _multiple) = (asker, time, prompt.Task == LlmTask.MultipleChoice);
        _ledger = new LedgerWriter(database, asker, Keep);
        _session = labeller.Begin(prompt, options with { Ledger = _ledger }, cancellationToken);
        PartSize = (options.ItemsPerCall ?? labeller.Endpoint.ItemsPerCall) * labeller.Endpoint.Concurrency;
    }

    /// <summary>Items of a part: one call for each of those that may be under way at a time.</summary>
    public int PartSize { get; }

    /// <summary>Whether nothing more is asked: the server failed, or does not accept requests.</summary>
    public bool Stopped => _session.StopReason != LlmFailure.None;

    /// <summary>Asks about items; every item gets a prediction, or the reason why it has none. Answers are stored when this ends, failures are not.</summary>
    public async Task<IReadOnlyList<Prediction>> AskAsync(IReadOnlyList<Item> items)
    {
        var results = await _session.AskAsync([.. items.Select(i => new LlmItem(i.Id.ToString(CultureInfo.InvariantCulture), i.Text ?? ""))]);
        await _ledger.FlushAsync();
        return [.. results.Select(Keep)];
    }

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        await _session.DisposeAsync();
        await _ledger.DisposeAsync();
    }

    private Prediction Keep(LlmItemResult result) => new()
    {
        ProjectId = _asker.ProjectId,
        ItemId = long.Parse(result.Item.Id, CultureInfo.InvariantCulture),
        Source = LabelSource.Llm,
        Version = _asker.PromptVersion,
        Value = result.Answer is { } answer ? LabelJson.Write(_multiple ? new ChoicesValue(answer.Labels) : new ChoiceValue(answer.Labels[0])) : null,
        Confidence = result.Answer?.Confidence ?? 0,
        Failure = result.Answer is null ? result.Failure.ToString() : null,
        CreatedAt = _time.GetUtcNow(),
    };
}
