using System.Diagnostics;
using System.Globalization;
using Annotator.Tests.Support;

namespace Annotator.Benchmarks.Load;

/// <summary>
/// A CSV file of 100,000 rows through the API: rows a second until they are stored, and the most memory that the server
/// held. Duplicate grouping and pre-labelling follow as runs of their own. <c>-- system-import [ROWS] [postgresql]</c>.
/// </summary>
internal static class ImportLoad
{
    public static async Task<int> RunAsync(string[] args)
    {
        var rows = LoadHost.Number(args, 0, 100_000);
        var file = Rows.Csv(rows);
        await using var host = await LoadHost.StartAsync(args);
        Console.WriteLine($"{rows:N0} rows of CSV, {file.Length / 1e6:F1} MB, {host.Database.Provider}");

        // Once small, so that nothing is compiled during the measurement.
        var warm = await host.Server.NewProjectAsync(Rows.Labels);
        await host.Server.ImportAsync(warm, new ByteArrayContent(Rows.Csv(5_000)), "format=csv&text=text&key=id");
        await host.IdleAsync(warm);
        var before = await host.Server.Process.PeakMemoryAsync();

        var project = await host.Server.NewProjectAsync(Rows.Labels);
        var watch = Stopwatch.StartNew();
        var run = await host.Server.ImportAsync(project, new ByteArrayContent(file), "format=csv&text=text&key=id");
        var uploaded = watch.Elapsed;
        await Eventually.TrueAsync(async () => (await host.Server.GetAsync($"/api/v1/runs/{run}"))["state"]!.GetValue<string>() is "succeeded" or "failed", TimeSpan.FromMinutes(30), () => host.Server.Output);
        var stored = watch.Elapsed;
        var peak = await host.Server.Process.PeakMemoryAsync();
        await host.IdleAsync(project);

        foreach (var done in (await host.Server.GetAsync($"/api/v1/projects/{project}/runs?limit=50"))["items"]!.AsArray().Reverse())
        {
            var seconds = (Time(done!["finishedAt"]!) - Time(done["startedAt"]!)).TotalSeconds;
            Console.WriteLine($"{done["kind"],-12} {done["state"],-10} {done["done"],9:N0} of {done["total"],9:N0}  {seconds,7:F2} s  {done["done"]!.GetValue<long>() / seconds,9:N0} rows/s");
        }

        Console.WriteLine($"upload {uploaded.TotalSeconds:F2} s; until stored {stored.TotalSeconds:F2} s = {rows / stored.TotalSeconds:N0} rows/s from the first byte sent");
        Console.WriteLine($"server memory: before {before / 1e6:N0} MB, most by the end of the import {peak / 1e6:N0} MB, by the end of all runs {await host.Server.Process.PeakMemoryAsync() / 1e6:N0} MB");
        return 0;
    }

    private static DateTimeOffset Time(System.Text.Json.Nodes.JsonNode node) => DateTimeOffset.Parse(node.GetValue<string>(), CultureInfo.InvariantCulture);
}
