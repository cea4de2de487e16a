using Annotator.Core.Accounts;
using Annotator.Tests.Support;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Playwright;

namespace Annotator.Tests.Browser;

/// <summary>Every page but the review page, as people of different browsers meet it.</summary>
[Collection(PagesCollection.Name)]
public class PagesTests(BrowserFixture browser)
{
    private static IReadOnlyList<(string Name, string Address)>? s_pages;

    [Theory]
    [InlineData(false, 1280)]
    [InlineData(true, 820)]
    public async Task EveryPage_HasNothingThatKeepsPeopleOut(bool dark, int width)
    {
        var pages = await PagesAsync();
        await using var visitor = await browser.SignedInAsync(new BrowserSettings(Dark: dark, Width: width));
        var found = new List<string>();
        foreach (var (name, address) in pages)
        {
            await PageScenes.OpenAsync(visitor.Page, address);
            found.AddRange((await visitor.Page.BarriersAsync()).SelectMany(v => v.Nodes.Take(4).Select(n => $"{name}: {v.Id} ({v.Impact}): {n.Html}")));
            if (await visitor.Page.EvaluateAsync<bool>("() => document.scrollingElement.scrollWidth > document.scrollingElement.clientWidth + 1")) found.Add($"{name}: wider than the window");
        }

        Assert.True(found.Count == 0, string.Join('\n', found.Distinct(StringComparer.Ordinal)));
        Assert.Empty(visitor.Troubles);
    }

    [Fact]
    public async Task EntryPages_HaveNothingThatKeepsPeopleOut()
    {
        await using var visitor = await browser.OpenAsync(new BrowserSettings("ko-KR", Dark: true));
        var found = new List<string>();
        foreach (var address in (string[])["/account/login", "/account/setup", "/account/invitation?token=unknown"])
        {
            await PageScenes.OpenAsync(visitor.Page, address);
            found.AddRange((await visitor.Page.BarriersAsync()).Select(v => $"{address}: {v.Id}: {v.Nodes[0].Html}"));
        }

        Assert.True(found.Count == 0, string.Join('\n', found));
    }

    [Fact]
    public async Task SetupLink_LeadsToAnAccountAndTheSampleProject()
    {
        await using var server = await InProcessServer.StartNewAsync(b => b.Configuration.AddInMemoryCollection(new Dictionary<string, string?>(StringComparer.Ordinal)
        {
            ["Annotator:Bootstrap:AdminEmail"] = "",
            ["Annotator:Bootstrap:AdminPassword"] = "",
            ["Annotator:Bootstrap:ApiToken"] = "",
        }));
        var token = await server.Services.GetRequiredService<SetupService>().OfferAsync(TestContext.Current.CancellationToken);
        await using var visitor = await browser.OpenAsync(address: server.Address);
        var page = visitor.Page;
        await page.GotoAsync($"/account/setup?token={token}");
        await page.Locator("input[name='Input.Name']").FillAsync("Ada");
        await page.Locator("input[name='Input.Email']").FillAsync("ada@annotator.test");
        await page.Locator("input[name='Input.Password']").FillAsync("a sentence works well");
        await page.Locator("button[type=submit]").ClickAsync();
        await page.GetByRole(AriaRole.Button, new PageGetByRoleOptions { Name = "Start the sample project" }).ClickAsync();
        await page.WaitForURLAsync("**/projects/*");
        await Assertions.Expect(page.GetByRole(AriaRole.Heading, new PageGetByRoleOptions { Level = 1 })).ToContainTextAsync("Support messages");
        await Assertions.Expect(page.Locator(".an-legend")).Not.ToHaveCountAsync(0);

        // The link works once.
        await using var second = await browser.OpenAsync(address: server.Address);
        await second.Page.GotoAsync($"/account/setup?token={token}");
        await Assertions.Expect(second.Page.Locator("form input[name='Input.Password']")).ToHaveCountAsync(0);
    }

    [Fact]
    public async Task DarkSystem_GetsDarkColoursAndTheUsersChoiceStandsAboveIt()
    {
        await using var visitor = await browser.SignedInAsync(new BrowserSettings(Dark: true));
        var page = visitor.Page;
        await PageScenes.OpenAsync(page, "/profile");
        Assert.True(await BrightnessAsync(page) < 60);
        await page.Locator("input[name=theme][value=light]").CheckAsync(new LocatorCheckOptions { Force = true });
        await Until.TrueAsync(async () => await BrightnessAsync(page) > 200, "the page has become light");
        await PageScenes.OpenAsync(page, "/");
        Assert.True(await BrightnessAsync(page) > 200);
        await PageScenes.OpenAsync(page, "/profile");
        await page.Locator("input[name=theme][value=system]").CheckAsync(new LocatorCheckOptions { Force = true });
        await Until.TrueAsync(async () => await BrightnessAsync(page) < 60, "the page follows the system again");
    }

