using System.Buffers.Text;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Annotator.Core.Edge;
using Microsoft.Extensions.Options;

namespace Annotator.Core.Media;

/// <summary>What a signed address is worth.</summary>
public enum LinkState
{
    /// <summary>It is ours, and its time is not over.</summary>
    Good,

    /// <summary>It was ours, and its time is over.</summary>
    Expired,

    /// <summary>It is not signed by this installation, or was changed.</summary>
    Wrong,
}

/// <summary>
/// Addresses of kept images and videos that work without a session, for a while: for a labelling tool, a notebook or a model elsewhere that is to see one file and nothing else. The file, the
/// project and the end are signed (HMAC-SHA256) with a secret that all nodes share. Within an hour the same file has the same address, so that caches serve.
/// </summary>
public sealed class MediaLinks(EdgeKeys keys, TimeProvider time, IOptions<MediaOptions> options)
{
    private const string Purpose = "Annotator.Media.Links";

    // Ends are rounded up to this, and for short lives to a part of it.
    private static readonly TimeSpan s_round = TimeSpan.FromHours(1);

    private byte[]? _key;

    /// <summary>The longest life that may be asked for.</summary>
    public TimeSpan Longest => TimeSpan.FromMinutes(options.Value.LinkMinutes);

    /// <summary>Signs addresses of a project's files.</summary>
    /// <param name="projectId">The project.</param>
    /// <param name="baseAddress">Where this installation is reached, without a slash at the end; empty: addresses begin with a slash.</param>
    /// <param name="life">How long they work; null: as long as the settings allow.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <returns>Makes of an item's address the signed one; an address that is none of ours stays as it is.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The life is not positive, or longer than <see cref="Longest"/>.</exception>
    public async ValueTask<Func<string?, string?>> SignerAsync(long projectId, string baseAddress, TimeSpan? life = null, CancellationToken cancellationToken = default)
    {
        var key = await KeyAsync(cancellationToken);
        var expires = EndOf(life);
        return address => MediaService.NameOf(projectId, address) is { } name ? baseAddress + Address(key, projectId, name, expires) : address;
    }

    /// <summary>When an address that is signed now ends.</summary>
    /// <param name="life">How long it is wanted to work; null: as long as the settings allow.</param>
    /// <exception cref="ArgumentOutOfRangeException">The life is not positive, or longer than <see cref="Longest"/>.</exception>
    public DateTimeOffset EndOf(TimeSpan? life = null)
    {
        var wanted = life ?? Longest;
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(wanted, TimeSpan.Zero, nameof(life));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(wanted, Longest, nameof(life));
        var step = Math.Max(1, (long)Math.Min(s_round.TotalSeconds, wanted.TotalSeconds / 8));
        var end = time.GetUtcNow().ToUnixTimeSeconds() + (long)Math.Ceiling(wanted.TotalSeconds);
        return DateTimeOffset.FromUnixTimeSeconds((end + step - 1) / step * step);
    }

    /// <summary>Checks a signed address.</summary>
    /// <param name="projectId">The project that it names.</param>
    /// <param name="name">The file that it names.</param>
    /// <param name="expires">Its end, in seconds since 1970.</param>
    /// <param name="signature">Its signature.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public async ValueTask<LinkState> CheckAsync(long projectId, string name, long expires, string? signature, CancellationToken cancellationToken = default)
    {
        if (string.IsNullOrEmpty(signature)) return LinkState.Wrong;
        var right = Signature(await KeyAsync(cancellationToken), projectId, name, expires);

        // Whether it is over is said only of what is ours.
        if (!CryptographicOperations.FixedTimeEquals(Encoding.ASCII.GetBytes(right), Encoding.UTF8.GetBytes(signature))) return LinkState.Wrong;
        return expires <= time.GetUtcNow().ToUnixTimeSeconds() ? LinkState.Expired : LinkState.Good;
    }

    private static string Address(byte[] key, long projectId, string name, DateTimeOffset expires) => string.Create(
        CultureInfo.InvariantCulture, $"/media/{projectId}/{name}?expires={expires.ToUnixTimeSeconds()}&signature={Signature(key, projectId, name, expires.ToUnixTimeSeconds())}");

    private static string Signature(byte[] key, long projectId, string name, long expires) =>
        Base64Url.EncodeToString(HMACSHA256.HashData(key, Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{projectId}\n{name}\n{expires}"))));

    private async ValueTask<byte[]> KeyAsync(CancellationToken cancellationToken) => _key ??= await keys.SecretAsync(Purpose, cancellationToken);
}
