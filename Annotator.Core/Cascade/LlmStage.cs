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
public sealed class LlmStage(AnnotatorDatabase database, IOptions<LlmProviderOptions> provider, TimeProvider time) : ILlmLedger, IDisposable
{
    // For whom the requests of this flow of control are made: the labeller is shared by all projects.
    private static readonly AsyncLocal<Asker?> s_asker = new();

    // Until people have judged enough of its answers, the model is thought to be right as often as not.
    private const double PriorRight = 4;
    private const double PriorJudged = 8;

    private readonly HttpClient _http = new(new SocketsHttpHandler { AllowAutoRedirect = false, UseProxy = false, PooledConnectionLifetime = TimeSpan.FromMinutes(5) }) { Timeout = Timeout.InfiniteTimeSpan };

    // One labeller a size of call: it holds the limits over time and what the server is known to understand.
    private readonly ConcurrentDictionary<int, LlmLabeller> _labellers = new();

    /// <summary>Whether the LLM may be asked for this project now: configured, wanted, and within the budget.</summary>
    public async ValueTask<bool> IsAvailableAsync(Project project, CancellationToken cancellationToken = default)
    {
        var schema = project.Schema;
        if (!provider.Value.IsConfigured || !project.Settings.Llm.Enabled || project.Modality != Modality.Text || schema.Type != TaskType.Classification || schema.Labels.Count == 0) return false;
        return project.Settings.Llm.Budget <= 0 || await SpentAsync(project.Id, cancellationToken) < project.Settings.Llm.Budget;
    }

    /// <inheritdoc />
    public void Dispose() => _http.Dispose();

    internal int PartSize(Project project) => project.Settings.Llm.ItemsPerCall * provider.Value.Concurrency;

    /// <summary>Asks about items; every item gets a prediction, or the reason why it has none.</summary>
    internal async Task<IReadOnlyList<Prediction>> AskAsync(RunContext run, Project project, IReadOnlyList<Item> items, CancellationToken cancellationToken)
    {
        var schema = project.Schema;
        var names = schema.Leaves();
        var labels = schema.Labels.Where(l => names.Contains(l.Name, StringComparer.Ordinal)).Select(l => new LlmLabel(l.Name, l.Description)).ToList();
        var prompt = new LabellingPrompt(schema.Multiple ? LlmTask.MultipleChoice : LlmTask.SingleChoice, labels, null, project.Guidelines.Length > 0 ? project.Guidelines : null);
        var version = project.SchemaVersion;
        var left = project.Settings.Llm.Budget > 0 ? Math.Max(0, project.Settings.Llm.Budget - await SpentAsync(project.Id, cancellationToken)) : (double?)null;
        var labeller = _labellers.GetOrAdd(project.Settings.Llm.ItemsPerCall, size => new LlmLabeller(provider.Value.ToEndpoint(size), _http, this, time));
        var asked = items.Select(i => new LlmItem(i.Id.ToString(CultureInfo.InvariantCulture), i.Text ?? "")).ToList();
        s_asker.Value = new Asker(project.Id, run.Run.Id, version);
        var result = await labeller.LabelAsync(prompt, asked, new LlmRunOptions { Budget = left is { } money ? (decimal)money : null, Seed = (int)(run.Run.Id & int.MaxValue) }, cancellationToken);
        var now = time.GetUtcNow();
        return [.. result.Results.Select(r => new Prediction
        {
            ProjectId = project.Id,
            ItemId = long.Parse(r.Item.Id, CultureInfo.InvariantCulture),
            Source = LabelSource.Llm,
            Version = version,
            Value = r.Answer is { } answer ? Value(answer, schema.Multiple) : null,
            Confidence = r.Answer?.Confidence ?? 0,
            Failure = r.Answer is null ? r.Failure.ToString() : null,
            CreatedAt = now,
        })];
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

    private static string Value(LlmAnswer answer, bool multiple) =>
        LabelJson.Write(multiple ? new ChoicesValue(answer.Labels) : new ChoiceValue(answer.Labels[0]));

    private Task<double> SpentAsync(long projectId, CancellationToken cancellationToken) => database.ReadAsync(
        async db => await db.Counters.Where(c => c.ProjectId == projectId && c.Name == CounterNames.LlmMicroCost).Select(c => c.Value).FirstOrDefaultAsync(cancellationToken) / 1e6, cancellationToken);

    /// <inheritdoc />
    async ValueTask ILlmLedger.RecordAsync(LlmCallRecord call)
    {
        if (s_asker.Value is not { } asker) return;
        await database.WriteAsync(async scope =>
        {
            var row = new LlmCall
            {
                Id = scope.NextId("llmCall"),
                ProjectId = asker.ProjectId,
                RunId = asker.RunId,
                Model = call.Model,
                PromptVersion = asker.PromptVersion,
                Items = call.Items,
                Answered = call.Answered,
                PromptTokens = call.PromptTokens,
                CompletionTokens = call.CompletionTokens,
                Cost = (double)call.Cost,
                Milliseconds = (int)Math.Min(int.MaxValue, call.Latency.TotalMilliseconds),
                Status = call.HttpStatus ?? 0,
                Outcome = Names.Of(call.Outcome),
                CreatedAt = scope.Now,
            };
            await scope.Dialect.InsertAsync(scope.Db, [row], ignoreConflicts: false, scope.CancellationToken);
            scope.Count(asker.ProjectId, CounterNames.LlmCalls, 1);
            scope.Count(asker.ProjectId, CounterNames.LlmItems, call.Answered);
            scope.Count(asker.ProjectId, CounterNames.LlmPromptTokens, call.PromptTokens);
            scope.Count(asker.ProjectId, CounterNames.LlmCompletionTokens, call.CompletionTokens);
            scope.Count(asker.ProjectId, CounterNames.LlmMicroCost, (long)Math.Ceiling(call.Cost * 1_000_000));
        });
    }

    private sealed record Asker(long ProjectId, long RunId, int PromptVersion);
}
