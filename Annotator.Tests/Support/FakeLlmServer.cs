using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Annotator.Tests.Support;

/// <summary>
/// An OpenAI-compatible server on loopback that answers as a test tells it: rightly, wrongly, late, half or not at all. Keeps every request.
/// </summary>
public sealed class FakeLlmServer : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly ConcurrentQueue<FakeLlmRequest> _requests = new();
    private readonly CancellationTokenSource _closing = new();
    private int _count;
    private int _active;
    private int _mostActive;
    private long _promptTokens;
    private long _completionTokens;

    private FakeLlmServer(WebApplication app, Func<FakeLlmRequest, FakeLlmReply> script)
    {
        _app = app;
        Script = script;
        Batches = new FakeLlmBatches(AnswerLineAsync);
    }

    /// <summary>How a request is answered. May be changed while the server runs; is called from several requests at a time.</summary>
    public Func<FakeLlmRequest, FakeLlmReply> Script { get; set; }

    /// <summary>The path before <c>/chat/completions</c> at which it answers; 404 at any other.</summary>
    public string Serves { get; set; } = "/v1";

    /// <summary>The query with which it answers.</summary>
    public string Query { get; set; } = "";

    /// <summary>Its files and batches; switched off, as with most compatible servers, until a test switches them on.</summary>
    public FakeLlmBatches Batches { get; }

    /// <summary>The address for <c>Annotator__Llm__BaseUrl</c>.</summary>
    public string BaseUrl => _app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First() + "/v1";

    /// <summary>The requests so far, in the order of their arrival.</summary>
    public IReadOnlyList<FakeLlmRequest> Requests => [.. _requests];

    /// <summary>Most requests that were under way at a time.</summary>
    public int MostActive => Volatile.Read(ref _mostActive);

    /// <summary>Tokens of prompts in the usage that was told so far.</summary>
    public long PromptTokens => Interlocked.Read(ref _promptTokens);

    /// <summary>Tokens of answers in the usage that was told so far.</summary>
    public long CompletionTokens => Interlocked.Read(ref _completionTokens);

    /// <summary>Starts a server on a free port.</summary>
    /// <param name="script">How requests are answered; null: each item gets the first label.</param>
    public static async Task<FakeLlmServer> StartAsync(Func<FakeLlmRequest, FakeLlmReply>? script = null)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(System.Net.IPAddress.Loopback, 0));
        var app = builder.Build();
        var server = new FakeLlmServer(app, script ?? (request => FakeLlmReply.Good(request, _ => request.Labels[0])));
        app.MapPost("/{**path}", context => context.Request.Path + context.Request.QueryString == server.Serves + "/chat/completions" + server.Query ? server.AnswerAsync(context) : Missing(context));
        server.Batches.Map(app);
        await app.StartAsync();
        return server;
    }

    /// <summary>Stops the server; requests that hang are cut.</summary>
    public async ValueTask DisposeAsync()
    {
        await _closing.CancelAsync();
        await _app.DisposeAsync();
        _closing.Dispose();
    }

    // A line of a batch is answered as a request of its own is.
    private async Task<(int Status, string Body)> AnswerLineAsync(string body)
    {
        var request = new FakeLlmRequest(Interlocked.Increment(ref _count), body, "");
        _requests.Enqueue(request);
        var context = new DefaultHttpContext { Response = { Body = new MemoryStream() } };
        var reply = Script(request);
        await reply.SendAsync(context, _closing.Token);
        Interlocked.Add(ref _promptTokens, reply.Usage.Prompt);
        Interlocked.Add(ref _completionTokens, reply.Usage.Completion);
        return (context.Response.StatusCode, Encoding.UTF8.GetString(((MemoryStream)context.Response.Body).ToArray()));
    }

    private static Task Missing(HttpContext context)
    {
        context.Response.StatusCode = StatusCodes.Status404NotFound;
        return Task.CompletedTask;
    }

    private async Task AnswerAsync(HttpContext context)
    {
        int active = Interlocked.Increment(ref _active);
        for (int most = MostActive; active > most && Interlocked.CompareExchange(ref _mostActive, active, most) != most; most = MostActive) { }
        try
        {
            using var reader = new StreamReader(context.Request.Body);
            var request = new FakeLlmRequest(Interlocked.Increment(ref _count), await reader.ReadToEndAsync(context.RequestAborted), context.Request.Headers.Authorization.ToString()) { ApiKey = context.Request.Headers["api-key"].ToString() };
            _requests.Enqueue(request);
            var reply = Script(request);
            await reply.SendAsync(context, _closing.Token);
            Interlocked.Add(ref _promptTokens, reply.Usage.Prompt);
            Interlocked.Add(ref _completionTokens, reply.Usage.Completion);
        }
        catch (OperationCanceledException)
        {
            context.Abort();
        }
        finally
        {
            Interlocked.Decrement(ref _active);
        }
    }
}

