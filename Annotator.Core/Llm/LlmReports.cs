using Annotator.Core.Cascade;
using Annotator.Core.Items;
using Annotator.Core.Labels;
using Annotator.Core.Llm.Batches;
using Annotator.Core.Projects;
using Annotator.Core.Quality;
using Annotator.Core.Runs;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Llm;

/// <summary>A line of the ledger, summed.</summary>
/// <param name="Day">The day (UTC).</param>
/// <param name="Model">The model.</param>
/// <param name="PromptVersion">Version of the prompt.</param>
/// <param name="Calls">Requests, those that failed included.</param>
/// <param name="Failed">Requests without a usable answer.</param>
/// <param name="Items">Items asked about.</param>
/// <param name="Answered">Items answered.</param>
/// <param name="PromptTokens">Tokens of requests.</param>
/// <param name="CompletionTokens">Tokens of answers.</param>
/// <param name="Cost">Cost of these tokens.</param>
/// <param name="EstimatedCost">What may have been charged beyond that, where the server told no usage.</param>
public sealed record LedgerLine(DateOnly Day, string Model, int PromptVersion, long Calls, long Failed, long Items, long Answered, long PromptTokens, long CompletionTokens, double Cost, double EstimatedCost);

/// <summary>What the LLM would cost for what still waits.</summary>
/// <param name="Items">Items that it was not asked about.</param>
/// <param name="Measured">Items of earlier calls from which this is estimated; 0: none, then cost and time are unknown.</param>
/// <param name="Cost">Estimated cost; null where unknown.</param>
/// <param name="Seconds">Estimated time; null where unknown.</param>
/// <param name="BudgetLeft">What of the budget is left; null: there is no budget.</param>
public sealed record LlmEstimate(long Items, long Measured, double? Cost, double? Seconds, double? BudgetLeft);

/// <summary>What the LLM has cost a project.</summary>
/// <param name="Calls">Requests.</param>
/// <param name="Items">Items answered, those with an answer that was known included.</param>
/// <param name="Reused">Those of them that were answered without asking, by what was said of the same text.</param>
/// <param name="Followers">Near-duplicates that were not asked about, for the first of their group was.</param>
/// <param name="Spent">Cost of the tokens that servers counted.</param>
/// <param name="Uncertain">What may have been charged beyond that, where the server told no usage.</param>
/// <param name="Budget">The most that may be spent; 0: there is no budget.</param>
public sealed record LlmSummary(long Calls, long Items, long Reused, long Followers, double Spent, double Uncertain, double Budget);

/// <summary>Reads what the LLM was used for, and what it cost.</summary>
public sealed class LlmReports(AnnotatorDatabase database, LlmProviders providers, Cascade.LlmStage stage)
{
    // Newest calls from which an estimate is made.
    private const int Sampled = 200;

    /// <summary>Why the LLM is not asked now, or was not asked about all items of late, in words for people; null where it is.</summary>
    public async Task<string?> TroubleAsync(Project project, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(project);
        if (!project.Settings.Llm.Enabled) return null;
        if (await stage.UnavailableAsync(project, cancellationToken) is { } reason) return reason;
        var newest = await database.ReadAsync(
            db => db.Runs.Where(r => r.ProjectId == project.Id && (r.Kind == PrelabelHandler.RunKind || r.Kind == LlmBatchHandler.RunKind) && r.State >= RunState.Succeeded).OrderByDescending(r => r.Id).Select(r => new { r.State, r.Message }).FirstOrDefaultAsync(cancellationToken),
            cancellationToken);
        return newest is { Message: { } message } && (newest.State == RunState.Failed || message.StartsWith(PrelabelHandler.NotAsked, StringComparison.Ordinal)) ? message : null;
    }

    /// <summary>What the LLM has cost so far, and what was spared.</summary>
    public Task<LlmSummary> SummaryAsync(Project project, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(project);
        return database.ReadAsync(
            async db =>
            {
                var counters = await db.Counters.Where(c => c.ProjectId == project.Id && c.Name.StartsWith("llm:")).ToDictionaryAsync(c => c.Name, c => c.Value, StringComparer.Ordinal, cancellationToken);
                var followers = await db.Items.LongCountAsync(
                    i => i.ProjectId == project.Id && i.GroupId != null && i.GroupId != i.Id
                        && db.Predictions.Any(p => p.ProjectId == project.Id && p.ItemId == i.GroupId && p.Source == LabelSource.Llm && p.Value != null)
                        && !db.Predictions.Any(p => p.ProjectId == project.Id && p.ItemId == i.Id && p.Source == LabelSource.Llm),
                    cancellationToken);
                return new LlmSummary(
                    Of(CounterNames.LlmCalls), Of(CounterNames.LlmItems), Of(CounterNames.LlmReused), followers, (double)(Of(CounterNames.LlmCost) / CounterNames.CostUnits), (double)(Of(CounterNames.LlmEstimatedCost) / CounterNames.CostUnits),
                    project.Settings.Llm.Budget);

                long Of(string name) => counters.GetValueOrDefault(name);
            },
            cancellationToken);
    }

