using System.Text;

namespace Annotator.Core.Media;

/// <summary>The place of an object in a store, written <c>s3://bucket/key</c>; the key stands as it is, without escapes.</summary>
/// <param name="Bucket">The bucket.</param>
/// <param name="Key">The key.</param>
public readonly record struct S3Address(string Bucket, string Key)
{
    /// <summary>How such an address begins.</summary>
    public const string Scheme = "s3://";

    // Amazon's bound on keys, in bytes of UTF-8.
    private const int LongestKey = 1_024;

    /// <summary>Whether a text is meant as such an address.</summary>
    public static bool IsMeant(string text) => text.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase);

    /// <summary>Reads an address.</summary>
    /// <param name="text">The address.</param>
    /// <param name="address">The place.</param>
    /// <param name="problem">What is wrong with it, where something is.</param>
    public static bool TryParse(string text, out S3Address address, out string problem)
    {
        ArgumentNullException.ThrowIfNull(text);
        (address, problem) = (default, "");
        var rest = IsMeant(text) ? text[Scheme.Length..] : "";
        var slash = rest.IndexOf('/', StringComparison.Ordinal);
        var (bucket, key) = slash < 0 ? (rest, "") : (rest[..slash], rest[(slash + 1)..]);
        if (!S3Options.IsBucket(bucket)) problem = "The address names no bucket: s3://BUCKET/KEY.";
        else if (key.Length == 0) problem = "The address names no object: s3://BUCKET/KEY.";
        else if (Encoding.UTF8.GetByteCount(key) > LongestKey) problem = $"The key has more than {LongestKey} bytes.";
        else if (key.Any(char.IsControl)) problem = "The key has control characters.";

        // On the way they would be resolved, and lead into another bucket.
        else if (key.Split('/').Any(p => p is "." or "..")) problem = "The key has parts \".\" or \"..\".";
        if (problem.Length > 0) return false;
        address = new S3Address(bucket, key);
        return true;
    }
}
