using Annotator.Core.Runs;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace Annotator.Core.Edge;

/// <summary>Wires the devices.</summary>
public static class EdgeServices
{
    private const int Batch = 20_000;

    /// <summary>Adds the devices.</summary>
    public static IServiceCollection AddEdge(this IServiceCollection services) => services
        .AddSingleton<EdgeKeys>()
        .AddSingleton<RolloutService>()
        .AddSingleton<DeviceService>()
        .AddSingleton<EdgeIntake>()
        .AddSingleton<EdgePictures>()
        .AddSingleton<IRunHandler, QuantizeHandler>().AddStartableRun<QuantizeOptions>(QuantizeHandler.RunKind);

    /// <summary>Removes what belongs to the devices of a deleted project.</summary>
    internal static async Task DeleteAsync(RunContext run, IBlobStore blobs, long projectId, CancellationToken cancellationToken)
    {
        var files = await run.Database.ReadAsync(
            async db => (List<string>)[
                .. await db.Set<EdgePicturePart>().Where(p => p.ProjectId == projectId).Select(p => p.Blob).ToListAsync(cancellationToken),
                .. await db.Set<QuantizedStudent>().Where(q => q.ProjectId == projectId && q.Blob != "").Select(q => q.Blob).ToListAsync(cancellationToken)],
            cancellationToken);
        await blobs.DeleteAsync(files, cancellationToken);

        var more = true;
        while (more)
        {
            await run.CheckpointAsync(
                async scope =>
                {
                    var part = scope.Db.Set<EdgeLabel>().Where(l => l.ProjectId == projectId).OrderBy(l => l.DeviceId).ThenBy(l => l.Sequence).Take(Batch);
                    more = await scope.Db.Set<EdgeLabel>().Where(l => l.ProjectId == projectId && part.Any(p => p.DeviceId == l.DeviceId && p.Sequence == l.Sequence)).ExecuteDeleteAsync(cancellationToken) == Batch;
                },
                null,
                cancellationToken: cancellationToken);
        }

        await run.CheckpointAsync(
            async scope =>
            {
                await scope.Db.Set<EdgePicturePart>().Where(p => p.ProjectId == projectId).ExecuteDeleteAsync(cancellationToken);
                await scope.Db.Set<QuantizedStudent>().Where(q => q.ProjectId == projectId).ExecuteDeleteAsync(cancellationToken);
                await scope.Db.Set<EdgeRollout>().Where(r => r.ProjectId == projectId).ExecuteDeleteAsync(cancellationToken);
                await scope.Db.Set<EnrolmentCode>().Where(c => c.ProjectId == projectId).ExecuteDeleteAsync(cancellationToken);
                await scope.Db.Set<EdgeDevice>().Where(d => d.ProjectId == projectId).ExecuteDeleteAsync(cancellationToken);
            },
            null,
            cancellationToken: cancellationToken);
    }
}
