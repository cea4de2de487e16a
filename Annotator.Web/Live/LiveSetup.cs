using Annotator.Core.Live;
using Annotator.Web.Hosting;
using Annotator.Web.Streaming;
using StackExchange.Redis;

namespace Annotator.Web.Live;

/// <summary>Live events, within this process or through Redis, and the hub that carries them to programs.</summary>
internal static class LiveSetup
{
    /// <summary>The longest message that a client of the hub may send.</summary>
    public const long MostMessageBytes = 4 << 20;

    public static void AddLive(this WebApplicationBuilder builder)
    {
        AddFeed(builder);
        builder.Services.AddSignalR(o =>
        {
            // A text may be long; and a stream of items may have some on the way before the sender is held up.
            o.MaximumReceiveMessageSize = MostMessageBytes;
            o.StreamBufferCapacity = 64;
        }).AddMessagePackProtocol(o => o.SerializerOptions = JsonElementFormatter.Options);
        builder.Services.AddSingleton<ItemStream>();
        builder.Services.AddSingleton<FrameStream>();
        builder.Services.AddSingleton<LiveConnections>();
        builder.Services.AddHostedService(p => p.GetRequiredService<LiveConnections>());
        builder.Services.AddHostedService<LiveBroadcaster>();
    }

    private static void AddFeed(WebApplicationBuilder builder)
    {
        var redis = builder.Configuration.GetConnectionString("Redis");
        if (string.IsNullOrWhiteSpace(redis))
        {
            builder.Services.AddSingleton<ILiveFeed, InProcessLiveFeed>();
            return;
        }

        ConfigurationOptions options;
        try
        {
            options = ConfigurationOptions.Parse(redis);
        }
        catch (ArgumentException)
        {
            // The text may hold a password.
            builder.AddSettingError("ConnectionStrings:Redis", "Is not a connection string of Redis, like host:6379,password=…");
            return;
        }

        if (options.EndPoints.Count == 0) builder.AddSettingError("ConnectionStrings:Redis", "Names no host.");
        builder.Services.AddSingleton(p => new RedisLiveFeed(options, p.GetRequiredService<ILogger<RedisLiveFeed>>()));
        builder.Services.AddSingleton<ILiveFeed>(p => p.GetRequiredService<RedisLiveFeed>());
        builder.Services.AddHostedService(p => p.GetRequiredService<RedisLiveFeed>());
    }
}
