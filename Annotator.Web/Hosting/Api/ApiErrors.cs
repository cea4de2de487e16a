using System.Data.Common;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using Annotator.Core.Accounts;
using Annotator.Core.Review;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Web.Hosting.Api;

/// <summary>Everything under /api that fails answers with problem details: wrong input, unknown routes, refused bodies, and our own errors without internals.</summary>
internal sealed partial class ApiErrors(RequestDelegate next, ILogger<ApiErrors> log)
{
    public async Task InvokeAsync(HttpContext context)
    {
        if (!context.Request.Path.StartsWithSegments("/api", StringComparison.OrdinalIgnoreCase))
        {
            await next(context);
            return;
        }

        IResult? problem = null;
        try
        {
            await next(context);
            var response = context.Response;

            // Set by routing, authentication or the server, without a word.
            if (!response.HasStarted && response.StatusCode >= 400 && response.ContentLength is null && string.IsNullOrEmpty(response.ContentType))
                problem = Problems.Of(response.StatusCode);
        }
        catch (Exception e) when (e is OperationCanceledException or IOException && context.RequestAborted.IsCancellationRequested)
        {
            // Nobody is there to read an answer.
            context.Response.StatusCode = 499;
        }
        catch (Exception e)
        {
            if (context.Response.HasStarted)
            {
                LogFailed(e, context.Request.Method, context.Request.Path);
                throw;
            }

            problem = Describe(context, e);
        }

        if (problem is not null) await AnswerAsync(context, problem);
    }

    private static async Task AnswerAsync(HttpContext context, IResult problem)
    {
        // Headers that were set for the status (Allow, WWW-Authenticate, Retry-After) stay.
        context.Response.ContentType = null;
        context.Response.ContentLength = null;
        await problem.ExecuteAsync(context);
    }

    private IResult Describe(HttpContext context, Exception exception)
    {
        switch (exception)
        {
            case InvalidRequestException e:
                return Problems.Validation(e.Field, e.Message);
            case BadHttpRequestException { InnerException: JsonException json }:
                return Problems.Validation(FieldOf(json), MessageOf(json));
            case BadHttpRequestException { StatusCode: StatusCodes.Status400BadRequest } e when ParameterName().Match(e.Message) is { Success: true } match:
                return Problems.Validation(match.Groups["name"].Value, e.Message.StartsWith("Required", StringComparison.Ordinal) ? "Is required." : "Cannot be read.");
            case BadHttpRequestException e:
                return Problems.Of(e.StatusCode);
            case NotAllowedException e:
                return Problems.Forbidden(e.Message);
            case IdempotencyMismatchException e:
                return Problems.Unprocessable(e.Message);
            case AnswerLostException or RequestTakenOverException:
                return Problems.Conflict(exception.Message);
            case DbUpdateConcurrencyException or ConcurrentChangeException:
                return Problems.Conflict("Somebody else changed this at the same moment. Read it again, and repeat.");
            case var full when DiskFull.IsCause(full):
                LogFailed(exception, context.Request.Method, context.Request.Path);
                return Problems.Of(StatusCodes.Status507InsufficientStorage, DiskFull.Message);
            case DbException { IsTransient: true } or DbUpdateException { InnerException: DbException { IsTransient: true } }:
                LogFailed(exception, context.Request.Method, context.Request.Path);
                context.Response.Headers.RetryAfter = "2";
                return Problems.Of(StatusCodes.Status503ServiceUnavailable, "The database cannot be reached at the moment.");
            default:
                LogFailed(exception, context.Request.Method, context.Request.Path);
                return TypedResults.Problem(
                    "Something went wrong here. Give the reference to whoever runs this installation: the log has the details.",
                    statusCode: StatusCodes.Status500InternalServerError,
                    title: "Internal error",
                    extensions: new Dictionary<string, object?>(StringComparer.Ordinal) { ["reference"] = Activity.Current?.TraceId.ToHexString() ?? context.TraceIdentifier });
        }
    }

    // "$.items[3].text" -> "items[3].text"; the whole body is "body".
    private static string FieldOf(JsonException e) => e.Path is null or "$" or "" ? "body" : e.Path.StartsWith("$.", StringComparison.Ordinal) ? e.Path[2..] : e.Path[1..];

    private static string MessageOf(JsonException e)
    {
        // The serialiser's own words name our types ("could not be converted to Annotator..."), and repeat path and position.
        var end = e.Message.IndexOf(" Path: ", StringComparison.Ordinal);
        var words = end < 0 ? e.Message : e.Message[..end];
        if (words.Contains("could not be converted", StringComparison.Ordinal)) words = NamesOf(words) is { } names ? $"Must be one of: {names}." : "The value is of the wrong kind.";
        else if (words.Contains("missing required properties", StringComparison.Ordinal)) words = MissingProperties(words);
        return e.LineNumber is { } line
            ? string.Create(CultureInfo.InvariantCulture, $"Line {line + 1}, position {e.BytePositionInLine + 1}: {words}")
            : words;
    }

    // "The JSON value could not be converted to System.Nullable`1[Annotator.Core.Labels.Modality]." -> the names of the choice.
    private static string? NamesOf(string words)
    {
        var type = TypeName().Match(words) is { Success: true } match ? typeof(Core.Labels.Modality).Assembly.GetType(match.Value) : null;
        return type is { IsEnum: true } ? string.Join(", ", Enum.GetNames(type).Select(JsonNamingPolicy.CamelCase.ConvertName)) : null;
    }

    // "JSON deserialization for type 'Annotator…' was missing required properties including: 'name', 'email'."
    private static string MissingProperties(string words)
    {
        var names = words.IndexOf("including:", StringComparison.Ordinal);
        return names < 0 ? "Required properties are missing." : "Missing:" + words[(names + "including:".Length)..];
    }

    [GeneratedRegex("parameter \"([^ \"]+ )?(?<name>\\w+)\"", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 100)]
    private static partial Regex ParameterName();

    [GeneratedRegex("Annotator\\.Core\\.[\\w.]+\\w", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 100)]
    private static partial Regex TypeName();

    [LoggerMessage(1, LogLevel.Error, "{Method} {Path} failed.")]
    private partial void LogFailed(Exception exception, string method, string path);
}
