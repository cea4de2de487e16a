using System.Net;
using System.Text;
using System.Text.Json;
using Annotator.Edge.Annotating;

namespace Annotator.Edge.Sources;

/// <summary>
/// A port of this device, on loopback only: <c>POST /annotate</c> with <c>{"items":[{"key","text"}]}</c> answers the labels once they are on the disk, <c>GET /health</c> how
/// the agent is. Takes JSON only: a page in a browser cannot send that here unasked.
/// </summary>
internal sealed class HttpSource(AnnotationLoop loop, IPEndPoint address, Func<string> health)
{
    private const int MostItems = 1_000;
    private const int MostBytes = 16 << 20;
    private const int MostAtOnce = 64;

    // A client that waits longer than this for a label is told so, and may ask again: the key makes it count once.
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);

    /// <summary>Answers until it is cancelled.</summary>
    /// <exception cref="EdgeException">The port cannot be had.</exception>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        using var listener = new HttpListener();
        listener.Prefixes.Add($"http://{address}/");
        listener.Prefixes.Add($"http://localhost:{EdgeText.Of(address.Port)}/");
        try
        {
            listener.Start();
        }
        catch (HttpListenerException e)
        {
            throw new EdgeException($"{address} cannot be listened on: {e.Message}", e);
        }

        EdgeLog.Info($"Listening on http://{address}/");
        await using var stop = cancellationToken.Register(listener.Stop);
        using var room = new SemaphoreSlim(MostAtOnce);
        while (!cancellationToken.IsCancellationRequested)
        {
            await room.WaitAsync(cancellationToken);
            HttpListenerContext context;
            try
            {
                context = await listener.GetContextAsync();
            }
            catch (Exception e) when (e is HttpListenerException or ObjectDisposedException or InvalidOperationException)
            {
                cancellationToken.ThrowIfCancellationRequested();
                throw new EdgeException($"The port {address} is lost: {e.Message}", e);
            }

            _ = ServeAsync(context, room, cancellationToken);
        }
    }

    private async Task ServeAsync(HttpListenerContext context, SemaphoreSlim room, CancellationToken cancellationToken)
    {
        try
        {
            var (status, body) = await AnswerAsync(context.Request, cancellationToken);
            var bytes = Encoding.UTF8.GetBytes(body);
            context.Response.StatusCode = (int)status;
            context.Response.ContentType = "application/json";
            context.Response.ContentLength64 = bytes.Length;
            await context.Response.OutputStream.WriteAsync(bytes, cancellationToken);
            context.Response.Close();
        }
        catch (Exception e) when (e is HttpListenerException or IOException or ObjectDisposedException or OperationCanceledException)
        {
            context.Response.Abort();
        }
        finally
        {
            room.Release();
        }
    }

    private async Task<(HttpStatusCode Status, string Body)> AnswerAsync(HttpListenerRequest request, CancellationToken cancellationToken)
    {
        var path = request.Url?.AbsolutePath;
        if (path is "/health") return request.HttpMethod is "GET" ? (HttpStatusCode.OK, health()) : Error(HttpStatusCode.MethodNotAllowed, "Use GET.");
        if (path is not "/annotate") return Error(HttpStatusCode.NotFound, "There are POST /annotate and GET /health.");
        if (request.HttpMethod is not "POST") return Error(HttpStatusCode.MethodNotAllowed, "Use POST.");
        if (request.ContentType?.StartsWith("application/json", StringComparison.OrdinalIgnoreCase) != true) return Error(HttpStatusCode.UnsupportedMediaType, "Send application/json.");
        if (request.ContentLength64 > MostBytes) return Error(HttpStatusCode.RequestEntityTooLarge, $"At most {MostBytes} bytes.");
        var body = await ReadAsync(request.InputStream, cancellationToken);
        if (body is null) return Error(HttpStatusCode.RequestEntityTooLarge, $"At most {MostBytes} bytes.");
        List<EdgeItem> items;
        try
        {
            using var document = JsonDocument.Parse(body);
            if (!document.RootElement.TryGetProperty("items", out var list) || list.ValueKind != JsonValueKind.Array || list.GetArrayLength() is 0 or > MostItems)
                return Error(HttpStatusCode.BadRequest, $"items: 1 to {MostItems} items are needed.");
            items = new List<EdgeItem>(list.GetArrayLength());
            foreach (var element in list.EnumerateArray())
            {
                if (JsonlSource.Read(element, out var error) is not { } item) return Error(HttpStatusCode.BadRequest, $"items[{items.Count}]: {error}");
                items.Add(item);
            }
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return Error(HttpStatusCode.BadRequest, $"No JSON object: {e.Message}");
        }

        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(s_patience);
        try
        {
            return (HttpStatusCode.OK, Labels(await Task.WhenAll(items.Select(i => loop.AnnotateAsync(i, patience.Token)))));
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return Error(HttpStatusCode.ServiceUnavailable, "There is no model yet, or no room in the local store.");
        }
        catch (ItemFailedException e)
        {
            return Error(HttpStatusCode.UnprocessableEntity, e.Message);
        }
    }

    private static async Task<byte[]?> ReadAsync(Stream stream, CancellationToken cancellationToken)
    {
        using var body = new MemoryStream();
        var buffer = new byte[64 << 10];
        int read;
        while ((read = await stream.ReadAsync(buffer, cancellationToken)) > 0)
        {
            if (body.Length + read > MostBytes) return null;
            body.Write(buffer, 0, read);
        }

        return body.ToArray();
    }

    private static string Labels(EdgeAnnotation[] annotations)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, EdgeText.Writer))
        {
            json.WriteStartObject();
            json.WriteStartArray("items");
            foreach (var annotation in annotations) JsonlSource.Write(json, annotation);
            json.WriteEndArray();
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(buffer.GetBuffer(), 0, (int)buffer.Length);
    }

    private static (HttpStatusCode Status, string Body) Error(HttpStatusCode status, string message) => (status, $"{{\"error\":\"{JsonEncodedText.Encode(message)}\"}}");
}
