using System.Diagnostics;
using Annotator.Core.Items;
using Annotator.Core.Live;
using Annotator.Core.Quality;
using Annotator.Core.Review;
using Annotator.Core.Storage;
using Annotator.Tests.Support;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace Annotator.Benchmarks.Load;

/// <summary>
/// What a lease of ten costs in a queue of 10,000 and of 1,000,000 items: it must be the same. Between the leases the items
/// are decided, as people do; with <c>given-back</c> they are given back, so that no learning goes on beside. <c>-- system-lease [SMALL] [LARGE] [LEASES] [given-back] [postgresql]</c>.
/// </summary>
internal static class LeaseLoad
{
    public static async Task<int> RunAsync(string[] args)
    {
        var leases = LoadHost.Number(args, 2, 300);
        var small = await MeasureAsync(args, LoadHost.Number(args, 0, 10_000), leases);
        var large = await MeasureAsync(args, LoadHost.Number(args, 1, 1_000_000), leases);
        Console.WriteLine($"p50 at the larger size is {large / small:F2} times that at the smaller");
        return 0;
    }

    private static async Task<double> MeasureAsync(string[] args, int items, int leases)
    {
        await using var host = await LoadHost.StartAsync(args);
        var project = await host.Server.NewProjectAsync(Rows.Labels, new { groupDuplicates = false, autoAccept = false });
        await host.Server.StopAsync();
        await FillAsync(host.Database, items);
        await host.Server.StartAgainAsync();

        var (lease, decide) = (new Latencies(), new Latencies());
        for (var n = 0; n < leases + 30; n++)
        {
            var watch = Stopwatch.StartNew();
            var lent = (await host.Server.PostAsync($"/api/v1/projects/{project}/queue/lease", new { count = 10 }))["items"]!.AsArray();
            var took = watch.Elapsed;
            if (lent.Count != 10) throw new InvalidOperationException($"{lent.Count} items were lent.");
            watch.Restart();
            if (args.Contains("given-back", StringComparer.Ordinal)) await host.Server.PostAsync($"/api/v1/projects/{project}/queue/release", new { leases = lent.Select(l => l!["lease"]!.GetValue<string>()) });
            else await host.Server.PostAsync($"/api/v1/projects/{project}/decisions", new
            {
                decisions = lent.Select((l, i) => new { itemId = l!["itemId"]!.GetValue<string>(), lease = l["lease"]!.GetValue<string>(), action = "correct", value = new { choice = Rows.Labels[i % 4] }, seconds = 1.5 }),
            });
            if (n < 30) continue;
            lease.Add(took);
            decide.Add(watch.Elapsed);
        }

        Console.WriteLine($"{items,10:N0} items, {host.Database.Provider}");
        Console.WriteLine($"  lease of 10      {lease}");
        Console.WriteLine($"  decisions of 10  {decide}");
        return lease.At(0.5);
    }

    // As an import and the cascade would leave them, without the time that these take.
    private static async Task FillAsync(TestDatabase database, int count)
    {
        var services = new ServiceCollection();
        services.AddLogging();
        services.AddSingleton(TimeProvider.System);
        services.AddSingleton<ILiveFeed, InProcessLiveFeed>();
        services.AddAnnotatorStorage(database.Provider, database.ConnectionString);
        await using var provider = services.BuildServiceProvider();
        var door = provider.GetRequiredService<AnnotatorDatabase>();
        var project = await door.ReadAsync(db => db.Projects.SingleAsync());
        foreach (var part in Rows.Take(count).Chunk(10_000))
        {
            await door.WriteAsync(async scope =>
            {
                var first = scope.NextId("item", part.Length);
                var items = part.Select((r, i) => new Item { ProjectId = project.Id, Id = first + i, Key = $"k{r.Id}", Text = r.Text, State = ItemState.Queued, Route = Route.Human, CreatedAt = scope.Now }).ToList();
                await scope.Dialect.InsertAsync(scope.Db, items, ignoreConflicts: false, CancellationToken.None);
                var places = items.Select(i => new QueueEntry { ProjectId = project.Id, ItemId = i.Id, Rank = (i.Id * 7919 % 100_003) / 100_003.0, Open = 1, Reason = QueueReason.Random }).ToList();
                await scope.Dialect.InsertAsync(scope.Db, places, ignoreConflicts: false, CancellationToken.None);
                scope.Count(project.Id, CounterNames.State(ItemState.Queued), part.Length);
            });
        }

        if (!string.Equals(database.Provider, "Sqlite", StringComparison.Ordinal)) await door.ReadAsync(db => db.Database.ExecuteSqlRawAsync("VACUUM ANALYZE"));
    }
}
