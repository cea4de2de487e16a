using Microsoft.AspNetCore.Http.HttpResults;

namespace Annotator.Web.Hosting.Api;

/// <summary>Answers that say what went wrong: problem details (RFC 9457), without internals.</summary>
public static class Problems
{
    /// <summary>400: the input is wrong; each message names its field (or line of the input).</summary>
    public static ValidationProblem Validation(IEnumerable<(string Field, string Message)> errors) => TypedResults.ValidationProblem(
        errors.GroupBy(e => e.Field, StringComparer.Ordinal).ToDictionary(g => g.Key, g => g.Select(e => e.Message).ToArray(), StringComparer.Ordinal),
        detail: "The input is not valid; see errors.",
        title: "Bad request");

    /// <summary>400: one field is wrong.</summary>
    public static ValidationProblem Validation(string field, string message) => Validation([(field, message)]);

    /// <summary>404. The same for what does not exist and for what the caller may not see: nobody can tell the two apart.</summary>
    public static ProblemHttpResult NotFound() => Of(StatusCodes.Status404NotFound);

    /// <summary>403: the caller may see it, but not do this.</summary>
    public static ProblemHttpResult Forbidden(string? detail = null) => Of(StatusCodes.Status403Forbidden, detail);

    /// <summary>409.</summary>
    public static ProblemHttpResult Conflict(string detail) => Of(StatusCodes.Status409Conflict, detail);

    /// <summary>422.</summary>
    public static ProblemHttpResult Unprocessable(string detail) => Of(StatusCodes.Status422UnprocessableEntity, detail);

    /// <summary>Any other status.</summary>
    public static ProblemHttpResult Of(int status, string? detail = null)
    {
        var (title, usual) = Text(status);
        return TypedResults.Problem(detail ?? usual, statusCode: status, title: title);
    }

    private static (string Title, string Detail) Text(int status) => status switch
    {
        400 => ("Bad request", "The request cannot be understood."),
        401 => ("Not signed in", "Send a valid token: Authorization: Bearer TOKEN."),
        403 => ("Forbidden", "Your role, or that of the token, does not allow this."),
        404 => ("Not found", "There is nothing here that you may see."),
        405 => ("Method not allowed", "This address does not answer to this method; see the Allow header."),
        408 => ("Request timeout", "The request took too long to arrive."),
        409 => ("Conflict", "This does not fit what is stored."),
        411 => ("Length required", "Send a Content-Length or use chunked transfer."),
        412 => ("Precondition failed", "What is stored has changed meanwhile."),
        413 => ("Too large", "The body is larger than this installation accepts."),
        414 => ("Address too long", "The address is longer than this installation accepts."),
        415 => ("Unsupported media type", "This address takes another Content-Type, application/json for most."),
        422 => ("Unprocessable", "The request was understood and cannot be carried out."),
        429 => ("Too many requests", "Slow down, and try again after the time in Retry-After."),
        503 => ("Not available", "Not ready at the moment; try again soon."),
        >= 500 => ("Internal error", "Something went wrong here; the log has the details."),
        _ => ("Request failed", "The request could not be carried out."),
    };
}
