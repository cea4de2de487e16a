using Annotator.Tests.Support;
using Microsoft.Playwright;

namespace Annotator.Tests.Browser;

/// <summary>Takes the pictures of explorer and work in docs/screenshots. Not a test: run <c>eng/shots.sh</c>.</summary>
[Collection(BrowserCollection.Name)]
public class ExplorerScreenshots(BrowserFixture browser)
{
    private static readonly string s_folder = Environment.GetEnvironmentVariable("SHOTS") ?? Path.Combine(Repository.Root, "docs", "screenshots");

    [Fact(Explicit = true)]
    public async Task ExplorerAndWork()
    {
        _ = browser.Api;
        var project = await ExplorerScenes.MakeAsync(browser.Api, "Support messages", 900);
        Directory.CreateDirectory(s_folder);
        foreach (var (suffix, settings) in ((string, BrowserSettings)[])[("", new BrowserSettings(Width: 1360, Height: 900)), ("-dark", new BrowserSettings(Dark: true, Width: 1360, Height: 900))])
        {
            await using var visitor = await browser.SignedInAsync(settings);
            foreach (var (name, address) in ((string, string)[])[("map", "items/map"), ("map-uncertainty", "items/map?color=uncertainty"), ("work", "work"), ("items-search", "items?q=card%20not"), ("item", "items?state=queued")])
            {
                if (suffix.Length > 0 && name is not ("map" or "work" or "item")) continue;
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

                await visitor.Page.EvaluateAsync("() => { window.scrollTo(0, 0); return document.fonts.ready; }");
                await visitor.Page.ScreenshotAsync(new PageScreenshotOptions { Path = Path.Combine(s_folder, $"{name}{suffix}.png"), Animations = ScreenshotAnimations.Disabled, FullPage = name is "work" });
            }
        }
    }
}
