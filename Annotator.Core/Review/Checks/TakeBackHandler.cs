using System.ComponentModel.DataAnnotations;
using Annotator.Core.Learning;
using Annotator.Core.Projects;
using Annotator.Core.Runs;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Review.Checks;

/// <summary>Whose labels are taken back, and from when to when.</summary>
public sealed class TakeBackOptions
{
    /// <summary>The annotator.</summary>
    [Range(1, long.MaxValue)]
    public long UserId { get; set; }

    /// <summary>The first moment.</summary>
    public DateTimeOffset Since { get; set; }

    /// <summary>The last moment.</summary>
    public DateTimeOffset Until { get; set; }
}

/// <summary>Takes the labels of a paused annotator back, some at a time: the items go to somebody else, unless the labels of others are enough.</summary>
internal sealed class TakeBackHandler(LearningTrigger learning) : IRunHandler
{
    public const string RunKind = "takeBack";

    private const int Batch = 100;

    public string Kind => RunKind;

    public async Task ExecuteAsync(RunContext run, CancellationToken cancellationToken)
    {
        var options = run.Options<TakeBackOptions>();
        var project = await run.Database.ReadAsync(db => db.Projects.FirstAsync(p => p.Id == run.ProjectId, cancellationToken), cancellationToken);
        var taken = 0;
        while (true)
        {
            // What was taken back stands no more: the next look begins behind it.
            var part = await run.Database.ReadAsync(
                db => db.Decisions
                    .Where(d => d.ProjectId == project.Id && d.UserId == options.UserId && d.UndoneById == null && d.Status == DecisionStatus.Recorded && d.CreatedAt >= options.Since && d.CreatedAt <= options.Until
                        && (d.Action == DecisionAction.Accept || d.Action == DecisionAction.Correct))
                    .OrderBy(d => d.Id).Take(Batch).Select(d => d.Id).ToListAsync(cancellationToken),
                cancellationToken);
            if (part.Count == 0) break;
            await run.CheckpointAsync(scope => TakeBackAsync(scope, project, part), null, part.Count, cancellationToken: cancellationToken);
            taken += part.Count;
        }

        if (taken > 0) learning.DecisionsRecorded(project.Id);
        run.SetResult(new { takenBack = run.Run.Done });
    }

    private static async Task TakeBackAsync(Storage.WriteScope scope, Project project, List<long> decisions)
    {
        var items = await scope.Db.Decisions.Where(d => decisions.Contains(d.Id)).Select(d => d.ItemId).Distinct().ToListAsync(scope.CancellationToken);
        await scope.Dialect.LockItemsAsync(scope.Db, project.Id, items, scope.CancellationToken);
        foreach (var decision in await scope.Db.Decisions.AsNoTracking().Where(d => decisions.Contains(d.Id) && d.UndoneById == null).OrderBy(d => d.Id).ToListAsync(scope.CancellationToken))
            await DecisionRecorder.TakeBackAsync(scope, project, decision);
    }
}
