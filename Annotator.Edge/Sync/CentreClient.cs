using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Annotator.Core.Edge;

namespace Annotator.Edge.Sync;

/// <summary>The centre would not take what was sent: to send the same again would not help.</summary>
internal sealed class RefusedByCentreException(HttpStatusCode status, string detail) : Exception($"The centre answered {(int)status}: {detail}")
{
    /// <summary>What it answered.</summary>
    public HttpStatusCode Status { get; } = status;
}

/// <summary>Speaks with the centre.</summary>
internal sealed class CentreClient : IDisposable
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);

    // A model that is larger than this is no student for a device.
    private const long MostModelBytes = 1L << 30;

    private readonly HttpClient _http;

    /// <summary>Makes a client.</summary>
    /// <param name="server">Address of the centre.</param>
    /// <param name="token">The device's token; null before it is enrolled.</param>
    public CentreClient(Uri server, string? token)
    {
        _http = new HttpClient(new SocketsHttpHandler { PooledConnectionLifetime = TimeSpan.FromMinutes(5), ConnectTimeout = TimeSpan.FromSeconds(10), AllowAutoRedirect = false })
        {
            BaseAddress = new Uri(server.AbsoluteUri.TrimEnd('/') + "/"),
            Timeout = s_patience,
        };
        if (token is not null) _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
    }

    /// <summary>Enrols the device.</summary>
    public Task<EnrolAnswer> EnrolAsync(EnrolRequest request, CancellationToken cancellationToken) => PostAsync("enrol", request, EdgeJson.Default.EnrolRequest, EdgeJson.Default.EnrolAnswer, cancellationToken);

    /// <summary>Reports, and learns what to do.</summary>
    public Task<CheckInAnswer> CheckInAsync(DeviceReport report, CancellationToken cancellationToken) => PostAsync("check-in", report, EdgeJson.Default.DeviceReport, EdgeJson.Default.CheckInAnswer, cancellationToken);

    /// <summary>Sends labels.</summary>
    public Task<EdgeReceipt> SendAsync(LabelUpload upload, CancellationToken cancellationToken) => PostAsync("labels", upload, EdgeJson.Default.LabelUpload, EdgeJson.Default.EdgeReceipt, cancellationToken);

    /// <summary>Sends items.</summary>
    public Task<EdgeReceipt> SendAsync(ItemUpload upload, CancellationToken cancellationToken) => PostAsync("items", upload, EdgeJson.Default.ItemUpload, EdgeJson.Default.EdgeReceipt, cancellationToken);

    /// <summary>Asks how much of a picture is at the centre.</summary>
    public async Task<PictureReceipt> FindAsync(DevicePicture picture, CancellationToken cancellationToken)
    {
        using var response = await _http.GetAsync(Address(picture), cancellationToken);
        return await ReadAsync(response, EdgeJson.Default.PictureReceipt, cancellationToken);
    }

    /// <summary>Sends a piece of a picture.</summary>
    public async Task<PictureReceipt> SendAsync(DevicePicture picture, long offset, ReadOnlyMemory<byte> piece, CancellationToken cancellationToken)
    {
        using var content = new ReadOnlyMemoryContent(piece);
        content.Headers.ContentType = new MediaTypeHeaderValue("application/octet-stream");
        using var response = await _http.PutAsync(string.Create(CultureInfo.InvariantCulture, $"{Address(picture)}&offset={offset}&reason={picture.Reason}"), content, cancellationToken);
        return await ReadAsync(response, EdgeJson.Default.PictureReceipt, cancellationToken);
    }

    private static string Address(DevicePicture picture) =>
        string.Create(CultureInfo.InvariantCulture, $"api/v1/edge/pictures/{picture.Sequence}?key={Uri.EscapeDataString(picture.Key ?? "")}&sha256={picture.Sha256}&total={picture.Total}");

    /// <summary>Fetches the file of a manifest, and not a byte more than it says.</summary>
    /// <exception cref="ModelRefusedException">The answer is longer than the manifest says.</exception>
    public async Task<byte[]> ModelAsync(ModelManifest manifest, CancellationToken cancellationToken)
    {
        if (manifest.Bytes is < 1 or > MostModelBytes) throw new ModelRefusedException($"A model of {manifest.Bytes} bytes is not taken.", unusable: true);
        using var response = await _http.GetAsync(string.Create(CultureInfo.InvariantCulture, $"api/v1/edge/models/{manifest.Serial}"), HttpCompletionOption.ResponseHeadersRead, cancellationToken);
        await CheckAsync(response, cancellationToken);
        await using var stream = await response.Content.ReadAsStreamAsync(cancellationToken);
        var file = new byte[manifest.Bytes];
        var read = await stream.ReadAtLeastAsync(file, file.Length, throwOnEndOfStream: false, cancellationToken);
        if (read == file.Length && await stream.ReadAsync(new byte[1], cancellationToken) == 0) return file;
        throw new ModelRefusedException($"The file does not have the {manifest.Bytes} bytes of the manifest.");
    }

    /// <inheritdoc/>
    public void Dispose() => _http.Dispose();

    private async Task<TAnswer> PostAsync<TRequest, TAnswer>(string path, TRequest body, JsonTypeInfo<TRequest> requestType, JsonTypeInfo<TAnswer> answerType, CancellationToken cancellationToken)
    {
        using var response = await _http.PostAsync("api/v1/edge/" + path, JsonContent.Create(body, requestType), cancellationToken);
        return await ReadAsync(response, answerType, cancellationToken);
    }

    private static async Task<TAnswer> ReadAsync<TAnswer>(HttpResponseMessage response, JsonTypeInfo<TAnswer> answerType, CancellationToken cancellationToken)
    {
        await CheckAsync(response, cancellationToken);
        try
        {
            return await response.Content.ReadFromJsonAsync(answerType, cancellationToken) ?? throw new HttpRequestException("The centre answered nothing.");
        }
        catch (JsonException e)
        {
            // A captive portal, or a proxy that answers in the centre's place.
            throw new HttpRequestException("The answer is not the centre's.", e);
        }
    }

    private static async Task CheckAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        if (response.IsSuccessStatusCode) return;
        var detail = await response.Content.ReadAsStringAsync(cancellationToken);
        if (detail.Length > 500) detail = detail[..500];
        if (response.StatusCode is HttpStatusCode.BadRequest or HttpStatusCode.UnprocessableEntity or HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden or HttpStatusCode.NotFound) throw new RefusedByCentreException(response.StatusCode, detail);
        throw new HttpRequestException($"The centre answered {(int)response.StatusCode}: {detail}", null, response.StatusCode);
    }
}
