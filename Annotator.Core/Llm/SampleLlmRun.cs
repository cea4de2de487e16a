using System.ComponentModel.DataAnnotations;
using Annotator.Core.Cascade;
using Annotator.Core.Items;
using Annotator.Core.Labels;
using Annotator.Core.Runs;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Llm;

/// <summary>Arguments of a run that asks the LLM about a sample.</summary>
public sealed record SampleLlmOptions
{
    /// <summary>Items that are asked about, 10 to 500.</summary>
    [Range(10, 500, ErrorMessage = "Must be 10 to 500.")]
    public int Items { get; init; } = 40;
}

/// <summary>
/// Asks the LLM about some of the items that wait, drawn without regard to anything: what these cost and how long they take is what the estimate for the rest is
/// made of, before anybody starts it. The answers are kept: the run that follows does not ask about these items again.
/// </summary>
internal sealed class SampleLlmHandler(LlmStage stage) : IRunHandler
{
    public const string RunKind = "sampleLlm";

    // Waiting items among which is drawn: those that came first.
    private const int MostCandidates = 200_000;

    public string Kind => RunKind;

    public async Task ExecuteAsync(RunContext run, CancellationToken cancellationToken)
    {
        var options = run.Options<SampleLlmOptions>();
        var project = await run.Database.ReadAsync(db => db.Projects.SingleAsync(p => p.Id == run.ProjectId, cancellationToken), cancellationToken);
        if (await stage.UnavailableAsync(project, cancellationToken) is { } reason) throw new RunFailedException(reason);
        var cursor = run.Cursor<SampleLlmCursor>();
        if (cursor.Ids.Count == 0)
        {
            var ids = await run.Database.ReadAsync(
                db => db.Items.Where(i => i.ProjectId == project.Id && i.State != ItemState.Final && (i.GroupId == null || i.GroupId == i.Id) && !db.Predictions.Any(p => p.ProjectId == project.Id && p.ItemId == i.Id && p.Source == LabelSource.Llm))
                    .OrderBy(i => i.Id).Select(i => i.Id).Take(MostCandidates).ToListAsync(cancellationToken),
                cancellationToken);
            if (ids.Count == 0) throw new RunFailedException("No items wait that the LLM was not asked about.");
            cursor = new SampleLlmCursor { Ids = [.. ids.OrderBy(QueueRanks.Shuffle).Take(options.Items)] };
            await run.CheckpointAsync(null, cursor, total: cursor.Ids.Count, cancellationToken: cancellationToken);
        }

        // What was answered before the process died is not asked again.
        var wanted = cursor.Ids;
        var items = await run.Database.ReadAsync(
            db => db.Items.Where(i => i.ProjectId == project.Id && wanted.Contains(i.Id) && !db.Predictions.Any(p => p.ProjectId == project.Id && p.ItemId == i.Id && p.Source == LabelSource.Llm)).OrderBy(i => i.Id).ToListAsync(cancellationToken),
            cancellationToken);
        await using (var asking = await stage.BeginAsync(run, project, cancellationToken))
        {
            var answers = await asking.AskAsync(items);
            run.SetResult(new { asked = items.Count, answered = wanted.Count - items.Count + answers.Count(a => a.Value is not null), cost = (double)asking.Cost });
        }

        await run.CheckpointAsync(null, cursor, wanted.Count, cancellationToken: cancellationToken);
    }
}

/// <summary>What a sample is made of.</summary>
internal sealed record SampleLlmCursor
{
    public IReadOnlyList<long> Ids { get; init; } = [];
}
