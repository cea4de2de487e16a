using System.Diagnostics;
using System.Globalization;
using Annotator.Core.Items;
using Annotator.Core.Learning.Map;
using Annotator.Core.Projects;
using Annotator.Core.Runs;
using Annotator.Tests.Support;

namespace Annotator.Benchmarks.Load;

/// <summary>
/// The explorer over many items: indexing, searches with and without the index, and the map with its parts.
/// <c>-- explorer [ITEMS] [postgresql] [nomap]</c>.
/// </summary>
internal static class ExplorerLoad
{
    private const int Batch = 10_000;

    public static async Task<int> RunAsync(string[] args)
    {
        var count = LoadHost.Number(args, 0, 100_000);
        using var database = await TestDatabase.CreateAsync(args.Contains("postgresql", StringComparer.OrdinalIgnoreCase) ? "PostgreSql" : "Sqlite");
        await using var host = await CoreHost.StartAsync(database);
        var project = await host.NewProjectAsync(Rows.Labels, new ProjectSettings { AutoAccept = false, GroupDuplicates = false });
        var watch = Stopwatch.StartNew();
        var first = 0;
        foreach (var part in Rows.Take(count).Chunk(Batch))
        {
            var from = first;
            await host.Database.WriteAsync(async scope =>
            {
                var id = scope.NextId("item", part.Length);
                List<Item> rows = [.. part.Select((r, i) => new Item
                {
                    ProjectId = project.Id, Id = id + i, Key = string.Create(CultureInfo.InvariantCulture, $"k{r.Id}"), Text = (from + i) % 1_000 == 7 ? $"{r.Text} 카드가 아직 도착하지 않았어요" : r.Text, CreatedAt = scope.Now,
                })];
                await scope.Dialect.InsertAsync(scope.Db, rows, ignoreConflicts: false, scope.CancellationToken);
                ItemTransitions.CountNew(scope, project.Id, rows);
            });
            first += part.Length;
        }

        Console.WriteLine($"{count:N0} items written in {watch.Elapsed.TotalSeconds:N1} s ({database.Provider})");
        var sample = Rows.Take(count).Skip(count * 9 / 10).First().Text;
        string[] questions = [sample[..4], sample, sample.Split(' ')[0] + " " + sample.Split(' ')[3], "도착하지", "도착", "drazel", "no such thing", "x"];
        await SearchAsync(host, project, "read one by one", questions);
        await RunAsync(host, project, "indexText", count);
        await SearchAsync(host, project, "by the index", questions);
        if (args.Contains("nomap", StringComparer.Ordinal)) return 0;
        await RunAsync(host, project, "represent", count);
        await RunAsync(host, project, "map", Math.Min(count, 100_000));
        var maps = host.Get<ItemMaps>();
        var version = (await maps.LatestAsync(project.Id))!;
        watch.Restart();
        var map = await maps.ReadAsync(version);
        Console.WriteLine($"map of {map.Ids.Count:N0} read in {watch.Elapsed.TotalMilliseconds:N0} ms");
        watch.Restart();
        var marks = await maps.MarksAsync(project, map);
        Console.WriteLine($"  what is known of its items in {watch.Elapsed.TotalMilliseconds:N0} ms");
        watch.Restart();
        var inside = map.Inside([.. Enumerable.Range(0, 200).Select(i => (32_768 + (20_000 * Math.Cos(i * Math.PI / 100)), 32_768 + (20_000 * Math.Sin(i * Math.PI / 100))))]);
        Console.WriteLine($"  a line of 200 corners around {inside.Count:N0} of them in {watch.Elapsed.TotalMilliseconds:N0} ms; {ItemMaps.Regions(map, marks).Count} regions");
        return 0;
    }

    private static async Task RunAsync(CoreHost host, Project project, string kind, int count)
    {
        var watch = Stopwatch.StartNew();
        await host.Get<RunService>().StartAsync(project.Id, kind);
        await host.RunAllAsync();
        Console.WriteLine($"{kind}: {watch.Elapsed.TotalSeconds:N1} s, {count / watch.Elapsed.TotalSeconds:N0} items/s");
    }

    private static async Task SearchAsync(CoreHost host, Project project, string how, string[] questions)
    {
        Console.WriteLine($"searches, {how}: first page of 100");
        foreach (var question in questions)
        {
            var times = new List<double>();
            var found = 0;
            for (var i = 0; i < 4; i++)
            {
                var watch = Stopwatch.StartNew();
                found = (await host.Get<ItemQueries>().ListAsync(project.Id, new ItemFilter(Text: question), null, 101)).Count;
                times.Add(watch.Elapsed.TotalMilliseconds);
            }

            Console.WriteLine($"  {(question.Length > 24 ? question[..24] + "…" : question),-28} {found,4} found, first {times[0],7:N0} ms, then {times.Skip(1).Order().ElementAt(1),7:N0} ms");
        }
    }
}
