using System.Text.Json.Nodes;
using Annotator.Tests.Support;
using Microsoft.Playwright;

namespace Annotator.Tests.Browser;

/// <summary>The page of devices with devices at work, and their settings.</summary>
[Collection(BrowserCollection.Name)]
public class FleetPageTests(BrowserFixture browser)
{
    [Fact]
    public async Task Devices_AreShownToEverybodysEyes_AndTheirSettingsAreKept()
    {
        await using var visitor = await browser.SignedInAsync();
        await using var dark = await browser.SignedInAsync(new BrowserSettings("ko-KR", Dark: true, Width: 820));
        var project = await FleetScenes.ProjectAsync(browser.Api, browser.Server.Address);
        var found = new List<string>();
        foreach (var person in (Visitor[])[visitor, dark])
        {
            foreach (var name in (string[])["devices", "settings"])
            {
                await PageScenes.OpenAsync(person.Page, $"/projects/{project}/{name}");
                found.AddRange((await person.Page.BarriersAsync()).SelectMany(v => v.Nodes.Take(3).Select(n => $"{name}: {v.Id}: {n.Html}")));
                if (await person.Page.EvaluateAsync<bool>("() => document.scrollingElement.scrollWidth > document.scrollingElement.clientWidth + 1")) found.Add($"{name}: wider than the window");
                if (person == dark) Assert.DoesNotMatch(@"\b(Fleet|Rollout|Int8|Delivery)\.[A-Za-z.]+\b", await person.Page.Locator("main").InnerTextAsync());
            }
        }

        Assert.True(found.Count == 0, string.Join('\n', found.Distinct(StringComparer.Ordinal)));
        var page = visitor.Page;
        await PageScenes.OpenAsync(page, $"/projects/{project}/devices");
        await Assertions.Expect(page.GetByRole(AriaRole.Row).Filter(new LocatorFilterOptions { HasText = "mail-gateway" })).ToContainTextAsync("0.31");

        // Wrong stages are named where they stand; right ones are kept.
        await PageScenes.OpenAsync(page, $"/projects/{project}/settings");
        var stages = page.GetByLabel("Stages", new PageGetByLabelOptions { Exact = true });
        await stages.FillAsync("50, 20");
        await stages.PressAsync("Tab");
        await page.GetByRole(AriaRole.Button, new PageGetByRoleOptions { Name = "Save", Exact = false }).First.ClickAsync();
        await Assertions.Expect(page.GetByText("whole percentages that rise to 100")).ToBeVisibleAsync();
        await stages.FillAsync("20, 100");
        await stages.PressAsync("Tab");
        await page.GetByRole(AriaRole.Button, new PageGetByRoleOptions { Name = "Save", Exact = false }).First.ClickAsync();
        await Until.HoldsAsync(
            async () => (await browser.Api.GetAsync($"/api/v1/projects/{project}"))!["settings"]!["edge"]!["stages"]!.AsArray().Select(s => (int)s!).ToList(), kept => kept.SequenceEqual([20, 100]), "the stages are kept");
        Assert.Empty(visitor.Troubles);
        Assert.Empty(dark.Troubles);
    }
}
