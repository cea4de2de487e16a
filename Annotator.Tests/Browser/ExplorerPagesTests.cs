using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Annotator.Tests.Support;
using Microsoft.Playwright;

namespace Annotator.Tests.Browser;

/// <summary>The map of items, the search and the pages about work, as a lead uses them.</summary>
[Collection(BrowserCollection.Name)]
public class ExplorerPagesTests(BrowserFixture browser)
{
    private static readonly SemaphoreSlim s_making = new(1, 1);
    private static string? s_project;

    [Theory]
    [InlineData("en-US", false, 1280)]
    [InlineData("ko-KR", true, 820)]
    public async Task Pages_HaveNothingThatKeepsPeopleOut(string locale, bool dark, int width)
    {
        var project = await ProjectAsync();
        await using var visitor = await browser.SignedInAsync(new BrowserSettings(locale, dark, width));
        var found = new List<string>();
        foreach (var address in (string[])["items/map", "items/map?color=uncertainty", "work", "items?q=card", "review"])
        {
            await PageScenes.OpenAsync(visitor.Page, $"/projects/{project}/{address}");
            if (address.StartsWith("items/map", StringComparison.Ordinal)) await ExplorerScenes.DrawnAsync(visitor.Page);
            found.AddRange((await visitor.Page.BarriersAsync()).SelectMany(v => v.Nodes.Take(3).Select(n => $"{address}: {v.Id} ({v.Impact}): {n.Html}")));
            if (await visitor.Page.EvaluateAsync<bool>("() => document.scrollingElement.scrollWidth > document.scrollingElement.clientWidth + 1")) found.Add($"{address}: wider than the window");
            var words = await visitor.Page.Locator("main").InnerTextAsync();
            if (locale is "ko-KR") Assert.Contains(words, c => c is >= '가' and <= '힣');
            Assert.DoesNotMatch(@"\b(Map|View|Work|Rest|Due|Assign|Group|Rule|Sign)\.[A-Z][A-Za-z]+\b", words);
        }

        Assert.True(found.Count == 0, string.Join('\n', found.Distinct(StringComparer.Ordinal)));
        Assert.Empty(visitor.Troubles);
    }

