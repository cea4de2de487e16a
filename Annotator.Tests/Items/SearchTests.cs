using System.Globalization;
using Annotator.Core.Cascade;
using Annotator.Core.Items;
using Annotator.Core.Items.Search;
using Annotator.Core.Labels;
using Annotator.Core.Projects;
using Annotator.Core.Runs;
using Annotator.Tests.Support;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Tests.Items;

/// <summary>Looking for texts: the database's own index gives what reading everything would, in every script, and stays right when items change.</summary>
public sealed class SearchTests
{
    private static readonly string[] s_texts =
    [
        "My card has not arrived yet", "The CARD payment failed", "카드가 아직 도착하지 않았어요", "환불은 언제 되나요", "환불", "カードがまだ届きません", "我的卡还没有到", "top-up 100% free_money",
        "He said \"no card\" and left", "it's a back\\slash", "ÉCLAIR au café", "a", "xy", "exchange rate", "rate of exchange", "emoji 🎉 party", "line one\nline two",
    ];

    [Theory]
    [MemberData(nameof(Providers.All), MemberType = typeof(Providers))]
    public async Task Index_FindsWhatReadingFinds(string provider)
    {
        using var database = await TestDatabase.CreateAsync(provider);
        await using var host = await CoreHost.StartAsync(database);
        var project = await host.NewProjectAsync(["a", "b"], new ProjectSettings { GroupDuplicates = false });
        var other = await host.NewProjectAsync(["a", "b"], new ProjectSettings { GroupDuplicates = false });
        await StoreAsync(host, project, s_texts);
        await StoreAsync(host, other, s_texts);
        string[] questions =
        [
            "card", "CARD", "카드", "환불", "환", "도착하지", "届きません", "还没有", "卡", "100%", "free_money", "%", "_", "\"no card\"", "it's", "back\\slash", "\\", "café", "a", "xy", "exchange rate", "\"exchange rate\"",
            "rate ex", "🎉", "k1", "nothing of this", "\"", "one two", "ard ay", "card failed", "y",
        ];
        var read = new Dictionary<string, List<long>>(StringComparer.Ordinal);
        foreach (var question in questions) read[question] = await FindAsync(host, project, question);
        Assert.Equal([0, 1, 8], read["card"].Select(i => Place(read, i)));
        await IndexAsync(host, project);
        foreach (var question in questions) Assert.Equal((question, string.Join(',', read[question])), (question, string.Join(',', await FindAsync(host, project, question))));
        Assert.Single(await FindAsync(host, project, "\"exchange rate\""));
        Assert.Equal(2, (await FindAsync(host, project, "exchange rate")).Count);
        Assert.Equal(2, (await FindAsync(host, project, "환불")).Count);
        Assert.Single(await FindAsync(host, project, "卡"));
        Assert.Single(await FindAsync(host, project, "%"));

        int Place(Dictionary<string, List<long>> _, long id) => (int)(id - _first);
    }

    [Theory]
    [MemberData(nameof(Providers.All), MemberType = typeof(Providers))]
    public async Task WhatCameLater_WasEdited_OrIsGone_IsFoundAsItIsNow(string provider)
    {
        using var database = await TestDatabase.CreateAsync(provider);
        await using var host = await CoreHost.StartAsync(database);
        var project = await host.NewProjectAsync(["a", "b"], new ProjectSettings { GroupDuplicates = false });
        await StoreAsync(host, project, ["red apple", "green apple", "blue berry"]);
        await IndexAsync(host, project);
        await StoreAsync(host, project, ["yellow apple"], "late");
        Assert.Equal(3, (await FindAsync(host, project, "apple")).Count);

        await host.Database.WriteAsync(scope => scope.Db.Items.Where(i => i.ProjectId == project.Id && i.Text == "blue berry").ExecuteUpdateAsync(x => x.SetProperty(i => i.Text, "blue apple")));
        await host.Database.WriteAsync(scope => scope.Db.Items.Where(i => i.ProjectId == project.Id && i.Text == "red apple").ExecuteDeleteAsync());
        Assert.Equal(3, (await FindAsync(host, project, "apple")).Count);
        Assert.Empty(await FindAsync(host, project, "berry"));
        Assert.Empty(await FindAsync(host, project, "red"));
        await IndexAsync(host, project);
        Assert.Equal(3, (await FindAsync(host, project, "apple")).Count);
        Assert.Empty(await FindAsync(host, project, "berry"));
    }

