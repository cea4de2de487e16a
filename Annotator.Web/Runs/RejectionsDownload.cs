using System.Globalization;
using Annotator.Core.Accounts;
using Annotator.Core.Formats;
using Annotator.Core.Runs;
using Annotator.Web.Accounts;

namespace Annotator.Web.Runs;

/// <summary>What a run could not read, as a file that a spreadsheet opens.</summary>
internal static class RejectionsDownload
{
    private const int Batch = 1_000;

    public static void MapRejectionsDownload(this IEndpointRouteBuilder routes) =>
        routes.MapGet("/projects/{projectId:long}/runs/{runId:long}/rejections.csv", SendAsync).RequireAuthorization().ExcludeFromDescription();

    private static async Task<IResult> SendAsync(long projectId, long runId, HttpContext context, ProjectAccess access, RunService runs)
    {
        var cancellation = context.RequestAborted;
        var grant = await access.FindAsync(context.Caller(), projectId, cancellation);
        var run = grant is { IsLead: true } ? await runs.FindAsync(runId, cancellation) : null;
        if (run is null || run.ProjectId != projectId) return Results.NotFound();
        return Results.Stream(
            async stream =>
            {
                // The lines come from somebody's file: none of their cells may become a formula.
                await using var csv = new CsvWriter(stream, spreadsheetSafe: true, byteOrderMark: true, leaveOpen: true);
                await WriteRowAsync(csv, "line", "reason", "excerpt");
                for (var after = 0L; ;)
                {
                    var rows = await runs.RejectionsAsync(runId, after, Batch, cancellation);
                    foreach (var row in rows) await WriteRowAsync(csv, row.Line.ToString(CultureInfo.InvariantCulture), row.Reason, row.Excerpt ?? "");
                    if (rows.Count < Batch) break;
                    after = rows[^1].Line;
                }
            },
            "text/csv; charset=utf-8",
            string.Create(CultureInfo.InvariantCulture, $"rejections-{runId}.csv"));
    }

    private static async Task WriteRowAsync(CsvWriter csv, params string[] cells)
    {
        foreach (var cell in cells) csv.WriteCell(cell);
        await csv.EndRowAsync();
    }
}