/// <summary>A request as the server got it.</summary>
/// <param name="Number">Its place in the order of arrival, counted from 1.</param>
/// <param name="Body">Its body.</param>
/// <param name="Authorization">The header.</param>
public sealed record FakeLlmRequest(int Number, string Body, string Authorization)
{
    /// <summary>The header by which Azure's servers take their key.</summary>
    public string ApiKey { get; init; } = "";

    /// <summary>The body as JSON.</summary>
    public JsonNode Json { get; } = JsonNode.Parse(Body)!;

    /// <summary>The messages: role and text.</summary>
    public IReadOnlyList<(string Role, string Content)> Messages =>
        [.. Json["messages"]!.AsArray().Select(m => (m!["role"]!.GetValue<string>(), TextOf(m["content"]!)))];

    /// <summary>The pictures of the last message: media type and file.</summary>
    public IReadOnlyList<(string ContentType, byte[] File)> Images => Json["messages"]!.AsArray()[^1]!["content"] is not JsonArray parts ? [] :
        [.. parts.Where(p => p!["type"]!.GetValue<string>() == "image_url").Select(p => Image(p!["image_url"]!["url"]!.GetValue<string>()))];

    /// <summary>The items of the last message.</summary>
    public IReadOnlyList<(string Id, string Text)> Items =>
        [.. JsonNode.Parse(Messages[^1].Content)!["items"]!.AsArray().Select(i => (i!["id"]!.GetValue<string>(), i["text"]!.GetValue<string>()))];

    /// <summary><c>json_schema</c>, <c>json_object</c> or null.</summary>
    public string? ResponseFormat => Json["response_format"]?["type"]?.GetValue<string>();

    /// <summary>The labels that the schema allows; without a schema those of the system message's list.</summary>
    public IReadOnlyList<string> Labels => Json["response_format"]?["json_schema"]?["schema"] is { } schema
        ? [.. FindEnum(schema)!.Select(l => l!.GetValue<string>())]
        : [.. Messages[0].Content.Split('\n').Where(l => l.StartsWith("- \"", StringComparison.Ordinal)).Select(l => l[3..l.IndexOf('"', 3)])];

    private static string TextOf(JsonNode content) => content is JsonArray parts
        ? string.Concat(parts.Where(p => p!["type"]!.GetValue<string>() == "text").Select(p => p!["text"]!.GetValue<string>()))
        : content.GetValue<string>();

    private static (string ContentType, byte[] File) Image(string address)
    {
        var (start, comma) = ("data:".Length, address.IndexOf(";base64,", StringComparison.Ordinal));
        return (address[start..comma], Convert.FromBase64String(address[(comma + ";base64,".Length)..]));
    }

    private static JsonArray? FindEnum(JsonNode? node) => node switch
    {
        JsonObject o => o["enum"] as JsonArray ?? o.Select(p => FindEnum(p.Value)).FirstOrDefault(found => found is not null),
        JsonArray a => a.Select(FindEnum).FirstOrDefault(found => found is not null),
        _ => null,
    };
}

/// <summary>An answer of the fake server.</summary>
public sealed class FakeLlmReply
{
    private readonly Func<HttpContext, CancellationToken, Task> _send;

    private FakeLlmReply(Func<HttpContext, CancellationToken, Task> send) => _send = send;

    /// <summary>The usage that it tells.</summary>
    public (int Prompt, int Completion) Usage { get; private init; }

    /// <summary>A right answer of single choice.</summary>
    /// <param name="request">The request.</param>
    /// <param name="label">The label of a text.</param>
    /// <param name="confidence">The stated confidence.</param>
    public static FakeLlmReply Good(FakeLlmRequest request, Func<string, string> label, double confidence = 0.9) => Content(
        new JsonObject { ["results"] = new JsonArray([.. request.Items.Select(i => new JsonObject { ["id"] = i.Id, ["label"] = label(i.Text), ["confidence"] = confidence })]) }.ToJsonString());

    /// <summary>Right answers about pictures.</summary>
    /// <param name="request">The request.</param>
    /// <param name="answer">What is said of a picture: the properties of its result beside the id.</param>
    public static FakeLlmReply Seen(FakeLlmRequest request, Func<byte[], JsonObject> answer)
    {
        var results = new JsonArray();
        foreach (var ((id, _), (_, file)) in request.Items.Zip(request.Images))
        {
            var result = answer(file);
            result["id"] = id;
            result["confidence"] ??= 0.9;
            results.Add(result);
        }

        return Content(new JsonObject { ["results"] = results }.ToJsonString());
    }

