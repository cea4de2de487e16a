using System.Buffers;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Annotator.Core.Accounts;
using Annotator.Core.Storage;
using Annotator.Web.Accounts;

namespace Annotator.Web.Hosting.Api;

/// <summary>Marks an endpoint whose body is a file of any size: it is hashed as it streams past, and never kept in memory or twice on disk.</summary>
/// <param name="ContentType">Its media type.</param>
internal sealed record StreamedBody(string ContentType = "application/octet-stream");

/// <summary>
/// <c>Idempotency-Key</c> on any POST under /api: the first request with a key is carried out, a repeat with the same body gets the
/// first one's answer (header <see cref="ReplayedHeader"/>), one with another body 422. See <see cref="Idempotency"/>.
/// </summary>
internal sealed class IdempotencyMiddleware(RequestDelegate next, Idempotency idempotency, TimeProvider time, ILogger<IdempotencyMiddleware> log)
{
    public const string Header = "Idempotency-Key";

    /// <summary>Set on answers that are repeated.</summary>
    public const string ReplayedHeader = "Idempotency-Replayed";

    // How long a repeat waits for the first request to end before it is sent away with 409.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(100);

    public async Task InvokeAsync(HttpContext context)
    {
        var request = context.Request;
        if (!HttpMethods.IsPost(request.Method) || !request.Headers.TryGetValue(Header, out var given) || context.User.TryCaller() is not { } caller
            || !request.Path.StartsWithSegments("/api", StringComparison.OrdinalIgnoreCase))
        {
            await next(context);
            return;
        }

        var key = given.ToString();
        if (key.Length is 0 or > Idempotency.MaxKeyLength || key.Any(c => c is < ' ' or > '~'))
            throw new InvalidRequestException(Header, $"Must be 1 to {Idempotency.MaxKeyLength} visible ASCII characters.");

        var prefix = Encoding.UTF8.GetBytes($"{request.Method} {request.PathBase}{request.Path}{request.QueryString}\n");
        HashingStream? streamed = null;
        var known = "";
        if (context.GetEndpoint()?.Metadata.GetMetadata<StreamedBody>() is not null)
        {
            Uploads.Unbind(context);
            request.Body = streamed = new HashingStream(request.Body, prefix);
        }
        else
        {
            request.EnableBuffering();
            known = await HashAsync(request.Body, prefix, context.RequestAborted);
            request.Body.Position = 0;
        }

        string? Hash() => streamed is null ? known : streamed.Ended ? streamed.Hash() : null;
        switch (await BeginAsync(caller.UserId, key, Hash, context.RequestAborted))
        {
            case IdempotencyState.Mine mine:
                await ExecuteAsync(context, mine, Hash);
                break;
            case IdempotencyState.Done done:
                // What the repeat carries must be known before it gets the answer of the first.
                if (streamed is not null) await DrainAsync(streamed, context.RequestAborted);
                if (string.Equals(Hash(), done.RequestHash, StringComparison.Ordinal)) await AnswerAsync(context, done.Answer, replayed: true);
                else throw new IdempotencyMismatchException();
                break;
            case IdempotencyState.Mismatch:
                throw new IdempotencyMismatchException();
            case IdempotencyState.Busy:
                context.Response.Headers.RetryAfter = "5";
                await Problems.Conflict("The first request with this Idempotency-Key is still under way.").ExecuteAsync(context);
                break;
        }
    }

    private async Task<IdempotencyState> BeginAsync(long userId, string key, Func<string?> hash, CancellationToken cancellationToken)
    {
        var start = time.GetTimestamp();
        while (true)
        {
            var state = await idempotency.BeginAsync(userId, key, hash, cancellationToken);
            if (state is not IdempotencyState.Busy || time.GetElapsedTime(start) > Patience) return state;
            await Task.Delay(Look, time, cancellationToken);
        }
    }

    private async Task ExecuteAsync(HttpContext context, IdempotencyState.Mine mine, Func<string?> hash)
    {
        using var ended = new CancellationTokenSource();
        var alive = KeepAliveAsync(mine.Ticket, ended.Token);
        var (response, original) = (context.Response, context.Response.Body);
        using var body = new MemoryStream();
        var completed = false;
        try
        {
            response.Body = body;
            mine.Journal.Open();
            await next(context);
            mine.Journal.Close();
            response.Body = original;
            var answer = new KeptAnswer(response.StatusCode, response.ContentType, body.Length == 0 ? null : Encoding.UTF8.GetString(body.GetBuffer(), 0, (int)body.Length), response.Headers.Location);
            if (IsKept(answer.Status) && hash() is { } requestHash)
            {
                await idempotency.CompleteAsync(mine.Ticket, requestHash, answer);
                completed = true;
            }
            else if (answer.Status < StatusCodes.Status500InternalServerError)
            {
                await idempotency.ReleaseAsync(mine.Ticket, forget: true);
                completed = true;
            }

            if (body.Length > 0) response.ContentLength = body.Length;
            body.Position = 0;
            await body.CopyToAsync(original, context.RequestAborted);
        }
        finally
        {
            mine.Journal.Close();
            response.Body = original;
            await ended.CancelAsync();
            await alive;
            if (!completed) await ReleaseAsync(mine);
        }
    }

    // What was refused before anything was done may be sent again, mended.
    private static bool IsKept(int status) => status is < 500 and not (400 or 401 or 403 or 408 or 413 or 415 or 429 or 499);

    private async Task ReleaseAsync(IdempotencyState.Mine mine)
    {
        try
        {
            await idempotency.ReleaseAsync(mine.Ticket, forget: !mine.Journal.IsTouched);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            // The database is away, which is probably why there is no answer: a repeat waits until this execution counts as dead.
            log.LogWarning(e, "A request with an idempotency key could not be released.");
        }
    }

    private async Task KeepAliveAsync(IdempotencyTicket ticket, CancellationToken ended)
    {
        using var timer = new PeriodicTimer(Idempotency.OwnerLife / 3, time);
        try
        {
            while (await timer.WaitForNextTickAsync(ended)) await idempotency.KeepAliveAsync(ticket, ended);
        }
        catch (OperationCanceledException)
        {
            // The request has ended.
        }
        catch (Exception e)
        {
            log.LogWarning(e, "No sign of life could be written for a request with an idempotency key.");
        }
    }

    private static async Task AnswerAsync(HttpContext context, KeptAnswer answer, bool replayed)
    {
        var response = context.Response;
        response.StatusCode = answer.Status;
        if (replayed) response.Headers[ReplayedHeader] = "true";
        if (answer.Location is not null) response.Headers.Location = answer.Location;
        if (answer.Body is null) return;
        response.ContentType = answer.ContentType;
        await response.WriteAsync(answer.Body, context.RequestAborted);
    }

    private static async Task<string> HashAsync(Stream body, byte[] prefix, CancellationToken cancellationToken)
    {
        await using var hashing = new HashingStream(body, prefix);
        await DrainAsync(hashing, cancellationToken);
        return hashing.Hash();
    }

    private static async Task DrainAsync(HashingStream body, CancellationToken cancellationToken)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(1 << 16);
        try
        {
            while (await body.ReadAsync(buffer, cancellationToken) > 0)
            {
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
