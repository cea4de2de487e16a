using System.Collections.Concurrent;
using Annotator.Core.Cascade;
using Annotator.Core.Items;
using Annotator.Core.Labels;
using Annotator.Core.Projects;
using Annotator.Core.Quality;
using Annotator.Core.Review;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Llm.Prompts;

/// <summary>What people have decided, as examples for the LLM and as the measure of its prompts.</summary>
public sealed class DecidedTexts(AnnotatorDatabase database)
{
    /// <summary>The newest decided items that are looked at.</summary>
    public const int Most = 3_000;

    private readonly ConcurrentDictionary<long, (long Decisions, int Schema, ExampleIndex Index)> _indices = new();

    /// <summary>The index over a project's decided items; made anew when a twentieth more was decided.</summary>
    public async Task<ExampleIndex> IndexAsync(Project project, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(project);
        var decisions = await database.ReadAsync(
            async db => await db.Counters.Where(c => c.ProjectId == project.Id && (c.Name == CounterNames.HumanDecisions || c.Name == CounterNames.Label(LabelSource.Import))).SumAsync(c => c.Value, cancellationToken),
            cancellationToken);
        if (_indices.TryGetValue(project.Id, out var kept) && kept.Schema == project.SchemaVersion && decisions >= kept.Decisions && decisions - kept.Decisions <= kept.Decisions / 20) return kept.Index;
        var index = new ExampleIndex(await ReadAsync(project, Most, cancellationToken));
        _indices[project.Id] = (decisions, project.SchemaVersion, index);
        return index;
    }

    /// <summary>Decided items by which prompts are measured: the same ones for every version as long as no more were decided, drawn without regard to any model.</summary>
    public async Task<IReadOnlyList<DecidedText>> SampleAsync(Project project, int count, CancellationToken cancellationToken = default) =>
        [.. (await ReadAsync(project, Most, cancellationToken)).OrderBy(t => QueueRanks.Shuffle(t.ItemId)).Take(count)];

    private Task<List<DecidedText>> ReadAsync(Project project, int most, CancellationToken cancellationToken) => database.ReadAsync(
        async db =>
        {
            var schema = project.Schema;
            var items = await db.Items
                .Where(i => i.ProjectId == project.Id && i.State == ItemState.Final && (i.LabelSource == LabelSource.Human || i.LabelSource == LabelSource.Import) && (i.Text != null || i.Url != null) && i.LabelValue != null)
                .OrderByDescending(i => i.Id).Take(most).Select(i => new { i.Id, i.Text, i.Url, i.LabelValue }).ToListAsync(cancellationToken);
            if (items.Count == 0) return [];
            var (first, last) = (items[^1].Id, items[0].Id);
            var corrected = (await db.Decisions
                .Where(d => d.ProjectId == project.Id && d.ItemId >= first && d.ItemId <= last && d.Action == DecisionAction.Correct && d.Status == DecisionStatus.Recorded && d.UndoneById == null && d.ShownValue != null)
                .Select(d => d.ItemId).ToListAsync(cancellationToken)).ToHashSet();
            var texts = new List<DecidedText>(items.Count);
            foreach (var item in items)
            {
                var value = LabelJson.Read(item.LabelValue!);
                if (LabelJson.Check(value, schema) is null) texts.Add(new DecidedText(item.Id, item.Text ?? "", LabelJson.Write(value), corrected.Contains(item.Id), item.Text is null ? item.Url : null));
            }

            return texts;
        },
        cancellationToken);
}
