using System.Globalization;
using Annotator.Core.Accounts;
using Annotator.Core.Cascade;
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
