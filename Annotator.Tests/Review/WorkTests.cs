using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;
using Annotator.Core.Accounts;
using Annotator.Core.Cascade;
using Annotator.Core.Items;
using Annotator.Core.Labels;
using Annotator.Core.Projects;
using Annotator.Core.Review;
using Annotator.Core.Review.Work;
using Annotator.Tests.Support;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Tests.Review;

/// <summary>Who is lent what: assignments, experts, signatures, and a project that rests.</summary>
public sealed class WorkTests
{
    private static readonly ProjectSettings s_plain = new() { AutoAccept = false, GroupDuplicates = false, AuditShare = 0 };

    [Theory]
    [MemberData(nameof(Providers.All), MemberType = typeof(Providers))]
    public async Task Assigned_IsLentToNobodyElse_UntilItIsTakenBack(string provider)
    {
        using var database = await TestDatabase.CreateAsync(provider);
        await using var host = await CoreHost.StartAsync(database);
        var project = await host.NewProjectAsync(["a", "b"], s_plain with { Overlap = 2 });
        var people = await host.NewUsersAsync(3);
        await JoinAsync(host, project, people);
        var items = await StoreAsync(host, project, 12);
        var lead = new ProjectGrant(project, Role.Lead);
        var work = host.Get<Assignments>();
        await host.Get<DecisionRecorder>().RecordAsync(lead, people[2], [new NewDecision(items[11], DecisionAction.Correct, new ChoiceValue("a"), Settles: true)]);
        var made = (await work.AssignAsync(lead, people[2], [.. items[..4], items[11], 999_999_999], new Assignee(people[0]), DateTimeOffset.UnixEpoch.AddYears(40), "the hard ones")).Value;
        Assert.Equal((4, 1, 1), (made.Assigned, made.Final, made.Missing));

        // The other gets everything but these; the one gets these first.
        var others = await LeaseAsync(host, project, people[1], 50);
        Assert.Equal(items[4..11], others.Order());
        var mine = await LeaseAsync(host, project, people[0], 4);
        Assert.Equal(items[..4], mine.Order());
        var standing = Assert.Single(await work.ListAsync(project, people[0], 10));
        Assert.Equal((4, 0, true), (standing.Now, standing.Done, standing.Overdue));
        Assert.Empty(await work.ListAsync(project, people[1], 10));

        // Two people are needed: once the one has spoken, anybody may be the second.
        await DecideAsync(host, project, people[0], mine[0], "a");
        Assert.Equal([mine[0]], await LeaseAsync(host, project, people[1], 50));
        await DecideAsync(host, project, people[1], mine[0], "a");
        Assert.Equal(1, (await work.ListAsync(project, null, 10))[0].Done);
        await Consistency.CheckAsync(host, project);

        // One item is taken out, and the page of an item says for whom it is.
        Assert.Equal((people[0], "the hard ones"), (await work.OfItemAsync(project.Id, mine[1], TestContext.Current.CancellationToken) is { } of ? (of.UserId!.Value, of.Note) : default));
        Assert.Null(await work.OfItemAsync(project.Id, items[8], TestContext.Current.CancellationToken));
        Assert.Equal(1, await work.ReleaseAsync(lead, people[2], [mine[1], items[8]], TestContext.Current.CancellationToken));
        Assert.Null(await work.OfItemAsync(project.Id, mine[1], TestContext.Current.CancellationToken));
        await Consistency.CheckAsync(host, project);

        // Taken back, what still waits is everybody's.
        Assert.True(await work.EndAsync(lead, people[2], made.Id!.Value));
        Assert.False(await work.EndAsync(lead, people[2], made.Id.Value));
        Assert.Equal(mine[1..].Order(), (await LeaseAsync(host, project, people[1], 50)).Order());
        Assert.Empty(await work.ListAsync(project, null, 10));

        Assert.False((await work.AssignAsync(lead, people[2], items, new Assignee(), null, null)).Succeeded);
        Assert.False((await work.AssignAsync(lead, people[2], items, new Assignee(Group: "nobody"), null, null)).Succeeded);
        Assert.False((await work.AssignAsync(lead, people[2], items, new Assignee(123_456_789), null, null)).Succeeded);
        await Assert.ThrowsAsync<UnauthorizedAccessException>(() => work.AssignAsync(new ProjectGrant(project, Role.Annotator), people[0], items, new Assignee(people[0]), null, null));
    }

