using System.Text.Json.Nodes;
using Annotator.Tests.Media;
using Annotator.Tests.Support;
using Deque.AxeCore.Commons;
using Deque.AxeCore.Playwright;
using Microsoft.Playwright;

namespace Annotator.Tests.Browser;

/// <summary>Uploading images, exporting them and the page of models.</summary>
[Collection(PagesCollection.Name)]
public class MediaPagesTests(BrowserFixture browser)
{
    private static readonly AxeRunOptions s_wcag = new() { ResultTypes = [ResultType.Violations], RunOnly = new RunOnlyOptions { Type = "tag", Values = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] } };

    [Fact]
    public async Task Images_AreSentFromThePage_AndWhatIsNoneIsSaid()
    {
        var project = await ProjectAsync(browser);
        await using var visitor = await browser.SignedInAsync();
        var page = visitor.Page;
        await PageScenes.OpenAsync(page, $"/projects/{project}/upload");
        await page.Locator(".mu-drop").WaitForAsync();
        await page.SetInputFilesAsync(".mu-drop input[type=file] >> nth=0", [File("one.png", Pictures.Shape(0, 1)), File("two.png", Pictures.Shape(1, 2)), File("bad.png", "<html>"u8.ToArray())]);
        await Assertions.Expect(page.Locator(".an-notice-ok")).ToContainTextAsync("2 files are in");
        await Assertions.Expect(page.Locator(".mu-refused")).ToContainTextAsync("bad.png");
        await page.SetInputFilesAsync(".mu-drop input[type=file] >> nth=0", [File("more.zip", Pictures.Zip([("a/x.png", Pictures.Shape(2, 3))]))]);
        await Until.HoldsAsync(async () => (await browser.Api.GetAsync($"/api/v1/projects/{project}/items?limit=10"))!["items"]!.AsArray().Count, n => n == 3, "the archive is in");
        Assert.Empty((await page.RunAxe(s_wcag)).Violations);
        Assert.Empty(visitor.Troubles);
    }

    [Theory]
    [InlineData(false, "en-US")]
    [InlineData(true, "ko-KR")]
    public async Task Pages_HaveNothingThatKeepsPeopleOut(bool dark, string language)
    {
        var project = await ProjectAsync(browser);
        await using var visitor = await browser.SignedInAsync(new BrowserSettings(language, Dark: dark));
        var found = new List<string>();
        foreach (var address in (string[])[$"/projects/{project}/upload", $"/projects/{project}/export?format=coco", "/admin/models"])
        {
            await PageScenes.OpenAsync(visitor.Page, address);
            if (address is "/admin/models") await visitor.Page.Locator(".an-page-head button").ClickAsync();
            found.AddRange((await visitor.Page.RunAxe(s_wcag)).Violations.SelectMany(v => v.Nodes.Take(3).Select(n => $"{address}: {v.Id}: {n.Html}")));
        }

        Assert.True(found.Count == 0, string.Join('\n', found));
        Assert.Empty(visitor.Troubles);
    }

    [Fact]
    public async Task ModelsPage_SaysWhyAModelIsRefused()
    {
        await using var visitor = await browser.SignedInAsync();
        var page = visitor.Page;
        await PageScenes.OpenAsync(page, "/admin/models");
        await page.Locator(".an-page-head button").ClickAsync();
        await page.SetInputFilesAsync("#md-file", File("bad.onnx", [1, 2, 3]));
        await page.FillAsync("#md-name", "Bad");
        await page.FillAsync("#md-labels", "cat\ndog");
        await page.Locator(".an-card .an-button-primary").ClickAsync();
        await Assertions.Expect(page.Locator(".an-notice-danger")).ToContainTextAsync("ONNX");
    }

    internal static FilePayload File(string name, byte[] content) => new() { Name = name, MimeType = "application/octet-stream", Buffer = content };

    internal static async Task<string> ProjectAsync(BrowserFixture browser) => (string)(await browser.Api.SendAsync(HttpMethod.Post, "/api/v1/projects", new JsonObject
    {
        ["name"] = "Shapes",
        ["modality"] = "image",
        ["task"] = new JsonObject { ["type"] = "classification", ["labels"] = new JsonArray(new JsonObject { ["name"] = "disc" }, new JsonObject { ["name"] = "square" }, new JsonObject { ["name"] = "cross" }) },
    }))!["id"]!;
}
