using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Annotator.Core.Labels;

namespace Annotator.Core.Edge;

/// <summary>A model as a device gets it. Only what is signed counts: the manifest names the file by its hash.</summary>
/// <param name="ProjectId">The project; a device takes no other's.</param>
/// <param name="Serial">Serial of the rollout; a device never goes to a smaller one.</param>
/// <param name="Version">Student version.</param>
/// <param name="Sha256">SHA-256 of the file, as hexadecimal.</param>
/// <param name="Bytes">Length of the file.</param>
/// <param name="SchemaVersion">Version of the label schema.</param>
/// <param name="Multiple">Whether an item may carry several labels.</param>
/// <param name="Labels">Names of the labels in service.</param>
/// <param name="IssuedAt">When it was signed.</param>
public sealed record ModelManifest(
    string ProjectId, long Serial, int Version, string Sha256, long Bytes, int SchemaVersion, bool Multiple, IReadOnlyList<string> Labels, DateTimeOffset IssuedAt)
{
    /// <summary>The text that is signed.</summary>
    public string Write() => JsonSerializer.Serialize(this, EdgeJson.Default.ModelManifest);

    /// <summary>Reads a signed manifest.</summary>
    /// <param name="text">The text.</param>
    /// <param name="signature">Its signature, base64.</param>
    /// <param name="publicKey">The server's key (SubjectPublicKeyInfo, base64).</param>
    /// <exception cref="ModelRefusedException">The signature is not of that key, or the text is no manifest.</exception>
    public static ModelManifest Read(string text, string? signature, string publicKey)
    {
        if (signature is null || !EdgeSignature.Verify(text, signature, publicKey)) throw new ModelRefusedException("The signature of the manifest is not that of this server.");
        try
        {
            return JsonSerializer.Deserialize(text, EdgeJson.Default.ModelManifest) ?? throw new ModelRefusedException("The manifest is empty.");
        }
        catch (JsonException e)
        {
            throw new ModelRefusedException("The manifest cannot be read.", unusable: true, e);
        }
    }

    /// <summary>Checks a file against the manifest.</summary>
    /// <exception cref="ModelRefusedException">It is another file.</exception>
    public void Check(ReadOnlySpan<byte> file)
    {
        if (file.Length != Bytes) throw new ModelRefusedException($"The file has {file.Length} bytes, the manifest says {Bytes}.");
        var hash = Convert.ToHexStringLower(SHA256.HashData(file));
        if (!string.Equals(hash, Sha256, StringComparison.OrdinalIgnoreCase)) throw new ModelRefusedException("The file's SHA-256 is not that of the manifest.");
    }
}

/// <summary>A model that must not be run.</summary>
/// <param name="message">Why.</param>
/// <param name="unusable">Whether the signed file itself is at fault: to fetch it again would not help.</param>
/// <param name="inner">What showed it.</param>
public sealed class ModelRefusedException(string message, bool unusable = false, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>Whether the signed file itself is at fault.</summary>
    public bool Unusable { get; } = unusable;
}

/// <summary>Signatures of an installation: ECDSA over P-256 with SHA-256 (FIPS 186-5), over UTF-8.</summary>
public static class EdgeSignature
{
    /// <summary>Makes a pair of keys.</summary>
    /// <returns>SubjectPublicKeyInfo and PKCS #8, base64.</returns>
    public static (string PublicKey, string PrivateKey) NewKeys()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        return (Convert.ToBase64String(key.ExportSubjectPublicKeyInfo()), Convert.ToBase64String(key.ExportPkcs8PrivateKey()));
    }

    /// <summary>Signs a text.</summary>
    /// <returns>The signature, base64.</returns>
    public static string Sign(string text, string privateKey)
    {
        using var key = ECDsa.Create();
        key.ImportPkcs8PrivateKey(Convert.FromBase64String(privateKey), out _);
        return Convert.ToBase64String(key.SignData(Encoding.UTF8.GetBytes(text), HashAlgorithmName.SHA256));
    }

    /// <summary>Whether a text was signed by the owner of a key. What is no signature at all is none.</summary>
    public static bool Verify(string text, string signature, string publicKey)
    {
        try
        {
            using var key = ECDsa.Create();
            key.ImportSubjectPublicKeyInfo(Convert.FromBase64String(publicKey), out _);
            return key.VerifyData(Encoding.UTF8.GetBytes(text), Convert.FromBase64String(signature), HashAlgorithmName.SHA256);
        }
        catch (Exception e) when (e is FormatException or CryptographicException)
        {
            return false;
        }
    }

    /// <summary>What stands in an enrolment code for a key: the device sees by it that it speaks to the right server.</summary>
    public static string Fingerprint(string publicKey) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(publicKey)))[..32];
}
