using System.ComponentModel;
using Annotator.Core;
using Annotator.Core.Edge;
using Annotator.Core.Projects;
using Annotator.Core.Storage;
using Annotator.Web.Accounts;
using Annotator.Web.Hosting.Api;
using Microsoft.AspNetCore.Authentication;
using Microsoft.EntityFrameworkCore;
using Microsoft.Net.Http.Headers;

namespace Annotator.Web.Edge;

/// <summary>A device as leads see it.</summary>
public sealed record DeviceView(
    string Id, string Name, string Platform, string AgentVersion, DateTimeOffset EnrolledAt, DateTimeOffset? SeenAt, DateTimeOffset? RevokedAt, int? ModelVersion, long Serial, int Waiting, long StoredBytes,
    double ItemsPerSecond, double? LatencyP50, double? LatencyP99, long Annotated, long Failed, double? Confidence, double? Drift, string? Refusal, long Labels, long Items);

/// <summary>A rollout.</summary>
public sealed record RolloutView(long Serial, int Version, int Percent, RolloutState State, bool Automatic, bool Int8, DateTimeOffset StageSince, DateTimeOffset CreatedAt, string? Note);

/// <summary>What weights of eight bits cost a student version.</summary>
/// <param name="Version">The version.</param>
/// <param name="Bytes">Size of the file of eight bits.</param>
/// <param name="FullBytes">Size of the full one.</param>
/// <param name="HeldOut">Items with labels of people by which both were measured.</param>
/// <param name="Accuracy">Share of them on which the one of eight bits is right; null where it was not measured.</param>
/// <param name="FullAccuracy">The same of the full one.</param>
/// <param name="Loss">The difference.</param>
/// <param name="Changed">Items about which the two say different things.</param>
/// <param name="Refused">Why it may not go to devices; null where it may.</param>
/// <param name="CreatedAt">When it was measured.</param>
public sealed record QuantizedView(int Version, long Bytes, long FullBytes, int HeldOut, double? Accuracy, double? FullAccuracy, double? Loss, int Changed, string? Refused, DateTimeOffset CreatedAt);

/// <summary>How long a code is to work.</summary>
/// <param name="Minutes">1 to 43,200; an hour where nothing is said.</param>
public sealed record NewCodeBody(int? Minutes);

/// <summary>A code that was just made: shown this once.</summary>
public sealed record NewCodeView(string Code, DateTimeOffset ExpiresAt);

/// <summary>A rollout to begin.</summary>
/// <param name="Version">The student version.</param>
/// <param name="Percent">Its first share of the devices, 1 to 100.</param>
/// <param name="Automatic">Whether it goes on by itself, by the project's stages.</param>
/// <param name="Int8">Whether devices get the file of eight bits; it must have been measured.</param>
public sealed record NewRolloutBody(int Version, int Percent = 100, bool Automatic = false, bool Int8 = false);

/// <summary>A change of a rollout.</summary>
/// <param name="Percent">The share from now on, not less than before.</param>
public sealed record RolloutChangeBody(int Percent);

/// <summary>A label that a device gave.</summary>
public sealed record EdgeLabelView(string DeviceId, long Sequence, string Key, RawJson Value, double Confidence, int ModelVersion, EdgeReason Reason, DateTimeOffset At, DateTimeOffset ReceivedAt);

internal static class EdgeApi
{
    public static void AddEdgeDevices(this WebApplicationBuilder builder)
    {
        builder.Services.AddAuthentication().AddScheme<AuthenticationSchemeOptions, DeviceHandler>(DeviceHandler.Scheme, null);
        builder.Services.AddAuthorizationBuilder().AddPolicy(DeviceHandler.Policy, DeviceHandler.NewPolicy());
    }

