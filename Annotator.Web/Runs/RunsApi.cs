using System.Text.Json;
using Annotator.Core.Accounts;
using Annotator.Core.Export;
using Annotator.Core.Runs;
using Annotator.Core.Storage;
using Annotator.Web.Accounts;
using Annotator.Web.Hosting.Api;
using Microsoft.Net.Http.Headers;

namespace Annotator.Web.Runs;

/// <summary>A run as the API shows it.</summary>
public sealed record RunView(
    string Id, string ProjectId, string Kind, RunState State, long Done, long Total, long Rejected, string? Message, DateTimeOffset CreatedAt, DateTimeOffset? StartedAt, DateTimeOffset? FinishedAt, RawJson? Result);

/// <summary>A run as it is asked for.</summary>
public sealed record RunBody(string? Kind, JsonElement? Options);

/// <summary>A line that a run could not read.</summary>
public sealed record RejectionView(long Line, string Reason);

internal static class RunsApi
{
    public static void MapRunsApi(this IEndpointRouteBuilder endpoints)
    {
        var inProject = endpoints.MapProjectApi("/runs").WithTags("Runs");
        inProject.MapPost("", async (RunBody body, RunService runs, RunKinds kinds, HttpContext context) =>
        {
            var checkedOptions = kinds.Check(body.Kind, body.Options);
            if (!checkedOptions.Succeeded) return Problems.Validation(checkedOptions.Errors);
            var run = await runs.StartAsync(context.Grant().Project.Id, body.Kind!, checkedOptions.Value, context.Caller().UserId, context.RequestAborted);
            return (IResult)Accepted(run);
        }).RequireLead().WithSummary("Starts a run").Produces<RunView>(StatusCodes.Status202Accepted);
        inProject.MapGet("", async (Paging paging, RunService runs, HttpContext context) =>
        {
            var rows = await runs.ListAsync(context.Grant().Project.Id, paging.Id, paging.Limit + 1, context.RequestAborted);
            return paging.Page(rows, r => r.Id, View);
        }).RequireLead().WithSummary("Runs of a project, newest first");

        var single = endpoints.MapGroup("/api/v1/runs/{runId}").RequireAuthorization(Policies.SignedIn).WithTags("Runs");
        single.MapGet("", async (string runId, RunService runs, ProjectAccess access, HttpContext context) =>
            await FindAsync(runId, runs, access, context) is { } found ? TypedResults.Ok(View(found.Run)) : (IResult)Problems.NotFound())
            .WithSummary("A run").Produces<RunView>();
        single.MapGet("/rejections", async (string runId, Paging paging, RunService runs, ProjectAccess access, HttpContext context) =>
        {
            if (await FindAsync(runId, runs, access, context) is not { } found) return (IResult)Problems.NotFound();
            var rows = await runs.RejectionsAsync(found.Run.Id, paging.Id ?? 0, paging.Limit + 1, context.RequestAborted);
            return TypedResults.Ok(paging.Page(rows, r => r.Line, r => new RejectionView(r.Line, r.Reason)));
        }).WithSummary("What a run could not read").Produces<Listing<RejectionView>>();
        single.MapGet("/file", async (string runId, RunService runs, ProjectAccess access, IBlobStore blobs, HttpContext context) =>
        {
            if (await FindAsync(runId, runs, access, context) is not { } found) return (IResult)Problems.NotFound();
            if (!found.Grant.IsLead) return Problems.Forbidden("This needs a lead of the project.");
            if (ExportFile.Of(found.Run) is not { } file) return Problems.NotFound();
            try
            {
                var stream = await blobs.OpenAsync(file.Blob, context.RequestAborted);
                return TypedResults.Stream(stream, file.ContentType, $"{found.Grant.Project.Name}.{file.Extension}", found.Run.FinishedAt, new EntityTagHeaderValue($"\"{file.Sha256}\""), enableRangeProcessing: true);
            }
            catch (FileNotFoundException)
            {
                // Newer exports have taken its place.
                return Problems.NotFound();
            }
        }).WithSummary("The file that an export run made").Produces<Stream>(StatusCodes.Status200OK, "application/octet-stream");
        single.MapPost("/cancel", async (string runId, RunService runs, ProjectAccess access, HttpContext context) =>
        {
            if (await FindAsync(runId, runs, access, context) is not { } found) return (IResult)Problems.NotFound();
            if (!found.Grant.IsLead) return Problems.Forbidden("This needs a lead of the project.");
            await runs.CancelAsync(found.Run.Id, context.RequestAborted);
            return TypedResults.Accepted($"/api/v1/runs/{runId}", View((await runs.FindAsync(found.Run.Id, context.RequestAborted))!));
        }).WithSummary("Stops a run; what it has done stays").Produces<RunView>(StatusCodes.Status202Accepted);
    }

    public static IResult Accepted(Run run) => TypedResults.Accepted($"/api/v1/runs/{Ids.Text(run.Id)}", View(run));

    public static RunView View(Run r) => new(
        Ids.Text(r.Id), Ids.Text(r.ProjectId), r.Kind, r.State, r.Done, r.Total, r.Rejected, r.Message, r.CreatedAt, r.StartedAt, r.FinishedAt, RawJson.Of(r.Result));

    private static async Task<(Run Run, ProjectGrant Grant)?> FindAsync(string runId, RunService runs, ProjectAccess access, HttpContext context)
    {
        var run = await runs.FindAsync(Ids.Parse(runId), context.RequestAborted);
        if (run is null) return null;
        var grant = await access.FindAsync(context.Caller(), run.ProjectId, context.RequestAborted);
        return grant is null ? null : (run, grant);
    }
}
