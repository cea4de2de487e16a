using Annotator.Core.Items;
using Annotator.Core.Learning.Neighbours;
using Annotator.Core.Learning.Representation;
using Annotator.Core.Runs;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Learning;

/// <summary>
/// Before there is a student, people see items that represent the whole: typical ones of many clusters, so that the first student has seen the whole
/// range. Placed when a representation has been learned, and again when first guesses have filled the queue, whichever comes last.
/// </summary>
internal sealed class FirstSample(Representations representations)
{
    // What is labelled in the first minutes; the student's own choice follows.
    private const int Count = 120;

    // Of more rows an even part is clustered: what represents them is the same, and it takes about a second.
    private const int MostRows = 20_000;

    // Before those that have no order yet (0 and above), as what a student chooses later.
    private const double FirstRank = -100;

    /// <summary>Puts the sample to the front of the queue; does nothing where a student or an LLM has an opinion already.</summary>
    /// <param name="run">The run at whose end it is placed.</param>
    /// <param name="read">Reads the vectors of a representation that is not published yet, where they are wanted; null: the newest one.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public async Task PlaceAsync(RunContext run, Func<Task<CompactVectors>>? read, CancellationToken cancellationToken)
    {
        var project = run.ProjectId;
        if (await HasOpinionsAsync(run, cancellationToken)) return;
        var vectors = read is null ? (await representations.FindAsync(project, cancellationToken))?.Vectors : await read();
        if (vectors is null) return;
        var stride = (vectors.Count + MostRows - 1) / MostRows;
        var rows = Enumerable.Range(0, vectors.Count).Where(r => r % stride == 0).ToList();
        var picks = await Task.Run(() => DiverseSample.Pick(vectors.ToFloats(rows), vectors.Dimensions, Count, cancellationToken: cancellationToken), cancellationToken);
        var places = picks.Select((pick, k) => (vectors.Ids[rows[pick]], FirstRank + (k * 1e-3), QueueReason.Diverse)).ToList();
        await run.CheckpointAsync(
            async scope =>
            {
                await ItemTransitions.RerankAsync(scope, project, places);
                scope.Publish(new Live.ProjectChanged(project));
            },
            null,
            cancellationToken: cancellationToken);
    }

    private static Task<bool> HasOpinionsAsync(RunContext run, CancellationToken cancellationToken) => run.Database.ReadAsync(
        async db => await db.Students.AnyAsync(v => v.ProjectId == run.ProjectId, cancellationToken)
            || await db.Predictions.AnyAsync(p => p.ProjectId == run.ProjectId, cancellationToken),
        cancellationToken);
}