    public static void MapEdgeApi(this IEndpointRouteBuilder endpoints)
    {
        var devices = endpoints.MapGroup("/api/v1/edge").WithTags("Devices").RequireAuthorization(DeviceHandler.Policy);

        // The code is the secret; who has none learns nothing.
        endpoints.MapGroup("/api/v1/edge").WithTags("Devices").MapPost("/enrol", async (EnrolRequest body, DeviceService service, HttpContext context) => Answer(await service.EnrolAsync(body, context.RequestAborted)))
            .AllowAnonymous().WithSummary("Takes a device in, by a code that works once").Produces<EnrolAnswer>();
        devices.MapPost("/check-in", async (DeviceReport body, DeviceService service, HttpContext context) => await service.CheckInAsync(context.Device(), body, context.RequestAborted))
            .WithSummary("A device tells how it is, and learns what to run and to send");
        devices.MapGet("/models/{serial:long}", ModelAsync).WithSummary("The student of a rollout as one ONNX file").Produces<Stream>(StatusCodes.Status200OK, "application/octet-stream");
        devices.MapPost("/labels", async (LabelUpload body, EdgeIntake intake, HttpContext context) => Answer(await intake.StoreLabelsAsync(context.Device(), body, context.RequestAborted)))
            .WithSummary("Stores labels of a device, each once").Produces<EdgeReceipt>();
        devices.MapPost("/items", async (ItemUpload body, EdgeIntake intake, AnnotatorDatabase database, HttpContext context) =>
        {
            var device = context.Device();
            var project = await database.ReadAsync(db => db.Projects.SingleAsync(p => p.Id == device.ProjectId, context.RequestAborted), context.RequestAborted);
            return Answer(await intake.StoreItemsAsync(device, project, body, context.RequestAborted));
        }).WithSummary("Stores items of a device, each once, and sends them through the cascade").Produces<EdgeReceipt>();

        devices.MapGet("/pictures/{sequence:long}", ([Description("Number of the picture in the device's store.")] long sequence, string? key, [Description("SHA-256 of the whole picture, as hexadecimal.")] string? sha256, [Description("Bytes of the whole picture.")] long total, EdgePictures pictures, HttpContext context) =>
            pictures.FindAsync(context.Device(), new DevicePicture(sequence, key, EdgeReason.None, sha256, total), context.RequestAborted))
            .WithSummary("How much of a picture of a device has arrived");
        devices.MapPut("/pictures/{sequence:long}", AddPieceAsync).WithSummary("Takes the next piece of a picture; with the last one it becomes an item").Accepts<Stream>("application/octet-stream").Produces<PictureReceipt>();

        MapFleet(endpoints.MapProjectApi("/edge").WithTags("Devices"));
    }

    private static void MapFleet(RouteGroupBuilder fleet)
    {
        fleet.MapPost("/codes", async (NewCodeBody body, DeviceService service, HttpContext context) =>
        {
            var made = await service.NewCodeAsync(context.Caller(), context.Grant().Project.Id, body.Minutes is { } m ? TimeSpan.FromMinutes(m) : null, context.RequestAborted);
            return made.Succeeded ? TypedResults.Ok(new NewCodeView(made.Value.Plain, made.Value.ExpiresAt)) : (IResult)Problems.Validation(made.Errors);
        }).RequireLead().WithSummary("A code with which one device may enrol").Produces<NewCodeView>();
        fleet.MapGet("/devices", async (DeviceService service, HttpContext context) =>
            new Listing<DeviceView>([.. (await service.ListAsync(context.Grant().Project.Id, context.RequestAborted)).Select(View)], null))
            .RequireLead().WithSummary("The project's devices and how they are");
        fleet.MapDelete("/devices/{deviceId}", async (string deviceId, DeviceService service, HttpContext context) =>
            await service.RevokeAsync(context.Caller(), context.Grant().Project.Id, Ids.Parse(deviceId), context.RequestAborted) ? (IResult)TypedResults.NoContent() : Problems.NotFound())
            .RequireLead().WithSummary("Shuts a device out; what it has sent stays").Produces(StatusCodes.Status204NoContent);
        fleet.MapGet("/devices/{deviceId}/labels", async (string deviceId, Paging paging, AnnotatorDatabase database, HttpContext context) =>
        {
            var (project, device, after) = (context.Grant().Project.Id, Ids.Parse(deviceId), paging.Id ?? 0);
            var rows = await database.ReadAsync(
                db => db.Set<EdgeLabel>().Where(l => l.ProjectId == project && l.DeviceId == device && l.Sequence > after).OrderBy(l => l.Sequence).Take(paging.Limit + 1).ToListAsync(context.RequestAborted), context.RequestAborted);
            return paging.Page(rows, l => l.Sequence, l => new EdgeLabelView(Ids.Text(l.DeviceId), l.Sequence, l.Key, new RawJson(l.Value), l.Confidence, l.ModelVersion, l.Reason, l.At, l.ReceivedAt));
        }).RequireLead().WithSummary("The labels of a device, in its order");
        fleet.MapGet("/rollouts", async (RolloutService service, HttpContext context) =>
            new Listing<RolloutView>([.. (await service.ListAsync(context.Grant().Project.Id, cancellationToken: context.RequestAborted)).Select(View)], null))
            .RequireLead().WithSummary("The project's rollouts, newest first");
        fleet.MapGet("/int8", async (RolloutService service, HttpContext context) =>
            new Listing<QuantizedView>([.. (await service.QuantizedAsync(context.Grant().Project.Id, cancellationToken: context.RequestAborted)).Select(q => View(q, context.Grant().Project))], null))
            .RequireLead().WithSummary("Students of eight bits and what they lose, newest first; a run of kind quantize makes one");
        fleet.MapPost("/rollouts", async (NewRolloutBody body, RolloutService service, HttpContext context) =>
            Answer(await service.BeginAsync(context.Caller(), context.Grant().Project, body.Version, body.Percent, body.Automatic, body.Int8, context.RequestAborted)))
            .RequireLead().WithSummary("Begins to bring a student version to the devices").Produces<RolloutView>();
        fleet.MapPatch("/rollouts/{serial:long}", async (long serial, RolloutChangeBody body, RolloutService service, HttpContext context) =>
            Answer(await service.SetShareAsync(context.Caller(), context.Grant().Project.Id, serial, body.Percent, context.RequestAborted)))
            .RequireLead().WithSummary("Gives a rollout a larger share of the devices").Produces<RolloutView>();
        fleet.MapDelete("/rollouts/{serial:long}", async (long serial, RolloutService service, HttpContext context) =>
            Answer(await service.TakeBackAsync(context.Caller(), context.Grant().Project.Id, serial, cancellationToken: context.RequestAborted)))
            .RequireLead().WithSummary("Takes the newest rollout back; answers the one that takes its place").Produces<RolloutView>();
    }

