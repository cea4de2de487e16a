using System.Net.Http.Headers;
using Annotator.Core.Outbound;
using Annotator.Core.Projects;
using Microsoft.Extensions.Options;

namespace Annotator.Core.Media;

/// <summary>
/// Fetches images and videos that a table of addresses names, from the hosts that the settings allow (<see cref="MediaOptions.FetchedHosts"/>) and no others. Private
/// networks are never reached, also where a name of an allowed host leads there, and redirects are not followed. Objects of a store (<c>s3://</c>) come from the buckets that the settings allow.
/// </summary>
public sealed class MediaFetcher(MediaService media, S3Source store, IOptions<MediaOptions> options) : IDisposable
{
    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(10);
    private readonly HttpClient _client = OutboundHttp.Create(allowPrivate: false);

    /// <summary>Whether an address is fetched; else it stays an address. One of an object store always is: no browser could show it, so that one that may not be fetched is refused.</summary>
    public bool Fetches(string address) =>
        S3Address.IsMeant(address) || options.Value.FetchedHosts.Length > 0 && Uri.TryCreate(address, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https" && options.Value.FetchedHosts.Any(h => IsOf(uri.IdnHost, h));

    /// <summary>Fetches a file and keeps it.</summary>
    /// <param name="project">A project of images or videos.</param>
    /// <param name="address">An address that <see cref="Fetches"/> allows.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public async Task<KeptMedia> FetchAsync(Project project, string address, CancellationToken cancellationToken = default)
    {
        if (S3Address.IsMeant(address)) return await FetchObjectAsync(project, address, cancellationToken);
        if (!Fetches(address)) return new KeptMedia(null, "The address is not of a host that the settings allow.");
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(Longest);
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, address);
            request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("*/*"));
            using var response = await _client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, limit.Token);
            if (!response.IsSuccessStatusCode) return new KeptMedia(null, $"The host answered {(int)response.StatusCode}.");
            await using var content = await response.Content.ReadAsStreamAsync(limit.Token);
            return await media.KeepAsync(project, content, limit.Token);
        }
        catch (HttpRequestException e)
        {
            return new KeptMedia(null, e.InnerException is OutboundRefusedException refused ? refused.Message : "The host cannot be reached.");
        }
        catch (IOException)
        {
            return new KeptMedia(null, "The connection was lost.");
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return new KeptMedia(null, $"It took longer than {Longest.TotalMinutes} minutes.");
        }
    }

    private async Task<KeptMedia> FetchObjectAsync(Project project, string address, CancellationToken cancellationToken)
    {
        var most = (project?.Modality == Labels.Modality.Video ? options.Value.VideoMegabytes : options.Value.ImageMegabytes) * 1_000_000L;
        var (kept, problem) = await store.ReadAsync(address, most, (content, cancel) => media.KeepAsync(project!, content, cancel), cancellationToken);
        return kept ?? new KeptMedia(null, problem);
    }

    /// <inheritdoc/>
    public void Dispose() => _client.Dispose();

    private static bool IsOf(string host, string allowed) => allowed.StartsWith("*.", StringComparison.Ordinal)
        ? host.EndsWith(allowed[1..], StringComparison.OrdinalIgnoreCase) && host.Length > allowed.Length - 1
        : string.Equals(host, allowed, StringComparison.OrdinalIgnoreCase);
}