    [Theory]
    [MemberData(nameof(Providers.All), MemberType = typeof(Providers))]
    public async Task Rules_SendItemsToExperts_AlsoThoseThatWaitAlready(string provider)
    {
        using var database = await TestDatabase.CreateAsync(provider);
        await using var host = await CoreHost.StartAsync(database);
        var project = await host.NewProjectAsync(["a", "b"], s_plain);
        var people = await host.NewUsersAsync(2);
        await JoinAsync(host, project, people);
        var before = await StoreAsync(host, project, 6);
        project = await ChangeAsync(host, project, new JsonObject
        {
            ["groups"] = new JsonArray(new JsonObject { ["name"] = "doctors", ["people"] = new JsonArray(Text(people[1])) }),
            ["rules"] = new JsonArray(new JsonObject { ["group"] = "doctors", ["field"] = "field", ["value"] = "medical" }),
        });
        await host.RunAllAsync(TestContext.Current.CancellationToken);
        var after = await StoreAsync(host, project, 6, "later");
        long[] medical = [.. before.Concat(after).Where((_, i) => i % 2 == 0)];
        Assert.Equal(before.Concat(after).Except(medical).Order(), (await LeaseAsync(host, project, people[0], 50)).Order());
        Assert.Equal(medical.Order(), (await LeaseAsync(host, project, people[1], 50)).Order());
        await Consistency.CheckAsync(host, project);

        // Without the rule all is everybody's again.
        var third = (await host.NewUsersAsync(1))[0];
        await JoinAsync(host, project, [third]);
        await host.Database.WriteAsync(scope => scope.Db.Leases.ExecuteDeleteAsync());
        await host.Database.WriteAsync(scope => scope.Db.Queue.ExecuteUpdateAsync(x => x.SetProperty(q => q.Open, 1)));
        project = await ChangeAsync(host, project, new JsonObject { ["rules"] = new JsonArray() });
        await host.RunAllAsync(TestContext.Current.CancellationToken);
        Assert.Equal(12, (await LeaseAsync(host, project, third, 50)).Length);
    }

    [Theory]
    [MemberData(nameof(Providers.All), MemberType = typeof(Providers))]
    public async Task SignOff_NeedsTwoOfTheGroup_AndNothingElseIsEnough(string provider)
    {
        using var database = await TestDatabase.CreateAsync(provider);
        await using var host = await CoreHost.StartAsync(database);
        var project = await host.NewProjectAsync(["a", "b"], s_plain);
        var people = await host.NewUsersAsync(4);
        await JoinAsync(host, project, people);
        project = await ChangeAsync(host, project, new JsonObject
        {
            ["groups"] = new JsonArray(new JsonObject { ["name"] = "signers", ["people"] = new JsonArray(Text(people[0]), Text(people[1])) }),
            ["signOff"] = new JsonObject { ["group"] = "signers" },
        });
        var items = await StoreAsync(host, project, 3);

        // Somebody outside the group begins; then it is the group's alone.
        await DecideAsync(host, project, people[2], items[0], "a");
        Assert.Equal(ItemState.Queued, await StateAsync(host, items[0]));
        Assert.DoesNotContain(items[0], await LeaseAsync(host, project, people[3], 50));
        await host.Database.WriteAsync(scope => scope.Db.Leases.ExecuteDeleteAsync());
        await host.Database.WriteAsync(scope => scope.Db.Queue.Where(q => q.Open == 0).ExecuteUpdateAsync(x => x.SetProperty(q => q.Open, 1)));
        Assert.Contains(items[0], await LeaseAsync(host, project, people[0], 50));
        await DecideAsync(host, project, people[0], items[0], "a");
        Assert.Equal(ItemState.Queued, await StateAsync(host, items[0]));

        // A lead's last word does not sign for the second of them.
        await host.Get<DecisionRecorder>().RecordAsync(new ProjectGrant(project, Role.Lead), people[3], [new NewDecision(items[0], DecisionAction.Correct, new ChoiceValue("a"), Settles: true)]);
        Assert.Equal(ItemState.Queued, await StateAsync(host, items[0]));

        // The second signs something else: a lead is asked, and it is not final.
        await DecideAsync(host, project, people[1], items[0], "b");
        Assert.Equal(ItemState.Queued, await StateAsync(host, items[0]));
        Assert.True(await host.Database.ReadAsync(db => db.Items.Where(i => i.Id == items[0]).Select(i => i.Flagged).SingleAsync()));

        // They come to one mind.
        await DecideAsync(host, project, people[1], items[0], "a");
        Assert.Equal(ItemState.Final, await StateAsync(host, items[0]));
        await host.Get<DecisionRecorder>().UndoAsync(project, people[0], items[0], TestContext.Current.CancellationToken);
        Assert.Equal(ItemState.Queued, await StateAsync(host, items[0]));
        await DecideAsync(host, project, people[0], items[0], "a");
        Assert.Equal(ItemState.Final, await StateAsync(host, items[0]));

        // The two alone are enough, and one of them twice is not.
        await DecideAsync(host, project, people[0], items[1], "b");
        await DecideAsync(host, project, people[0], items[1], "b");
        Assert.Equal(ItemState.Queued, await StateAsync(host, items[1]));
        await DecideAsync(host, project, people[1], items[1], "b");
        Assert.Equal(ItemState.Final, await StateAsync(host, items[1]));
    }

