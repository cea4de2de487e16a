using Annotator.Core.Items;
using Annotator.Core.Runs;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Quality.Tallies;

/// <summary>Counts projects that were begun before there were tallies: once, by a run, so that the start need not wait for it.</summary>
public sealed class TallyUpgrade(AnnotatorDatabase database, RunService runs)
{
    /// <summary>Asks for a recount of every project with decisions or labels of which nothing is counted. To be called before the product serves: what is decided later is counted as it happens.</summary>
    /// <param name="cancellationToken">Cancels.</param>
    /// <returns>How many projects there are.</returns>
    public async Task<int> StartAsync(CancellationToken cancellationToken = default)
    {
        var final = CounterNames.State(ItemState.Final);
        var missing = await database.ReadAsync(
            db => db.Projects.Where(p => !db.Tallies.Any(t => t.ProjectId == p.Id)
                    && (db.Decisions.Any(d => d.ProjectId == p.Id) || db.Counters.Any(c => c.ProjectId == p.Id && c.Name == final && c.Value > 0)))
                .Select(p => p.Id).ToListAsync(cancellationToken),
            cancellationToken);
        foreach (var project in missing) await runs.StartOnceAsync(project, RecountHandler.RunKind, cancellationToken: cancellationToken);
        return missing.Count;
    }
}