    [Fact]
    public async Task KoreanBrowser_GetsKoreanOnEveryPage()
    {
        var pages = await PagesAsync();
        await using var visitor = await browser.SignedInAsync(new BrowserSettings("ko-KR"));
        foreach (var (name, address) in pages)
        {
            await PageScenes.OpenAsync(visitor.Page, address);
            Assert.Equal("ko", await visitor.Page.EvaluateAsync<string>("() => document.documentElement.lang"));
            var words = await visitor.Page.Locator("main").InnerTextAsync();
            Assert.True(words.Any(c => c is >= '가' and <= '힣'), $"{name} has no Korean: {words[..Math.Min(200, words.Length)]}");
            Assert.DoesNotMatch(@"\b[A-Z][A-Za-z]+\.[A-Z][A-Za-z]+\b", words);
        }
    }

    [Fact]
    public async Task Settings_AreSavedAndHold()
    {
        var project = await browser.Api.CreateProjectAsync("Settings", ["a", "b"]);
        await using var visitor = await browser.SignedInAsync();
        var page = visitor.Page;
        await PageScenes.OpenAsync(page, $"/projects/{project}/settings");
        await page.GetByLabel("Name", new PageGetByLabelOptions { Exact = true }).FillAsync("Other name");
        await page.Keyboard.PressAsync("Tab");
        await page.GetByRole(AriaRole.Button, new PageGetByRoleOptions { Name = "Save" }).ClickAsync();
        await Until.HoldsAsync(async () => (string?)(await browser.Api.GetAsync($"/api/v1/projects/{project}"))!["name"], n => n is "Other name", "the name is saved");
        await page.ReloadAsync();
        await Assertions.Expect(page.GetByLabel("Name", new PageGetByLabelOptions { Exact = true })).ToHaveValueAsync("Other name");
    }

    [Fact]
    public async Task ManageMenu_OpensByKeyClosesFromOutsideAndLeadsOn()
    {
        var project = await browser.Api.CreateProjectAsync("Menu", ["a", "b"]);
        await using var visitor = await browser.SignedInAsync();
        var page = visitor.Page;
        await PageScenes.OpenAsync(page, $"/projects/{project}");
        var menu = page.Locator(".an-manage");
        var settings = menu.GetByRole(AriaRole.Link, new LocatorGetByRoleOptions { Name = "Settings" });
        await menu.Locator("summary").FocusAsync();
        await page.Keyboard.PressAsync("Enter");
        await Assertions.Expect(settings).ToBeVisibleAsync();
        await page.Keyboard.PressAsync("Escape");
        await Assertions.Expect(settings).ToBeHiddenAsync();
        await Assertions.Expect(menu.Locator("summary")).ToBeFocusedAsync();
        await page.Keyboard.PressAsync("Enter");
        await page.Locator("h1").First.ClickAsync();
        await Assertions.Expect(settings).ToBeHiddenAsync();
        await menu.Locator("summary").ClickAsync();
        await settings.ClickAsync();
        await page.WaitForURLAsync("**/settings");
        await Assertions.Expect(settings).ToBeHiddenAsync();
    }

    [Fact]
    public async Task InvitedPerson_MakesAnAccountAndSeesNoProjectOfOthers()
    {
        await browser.Api.CreateProjectAsync("Not for guests", ["a", "b"]);
        await using var visitor = await browser.SignedInAsync();
        await PageScenes.OpenAsync(visitor.Page, "/users");
        await visitor.Page.GetByRole(AriaRole.Button, new PageGetByRoleOptions { Name = "Invite somebody" }).ClickAsync();
        await visitor.Page.Locator(".an-users-form input").First.FillAsync("grace@annotator.test");
        await visitor.Page.Locator(".an-users-form input").Nth(1).FillAsync("Grace");
        await visitor.Page.Locator(".an-users-form button[type=submit]").ClickAsync();
        var link = await visitor.Page.Locator(".an-copy").InputValueAsync();

        await using var guest = await browser.OpenAsync();
        await guest.Page.GotoAsync(link);
        await guest.Page.Locator("input[name='Input.Name']").FillAsync("Grace");
        await guest.Page.Locator("input[name='Input.Password']").FillAsync("another good sentence");
        await guest.Page.Locator("button[type=submit]").ClickAsync();
        await PageScenes.SettledAsync(guest.Page);
        await Assertions.Expect(guest.Page.Locator(".an-user-name")).ToHaveTextAsync("Grace");
        await Assertions.Expect(guest.Page.GetByText("Not for guests")).ToHaveCountAsync(0);
        await Assertions.Expect(guest.Page.GetByRole(AriaRole.Link, new PageGetByRoleOptions { Name = "Administration" })).ToHaveCountAsync(0);
    }

    private static async Task<double> BrightnessAsync(IPage page) =>
        await page.EvaluateAsync<double>("() => { const c = getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number); return (c[0] + c[1] + c[2]) / 3; }");

    // Made once: nobody changes anything on it.
    private async Task<IReadOnlyList<(string Name, string Address)>> PagesAsync()
    {
        if (s_pages is not null) return s_pages;
        var project = await PageScenes.LearntAsync(browser.Api, "Support messages", 120, 48);
        var empty = await browser.Api.CreateProjectAsync("Nothing in it", ["a", "b"]);
        var first = (await browser.Api.GetAsync($"/api/v1/projects/{project}/items?limit=1"))!["items"]!.AsArray();
        return s_pages = PageScenes.Pages(project, empty, (string)first[0]!["id"]!);
    }
}
