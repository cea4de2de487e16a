using Annotator.Tests.Support;

namespace Annotator.Tests.Browser;

/// <summary>Takes the pictures of the pages about the LLM in docs/screenshots. Not a test: run <c>eng/shots.sh</c>.</summary>
[Collection(BrowserCollection.Name)]
public class LlmScreenshots(BrowserFixture browser)
{
    [Fact(Explicit = true)]
    public async Task Pages()
    {
        _ = browser.Api;
        await using var llm = await LlmScenes.ServerAsync();
        var (project, _) = await LlmScenes.ProjectAsync(browser.Api, llm);
        foreach (var (suffix, settings) in Shots.Variants())
        {
            await using var visitor = await browser.SignedInAsync(settings);
            foreach (var (name, address) in LlmScenes.Pages(project))
            {
                await PageScenes.OpenAsync(visitor.Page, address);
                await Shots.TakeAsync(visitor.Page, name + suffix, full: true);
            }

            await PageScenes.OpenAsync(visitor.Page, $"/projects/{project}/llm");
            var versions = visitor.Page.Locator("[aria-labelledby=versions-title] input[type=checkbox]");
            await versions.First.CheckAsync();
            await versions.Last.CheckAsync();
            await visitor.Page.Locator(".an-llm-diff").WaitForAsync();
            await Shots.TakeAsync(visitor.Page, "llm-comparison" + suffix, full: true);
        }
    }
}
