using Annotator.Core.Items;
using Annotator.Web.Accounts;
using Annotator.Web.Hosting.Api;

namespace Annotator.Web.Items;

/// <summary>Why an item is reopened.</summary>
public sealed record ReopenBody(string? Reason);

internal static class ReopeningApi
{
    public static void MapReopeningApi(this IEndpointRouteBuilder endpoints) =>
        endpoints.MapProjectApi("/items").WithTags("Items").MapPost("/{itemId}/reopen", async (string itemId, ReopenBody? body, ItemReopening reopening, HttpContext context) =>
        {
            if (body?.Reason?.Length > ItemReopening.MaxReason) return Problems.Validation("reason", $"At most {ItemReopening.MaxReason} characters.");
            return await reopening.ReopenAsync(context.Grant(), context.Caller().UserId, Ids.Parse(itemId), body?.Reason, context.RequestAborted)
                ? TypedResults.NoContent()
                : (IResult)Problems.NotFound();
        }).RequireLead().WithSummary("Takes an item's label back and puts it in front of the queue").Produces(StatusCodes.Status204NoContent);
}
