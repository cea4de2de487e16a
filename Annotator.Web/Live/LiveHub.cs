using System.Globalization;
using System.Text.Json;
using Annotator.Core.Accounts;
using Annotator.Core.Live;
using Annotator.Core.Runs;
using Annotator.Web.Accounts;
using Annotator.Web.Hosting.Api;
using Annotator.Web.Runs;
using Annotator.Web.Streaming;
using MessagePack;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.SignalR;

namespace Annotator.Web.Live;

/// <summary>Pushes what happens in a project to programs that subscribe.</summary>
[Authorize(Policies.SignedIn)]
public sealed class LiveHub(ProjectAccess access, LiveConnections connections, ItemStream stream, FrameStream frameStream) : Hub
{
    /// <summary>Subscribes to a project that the caller may see.</summary>
    public async Task Subscribe(string projectId)
    {
        var grant = await access.FindAsync(Context.User!.Caller(), Ids.Parse(projectId), Context.ConnectionAborted);
        if (grant is null) throw new HubException("There is no such project.");
        if (!connections.Follow(Context.ConnectionId, grant.Project.Id)) throw new HubException($"A connection follows at most {LiveConnections.MostProjects} projects.");
        await Groups.AddToGroupAsync(Context.ConnectionId, GroupOf(grant.Project.Id), Context.ConnectionAborted);
    }

    /// <summary>Ends a subscription.</summary>
    public Task Unsubscribe(string projectId)
    {
        var project = Ids.Parse(projectId);
        connections.Unfollow(Context.ConnectionId, project);
        return Groups.RemoveFromGroupAsync(Context.ConnectionId, GroupOf(project), Context.ConnectionAborted);
    }

    /// <summary>Items in, labels out: each is answered when it is durable. See <see cref="ItemStream"/>.</summary>
    public IAsyncEnumerable<StreamAnswer> Annotate(string projectId, IAsyncEnumerable<StreamItem?> items, CancellationToken cancellationToken) =>
        stream.AnnotateAsync(Context.User!.Caller(), Ids.Parse(projectId), items, cancellationToken);

    /// <summary>Frames of a source in, what is seen in them out. See <see cref="FrameStream"/>.</summary>
    public IAsyncEnumerable<FrameMessage> AnnotateFrames(string projectId, string source, IAsyncEnumerable<StreamFrame?> frames, CancellationToken cancellationToken) =>
        frameStream.AnnotateAsync(Context.User!.Caller(), Ids.Parse(projectId), source, frames, cancellationToken);

    /// <inheritdoc />
    public override Task OnConnectedAsync()
    {
        connections.Add(Context);
        return base.OnConnectedAsync();
    }

    /// <inheritdoc />
    public override Task OnDisconnectedAsync(Exception? exception)
    {
        connections.Remove(Context.ConnectionId);
        return base.OnDisconnectedAsync(exception);
    }

    internal static string GroupOf(long projectId) => string.Create(CultureInfo.InvariantCulture, $"project:{projectId}");
}

/// <summary>A pre-label as the hub sends it.</summary>
[MessagePackObject]
public sealed record PreLabelledMessage(
    [property: Key("itemId")] string ItemId,
    [property: Key("key")] string Key,
    [property: Key("value")] JsonElement Value,
    [property: Key("confidence")] double Confidence,
    [property: Key("source")] string Source,
    [property: Key("version")] int Version,
    [property: Key("route")] string Route);

/// <summary>A label as the hub sends it; value null where a decision was taken back.</summary>
[MessagePackObject]
public sealed record DecidedMessage(
    [property: Key("itemId")] string ItemId,
    [property: Key("key")] string Key,
    [property: Key("value")] JsonElement? Value,
    [property: Key("source")] string? Source,
    [property: Key("state")] string State);

/// <summary>A student as the hub announces it.</summary>
[MessagePackObject]
public sealed record ModelTrainedMessage(
    [property: Key("projectId")] string ProjectId,
    [property: Key("version")] int Version,
    [property: Key("accuracy")] double? Accuracy,
    [property: Key("ece")] double? Ece,
    [property: Key("trainedOn")] int TrainedOn);

