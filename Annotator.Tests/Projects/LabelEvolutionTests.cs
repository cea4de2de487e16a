using System.Globalization;
using Annotator.Core.Accounts;
using Annotator.Core.Cascade;
using Annotator.Core.Export;
using Annotator.Core.Items;
using Annotator.Core.Labels;
using Annotator.Core.Projects;
using Annotator.Core.Projects.Evolution;
using Annotator.Core.Quality.Tallies;
using Annotator.Core.Review;
using Annotator.Core.Runs;
using Annotator.Tests.Support;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Tests.Projects;

/// <summary>Labels of a running project that change: shown before, done by a run, taken back by another; counts follow.</summary>
public sealed class LabelEvolutionTests
{
    [Theory]
    [MemberData(nameof(Providers.All), MemberType = typeof(Providers))]
    public async Task RenameMergeAndSplit_AreDoneAndTakenBack(string provider)
    {
        using var database = await TestDatabase.CreateAsync(provider);
        await using var host = await CoreHost.StartAsync(database);
        var made = await host.NewProjectAsync(["cat", "dog", "bird", "hawk"], new ProjectSettings { AutoAccept = false, GroupDuplicates = false });
        var user = (await host.NewUsersAsync(1))[0];
        var added = await host.Get<ItemIntake>().StoreAsync(made, [.. Enumerable.Range(0, 40).Select(i => new NewItem(string.Create(CultureInfo.InvariantCulture, $"k{i}"), string.Create(CultureInfo.InvariantCulture, $"text {i}")))]);
        long[] items = [.. added.Value.Select(a => a.Item.Id)];
        string[] labels = ["cat", "dog", "bird", "hawk"];
        await host.Get<DecisionRecorder>().RecordAsync(new ProjectGrant(made, Role.Lead), user, [.. items.Select((id, i) => new NewDecision(id, DecisionAction.Correct, new ChoiceValue(labels[i % 4])))]);
        var before = await LabelsAsync(host, made.Id);

        // Shown first.
        var preview = await host.Get<LabelEvolution>().PreviewAsync(made, new EvolveLabelsOptions { Kind = EvolutionKind.Merge, Labels = ["hawk"], To = ["bird"] }, TestContext.Current.CancellationToken);
        Assert.Equal((10, false), (preview.Value.Final, preview.Value.Review));
        Assert.False((await host.Get<LabelEvolution>().PreviewAsync(made, new EvolveLabelsOptions { Kind = EvolutionKind.Rename, Labels = ["cat"], To = ["dog"] })).Succeeded);

        await RunAsync(host, made.Id, user, new EvolveLabelsOptions { Kind = EvolutionKind.Rename, Labels = ["cat"], To = ["kitten"] });
        var merge = await RunAsync(host, made.Id, user, new EvolveLabelsOptions { Kind = EvolutionKind.Merge, Labels = ["hawk"], To = ["bird"] });
        var after = await LabelsAsync(host, made.Id);
        Assert.Equal((10, 10, 20), (after.Count(l => l.Value == "kitten"), after.Count(l => l.Value == "dog"), after.Count(l => l.Value == "bird")));
        var project = await ProjectAsync(host, made.Id);
        Assert.Equal(new[] { "kitten", "dog", "bird" }, project.Schema.Labels.Select(l => l.Name));
        Assert.Equal(made.SchemaVersion + 2, project.SchemaVersion);
        await SameCountsAsync(host, project);

        // The newest change can be taken back; what was decided under the old names keeps its version.
        await RunAsync(host, made.Id, user, new EvolveLabelsOptions { Undo = merge });
        after = await LabelsAsync(host, made.Id);
        Assert.Equal(before.ToDictionary(b => b.Key, b => b.Value == "cat" ? "kitten" : b.Value), after);
        Assert.All(await host.Database.ReadAsync(db => db.Decisions.Where(d => d.ProjectId == made.Id).Select(d => d.SchemaVersion).ToListAsync()), v => Assert.Equal(made.SchemaVersion, v));

        // A split sends its items to people; taken back, they have their label again.
        var split = await RunAsync(host, made.Id, user, new EvolveLabelsOptions { Kind = EvolutionKind.Split, Labels = ["dog"], To = ["puppy", "hound"] });
        project = await ProjectAsync(host, made.Id);
        Assert.Equal(10, await host.Database.ReadAsync(db => db.Items.CountAsync(i => i.ProjectId == made.Id && i.State == ItemState.Queued)));
        await Consistency.CheckAsync(host, project);
        await SameCountsAsync(host, project);
        await RunAsync(host, made.Id, user, new EvolveLabelsOptions { Undo = split });
        Assert.Equal(10, (await LabelsAsync(host, made.Id)).Count(l => l.Value == "dog"));
        await Consistency.CheckAsync(host, await ProjectAsync(host, made.Id));
        await SameCountsAsync(host, project);
    }

