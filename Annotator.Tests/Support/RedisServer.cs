using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Annotator.Tests.Support;

/// <summary>A Redis server of a test's own, on a free port of loopback, that keeps nothing.</summary>
public sealed class RedisServer : IAsyncDisposable
{
    private readonly ChildProcess _server;

    private RedisServer(ChildProcess server, int port) => (_server, Port) = (server, port);

    /// <summary>Its port.</summary>
    public int Port { get; }

    /// <summary>The address for <c>ConnectionStrings:Redis</c>.</summary>
    public string Address => string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{Port}");

    /// <summary>Starts a server; skips the test where Redis is not installed.</summary>
    /// <param name="port">The port; 0: a free one.</param>
    public static async Task<RedisServer> StartAsync(int port = 0)
    {
        var program = Programs.Find("redis-server");
        if (program is null) Programs.Missing("Redis is not installed (Debian: apt-get install redis-server).");
        for (var attempt = 1; ; attempt++)
        {
            var chosen = port == 0 ? FreePort() : port;
            var server = await ChildProcess.StartAsync(
                program!, ["--port", chosen.ToString(CultureInfo.InvariantCulture), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--daemonize", "no"], folder: Path.GetTempPath());
            try
            {
                await server.LineAsync(l => l.Contains("Ready to accept connections", StringComparison.OrdinalIgnoreCase), TimeSpan.FromSeconds(30));
                return new RedisServer(server, chosen);
            }
            catch (InvalidOperationException) when (attempt < 5)
            {
                // Somebody else took the port between the look and the start.
                await server.DisposeAsync();
            }
        }
    }

    /// <summary>Ends the server at once, as a crash does. It can be started again on its <see cref="Port"/>.</summary>
    public Task KillAsync() => _server.KillAsync();

    /// <inheritdoc />
    public ValueTask DisposeAsync() => _server.DisposeAsync();

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
