using System.Collections.Concurrent;
using System.Text.Json;
using Annotator.Core.Cascade;
using Annotator.Core.Projects;
using Annotator.Core.Runs;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Annotator.Core.Llm;

/// <summary>
/// Takes up again what was left because a server failed: when its circuit is due, a pre-label run of each project that waits for it is started, which
/// begins with a single request. What is remembered here is only a hint: the next run of a project asks about the same items, and after a start
/// the newest run of each project says whether it was left waiting.
/// </summary>
public sealed partial class LlmRecovery(IServiceProvider services, TimeProvider time, ILogger<LlmRecovery> log) : BackgroundService
{
    private static readonly TimeSpan s_interval = TimeSpan.FromSeconds(2);

    private readonly ConcurrentDictionary<long, LlmCircuit> _waiting = new();

    /// <summary>Projects that wait for a server to come back.</summary>
    public int Waiting => _waiting.Count;

    /// <summary>Remembers that items of a project could not be asked about.</summary>
    internal void Remember(long projectId, LlmCircuit circuit) => _waiting[projectId] = circuit;

    /// <inheritdoc />
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(s_interval, time);
        var found = false;
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            found = found || await FindAsync(stoppingToken);
            foreach (var (project, circuit) in _waiting)
            {
                if (!circuit.IsDue || !_waiting.TryRemove(KeyValuePair.Create(project, circuit))) continue;
                try
                {
                    await services.GetRequiredService<RunService>().StartOnceAsync(project, PrelabelHandler.RunKind, new PrelabelOptions(), cancellationToken: stoppingToken);
                }
                catch (Exception e) when (e is not OperationCanceledException)
                {
                    LogNotStarted(e, project);
                    _waiting.TryAdd(project, circuit);
                }
            }
        }
    }

    // What the runs of an earlier process left.
    private async Task<bool> FindAsync(CancellationToken cancellationToken)
    {
        try
        {
            var database = services.GetRequiredService<AnnotatorDatabase>();
            var newest = await database.ReadAsync(
                db => db.Runs.Where(r => r.Kind == PrelabelHandler.RunKind && db.Runs.Where(o => o.Kind == PrelabelHandler.RunKind).GroupBy(o => o.ProjectId).Select(g => g.Max(o => o.Id)).Contains(r.Id) && r.State == RunState.Succeeded && r.Cursor != null)
                    .Select(r => new { r.ProjectId, r.Cursor }).ToListAsync(cancellationToken),
                cancellationToken);
            foreach (var run in newest.Where(r => JsonSerializer.Deserialize<PrelabelCursor>(r.Cursor!, ProjectJson.Options) is { Lost: > 0 }))
            {
                var project = await database.ReadAsync(db => db.Projects.FirstOrDefaultAsync(p => p.Id == run.ProjectId, cancellationToken), cancellationToken);
                if (project is not null && (await services.GetRequiredService<LlmProviders>().ForAsync(project, cancellationToken)).Labeller is { } labeller) Remember(project.Id, labeller.Circuit);
            }

            return true;
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            // The database may still be made ready.
            LogNotFound(e);
            return false;
        }
    }

    [LoggerMessage(51, LogLevel.Debug, "It could not be found out what an earlier process left to ask an LLM; it is tried again soon.")]
    private partial void LogNotFound(Exception exception);

    [LoggerMessage(50, LogLevel.Warning, "The LLM could not be asked again for project {ProjectId}; it is tried again soon.")]
    private partial void LogNotStarted(Exception exception, long projectId);
}
