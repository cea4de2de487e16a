using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace Annotator.Core.Accounts;

/// <summary>Random secrets that are given out once; only their hash is kept.</summary>
public static class Secret
{
    /// <summary>A new secret: the prefix and 32 random bytes as base64url.</summary>
    public static string New(string prefix = "")
    {
        Span<byte> bytes = stackalloc byte[32];
        RandomNumberGenerator.Fill(bytes);
        return prefix + Base64Url.EncodeToString(bytes);
    }

    /// <summary>
    /// SHA-256 as lower-case hexadecimal. No salt and no stretching: the secrets are random, there is nothing to guess, and an
    /// index can find them. Two hashes are compared by the database, which tells nothing about the secret.
    /// </summary>
    public static string Hash(string secret) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(secret)));
}
