using Annotator.Core.Items;
using Annotator.Core.Runs;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace Annotator.Core.Review.Work;

/// <summary>Applies changed rules to what waits already: entries go to the lane of the first rule that fits, or back to everybody.</summary>
internal sealed class RouteToExpertsHandler : IRunHandler
{
    public const string RunKind = "routeToExperts";

    private const int Page = 1_000;

    public string Kind => RunKind;

    public async Task ExecuteAsync(RunContext run, CancellationToken cancellationToken)
    {
        var project = await run.Database.ReadAsync(db => db.Projects.SingleAsync(p => p.Id == run.ProjectId, cancellationToken), cancellationToken);
        var work = project.Settings.Work;
        var (after, moved) = (run.Cursor<RouteCursor>().After, 0L);
        var groups = await run.Database.ReadAsync(db => db.Set<WorkLane>().Where(l => l.ProjectId == project.Id && l.UserId == 0).ToDictionaryAsync(l => l.GroupName, l => l.Id, StringComparer.Ordinal, cancellationToken), cancellationToken);
        var signers = work.SignOff is { } signOff && groups.TryGetValue(signOff.Group, out var lane) ? -lane : (long?)null;
        await run.CheckpointAsync(null, null, total: await run.Database.ReadAsync(db => db.Queue.LongCountAsync(q => q.ProjectId == project.Id, cancellationToken), cancellationToken), cancellationToken: cancellationToken);
        while (true)
        {
            var start = after;
            var page = await run.Database.ReadAsync(
                async db => await (
                    from q in db.Queue.Where(q => q.ProjectId == project.Id && q.ItemId > start).OrderBy(q => q.ItemId).Take(Page)
                    join i in db.Items on new { q.ProjectId, Id = q.ItemId } equals new { i.ProjectId, i.Id }
                    select new { Entry = q, Item = i, Assigned = db.Set<AssignedItem>().Any(a => a.ProjectId == project.Id && a.ItemId == q.ItemId) }).OrderBy(x => x.Entry.ItemId).ToListAsync(cancellationToken),
                cancellationToken);
            if (page.Count == 0) break;
            after = page[^1].Entry.ItemId;
            var changes = page.Where(x => !x.Assigned && !(signers is not null && x.Entry.LastAnnotatorId == signers && x.Item.Votes > 0))
                .Select(x => (x.Entry, To: WorkLanes.LaneOf(work, groups, x.Item) is { } found ? -found : Math.Max(0, x.Entry.LastAnnotatorId)))
                .Where(x => x.To != x.Entry.LastAnnotatorId).ToList();
            await run.CheckpointAsync(
                scope => scope.Dialect.UpdateAsync(
                    scope.Db,
                    new BulkUpdate("queue_entries", [new("project_id", BulkType.Long), new("item_id", BulkType.Long)], [new("last_annotator_id", BulkType.Long)], [.. changes.Select(c => new object?[] { project.Id, c.Entry.ItemId, c.To })]),
                    cancellationToken),
                new RouteCursor { After = after },
                page.Count,
                cancellationToken: cancellationToken);
            moved += changes.Count;
        }

        run.SetResult(new RouteResult { Moved = moved });
    }

    private sealed record RouteCursor
    {
        public long After { get; init; }
    }

    private sealed record RouteResult
    {
        public long Moved { get; init; }
    }
}

/// <summary>Wires how work is given out.</summary>
public static class WorkServices
{
    /// <summary>Adds assignments and experts.</summary>
    public static IServiceCollection AddWork(this IServiceCollection services)
    {
        services.AddSingleton<Assignments>();
        services.AddSingleton<IRunHandler, RouteToExpertsHandler>().AddStartableRun(RouteToExpertsHandler.RunKind);
        return services;
    }
}
