using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.Json.Nodes;
using Annotator.Core.Student;
using Annotator.Tests.Media;
using Annotator.Tests.Support;
using Microsoft.Playwright;

namespace Annotator.Tests.Browser;

/// <summary>Uploading images, exporting them and the page of models.</summary>
[Collection(PagesCollection.Name)]
public class MediaPagesTests(BrowserFixture browser)
{
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
        Assert.Empty(await page.BarriersAsync());
        Assert.Empty(visitor.Troubles);
    }

    [Fact]
    public async Task Frames_AreTakenFromAVideo_AndWhatIsNoneIsRefused()
    {
        var project = await ProjectAsync(browser);
        await using var visitor = await browser.SignedInAsync();
        var page = visitor.Page;
        await PageScenes.OpenAsync(page, $"/projects/{project}/upload");
        var form = page.Locator(".fs-host");
        var send = form.Locator(".an-button-primary");
        await send.ClickAsync();
        await Assertions.Expect(form.Locator(".an-notice-danger")).ToContainTextAsync("Choose a video");
        await page.SetInputFilesAsync("#fs-file", [File("no.mp4", "<html>"u8.ToArray())]);
        await send.ClickAsync();
        await Assertions.Expect(form.Locator(".an-notice-danger")).ToContainTextAsync("Not a video");
        await page.SetInputFilesAsync("#fs-file", [File("two.mp4", await TestFilm.MadeAsync("color=red:s=64x48:r=10:d=2[a];color=blue:s=64x48:r=10:d=2[b];[a][b]concat=n=2"))]);
        await form.Locator("input[value=scene]").CheckAsync();
        await Assertions.Expect(page.Locator("#fs-change")).ToBeVisibleAsync();
        await send.ClickAsync();
        await Assertions.Expect(form.Locator(".an-notice-ok")).ToContainTextAsync("two.mp4");
        await Until.HoldsAsync(async () => (await browser.Api.GetAsync($"/api/v1/projects/{project}/items?limit=10"))!["items"]!.AsArray().Count, n => n == 2, "two scenes are in");
    }

    [Fact]
    public async Task Addresses_BecomeItems_AndOneThatMayNotBeFetchedSaysWhy()
    {
        var project = await ProjectAsync(browser);
        await using var visitor = await browser.SignedInAsync();
        var page = visitor.Page;
        await PageScenes.OpenAsync(page, $"/projects/{project}/upload");
        var section = page.Locator("section[aria-labelledby=addresses-title]");
        await section.Locator("textarea").FillAsync("https://example.org/a.png\n\ns3://somewhere/b.png\n");
        await section.Locator("button").ClickAsync();
        await Assertions.Expect(section.Locator(".an-notice-danger")).ToContainTextAsync("Line 3: The bucket");
        await Assertions.Expect(section.Locator(".an-notice-danger")).ToContainTextAsync("1 added");
        Assert.Empty(visitor.Troubles);
    }

    [Fact]
    public async Task Model_IsChosenInTheSettings()
    {
        var (project, model) = (await ProjectAsync(browser, "video", "tracks"), await DetectorAsync(browser));
        await using var visitor = await browser.SignedInAsync();
        var page = visitor.Page;
        await PageScenes.OpenAsync(page, $"/projects/{project}/settings");
        await page.Locator("#vision-model").SelectOptionAsync(model);
        await Assertions.Expect(page.Locator("#vision-rate")).ToBeVisibleAsync();
        await page.FillAsync("#vision-job", "60");
        await page.Keyboard.PressAsync("Tab");
        await page.Locator(".an-form-foot .an-button-primary").ClickAsync();
        await Until.HoldsAsync(async () => (await browser.Api.GetAsync($"/api/v1/projects/{project}"))!["settings"]!["vision"]!, v => (string?)v["model"] == model && (double)v["jobSeconds"]! == 60, "the model is chosen");
        Assert.Empty(await page.BarriersAsync());

        // Removed since: the project's page says so, and where to choose another.
        await browser.Api.SendAsync(HttpMethod.Delete, $"/api/v1/models/{model}");
        await PageScenes.OpenAsync(page, $"/projects/{project}");
        await Assertions.Expect(page.Locator(".an-notice-warn")).ToContainTextAsync("was removed");
        Assert.Empty(await page.BarriersAsync());
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
            found.AddRange((await visitor.Page.BarriersAsync()).SelectMany(v => v.Nodes.Take(3).Select(n => $"{address}: {v.Id}: {n.Html}")));
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

    /// <summary>A detector that says the same of every image, in the layout of YOLOv8.</summary>
    internal static async Task<string> DetectorAsync(BrowserFixture browser)
    {
        var graph = new OnnxGraph("toy");
        var image = graph.Input("images", OnnxType.Float, "1", "3", "64", "64");
        var nothing = graph.Node("Mul", [graph.Node("ReduceMean", [image], ("keepdims", 0)), graph.Constant([0f], 1)]);
        float[] box = [32, 32, 16, 16, 0.9f];
        graph.Output("output0", graph.Node("Add", [graph.Constant(box, 1, 5, 1), nothing]), OnnxType.Float, "1", "5", "1");
        return await ModelAsync(browser, "Shapes on a belt", new { kind = "detector", labels = new[] { "disc" }, divisor = 1 }, graph.Build("test", "1"));
    }

    /// <summary>Uploads a model as an administrator does.</summary>
    internal static async Task<string> ModelAsync(BrowserFixture browser, string name, object spec, byte[] file)
    {
        using var http = new HttpClient { BaseAddress = browser.Server.Address };
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", InProcessServer.AdminToken);
        using var body = new ByteArrayContent(file);
        using var response = await http.PostAsync($"/api/v1/models?name={Uri.EscapeDataString(name)}&spec={Uri.EscapeDataString(JsonSerializer.Serialize(spec))}", body, TestContext.Current.CancellationToken);
        var answer = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.True(response.IsSuccessStatusCode, answer);
        return (string)JsonNode.Parse(answer)!["id"]!;
    }

    internal static async Task<string> ProjectAsync(BrowserFixture browser, string modality = "image", string task = "classification") => (string)(await browser.Api.SendAsync(HttpMethod.Post, "/api/v1/projects", new JsonObject
    {
        ["name"] = "Shapes",
        ["modality"] = modality,
        ["task"] = new JsonObject { ["type"] = task, ["labels"] = new JsonArray(new JsonObject { ["name"] = "disc" }, new JsonObject { ["name"] = "square" }, new JsonObject { ["name"] = "cross" }) },
    }))!["id"]!;
}