    [Fact]
    public async Task Settings_ThatCannotWork_AreRefusedWithTheirPlace()
    {
        using var database = await TestDatabase.CreateAsync("Sqlite");
        await using var host = await CoreHost.StartAsync(database);
        var project = await host.NewProjectAsync(["a", "b"]);
        var people = await host.NewUsersAsync(1);
        async Task<IReadOnlyList<string>> WrongAsync(JsonObject work) =>
            [.. (await host.Get<ProjectService>().UpdateAsync(new Caller(people[0], Role.Admin), project.Id, new ProjectChange(Settings: new JsonObject { ["work"] = work }))).Errors.Select(e => e.Field)];

        Assert.Contains("settings.work.rules[0].group", await WrongAsync(new JsonObject { ["rules"] = new JsonArray(new JsonObject { ["group"] = "x", ["labels"] = new JsonArray("a") }) }));
        var groups = new JsonArray(new JsonObject { ["name"] = "g", ["people"] = new JsonArray(Text(people[0])) });
        Assert.Contains("settings.work.rules[0]", await WrongAsync(new JsonObject { ["groups"] = groups.DeepClone(), ["rules"] = new JsonArray(new JsonObject { ["group"] = "g" }) }));
        Assert.Contains("settings.work.rules[0].labels", await WrongAsync(new JsonObject { ["groups"] = groups.DeepClone(), ["rules"] = new JsonArray(new JsonObject { ["group"] = "g", ["labels"] = new JsonArray("zebra") }) }));
        Assert.Contains("settings.work.groups[0].people", await WrongAsync(new JsonObject { ["groups"] = new JsonArray(new JsonObject { ["name"] = "g", ["people"] = new JsonArray("4711") }) }));
        Assert.Contains("settings.work.groups[1].name", await WrongAsync(new JsonObject { ["groups"] = new JsonArray(groups[0]!.DeepClone(), groups[0]!.DeepClone()) }));
        var signing = await WrongAsync(new JsonObject { ["groups"] = groups.DeepClone(), ["signOff"] = new JsonObject { ["group"] = "g" } });
        Assert.Contains("settings.work.signOff.group", signing);
        Assert.Contains("settings.work.signOff", signing);
    }