    /// <summary>The ledger of a project by day, model and version, newest day first.</summary>
    /// <param name="projectId">The project.</param>
    /// <param name="from">First day.</param>
    /// <param name="to">Last day.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public Task<List<LedgerLine>> LedgerAsync(long projectId, DateOnly from, DateOnly to, CancellationToken cancellationToken = default) => database.ReadAsync(
        async db =>
        {
            var (first, last) = (new DateTimeOffset(from.ToDateTime(TimeOnly.MinValue), TimeSpan.Zero), new DateTimeOffset(to.AddDays(1).ToDateTime(TimeOnly.MinValue), TimeSpan.Zero));
            var answered = Names.Of(LlmCallOutcome.Answered);

            // Row by row in a stream: what a day is differs between the databases, and a call is a small row.
            var lines = new Dictionary<(DateOnly, string, int), LedgerLine>();
            var rows = db.LlmCalls.Where(c => c.ProjectId == projectId && c.CreatedAt >= first && c.CreatedAt < last).OrderBy(c => c.Id)
                .Select(c => new { c.CreatedAt, c.Model, c.PromptVersion, c.Items, c.Answered, c.PromptTokens, c.CompletionTokens, c.Cost, c.EstimatedCost, c.Outcome }).AsAsyncEnumerable();
            await foreach (var c in rows.WithCancellation(cancellationToken))
            {
                var day = DateOnly.FromDateTime(c.CreatedAt.UtcDateTime);
                var sum = lines.GetValueOrDefault((day, c.Model, c.PromptVersion)) ?? new LedgerLine(day, c.Model, c.PromptVersion, 0, 0, 0, 0, 0, 0, 0, 0);
                lines[(day, c.Model, c.PromptVersion)] = sum with
                {
                    Calls = sum.Calls + 1,
                    Failed = sum.Failed + (string.Equals(c.Outcome, answered, StringComparison.Ordinal) ? 0 : 1),
                    Items = sum.Items + c.Items,
                    Answered = sum.Answered + c.Answered,
                    PromptTokens = sum.PromptTokens + c.PromptTokens,
                    CompletionTokens = sum.CompletionTokens + c.CompletionTokens,
                    Cost = sum.Cost + c.Cost,
                    EstimatedCost = sum.EstimatedCost + c.EstimatedCost,
                };
            }

            return lines.Values.OrderByDescending(l => l.Day).ThenBy(l => l.Model, StringComparer.Ordinal).ThenBy(l => l.PromptVersion).ToList();
        },
        cancellationToken);

    /// <summary>Estimates cost and time of what the LLM was not asked about yet, from the newest calls of the project.</summary>
    public async Task<LlmEstimate> EstimateAsync(Project project, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(project);
        var (labeller, _) = await providers.ForAsync(project, cancellationToken);
        var left = await stage.LeftAsync(project, cancellationToken);
        var (waiting, calls) = await database.ReadAsync(
            async db => (
                await db.Items.Where(i => i.ProjectId == project.Id && i.State != ItemState.Final && (i.GroupId == null || i.GroupId == i.Id) && !db.Predictions.Any(p => p.ProjectId == project.Id && p.ItemId == i.Id && p.Source == LabelSource.Llm)).LongCountAsync(cancellationToken),
                await db.LlmCalls.Where(c => c.ProjectId == project.Id && c.Answered > 0 && c.Milliseconds > 0).OrderByDescending(c => c.Id).Take(Sampled).Select(c => new { c.Answered, c.Cost, c.Milliseconds }).ToListAsync(cancellationToken)),
            cancellationToken);
        long measured = calls.Sum(c => (long)c.Answered);
        if (measured == 0) return new LlmEstimate(waiting, 0, null, null, (double?)left);
        var concurrency = labeller?.Endpoint.Concurrency ?? 1;
        return new LlmEstimate(waiting, measured, calls.Sum(c => c.Cost) / measured * waiting, calls.Sum(c => (double)c.Milliseconds) / 1_000 / measured * waiting / concurrency, (double?)left);
    }
}
