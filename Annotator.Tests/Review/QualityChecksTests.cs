using System.Globalization;
using Annotator.Core.Accounts;
using Annotator.Core.Cascade;
using Annotator.Core.Items;
using Annotator.Core.Labels;
using Annotator.Core.Projects;
using Annotator.Core.Review;
using Annotator.Core.Review.Checks;
using Annotator.Tests.Support;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Tests.Review;

/// <summary>Known and repeated items: unmarked, without effect on labels, measured per person, and the rule that pauses people.</summary>
public sealed class QualityChecksTests
{
    private static readonly string[] s_labels = ["a", "b", "c"];

    [Theory]
    [MemberData(nameof(Providers.All), MemberType = typeof(Providers))]
    public async Task KnownItems_MeasurePeople_AndChangeNoLabel(string provider)
    {
        using var database = await TestDatabase.CreateAsync(provider);
        await using var host = await CoreHost.StartAsync(database);
        var (project, gold) = await ProjectAsync(host, new CheckSettings { GoldShare = 0.4 }, items: 120, known: 30);
        var people = await host.NewUsersAsync(2);
        var labelsBefore = await LabelsAsync(host, gold);
        for (var round = 0; round < 12; round++)
        {
            // The first is always right on known items, the second never.
            await WorkAsync(host, project, people[0], gold, right: true);
            await WorkAsync(host, project, people[1], gold, right: false);
        }

        var checks = await host.Get<CheckReader>().ReadAsync(project.Id, cancellationToken: TestContext.Current.CancellationToken);
        var (good, bad) = (checks.Single(c => c.UserId == people[0]), checks.Single(c => c.UserId == people[1]));
        Assert.True(good.Gold.Count >= 5 && bad.Gold.Count >= 5, $"{good.Gold.Count} and {bad.Gold.Count} answers");
        Assert.Equal(1, good.Gold.Share);
        Assert.Equal(0, bad.Gold.Share);
        Assert.Equal(labelsBefore, await LabelsAsync(host, gold));
        await Consistency.CheckAsync(host, project);

        // Nobody is asked the same known item twice, and the measured error is that of all answers.
        var answers = await host.Database.ReadAsync(db => db.Set<QualityCheck>().Where(c => c.AnsweredAt != null).Select(c => new { c.UserId, c.ItemId }).ToListAsync());
        Assert.Equal(answers.Count, answers.Distinct().Count());
        var accuracy = await host.Get<CheckReader>().PeopleAsync(project.Id, 0.05, TestContext.Current.CancellationToken);
        Assert.Equal((double)good.Gold.Count / (good.Gold.Count + bad.Gold.Count), accuracy.Estimate, 9);
    }