    /// <summary>A complete completion with any content.</summary>
    /// <param name="content">What the model wrote; null: nothing.</param>
    /// <param name="finishReason">Why it ended.</param>
    /// <param name="promptTokens">Usage; null: none is told.</param>
    /// <param name="completionTokens">Usage.</param>
    /// <param name="refusal">The model's refusal.</param>
    /// <param name="tokens">Tokens with their log-probabilities.</param>
    public static FakeLlmReply Content(
        string? content, string finishReason = "stop", int? promptTokens = 100, int completionTokens = 20, string? refusal = null,
        IEnumerable<(string Token, double LogProbability)>? tokens = null)
    {
        var choice = new JsonObject
        {
            ["index"] = 0,
            ["message"] = new JsonObject { ["role"] = "assistant", ["content"] = content, ["refusal"] = refusal },
            ["finish_reason"] = finishReason,
        };
        if (tokens is not null)
            choice["logprobs"] = new JsonObject { ["content"] = new JsonArray([.. tokens.Select(t => new JsonObject { ["token"] = t.Token, ["logprob"] = t.LogProbability })]) };
        var completion = new JsonObject { ["id"] = "c1", ["object"] = "chat.completion", ["created"] = 1, ["model"] = "fake-1", ["choices"] = new JsonArray(choice) };
        if (promptTokens is { } prompt)
            completion["usage"] = new JsonObject { ["prompt_tokens"] = prompt, ["completion_tokens"] = completionTokens, ["total_tokens"] = prompt + completionTokens };
        return new FakeLlmReply(Raw(completion.ToJsonString())._send) { Usage = promptTokens is { } told ? (told, completionTokens) : default };
    }

    /// <summary>A completion whose content is a list of parts.</summary>
    public static FakeLlmReply Parts(string content) => Raw(new JsonObject
    {
        ["choices"] = new JsonArray(new JsonObject
        {
            ["message"] = new JsonObject { ["role"] = "assistant", ["content"] = new JsonArray(new JsonObject { ["type"] = "text", ["text"] = content[..9] }, new JsonObject { ["type"] = "text", ["text"] = content[9..] }) },
            ["finish_reason"] = "stop",
        }),
        ["usage"] = new JsonObject { ["prompt_tokens"] = 100, ["completion_tokens"] = 20, ["total_tokens"] = 120 },
    }.ToJsonString()).Told(100, 20);

    private FakeLlmReply Told(int prompt, int completion) => new(_send) { Usage = (prompt, completion) };

    /// <summary>Another reply, after a while.</summary>
    public static FakeLlmReply Late(TimeSpan latency, FakeLlmReply reply) => new(async (context, closing) =>
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, closing);
        await Task.Delay(latency, either.Token);
        await reply._send(context, closing);
    })
    {
        Usage = reply.Usage,
    };

    /// <summary>Any body.</summary>
    public static FakeLlmReply Raw(string body, int status = 200, string? retryAfter = null) => new(async (context, _) =>
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = "application/json";
        if (retryAfter is not null) context.Response.Headers.RetryAfter = retryAfter;
        await context.Response.WriteAsync(body, CancellationToken.None);
    });

    /// <summary>Any bytes.</summary>
    public static FakeLlmReply Bytes(byte[] body) => new(async (context, _) =>
    {
        context.Response.ContentType = "application/json";
        await context.Response.Body.WriteAsync(body, CancellationToken.None);
    });

    /// <summary>An answer that comes byte by byte and never ends.</summary>
    public static FakeLlmReply Drip() => new(async (context, closing) =>
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, closing);
        context.Response.ContentType = "application/json";
        while (true)
        {
            await context.Response.Body.WriteAsync(" "u8.ToArray(), either.Token);
            await context.Response.Body.FlushAsync(either.Token);
            await Task.Delay(50, either.Token);
        }
    });

    /// <summary>A redirection.</summary>
    public static FakeLlmReply Redirect(string address) => new((context, _) =>
    {
        context.Response.Redirect(address);
        return Task.CompletedTask;
    });

    /// <summary>An error as OpenAI words it.</summary>
    public static FakeLlmReply Error(int status, string message = "no", string? code = null, string? retryAfter = null) =>
        Raw(new JsonObject { ["error"] = new JsonObject { ["message"] = message, ["code"] = code } }.ToJsonString(), status, retryAfter);

    /// <summary>Half an answer: the connection is cut in the middle of the body.</summary>
    public static FakeLlmReply Cut() => new(async (context, _) =>
    {
        byte[] half = Encoding.UTF8.GetBytes("{\"id\":\"c1\",\"choices\":[{\"message\":{\"content\":\"{\\\"resu");
        context.Response.ContentType = "application/json";
        context.Response.ContentLength = 4 * half.Length;
        await context.Response.Body.WriteAsync(half, CancellationToken.None);
        await context.Response.Body.FlushAsync(CancellationToken.None);
        context.Abort();
    });

    /// <summary>No answer, until the caller gives up or the server is stopped.</summary>
    public static FakeLlmReply Hang() => new(async (context, closing) =>
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, closing);
        await Task.Delay(Timeout.Infinite, either.Token);
    });

    /// <summary>Another reply, once a signal is given.</summary>
    public static FakeLlmReply After(Task signal, FakeLlmReply reply) => new(async (context, closing) =>
    {
        await signal.WaitAsync(closing);
        await reply._send(context, closing);
    });

    /// <summary>Sends the reply.</summary>
    internal Task SendAsync(HttpContext context, CancellationToken closing) => _send(context, closing);

    /// <summary>An HTTP date.</summary>
    public static string HttpDate(DateTimeOffset date) => date.ToString("R", CultureInfo.InvariantCulture);
}
