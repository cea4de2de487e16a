using System.Collections.Concurrent;
using Annotator.Core.Cascade;
using Annotator.Core.Runs;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Annotator.Core.Llm;

/// <summary>
/// Takes up again what was left because a server failed: when its circuit is due, a pre-label run of each project that waits for it is started, which
/// begins with a single request. What is remembered here is only a hint: the next run of a project asks about the same items.
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
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
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

    [LoggerMessage(50, LogLevel.Warning, "The LLM could not be asked again for project {ProjectId}; it is tried again soon.")]
    private partial void LogNotStarted(Exception exception, long projectId);
}
