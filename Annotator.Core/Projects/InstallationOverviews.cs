using Annotator.Core.Items;
using Annotator.Core.Quality;
using Annotator.Core.Runs;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Projects;

/// <summary>The installation in a few numbers.</summary>
/// <param name="Projects">Projects that are not deleted.</param>
/// <param name="Users">Open accounts of people.</param>
/// <param name="Items">Items of all projects.</param>
/// <param name="RunsWaiting">Runs that wait for a worker.</param>
/// <param name="RunsWorking">Runs under way.</param>
/// <param name="LlmCalls">The last calls to a model, newest first.</param>
public sealed record InstallationOverview(int Projects, int Users, long Items, int RunsWaiting, int RunsWorking, IReadOnlyList<Llm.LlmCall> LlmCalls);

/// <summary>Reads what the administrator's page shows.</summary>
public sealed class InstallationOverviews(AnnotatorDatabase database)
{
    /// <summary>Reads the numbers.</summary>
    /// <param name="llmCalls">How many of the last calls to a model.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public Task<InstallationOverview> ReadAsync(int llmCalls = 8, CancellationToken cancellationToken = default) => database.ReadAsync(
        async db =>
        {
            var states = Enum.GetValues<ItemState>().Select(CounterNames.State).ToArray();
            return new InstallationOverview(
                await db.Projects.CountAsync(p => p.DeletedAt == null, cancellationToken),
                await db.Users.CountAsync(u => !u.IsImported && !u.Disabled, cancellationToken),
                await db.Counters.Where(c => states.Contains(c.Name)).SumAsync(c => c.Value, cancellationToken),
                await db.Runs.CountAsync(r => r.State == RunState.Queued, cancellationToken),
                await db.Runs.CountAsync(r => r.State == RunState.Running, cancellationToken),
                await db.LlmCalls.OrderByDescending(c => c.Id).Take(llmCalls).ToListAsync(cancellationToken));
        },
        cancellationToken);
}
