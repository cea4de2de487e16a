using System.ComponentModel;
using System.Text.Json;
using Annotator.Core.Labels;
using Annotator.Core.Review.Checks;
using Annotator.Web.Accounts;
using Annotator.Web.Hosting.Api;

namespace Annotator.Web.Quality;

/// <summary>The known label of an item; no value: its final label.</summary>
public sealed record GoldBody(JsonElement? Value, string? Note);

/// <summary>An item whose label is known.</summary>
public sealed record GoldView(string ItemId, string Key, RawJson Value, string? Note, int Answered, int Right);

/// <summary>How an annotator answered known and repeated items.</summary>
public sealed record AnnotatorChecksView(string UserId, string Name, ShareView Gold, ShareView Repeats, bool Paused, DateTimeOffset? PausedAt);

/// <summary>Whether an annotator is paused from now on; not named: they are. With takeBack all their labels are taken back by a run: the items go to somebody else, unless the labels of others are enough.</summary>
public sealed record PauseBody(bool? Paused, bool? TakeBack);

internal static class ChecksApi
{
    public static void MapChecksApi(this IEndpointRouteBuilder endpoints)
    {
        var gold = endpoints.MapProjectApi("/gold").WithTags("Quality");
        gold.MapGet("", async (Paging paging, GoldCatalog catalog, HttpContext context) =>
        {
            var rows = await catalog.ListAsync(context.Grant().Project.Id, paging.Id, paging.Limit + 1, context.RequestAborted);
            return paging.Page(rows, r => r.Gold.ItemId, r => new GoldView(Ids.Text(r.Gold.ItemId), r.Key, new RawJson(r.Gold.Value), r.Gold.Note, r.Answered, r.Right));
        }).RequireLead().WithSummary("Items whose label is known");
        gold.MapPut("/{itemId}", async ([Description("The item.")] string itemId, GoldBody? body, GoldCatalog catalog, HttpContext context) =>
        {
            var project = context.Grant().Project;
            LabelValue? value = null;
            if (body?.Value is { ValueKind: not (JsonValueKind.Null or JsonValueKind.Undefined) } json && !LabelJson.TryRead(json, project.Schema, null, out value, out var error)) return Problems.Validation("value", error!);
            var result = await catalog.SetAsync(project, context.Caller().UserId, Ids.Parse(itemId), value, body?.Note, context.RequestAborted);
            return result is not { } outcome ? (IResult)Problems.NotFound() : outcome.Succeeded ? TypedResults.NoContent() : Problems.Validation(outcome.Errors);
        }).RequireLead().WithSummary("Makes an item a known one").Produces(StatusCodes.Status204NoContent);
        gold.MapDelete("/{itemId}", async ([Description("The item.")] string itemId, GoldCatalog catalog, HttpContext context) =>
            await catalog.RemoveAsync(context.Grant().Project.Id, context.Caller().UserId, Ids.Parse(itemId), context.RequestAborted) ? TypedResults.NoContent() : (IResult)Problems.NotFound())
            .RequireLead().WithSummary("Makes a known item one like the others").Produces(StatusCodes.Status204NoContent);

        var people = endpoints.MapProjectApi("/annotators").WithTags("Quality");
        people.MapGet("/checks", async (
            [Description("Only what was answered from this moment on.")] string? from, [Description("Only what was answered before this moment.")] string? to, [Description("Only items of which this label is known, or was given.")] string? label,
            [Description("Only this annotator.")] string? annotator, [Description("Only items that were shown with a pre-label of this source.")] string? source, [Description("Only items with this in their metadata, as field=value.")] string? slice,
            CheckReader checks, HttpContext context) =>
        {
            var filter = DashboardPart.Read(context.Grant().Project, from, to, label, annotator, source, slice);
            return filter.Succeeded
                ? TypedResults.Ok(new Listing<AnnotatorChecksView>([.. (await checks.ReadAsync(context.Grant().Project.Id, filter.Value, context.RequestAborted)).Select(View)], null))
                : (IResult)Problems.Validation(filter.Errors);
        }).RequireLead().WithSummary("How annotators answered known and repeated items").Produces<Listing<AnnotatorChecksView>>();
        people.MapPut("/{userId}/pause", async ([Description("The annotator.")] string userId, PauseBody body, CheckReader checks, HttpContext context) =>
        {
            await checks.PauseAsync(context.Grant(), context.Caller().UserId, Ids.Parse(userId), body.Paused ?? true, body.TakeBack ?? false, context.RequestAborted);
            return TypedResults.NoContent();
        }).RequireLead().WithSummary("Gives an annotator no more work, or work again").Produces(StatusCodes.Status204NoContent);
    }

    private static AnnotatorChecksView View(AnnotatorChecks a) => new(Ids.Text(a.UserId), a.Name, View(a.Gold), View(a.Repeats), a.Pause is not null, a.Pause?.CreatedAt);

    private static ShareView View(Core.Quality.MeasuredShare share) => new(share.Share, share.Lower, share.Upper, share.Count);
}
