using System.Net;
using System.Net.Sockets;
using System.Threading.Channels;

namespace Annotator.Tests.Support;

/// <summary>
/// A network between a browser and a server on one machine: everything that goes through arrives later by a fixed time in each
/// direction, and can be held up altogether or cut.
/// </summary>
public sealed class SlowLink : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly List<TcpClient> _clients = [];
    private readonly Lock _gate = new();
    private readonly Task _accepting;
    private readonly IPEndPoint _server;
    private TaskCompletionSource _open = NewSignal(open: true);

    /// <summary>A link to a server.</summary>
    /// <param name="server">Where to.</param>
    /// <param name="delay">How much later a byte arrives, in each direction.</param>
    public SlowLink(Uri server, TimeSpan delay)
    {
        Delay = delay;
        _server = new IPEndPoint(IPAddress.Loopback, server.Port);
        _listener.Start();
        _accepting = AcceptAsync();
    }

    /// <summary>How much later a byte arrives, in each direction.</summary>
    public TimeSpan Delay { get; }

    /// <summary>The address on this side.</summary>
    public Uri Address => new($"http://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}");

    /// <summary>From now on nothing arrives, in no direction; connections stay open, as on a train in a tunnel.</summary>
    public void Hold()
    {
        lock (_gate) _open = NewSignal(open: false);
    }

    /// <summary>What was held up arrives, and what follows.</summary>
    public void Release()
    {
        lock (_gate) _open.TrySetResult();
    }

    /// <summary>Cuts all connections; new ones are taken.</summary>
    public void Cut()
    {
        lock (_gate)
        {
            foreach (var client in _clients) client.Dispose();
            _clients.Clear();
        }
    }

    /// <summary>Ends the link.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Stop();
        Cut();
        await _accepting.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _listener.Dispose();
        _stop.Dispose();
    }

    private static TaskCompletionSource NewSignal(bool open)
    {
        var signal = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        if (open) signal.SetResult();
        return signal;
    }

    private async Task AcceptAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            var near = await _listener.AcceptTcpClientAsync(_stop.Token);
            _ = CarryAsync(near);
        }
    }

    private async Task CarryAsync(TcpClient near)
    {
        using var far = new TcpClient();
        using (near)
        {
            lock (_gate) _clients.AddRange([near, far]);
            try
            {
                near.NoDelay = far.NoDelay = true;
                await far.ConnectAsync(_server, _stop.Token);
                await Task.WhenAny(PumpAsync(near, far), PumpAsync(far, near));
            }
            catch (Exception e) when (e is SocketException or IOException or ObjectDisposedException or OperationCanceledException)
            {
                // The server is away: the browser sees a connection that breaks off.
            }

            lock (_gate)
            {
                _clients.Remove(near);
                _clients.Remove(far);
            }
        }
    }

    // Reads on while earlier bytes are still on their way: a delay is not a narrow pipe.
    private async Task PumpAsync(TcpClient from, TcpClient to)
    {
        var under = Channel.CreateUnbounded<(long Sent, byte[] Bytes)>();
        var arriving = ArriveAsync(under.Reader, to);
        var buffer = new byte[32 * 1024];
        try
        {
            int read;
            while ((read = await from.GetStream().ReadAsync(buffer, _stop.Token)) > 0) under.Writer.TryWrite((TimeProvider.System.GetTimestamp(), buffer[..read]));
        }
        catch (Exception e) when (e is SocketException or IOException or ObjectDisposedException or OperationCanceledException)
        {
            // One side is gone.
        }

        under.Writer.Complete();
        await arriving.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private async Task ArriveAsync(ChannelReader<(long Sent, byte[] Bytes)> under, TcpClient to)
    {
        await foreach (var (sent, bytes) in under.ReadAllAsync(_stop.Token))
        {
            var left = Delay - TimeProvider.System.GetElapsedTime(sent);
            if (left > TimeSpan.Zero) await Task.Delay(left, _stop.Token);
            Task open;
            lock (_gate) open = _open.Task;
            await open.WaitAsync(_stop.Token);
            await to.GetStream().WriteAsync(bytes, _stop.Token);
        }
    }
}
