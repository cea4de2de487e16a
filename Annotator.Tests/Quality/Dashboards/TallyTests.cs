using System.Globalization;
using Annotator.Core.Accounts;
using Annotator.Core.Cascade;
using Annotator.Core.Items;
using Annotator.Core.Labels;
using Annotator.Core.Projects;
using Annotator.Core.Quality;
using Annotator.Core.Quality.Dashboards;
using Annotator.Core.Quality.Tallies;
using Annotator.Core.Review;
using Annotator.Tests.Support;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Tests.Quality.Dashboards;

/// <summary>The counts of the dashboards are those of the facts, whatever happened in whatever order.</summary>
public sealed class TallyTests
{
    private static readonly string[] s_labels = ["cat", "dog", "owl"];

    public static MatrixTheoryData<string, int> ProvidersAndOverlaps { get; } = new(["Sqlite", "PostgreSql"], [1, 3]);

    [Theory]
    [MemberData(nameof(ProvidersAndOverlaps))]
    public async Task RandomHistory_LeavesWhatIsCountedAnew(string provider, int overlap)
    {
        using var database = await TestDatabase.CreateAsync(provider);
        await using var host = await CoreHost.StartAsync(database);
        var project = await host.NewProjectAsync(s_labels, new ProjectSettings { Overlap = overlap, AutoAccept = false, GroupDuplicates = false, Slices = [new SliceSettings { Field = "lang", Value = "ko" }, new SliceSettings { Field = "page", Value = "1" }] });
        var items = await AddAsync(host, project, 60);
        var people = await host.NewUsersAsync(4);
        var random = new Random(11 + overlap);
        for (var step = 0; step < 260; step++)
        {
            var user = people[random.Next(people.Length)];
            await StepAsync(host, project, items, user, random);
            if (step % 65 == 64) await SameAsync(host, project);
        }

        // The run that puts counts right finds nothing to do, and mends what somebody broke.
        var recount = host.Get<TallyRecount>();
        Assert.Equal(0, await recount.RepairAsync(project.Id, TestContext.Current.CancellationToken));
        await host.Database.WriteAsync(scope => scope.Db.Tallies.Where(t => t.Kind == TallyKind.Work).ExecuteUpdateAsync(x => x.SetProperty(t => t.Count, t => t.Count + 5)));
        Assert.NotEqual(0, await recount.RepairAsync(project.Id, TestContext.Current.CancellationToken));
        await SameAsync(host, project);

        // A project of a version without counts is counted once, by a run that the start asks for; one without work is not.
        await host.NewProjectAsync(s_labels);
        await host.RunAllAsync(TestContext.Current.CancellationToken);
        await host.Database.WriteAsync(scope => scope.Db.Tallies.ExecuteDeleteAsync());
        Assert.Equal(1, await host.Get<TallyUpgrade>().StartAsync(TestContext.Current.CancellationToken));
        await host.RunAllAsync(TestContext.Current.CancellationToken);
        await SameAsync(host, project);
        Assert.Equal(0, await host.Get<TallyUpgrade>().StartAsync(TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Agreement_OfTheDashboard_IsThatOfEveryVote()
    {
        using var database = await TestDatabase.CreateAsync("Sqlite");
        await using var host = await CoreHost.StartAsync(database);
        var project = await host.NewProjectAsync(s_labels, new ProjectSettings { Overlap = 3, AutoAccept = false, GroupDuplicates = false });
        var items = await AddAsync(host, project, 80);
        var people = await host.NewUsersAsync(4);
        var random = new Random(5);
        foreach (var item in items)
        {
            foreach (var user in people.Take(random.Next(1, 5)))
                await DecideAsync(host, project, user, new NewDecision(item, DecisionAction.Correct, new ChoiceValue(s_labels[random.NextDouble() < 0.7 ? (int)(item % 3) : random.Next(3)])));
        }

        var board = await host.Get<DashboardReader>().ReadAsync(project, DashboardFilter.None, TestContext.Current.CancellationToken);
        var direct = (await host.Get<MetricsReader>().ReadAsync(project.Id, TestContext.Current.CancellationToken)).Agreement!;
        Assert.Equal(direct.KrippendorffAlpha!.Value, board.Agreement!.Alpha!.Value, 9);
        Assert.Equal(board.Agreement.Pairs.Sum(p => p.Equal.Count), board.Agreement.Equal.Count);
        Assert.All(board.Annotators, a => Assert.InRange(a.Others.Share!.Value, a.Others.Lower!.Value, a.Others.Upper!.Value));
    }

    [Fact]
    public async Task Filters_ShowThePartAskedFor()
    {
        using var database = await TestDatabase.CreateAsync("Sqlite");
        await using var host = await CoreHost.StartAsync(database);
        var project = await host.NewProjectAsync(s_labels, new ProjectSettings { AutoAccept = false, GroupDuplicates = false });
        var items = await AddAsync(host, project, 12);
        var people = await host.NewUsersAsync(2);
        var cat = new ShownPrelabel(new ChoiceValue("cat"), 0.8, LabelSource.Student, 1);
        for (var i = 0; i < 12; i++)
        {
            await DecideAsync(host, project, people[i % 2], i < 8
                ? new NewDecision(items[i], DecisionAction.Accept, Seconds: 2, Shown: cat)
                : new NewDecision(items[i], DecisionAction.Correct, new ChoiceValue("dog"), Seconds: 6, Shown: cat));
        }

        var reader = host.Get<DashboardReader>();
        async Task<Dashboard> ReadAsync(DashboardFilter filter) => await reader.ReadAsync(project, filter, TestContext.Current.CancellationToken);
        var all = await ReadAsync(DashboardFilter.None);
        Assert.Equal((8, 4, 12), (all.Work.Accepted, all.Work.Corrected, all.Work.Decisions));
        Assert.Equal(40.0 / 12, all.Work.SecondsEach!.Value, 9);
        Assert.Equal(new ConfusedPair("cat", "dog", 4), all.Confusion.Single(p => p.Shown != p.Given));
        Assert.Equal(LabelSource.Student, Assert.Single(all.Sources).Source);
        var calibration = Assert.Single(all.Calibration);
        Assert.Equal(Math.Abs(0.8 - (8.0 / 12)), calibration.Ece, 9);
        Assert.Equal(12, all.OverTime.Sum(b => b.Work.Decisions));
        Assert.Equal(12, all.OverTime.Sum(b => b.Final.Values.Sum()));

        Assert.Equal(4, (await ReadAsync(new DashboardFilter(Label: "dog"))).Work.Decisions);
        Assert.Equal(0, (await ReadAsync(new DashboardFilter(Label: "owl"))).Work.Decisions);
        Assert.Equal(6, (await ReadAsync(new DashboardFilter(UserId: people[0]))).Work.Decisions);
        Assert.Equal(0, (await ReadAsync(new DashboardFilter(Source: LabelSource.Llm))).Work.Decisions);
        Assert.Equal(0, (await ReadAsync(new DashboardFilter(To: TimeProvider.System.GetUtcNow().AddDays(-2)))).Work.Decisions);
        Assert.Equal(12, (await ReadAsync(new DashboardFilter(From: TimeProvider.System.GetUtcNow().AddHours(-2)))).Work.Decisions);

        // What a cell counts is what the list behind it shows.
        var behind = await host.Get<ItemQueries>().ListAsync(project.Id, new ItemFilter(Decided: new DecidedFilter("cat", "dog")), null, 100, TestContext.Current.CancellationToken);
        Assert.Equal(items.Skip(8).Order(), behind.Select(b => b.Item.Id).Order());
        behind = await host.Get<ItemQueries>().ListAsync(project.Id, new ItemFilter(Decided: new DecidedFilter("cat", "cat", people[0])), null, 100, TestContext.Current.CancellationToken);
        Assert.Equal(4, behind.Count);
    }

    [Theory]
    [MemberData(nameof(Providers.All), MemberType = typeof(Providers))]
    public async Task Slices_AreCountedApart_AlsoThoseThatAreNamedLater(string provider)
    {
        using var database = await TestDatabase.CreateAsync(provider);
        await using var host = await CoreHost.StartAsync(database);
        var project = await host.NewProjectAsync(s_labels, new ProjectSettings { AutoAccept = false, GroupDuplicates = false });
        var items = await AddAsync(host, project, 12);
        var people = await host.NewUsersAsync(2, Role.Admin);
        foreach (var item in items[..6]) await DecideAsync(host, project, people[0], new NewDecision(item, DecisionAction.Correct, new ChoiceValue("cat")));
        async Task<Project> SliceAsync(params string[] languages)
        {
            var slices = new System.Text.Json.Nodes.JsonArray([.. languages.Select(l => (System.Text.Json.Nodes.JsonNode?)new System.Text.Json.Nodes.JsonObject { ["field"] = "lang", ["value"] = l })]);
            var changed = await host.Get<ProjectService>().UpdateAsync(new Caller(people[0], Role.Admin), project.Id, new ProjectChange(Settings: new System.Text.Json.Nodes.JsonObject { ["slices"] = slices }));
            await host.RunAllAsync(TestContext.Current.CancellationToken);
            return changed.Value;
        }

        project = await SliceAsync("ko", "en");
        await SameAsync(host, project);
        foreach (var item in items[6..9]) await DecideAsync(host, project, people[0], new NewDecision(item, DecisionAction.Correct, new ChoiceValue("dog")));
        await SameAsync(host, project);
        var reader = host.Get<DashboardReader>();
        var korean = await reader.ReadAsync(project, new DashboardFilter(Slice: new SliceSettings { Field = "lang", Value = "ko" }), TestContext.Current.CancellationToken);
        Assert.Equal((4, 3, 3), (korean.Items, korean.Final, korean.Work.Decisions));
        Assert.Equal([("cat", 2L), ("dog", 1L)], korean.Distribution.Select(d => (d.Label, d.Count)));
        Assert.Equal(0, (await reader.ReadAsync(project, new DashboardFilter(Slice: new SliceSettings { Field = "lang", Value = "fr" }), TestContext.Current.CancellationToken)).Items);
        Assert.Equal(12, (await reader.ReadAsync(project, DashboardFilter.None, TestContext.Current.CancellationToken)).Items);

        // What is no slice any more leaves no counts behind.
        project = await SliceAsync("en");
        await SameAsync(host, project);
        Assert.Single(await host.Database.ReadAsync(db => db.Tallies.Where(t => t.ProjectId < 0).Select(t => t.ProjectId).Distinct().ToListAsync()));
    }

    private static async Task StepAsync(CoreHost host, Project project, long[] items, long user, Random random)
    {
        var item = items[random.Next(items.Length)];
        var label = new ChoiceValue(s_labels[random.Next(s_labels.Length)]);
        var shown = random.Next(2) == 0 ? new ShownPrelabel(new ChoiceValue(s_labels[random.Next(3)]), random.NextDouble(), random.Next(2) == 0 ? LabelSource.Student : LabelSource.Llm, 1) : null;
        switch (random.Next(12))
        {
            case 0:
                await host.Get<DecisionRecorder>().UndoAsync(project, user, null);
                break;
            case 1:
                await host.Get<ItemReopening>().ReopenAsync(new ProjectGrant(project, Role.Lead), user, item, "again");
                break;
            case 2:
                await DecideAsync(host, project, user, new NewDecision(item, DecisionAction.Skip, Comment: "not mine"));
                break;
            case 3:
                await DecideAsync(host, project, user, new NewDecision(item, DecisionAction.Flag));
                break;
            case 4:
                await DecideAsync(host, project, user, new NewDecision(item, DecisionAction.Reject, Shown: shown));
                break;
            case 5:
                await host.Get<ReviewQueue>().RecallSkippedAsync(project.Id, user);
                break;
            case 6:
                // Several at once, one item twice.
                await DecideAsync(host, project, user, new NewDecision(item, DecisionAction.Correct, label, Seconds: 1.5, Shown: shown), new NewDecision(item, DecisionAction.Correct, new ChoiceValue("owl")));
                break;
            default:
                var lent = await host.Get<ReviewQueue>().LeaseAsync(project, user, 2);
                await DecideAsync(host, project, user, [.. lent.Select(l => new NewDecision(l.Item.Id, DecisionAction.Correct, label, l.Lease.Id, random.NextDouble() * 9, Shown: shown))]);
                break;
        }
    }

    private static async Task DecideAsync(CoreHost host, Project project, long user, params NewDecision[] decisions)
    {
        if (decisions.Length > 0) await host.Get<DecisionRecorder>().RecordAsync(new ProjectGrant(project, Role.Lead), user, decisions);
    }

    private static async Task<long[]> AddAsync(CoreHost host, Project project, int count)
    {
        var added = await host.Get<ItemIntake>().StoreAsync(project, [.. Enumerable.Range(0, count).Select(i => new NewItem(string.Create(CultureInfo.InvariantCulture, $"k{i}"), string.Create(CultureInfo.InvariantCulture, $"text number {i}"), Metadata: (i % 3) switch { 0 => """{"lang":"ko","page":1}""", 1 => """{"lang":"en"}""", _ => null }))]);
        return [.. added.Value.Select(a => a.Item.Id)];
    }

    private static async Task SameAsync(CoreHost host, Project project)
    {
        var counted = (await host.Get<TallyRecount>().CountAsync(project.Id, TestContext.Current.CancellationToken)).Select(Line).Order(StringComparer.Ordinal);
        var kept = await host.Database.ReadAsync(db => db.Tallies.Where(t => (t.ProjectId == project.Id || t.ProjectId < 0) && (t.Count != 0 || t.Extra != 0 || t.Amount != 0)).ToListAsync());
        Assert.Equal(counted, kept.Select(Line).Order(StringComparer.Ordinal));
    }

    private static string Line(Tally t) => string.Create(CultureInfo.InvariantCulture, $"{t.ProjectId} {t.Kind} {t.Hour} {t.UserId} {t.OtherId} {t.Source} {t.Outcome} '{t.Label}' '{t.Other}': {t.Count} {t.Extra} {t.Amount}");
}
