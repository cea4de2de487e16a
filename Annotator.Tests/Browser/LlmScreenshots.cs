using Annotator.Tests.Support;
using Microsoft.Playwright;

namespace Annotator.Tests.Browser;

/// <summary>Takes the pictures of the pages about the LLM in docs/screenshots. Not a test: run <c>eng/shots.sh</c>.</summary>
[Collection(BrowserCollection.Name)]
public class LlmScreenshots(BrowserFixture browser)
{
    private static readonly string s_folder = Environment.GetEnvironmentVariable("SHOTS") ?? Path.Combine(Repository.Root, "docs", "screenshots");

    [Fact(Explicit = true)]
    public async Task Pages()
    {
        await using var first = await browser.SignedInAsync();
        await using var llm = await LlmScenes.ServerAsync();
        var (project, version) = await LlmScenes.ProjectAsync(browser.Api, llm);
        Directory.CreateDirectory(s_folder);
        foreach (var (suffix, settings) in ((string, BrowserSettings)[])[("", new BrowserSettings()), ("-dark", new BrowserSettings(Dark: true)), ("-korean", new BrowserSettings("ko-KR", Width: 820)), ("-narrow", new BrowserSettings(Width: 390))])
        {
            await using var visitor = await browser.SignedInAsync(settings);
            foreach (var (name, address) in LlmScenes.Pages(project))
            {
                if (suffix is "-korean" && name is not "llm-labels") continue;
                if (suffix is "-dark" && name is not ("llm-bias" or "llm-prompts" or "llm-cost")) continue;
                if (suffix is "-narrow" && name is not ("llm-providers" or "llm-cost")) continue;
                await PageScenes.OpenAsync(visitor.Page, address);
                await visitor.Page.ScreenshotAsync(new PageScreenshotOptions { Path = Path.Combine(s_folder, $"{name}{suffix}.png"), Animations = ScreenshotAnimations.Disabled, FullPage = true });
            }
        }

        await PageScenes.OpenAsync(first.Page, $"/projects/{project}/llm");
        foreach (var number in (int[])[1, version]) await first.Page.GetByLabel($"Compare version {number}", new PageGetByLabelOptions { Exact = true }).CheckAsync();
        await first.Page.Locator(".an-llm-diff").WaitForAsync();
        await first.Page.ScreenshotAsync(new PageScreenshotOptions { Path = Path.Combine(s_folder, "llm-comparison.png"), Animations = ScreenshotAnimations.Disabled, FullPage = true });
    }
}
