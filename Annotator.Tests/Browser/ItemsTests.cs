using System.Text.RegularExpressions;
using Annotator.Tests.Support;
using Microsoft.Playwright;

namespace Annotator.Tests.Browser;

/// <summary>Looking at a project's data.</summary>
[Collection(BrowserCollection.Name)]
public class ItemsTests(BrowserFixture browser)
{
    [Fact]
    public async Task Filters_StandInTheAddress()
    {
        var (project, _) = await DecidedAsync();
        await using var visitor = await browser.SignedInAsync();
        var page = visitor.Page;
        await PageScenes.OpenAsync(page, $"/projects/{project}/items");
        await Assertions.Expect(page.Locator(".it-table tbody tr")).ToHaveCountAsync(4);
        await page.Locator(".it-states").GetByRole(AriaRole.Link, new LocatorGetByRoleOptions { Name = "Final" }).ClickAsync();
        await Assertions.Expect(page.Locator(".it-table tbody tr")).ToHaveCountAsync(2);
        await page.Locator(".it-filter select").First.SelectOptionAsync("cat");
        await Assertions.Expect(page.Locator(".it-table tbody tr")).ToHaveCountAsync(1);
        await Assertions.Expect(page).ToHaveURLAsync(new Regex("state=final&label=cat$", RegexOptions.None, TimeSpan.FromSeconds(1)));
        await page.ReloadAsync();
        await Assertions.Expect(page.Locator(".it-table tbody tr")).ToHaveCountAsync(1);

        await page.GetByRole(AriaRole.Link, new PageGetByRoleOptions { Name = "Clear filters" }).ClickAsync();
        await page.Locator("#it-text").FillAsync("barks");
        await page.Keyboard.PressAsync("Enter");
        await Assertions.Expect(page.Locator(".it-table tbody tr")).ToHaveCountAsync(1);
        await page.Locator("#it-text").FillAsync("no such words");
        await page.Keyboard.PressAsync("Enter");
        await Assertions.Expect(page.GetByText("Nothing matches")).ToBeVisibleAsync();
        Assert.Empty(visitor.Troubles);
    }

    [Fact]
    public async Task Reopening_TakesTheLabelBackAndKeepsTheHistory()
    {
        var (project, items) = await DecidedAsync();
        await using var visitor = await browser.SignedInAsync();
        var page = visitor.Page;
        await PageScenes.OpenAsync(page, $"/projects/{project}/items?state=final");
        await page.Locator(".it-open").First.ClickAsync();
        await page.GetByRole(AriaRole.Button, new PageGetByRoleOptions { Name = "Reopen…" }).ClickAsync();
        await page.Locator("#it-reason").FillAsync("the guideline changed");
        await page.GetByRole(AriaRole.Button, new PageGetByRoleOptions { Name = "Reopen the item" }).ClickAsync();
        await Assertions.Expect(page.Locator(".it-history")).ToContainTextAsync("the guideline changed");
        await Assertions.Expect(page.Locator(".it-undone")).ToHaveCountAsync(1);

        var item = (await browser.Api.ItemAsync(project, items[0]))!;
        Assert.Equal("queued", (string)item["state"]!);
        Assert.Null(item["label"]);
        Assert.Equal(1, (int)(await browser.Api.GetAsync($"/api/v1/projects/{project}/metrics"))!["decisions"]!["human"]!);

        // It is what people get next.
        Assert.Equal(items[0], (string)(await browser.Api.LeaseAsync(project, 1))[0]!["itemId"]!);
    }

    [Fact]
    public async Task Lead_SetsALabel()
    {
        var (project, items) = await DecidedAsync();
        await using var visitor = await browser.SignedInAsync();
        var page = visitor.Page;
        await PageScenes.OpenAsync(page, $"/projects/{project}/items?item={items[3]}");
        await page.Locator("#it-set").SelectOptionAsync("dog");
        await page.GetByRole(AriaRole.Button, new PageGetByRoleOptions { Name = "Set label" }).ClickAsync();
        await Until.HoldsAsync(async () => (string?)(await browser.Api.ItemAsync(project, items[3]))!["label"]?["choice"], label => label is "dog", "the label is set");
        await Assertions.Expect(page.Locator(".it-history")).ToContainTextAsync("dog");
    }

    private async Task<(string Project, IReadOnlyList<string> Items)> DecidedAsync()
    {
        var project = await browser.Api.CreateProjectAsync("Animals", ["cat", "dog"]);
        var items = await browser.Api.AddAsync(project, ["it purrs on the sofa", "it barks at the post", "it sleeps all day", "it chases sticks"]);
        await browser.Api.DecideAsync(project, [(items[0], "cat"), (items[1], "dog")]);
        return (project, items);
    }
}
