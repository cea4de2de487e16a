using Annotator.Core.Cascade;
using Annotator.Core.Items;
using Annotator.Core.Labels;
using Annotator.Core.Learning;
using Annotator.Core.Learning.Steering;
using Annotator.Core.Live;
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
public sealed class ReviewPacing(AnnotatorDatabase database, LearningTrigger learning, ILiveFeed feed, IOptions<LearningOptions> options, TimeProvider time)
{
    // A caller that must wait is held this long before it is told to come again.
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(2);

    // The end of a training is told; where the news is lost on its way it is looked for.
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(500);

    // So long after a decision the training that it asked for must have been started; where none was, nobody is kept waiting.
    private static readonly TimeSpan StartsWithin = TimeSpan.FromSeconds(3);

    /// <summary>How many items may be lent now, after a short wait for the learning where people are ahead of it.</summary>
    public async Task<int> RoomAsync(Project project, int wanted, CancellationToken cancellationToken)
    {
        if (!project.Settings.AutoAccept || !project.HasStudent || project.Schema.Multiple) return wanted;
        var room = await RoomNowAsync(project, wanted, cancellationToken);
        if (room > 0) return room;

        // Listening first and looking then: nothing that ends in between is missed.
        using var news = feed.Subscribe(project.Id);
        var since = time.GetTimestamp();
        while (true)
        {
            learning.Hurry(project.Id);
            room = await RoomNowAsync(project, wanted, cancellationToken);
            if (room > 0) return room;
            if (time.GetElapsedTime(since) > Longest) return await IsLearningAsync(project.Id, cancellationToken) ? 0 : wanted;
            await NewsAsync(news, cancellationToken);
        }
    }

    private async Task<int> RoomNowAsync(Project project, int wanted, CancellationToken cancellationToken)
    {
        var pace = await database.ReadAsync(db => SteeringCounters.PaceAsync(db, project.Id, cancellationToken), cancellationToken);
        var room = (pace.Ahead ?? await FirstAheadAsync(project, pace, cancellationToken)) is > 0 and var ahead ? ahead - (pace.Decided - pace.Learned) : wanted;
        return (int)Math.Clamp(room, 0, wanted);
    }

    // Before the first training: what an LLM says that is being asked, or has answered meanwhile, will teach more than people's first decisions.
    private async Task<long> FirstAheadAsync(Project project, Pace pace, CancellationToken cancellationToken)
    {
        var ahead = options.Value.AheadOf(0, pace.Items);
        if (ahead == 0) return 0;
        var asking = await database.ReadAsync(
            async db => await db.Runs.AnyAsync(r => r.ProjectId == project.Id && r.Kind == PrelabelHandler.RunKind && r.State < RunState.Succeeded, cancellationToken)
                || await db.Predictions.AnyAsync(p => p.ProjectId == project.Id && p.Source == LabelSource.Llm && p.Value != null, cancellationToken),
            cancellationToken);
        return asking ? Math.Min(ahead, options.Value.AheadWhileAsking) : ahead;
    }

    // Waits until a run has come further, or for a while.
    private async Task NewsAsync(LiveSubscription news, CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(Look, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        try
        {
            await foreach (var e in news.Events.ReadAllAsync(either.Token))
            {
                if (e is RunChanged or ModelTrained or EventsMissed) return;
            }
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            // Nothing was told.
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
