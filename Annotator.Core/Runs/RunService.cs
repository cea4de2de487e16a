using System.Text.Json;
using Annotator.Core.Live;
using Annotator.Core.Projects;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Annotator.Core.Runs;

/// <summary>Starts, executes, cancels and recovers runs.</summary>
public sealed partial class RunService(
    AnnotatorDatabase database,
    IRunQueue queue,
    IServiceScopeFactory scopes,
    IOptions<RunOptions> options,
    TimeProvider time,
    ILogger<RunService> log)
{
    /// <summary>Adds a run inside a unit of work; it is woken once that is committed.</summary>
    /// <param name="scope">The unit of work.</param>
    /// <param name="projectId">The project.</param>
    /// <param name="kind">A kind that has a handler.</param>
    /// <param name="arguments">Arguments, or null for none.</param>
    /// <param name="userId">Who asked; null for the product itself.</param>
    public async Task<Run> AddAsync(WriteScope scope, long projectId, string kind, object? arguments = null, long? userId = null)
    {
        var run = new Run
        {
            ProjectId = projectId,
            Kind = kind,
            Options = arguments is null ? "{}" : JsonSerializer.Serialize(arguments, ProjectJson.Options),
            State = RunState.Queued,
            CreatedAt = scope.Now,
            CreatedBy = userId,
        };
        scope.Db.Runs.Add(run);
        await scope.Db.SaveChangesAsync(scope.CancellationToken);
        scope.Publish(new RunChanged(projectId, run.Id));
        scope.OnCommitted(() => queue.Enqueue(run.Id));
        return run;
    }

    /// <summary>Adds a run unless one of its kind already waits in the project: that one will see everything that is committed by then.</summary>
    public async Task<Run> AddOnceAsync(WriteScope scope, long projectId, string kind, object? arguments = null, long? userId = null)
    {
        var waiting = await scope.Db.Runs.FirstOrDefaultAsync(r => r.ProjectId == projectId && r.Kind == kind && r.State == RunState.Queued, scope.CancellationToken);
        return waiting ?? await AddAsync(scope, projectId, kind, arguments, userId);
    }

    /// <summary>Starts a run.</summary>
    public Task<Run> StartAsync(long projectId, string kind, object? arguments = null, long? userId = null, CancellationToken cancellationToken = default) =>
        database.WriteAsync(scope => AddAsync(scope, projectId, kind, arguments, userId), cancellationToken);

    /// <summary>Starts a run unless one of its kind already waits.</summary>
    public Task<Run> StartOnceAsync(long projectId, string kind, object? arguments = null, long? userId = null, CancellationToken cancellationToken = default) =>
        database.WriteAsync(scope => AddOnceAsync(scope, projectId, kind, arguments, userId), cancellationToken);

    /// <summary>One run, or null.</summary>
    public Task<Run?> FindAsync(long runId, CancellationToken cancellationToken = default) =>
        database.ReadAsync(db => db.Runs.FirstOrDefaultAsync(r => r.Id == runId, cancellationToken), cancellationToken);

    /// <summary>The newest runs of a project, newest first.</summary>
    /// <param name="projectId">The project.</param>
    /// <param name="before">Only runs with a smaller id, for the next page.</param>
    /// <param name="limit">How many at the most.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public Task<List<Run>> ListAsync(long projectId, long? before, int limit, CancellationToken cancellationToken = default) =>
        database.ReadAsync(
            db => db.Runs.Where(r => r.ProjectId == projectId && (before == null || r.Id < before)).OrderByDescending(r => r.Id).Take(limit).ToListAsync(cancellationToken),
            cancellationToken);

    /// <summary>The newest runs of one kind in a project, newest first.</summary>
    /// <param name="projectId">The project.</param>
    /// <param name="kind">The kind.</param>
    /// <param name="limit">How many at the most.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public Task<List<Run>> ListOfKindAsync(long projectId, string kind, int limit, CancellationToken cancellationToken = default) =>
        database.ReadAsync(
            db => db.Runs.Where(r => r.ProjectId == projectId && r.Kind == kind).OrderByDescending(r => r.Id).Take(limit).ToListAsync(cancellationToken),
            cancellationToken);

    /// <summary>What a run could not read, in order of line.</summary>
    /// <param name="runId">The run.</param>
    /// <param name="afterLine">Only lines after this one, for the next page.</param>
    /// <param name="limit">How many at the most.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public Task<List<RunRejection>> RejectionsAsync(long runId, long afterLine, int limit, CancellationToken cancellationToken = default) =>
        database.ReadAsync(
            db => db.RunRejections.Where(r => r.RunId == runId && r.Line > afterLine).OrderBy(r => r.Line).ThenBy(r => r.Ordinal).Take(limit).ToListAsync(cancellationToken),
            cancellationToken);

    /// <summary>Asks a run to stop. A waiting one ends at once, a running one at its next step; what it has done stays.</summary>
    public Task CancelAsync(long runId, CancellationToken cancellationToken = default) => database.WriteAsync(
        async scope =>
        {
            var run = await scope.Db.Runs.FirstOrDefaultAsync(r => r.Id == runId, cancellationToken);
            if (run is null || run.State > RunState.Running) return;
            run.CancelRequested = true;
            if (run.State == RunState.Queued)
            {
                run.State = RunState.Cancelled;
                run.FinishedAt = scope.Now;
            }

            scope.Publish(new RunChanged(run.ProjectId, run.Id));
        },
        cancellationToken);

    /// <summary>How often it is looked whether a run's worker is gone: soon after its time is over, and seldom enough to cost nothing.</summary>
    public TimeSpan RecoveryInterval => TimeSpan.FromSeconds(Math.Clamp(options.Value.OwnerTimeoutSeconds / 3.0, 1, 10));

    /// <summary>Wakes every run that waits or whose worker is gone. Called at start and from time to time.</summary>
    /// <param name="ownersAreDead">At the start of a process that owns its database alone: whoever held a run is gone.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public async Task RecoverAsync(bool ownersAreDead, CancellationToken cancellationToken = default)
    {
        if (ownersAreDead)
        {
            await database.WriteAsync(
                scope => scope.Db.Runs.Where(r => r.State == RunState.Running).ExecuteUpdateAsync(x => x.SetProperty(r => r.OwnedUntil, (DateTimeOffset?)null), cancellationToken),
                cancellationToken);
        }

        var runs = await database.ReadAsync(
            async db =>
            {
                var now = await database.Dialect.NowAsync(db, cancellationToken);
                return await db.Runs.Where(r => r.State < RunState.Succeeded && (r.OwnedUntil == null || r.OwnedUntil < now)).OrderBy(r => r.Id).Select(r => r.Id).ToListAsync(cancellationToken);
            },
            cancellationToken);
        foreach (var id in runs) queue.Enqueue(id);
    }

    /// <summary>Executes a run if it is free: the entry for the job server.</summary>
    public async Task ExecuteAsync(long runId, CancellationToken cancellationToken)
    {
        // A crash before this commit: the run still waits, and is woken again. After it: its owner's time runs out, and it is woken again.
        var owner = Guid.NewGuid().ToString("n");
        var run = await ClaimAsync(runId, owner, cancellationToken);
        if (run is null) return;

        var (from, done) = (run.Cursor, run.Done);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var heartbeat = KeepAliveAsync(run, owner, stop);
        try
        {
            await using var services = scopes.CreateAsyncScope();
            var handler = services.ServiceProvider.GetServices<IRunHandler>().FirstOrDefault(h => string.Equals(h.Kind, run.Kind, StringComparison.Ordinal))
                ?? throw new RunFailedException($"This version knows no run of kind '{run.Kind}'.");
            var context = new RunContext(run, owner, database);
            await handler.ExecuteAsync(context, stop.Token);
            await FinishAsync(run, owner, RunState.Succeeded, null, context.Following);
        }
        catch (RunLostException)
        {
            LogLost(run.Id, run.Kind);
        }
        catch (RunFailedException e)
        {
            LogFailed(e, run.Id, run.Kind);
            await FinishAsync(run, owner, RunState.Failed, e.Message);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // The process stops: give the run back, so that the next one need not wait for the time-out.
            await ReleaseAsync(run, owner, null);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            await FinishAsync(run, owner, RunState.Cancelled, null);
        }
        catch (Exception e)
        {
            LogFailed(e, run.Id, run.Kind);

            // An execution that came further was no attempt at the same thing: a long run meets more than one passing trouble.
            if (!string.Equals(run.Cursor, from, StringComparison.Ordinal) || run.Done > done) run.Attempts = 1;
            if (run.Attempts > options.Value.Retries) await FinishAsync(run, owner, RunState.Failed, DiskFull.IsCause(e) ? DiskFull.Message : e.Message);
            else await ReleaseAsync(run, owner, DiskFull.IsCause(e) ? DiskFull.Message : e.Message);
        }
        finally
        {
            await stop.CancelAsync();
            await heartbeat;
        }
    }

    private Task<Run?> ClaimAsync(long runId, string owner, CancellationToken cancellationToken) => database.WriteAsync(
        async scope =>
        {
            var wanted = await scope.Db.Runs.AsNoTracking().FirstOrDefaultAsync(r => r.Id == runId && r.State < RunState.Succeeded, cancellationToken);
            if (wanted is null) return null;

            // Two workers that look for others at the same moment would both find none.
            await scope.Dialect.LockProjectAsync(scope.Db, wanted.ProjectId, cancellationToken);
            var now = await scope.Dialect.NowAsync(scope.Db, cancellationToken);
            var until = now.AddSeconds(options.Value.OwnerTimeoutSeconds);
            if (wanted.CancelRequested && (wanted.OwnedUntil is null || wanted.OwnedUntil < now))
            {
                // Its worker died before it saw that it was to stop.
                await scope.Db.Runs.Where(r => r.Id == runId && r.State < RunState.Succeeded && (r.OwnedUntil == null || r.OwnedUntil < now)).ExecuteUpdateAsync(
                    x => x.SetProperty(r => r.State, RunState.Cancelled).SetProperty(r => r.FinishedAt, scope.Now).SetProperty(r => r.OwnedUntil, (DateTimeOffset?)null), cancellationToken);
                scope.Publish(new RunChanged(wanted.ProjectId, runId));
                return null;
            }

            // One run of a kind at a time in a project: two trainings or two imports of the same rows only get in each other's way.
            var claimed = await scope.Db.Runs
                .Where(r => r.Id == runId && r.State < RunState.Succeeded && (r.OwnedUntil == null || r.OwnedUntil < now)
                    && !scope.Db.Runs.Any(o => o.ProjectId == r.ProjectId && o.Kind == r.Kind && o.Id != r.Id && o.State == RunState.Running && o.OwnedUntil != null && o.OwnedUntil >= now))
                .ExecuteUpdateAsync(
                    x => x.SetProperty(r => r.State, RunState.Running).SetProperty(r => r.Owner, owner).SetProperty(r => r.OwnedUntil, until)
                        .SetProperty(r => r.Attempts, r => r.Attempts + 1).SetProperty(r => r.StartedAt, r => r.StartedAt ?? scope.Now),
                    cancellationToken);
            if (claimed == 0) return null;
            var run = await scope.Db.Runs.AsNoTracking().SingleAsync(r => r.Id == runId, cancellationToken);
            scope.Publish(new RunChanged(run.ProjectId, run.Id));
            return run;
        },
        cancellationToken);

    private async Task KeepAliveAsync(Run run, string owner, CancellationTokenSource stop)
    {
        var interval = TimeSpan.FromSeconds(Math.Max(1, options.Value.OwnerTimeoutSeconds / 10.0));
        using var timer = new PeriodicTimer(interval, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stop.Token))
            {
                try
                {
                    if (await SignAsync(run, owner, stop.Token)) await stop.CancelAsync();
                }
                catch (Exception e) when (e is not OperationCanceledException)
                {
                    // The database is away for a while: the run's own steps will tell; if it stays away the run is taken over.
                    LogHeartbeat(e, run.Id);
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The run has ended.
        }
    }

    // Gives a sign of life; answers whether the execution must stop.
    private Task<bool> SignAsync(Run run, string owner, CancellationToken cancellationToken) => database.WriteAsync(
        async scope =>
        {
            var until = (await scope.Dialect.NowAsync(scope.Db, cancellationToken)).AddSeconds(options.Value.OwnerTimeoutSeconds);
            var mine = await scope.Db.Runs.Where(r => r.Id == run.Id && r.Owner == owner && r.State == RunState.Running)
                .ExecuteUpdateAsync(x => x.SetProperty(r => r.OwnedUntil, until), cancellationToken);
            return mine == 0 || await scope.Db.Runs.AnyAsync(r => r.Id == run.Id && r.CancelRequested, cancellationToken);
        },
        cancellationToken);

    private async Task FinishAsync(Run run, string owner, RunState state, string? message, IReadOnlyList<(string Kind, object? Options)>? following = null)
    {
        var next = await database.WriteAsync(async scope =>
        {
            var mine = await scope.Db.Runs.Where(r => r.Id == run.Id && r.Owner == owner && r.State == RunState.Running).ExecuteUpdateAsync(
                x => x.SetProperty(r => r.State, state).SetProperty(r => r.FinishedAt, scope.Now).SetProperty(r => r.OwnedUntil, (DateTimeOffset?)null)
                    .SetProperty(r => r.Result, run.Result).SetProperty(r => r.Message, message ?? run.Message));
            if (mine == 0) return [];
            scope.Publish(new RunChanged(run.ProjectId, run.Id));
            var waiting = await scope.Db.Runs.Where(r => r.ProjectId == run.ProjectId && r.State == RunState.Queued).Select(r => r.Id).ToListAsync();
            foreach (var (kind, arguments) in following ?? []) await AddOnceAsync(scope, run.ProjectId, kind, arguments, run.CreatedBy);
            return waiting;
        });

        // Runs of the same kind waited for this one to end.
        foreach (var id in next) queue.Enqueue(id);
    }

    private async Task ReleaseAsync(Run run, string owner, string? message)
    {
        await database.WriteAsync(async scope =>
        {
            await scope.Db.Runs.Where(r => r.Id == run.Id && r.Owner == owner && r.State == RunState.Running).ExecuteUpdateAsync(
                x => x.SetProperty(r => r.State, RunState.Queued).SetProperty(r => r.OwnedUntil, (DateTimeOffset?)null).SetProperty(r => r.Attempts, run.Attempts).SetProperty(r => r.Message, message ?? run.Message));
            scope.Publish(new RunChanged(run.ProjectId, run.Id));
        });
        if (message is not null) queue.Enqueue(run.Id, TimeSpan.FromSeconds(Math.Min(60, Math.Pow(2, run.Attempts))));
    }

    [LoggerMessage(1, LogLevel.Error, "Run {RunId} ({Kind}) failed.")]
    private partial void LogFailed(Exception exception, long runId, string kind);

    [LoggerMessage(2, LogLevel.Warning, "Run {RunId} ({Kind}) was taken over or ended elsewhere; this execution stops.")]
    private partial void LogLost(long runId, string kind);

    [LoggerMessage(3, LogLevel.Warning, "No sign of life could be written for run {RunId}.")]
    private partial void LogHeartbeat(Exception exception, long runId);
}