    [Fact]
    public async Task Map_ItemsAreChosenByLassoKeyAndTable_AndRelabelledWithUndo()
    {
        var project = await ProjectAsync();
        await using var visitor = await browser.SignedInAsync(new BrowserSettings(Height: 1_000));
        var page = visitor.Page;
        await PageScenes.OpenAsync(page, $"/projects/{project}/items");
        await page.Locator(".ev").GetByText("Map", new LocatorGetByTextOptions { Exact = true }).ClickAsync();
        await ExplorerScenes.DrawnAsync(page);

        // With the lasso: all of it.
        await page.GetByRole(AriaRole.Button, new PageGetByRoleOptions { Name = "Lasso" }).ClickAsync();
        var box = (await page.Locator(".mp-canvas").BoundingBoxAsync())!;
        await page.Mouse.MoveAsync(box.X + 3, box.Y + 3);
        await page.Mouse.DownAsync();
        foreach (var (x, y) in ((float, float)[])[(box.Width - 3, 3), (box.Width - 3, box.Height - 3), (3, box.Height - 3), (3, 20)]) await page.Mouse.MoveAsync(box.X + x, box.Y + y, new MouseMoveOptions { Steps = 8 });
        await page.Mouse.UpAsync();
        await Assertions.Expect(page.Locator(".bk strong")).ToContainTextAsync("120");

        // By key: Escape takes the choice away, Enter chooses what stands in the frame.
        await page.Locator(".mp-canvas").FocusAsync();
        await page.Keyboard.PressAsync("Escape");
        await Assertions.Expect(page.Locator(".bk")).ToHaveCountAsync(0);
        await page.Keyboard.PressAsync("-");
        await page.Keyboard.PressAsync("-");
        await page.Keyboard.PressAsync("-");
        await page.Keyboard.PressAsync("Enter");
        await Assertions.Expect(page.Locator(".bk strong")).ToBeVisibleAsync();

        // From the table, and something done with it. What was chosen before has gone first, so that the list is the region's.
        await page.Locator(".mp-canvas").FocusAsync();
        await page.Keyboard.PressAsync("Escape");
        await Assertions.Expect(page.Locator(".bk")).ToHaveCountAsync(0);
        await Assertions.Expect(page.Locator(".mp-list li")).ToHaveCountAsync(0);
        await page.GetByRole(AriaRole.Button, new PageGetByRoleOptions { Name = "Choose region 1", Exact = true }).ClickAsync();
        await Assertions.Expect(page.Locator(".mp-list li").First).ToBeVisibleAsync();
        var first = Regex.Match(await page.Locator(".mp-list a").First.GetAttributeAsync("href") ?? "", "item=(?<id>[0-9]+)", RegexOptions.None, TimeSpan.FromSeconds(1)).Groups["id"].Value;
        var before = (await browser.Api.ItemAsync(project, first))!["label"]?.ToJsonString();
        var label = (string)PageScenes.Labels[^1]!["name"]!;
        await page.Locator("#bk-label").SelectOptionAsync(label);
        await page.Locator(".bk").GetByText("Give this label").Or(page.Locator(".bk .an-button-primary")).First.ClickAsync();
        await Assertions.Expect(page.Locator(".bk")).ToContainTextAsync("Undo");
        Assert.Equal(label, (string)(await browser.Api.ItemAsync(project, first))!["label"]!["choice"]!);
        await page.Locator(".bk").GetByText("Undo").ClickAsync();
        await Assertions.Expect(page.Locator(".bk")).ToHaveCountAsync(0);
        Assert.Equal(before, (await browser.Api.ItemAsync(project, first))!["label"]?.ToJsonString());

        // What stands out stands in the address.
        await page.Locator(".mp-entry").First.ClickAsync();
        await Assertions.Expect(page).ToHaveURLAsync(new Regex("only=", RegexOptions.None, TimeSpan.FromSeconds(1)));
        Assert.Empty(visitor.Troubles);
    }

    [Fact]
    public async Task Item_IsGivenToSomebody_ShowsWhatIsLikeIt_AndGetsAnEarlierLabelBack()
    {
        var project = await ProjectAsync();
        await using var visitor = await browser.SignedInAsync();
        var page = visitor.Page;
        await PageScenes.OpenAsync(page, $"/projects/{project}/items?state=queued");
        await page.Locator(".it-open").Last.ClickAsync();
        await page.Locator("#ia-to").SelectOptionAsync("g:Payments");
        await Assertions.Expect(page.Locator(".ia")).ToContainTextAsync("Payments");
        await page.Locator(".ia").GetByText("Take back").ClickAsync();
        await Assertions.Expect(page.Locator(".ia")).ToContainTextAsync("Everybody");

        // The items like it are a list of their own, and the view can be kept.
        await Assertions.Expect(page.Locator(".si li").First).ToBeVisibleAsync();
        await page.Locator(".si-head a").ClickAsync();
        await Assertions.Expect(page).ToHaveURLAsync(new Regex("like=", RegexOptions.None, TimeSpan.FromSeconds(1)));
        await Assertions.Expect(page.Locator(".it-note")).ToContainTextAsync("most like");

        // A label of before comes back with one click.
        await PageScenes.OpenAsync(page, $"/projects/{project}/items?state=final");
        await page.Locator(".it-open").First.ClickAsync();
        await page.Locator("#it-panel-title").WaitForAsync();
        var item = Regex.Match(page.Url, "item=(?<id>[0-9]+)", RegexOptions.None, TimeSpan.FromSeconds(1)).Groups["id"].Value;
        var before = (string)(await browser.Api.ItemAsync(project, item))!["label"]!["choice"]!;
        var other = (string)PageScenes.Labels.First(l => (string)l!["name"]! != before)!["name"]!;
        await page.Locator("#it-set").SelectOptionAsync(other);
        await page.Locator(".it-actions button").First.ClickAsync();

        // The item may have had other labels in the meantime: what is given back is the one that stood before.
        var row = page.Locator(".it-history li", new PageLocatorOptions { Has = page.Locator(".it-value").GetByText(before, new LocatorGetByTextOptions { Exact = true }) });
        await row.Locator(".it-revert").Last.ClickAsync();
        await Until.HoldsAsync(async () => await browser.Api.ItemAsync(project, item), i => (string)i!["label"]!["choice"]! == before, "the item has its earlier label again");

        // A view of the map is kept with the account.
        await PageScenes.OpenAsync(page, $"/projects/{project}/items/map?color=source");
        await page.Locator("#sv-name").FillAsync("By source");
        await page.Locator(".sv button[type=submit]").ClickAsync();
        await Assertions.Expect(page.Locator(".sv")).ToContainTextAsync("By source");
        Assert.Empty(visitor.Troubles);
    }

