using System.Diagnostics;
using System.Globalization;
using System.Text;
using Annotator.Core.Storage;
using Annotator.Web.Accounts;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Web.Hosting;

/// <summary>What probes and monitors ask.</summary>
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

            return reasons.Count == 0 ? Results.Ok(new { status = "ready" }) : Results.Json(new { status = "notReady", reasons }, statusCode: StatusCodes.Status503ServiceUnavailable);
        }).AllowAnonymous().ExcludeFromDescription();
        app.MapGet("/metrics", async (AnnotatorDatabase database, HttpContext context) =>
        {
            var runs = await database.ReadAsync(db => db.Runs.GroupBy(r => r.State).Select(g => new { g.Key, Count = g.LongCount() }).ToListAsync(context.RequestAborted), context.RequestAborted);
            var counters = await database.ReadAsync(db => db.Counters.GroupBy(c => c.Name).Select(g => new { g.Key, Sum = g.Sum(c => c.Value) }).ToListAsync(context.RequestAborted), context.RequestAborted);
            using var process = Process.GetCurrentProcess();
            var text = new StringBuilder();
            void Line(string name, double value) => text.Append(name).Append(' ').Append(value.ToString(CultureInfo.InvariantCulture)).Append('\n');
            Line("process_working_set_bytes", process.WorkingSet64);
            Line("process_cpu_seconds_total", process.TotalProcessorTime.TotalSeconds);
            Line("dotnet_gc_heap_bytes", GC.GetTotalMemory(forceFullCollection: false));
            foreach (var run in runs) Line($"annotator_runs{{state=\"{Core.Labels.Names.Of(run.Key)}\"}}", run.Count);
            foreach (var counter in counters) Line($"annotator_counter{{name=\"{counter.Key}\"}}", counter.Sum);
            return Results.Text(text.ToString(), "text/plain; version=0.0.4");
        }).RequireAuthorization(Policies.Admin).ExcludeFromDescription();
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