/// <summary>A run as the hub sends it.</summary>
[MessagePackObject]
public sealed record RunMessage(
    [property: Key("id")] string Id,
    [property: Key("projectId")] string ProjectId,
    [property: Key("kind")] string Kind,
    [property: Key("state")] string State,
    [property: Key("done")] long Done,
    [property: Key("total")] long Total,
    [property: Key("rejected")] long Rejected,
    [property: Key("message")] string? Message,
    [property: Key("startedAt")] DateTimeOffset? StartedAt,
    [property: Key("finishedAt")] DateTimeOffset? FinishedAt);

/// <summary>Carries the feed to the hub's groups; what comes while a message is on its way goes out together.</summary>
internal sealed partial class LiveBroadcaster(ILiveFeed feed, IHubContext<LiveHub> hub, RunService runs, ILogger<LiveBroadcaster> log) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var subscription = feed.Subscribe();
        var batch = new List<LiveEvent>();
        while (await subscription.Events.WaitToReadAsync(stoppingToken))
        {
            batch.Clear();
            while (batch.Count < 500 && subscription.Events.TryRead(out var e)) batch.Add(e);
            if (subscription.TakeMissed()) await TellMissedAsync(stoppingToken);
            foreach (var project in batch.Where(e => e is not EventsMissed).GroupBy(e => e.ProjectId))
            {
                try
                {
                    await SendAsync(hub.Clients.Group(LiveHub.GroupOf(project.Key)), [.. project], stoppingToken);
                }
                catch (Exception e) when (e is not OperationCanceledException)
                {
                    LogNotSent(e, project.Key);
                }
            }
        }
    }

    // Whoever shows something reads it again.
    private async Task TellMissedAsync(CancellationToken cancellationToken)
    {
        try
        {
            await hub.Clients.All.SendAsync("EventsMissed", cancellationToken);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            LogNotSent(e, 0);
        }
    }

    private async Task SendAsync(IClientProxy clients, List<LiveEvent> events, CancellationToken cancellationToken)
    {
        var prelabelled = events.OfType<ItemsPreLabelled>().SelectMany(e => e.Items)
            .Select(i => new PreLabelledMessage(Ids.Text(i.ItemId), i.Key, Json(i.Value), i.Confidence, Core.Labels.Names.Of(i.Source), i.Version, Core.Labels.Names.Of(i.Route))).ToList();
        if (prelabelled.Count > 0) await clients.SendAsync("ItemsPreLabelled", prelabelled, cancellationToken);
        var decided = events.OfType<ItemsDecided>().SelectMany(e => e.Items)
            .Select(i => new DecidedMessage(Ids.Text(i.ItemId), i.Key, i.Value is null ? null : Json(i.Value), i.Source is { } s ? Core.Labels.Names.Of(s) : null, Core.Labels.Names.Of(i.State))).ToList();
        if (decided.Count > 0) await clients.SendAsync("ItemsDecided", decided, cancellationToken);
        foreach (var e in events.OfType<ModelTrained>()) await clients.SendAsync("ModelTrained", new ModelTrainedMessage(Ids.Text(e.ProjectId), e.Version, e.Accuracy, e.Ece, e.TrainedOn), cancellationToken);
        foreach (var id in events.OfType<RunChanged>().Select(e => e.RunId).Distinct())
        {
            if (await runs.FindAsync(id, cancellationToken) is not { } run) continue;
            var view = RunsApi.View(run);
            await clients.SendAsync(
                "RunChanged",
                new RunMessage(view.Id, view.ProjectId, view.Kind, Core.Labels.Names.Of(view.State), view.Done, view.Total, view.Rejected, view.Message, view.StartedAt, view.FinishedAt),
                cancellationToken);
        }
    }

    private static JsonElement Json(string text)
    {
        using var document = JsonDocument.Parse(text);
        return document.RootElement.Clone();
    }

    [LoggerMessage(30, LogLevel.Warning, "Live events of project {ProjectId} could not be sent.")]
    private partial void LogNotSent(Exception exception, long projectId);
}
