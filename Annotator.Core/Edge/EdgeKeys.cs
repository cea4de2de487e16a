using System.Security.Cryptography;
using System.Text;
using Annotator.Core.Storage;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Core.Edge;

/// <summary>The installation's signing key: made at the first need, kept encrypted, the same on all nodes.</summary>
public sealed class EdgeKeys(AnnotatorDatabase database, IDataProtectionProvider protection)
{
    private readonly IDataProtector _protector = protection.CreateProtector("Annotator.Edge.Keys");
    private (string Public, string Private)? _keys;

    /// <summary>The public key (SubjectPublicKeyInfo, base64).</summary>
    public async ValueTask<string> PublicKeyAsync(CancellationToken cancellationToken = default) => (await KeysAsync(cancellationToken)).Public;

    /// <summary>Signs a text.</summary>
    /// <returns>The signature, base64.</returns>
    public async ValueTask<string> SignAsync(string text, CancellationToken cancellationToken = default) => EdgeSignature.Sign(text, (await KeysAsync(cancellationToken)).Private);

    /// <summary>A secret of the installation for something else than signing, made from the private key (HKDF, RFC 5869): who knows it knows nothing of the key.</summary>
    /// <param name="purpose">What it is for; another purpose has another secret.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <returns>32 bytes, the same on all nodes.</returns>
    public async ValueTask<byte[]> SecretAsync(string purpose, CancellationToken cancellationToken = default)
    {
        var (_, secret) = await KeysAsync(cancellationToken);
        return HKDF.DeriveKey(HashAlgorithmName.SHA256, Encoding.UTF8.GetBytes(secret), 32, info: Encoding.UTF8.GetBytes(purpose));
    }

    private async ValueTask<(string Public, string Private)> KeysAsync(CancellationToken cancellationToken)
    {
        if (_keys is { } known) return known;
        var first = await FirstAsync(cancellationToken);
        if (first is null)
        {
            // Two nodes may come here at once: the first key is everybody's.
            await database.WriteAsync(
                scope =>
                {
                    var (made, secret) = EdgeSignature.NewKeys();
                    scope.Db.Set<EdgeKey>().Add(new EdgeKey { PublicKey = made, PrivateKey = _protector.Protect(secret), CreatedAt = scope.Now });
                    return Task.CompletedTask;
                },
                cancellationToken);
            first = (await FirstAsync(cancellationToken))!;
        }

        var keys = (first.PublicKey, _protector.Unprotect(first.PrivateKey));
        _keys = keys;
        return keys;
    }

    private Task<EdgeKey?> FirstAsync(CancellationToken cancellationToken) => database.ReadAsync(db => db.Set<EdgeKey>().OrderBy(k => k.Id).FirstOrDefaultAsync(cancellationToken), cancellationToken);
}