    [Theory]
    [MemberData(nameof(Providers.All), MemberType = typeof(Providers))]
    public async Task AddMoveAndSmallSplit_AndExportsInTheWordsOfEachVersion(string provider)
    {
        using var database = await TestDatabase.CreateAsync(provider);
        await using var host = await CoreHost.StartAsync(database);
        var made = await host.NewProjectAsync(["cat", "dog", "bird", "hawk"], new ProjectSettings { AutoAccept = false, GroupDuplicates = false });
        var user = (await host.NewUsersAsync(1))[0];
        var added = await host.Get<ItemIntake>().StoreAsync(made, [.. Enumerable.Range(0, 40).Select(i => new NewItem(string.Create(CultureInfo.InvariantCulture, $"k{i:00}"), string.Create(CultureInfo.InvariantCulture, $"text {i}")))]);
        long[] items = [.. added.Value.Select(a => a.Item.Id)];
        string[] labels = ["cat", "dog", "bird", "hawk"];
        await host.Get<DecisionRecorder>().RecordAsync(new ProjectGrant(made, Role.Lead), user, [.. items.Select((id, i) => new NewDecision(id, DecisionAction.Correct, new ChoiceValue(labels[i % 4])))]);

        // Added and moved: no item changes. An added label that nobody has given can be taken back.
        var add = await RunAsync(host, made.Id, user, new EvolveLabelsOptions { Kind = EvolutionKind.Add, To = ["fish"], Parent = "bird" });
        Assert.Equal("bird", (await ProjectAsync(host, made.Id)).Schema.Labels.Single(l => l.Name == "fish").Parent);
        await RunAsync(host, made.Id, user, new EvolveLabelsOptions { Undo = add });
        await RunAsync(host, made.Id, user, new EvolveLabelsOptions { Kind = EvolutionKind.Move, Labels = ["hawk"], Parent = "bird" });
        Assert.Equal("bird", (await ProjectAsync(host, made.Id)).Schema.Labels.Single(l => l.Name == "hawk").Parent);
        Assert.False((await host.Get<LabelEvolution>().PreviewAsync(await ProjectAsync(host, made.Id), new EvolveLabelsOptions { Kind = EvolutionKind.Move, Labels = ["bird"], Parent = "hawk" }, TestContext.Current.CancellationToken)).Succeeded);
        await RunAsync(host, made.Id, user, new EvolveLabelsOptions { Kind = EvolutionKind.Move, Labels = ["hawk"] });
        Assert.Equal(40, (await LabelsAsync(host, made.Id)).Count);

        await RunAsync(host, made.Id, user, new EvolveLabelsOptions { Kind = EvolutionKind.Merge, Labels = ["hawk"], To = ["bird"] });
        var merged = (await ProjectAsync(host, made.Id)).SchemaVersion;
        await RunAsync(host, made.Id, user, new EvolveLabelsOptions { Kind = EvolutionKind.Rename, Labels = ["cat"], To = ["kitten"] });

        // Split by a small review: three of ten come first, the rest waits behind; decided, they are exported in the words of each version.
        await RunAsync(host, made.Id, user, new EvolveLabelsOptions { Kind = EvolutionKind.Split, Labels = ["dog"], To = ["puppy", "hound"], Review = 3 });
        var queue = await host.Database.ReadAsync(db => db.Queue.Where(q => q.ProjectId == made.Id).Select(q => q.Rank).ToListAsync(TestContext.Current.CancellationToken));
        Assert.Equal((3, 7), (queue.Count(r => r < -1e5), queue.Count(r => r >= -1e5)));
        var now = await ProjectAsync(host, made.Id);
        await host.Get<DecisionRecorder>().RecordAsync(new ProjectGrant(now, Role.Lead), user, [new NewDecision(items[1], DecisionAction.Correct, new ChoiceValue("puppy")), new NewDecision(items[0], DecisionAction.Correct, new ChoiceValue("hound"))]);

        Assert.Equal("hound puppy bird kitten", await ExportAsync(host, now, now.SchemaVersion));
        Assert.Equal("dog bird cat", await ExportAsync(host, now, merged));
        Assert.Equal("dog bird hawk cat", await ExportAsync(host, now, 1));
        Assert.False((await LabelHistory.FindAsync(host.Database, now, 99, TestContext.Current.CancellationToken)).Succeeded);
        Assert.Equal(Enumerable.Range(1, now.SchemaVersion).Reverse(), (await LabelHistory.VersionsAsync(host.Database, now, TestContext.Current.CancellationToken)).Select(v => v.Version));
        await Consistency.CheckAsync(host, now);
        await SameCountsAsync(host, now);
    }

