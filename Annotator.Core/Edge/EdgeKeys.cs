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
