using Annotator.Tests.Support;

namespace Annotator.Tests.Browser;

/// <summary>Takes the pictures of the page of devices in docs/screenshots. Not a test: run <c>eng/shots.sh</c>.</summary>
[Collection(BrowserCollection.Name)]
public class FleetScreenshots(BrowserFixture browser)
{
    [Fact(Explicit = true)]
    public async Task Pages()
    {
        _ = browser.Api;
        var project = await FleetScenes.ProjectAsync(browser.Api, browser.Server.Address);
        foreach (var (suffix, settings) in Shots.Variants())
        {
            await using var visitor = await browser.SignedInAsync(settings);
            await PageScenes.OpenAsync(visitor.Page, $"/projects/{project}/devices");
            await visitor.Page.Locator("#int8-title").WaitForAsync();
            await Shots.TakeAsync(visitor.Page, "devices" + suffix, full: true);
            await PageScenes.OpenAsync(visitor.Page, $"/projects/{project}/settings");
            await visitor.Page.Locator("#edge-settings").ScrollIntoViewIfNeededAsync();
            await Shots.TakeAsync(visitor.Page, "settings-devices" + suffix);
            await PageScenes.OpenAsync(visitor.Page, $"/projects/{project}/review");
            await visitor.Page.Locator(".rv-device").WaitForAsync();
            await Shots.TakeAsync(visitor.Page, "review-device" + suffix);
        }
    }
}
