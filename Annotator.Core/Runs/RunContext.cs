using System.Text.Json;
using Annotator.Core.Live;
using Annotator.Core.Projects;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Runs;

/// <summary>
/// What a handler sees of its run. Every checkpoint commits effects, cursor and counts in one transaction that holds only
/// while this execution owns the run; so a repeat does nothing twice.
/// </summary>
public sealed class RunContext
{
    private readonly string _owner;

    internal RunContext(Run run, string owner, AnnotatorDatabase database)
    {
        (Run, _owner, Database) = (run, owner, database);
    }

    /// <summary>The run as it was when this execution began; <see cref="Run.Cursor"/> and counts follow the checkpoints.</summary>
    public Run Run { get; }

    /// <summary>The project.</summary>
    public long ProjectId => Run.ProjectId;

    /// <summary>The database.</summary>
    public AnnotatorDatabase Database { get; }

    /// <summary>The arguments.</summary>
    public T Options<T>()
        where T : new() => JsonSerializer.Deserialize<T>(Run.Options, ProjectJson.Options) ?? new T();

    /// <summary>The cursor of the last checkpoint, or a new one at the beginning.</summary>
    public T Cursor<T>()
        where T : new() => Run.Cursor is null ? new T() : JsonSerializer.Deserialize<T>(Run.Cursor, ProjectJson.Options) ?? new T();

    /// <summary>Commits effects together with how far the work has come.</summary>
    /// <param name="effects">Writes the effects; null where there are none.</param>
    /// <param name="cursor">Where to go on; null leaves it as it is.</param>
    /// <param name="done">Units done since the last checkpoint.</param>
    /// <param name="rejected">Units that could not be read since the last checkpoint.</param>
    /// <param name="total">Units in all, where known by now.</param>
    /// <param name="message">What is going on; null leaves it as it is.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="RunLostException">The run was taken over or ended meanwhile; nothing was written.</exception>
    public Task CheckpointAsync(
        Func<WriteScope, Task>? effects, object? cursor, long done = 0, long rejected = 0, long? total = null, string? message = null, CancellationToken cancellationToken = default) =>
        CheckpointAsync<object?>(
            async scope =>
            {
                if (effects is not null) await effects(scope);
                return cursor;
            },
            done,
            rejected,
            total,
            message,
            cancellationToken);

    /// <summary>Commits effects together with a cursor that they find out.</summary>
    /// <inheritdoc cref="CheckpointAsync(Func{WriteScope, Task}?, object?, long, long, long?, string?, CancellationToken)"/>
    /// <returns>The cursor.</returns>
    public async Task<T> CheckpointAsync<T>(
        Func<WriteScope, Task<T>> effects, long done = 0, long rejected = 0, long? total = null, string? message = null, CancellationToken cancellationToken = default)
    {
        var (d, r, t, m) = (Run.Done + done, Run.Rejected + rejected, total ?? Run.Total, message ?? Run.Message);
        var (cursor, text) = await Database.WriteAsync(
            async scope =>
            {
                var found = await effects(scope);
                var written = found is null ? Run.Cursor : JsonSerializer.Serialize(found, ProjectJson.Options);
                var owned = await scope.Db.Runs
                    .Where(x => x.Id == Run.Id && x.Owner == _owner && x.State == RunState.Running)
                    .ExecuteUpdateAsync(
                        x => x.SetProperty(p => p.Cursor, written).SetProperty(p => p.Done, d).SetProperty(p => p.Rejected, r).SetProperty(p => p.Total, t).SetProperty(p => p.Message, m),
                        cancellationToken);
                if (owned == 0) throw new RunLostException();
                scope.Publish(new RunChanged(ProjectId, Run.Id));
                return (found, written);
            },
            cancellationToken);
        (Run.Cursor, Run.Done, Run.Rejected, Run.Total, Run.Message) = (text, d, r, t, m);
        return cursor;
    }

    /// <summary>Runs to start once this one has succeeded.</summary>
    internal List<(string Kind, object? Options)> Following { get; } = [];

    /// <summary>Has another run start once this one has succeeded, for work that rests on its result; with its end, so that neither is without the other.</summary>
    /// <param name="kind">Its kind; nothing is started where one of it waits already.</param>
    /// <param name="options">Its arguments.</param>
    public void Then(string kind, object? options = null) => Following.Add((kind, options));

    /// <summary>Sets the run's result; written when it ends.</summary>
    public void SetResult(object result) => Run.Result = JsonSerializer.Serialize(result, ProjectJson.Options);
}
