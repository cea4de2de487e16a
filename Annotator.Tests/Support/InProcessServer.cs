using Annotator.Web;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Annotator.Tests.Support;

/// <summary>
/// The real program in this process, on a free port of loopback, with a SQLite file in a folder of its own. It can be
/// stopped and started again at the same address over the same data, as a restart of the server is seen from outside.
/// </summary>
public sealed class InProcessServer : IAsyncDisposable
{
    /// <summary>The administrator that the first start makes.</summary>
    public const string AdminEmail = "admin@annotator.test";

    /// <summary>Their password.</summary>
    public const string AdminPassword = "correct horse battery staple";

    /// <summary>A token with their rights.</summary>
    public const string AdminToken = "annotator-test-token-0123456789abcdef";

    private readonly Action<WebApplicationBuilder>? _configure;
    private readonly string _directory = Directory.CreateTempSubdirectory("annotator-test-").FullName;
    private WebApplication? _app;
    private int _port;

    private InProcessServer(Action<WebApplicationBuilder>? configure) => _configure = configure;

    /// <summary>The address, without a slash at its end.</summary>
    public Uri Address => new($"http://127.0.0.1:{_port}");

    /// <summary>The services of the running program, for what no person could do through its pages.</summary>
    public IServiceProvider Services => _app?.Services ?? throw new InvalidOperationException("The server is stopped.");

    /// <summary>Starts a program on an empty database.</summary>
    /// <param name="configure">Changes settings or services before it is built.</param>
    public static async Task<InProcessServer> StartNewAsync(Action<WebApplicationBuilder>? configure = null)
    {
        var server = new InProcessServer(configure);
        await MigratedDatabase.WriteFileAsync(Path.Combine(server._directory, "annotator.db"));
        await server.StartAsync();
        return server;
    }

    /// <summary>Starts it, after <see cref="StopAsync"/> at the address it had before.</summary>
    public async Task StartAsync()
    {
        if (_app is not null) throw new InvalidOperationException("It runs already.");
        _app = AnnotatorApp.Build([], Repository.Root, builder =>
        {
            builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>(StringComparer.Ordinal)
            {
                ["urls"] = $"http://127.0.0.1:{_port}",
                ["Annotator:DataDirectory"] = _directory,
                ["Annotator:Bootstrap:AdminEmail"] = AdminEmail,
                ["Annotator:Bootstrap:AdminPassword"] = AdminPassword,
                ["Annotator:Bootstrap:ApiToken"] = AdminToken,
                ["Logging:LogLevel:Default"] = "Error",
                ["Logging:LogLevel:Microsoft"] = "Error",
                ["Logging:LogLevel:Microsoft.Hosting.Lifetime"] = "Error",
            });
            builder.Services.Configure<Microsoft.Extensions.Hosting.HostOptions>(o => o.ShutdownTimeout = TimeSpan.FromSeconds(3));
            builder.Services.HashQuickly();
            _configure?.Invoke(builder);
        });
        await AnnotatorApp.StartAsync(_app);
        _port = new Uri(_app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First()).Port;
    }

    /// <summary>Stops it; its data stays.</summary>
    public async Task StopAsync()
    {
        if (_app is null) return;
        try
        {
            await _app.StopAsync();
        }
        catch (OperationCanceledException)
        {
            // Open connections did not end in time: they are cut now, as by any process that ends.
        }

        await _app.DisposeAsync();
        _app = null;
    }

    /// <summary>Stops it and removes its data.</summary>
    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
        Directory.Delete(_directory, recursive: true);
    }
}
