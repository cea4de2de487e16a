using Annotator.Tests.Support;
using Microsoft.Playwright;

namespace Annotator.Tests.Browser;

/// <summary>Takes the pictures of the dashboards in docs/screenshots. Not a test: run <c>eng/shots.sh</c>.</summary>
[Collection(BrowserCollection.Name)]
public class QualityScreenshots(BrowserFixture browser)
{
    private static readonly string s_folder = Environment.GetEnvironmentVariable("SHOTS") ?? Path.Combine(Repository.Root, "docs", "screenshots");

    [Fact(Explicit = true)]
    public async Task Dashboards()
    {
        _ = browser.Api;
        var scene = await TeamScene.MakeAsync(browser.Server.Services, browser.Api, "Support messages", 420);
        Directory.CreateDirectory(s_folder);
        foreach (var (suffix, settings) in ((string, BrowserSettings)[])[("", new BrowserSettings(Width: 1360, Height: 860)), ("-dark", new BrowserSettings(Dark: true, Width: 1360, Height: 860))])
        {
            await using var visitor = await browser.SignedInAsync(settings);
            foreach (var (name, query) in ((string, string)[])
                [("progress", ""), ("models", "?tab=models"), ("labels", "?tab=labels"), ("people", "?tab=people"), ("annotator", $"?tab=people&by={scene.People["Lena"]}"), ("agreement", "?tab=agreement"), ("certificate", "?tab=certificate"), ("suspects", "?tab=suspects")])
            {
                if (suffix.Length > 0 && name is not ("progress" or "models" or "agreement")) continue;
                await PageScenes.OpenAsync(visitor.Page, $"/projects/{scene.Project}/quality{query}");
                await visitor.Page.EvaluateAsync("() => document.fonts.ready");
                await visitor.Page.ScreenshotAsync(new PageScreenshotOptions { Path = Path.Combine(s_folder, $"quality-{name}{suffix}.png"), Animations = ScreenshotAnimations.Disabled, FullPage = true });
            }
        }
    }
}
