using Annotator.Core.Formats;
using Annotator.Core.Import;
using Annotator.Web.Accounts;
using Annotator.Web.Hosting.Api;
using Annotator.Web.Runs;

namespace Annotator.Web.Import;

/// <summary>What a file seems to be.</summary>
public sealed record PreviewView(
    string Format, string Encoding, string? Delimiter, bool HasHeader, IReadOnlyList<ColumnView> Columns, IReadOnlyList<IReadOnlyList<string?>> Rows, IReadOnlyList<RejectedLineView> Rejected);

/// <summary>A column of a file, and what it seems to hold: text, key, label, annotator or null.</summary>
public sealed record ColumnView(string Name, string? Guess, IReadOnlyList<string> Samples);

/// <summary>A line that cannot be read.</summary>
public sealed record RejectedLineView(long Line, string Reason);

internal static class ImportApi
{
    // Enough of a file to tell what it is.
    private const int PreviewBytes = 1 << 20;

    public static void MapImportApi(this IEndpointRouteBuilder endpoints)
    {
        var imports = endpoints.MapProjectApi("/imports").WithTags("Import");
        imports.MapPost("", async (string? format, string? text, string? key, string? label, string? annotator, string? name, ImportService service, HttpContext context) =>
        {
            // The file streams past to the blob store.
            Uploads.Unbind(context);
            var request = new UploadRequest(format, Blank(text), Blank(key), Blank(label), Blank(annotator), Blank(name));
            var started = await service.StartAsync(context.Grant().Project, request, context.Request.Body, context.Caller().UserId, context.RequestAborted);
            return started.Succeeded ? RunsApi.Accepted(started.Value) : (IResult)Problems.Validation(started.Errors);
        }).RequireLead().WithMetadata(new StreamedBody()).WithSummary("Imports a file: the raw body").Produces<RunView>(StatusCodes.Status202Accepted);

        imports.MapPost("/preview", async (string? format, HttpContext context) =>
        {
            var kind = ImportService.ParseFormat(format);
            if (!kind.Succeeded) return Problems.Validation(kind.Errors);
            var buffer = new byte[PreviewBytes];
            var read = await context.Request.Body.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, context.RequestAborted);
            if (read == 0) return Problems.Validation("file", "The file is empty.");
            using var sample = new MemoryStream(buffer, 0, read, writable: false);
            var preview = await ImportPreview.PreviewAsync(sample, kind.Value, cancellationToken: context.RequestAborted);
            return (IResult)TypedResults.Ok(View(preview));
        }).RequireLead().WithMetadata(new StreamedBody()).WithSummary("Says what a file seems to be, from its beginning").Produces<PreviewView>();
    }

    private static PreviewView View(ImportPreview preview)
    {
        var guess = preview.Suggested;
        string? Guess(string column) => guess is null ? null
            : string.Equals(column, guess.Text, StringComparison.Ordinal) ? "text"
            : string.Equals(column, guess.Key, StringComparison.Ordinal) ? "key"
            : string.Equals(column, guess.Label, StringComparison.Ordinal) ? "label"
            : string.Equals(column, guess.Annotator, StringComparison.Ordinal) ? "annotator" : null;
        return new PreviewView(
            preview.Format.Kind == DataFormatKind.Csv ? preview.Format.Dialect?.Delimiter == '\t' ? "tsv" : "csv" : "jsonl",
            preview.Format.Encoding.ToString(),
            preview.Format.Dialect?.Delimiter.ToString(),
            preview.Format.Dialect?.HasHeader ?? true,
            [.. preview.Columns.Select((c, i) => new ColumnView(c, Guess(c), [.. preview.Rows.Select(r => r[i]).OfType<string>().Distinct(StringComparer.Ordinal).Take(3)]))],
            preview.Rows,
            [.. preview.Rejected.Select(r => new RejectedLineView(r.LineNumber, r.Reason))]);
    }

    private static string? Blank(string? text) => string.IsNullOrWhiteSpace(text) ? null : text;
}
