using Annotator.Core.Labels;
using Annotator.Core.Learning;
using Annotator.Core.Learning.Steering;
using Annotator.Core.Projects;
using Annotator.Core.Runs;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace Annotator.Core.Review;

/// <summary>
/// Keeps people from running far ahead of the learning: what they decide on an order that the models would have changed by now is wasted. Nobody notices at a
/// person's pace; a program that decides hundreds a second waits for a moment.
/// </summary>
public sealed class ReviewPacing(AnnotatorDatabase database, LearningTrigger learning, IOptions<LearningOptions> options, TimeProvider time)
{
    // A caller that must wait is held this long before it is told to come again.
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(2);

    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(50);

    // So long after a decision the training that it asked for must have been started; where none was, nobody is kept waiting.
    private static readonly TimeSpan StartsWithin = TimeSpan.FromSeconds(3);

    /// <summary>How many items may be lent now, after a short wait for the learning where people are ahead of it.</summary>
    public async Task<int> RoomAsync(Project project, int wanted, CancellationToken cancellationToken)
    {
        if (!project.Settings.AutoAccept || !project.HasStudent || project.Schema.Multiple) return wanted;
        var since = time.GetTimestamp();
        while (true)
        {
            var pace = await database.ReadAsync(db => SteeringCounters.PaceAsync(db, project.Id, cancellationToken), cancellationToken);
            var room = (pace.Ahead ?? options.Value.AheadOf(0, pace.Items)) is > 0 and var ahead ? ahead - (pace.Decided - pace.Learned) : wanted;
            if (room > 0) return (int)Math.Min(wanted, room);
            learning.Hurry(project.Id);
            if (time.GetElapsedTime(since) > Longest) return await IsLearningAsync(project.Id, cancellationToken) ? 0 : wanted;
            await Task.Delay(Look, time, cancellationToken);
        }
    }

    private Task<bool> IsLearningAsync(long projectId, CancellationToken cancellationToken) => database.ReadAsync(
        async db =>
        {
            var now = await database.Dialect.NowAsync(db, cancellationToken);
            var last = await db.Decisions.Where(d => d.ProjectId == projectId).OrderByDescending(d => d.Id).Select(d => (DateTimeOffset?)d.CreatedAt).FirstOrDefaultAsync(cancellationToken);
            return now - last < StartsWithin || await db.Runs.AnyAsync(r => r.ProjectId == projectId && r.Kind == TrainHandler.RunKind && r.State < RunState.Succeeded, cancellationToken);
        },
        cancellationToken);
}
