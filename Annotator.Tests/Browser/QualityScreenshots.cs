using System.Text.RegularExpressions;
using Annotator.Tests.Support;
using Microsoft.Playwright;

namespace Annotator.Tests.Browser;

/// <summary>Takes the pictures of the dashboards in docs/screenshots. Not a test: run <c>eng/shots.sh</c>.</summary>
[Collection(BrowserCollection.Name)]
public class QualityScreenshots(BrowserFixture browser)
{
    private static readonly string s_folder = Environment.GetEnvironmentVariable("SHOTS") ?? Path.Combine(Repository.Root, "docs", "screenshots");

    // Looked at, not shown: only where the pictures go somewhere else.
    private static readonly (string, BrowserSettings)[] s_narrow = Environment.GetEnvironmentVariable("SHOTS") is null ? [] : [("-narrow", new BrowserSettings("ko-KR", Width: 420, Height: 900))];

    [Fact(Explicit = true)]
    public async Task Dashboards()
    {
        _ = browser.Api;
        var scene = await TeamScene.MakeAsync(browser.Server.Services, browser.Api, "Support messages", 420);
        Directory.CreateDirectory(s_folder);
        foreach (var (suffix, settings) in ((string, BrowserSettings)[])[("", new BrowserSettings(Width: 1360, Height: 860)), ("-dark", new BrowserSettings(Dark: true, Width: 1360, Height: 860)), .. s_narrow])
        {
            await using var visitor = await browser.SignedInAsync(settings);
            foreach (var (name, address) in ((string, string)[])
                [
                    ("quality-progress", "quality"), ("quality-models", "quality?tab=models"), ("quality-labels", "quality?tab=labels"), ("quality-people", "quality?tab=people"), ("quality-annotator", $"quality?tab=people&by={scene.People["Lena"]}"),
                    ("quality-agreement", "quality?tab=agreement"), ("quality-consensus", $"quality?tab=consensus&by={scene.People["Lena"]}"), ("quality-checks", "quality?tab=checks"), ("quality-certificate", "quality?tab=certificate"), ("report", "report"), ("adjudicate", "adjudicate"), ("discussion", "discussion"), ("audit", "audit"), ("labels-change", "labels"), ("suspects", "quality?tab=suspects"),
                    ("items-chosen", "items?state=final"),
                ])
            {
                await PageScenes.OpenAsync(visitor.Page, $"/projects/{scene.Project}/{address}");
                if (name is "items-chosen")
                {
                    for (var i = 0; i < 3; i++) await visitor.Page.Locator("tbody .it-col-choose input").Nth(i).CheckAsync();
                    await visitor.Page.Locator(".bk").WaitForAsync();
                }

                if (name is "audit")
                {
                    await visitor.Page.GetByRole(AriaRole.Button, new PageGetByRoleOptions { NameRegex = new Regex("Check the log|기록 검사", RegexOptions.None, TimeSpan.FromSeconds(1)) }).ClickAsync();
                    await visitor.Page.Locator("code").First.WaitForAsync();
                }

                await visitor.Page.EvaluateAsync("() => document.fonts.ready");
                await visitor.Page.ScreenshotAsync(new PageScreenshotOptions { Path = Path.Combine(s_folder, $"{name}{suffix}.png"), Animations = ScreenshotAnimations.Disabled, FullPage = name.StartsWith("quality", StringComparison.Ordinal) || name is "report" });
            }
        }
    }
}
