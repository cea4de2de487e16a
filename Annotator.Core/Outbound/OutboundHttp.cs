using System.Net;
using System.Net.Sockets;

namespace Annotator.Core.Outbound;

/// <summary>Addresses that are not of the public internet.</summary>
public static class OutboundAddress
{
    /// <summary>Whether an address is of this host or of a private network (RFC 1918, 4193, 6598), or no host's at all.</summary>
    public static bool IsPrivate(IPAddress address)
    {
        ArgumentNullException.ThrowIfNull(address);
        if (address.IsIPv4MappedToIPv6) address = address.MapToIPv4();
        if (IPAddress.IsLoopback(address) || IsNeverReached(address)) return true;
        if (address.AddressFamily == AddressFamily.InterNetworkV6)
            return address.IsIPv6UniqueLocal || address.IsIPv6SiteLocal || Embedded(address) is { } inner && IsPrivate(inner);
        var b = address.GetAddressBytes();
        return b[0] == 10
            || (b[0] == 172 && b[1] is >= 16 and <= 31)
            || (b[0] == 192 && b[1] == 168)
            || (b[0] == 100 && b[1] is >= 64 and <= 127)
            || (b[0] == 198 && b[1] is 18 or 19);
    }

    /// <summary>
    /// Whether an address is never to be reached, also where private networks are allowed: link-local ones, where clouds answer with the
    /// credentials of the machine (RFC 3927, 4291), multicast, and the address of nobody.
    /// </summary>
    public static bool IsNeverReached(IPAddress address)
    {
        ArgumentNullException.ThrowIfNull(address);
        if (address.IsIPv4MappedToIPv6) address = address.MapToIPv4();
        if (address.AddressFamily == AddressFamily.InterNetworkV6)
            return address.IsIPv6LinkLocal || address.IsIPv6Multicast || address.Equals(IPAddress.IPv6Any) || Embedded(address) is { } inner && IsNeverReached(inner);
        var b = address.GetAddressBytes();
        return b[0] is 0 or >= 224 || (b[0] == 169 && b[1] == 254);
    }

    // NAT64 (64:ff9b::/96, RFC 6052) and 6to4 (2002::/16, RFC 3056) carry an IPv4 address inside.
    private static IPAddress? Embedded(IPAddress address)
    {
        var b = address.GetAddressBytes();
        if (b[0] == 0x20 && b[1] == 0x02) return new IPAddress(b.AsSpan(2, 4));
        return b.AsSpan(0, 12).SequenceEqual<byte>([0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0]) ? new IPAddress(b.AsSpan(12, 4)) : null;
    }
}

/// <summary>An address may not be reached.</summary>
public sealed class OutboundRefusedException() : IOException("The address is not one that may be reached from here.");

/// <summary>
/// The way out to addresses that people name: the address is checked when the connection is made, after its name was resolved, so that a
/// name cannot be checked as one host and reached as another; redirects are not followed, and no proxy of the environment is used.
/// </summary>
public static class OutboundHttp
{
    /// <summary>Makes a client, without a time-out of its own.</summary>
    /// <param name="allowPrivate">Whether this host and private networks may be reached.</param>
    public static HttpClient Create(bool allowPrivate) => new(
        new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseProxy = false,
            UseCookies = false,
            PooledConnectionLifetime = TimeSpan.FromMinutes(5),
            ConnectTimeout = TimeSpan.FromSeconds(15),
            ConnectCallback = (context, cancellationToken) => ConnectAsync(context.DnsEndPoint, allowPrivate, cancellationToken),
        })
    {
        Timeout = Timeout.InfiniteTimeSpan,
    };

    private static async ValueTask<Stream> ConnectAsync(DnsEndPoint target, bool allowPrivate, CancellationToken cancellationToken)
    {
        var addresses = IPAddress.TryParse(target.Host, out var literal) ? [literal] : await Dns.GetHostAddressesAsync(target.Host, cancellationToken);
        var allowed = addresses.Where(a => allowPrivate ? !OutboundAddress.IsNeverReached(a) : !OutboundAddress.IsPrivate(a)).ToArray();
        if (allowed.Length == 0) throw new OutboundRefusedException();
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(allowed, target.Port, cancellationToken);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
