using System.Text.Json;
using Annotator.Core.Export;
using Annotator.Core.Media;
using Annotator.Core.Projects;
using Annotator.Core.Projects.Evolution;
using Annotator.Core.Quality;
using Annotator.Core.Storage;
using Annotator.Core.Student;
using Annotator.Web.Hosting.Api;
using Annotator.Web.Media;
using Microsoft.Net.Http.Headers;

namespace Annotator.Web.Quality;

/// <summary>What is known of the student in service.</summary>
public sealed record ModelView(int Version, IReadOnlyList<string> Classes, int TrainedOn, int Decisions, double? Accuracy, double? Ece, long Bytes, string Sha256, int TrainingMilliseconds, DateTimeOffset CreatedAt, RawJson Metrics);

internal static class ResultsApi
{
    /// <summary>Header of an export with the statement about its labels, as JSON; absent while there is none.</summary>
    public const string CertificateHeader = "Annotator-Certificate";

    public static void MapResultsApi(this IEndpointRouteBuilder endpoints)
    {
        var results = endpoints.MapProjectApi().WithTags("Results");
        results.MapGet("/export", async (string? format, string? state, bool? spreadsheetSafe, bool? media, bool? links, int? schemaVersion, ExportService exports, MediaLinks signed, AnnotatorDatabase database, CertificateReader certificates, HttpContext context) =>
        {
            var project = context.Grant().Project;
            var request = ExportRequest.Read(project, format, state, spreadsheetSafe ?? false, media ?? false);
            if (!request.Succeeded) return Problems.Validation(request.Errors);
            if (links is true && media is true) return Problems.Validation("links", "Either the files themselves (media) or addresses of them (links).");
            if (links is true) request = request.Value with { SignUrl = await signed.SignerAsync(project.Id, SignedMediaApi.BaseOf(context), cancellationToken: context.RequestAborted) };
            if (schemaVersion is { } version)
            {
                var history = await LabelHistory.FindAsync(database, project, version, context.RequestAborted);
                if (!history.Succeeded) return Problems.Validation(history.Errors);
                request = request.Value with { History = history.Value };
            }

            var response = context.Response;
            response.ContentType = request.Value.Format.ContentType;
            var disposition = new ContentDispositionHeaderValue("attachment");
            disposition.SetHttpFileName($"{project.Name}.{request.Value.Format.Extension}");
            response.Headers.ContentDisposition = disposition.ToString();

            // A CSV file has no place for it, so what is said of its labels goes beside it.
            if (await certificates.FindAsync(project, context.RequestAborted) is { } certificate) response.Headers[CertificateHeader] = JsonSerializer.Serialize(certificate, ProjectJson.Options);
            await exports.WriteAsync(project, request.Value, response.Body, cancellationToken: context.RequestAborted);
            return (IResult)TypedResults.Empty;
        }).RequireLead().WithSummary("Labels with where they come from, streamed").Produces<Stream>(StatusCodes.Status200OK, "application/x-ndjson");
        results.MapGet("/schemas", async (AnnotatorDatabase database, HttpContext context) => new Listing<SchemaVersion>(await LabelHistory.VersionsAsync(database, context.Grant().Project, context.RequestAborted), null))
            .WithSummary("The versions of the labels, newest first");
        results.MapGet("/certificate", async (CertificateReader certificates, HttpContext context) =>
            await certificates.FindAsync(context.Grant().Project, context.RequestAborted) is { } certificate ? TypedResults.Ok(certificate) : (IResult)Problems.NotFound())
            .WithSummary("What can be said of the labels, with all it rests on").Produces<CertificateStatement>();
        results.MapGet("/metrics", async (MetricsReader metrics, HttpContext context) => await metrics.ReadAsync(context.Grant().Project.Id, context.RequestAborted))
            .WithSummary("Where the project stands");
        results.MapGet("/metrics/curve", async (MetricsReader metrics, HttpContext context) => new Listing<CurvePoint>(await metrics.CurveAsync(context.Grant().Project.Id, context.RequestAborted), null))
            .WithSummary("The student's accuracy over its versions");
        results.MapGet("/model", async (StudentCatalog students, HttpContext context) =>
        {
            var version = await students.LatestAsync(context.Grant().Project.Id, context.RequestAborted);
            return version is null
                ? (IResult)Problems.NotFound()
                : TypedResults.Ok(new ModelView(
                    version.Version, JsonSerializer.Deserialize<List<string>>(version.Classes)!, version.TrainedOn, version.Decisions, version.Accuracy, version.Ece, version.Bytes, version.Hash,
                    version.TrainingMilliseconds, version.CreatedAt, new RawJson(version.Metrics)));
        }).WithSummary("What is known of the student").Produces<ModelView>();
        results.MapGet("/model.onnx", async (StudentCatalog students, IBlobStore blobs, HttpContext context) =>
        {
            var version = await students.LatestAsync(context.Grant().Project.Id, context.RequestAborted);
            if (version is null) return (IResult)Problems.NotFound();
            var file = await blobs.OpenAsync(version.Blob, context.RequestAborted);
            context.Response.Headers["X-Model-Version"] = Ids.Text(version.Version);
            return TypedResults.Stream(file, "application/octet-stream", $"student-{version.Version}.onnx", version.CreatedAt, new EntityTagHeaderValue($"\"{version.Hash}\""), enableRangeProcessing: true);
        }).WithSummary("The student as one ONNX file").Produces<Stream>(StatusCodes.Status200OK, "application/octet-stream");
    }
}
