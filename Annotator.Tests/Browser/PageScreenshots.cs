using Annotator.Tests.Support;
using Microsoft.Playwright;

namespace Annotator.Tests.Browser;

/// <summary>
/// Takes the pictures of the pages in docs/screenshots. Not a test: run <c>eng/shots.sh</c>. With SHOTS set to a folder, all
/// pages in all variants go there instead of the few that the documents show.
/// </summary>
[Collection(BrowserCollection.Name)]
public class PageScreenshots(BrowserFixture browser)
{
    private static readonly string? s_everything = Environment.GetEnvironmentVariable("SHOTS");
    private static readonly string s_folder = s_everything ?? Path.Combine(Repository.Root, "docs", "screenshots");
    private static readonly string[] s_documented = ["projects", "project", "items", "upload", "settings", "export", "runs", "members", "new-project", "users", "admin", "profile"];

    [Fact(Explicit = true)]
    public async Task Pages()
    {
        var project = await PageScenes.LearntAsync(browser.Api, "Support messages", 700, 24, 48, 96, 160, 260);
        var empty = await browser.Api.CreateProjectAsync("Refund letters", PageScenes.Labels);
        var item = (await browser.Api.GetAsync($"/api/v1/projects/{project}/items?state=final&limit=5"))!["items"]!.AsArray();
        var pages = PageScenes.Pages(project, empty, (string)item[3]!["id"]!);
        (string Name, BrowserSettings Settings)[] variants = s_everything is null
            ? [("", new BrowserSettings()), ("-dark", new BrowserSettings(Dark: true))]
            : [("", new BrowserSettings()), ("-dark", new BrowserSettings(Dark: true)), ("-tablet", new BrowserSettings(Width: 820, Height: 1180, Touch: true)), ("-korean", new BrowserSettings("ko-KR"))];
        Directory.CreateDirectory(s_folder);
        foreach (var (suffix, settings) in variants)
        {
            await using var visitor = await browser.SignedInAsync(settings);
            foreach (var (name, address) in pages)
            {
                if (s_everything is null && (!s_documented.Contains(name, StringComparer.Ordinal) || (suffix.Length > 0 && name is not "project"))) continue;
                await PageScenes.OpenAsync(visitor.Page, name is "items" && s_everything is null ? pages.First(p => p.Name is "item").Address : address);
                if (name is "upload") await AddFileAsync(visitor.Page);
                await ShootAsync(visitor.Page, name + suffix, s_everything is not null);
            }
        }

        await using var stranger = await browser.OpenAsync();
        await PageScenes.OpenAsync(stranger.Page, "/account/login");
        await ShootAsync(stranger.Page, "login", full: false);
    }

    private static async Task AddFileAsync(IPage page)
    {
        await page.Locator(".up-drop").WaitForAsync();
        var lines = PageScenes.Messages.Skip(300).Take(60).Select((m, i) => $"{i},\"{m.Text.Replace("\"", "\"\"", StringComparison.Ordinal)}\",{m.Intent}");
        await page.SetInputFilesAsync("input[type=file]", new FilePayload { Name = "messages.csv", MimeType = "text/csv", Buffer = System.Text.Encoding.UTF8.GetBytes("id,message,intent\n" + string.Join('\n', lines)) });
        await page.Locator(".up-preview").WaitForAsync();
    }

    private static async Task ShootAsync(IPage page, string name, bool full)
    {
        await page.EvaluateAsync("() => document.fonts.ready");
        await page.ScreenshotAsync(new PageScreenshotOptions { Path = Path.Combine(s_folder, $"{name}.png"), Animations = ScreenshotAnimations.Disabled, FullPage = full });
    }
}
