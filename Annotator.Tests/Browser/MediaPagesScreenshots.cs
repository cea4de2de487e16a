using Annotator.Tests.Media;
using Annotator.Tests.Support;
using Microsoft.Playwright;

namespace Annotator.Tests.Browser;

/// <summary>Pictures of the pages for images and models, for docs/screenshots. Not a test: run <c>eng/shots.sh</c>.</summary>
[Collection(BrowserCollection.Name)]
public class MediaPagesScreenshots(BrowserFixture browser)
{
    [Fact(Explicit = true)]
    public async Task Pages()
    {
        var folder = Environment.GetEnvironmentVariable("SHOTS") ?? Path.Combine(Repository.Root, "docs", "screenshots");
        var project = await MediaPagesTests.ProjectAsync(browser);
        await using var visitor = await browser.SignedInAsync();
        var page = visitor.Page;
        await PageScenes.OpenAsync(page, $"/projects/{project}/upload");
        await page.Locator(".mu-drop").WaitForAsync();
        await page.SetInputFilesAsync(".mu-drop input[type=file] >> nth=0", [MediaPagesTests.File("one.png", Pictures.Shape(0, 1)), MediaPagesTests.File("two.png", Pictures.Shape(1, 2)), MediaPagesTests.File("page.png", "<html>"u8.ToArray())]);
        await Assertions.Expect(page.Locator(".mu-refused")).ToContainTextAsync("page.png");
        await page.ScreenshotAsync(new PageScreenshotOptions { Path = Path.Combine(folder, "upload-images.png"), Animations = ScreenshotAnimations.Disabled });
        await PageScenes.OpenAsync(page, "/admin/models");
        await page.Locator(".an-page-head button").ClickAsync();
        await page.Locator("#md-labels").WaitForAsync();
        await page.ScreenshotAsync(new PageScreenshotOptions { Path = Path.Combine(folder, "models.png"), Animations = ScreenshotAnimations.Disabled });
        await PageScenes.OpenAsync(page, $"/projects/{project}/export?format=coco");
        await page.ScreenshotAsync(new PageScreenshotOptions { Path = Path.Combine(folder, "export-images.png"), Animations = ScreenshotAnimations.Disabled, FullPage = true });
    }
}
