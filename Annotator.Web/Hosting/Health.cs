using Annotator.Core.Live;
using Annotator.Core.Storage;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Web.Hosting;

/// <summary>What probes ask.</summary>
internal static class Health
{
    public static void MapHealth(this WebApplication app)
    {
        app.MapGet("/health/live", () => TypedResults.Ok(new { status = "live" })).AllowAnonymous().ExcludeFromDescription();
        app.MapGet("/health/ready", async (StartState start, AnnotatorDatabase database, IBlobStore blobs, HttpContext context) =>
        {
            var reasons = new List<string>();
            if (start.Waiting is { } waiting) reasons.Add(waiting);
            else
            {
                await CheckAsync(reasons, "The database cannot be reached.", () => database.ReadAsync(db => db.Counters.AnyAsync(context.RequestAborted), context.RequestAborted));
                await CheckAsync(reasons, "The blob storage cannot be written.", async () =>
                {
                    await blobs.CheckAsync(context.RequestAborted);
                    return true;
                });
            }

            // Without Redis every node goes on by itself: a warning, no reason to take it out of service.
            string[] warnings = context.RequestServices.GetService<RedisLiveFeed>() is { IsConnected: false } ? ["Redis cannot be reached: live events do not cross nodes."] : [];
            return reasons.Count == 0 ? Results.Ok(new { status = "ready", warnings }) : Results.Json(new { status = "notReady", reasons }, statusCode: StatusCodes.Status503ServiceUnavailable);
        }).AllowAnonymous().ExcludeFromDescription();
    }

    private static async Task CheckAsync(List<string> reasons, string reason, Func<Task<bool>> check)
    {
        try
        {
            await check();
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            reasons.Add(reason);
        }
    }
}
