using System.ComponentModel;
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

/// <summary>Checked labels: how many, how many were wrong, and the share of right ones with its interval.</summary>
public sealed record CheckedShareView(int Draws, int Wrong, double Accuracy, double Lower, double Upper);

/// <summary>Checked labels of one proposed label.</summary>
public sealed record CheckedLabelView(string Label, CheckedShareView Checked);

/// <summary>What the checks said up to a moment.</summary>
public sealed record CheckedMomentView(DateTimeOffset At, CheckedShareView Checked);

/// <summary>A random check; weight: the number of items that it stands for.</summary>
public sealed record CheckedItemView(string ItemId, string Key, int Audit, string Proposed, string? UserId, RawJson? Given, bool Wrong, double Weight, DateTimeOffset At);

/// <summary>What the random checks of a part say; method: clopperPearson, or kornGraubard where riskier items were drawn more often. Confidence: of one look.</summary>
public sealed record CertificateChecksView(string Method, double Confidence, CheckedShareView? Checked, IReadOnlyList<CheckedLabelView> Labels, IReadOnlyList<CheckedMomentView> OverTime, IReadOnlyList<CheckedItemView> Checks);

internal static class ResultsApi
{
    /// <summary>Header of an export with the statement about its labels, as JSON; absent while there is none.</summary>
    public const string CertificateHeader = "Annotator-Certificate";

    private static CertificateChecksView View(AuditedPart part) => new(
        part.IsWeighted ? "kornGraubard" : "clopperPearson", AuditedPart.Confidence, part.Share is { } share ? View(share) : null, [.. part.Labels.Select(l => new CheckedLabelView(l.Label, View(l.Share)))],
        [.. part.OverTime.Select(p => new CheckedMomentView(p.At, View(p.Share)))],
        [.. part.Draws.Select(d => new CheckedItemView(Ids.Text(d.ItemId), d.Key, d.Audit, d.Proposed, d.UserId is { } user ? Ids.Text(user) : null, d.Given is null ? null : new RawJson(d.Given), d.Wrong, Math.Round(d.Weight, 3), d.At))]);

    private static CheckedShareView View(AuditedShare share) => new(share.Draws, share.Wrong, share.Accuracy.Estimate, share.Accuracy.Lower, share.Accuracy.Upper);

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
        results.MapGet("/certificate/checks", async (
            [Description("Only checks that were drawn from this moment on.")] string? from, [Description("Only checks that were drawn before this moment.")] string? to, [Description("Only labels that were proposed as this one.")] string? label,
            [Description("Only checks that this annotator answered.")] string? annotator, [Description("Only items whose pre-label is of this source.")] string? source, [Description("Only items with this in their metadata, as field=value.")] string? slice,
            AuditedPartReader checks, HttpContext context) =>
        {
            var filter = DashboardPart.Read(context.Grant().Project, from, to, label, annotator, source, slice);
            return filter.Succeeded ? TypedResults.Ok(View(await checks.ReadAsync(context.Grant().Project, filter.Value, context.RequestAborted))) : (IResult)Problems.Validation(filter.Errors);
        }).RequireLead().WithSummary("The random checks that the certificate rests on, for a part of the items").Produces<CertificateChecksView>();
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
