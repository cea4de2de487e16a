using System.Collections.Concurrent;
using System.Globalization;
using Annotator.Core.Items;
using Annotator.Core.Labels;
using Annotator.Core.Llm;
using Annotator.Core.Llm.Prompts;
using Annotator.Core.Projects;
using Annotator.Core.Quality;
using Annotator.Core.Runs;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Cascade;

/// <summary>The cascade's use of the LLM: what is asked, within the project's budget, and what is thought of the answers.</summary>
public sealed class LlmStage(AnnotatorDatabase database, LlmProviders providers, PromptCatalog prompts, DecidedTexts decided, TimeProvider time)
{
    // Until people have judged enough of its answers, the model is thought to be right as often as not.
    private const double PriorRight = 4;
    private const double PriorJudged = 8;

    // Judgements of people before the stage may pause by itself.
    private const int JudgedBeforePause = 30;

    /// <summary>Whether the LLM may be asked for this project now: configured, wanted, good enough, and within the budget.</summary>
    public async ValueTask<bool> IsAvailableAsync(Project project, CancellationToken cancellationToken = default)
    {
        if (await UnavailableAsync(project, cancellationToken) is not null) return false;
        return project.Settings.Llm.Budget <= 0 || await SpentAsync(project.Id, cancellationToken) < project.Settings.Llm.Budget;
    }

    /// <summary>Why the LLM is not asked for this project, whatever was spent; null where it is.</summary>
    public async ValueTask<string?> UnavailableAsync(Project project, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(project);
        var schema = project.Schema;
        if (!project.Settings.Llm.Enabled) return "The project's settings do not let the LLM be asked (settings.llm.enabled).";
        if (project.Modality != Modality.Text || schema.Type is not (TaskType.Classification or TaskType.Spans)) return "The LLM is asked about texts only.";
        if (schema.Type == TaskType.Spans && project.Settings.Llm.MaskPersonalData) return "Spans cannot be marked in texts from which personal data were taken out (settings.llm.maskPersonalData).";
        if (schema.Labels.Count == 0) return "The project has no labels yet.";
        var (_, why) = await providers.ForAsync(project, cancellationToken);
        return why ?? await PausedAsync(project, cancellationToken);
    }

    /// <summary>What of the budget is left; null: there is no budget.</summary>
    internal async Task<decimal?> LeftAsync(Project project, CancellationToken cancellationToken) =>
        project.Settings.Llm.Budget > 0 ? (decimal)Math.Max(0, project.Settings.Llm.Budget - await SpentAsync(project.Id, cancellationToken)) : null;

    /// <summary>Begins to ask about items of a run.</summary>
    internal async Task<LlmAsking> BeginAsync(RunContext run, Project project, CancellationToken cancellationToken)
    {
        var prompt = await prompts.CurrentAsync(project, cancellationToken);
        var asker = new Asker(project.Id, run.Run.Id, prompt.Version);
        var task = prompt.Content.Task;
        return await OpenAsync(
            project,
            asker,
            prompt.Content,
            await LeftAsync(project, cancellationToken),
            (scope, answers) => scope.Dialect.UpsertAsync(scope.Db, [.. answers.Select(a => LlmAsking.Prediction(a, asker, task, scope.Now))], scope.CancellationToken),
            cancellationToken);
    }

