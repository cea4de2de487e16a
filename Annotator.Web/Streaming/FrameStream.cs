using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Threading.Channels;
using Annotator.Core.Accounts;
using Annotator.Core.Cascade;
using Annotator.Core.Labels;
using Annotator.Web.Hosting.Api;
using MessagePack;
using Microsoft.AspNetCore.SignalR;

namespace Annotator.Web.Streaming;

/// <summary>A frame as it is streamed in.</summary>
[MessagePackObject]
public sealed class StreamFrame
{
    /// <summary>Its number, greater than the one before; 0 begins anew; null: the next.</summary>
    [Key("number")]
    public long? Number { get; set; }

    /// <summary>The frame as a file of an image (JPEG for most); as base64 in JSON.</summary>
    [Key("image")]
    public byte[]? Image { get; set; }
}

/// <summary>A box in a frame.</summary>
[MessagePackObject]
public sealed record FrameBoxMessage(
    [property: Key("label")] string Label,
    [property: Key("x")] double X,
    [property: Key("y")] double Y,
    [property: Key("width")] double Width,
    [property: Key("height")] double Height,
    [property: Key("score")] double Score,
    [property: Key("track")] string Track,
    [property: Key("seen")] int Seen);

/// <summary>What became of a streamed frame.</summary>
/// <param name="Number">Its number.</param>
/// <param name="Dropped">Whether it was not looked at, since newer ones had come.</param>
/// <param name="DroppedSoFar">How many frames of the source were dropped so far.</param>
/// <param name="Value">The label value; null where there is none.</param>
/// <param name="Confidence">How sure the model is.</param>
/// <param name="Source">Who says it.</param>
/// <param name="Version">Which version of it.</param>
/// <param name="Boxes">The boxes with the objects that they belong to.</param>
/// <param name="Doubt">How doubtful it is, 0 to 1.</param>
/// <param name="ItemId">The item that it was kept as; null where it was not kept.</param>
/// <param name="Key">The item's key.</param>
/// <param name="Milliseconds">From its arrival to this answer.</param>
/// <param name="Error">Why it was refused; null where it was not.</param>
[MessagePackObject]
public sealed record FrameMessage(
    [property: Key("number")] long Number,
    [property: Key("dropped")] bool Dropped,
    [property: Key("droppedSoFar")] long DroppedSoFar,
    [property: Key("value")] JsonElement? Value,
    [property: Key("confidence")] double? Confidence,
    [property: Key("source")] string? Source,
    [property: Key("version")] int? Version,
    [property: Key("boxes")] IReadOnlyList<FrameBoxMessage> Boxes,
    [property: Key("doubt")] double Doubt,
    [property: Key("itemId")] string? ItemId,
    [property: Key("key")] string? Key,
    [property: Key("milliseconds")] double Milliseconds,
    [property: Key("error")] string? Error)
{
    /// <summary>An answer as it is sent.</summary>
    internal static FrameMessage Of(FrameAnswer answer) => new(
        answer.Number, answer.Dropped, answer.DroppedSoFar, answer.Value is { } value ? JsonElement.Parse(value) : null, answer.Confidence, answer.Source is { } source ? Names.Of(source) : null, answer.Version,
        [.. answer.Boxes.Select(b => new FrameBoxMessage(b.Label, b.X, b.Y, b.Width, b.Height, b.Score, b.Track.ToString(CultureInfo.InvariantCulture), b.Seen))], answer.Doubt,
        answer.ItemId is { } item ? Ids.Text(item) : null, answer.Key, answer.Milliseconds, answer.Error);
}

/// <summary>Frames of one source in, what the model sees in them out, over one connection. What is faster than the model is dropped, and said.</summary>
public sealed class FrameStream(FrameSources sources, ProjectAccess access, TimeProvider time)
{
    /// <summary>Answers that wait for a sender who does not read them; of more, those that only tell of a dropped frame are left out.</summary>
    public const int MostAnswers = 1_024;

    // How soon a stream ends whose caller may not send to the project any more.
    private static readonly TimeSpan s_look = TimeSpan.FromSeconds(2);

    /// <summary>Looks at a stream of frames and answers each as soon as it is known what became of it.</summary>
    /// <exception cref="HubException">The caller may not, or not any more; the project takes no frames; or the name is none.</exception>
    public async IAsyncEnumerable<FrameMessage> AnnotateAsync(Caller caller, long projectId, string source, IAsyncEnumerable<StreamFrame?> frames, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await GrantAsync(caller, projectId, cancellationToken);
        if (!FrameSources.IsName(source)) throw new HubException($"A source has a name of 1 to {FrameSources.LongestName} letters, digits, dots, dashes and underscores.");
        var answers = Channel.CreateBounded<FrameMessage>(new BoundedChannelOptions(MostAnswers) { SingleReader = true });
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var reading = ReadAsync(caller, projectId, source, frames, answers.Writer, stop.Token);
        try
        {
            await foreach (var answer in answers.Reader.ReadAllAsync(cancellationToken)) yield return answer;
        }
        finally
        {
            await stop.CancelAsync();
            await reading.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task ReadAsync(Caller caller, long projectId, string source, IAsyncEnumerable<StreamFrame?> frames, ChannelWriter<FrameMessage> answers, CancellationToken cancellationToken)
    {
        Exception? error = null;
        var open = new List<Task>();
        var last = Task.CompletedTask;
        try
        {
            var project = (await GrantAsync(caller, projectId, cancellationToken)).Project;
            var looked = time.GetTimestamp();
            await foreach (var frame in frames.WithCancellation(cancellationToken))
            {
                if (time.GetElapsedTime(looked) > s_look)
                {
                    project = (await GrantAsync(caller, projectId, cancellationToken)).Project;
                    looked = time.GetTimestamp();
                }

                open.RemoveAll(t => t.IsCompleted);
                last = frame?.Image is { Length: > 0 and <= FrameSources.MostBytes } image
                    ? AnswerAsync(sources.OfferAsync(project, source, frame.Number, image), last, answers, cancellationToken)
                    : answers.WriteAsync(FrameMessage.Of(new FrameAnswer(frame?.Number ?? -1) { Error = $"image: A file of 1 to {FrameSources.MostBytes:N0} bytes is needed." }), cancellationToken).AsTask();
                open.Add(last);
            }

            await Task.WhenAll(open);
        }
        catch (TooManySourcesException e)
        {
            error = new HubException(e.Message);
        }
        catch (Exception e)
        {
            error = e;
        }
        finally
        {
            answers.TryComplete(error);
        }
    }

    private static async Task AnswerAsync(Task<FrameAnswer> looking, Task before, ChannelWriter<FrameMessage> answers, CancellationToken cancellationToken)
    {
        var message = FrameMessage.Of(await looking);

        // Who reads nothing learns from the next answer how many were dropped.
        if (message.Dropped) answers.TryWrite(message);

        // Frames are looked at one after the other, and so they are answered, whichever thread is first to hear of it.
        await before.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (!message.Dropped) await answers.WriteAsync(message, cancellationToken);
    }

    private async Task<ProjectGrant> GrantAsync(Caller caller, long projectId, CancellationToken cancellationToken)
    {
        var grant = await access.FindAsync(caller, projectId, cancellationToken) ?? throw new HubException("There is no such project.");
        if (!grant.IsLead) throw new HubException("This needs a lead of the project.");
        return FrameSources.Refuses(grant.Project) is { } reason ? throw new HubException(reason) : grant;
    }
}
