using System.Net;
using Amazon.Runtime;
using Amazon.S3;
using Amazon.S3.Model;
using Annotator.Core.Outbound;
using Microsoft.Extensions.Options;

namespace Annotator.Core.Media;

/// <summary>Reads objects of the buckets that the settings allow (<see cref="S3Options"/>), over the one way out. What a store answers beside the object is never shown: it may be of a host that nobody was to read.</summary>
public sealed class S3Source : IDisposable
{
    private readonly S3Options _options;
    private readonly Lazy<AmazonS3Client> _client;

    /// <summary>A source by the settings. Nothing is connected before something is read.</summary>
    public S3Source(IOptions<MediaOptions> options)
    {
        ArgumentNullException.ThrowIfNull(options);
        _options = options.Value.S3;
        _client = new(Connect);
    }

    /// <summary>Reads an object.</summary>
    /// <typeparam name="T">What is made of it.</typeparam>
    /// <param name="address">The address.</param>
    /// <param name="most">The most bytes that it may have.</param>
    /// <param name="read">Reads its content, which ends with the call.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <returns>What was made of it, or why it cannot be had.</returns>
    public async Task<(T? Value, string? Problem)> ReadAsync<T>(string address, long most, Func<Stream, CancellationToken, Task<T>> read, CancellationToken cancellationToken = default)
        where T : class
    {
        ArgumentNullException.ThrowIfNull(read);
        if (!S3Address.TryParse(address, out var place, out var problem)) return (null, problem);
        if (!_options.Buckets.Contains(place.Bucket, StringComparer.Ordinal)) return (null, $"The bucket \"{place.Bucket}\" is none that the settings allow (Annotator:Media:S3:Buckets).");
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(TimeSpan.FromSeconds(_options.Seconds));
        try
        {
            using var response = await _client.Value.GetObjectAsync(new GetObjectRequest { BucketName = place.Bucket, Key = place.Key }, limit.Token);
            if (response.ContentLength > most) return (null, $"The object is larger than {most / 1_000_000} MB.");
            await using var content = response.ResponseStream;
            return (await read(content, limit.Token), null);
        }
        catch (AmazonS3Exception e)
        {
            return (null, e.StatusCode switch
            {
                HttpStatusCode.NotFound => string.Equals(e.ErrorCode, "NoSuchBucket", StringComparison.Ordinal) ? "The store has no such bucket." : "The bucket has no such object.",
                HttpStatusCode.Forbidden or HttpStatusCode.Unauthorized => "The store refuses access to it (Annotator:Media:S3:AccessKey).",
                HttpStatusCode.MovedPermanently or HttpStatusCode.TemporaryRedirect => "The bucket is in another region (Annotator:Media:S3:Region).",
                _ => $"The store answered {(int)e.StatusCode}.",
            });
        }
        catch (Exception e) when (e is AmazonClientException or HttpRequestException or IOException)
        {
            // Its tag is the checksum of what was put in, and the library compares.
            if (e is AmazonClientException && e.Message.Contains("hash", StringComparison.OrdinalIgnoreCase)) return (null, "The object came damaged: its checksum is not what the store says.");
            return (null, Refused(e)?.Message ?? (e is IOException ? "The connection was lost." : "The store cannot be reached."));
        }
        catch (Exception e) when (e is ArgumentException or FormatException or InvalidOperationException or System.Xml.XmlException)
        {
            // A redirect to what is no store, or a body that is none of S3's: the library says so in many ways.
            return (null, "What answers there is no object store, or another one than the settings say.");
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return (null, $"It took longer than {_options.Seconds} seconds.");
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_client.IsValueCreated) _client.Value.Dispose();
    }

    private static OutboundRefusedException? Refused(Exception e)
    {
        for (var inner = e; inner is not null; inner = inner.InnerException)
        {
            if (inner is OutboundRefusedException refused) return refused;
        }

        return null;
    }

    private AmazonS3Client Connect()
    {
        // Where the store is, only who runs the server says: it may be in the network of their own.
        var own = _options.Endpoint.Length > 0;
        var config = new AmazonS3Config
        {
            AuthenticationRegion = _options.Region,
            ForcePathStyle = own,
            AllowAutoRedirect = false,
            MaxErrorRetry = 2,
            HttpClientFactory = new WayOut(own),

            // Stores other than Amazon's know other checksums, or none.
            RequestChecksumCalculation = RequestChecksumCalculation.WHEN_REQUIRED,
            ResponseChecksumValidation = ResponseChecksumValidation.WHEN_REQUIRED,
        };
        if (own) config.ServiceURL = _options.Endpoint;
        else config.RegionEndpoint = Amazon.RegionEndpoint.GetBySystemName(_options.Region);
        AWSCredentials credentials = _options switch
        {
            { AccessKey: "" } => new AnonymousAWSCredentials(),
            { SessionToken: "" } => new BasicAWSCredentials(_options.AccessKey, _options.SecretKey),
            _ => new SessionAWSCredentials(_options.AccessKey, _options.SecretKey, _options.SessionToken),
        };
        return new AmazonS3Client(credentials, config);
    }

    private sealed class WayOut(bool allowPrivate) : HttpClientFactory
    {
        public override HttpClient CreateHttpClient(IClientConfig clientConfig) => OutboundHttp.Create(allowPrivate);

        // One client of ours serves every store's requests; the library keeps it.
        public override string GetConfigUniqueString(IClientConfig clientConfig) => $"annotator-{allowPrivate}";
    }
}
