using Annotator.Tests.Support;
using Microsoft.Playwright;

namespace Annotator.Tests.Browser;

/// <summary>Takes the pictures of the pages in docs/screenshots. Not a test: run <c>eng/shots.sh</c>.</summary>
[Collection(BrowserCollection.Name)]
public class PageScreenshots(BrowserFixture browser)
{
    // These are long, and all of them is worth seeing; those with a bar that stays in sight are taken as they stand.
    private static readonly string[] s_full = ["project", "export", "profile"];

    [Fact(Explicit = true)]
    public async Task Pages()
    {
        var project = await PageScenes.LearntAsync(browser.Api, "Support messages", 700, 24, 48, 96, 160, 260);
        var empty = await browser.Api.CreateProjectAsync("Refund letters", PageScenes.Labels);
        await PageScenes.LearntAsync(browser.Api, "Returns desk", 160, 40);
        await PageScenes.PeopleAsync(browser.Api, project);
        var item = (await browser.Api.GetAsync($"/api/v1/projects/{project}/items?state=final&limit=5"))!["items"]!.AsArray();
        var pages = PageScenes.Pages(project, empty, (string)item[3]!["id"]!);
        foreach (var (suffix, settings) in Shots.Variants())
        {
            await using var visitor = await browser.SignedInAsync(settings);
            foreach (var (name, address) in pages.Append(("reference", "/docs/api")))
            {
                // The devices and the open item have scenes of their own.
                if (name is "devices" or "item") continue;
                await PageScenes.OpenAsync(visitor.Page, name is "items" ? pages.First(p => p.Name is "item").Address : address);
                if (name is "upload") await AddFileAsync(visitor.Page);
                await Shots.TakeAsync(visitor.Page, name + suffix, Shots.Everything || s_full.Contains(name, StringComparer.Ordinal));
            }

            await using var stranger = await browser.OpenAsync(settings);
            await PageScenes.OpenAsync(stranger.Page, "/account/login");
            await Shots.TakeAsync(stranger.Page, "login" + suffix);
        }
    }

    private static async Task AddFileAsync(IPage page)
    {
        await page.Locator(".up-drop").WaitForAsync();
        var lines = PageScenes.Messages.Skip(300).Take(60).Select((m, i) => $"{i},\"{m.Text.Replace("\"", "\"\"", StringComparison.Ordinal)}\",{m.Intent}");
        await page.SetInputFilesAsync("input[type=file]", new FilePayload { Name = "messages.csv", MimeType = "text/csv", Buffer = System.Text.Encoding.UTF8.GetBytes("id,message,intent\n" + string.Join('\n', lines)) });
        await page.Locator(".up-preview").WaitForAsync();
    }
}
