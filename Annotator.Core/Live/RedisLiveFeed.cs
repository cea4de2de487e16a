using System.Text.Json;
using System.Threading.Channels;
using Annotator.Core.Projects;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using StackExchange.Redis;

namespace Annotator.Core.Live;

/// <summary>
/// The feed across nodes: what is published here reaches listeners of this process at once, and those of others through Redis
/// pub/sub. Redis keeps nothing: while it is away each node has its own events, and once it is back all listeners are told that they
/// may have missed some (<see cref="EventsMissed"/>), and read again.
/// </summary>
/// <remarks>
/// Hubs need no backplane of SignalR besides: every node carries the feed to its own connections, so that a message comes once, and
/// still comes to the connections of the node where it happened while Redis is away.
/// </remarks>
public sealed partial class RedisLiveFeed(ConfigurationOptions options, ILogger<RedisLiveFeed> log) : ILiveFeed, IHostedService, IAsyncDisposable
{
    /// <summary>Name of the pub/sub channel. Installations that share a Redis are kept apart by <c>channelPrefix</c> in the connection string.</summary>
    public const string ChannelName = "annotator:live";

    private static readonly RedisChannel s_channel = RedisChannel.Literal(ChannelName);
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    private readonly InProcessLiveFeed _local = new();
    private readonly string _node = Guid.NewGuid().ToString("n");
    private readonly CancellationTokenSource _stop = new();
    private readonly Channel<LiveEvent> _outbox = Channel.CreateBounded<LiveEvent>(new BoundedChannelOptions(10_000) { FullMode = BoundedChannelFullMode.DropOldest, SingleReader = true });
    private ConnectionMultiplexer? _redis;
    private Task _sending = Task.CompletedTask;
    private int _away;
    private int _disposed;

    /// <summary>Whether events cross nodes at the moment.</summary>
    public bool IsConnected => _redis?.IsConnected == true;

    /// <inheritdoc />
    public void Publish(LiveEvent e)
    {
        _local.Publish(e);
        _outbox.Writer.TryWrite(e);
    }

    /// <inheritdoc />
    public LiveSubscription Subscribe(long? projectId = null) => _local.Subscribe(projectId);

    /// <inheritdoc />
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        // The product starts without Redis as well; the connection is tried again for as long as it runs.
        options.AbortOnConnectFail = false;
        options.ClientName ??= "annotator";
        _redis = await ConnectionMultiplexer.ConnectAsync(options);
        _redis.ConnectionFailed += (_, e) => NoteAway(e.Exception);
        _redis.ConnectionRestored += (_, e) =>
        {
            // Pub/sub has a connection of its own; only its return means that events come again.
            if (e.ConnectionType == ConnectionType.Subscription) NoteBack();
        };
        if (!_redis.IsConnected) NoteAway(null);
        _sending = SendAsync(_redis.GetSubscriber());
    }

    /// <inheritdoc />
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        _outbox.Writer.TryComplete();
        await _stop.CancelAsync();
        await _sending.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        // The container disposes it once for each of the services it is registered as.
        if (Interlocked.Exchange(ref _disposed, 1) == 1) return;
        await StopAsync(CancellationToken.None);
        if (Interlocked.Exchange(ref _redis, null) is { } redis) await redis.DisposeAsync();
        _stop.Dispose();
    }

    private async Task SendAsync(ISubscriber subscriber)
    {
        var subscribed = false;
        var lost = false;
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                if (!subscribed)
                {
                    await subscriber.SubscribeAsync(s_channel, (_, message) => Receive(message));
                    subscribed = true;

                    // Where Redis came later than the product, nothing is restored: this is the first connection.
                    if (Volatile.Read(ref _away) == 1) NoteBack();
                }

                // What could not be sent while Redis was away is not sent late: the others are told to read again instead.
                if (lost) await SendAsync(subscriber, new EventsMissed());
                lost = false;
                if (!await _outbox.Reader.WaitToReadAsync(_stop.Token)) return;
                while (_outbox.Reader.TryRead(out var e)) await SendAsync(subscriber, e);
            }
            catch (OperationCanceledException)
            {
                return;
            }
            catch (Exception e) when (e is RedisException or RedisTimeoutException or ObjectDisposedException)
            {
                lost = true;
                NoteAway(e);
                await Task.Delay(Pause, _stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                while (_outbox.Reader.TryRead(out _))
                {
                    // Told by EventsMissed.
                }
            }
        }
    }

    private Task SendAsync(ISubscriber subscriber, LiveEvent e) => subscriber.PublishAsync(s_channel, JsonSerializer.Serialize(new Envelope(_node, e), ProjectJson.Options));

    private void Receive(RedisValue message)
    {
        try
        {
            if (message.HasValue && JsonSerializer.Deserialize<Envelope>(message.ToString(), ProjectJson.Options) is { } envelope && !string.Equals(envelope.Node, _node, StringComparison.Ordinal))
                _local.Publish(envelope.Event);
        }
        catch (Exception e) when (e is JsonException or NotSupportedException)
        {
            // A node of another version: what it says cannot be understood, but something happened.
            LogUnknown(e);
            _local.Publish(new EventsMissed());
        }
    }

    private void NoteAway(Exception? exception)
    {
        if (Interlocked.Exchange(ref _away, 1) == 0) LogAway(exception);
    }

    private void NoteBack()
    {
        if (Interlocked.Exchange(ref _away, 0) == 1) LogBack();
        _local.Publish(new EventsMissed());
    }

    private sealed record Envelope(string Node, LiveEvent Event);

    [LoggerMessage(50, LogLevel.Warning, "Redis cannot be reached: live events do not cross nodes until it is back.")]
    private partial void LogAway(Exception? exception);

    [LoggerMessage(51, LogLevel.Information, "Redis is back: live events cross nodes again.")]
    private partial void LogBack();

    [LoggerMessage(52, LogLevel.Warning, "A live event of another node could not be read; pages read again instead.")]
    private partial void LogUnknown(Exception exception);
}
