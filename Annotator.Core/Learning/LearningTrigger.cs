using System.Collections.Concurrent;
using Annotator.Core.Runs;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Annotator.Core.Learning;

/// <summary>
/// Turns decisions into training runs, debounced: soon after the first decision, and not more often than the work takes.
/// The run looks at the facts in the database, so a trigger that is lost with its process costs nothing: the next decision
/// or the next start brings it back.
/// </summary>
public sealed partial class LearningTrigger(IServiceProvider services, TimeProvider time, ILogger<LearningTrigger> log) : BackgroundService
{
    /// <summary>How long decisions are gathered before a training is asked for.</summary>
    public static readonly TimeSpan Delay = TimeSpan.FromMilliseconds(400);

    // After a training nothing is trained for as long as it took, but half a second at the most, unless people wait for it.
    private static readonly TimeSpan LongestRest = TimeSpan.FromSeconds(0.5);

    // Since when decisions have been gathered.
    private readonly ConcurrentDictionary<long, DateTimeOffset> _dirty = new();
    private readonly ConcurrentDictionary<long, DateTimeOffset> _notBefore = new();
    private readonly SemaphoreSlim _signal = new(0, 1);

    /// <summary>Says that people decided something in a project.</summary>
    public void DecisionsRecorded(long projectId)
    {
        _dirty.TryAdd(projectId, time.GetUtcNow());
        Signal();
    }

    private void Signal()
    {
        if (_signal.CurrentCount == 0)
        {
            try
            {
                _signal.Release();
            }
            catch (SemaphoreFullException)
            {
                // Somebody else has just signalled.
            }
        }
    }

    /// <summary>Says that people wait for the learning: it need not rest.</summary>
    public void Hurry(long projectId)
    {
        _notBefore.TryRemove(projectId, out _);
        DecisionsRecorded(projectId);
    }

    internal void TrainingEnded(long projectId, TimeSpan took) => _notBefore[projectId] = time.GetUtcNow() + (took < LongestRest ? took : LongestRest);

    /// <inheritdoc />
    public override void Dispose()
    {
        _signal.Dispose();
        base.Dispose();
    }

    /// <inheritdoc />
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            var now = time.GetUtcNow();
            var next = DateTimeOffset.MaxValue;

            // The dictionary's own copy: any other is torn where a decision comes in between.
            foreach (var (project, since) in _dirty.ToArray())
            {
                var due = since + Delay;
                if (_notBefore.TryGetValue(project, out var notBefore) && notBefore > due) due = notBefore;
                if (due > now)
                {
                    if (due < next) next = due;
                    continue;
                }

                _dirty.TryRemove(project, out _);
                try
                {
                    await services.GetRequiredService<RunService>().StartOnceAsync(project, TrainHandler.RunKind, cancellationToken: stoppingToken);
                }
                catch (Exception e) when (e is not OperationCanceledException)
                {
                    LogNotStarted(e, project);
                    _dirty.TryAdd(project, time.GetUtcNow());
                    next = now + Delay;
                }
            }

            await NextAsync(next, stoppingToken);
        }
    }

    // Waits until something is due, or for news.
    private async Task NextAsync(DateTimeOffset due, CancellationToken stoppingToken)
    {
        if (due == DateTimeOffset.MaxValue)
        {
            await _signal.WaitAsync(stoppingToken);
            return;
        }

        var left = due - time.GetUtcNow();
        if (left <= TimeSpan.Zero) return;
        using var limit = new CancellationTokenSource(left, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, stoppingToken);
        try
        {
            await _signal.WaitAsync(either.Token);
        }
        catch (OperationCanceledException) when (!stoppingToken.IsCancellationRequested)
        {
            // It is due.
        }
    }

    [LoggerMessage(10, LogLevel.Warning, "Training of project {ProjectId} could not be started; it will be with the next decision.")]
    private partial void LogNotStarted(Exception exception, long projectId);
}
