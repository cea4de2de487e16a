using System.Collections.Concurrent;
using Annotator.Core.Items;
using Annotator.Core.Labels;
using Annotator.Core.Projects;
using Annotator.Core.Quality;
using Annotator.Core.Runs;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Annotator.Core.Learning;

/// <summary>
/// Has items represented that come by the API, one by one or in batches: an import asks for it at its end, and these have none. Projects that items came to, or that have learned, are looked at from time to
/// time, and a run is started where a good part of the items is in no representation (<see cref="RepresentHandler.IsOutgrown"/>): never more than one as a project grows by a quarter. A trigger that is lost
/// with its process costs nothing: the next item or training brings it back.
/// </summary>
public sealed partial class RepresentTrigger(IServiceProvider services, AnnotatorDatabase database, Representations representations, IOptions<LearningOptions> options, TimeProvider time, ILogger<RepresentTrigger> log) : BackgroundService
{
    // Runs that end with a representation, or with asking for one.
    private static readonly string[] s_underway = [Import.ImportHandler.RunKind, DeduplicateHandler.RunKind, RepresentHandler.RunKind];

    // What asks models of the items is let end first, if it does so soon.
    private static readonly string[] s_asking = [.. s_underway, Cascade.PrelabelHandler.RunKind];
    private const int Patience = 6;

    private static readonly string[] s_states = [.. Enum.GetValues<ItemState>().Select(CounterNames.State)];

    // How often it was looked at each project that is to be looked at.
    private readonly ConcurrentDictionary<long, int> _waiting = new();

    // Items that there were when a run was last started: one that came to nothing is not started again and again.
    private readonly ConcurrentDictionary<long, long> _started = new();

    /// <summary>Says that a project may have outgrown its representation: it got items, or has learned.</summary>
    public void Look(long projectId) => _waiting.TryAdd(projectId, 0);

    /// <summary>Looks at these projects, and starts runs where they are due.</summary>
    internal async Task LookAsync(CancellationToken cancellationToken)
    {
        foreach (var project in _waiting.Keys)
        {
            _waiting.TryRemove(project, out var looks);
            try
            {
                if (!await LookAsync(project, looks < Patience ? s_asking : s_underway, cancellationToken)) _waiting[project] = looks + 1;
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                LogNotStarted(e, project);
                _waiting.TryAdd(project, looks);
            }
        }
    }

    /// <inheritdoc />
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromSeconds(options.Value.RepresentSeconds), time);
        while (await timer.WaitForNextTickAsync(stoppingToken)) await LookAsync(stoppingToken);
    }

    // Whether it is known what is to be done: not while something is under way that may do it.
    private async Task<bool> LookAsync(long projectId, string[] underway, CancellationToken cancellationToken)
    {
        var (wanted, busy, items) = await database.ReadAsync(
            async db => (
                await db.Projects.AnyAsync(p => p.Id == projectId && p.DeletedAt == null && p.Modality != Modality.Video, cancellationToken),
                await db.Runs.AnyAsync(r => r.ProjectId == projectId && r.State < RunState.Succeeded && underway.Contains(r.Kind), cancellationToken),
                await db.Counters.Where(c => c.ProjectId == projectId && s_states.Contains(c.Name)).SumAsync(c => c.Value, cancellationToken)),
            cancellationToken);
        if (!wanted) return true;
        if (busy) return false;
        if (!RepresentHandler.IsOutgrown(await representations.LatestAsync(projectId, cancellationToken), items)) return true;
        if (_started.TryGetValue(projectId, out var before) && !RepresentHandler.IsGrown(before, items)) return true;
        await services.GetRequiredService<RunService>().StartOnceAsync(projectId, RepresentHandler.RunKind, cancellationToken: cancellationToken);
        _started[projectId] = items;
        return true;
    }

    [LoggerMessage(11, LogLevel.Warning, "It could not be looked whether the items of project {ProjectId} are to be represented; it will be again.")]
    private partial void LogNotStarted(Exception exception, long projectId);
}
