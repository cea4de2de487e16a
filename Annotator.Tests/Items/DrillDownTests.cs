using System.Globalization;
using Annotator.Core.Accounts;
using Annotator.Core.Cascade;
using Annotator.Core.Items;
using Annotator.Core.Labels;
using Annotator.Core.Projects;
using Annotator.Core.Quality.Tallies;
using Annotator.Core.Review;
using Annotator.Tests.Support;

namespace Annotator.Tests.Items;

/// <summary>The items behind a part of a dashboard: by slice, time, label, source and who gave what.</summary>
public sealed class DrillDownTests
{
    [Theory]
    [MemberData(nameof(Providers.All), MemberType = typeof(Providers))]
    public async Task Lists_HoldThePartThatIsLookedAt(string provider)
    {
        using var database = await TestDatabase.CreateAsync(provider);
        await using var host = await CoreHost.StartAsync(database);
        var project = await host.NewProjectAsync(["a", "b", "c"], new ProjectSettings { AutoAccept = false, GroupDuplicates = false, Overlap = 2 });
        string?[] metadata = ["{\"lang\":\"ko\",\"n\":5}", "{\"lang\": \"en\", \"n\": 5}", "{\"lang\":\"ko\",\"n\":\"5\"}", null, "{\"$odd\":\"ko\",\"lang\":true}", "{\"lang\":{\"ko\":1}}"];
        var added = await host.Get<ItemIntake>().StoreAsync(project, [.. metadata.Select((m, i) => new NewItem(string.Create(CultureInfo.InvariantCulture, $"k{i}"), "a text", Metadata: m))]);
        long[] items = [.. added.Value.Select(a => a.Item.Id)];
        Assert.Equal([items[0], items[2]], await ListAsync(host, project, new ItemFilter(Slice: new SliceSettings { Field = "lang", Value = "ko" })));
        Assert.Equal([items[0], items[1], items[2]], await ListAsync(host, project, new ItemFilter(Slice: new SliceSettings { Field = "n", Value = "5" })));
        Assert.Equal([items[4]], await ListAsync(host, project, new ItemFilter(Slice: new SliceSettings { Field = "lang", Value = "true" })));
        Assert.Equal([items[4]], await ListAsync(host, project, new ItemFilter(Slice: new SliceSettings { Field = "$odd", Value = "ko" })));
        Assert.Empty(await ListAsync(host, project, new ItemFilter(Slice: new SliceSettings { Field = "lang", Value = "x' OR 1=1 --" })));

        // Two people: on the first three both speak, on the first they differ.
        var people = await host.NewUsersAsync(2);
        var grant = new ProjectGrant(project, Role.Annotator);
        var shown = new ShownPrelabel(new ChoiceValue("c"), 0.6, LabelSource.Student, 1);
        await host.Get<DecisionRecorder>().RecordAsync(grant, people[0], [.. items[..3].Select(i => new NewDecision(i, DecisionAction.Correct, new ChoiceValue("a"), Shown: i == items[1] ? shown : null))]);
        await host.Get<DecisionRecorder>().RecordAsync(grant, people[1], [.. items[..3].Select(i => new NewDecision(i, DecisionAction.Correct, new ChoiceValue(i == items[0] ? "b" : "a")))]);
        Assert.Equal([items[0]], await ListAsync(host, project, new ItemFilter(Decided: new DecidedFilter(Given: "a", Against: "b"))));
        Assert.Equal([items[1]], await ListAsync(host, project, new ItemFilter(Decided: new DecidedFilter(About: "c"))));
        Assert.Equal([items[1]], await ListAsync(host, project, new ItemFilter(Decided: new DecidedFilter(ShownBy: LabelSource.Student))));
        Assert.Equal([items[0]], await ListAsync(host, project, new ItemFilter(Decided: new DecidedFilter(By: people[0]), Among: [items[0], items[3]])));
        Assert.Equal([items[0], items[2]], await ListAsync(host, project, new ItemFilter(Decided: new DecidedFilter(By: people[0]), Slice: new SliceSettings { Field = "lang", Value = "ko" })));

        // Time: of decisions, of pairs, of labels.
        var now = TimeProvider.System.GetUtcNow();
        Assert.Equal(3, (await ListAsync(host, project, new ItemFilter(Decided: new DecidedFilter(By: people[0], From: now.AddHours(-1), To: now.AddHours(1))))).Count);
        Assert.Empty(await ListAsync(host, project, new ItemFilter(Decided: new DecidedFilter(By: people[0], From: now.AddHours(1)))));
        Assert.Equal([items[0]], await ListAsync(host, project, new ItemFilter(Decided: new DecidedFilter(By: people[0], With: people[1], From: now.AddHours(-1)))));
        Assert.Empty(await ListAsync(host, project, new ItemFilter(Decided: new DecidedFilter(By: people[0], With: people[1], To: now.AddHours(-1)))));
        Assert.Equal([items[1], items[2]], await ListAsync(host, project, new ItemFilter(ItemState.Final, LabelledFrom: now.AddHours(-1))));
        Assert.Empty(await ListAsync(host, project, new ItemFilter(ItemState.Final, LabelledTo: now.AddHours(-1))));
    }

    private static async Task<List<long>> ListAsync(CoreHost host, Project project, ItemFilter filter) =>
        (await host.Get<ItemQueries>().ListAsync(project.Id, filter, null, 100, TestContext.Current.CancellationToken)).ConvertAll(i => i.Item.Id);
}
