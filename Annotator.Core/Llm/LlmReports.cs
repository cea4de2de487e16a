using Annotator.Core.Items;
using Annotator.Core.Labels;
using Annotator.Core.Projects;
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

/// <summary>How the LLM gives one label, against people.</summary>
/// <param name="Label">The label.</param>
/// <param name="People">Items to which people gave it.</param>
/// <param name="Llm">Items to which the LLM gave it.</param>
/// <param name="Both">Items to which both gave it.</param>
/// <param name="Recall">Share of people's items that the LLM found; null without any.</param>
/// <param name="Precision">Share of the LLM's items that are people's; null without any.</param>
/// <param name="Ratio">How much more often, or less often, the LLM gives it than people; null where people never did.</param>
/// <param name="Biased">Whether the difference is more than chance (exact test of marginal homogeneity, 1 % over all labels together).</param>
public sealed record LabelBias(string Label, int People, int Llm, int Both, double? Recall, double? Precision, double? Ratio, bool Biased);

/// <summary>How a version of the prompt did, as people judged it.</summary>
/// <param name="PromptVersion">The version.</param>
/// <param name="Judged">Items that it answered and people decided.</param>
/// <param name="Right">Items it was right on.</param>
/// <param name="Lower">Lower end of the accuracy's interval (95 %, Wilson).</param>
/// <param name="Upper">Upper end.</param>
public sealed record VersionAccuracy(int PromptVersion, int Judged, int Right, double Lower, double Upper);

/// <summary>The LLM's labels against people's.</summary>
/// <param name="Judged">Items that both have labelled.</param>
/// <param name="Labels">Label by label, the most lopsided first.</param>
/// <param name="Versions">Version by version.</param>
public sealed record BiasReport(int Judged, IReadOnlyList<LabelBias> Labels, IReadOnlyList<VersionAccuracy> Versions);

/// <summary>Reads what the LLM was used for, what it cost, and how it leans.</summary>
public sealed class LlmReports(AnnotatorDatabase database, LlmProviders providers, Cascade.LlmStage stage)
{
    // Newest calls from which an estimate is made.
    private const int Sampled = 200;

    // Newest items by which bias is judged.
    private const int MostJudged = 20_000;

    private const double BiasLevel = 0.01;


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
                await db.Items.Where(i => i.ProjectId == project.Id && i.State != ItemState.Final && !db.Predictions.Any(p => p.ProjectId == project.Id && p.ItemId == i.Id && p.Source == LabelSource.Llm)).LongCountAsync(cancellationToken),
                await db.LlmCalls.Where(c => c.ProjectId == project.Id && c.Answered > 0).OrderByDescending(c => c.Id).Take(Sampled).Select(c => new { c.Answered, c.Cost, c.Milliseconds }).ToListAsync(cancellationToken)),
            cancellationToken);
        long measured = calls.Sum(c => (long)c.Answered);
        if (measured == 0) return new LlmEstimate(waiting, 0, null, null, (double?)left);
        var concurrency = labeller?.Endpoint.Concurrency ?? 1;
        return new LlmEstimate(waiting, measured, calls.Sum(c => c.Cost) / measured * waiting, calls.Sum(c => (double)c.Milliseconds) / 1_000 / measured * waiting / concurrency, (double?)left);
    }

    /// <summary>Compares the LLM's labels with people's on the newest items that both have labelled.</summary>
    public async Task<BiasReport> BiasAsync(Project project, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(project);
        var rows = await database.ReadAsync(
            db => (from p in db.Predictions
                   join i in db.Items on new { p.ProjectId, Id = p.ItemId } equals new { i.ProjectId, i.Id }
                   where p.ProjectId == project.Id && p.Source == LabelSource.Llm && p.Value != null && i.LabelValue != null && (i.LabelSource == LabelSource.Human || i.LabelSource == LabelSource.Import)
                   orderby i.Id descending
                   select new { p.Version, Said = p.Value!, People = i.LabelValue! }).Take(MostJudged).ToListAsync(cancellationToken),
            cancellationToken);
        var pairs = rows.Select(r => (r.Version, Said: LabelJson.Read(r.Said).LabelNames.ToHashSet(StringComparer.Ordinal), People: LabelJson.Read(r.People).LabelNames.ToHashSet(StringComparer.Ordinal), Right: string.Equals(r.Said, r.People, StringComparison.Ordinal))).ToList();
        var names = project.Schema.Labels.Select(l => l.Name).ToList();
        var labels = new List<LabelBias>(names.Count);
        foreach (var name in names)
        {
            var (people, llm, both) = (pairs.Count(p => p.People.Contains(name)), pairs.Count(p => p.Said.Contains(name)), pairs.Count(p => p.People.Contains(name) && p.Said.Contains(name)));
            if (people + llm == 0) continue;
            var (more, less) = (llm - both, people - both);

            // Two-sided by the smaller tail, twice; over all labels by Bonferroni.
            var p = Math.Min(1, 2 * Math.Min(Prompts.PairedTest.PValue(more, less), Prompts.PairedTest.PValue(less, more)));
            labels.Add(new LabelBias(
                name, people, llm, both, people == 0 ? null : (double)both / people, llm == 0 ? null : (double)both / llm, people == 0 ? null : (double)llm / people, p * names.Count < BiasLevel));
        }

        var versions = pairs.GroupBy(p => p.Version).OrderByDescending(g => g.Key).Select(g =>
        {
            var (judged, right) = (g.Count(), g.Count(p => p.Right));
            var interval = Quality.ProportionInterval.Wilson(right, judged)!.Value;
            return new VersionAccuracy(g.Key, judged, right, interval.Lower, interval.Upper);
        }).ToList();
        return new BiasReport(pairs.Count, [.. labels.OrderByDescending(l => Math.Abs(l.Llm - l.People)).ThenBy(l => l.Label, StringComparer.Ordinal)], versions);
    }
}