    // The different labels of an export, in the order of items.
    private static async Task<string> ExportAsync(CoreHost host, Project project, int version)
    {
        var history = await LabelHistory.FindAsync(host.Database, project, version, TestContext.Current.CancellationToken);
        using var output = new MemoryStream();
        var request = ExportRequest.Read(project, "jsonl", null, false).Value with { History = history.Value };
        await host.Get<ExportService>().WriteAsync(project, request, output, cancellationToken: TestContext.Current.CancellationToken);
        var lines = System.Text.Encoding.UTF8.GetString(output.ToArray()).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        return string.Join(' ', lines.Select(l => (string)System.Text.Json.Nodes.JsonNode.Parse(l)!["label"]!["choice"]!).Distinct(StringComparer.Ordinal));
    }

    private static async Task<long> RunAsync(CoreHost host, long projectId, long user, EvolveLabelsOptions options)
    {
        var grant = new ProjectGrant(await ProjectAsync(host, projectId), Role.Lead);
        var run = (await host.Get<LabelEvolution>().StartAsync(grant, user, options)).Value;
        await host.Get<RunService>().ExecuteAsync(run.Id, TestContext.Current.CancellationToken);
        var done = await host.Get<RunService>().FindAsync(run.Id, TestContext.Current.CancellationToken);
        Assert.True(done!.State == RunState.Succeeded, $"{done.State}: {done.Message}");
        return run.Id;
    }

    private static Task<Project> ProjectAsync(CoreHost host, long id) => host.Database.ReadAsync(db => db.Projects.SingleAsync(p => p.Id == id));

    private static Task<Dictionary<long, string>> LabelsAsync(CoreHost host, long project) => host.Database.ReadAsync(
        async db => (await db.Items.Where(i => i.ProjectId == project && i.LabelValue != null).ToListAsync()).ToDictionary(i => i.Id, i => i.Label!.Single!));

    private static async Task SameCountsAsync(CoreHost host, Project project) => Assert.Equal(0, await host.Get<TallyRecount>().RepairAsync(project.Id, TestContext.Current.CancellationToken));
}