    [Fact]
    public async Task Work_GroupsRulesAndRest_AreSetOnThePage()
    {
        var project = await browser.Api.CreateProjectAsync("Work page", ["cat", "dog"]);
        await browser.Api.AddAsync(project, ["a cat sleeps", "a dog barks"]);
        await using var visitor = await browser.SignedInAsync();
        var page = visitor.Page;
        await PageScenes.OpenAsync(page, $"/projects/{project}/work");
        await page.GetByLabel("Name of the group").FillAsync("Vets");
        await page.GetByRole(AriaRole.Button, new PageGetByRoleOptions { Name = "Add group" }).ClickAsync();
        await page.Locator(".wk-group input[type=checkbox]").First.CheckAsync();
        await page.Locator("#wk-rules ~ form select").First.SelectOptionAsync("dog");
        await page.Locator("#wk-rules ~ form select").Last.SelectOptionAsync("Vets");
        await page.GetByRole(AriaRole.Button, new PageGetByRoleOptions { Name = "Add rule" }).ClickAsync();
        await Assertions.Expect(page.Locator(".wk-rules")).ToContainTextAsync("label dog → to Vets");
        await page.GetByRole(AriaRole.Button, new PageGetByRoleOptions { Name = "Pause the project" }).ClickAsync();
        await Assertions.Expect(page.GetByRole(AriaRole.Button, new PageGetByRoleOptions { Name = "Reopen the project" })).ToBeVisibleAsync();
        var settings = (await browser.Api.GetAsync($"/api/v1/projects/{project}"))!["settings"]!["work"]!;
        Assert.True((bool)settings["paused"]!);
        Assert.Equal("dog", (string)settings["rules"]![0]!["labels"]![0]!);
        Assert.Single(settings["groups"]![0]!["people"]!.AsArray());

        // Who comes to review is told, and goes on once it is open again.
        await PageScenes.OpenAsync(page, $"/projects/{project}/review");
        await Assertions.Expect(page.GetByText("This project is paused")).ToBeVisibleAsync();
        await browser.Api.SendAsync(HttpMethod.Put, $"/api/v1/projects/{project}/rest", new JsonObject { ["paused"] = false });
        await Assertions.Expect(page.GetByText("This project is paused")).ToHaveCountAsync(0);
        Assert.DoesNotContain(visitor.Troubles, t => !t.Contains("423", StringComparison.Ordinal));
    }

    private async Task<string> ProjectAsync()
    {
        _ = browser.Api;
        await s_making.WaitAsync(TestContext.Current.CancellationToken);
        try
        {
            return s_project ??= await ExplorerScenes.MakeAsync(browser.Api, "Explorer", 120);
        }
        finally
        {
            s_making.Release();
        }
    }
}
