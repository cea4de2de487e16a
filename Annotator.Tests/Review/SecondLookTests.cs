using System.Globalization;
using Annotator.Core.Accounts;
using Annotator.Core.Cascade;
using Annotator.Core.Items;
using Annotator.Core.Labels;
using Annotator.Core.Projects;
using Annotator.Core.Review;
using Annotator.Tests.Support;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Tests.Review;

/// <summary>Labels that somebody else looks at before they are final: a share, and by rule.</summary>
public sealed class SecondLookTests
{
    [Fact]
    public async Task Slice_AsksOneMorePersonForItsItems()
    {
        using var database = await TestDatabase.CreateAsync("Sqlite");
        await using var host = await CoreHost.StartAsync(database);
        var people = await host.NewUsersAsync(2);
        var (project, _) = await ProjectAsync(host, new SecondLookSettings { Field = "ward", Value = "C3" }, 1);
        var stored = await host.Get<ItemIntake>().StoreAsync(project, [new NewItem("inside", "text of one", Metadata: """{"ward":"C3"}"""), new NewItem("outside", "text of another", Metadata: """{"ward":"C4"}""")]);
        var items = stored.Value.Select(s => s.Item.Id).ToArray();
        foreach (var item in items) await host.Get<DecisionRecorder>().RecordAsync(new ProjectGrant(project, Role.Annotator), people[0], [new NewDecision(item, DecisionAction.Correct, new ChoiceValue("usual"))]);
        var states = await host.Database.ReadAsync(db => db.Items.Where(i => items.Contains(i.Id)).OrderBy(i => i.Id).Select(i => i.State).ToListAsync());
        Assert.Equal([ItemState.Queued, ItemState.Final], states);
        await host.Get<DecisionRecorder>().RecordAsync(new ProjectGrant(project, Role.Annotator), people[1], [new NewDecision(items[0], DecisionAction.Correct, new ChoiceValue("usual"))]);
        Assert.Equal(ItemState.Final, await host.Database.ReadAsync(db => db.Items.Where(i => i.Id == items[0]).Select(i => i.State).SingleAsync()));
    }

    [Fact]
    public async Task Rules_AskOneMorePerson_AndNoOther()
    {
        using var database = await TestDatabase.CreateAsync("Sqlite");
        await using var host = await CoreHost.StartAsync(database);
        var people = await host.NewUsersAsync(3);
        var rules = new SecondLookSettings { Labels = ["rare"], Annotators = [people[1].ToString(CultureInfo.InvariantCulture)], BelowConfidence = 0.5 };
        var (project, items) = await ProjectAsync(host, rules, 4);
        async Task<ItemState> SayAsync(long user, long item, string label, double confidence)
        {
            var shown = new ShownPrelabel(new ChoiceValue("usual"), confidence, LabelSource.Student, 1);
            await host.Get<DecisionRecorder>().RecordAsync(new ProjectGrant(project, Role.Annotator), user, [new NewDecision(item, DecisionAction.Correct, new ChoiceValue(label), Shown: shown)]);
            return (await host.Database.ReadAsync(db => db.Items.SingleAsync(i => i.Id == item))).State;
        }

        Assert.Equal(ItemState.Final, await SayAsync(people[0], items[0], "usual", 0.9));
        Assert.Equal(ItemState.Queued, await SayAsync(people[0], items[1], "rare", 0.9));
        Assert.Equal(ItemState.Queued, await SayAsync(people[1], items[2], "usual", 0.9));
        Assert.Equal(ItemState.Queued, await SayAsync(people[0], items[3], "usual", 0.3));

        // Who looked first is not asked again; who says the same makes it final.
        Assert.DoesNotContain(await host.Get<ReviewQueue>().LeaseAsync(project, people[0], 10, TestContext.Current.CancellationToken), l => l.Item.Id == items[1] || l.Item.Id == items[3]);
        Assert.Equal(ItemState.Final, await SayAsync(people[2], items[1], "rare", 0.9));
        Assert.Equal(ItemState.Final, await SayAsync(people[2], items[3], "usual", 0.3));

        // Who differs brings a third, and the majority decides.
        Assert.Equal(ItemState.Queued, await SayAsync(people[0], items[2], "rare", 0.9));
        Assert.Equal(ItemState.Final, await SayAsync(people[2], items[2], "usual", 0.9));
    }

    [Fact]
    public async Task Share_OfItems_IsDrawnOnce()
    {
        using var database = await TestDatabase.CreateAsync("Sqlite");
        await using var host = await CoreHost.StartAsync(database);
        var user = (await host.NewUsersAsync(1))[0];
        var (project, items) = await ProjectAsync(host, new SecondLookSettings { Share = 0.3 }, 400);
        await host.Get<DecisionRecorder>().RecordAsync(new ProjectGrant(project, Role.Annotator), user, [.. items.Select(i => new NewDecision(i, DecisionAction.Correct, new ChoiceValue("usual")))]);
        var waiting = await host.Database.ReadAsync(db => db.Items.CountAsync(i => i.ProjectId == project.Id && i.State == ItemState.Queued));
        Assert.InRange(waiting, 80, 160);
    }

    private static async Task<(Project Project, long[] Items)> ProjectAsync(CoreHost host, SecondLookSettings rules, int count)
    {
        var project = await host.NewProjectAsync(["usual", "rare"], new ProjectSettings { AutoAccept = false, GroupDuplicates = false, AuditShare = 0, SecondLook = rules });
        var added = await host.Get<ItemIntake>().StoreAsync(project, [.. Enumerable.Range(0, count).Select(i => new NewItem(string.Create(CultureInfo.InvariantCulture, $"k{i}"), string.Create(CultureInfo.InvariantCulture, $"text {i}")))]);
        return (project, [.. added.Value.Select(a => a.Item.Id)]);
    }
}
