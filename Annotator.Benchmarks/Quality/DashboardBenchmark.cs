using System.Diagnostics;
using System.Globalization;
using Annotator.Core.Accounts;
using Annotator.Core.Items;
using Annotator.Core.Labels;
using Annotator.Core.Projects;
using Annotator.Core.Quality.Dashboards;
using Annotator.Core.Quality.Tallies;
using Annotator.Core.Review;
using Annotator.Tests.Support;

namespace Annotator.Benchmarks.Quality;

/// <summary>
/// A dashboard over many items and decisions: written in bulk over sixty days, counted anew, then read whole and in parts.
/// <c>-- dashboard [ITEMS] [LABELS] [postgresql]</c>; two decisions an item.
/// </summary>
internal static class DashboardBenchmark
{
    private const int Batch = 10_000;
    private const int People = 12;
    private const int Days = 60;

    public static async Task<int> RunAsync(string[] args)
    {
        var numbers = args.Where(a => int.TryParse(a, CultureInfo.InvariantCulture, out _)).Select(a => int.Parse(a, CultureInfo.InvariantCulture)).ToList();
        var (items, labels) = (numbers.Count > 0 ? numbers[0] : 1_000_000, numbers.Count > 1 ? numbers[1] : 20);
        using var database = await TestDatabase.CreateAsync(args.Contains("postgresql", StringComparer.OrdinalIgnoreCase) ? "PostgreSql" : "Sqlite");
        await using var host = await CoreHost.StartAsync(database);
        var project = await host.NewProjectAsync(Enumerable.Range(0, labels).Select(LabelName), new ProjectSettings { Overlap = 2 });
        var people = await host.NewUsersAsync(People);
        var watch = Stopwatch.StartNew();
        await FillAsync(host, project, people, items, labels);
        Console.WriteLine($"written: {items:N0} items, {2 * items:N0} decisions in {watch.Elapsed.TotalSeconds:N1} s");
        watch.Restart();
        var rows = await host.Get<TallyRecount>().RepairAsync(project.Id);
        Console.WriteLine($"counted anew: {rows:N0} rows in {watch.Elapsed.TotalSeconds:N1} s");
        var reader = host.Get<DashboardReader>();
        var now = TimeProvider.System.GetUtcNow();
        (string Name, DashboardFilter Filter)[] parts =
        [
            ("all", DashboardFilter.None), ("last 7 days", new DashboardFilter(From: now.AddDays(-7))), ("last 30 days", new DashboardFilter(From: now.AddDays(-30))), ("one annotator", new DashboardFilter(UserId: people[3])),
            ("one label", new DashboardFilter(Label: LabelName(1))), ("one annotator, 7 days", new DashboardFilter(now.AddDays(-7), UserId: people[3])),
        ];
        foreach (var (name, filter) in parts)
        {
            var times = new List<double>();
            for (var i = 0; i < 6; i++)
            {
                watch.Restart();
                await reader.ReadAsync(project, filter);
                times.Add(watch.Elapsed.TotalMilliseconds);
            }

            Console.WriteLine($"  {name,-24} first {times[0],7:N0} ms, then median {times.Skip(1).Order().ElementAt(2),7:N0} ms");
        }

        // A decision with its counts, and the page read again after it.
        var recorder = host.Get<DecisionRecorder>();
        watch.Restart();
        var open = await host.Get<Core.Cascade.ItemIntake>().StoreAsync(project, [.. Enumerable.Range(0, 200).Select(i => new Core.Cascade.NewItem(string.Create(CultureInfo.InvariantCulture, $"new{i}"), "text"))]);
        Console.WriteLine($"  200 items taken in: {watch.Elapsed.TotalMilliseconds:N0} ms");
        watch.Restart();
        foreach (var item in open.Value) await recorder.RecordAsync(new ProjectGrant(project, Role.Lead), people[0], [new NewDecision(item.Item.Id, DecisionAction.Correct, new ChoiceValue(LabelName(2)))]);
        Console.WriteLine($"  a decision with its counts {watch.Elapsed.TotalMilliseconds / 200:N2} ms");
        watch.Restart();
        await reader.ReadAsync(project, DashboardFilter.None);
        Console.WriteLine($"  the dashboard read again after them {watch.Elapsed.TotalMilliseconds:N0} ms");
        return 0;
    }

    private static string LabelName(int label) => string.Create(CultureInfo.InvariantCulture, $"label {label:00}");

    private static async Task FillAsync(CoreHost host, Project project, long[] people, int items, int labels)
    {
        var random = new Random(1);
        var values = Enumerable.Range(0, labels).Select(l => LabelJson.Write(new ChoiceValue(LabelName(l)))).ToArray();
        var start = TimeProvider.System.GetUtcNow().AddDays(-Days);
        for (var done = 0; done < items; done += Batch)
        {
            var count = Math.Min(Batch, items - done);
            var first = done;
            await host.Database.WriteAsync(async scope =>
            {
                var item = scope.NextId("item", count);
                var decision = scope.NextId("decision", 2 * count);
                var (rows, facts) = (new List<Item>(count), new List<Decision>(2 * count));
                for (var i = 0; i < count; i++)
                {
                    var at = start.AddDays((double)Days * (first + i) / items);
                    var (truth, source) = (random.Next(labels), random.Next(3) == 0 ? LabelSource.Llm : LabelSource.Student);
                    var shown = random.NextDouble() < 0.85 ? truth : random.Next(labels);
                    var final = 0;
                    for (var v = 0; v < 2; v++)
                    {
                        var given = random.NextDouble() < 0.95 ? truth : random.Next(labels);
                        final = v == 0 ? given : final;
                        facts.Add(new Decision
                        {
                            Id = decision++, ProjectId = project.Id, ItemId = item + i, UserId = people[(random.Next(People / 2) * 2) + v], Action = given == shown ? DecisionAction.Accept : DecisionAction.Correct, Value = values[given],
                            Status = DecisionStatus.Recorded, ShownValue = values[shown], ShownConfidence = random.NextDouble(), ShownSource = source, ShownVersion = 1, Seconds = 1 + (5 * random.NextDouble()), SchemaVersion = 1,
                            CreatedAt = at.AddMinutes(v),
                        });
                    }

                    rows.Add(new Item
                    {
                        ProjectId = project.Id, Id = item + i, Key = string.Create(CultureInfo.InvariantCulture, $"k{first + i}"), Text = "a text", State = ItemState.Final, LabelValue = values[final], LabelSource = LabelSource.Human,
                        DecidedAt = at, Votes = 2, CreatedAt = at,
                    });
                }

                await scope.Dialect.InsertAsync(scope.Db, rows, ignoreConflicts: false, scope.CancellationToken);
                await scope.Dialect.InsertAsync(scope.Db, facts, ignoreConflicts: false, scope.CancellationToken);
                ItemTransitions.CountNew(scope, project.Id, rows);
            });
        }
    }
}
