using System.ComponentModel.DataAnnotations;
using System.Text.RegularExpressions;

namespace Annotator.Core.Media;

/// <summary>An object store with the interface of Amazon S3, from which tables of addresses (<c>s3://bucket/key</c>) are fetched; section <c>Annotator:Media:S3</c>.</summary>
public sealed partial class S3Options : IValidatableObject
{
    /// <summary>Buckets whose images and videos are fetched. Lines that name another are rejected.</summary>
    /// <value>Default none.</value>
    public string[] Buckets { get; set; } = [];

    /// <summary>Address of the store, such as <c>https://minio.example.org:9000</c>, which may be in a private network; empty: Amazon's of the region.</summary>
    public string Endpoint { get; set; } = "";

    /// <summary>The region that requests are signed for.</summary>
    /// <value>Default <c>us-east-1</c>.</value>
    [RegularExpression("^[a-z0-9-]{1,40}$", ErrorMessage = "Must be a region, such as eu-central-1.")]
    public string Region { get; set; } = "us-east-1";

    /// <summary>Name of the key that requests are signed with; empty together with the secret: requests are not signed, for public buckets.</summary>
    public string AccessKey { get; set; } = "";

    /// <summary>The key's secret.</summary>
    public string SecretKey { get; set; } = "";

    /// <summary>The token of temporary keys; empty: the key is a lasting one.</summary>
    public string SessionToken { get; set; } = "";

    /// <summary>Seconds that one object may take.</summary>
    /// <value>Default 600; 1 to 86,400.</value>
    [Range(1, 86_400)]
    public int Seconds { get; set; } = 600;

    /// <inheritdoc/>
    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        foreach (var bucket in Buckets.Where(b => !IsBucket(b)))
            yield return new ValidationResult($"\"{bucket}\" is no name of a bucket (3 to 63 small letters, digits, dots and hyphens).", [nameof(Buckets)]);
        if (Endpoint.Length > 0 && !(Uri.TryCreate(Endpoint, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https" && uri.UserInfo.Length == 0 && uri.Query.Length == 0))
            yield return new ValidationResult("Must be an address that begins with http:// or https://, without a name or password in it.", [nameof(Endpoint)]);
        if (AccessKey.Length > 0 != SecretKey.Length > 0) yield return new ValidationResult("AccessKey and SecretKey go together.", [AccessKey.Length > 0 ? nameof(SecretKey) : nameof(AccessKey)]);
        if (SessionToken.Length > 0 && AccessKey.Length == 0) yield return new ValidationResult("A SessionToken needs an AccessKey.", [nameof(SessionToken)]);
    }

    /// <summary>Whether a text can be the name of a bucket.</summary>
    internal static bool IsBucket(string? name) => name is not null && BucketName().IsMatch(name) && !name.Contains("..", StringComparison.Ordinal);

    [GeneratedRegex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]\\z", RegexOptions.None, matchTimeoutMilliseconds: 1_000)]
    private static partial Regex BucketName();
}
