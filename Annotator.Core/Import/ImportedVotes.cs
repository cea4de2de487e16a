using Annotator.Core.Items;
using Annotator.Core.Labels;
using Annotator.Core.Projects;
using Annotator.Core.Quality.Aggregation;
using Annotator.Core.Review;
using Annotator.Core.Runs;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Import;

/// <summary>
/// Makes one label of the labels that several named annotators gave an item: by Dawid and Skene, who weigh annotators by how they err, where enough
/// items have several labels to tell; else by majority.
/// </summary>
internal static class ImportedVotes
{
    private const int Batch = 2_000;

    // Fewer items with several labels say too little of annotators.
    private const int FewestShared = 20;

    // Annotators x classes x classes: numbers held for their confusions.
    private const long MostConfusions = 20_000_000;

    public static async Task AggregateAsync(RunContext run, Project project, CancellationToken cancellationToken)
    {
        var votes = await ReadAsync(run, project, cancellationToken);
        var labels = Decide(votes, estimate: project.Schema.Type == TaskType.Classification);
        foreach (var part in labels.Keys.Order().Chunk(Batch))
        {
            var items = await run.Database.ReadAsync(
                db => db.Items.Where(i => i.ProjectId == project.Id && part.Contains(i.Id) && (i.State != ItemState.Final || i.LabelSource == LabelSource.Import)).OrderBy(i => i.Id).ToListAsync(cancellationToken),
                cancellationToken);
            var changes = new List<ItemChange>();
            foreach (var item in items)
            {
                var (value, confidence) = labels[item.Id];
                var same = item.State == ItemState.Final && string.Equals(item.LabelValue, value, StringComparison.Ordinal) && item.LabelConfidence == confidence;
                if (!same) changes.Add(new ItemChange(item, ItemState.Final, Route.Human, Label: new LabelChange(value, LabelSource.Import, confidence)));
            }

            await run.CheckpointAsync(scope => ItemTransitions.ApplyAsync(scope, changes), null, message: null, cancellationToken: cancellationToken);
        }
    }

    /// <summary>The label of each item and the probability that it is right.</summary>
    internal static Dictionary<long, (string Value, double Confidence)> Decide(IReadOnlyList<ImportedVote> votes, bool estimate)
    {
        var items = new Dictionary<long, int>();
        var people = new Dictionary<long, int>();
        var values = new Dictionary<string, int>(StringComparer.Ordinal);
        var (tasks, workers, labels) = (new int[votes.Count], new int[votes.Count], new int[votes.Count]);
        for (var i = 0; i < votes.Count; i++)
        {
            tasks[i] = Number(items, votes[i].ItemId);
            workers[i] = Number(people, votes[i].UserId);
            labels[i] = Number(values, votes[i].Value);
        }

        var shared = tasks.CountBy(t => t).Count(t => t.Value > 1);
        if (estimate && values.Count > 1 && shared >= FewestShared && people.Count * (long)values.Count * values.Count <= MostConfusions)
        {
            var answers = CrowdLabels.Create(tasks, workers, labels, items.Count, people.Count, values.Count);
            var result = DawidSkene.Aggregate(answers, new DawidSkeneOptions { Smoothing = 0.1 });
            var names = values.Keys.ToArray();
            return items.ToDictionary(i => i.Key, i => (names[result.Best(i.Value)], Math.Round((double)result.Probabilities[(i.Value * values.Count) + result.Best(i.Value)], 6)));
        }

        // The earliest among equals.
        return votes.GroupBy(v => v.ItemId).ToDictionary(g => g.Key, g =>
        {
            var best = g.GroupBy(v => v.Value, StringComparer.Ordinal).OrderByDescending(v => v.Count()).ThenBy(v => v.Min(x => x.Id)).First();
            return (best.Key, (double)best.Count() / g.Count());
        });
    }

    private static async Task<List<ImportedVote>> ReadAsync(RunContext run, Project project, CancellationToken cancellationToken)
    {
        var votes = new List<ImportedVote>();
        var known = new Dictionary<string, string>(StringComparer.Ordinal);
        long item = 0;
        while (true)
        {
            var after = item;
            var page = await run.Database.ReadAsync(
                db => db.Decisions.Where(d => d.ProjectId == project.Id && d.ItemId > after && d.Action == DecisionAction.Import && d.UserId != null && d.UndoneById == null && d.Value != null)
                    .OrderBy(d => d.ItemId).ThenBy(d => d.Id).Take(20 * Batch).Select(d => new ImportedVote(d.Id, d.ItemId, d.UserId!.Value, d.Value!)).ToListAsync(cancellationToken),
                cancellationToken);
            if (page.Count == 0) return votes;

            // The last item may go on in the next page, unless it fills this one alone.
            var last = page[^1].ItemId;
            var whole = page.Count < 20 * Batch || page[0].ItemId == last ? page : page.Where(v => v.ItemId != last).ToList();
            item = whole[^1].ItemId;
            foreach (var vote in whole)
            {
                if (!known.TryGetValue(vote.Value, out var value)) known[vote.Value] = value = vote.Value;
                votes.Add(vote with { Value = value });
            }
        }
    }

    private static int Number<T>(Dictionary<T, int> numbers, T key)
        where T : notnull
    {
        if (!numbers.TryGetValue(key, out var number)) numbers[key] = number = numbers.Count;
        return number;
    }
}

/// <summary>A label that came with the data, of a named annotator.</summary>
internal sealed record ImportedVote(long Id, long ItemId, long UserId, string Value);
