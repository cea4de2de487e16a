using System.Threading.Channels;
using Annotator.Core.Edge;
using Annotator.Edge.Health;
using Annotator.Edge.Models;
using Annotator.Edge.Storage;

namespace Annotator.Edge.Annotating;

/// <summary>
/// The one path from an item to a durable label. What arrives while the model or the disk is busy is taken together the next time:
/// under load a commit serves many, a single item waits for nobody.
/// </summary>
internal sealed class AnnotationLoop(ModelShelf models, EdgeStore store, AgentGauges gauges, Func<EdgePolicy> policy, TimeProvider time)
{
    private const int MostAtOnce = 64;
    private const int MostWaiting = 1_024;

    private static readonly TimeSpan s_patience = TimeSpan.FromMilliseconds(500);

    private readonly SeenPictures _seen = new();
    private readonly Channel<Work> _work = Channel.CreateBounded<Work>(new BoundedChannelOptions(MostWaiting) { SingleReader = true });

    /// <summary>Longest side at which pictures are sent; 0: none are.</summary>
    public int PicturePixels => policy().PicturePixels;

    /// <summary>Called when labels were kept.</summary>
    public Action? Kept { get; set; }

    /// <summary>Labels an item; waits while others are before it, and while there is no model or no room. When it returns, the label is on the disk.</summary>
    /// <exception cref="ItemFailedException">The model fails on it.</exception>
    public async Task<EdgeAnnotation> AnnotateAsync(EdgeItem item, CancellationToken cancellationToken)
    {
        return await AddAsync(new Work(item, time.GetTimestamp(), null), cancellationToken);
    }

    /// <summary>Keeps the label of an item that the model has been asked about already.</summary>
    public Task<EdgeAnnotation> KeepAsync(EdgeItem item, EdgeOpinion opinion, int version, CancellationToken cancellationToken) => AddAsync(new Work(item, time.GetTimestamp(), (opinion, version)), cancellationToken);

    /// <summary>Works until it is cancelled.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        var batch = new List<Work>(MostAtOnce);
        while (await _work.Reader.WaitToReadAsync(cancellationToken))
        {
            batch.Clear();
            while (batch.Count < MostAtOnce && _work.Reader.TryRead(out var work)) batch.Add(work);
            await models.WaitAsync(cancellationToken);
            while (!await TryAnnotateAsync(batch, cancellationToken))
            {
                // Full: what comes has to wait at its source, until something was sent.
                gauges.NoteFull();
                await Task.Delay(s_patience, time, cancellationToken);
            }
        }
    }

    private async Task<EdgeAnnotation> AddAsync(Work work, CancellationToken cancellationToken)
    {
        if (work.Item.Key.Length is 0 or > EdgeLimits.MostKeyLength) throw new ArgumentException($"A key has 1 to {EdgeLimits.MostKeyLength} characters.", nameof(work));
        await _work.Writer.WriteAsync(work, cancellationToken);
        return await work.Done.Task.WaitAsync(cancellationToken);
    }

    // The file of a picture that is to be sent; null where it stays here: the centre takes none, it is like one that was sent, or it cannot be made.
    private async Task<byte[]?> PictureAsync(EdgeItem item, int pixels, CancellationToken cancellationToken)
    {
        if (pixels == 0 || item.Picture is null || (item.Frame is { } frame && !_seen.IsNew(frame))) return null;
        try
        {
            return await item.Picture(pixels, cancellationToken) is { Length: > 0 and <= EdgeLimits.MostPictureBytes } file ? file : null;
        }
        catch (Exception e) when (e is IOException or InvalidDataException)
        {
            EdgeLog.Warn($"{item.Key} stays here: {e.Message}");
            return null;
        }
    }

    private async Task<bool> TryAnnotateAsync(List<Work> batch, CancellationToken cancellationToken)
    {
        var (rules, labels, works) = (policy(), new List<NewLabel>(batch.Count), new List<Work>(batch.Count));
        foreach (var (work, opinion, version) in Opinions(batch))
        {
            var reason = UploadRules.ReasonOf(rules, work.Item.Key, opinion);
            var picture = work.Item.Text is null && reason != EdgeReason.None ? await PictureAsync(work.Item, rules.PicturePixels, cancellationToken) : null;
            if (work.Item.Text is null && picture is null) reason = EdgeReason.None;
            labels.Add(new NewLabel(work.Item.Key, opinion.Value, opinion.Confidence, version, reason, reason == EdgeReason.None ? null : work.Item.Text, UploadRules.WorthOf(reason, opinion), picture));
            works.Add(work);
        }

        if (labels.Count == 0) return true;
        bool[] made;
        try
        {
            made = store.Add(labels);
        }
        catch (StoreFullException)
        {
            // Those that failed have been answered; the others are tried again.
            batch.RemoveAll(w => w.Done.Task.IsCompleted);
            return false;
        }

        for (var i = 0; i < works.Count; i++)
        {
            var label = labels[i];
            if (works[i].Known is null) gauges.Note(label.Confidence, time.GetElapsedTime(works[i].Since));
            works[i].Done.TrySetResult(new EdgeAnnotation(label.Key, label.Value, label.Confidence, label.ModelVersion, label.Reason, !made[i]));
        }

        if (made.Contains(true)) Kept?.Invoke();
        return true;
    }

    // A batch that fails is tried item by item: one broken item must not take the others with it.
    private List<(Work Work, EdgeOpinion Opinion, int Version)> Opinions(List<Work> batch)
    {
        var good = batch.Where(w => w.Known is not null).Select(w => (w, w.Known!.Value.Opinion, w.Known.Value.Version)).ToList();
        var waiting = batch.Where(w => w.Known is null && !w.Done.Task.IsCompleted).ToList();
        if (waiting.Count == 0) return good;
        if (models.TryPredict([.. waiting.Select(w => w.Item)], out var together, out var version, out _)) return [.. good, .. waiting.Select((w, i) => (w, together[i], version))];
        foreach (var work in waiting)
        {
            if (models.TryPredict([work.Item], out var alone, out version, out var error) || (models.NoteFailure(error!) && models.TryPredict([work.Item], out alone, out version, out error)))
            {
                good.Add((work, alone[0], version));
                continue;
            }

            work.Done.TrySetException(new ItemFailedException($"The model fails on this item: {error!.Message}", error));
        }

        return good;
    }

    private sealed record Work(EdgeItem Item, long Since, (EdgeOpinion Opinion, int Version)? Known)
    {
        public TaskCompletionSource<EdgeAnnotation> Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
