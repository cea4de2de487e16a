using Annotator.Tests.Support;
using Microsoft.Playwright;

namespace Annotator.Tests.Browser;

/// <summary>Takes the pictures of the explorer in docs/screenshots. Not a test: run <c>eng/shots.sh</c>.</summary>
[Collection(BrowserCollection.Name)]
public class ExplorerScreenshots(BrowserFixture browser)
{
    [Fact(Explicit = true)]
    public async Task Explorer()
    {
        _ = browser.Api;
        var project = await ExplorerScenes.MakeAsync(browser.Api, "Support messages", 900);
        foreach (var (suffix, settings) in Shots.Variants(1360, 900))
        {
            await using var visitor = await browser.SignedInAsync(settings);
            foreach (var (name, address) in ((string, string)[])[("map", "items/map"), ("map-uncertainty", "items/map?color=uncertainty"), ("items-search", "items?q=card%20not"), ("item", "items?state=queued")])
            {
                await PageScenes.OpenAsync(visitor.Page, $"/projects/{project}/{address}");
                if (name.StartsWith("map", StringComparison.Ordinal)) await ExplorerScenes.DrawnAsync(visitor.Page);
                if (name is "map")
                {
                    await visitor.Page.GetByRole(AriaRole.Button, new PageGetByRoleOptions { Name = "Choose region 2", Exact = true }).ClickAsync();
                    await visitor.Page.Locator(".mp-list li").First.WaitForAsync();
                }

                if (name is "item")
                {
                    await visitor.Page.Locator(".it-open").Nth(3).ClickAsync();
                    await visitor.Page.Locator("#ia-to").WaitForAsync();
                    await visitor.Page.Locator(".si li").First.WaitForAsync();
                }

                await visitor.Page.EvaluateAsync("() => window.scrollTo(0, 0)");
                await Shots.TakeAsync(visitor.Page, name + suffix);
            }
        }
    }
}