    [Fact]
    public async Task Project_ThatRests_LendsNothing_AndKeepsEverything()
    {
        await using var host = await AppHost.StartAsync();
        var project = await host.Admin.CreateProjectAsync(labels: ["a", "b"], settings: new { autoAccept = false, groupDuplicates = false });
        var url = $"/api/v1/projects/{project}";
        var items = await host.Admin.AddTextsAsync(project, Enumerable.Range(0, 5).Select(i => $"text number {Text(i)}"));
        var lent = (await host.Admin.PostAsync($"{url}/queue/lease", new { count = 2 })).Expect(HttpStatusCode.OK)["items"]!.AsArray();
        Assert.Equal(2, lent.Count);
        (await host.Admin.PutAsync($"{url}/rest", new { paused = true, note = "Back on Monday." })).Expect(HttpStatusCode.OK);
        var refused = (await host.Admin.PostAsync($"{url}/queue/lease", new { count = 2 })).ExpectProblem(HttpStatusCode.Locked);
        Assert.Contains("Back on Monday.", (string)refused["detail"]!, StringComparison.Ordinal);

        // What was lent before is taken.
        var result = (await host.Admin.PostAsync($"{url}/decisions", new { decisions = new[] { new { itemId = (string)lent[0]!["itemId"]!, lease = (string)lent[0]!["lease"]!, action = "correct", value = new { choice = "a" } } } })).Expect(HttpStatusCode.OK);
        Assert.Equal("recorded", (string)result["results"]![0]!["status"]!);
        (await host.Admin.PutAsync($"{url}/rest", new { paused = false })).Expect(HttpStatusCode.OK);
        Assert.NotEmpty((await host.Admin.PostAsync($"{url}/queue/lease", new { count = 5 })).Json["items"]!.AsArray());

        // Assignments over the API: who may not, may not; what is wrong is named.
        var person = await host.AddPersonAsync(Role.Annotator, project, Role.Annotator);
        (await person.Api.PostAsync($"{url}/assignments", new { items, to = new { user = person.Id } })).ExpectProblem(HttpStatusCode.Forbidden);
        (await host.Admin.PostAsync($"{url}/assignments", new { items = new[] { "x" }, to = new { user = person.Id } })).ExpectProblem(HttpStatusCode.BadRequest, "items[0]");
        var assigned = (await host.Admin.PostAsync($"{url}/assignments", new { items, to = new { user = person.Id }, dueAt = "2031-01-01T00:00:00Z", note = "please" })).Expect(HttpStatusCode.OK);
        Assert.Equal(4, (int)assigned["assigned"]!);
        Assert.Equal(1, (int)assigned["final"]!);
        var mine = (await person.Api.GetAsync($"{url}/assignments")).Json["items"]!.AsArray();
        Assert.Equal("please", (string)Assert.Single(mine)!["note"]!);
    }

    private static string Text(long id) => id.ToString(CultureInfo.InvariantCulture);

    private static async Task<Project> ChangeAsync(CoreHost host, Project project, JsonObject work)
    {
        var admin = (await host.NewUsersAsync(1, Role.Admin))[0];
        var changed = await host.Get<ProjectService>().UpdateAsync(new Caller(admin, Role.Admin), project.Id, new ProjectChange(Settings: new JsonObject { ["work"] = work }));
        Assert.True(changed.Succeeded, string.Join(' ', changed.Errors));
        return changed.Value;
    }

    private static Task JoinAsync(CoreHost host, Project project, long[] people) => host.Database.WriteAsync(async scope =>
    {
        scope.Db.Memberships.AddRange(people.Select(p => new Membership { ProjectId = project.Id, UserId = p, Role = Role.Annotator, CreatedAt = scope.Now }));
        await scope.Db.SaveChangesAsync();
    });

    private static async Task<long[]> StoreAsync(CoreHost host, Project project, int count, string prefix = "k")
    {
        var stored = await host.Get<ItemIntake>().StoreAsync(project, [.. Enumerable.Range(0, count).Select(i => new NewItem(
            string.Create(CultureInfo.InvariantCulture, $"{prefix}{i}"), string.Create(CultureInfo.InvariantCulture, $"{prefix} text {i}"), Metadata: i % 2 == 0 ? """{"field":"medical"}""" : null))]);
        return [.. stored.Value.Select(s => s.Item.Id)];
    }

    private static async Task<long[]> LeaseAsync(CoreHost host, Project project, long user, int count) => [.. (await host.Get<ReviewQueue>().LeaseAsync(project, user, count)).Select(l => l.Item.Id)];

    private static Task<IReadOnlyList<DecisionResult>> DecideAsync(CoreHost host, Project project, long user, long item, string label) =>
        host.Get<DecisionRecorder>().RecordAsync(new ProjectGrant(project, Role.Annotator), user, [new NewDecision(item, DecisionAction.Correct, new ChoiceValue(label))]);

    private static Task<ItemState> StateAsync(CoreHost host, long item) => host.Database.ReadAsync(db => db.Items.Where(i => i.Id == item).Select(i => i.State).SingleAsync());
}