    [Theory]
    [MemberData(nameof(Providers.All), MemberType = typeof(Providers))]
    public async Task Filters_AndPages_GoTogetherWithASearch(string provider)
    {
        using var database = await TestDatabase.CreateAsync(provider);
        await using var host = await CoreHost.StartAsync(database);
        var project = await host.NewProjectAsync(["a", "b"], new ProjectSettings { GroupDuplicates = false, AutoAccept = false });
        await StoreAsync(host, project, [.. Enumerable.Range(0, 1_500).Select(i => string.Create(CultureInfo.InvariantCulture, $"{(i % 3 == 0 ? "wanted" : "other")} text {i}"))]);

        // Many behind the index: the first who looks has them indexed.
        Assert.True(await host.Get<TextIndexing>().KeepUpAsync(project.Id, TestContext.Current.CancellationToken));
        Assert.False(await host.Get<TextIndexing>().KeepUpAsync(project.Id, TestContext.Current.CancellationToken));
        await host.RunAllAsync(TestContext.Current.CancellationToken);
        Assert.False(await host.Get<TextIndexing>().KeepUpAsync(project.Id, TestContext.Current.CancellationToken));

        var (found, after) = (new List<long>(), (long?)null);
        for (var pages = 0; ; pages++)
        {
            Assert.True(pages < 10);
            var page = await host.Get<ItemQueries>().ListAsync(project.Id, new ItemFilter(Text: "WANTED"), after, 120, TestContext.Current.CancellationToken);
            found.AddRange(page.Select(p => p.Item.Id));
            if (page.Count < 120) break;
            after = page[^1].Item.Id;
        }

        Assert.Equal(500, found.Count);
        Assert.Equal(found.Order().Distinct(), found);
        await host.Database.WriteAsync(scope => scope.Db.Items.Where(i => i.Id == found[400]).ExecuteUpdateAsync(x => x.SetProperty(i => i.Flagged, true)));
        Assert.Equal([found[400]], (await host.Get<ItemQueries>().ListAsync(project.Id, new ItemFilter(Text: "wanted", Flagged: true), null, 50, TestContext.Current.CancellationToken)).Select(r => r.Item.Id));
        Assert.Empty(await host.Get<ItemQueries>().ListAsync(project.Id, new ItemFilter(Text: "wanted", State: ItemState.Final), null, 50, TestContext.Current.CancellationToken));
    }

    [Theory]
    [InlineData("one two", "one|two")]
    [InlineData("  \"one  two\" three ", "one  two|three")]
    [InlineData("\"open end", "open end")]
    [InlineData("\"\"", "\"\"")]
    [InlineData("a A a", "a")]
    public void Question_IsReadIntoParts(string question, string parts) => Assert.Equal(parts, string.Join('|', SearchQuery.Parse(question)!.Parts));

    [Fact]
    public void Excerpt_ShowsTheFirstPlaceAndMarksAll()
    {
        var query = SearchQuery.Parse("needle")!;
        var text = new string('x', 500) + " Needle and needle " + new string('y', 500);
        var pieces = query.Excerpt(text, 120);
        Assert.Equal(["Needle", "needle"], pieces.Where(p => p.Found).Select(p => p.Text));
        Assert.Equal("…", pieces[0].Text);
        Assert.Equal("…", pieces[^1].Text);
        Assert.Equal([("short", false)], query.Excerpt("short", 120));
        Assert.Null(SearchQuery.Parse("  "));
    }

    private long _first;

    private async Task StoreAsync(CoreHost host, Project project, string[] texts, string prefix = "k")
    {
        var stored = new List<StoredItem>();
        foreach (var part in texts.Select((t, i) => (t, i)).Chunk(1_000))
        {
            var added = await host.Get<ItemIntake>().StoreAsync(project, [.. part.Select(p => new NewItem(string.Create(CultureInfo.InvariantCulture, $"{prefix}{p.i}"), p.t))]);
            stored.AddRange(added.Value);
        }

        if (_first == 0) _first = stored[0].Item.Id;
    }

    private static async Task IndexAsync(CoreHost host, Project project)
    {
        await host.Get<RunService>().StartAsync(project.Id, "indexText", cancellationToken: TestContext.Current.CancellationToken);
        await host.RunAllAsync(TestContext.Current.CancellationToken);
    }

    private static async Task<List<long>> FindAsync(CoreHost host, Project project, string question) =>
        [.. (await host.Get<ItemQueries>().ListAsync(project.Id, new ItemFilter(Text: question), null, 100, TestContext.Current.CancellationToken)).Select(r => r.Item.Id)];
}