    /// <summary>Begins to ask with a prompt.</summary>
    /// <param name="project">The project.</param>
    /// <param name="asker">For whom.</param>
    /// <param name="content">The prompt.</param>
    /// <param name="budget">Money that may be spent; null: no bound.</param>
    /// <param name="keep">Keeps what was answered, in the transaction of the ledger.</param>
    /// <param name="cancellationToken">Cancels.</param>
    internal async Task<LlmAsking> OpenAsync(
        Project project, Asker asker, PromptContent content, decimal? budget, Func<WriteScope, IReadOnlyList<LlmItemResult>, Task> keep, CancellationToken cancellationToken)
    {
        var (labeller, why) = await providers.ForAsync(project, cancellationToken);
        if (labeller is null) throw new RunFailedException(why!);
        var settings = project.Settings.Llm;
        Func<string, string>? mask = settings.MaskPersonalData ? PersonalData.Mask : null;
        var index = settings.Examples > 0 ? await decided.IndexAsync(project, cancellationToken) : null;
        var options = new LlmRunOptions
        {
            ItemsPerCall = settings.ItemsPerCall,
            Budget = budget,
            Seed = (int)((asker.RunId ?? 0) & int.MaxValue),
            Mask = mask,
            ExamplesFor = index is null or { Size: 0 } ? null : items => index.For(items, settings.Examples, settings.ExampleTokens, mask),
        };
        return new LlmAsking(database, asker, labeller, content.ToPrompt(), options, keep, time, cancellationToken);
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

    // The version in use has lost the trust once even the upper end of its accuracy's interval is below the line.
    private async Task<string?> PausedAsync(Project project, CancellationToken cancellationToken)
    {
        var line = project.Settings.Llm.PauseBelow;
        if (line <= 0) return null;
        var (right, judged, version) = await database.ReadAsync(
            async db =>
            {
                if (await db.Prompts.Where(p => p.ProjectId == project.Id && p.Active).Select(p => (int?)p.Version).FirstOrDefaultAsync(cancellationToken) is not { } active) return (0, 0, 0);
                var (r, j) = (CounterNames.LlmRightOf(active), CounterNames.LlmJudgedOf(active));
                var counters = await db.Counters.Where(c => c.ProjectId == project.Id && (c.Name == r || c.Name == j)).ToDictionaryAsync(c => c.Name, c => (int)c.Value, StringComparer.Ordinal, cancellationToken);
                return (counters.GetValueOrDefault(r), counters.GetValueOrDefault(j), active);
            },
            cancellationToken);
        if (judged < JudgedBeforePause || ProportionInterval.Wilson(Math.Clamp(right, 0, judged), judged) is not { } accuracy || accuracy.Upper >= line) return null;
        return string.Create(
            CultureInfo.InvariantCulture, $"The LLM is paused: of {judged} answers of prompt version {version} that people judged, {right} were right, which is below the line (settings.llm.pauseBelow). Another version, or a lower line, ends the pause.");
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
    private readonly LlmTask _task;
    private readonly TimeProvider _time;
    private const int MostRemembered = 50_000;
    private const int LongestRemembered = 2_000;

    private readonly AnnotatorDatabase _database;
    private readonly LedgerWriter _ledger;
    private readonly LlmSession _session;
    private readonly ConcurrentDictionary<string, LlmAnswer> _answers = new(StringComparer.Ordinal);

    public LlmAsking(
        AnnotatorDatabase database, Asker asker, LlmLabeller labeller, LabellingPrompt prompt, LlmRunOptions options, Func<WriteScope, IReadOnlyList<LlmItemResult>, Task> keep, TimeProvider time, CancellationToken cancellationToken)
    {
        (_database, _asker, _time, _task) = (database, asker, time, prompt.Task);
        _ledger = new LedgerWriter(database, asker, keep);
        _session = labeller.Begin(prompt, options with { Ledger = _ledger }, cancellationToken);
        PartSize = (options.ItemsPerCall ?? labeller.Endpoint.ItemsPerCall) * labeller.Endpoint.Concurrency;
    }

    /// <summary>Items of a part: one call for each of those that may be under way at a time.</summary>
    public int PartSize { get; }

    /// <summary>Whether nothing more is asked: the server failed, or does not accept requests.</summary>
    public bool Stopped => _session.StopReason != LlmFailure.None;

    /// <summary>What was spent so far.</summary>
    public decimal Cost => _session.Cost;

    /// <summary>A result as a prediction.</summary>
    public static Prediction Prediction(LlmItemResult result, Asker asker, LlmTask task, DateTimeOffset now) => new()
    {
        ProjectId = asker.ProjectId,
        ItemId = long.Parse(result.Item.Id, CultureInfo.InvariantCulture),
        Source = LabelSource.Llm,
        Version = asker.PromptVersion,
        Value = result.Answer is { } answer ? Value(answer, task) : null,
        Confidence = result.Answer?.Confidence ?? 0,
        Failure = result.Answer is null ? result.Failure.ToString() : null,
        CreatedAt = now,
    };

    /// <summary>An answer as a label value in canonical JSON.</summary>
    public static string Value(LlmAnswer answer, LlmTask task) => LabelJson.Write(task switch
    {
        LlmTask.SingleChoice => new ChoiceValue(answer.Labels[0]),
        LlmTask.MultipleChoice => new ChoicesValue(answer.Labels),
        _ => new SpansValue(answer.Spans.Select(s => new Span(s.Start, s.End, s.Label))),
    });

    /// <summary>
    /// Asks about items; every item gets a prediction, or the reason why it has none. Answers are stored when this ends, failures are not. A
    /// text that was answered before in the run is not asked about again: it gets the same answer.
    /// </summary>
    public async Task<IReadOnlyList<Prediction>> AskAsync(IReadOnlyList<Item> items)
    {
        var first = new Dictionary<string, long>(StringComparer.Ordinal);
        var fresh = items.Where(i => !_answers.ContainsKey(i.Text ?? "") && first.TryAdd(i.Text ?? "", i.Id)).ToList();
        var results = await AskAsync([.. fresh.Select(i => new LlmItem(i.Id.ToString(CultureInfo.InvariantCulture), i.Text ?? ""))]);
        var own = results.ToDictionary(r => long.Parse(r.Item.Id, CultureInfo.InvariantCulture));
        foreach (var result in results.Where(r => r.Answer is not null && r.Item.Text.Length <= LongestRemembered && _answers.Count < MostRemembered)) _answers.TryAdd(result.Item.Text, result.Answer!);

        var now = _time.GetUtcNow();
        var predictions = new List<Prediction>(items.Count);
        var repeated = new List<Prediction>();
        foreach (var item in items)
        {
            if (own.TryGetValue(item.Id, out var result))
            {
                predictions.Add(Prediction(result, _asker, _task, now));
                continue;
            }

            var again = new LlmItem(item.Id.ToString(CultureInfo.InvariantCulture), item.Text ?? "");
            var same = first.TryGetValue(again.Text, out var asked) ? own[asked] with { Item = again } : new LlmItemResult(again, _answers[again.Text], LlmFailure.None, null, 0);
            predictions.Add(Prediction(same, _asker, _task, now));
            if (same.Answer is not null) repeated.Add(predictions[^1]);
        }

        if (repeated.Count > 0)
        {
            await _database.WriteAsync(async scope =>
            {
                await scope.Dialect.UpsertAsync(scope.Db, repeated, scope.CancellationToken);
                scope.Count(_asker.ProjectId, CounterNames.LlmItems, repeated.Count);
            });
        }

        return predictions;
    }

    /// <summary>Asks about texts.</summary>
    public async Task<IReadOnlyList<LlmItemResult>> AskAsync(IReadOnlyList<LlmItem> items)
    {
        var results = await _session.AskAsync(items);
        await _ledger.FlushAsync();
        return results;
    }

    /// <summary>Asks a question.</summary>
    public Task<(string? Content, string? Why)> CompleteAsync(LlmQuestion question) => _session.CompleteAsync(question);

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        await _session.DisposeAsync();
        await _ledger.DisposeAsync();
    }
}