    [Fact]
    public async Task Rule_PausesWhoIsCertainlyBelow_AndTakesTheirLabelsBack()
    {
        using var database = await TestDatabase.CreateAsync("Sqlite");
        await using var host = await CoreHost.StartAsync(database);
        var (project, gold) = await ProjectAsync(host, new CheckSettings { GoldShare = 0.5, PauseBelow = 0.7, PauseAfter = 5, Feedback = true }, items: 200, known: 60);
        var people = await host.NewUsersAsync(2);
        var details = new List<string?>();
        for (var round = 0; round < 20 && !await host.Get<CheckReader>().IsPausedAsync(project.Id, people[0]); round++) details.AddRange(await WorkAsync(host, project, people[0], gold, right: false));
        Assert.True(await host.Get<CheckReader>().IsPausedAsync(project.Id, people[0], TestContext.Current.CancellationToken));
        Assert.Contains(details, d => d is not null && d.Contains("known label", StringComparison.Ordinal));
        Assert.Empty(await host.Get<ReviewQueue>().LeaseAsync(project, people[0], 5, TestContext.Current.CancellationToken));

        await host.RunAllAsync(TestContext.Current.CancellationToken);
        var since = await host.Database.ReadAsync(db => db.Set<AnnotatorPause>().Select(p => p.TakenBackFrom).SingleAsync());
        Assert.NotNull(since);
        Assert.False(await host.Database.ReadAsync(db => db.Decisions.AnyAsync(d => d.UserId == people[0] && d.UndoneById == null && d.CreatedAt >= since && (d.Action == DecisionAction.Accept || d.Action == DecisionAction.Correct))));
        await Consistency.CheckAsync(host, project);

        // A lead lets them work again; a person who is right is not paused.
        await host.Get<CheckReader>().PauseAsync(new ProjectGrant(project, Role.Lead), people[1], people[0], paused: false, cancellationToken: TestContext.Current.CancellationToken);
        Assert.NotEmpty(await host.Get<ReviewQueue>().LeaseAsync(project, people[0], 5, TestContext.Current.CancellationToken));
        for (var round = 0; round < 8; round++) await WorkAsync(host, project, people[1], gold, right: true);
        Assert.False(await host.Get<CheckReader>().IsPausedAsync(project.Id, people[1], TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task RepeatedItems_TellHowSteadyAPersonIs_AndAnUndoShowsThemAgain()
    {
        using var database = await TestDatabase.CreateAsync("Sqlite");
        await using var host = await CoreHost.StartAsync(database);
        var (project, _) = await ProjectAsync(host, new CheckSettings { RepeatShare = 0.4 }, items: 160, known: 0);
        var user = (await host.NewUsersAsync(1))[0];
        for (var round = 0; round < 14; round++) await WorkAsync(host, project, user, [], right: true);
        var mine = (await host.Get<CheckReader>().ReadAsync(project.Id, user, TestContext.Current.CancellationToken)).Single();
        Assert.True(mine.Repeats.Count > 3, $"{mine.Repeats.Count} repeats");
        Assert.Equal(1, mine.Repeats.Share);

        // The last answer to a check comes back as any other would.
        for (var round = 0; round < 30; round++)
        {
            var lent = await host.Get<ReviewQueue>().LeaseAsync(project, user, 4, TestContext.Current.CancellationToken);
            var check = await OpenCheckAsync(host, lent);
            if (check is null)
            {
                await DecideAsync(host, project, user, lent, l => LabelOf(l.Item));
                continue;
            }

            var before = (await host.Get<CheckReader>().ReadAsync(project.Id, user, TestContext.Current.CancellationToken)).Single().Repeats.Count;
            await DecideAsync(host, project, user, [check], _ => "c");
            var again = await host.Get<DecisionRecorder>().UndoAsync(project, user, null, TestContext.Current.CancellationToken);
            Assert.Equal(check.Item.Id, again!.Item.Id);
            Assert.Equal(check.Lease.Id, again.Lease.Id);
            Assert.Equal(before, (await host.Get<CheckReader>().ReadAsync(project.Id, user, TestContext.Current.CancellationToken)).Single().Repeats.Count);
            return;
        }

        Assert.Fail("No repeat came.");
    }

    [Fact]
    public async Task LeadsWord_SettlesWhateverOthersSaid_AndCanBeTakenBack()
    {
        using var database = await TestDatabase.CreateAsync("Sqlite");
        await using var host = await CoreHost.StartAsync(database);
        var project = await host.NewProjectAsync(s_labels, new ProjectSettings { Overlap = 2, AutoAccept = false, GroupDuplicates = false });
        var item = (await AddAsync(host, project, 1))[0];
        var people = await host.NewUsersAsync(5);
        for (var i = 0; i < 4; i++) await SayAsync(host, project, people[i], item, s_labels[i % 3], Role.Annotator);
        var dispute = Assert.Single(await host.Get<AdjudicationReader>().NextAsync(project.Id, 0, 10, TestContext.Current.CancellationToken));
        Assert.Equal(3, dispute.Answers.Count);

        // An annotator's word is one among others; a lead's is the last.
        var said = new NewDecision(item, DecisionAction.Correct, new ChoiceValue("c"), Settles: true);
        await host.Get<DecisionRecorder>().RecordAsync(new ProjectGrant(project, Role.Lead), people[4], [said], TestContext.Current.CancellationToken);
        var settled = await host.Database.ReadAsync(db => db.Items.SingleAsync(i => i.Id == item));
        Assert.Equal((ItemState.Final, false, "c"), (settled.State, settled.Flagged, settled.Label!.Single));
        Assert.Empty(await host.Get<AdjudicationReader>().NextAsync(project.Id, 0, 10, TestContext.Current.CancellationToken));
        await host.Get<DecisionRecorder>().UndoAsync(project, people[4], item, TestContext.Current.CancellationToken);
        Assert.Equal(ItemState.Queued, (await host.Database.ReadAsync(db => db.Items.SingleAsync(i => i.Id == item))).State);
    }

    private static async Task<LeasedItem?> OpenCheckAsync(CoreHost host, IReadOnlyList<LeasedItem> lent)
    {
        var ids = lent.Select(l => l.Lease.Id).ToList();
        var open = await host.Database.ReadAsync(db => db.Set<QualityCheck>().Where(c => ids.Contains(c.Id)).Select(c => c.Id).ToListAsync());
        return lent.FirstOrDefault(l => open.Contains(l.Lease.Id));
    }

    private static async Task<List<string?>> WorkAsync(CoreHost host, Project project, long user, IReadOnlyCollection<long> gold, bool right)
    {
        var lent = await host.Get<ReviewQueue>().LeaseAsync(project, user, 4);
        return await DecideAsync(host, project, user, lent, l => gold.Contains(l.Item.Id) && !right ? s_labels.First(n => n != LabelOf(l.Item)) : LabelOf(l.Item));
    }

    private static async Task<List<string?>> DecideAsync(CoreHost host, Project project, long user, IReadOnlyList<LeasedItem> lent, Func<LeasedItem, string> label)
    {
        if (lent.Count == 0) return [];
        var results = await host.Get<DecisionRecorder>().RecordAsync(
            new ProjectGrant(project, Role.Annotator), user, [.. lent.Select(l => new NewDecision(l.Item.Id, DecisionAction.Correct, new ChoiceValue(label(l)), l.Lease.Id, 2))]);
        Assert.All(results, r => Assert.Equal(DecisionStatus.Recorded, r.Status));
        return [.. results.Select(r => r.Detail)];
    }

    // The text ends with its label.
    private static string LabelOf(Item item) => item.Text![^1..];

    private static async Task<(Project Project, HashSet<long> Gold)> ProjectAsync(CoreHost host, CheckSettings checks, int items, int known)
    {
        var project = await host.NewProjectAsync(s_labels, new ProjectSettings { AutoAccept = false, GroupDuplicates = false, AuditShare = 0, Checks = checks });
        var ids = await AddAsync(host, project, items);
        var lead = (await host.NewUsersAsync(1))[0];
        foreach (var part in ids.Take(known).Chunk(50))
        {
            var texts = await host.Database.ReadAsync(db => db.Items.Where(i => part.Contains(i.Id)).ToListAsync());
            foreach (var item in texts)
            {
                await SayAsync(host, project, lead, item.Id, LabelOf(item), Role.Lead);
                Assert.True((await host.Get<GoldCatalog>().SetAsync(project, lead, item.Id, null, "as the guidelines say"))!.Succeeded);
            }
        }

        return (project, [.. ids.Take(known)]);
    }

    private static Task SayAsync(CoreHost host, Project project, long user, long item, string label, Role role) =>
        host.Get<DecisionRecorder>().RecordAsync(new ProjectGrant(project, role), user, [new NewDecision(item, DecisionAction.Correct, new ChoiceValue(label))]);

    private static async Task<Dictionary<long, string?>> LabelsAsync(CoreHost host, IReadOnlyCollection<long> items) =>
        await host.Database.ReadAsync(db => db.Items.Where(i => items.Contains(i.Id)).ToDictionaryAsync(i => i.Id, i => i.LabelValue));

    private static async Task<long[]> AddAsync(CoreHost host, Project project, int count)
    {
        var added = await host.Get<ItemIntake>().StoreAsync(project, [.. Enumerable.Range(0, count).Select(i => new NewItem(string.Create(CultureInfo.InvariantCulture, $"k{i}"), string.Create(CultureInfo.InvariantCulture, $"text {i} {s_labels[i % 3]}")))]);
        return [.. added.Value.Select(a => a.Item.Id)];
    }
}
