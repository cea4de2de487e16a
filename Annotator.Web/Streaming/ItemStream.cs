using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Threading.Channels;
using Annotator.Core.Accounts;
using Annotator.Core.Cascade;
using Annotator.Core.Labels;
using Annotator.Core.Streaming;
using Annotator.Web.Hosting.Api;
using MessagePack;
using Microsoft.AspNetCore.SignalR;

namespace Annotator.Web.Streaming;

/// <summary>An item as it is streamed in.</summary>
[MessagePackObject]
public sealed class StreamItem
{
    /// <summary>The caller's name for it; made from the content where none is given.</summary>
    [Key("key")]
    public string? Key { get; set; }

    /// <summary>The text.</summary>
    [Key("text")]
    public string? Text { get; set; }

    /// <summary>Address of the medium.</summary>
    [Key("url")]
    public string? Url { get; set; }

    /// <summary>Other fields, as the text of a JSON object.</summary>
    [Key("metadata")]
    public string? Metadata { get; set; }

    /// <summary><c>urgent</c>, <c>normal</c> (so where nothing is said) or <c>batch</c>.</summary>
    [Key("priority")]
    public string? Priority { get; set; }
}

/// <summary>What became of a streamed item; it is durable when this is sent.</summary>
/// <param name="Key">The item's key.</param>
/// <param name="ItemId">The item; null where it was refused.</param>
/// <param name="Created">Whether it was new.</param>
/// <param name="Value">The pre-label's value; null where there is none.</param>
/// <param name="Confidence">Probability that it is right.</param>
/// <param name="Source">Who made it.</param>
/// <param name="Version">Which version of it.</param>
/// <param name="Route"><c>auto</c>, <c>llm</c> or <c>human</c>.</param>
/// <param name="Shed">Whether the project was behind its objective and the LLM was left out.</param>
/// <param name="DueAt">By when a person should have decided it, where it is urgent and waits for one.</param>
/// <param name="Error">Why it was refused; null where it was not.</param>
[MessagePackObject]
public sealed record StreamAnswer(
    [property: Key("key")] string Key,
    [property: Key("itemId")] string? ItemId,
    [property: Key("created")] bool Created,
    [property: Key("value")] JsonElement? Value,
    [property: Key("confidence")] double? Confidence,
    [property: Key("source")] string? Source,
    [property: Key("version")] int? Version,
    [property: Key("route")] string? Route,
    [property: Key("shed")] bool Shed,
    [property: Key("dueAt")] DateTimeOffset? DueAt,
    [property: Key("error")] string? Error);

/// <summary>
/// Items in, labels out, over one connection. At most <see cref="Window"/> items are under way in a stream: who reads no answers is asked for no more items, and who is
/// faster than the disk waits, down to the sender's socket.
/// </summary>
public sealed class ItemStream(IntakeLanes lanes, ProjectAccess access, TimeProvider time)
{
    /// <summary>Items of a stream that were taken in and whose answers were not yet sent.</summary>
    public const int Window = 512;

    // How soon a stream ends whose caller may not send to the project any more.
    private static readonly TimeSpan s_look = TimeSpan.FromSeconds(2);

    /// <summary>Stores a stream of items and answers each as soon as it is durable: urgent ones may be answered before others that were sent earlier.</summary>
    /// <exception cref="HubException">The caller may not, or not any more.</exception>
    public async IAsyncEnumerable<StreamAnswer> AnnotateAsync(Caller caller, long projectId, IAsyncEnumerable<StreamItem?> items, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await GrantAsync(caller, projectId, cancellationToken);
        var answers = Channel.CreateUnbounded<StreamAnswer>(new UnboundedChannelOptions { SingleReader = true });
        using var room = new SemaphoreSlim(Window);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var reading = ReadAsync(caller, projectId, items, answers.Writer, room, stop.Token);
        try
        {
            await foreach (var answer in answers.Reader.ReadAllAsync(cancellationToken))
            {
                yield return answer;

                // Only now: what was not sent yet counts as under way.
                room.Release();
            }
        }
        finally
        {
            await stop.CancelAsync();
            await reading.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task ReadAsync(Caller caller, long projectId, IAsyncEnumerable<StreamItem?> items, ChannelWriter<StreamAnswer> answers, SemaphoreSlim room, CancellationToken cancellationToken)
    {
        Exception? error = null;
        var open = new List<Task>();
        try
        {
            var project = (await GrantAsync(caller, projectId, cancellationToken)).Project;
            var looked = time.GetTimestamp();
            await foreach (var sent in items.WithCancellation(cancellationToken))
            {
                await room.WaitAsync(cancellationToken);
                if (time.GetElapsedTime(looked) > s_look)
                {
                    project = (await GrantAsync(caller, projectId, cancellationToken)).Project;
                    looked = time.GetTimestamp();
                }

                if (Read(sent, out var item) is { } wrong || (wrong = ItemIntake.Check(project, [item!]).Select(e => $"{e.Field["items[0].".Length..]}: {e.Message}").FirstOrDefault()) is not null)
                {
                    answers.TryWrite(new StreamAnswer(sent?.Key ?? "", null, false, null, null, null, null, null, false, null, wrong));
                    continue;
                }

                // In its lane before the next one is looked at: so a stream keeps its order, and feels it when there is no room.
                open.Add(AnswerAsync(await lanes.EnqueueAsync(project, item!, waitsForRoom: true, cancellationToken), item!, answers));
                if (open.Count >= Window) open.RemoveAll(t => t.IsCompleted);
            }

            await Task.WhenAll(open);
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

    private static async Task AnswerAsync(Task<LaneAnswer> waiting, NewItem item, ChannelWriter<StreamAnswer> answers)
    {
        try
        {
            var (stored, shed) = await waiting;
            var row = stored.Item;
            answers.TryWrite(new StreamAnswer(
                row.Key, Ids.Text(row.Id), stored.Created, row.PredictionValue is { } value ? Json(value) : null, row.PredictionConfidence is { } c ? Math.Round(c, 4) : null,
                row.PredictionSource is { } s ? Names.Of(s) : null, row.PredictionVersion, Names.Of(row.Route ?? Core.Items.Route.Human), shed, row.DueAt, null));
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            // Not stored, and said so: the caller sends it again.
            answers.TryWrite(new StreamAnswer(item.Key ?? "", null, false, null, null, null, null, null, false, null, "The item could not be stored at the moment; send it again."));
        }
    }

    private async Task<ProjectGrant> GrantAsync(Caller caller, long projectId, CancellationToken cancellationToken)
    {
        var grant = await access.FindAsync(caller, projectId, cancellationToken) ?? throw new HubException("There is no such project.");
        return grant.IsLead ? grant : throw new HubException("This needs a lead of the project.");
    }

    private static string? Read(StreamItem? sent, out NewItem? item)
    {
        item = null;
        if (sent is null) return "An item is needed.";
        var priority = ItemPriority.Normal;
        if (sent.Priority is { } wanted && !Names.TryParse(wanted, out priority)) return "priority: Must be urgent, normal or batch.";
        if (sent.Metadata is { } metadata && !IsObject(metadata)) return "metadata: Must be the text of a JSON object.";
        item = new NewItem(sent.Key, sent.Text, sent.Url, sent.Metadata, Priority: priority);
        return null;
    }

    private static bool IsObject(string text)
    {
        try
        {
            using var document = JsonDocument.Parse(text);
            return document.RootElement.ValueKind == JsonValueKind.Object;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private static JsonElement Json(string text)
    {
        using var document = JsonDocument.Parse(text);
        return document.RootElement.Clone();
    }
}
