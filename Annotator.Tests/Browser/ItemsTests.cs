using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Annotator.Core.Accounts;
using Annotator.Tests.Support;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Playwright;

namespace Annotator.Tests.Browser;

/// <summary>Looking at a project's data.</summary>
[Collection(PagesCollection.Name)]
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
    public async Task Reopening_OverTheApi_IsForLeads()
    {
        var (project, items) = await DecidedAsync();
        using var annotator = new TestApi(browser.Server.Address, await AnnotatorAsync(project));
        var refused = await Assert.ThrowsAsync<HttpRequestException>(() => annotator.SendAsync(HttpMethod.Post, $"/api/v1/projects/{project}/items/{items[0]}/reopen"));
        Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
        Assert.Equal("final", (string)(await browser.Api.ItemAsync(project, items[0]))!["state"]!);

        await browser.Api.SendAsync(HttpMethod.Post, $"/api/v1/projects/{project}/items/{items[0]}/reopen", new JsonObject { ["reason"] = "looked at again" });
        Assert.Equal("queued", (string)(await browser.Api.ItemAsync(project, items[0]))!["state"]!);
        var missing = await Assert.ThrowsAsync<HttpRequestException>(() => browser.Api.SendAsync(HttpMethod.Post, $"/api/v1/projects/{project}/items/999999/reopen"));
        Assert.Equal(HttpStatusCode.NotFound, missing.StatusCode);
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

    // An annotator of the project; answers their token.
    private async Task<string> AnnotatorAsync(string project)
    {
        var accounts = browser.Server.Services.GetRequiredService<AccountService>();
        var admin = new Caller(0, Role.Admin);
        var user = (await accounts.CreateUserAsync(admin, "linus@annotator.test", "Linus", Role.Annotator, "yet another sentence", TestContext.Current.CancellationToken)).Value!.User;
        await accounts.AddMemberAsync(admin, long.Parse(project, CultureInfo.InvariantCulture), user.Id, Role.Annotator, TestContext.Current.CancellationToken);
        return (await accounts.CreateTokenAsync(admin, user.Id, "test", cancellationToken: TestContext.Current.CancellationToken)).Value!.Plain;
    }

    private async Task<(string Project, IReadOnlyList<string> Items)> DecidedAsync()
    {
        var project = await browser.Api.CreateProjectAsync("Animals", ["cat", "dog"]);
        var items = await browser.Api.AddAsync(project, ["it purrs on the sofa", "it barks at the post", "it sleeps all day", "it chases sticks"]);
        await browser.Api.DecideAsync(project, [(items[0], "cat"), (items[1], "dog")]);
        return (project, items);
    }
}
