using System.Collections.Concurrent;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Annotator.Tests.Media;

/// <summary>A store on loopback that answers GetObject and HeadObject as Amazon's does, addressed by paths. Requests without the right key are refused.</summary>
internal sealed class S3Server : IAsyncDisposable
{
    /// <summary>The name of the key.</summary>
    public const string AccessKey = "AKIATESTTESTTEST";

    /// <summary>What stands in every answer that is no object, and must be seen nowhere.</summary>
    public const string Inside = "what-only-the-inside-knows";

    private readonly WebApplication _app;

    private S3Server(WebApplication app) => _app = app;

    /// <summary>Objects by bucket and key.</summary>
    public ConcurrentDictionary<string, byte[]> Objects { get; } = new(StringComparer.Ordinal);

    /// <summary>Paths that were asked for.</summary>
    public ConcurrentQueue<string> Asked { get; } = new();

    /// <summary>Where it listens.</summary>
    public string Address => _app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();

    public static async Task<S3Server> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var server = new S3Server(builder.Build());
        server._app.Run(server.AnswerAsync);
        await server._app.StartAsync(TestContext.Current.CancellationToken);
        return server;
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private async Task AnswerAsync(HttpContext context)
    {
        var path = context.Request.Path.Value!.TrimStart('/');
        Asked.Enqueue(path);
        var signed = context.Request.Headers.Authorization.ToString();
        if (!signed.StartsWith($"AWS4-HMAC-SHA256 Credential={AccessKey}/", StringComparison.Ordinal) || !signed.Contains("/eu-test-1/s3/aws4_request", StringComparison.Ordinal)) await RefuseAsync(context, StatusCodes.Status403Forbidden, "AccessDenied");
        else if (path.EndsWith("away.png", StringComparison.Ordinal))
        {
            context.Response.Headers.Location = "http://127.0.0.1:1/elsewhere";
            await RefuseAsync(context, StatusCodes.Status307TemporaryRedirect, "TemporaryRedirect");
        }
        else if (!Objects.TryGetValue(path, out var found)) await RefuseAsync(context, StatusCodes.Status404NotFound, "NoSuchKey");
        else
        {
            context.Response.ContentLength = path.EndsWith("huge.png", StringComparison.Ordinal) ? 9_000_000_000 : found.Length;
            context.Response.Headers.ETag = $"\"{Tag(path.EndsWith("damaged.png", StringComparison.Ordinal) ? [1] : found)}\"";
            if (!HttpMethods.IsGet(context.Request.Method)) return;
            await context.Response.Body.WriteAsync(found, context.RequestAborted);

            // The rest never comes; who asked goes away.
            if (context.Response.ContentLength > found.Length) await Task.Delay(Timeout.Infinite, context.RequestAborted).ContinueWith(_ => { }, TaskScheduler.Default);
        }
    }

    // As Amazon's: the MD5 of what was put in.
#pragma warning disable CA5351 // Nothing is protected by it.
    private static string Tag(byte[] content) => Convert.ToHexStringLower(System.Security.Cryptography.MD5.HashData(content));
#pragma warning restore CA5351

    private static Task RefuseAsync(HttpContext context, int status, string code)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = "application/xml";
        return context.Response.WriteAsync($"<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>{Inside}</Message><RequestId>1</RequestId></Error>");
    }
}