    private static async Task<IResult> ModelAsync(long serial, RolloutService service, IBlobStore blobs, HttpContext context)
    {
        if (await service.ModelAsync(context.Device().ProjectId, serial, context.RequestAborted) is not { } student) return Problems.NotFound();
        var file = await blobs.OpenAsync(student.Blob, context.RequestAborted);
        return TypedResults.Stream(file, "application/octet-stream", entityTag: new EntityTagHeaderValue($"\"{student.Hash}\""), enableRangeProcessing: true);
    }

    private static async Task<IResult> AddPieceAsync(
        [Description("Number of the picture in the device's store.")] long sequence, string? key, [Description("Why it is sent: uncertain, novel or sample.")] string? reason, [Description("SHA-256 of the whole picture, as hexadecimal.")] string? sha256, [Description("Bytes of the whole picture.")] long total,
        [Description("Bytes that were sent before this piece.")] long offset, EdgePictures pictures, AnnotatorDatabase database, HttpContext context)
    {
        if (context.Request.ContentLength is not (> 0 and <= EdgeLimits.MostPieceBytes and var length)) return Problems.Validation([("piece", $"A body of 1 to {EdgeLimits.MostPieceBytes} bytes with its length is needed.")]);
        var piece = new byte[length];
        await context.Request.Body.ReadExactlyAsync(piece, context.RequestAborted);
        var device = context.Device();
        var project = await database.ReadAsync(db => db.Projects.SingleAsync(p => p.Id == device.ProjectId, context.RequestAborted), context.RequestAborted);
        var why = Enum.TryParse<EdgeReason>(reason, ignoreCase: true, out var known) ? known : EdgeReason.None;
        return Answer(await pictures.AddAsync(device, project, new DevicePicture(sequence, key, why, sha256, total), offset, piece, context.RequestAborted));
    }

    private static DeviceView View(EdgeDevice d) => new(
        Ids.Text(d.Id), d.Name, d.Platform, d.AgentVersion, d.EnrolledAt, d.SeenAt, d.RevokedAt, d.ModelVersion, d.Serial, d.Waiting, d.StoredBytes,
        d.ItemsPerSecond, d.LatencyP50, d.LatencyP99, d.Annotated, d.Failed, d.Confidence, d.Drift, d.Refusal, d.Labels, d.Items);

    private static RolloutView View(EdgeRollout r) => new(r.Serial, r.Version, r.Percent, r.State, r.Automatic, r.Int8, r.StageSince, r.CreatedAt, r.Note);

    private static QuantizedView View(QuantizedStudent q, Project project)
    {
        double? Share(int right) => q.HeldOut > 0 ? (double)right / q.HeldOut : null;
        return new(q.Version, q.Bytes, q.FullBytes, q.HeldOut, Share(q.Right), Share(q.FullRight), q.Loss, q.Changed, q.RefusedFor(project.Settings.Edge.MostInt8Loss), q.CreatedAt);
    }

    private static IResult Answer(Outcome<EdgeRollout> outcome) => outcome.Succeeded ? TypedResults.Ok(View(outcome.Value)) : Problems.Validation(outcome.Errors);

    private static IResult Answer<T>(Outcome<T> outcome) => outcome.Succeeded ? TypedResults.Ok(outcome.Value) : Problems.Validation(outcome.Errors);
}
