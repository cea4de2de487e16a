using Annotator.Tests.Support;
using Microsoft.Playwright;

namespace Annotator.Tests.Browser;

/// <summary>Takes the pictures of the page of devices in docs/screenshots. Not a test: run <c>eng/shots.sh</c>.</summary>
[Collection(BrowserCollection.Name)]
public class FleetScreenshots(BrowserFixture browser)
{
    private static readonly string s_folder = Environment.GetEnvironmentVariable("SHOTS") ?? Path.Combine(Repository.Root, "docs", "screenshots");

    [Fact(Explicit = true)]
    public async Task Pages()
    {
        await using var first = await browser.SignedInAsync();
        var project = await FleetScenes.ProjectAsync(browser.Api, browser.Server.Address);
        Directory.CreateDirectory(s_folder);
        foreach (var (suffix, settings) in ((string, BrowserSettings)[])[("", new BrowserSettings()), ("-dark", new BrowserSettings(Dark: true)), ("-korean", new BrowserSettings("ko-KR", Width: 820))])
        {
            await using var visitor = await browser.SignedInAsync(settings);
            await PageScenes.OpenAsync(visitor.Page, $"/projects/{project}/devices");
            await visitor.Page.Locator("#int8-title").WaitForAsync();
            await visitor.Page.ScreenshotAsync(new PageScreenshotOptions { Path = Path.Combine(s_folder, $"devices{suffix}.png"), Animations = ScreenshotAnimations.Disabled, FullPage = true });
        }

        await PageScenes.OpenAsync(first.Page, $"/projects/{project}/settings");
        await first.Page.Locator("#edge-settings").ScrollIntoViewIfNeededAsync();
        await first.Page.ScreenshotAsync(new PageScreenshotOptions { Path = Path.Combine(s_folder, "settings-devices.png"), Animations = ScreenshotAnimations.Disabled });
        await PageScenes.OpenAsync(first.Page, $"/projects/{project}/review");
        await first.Page.Locator(".rv-device").WaitForAsync();
        await first.Page.ScreenshotAsync(new PageScreenshotOptions { Path = Path.Combine(s_folder, "review-device.png"), Animations = ScreenshotAnimations.Disabled });
    }
}
