using System.Text.Json.Nodes;
using Annotator.Tests.Learning;
using Annotator.Tests.Support;
using Microsoft.Playwright;

namespace Annotator.Tests.Browser;

/// <summary>
/// Takes the pictures of the surfaces for images and video in docs/screenshots, with the public sets that lie beside the
/// repository. Not a test: run with <c>dotnet run --project Annotator.Tests -- -explicit only -class Annotator.Tests.Browser.CanvasScreenshots</c>.
/// </summary>
[Collection(BrowserCollection.Name)]
public class CanvasScreenshots(BrowserFixture browser)
{
    private static readonly string s_folder = Environment.GetEnvironmentVariable("SHOTS") ?? Path.Combine(Repository.Root, "docs", "screenshots");

    private static readonly (string, string, string)[] s_cells = [("WBC", "1", "#7c3aed"), ("RBC", "2", "#dc2626"), ("Platelets", "3", "#0891b2")];

    [Theory(Explicit = true)]
    [InlineData("boxes", "en-US", false, 1280, 720)]
    [InlineData("boxes-dark", "en-US", true, 1280, 720)]
    [InlineData("boxes-korean", "ko-KR", false, 1280, 720)]
    [InlineData("boxes-tablet", "en-US", false, 820, 1180)]
    public async Task Boxes(string name, string locale, bool dark, int width, int height)
    {
        var all = JsonNode.Parse(await File.ReadAllTextAsync(SharedData.Locate("bccd/boxes.json")))!;
        var files = Directory.GetFiles(SharedData.Locate("bccd/images")).Order(StringComparer.Ordinal).Skip(2).Take(3).Select(f => (Path.GetFileName(f), File.ReadAllBytes(f), (string?)CocoBoxes(all, Path.GetFileName(f)))).ToList();
        var (project, _) = await CanvasScenes.ProjectAsync(browser, "Blood cells", "boxes", files, labels: s_cells);
        await using var visitor = await browser.SignedInAsync(new BrowserSettings(locale, dark, width, height, Touch: width < 900));
        var canvas = await CanvasDriver.OpenAsync(visitor.Page, project);
        var keys = visitor.Page.Keyboard;
        for (var i = 0; i < 5; i++) await keys.PressAsync(i == 0 ? "]" : "Space");
        await ShootAsync(visitor.Page, name);
        await keys.PressAsync("?");
        await ShootAsync(visitor.Page, name + "-help");
        await keys.PressAsync("Escape");
        Assert.NotNull(canvas);
    }

    [Theory(Explicit = true)]
    [InlineData("polygons", false)]
    [InlineData("polygons-dark", true)]
    public async Task Polygons(string name, bool dark)
    {
        var image = Directory.GetFiles(SharedData.Locate("bccd/images")).Order(StringComparer.Ordinal).Skip(4).First();
        var (project, _) = await CanvasScenes.ProjectAsync(browser, "Cells outlined", "polygons", [(Path.GetFileName(image), await File.ReadAllBytesAsync(image), null)], labels: s_cells);
        await using var visitor = await browser.SignedInAsync(new BrowserSettings(Dark: dark));
        var canvas = await CanvasDriver.OpenAsync(visitor.Page, project);
        var keys = visitor.Page.Keyboard;
        await keys.PressAsync("1");
        foreach (var (x, y) in ((int, int)[])[(200, 100), (330, 90), (380, 190), (330, 280), (220, 260)]) await canvas.ClickAsync(x, y);
        await keys.PressAsync("Enter");
        await keys.PressAsync("Escape");
        await keys.PressAsync("2");
        foreach (var (x, y) in ((int, int)[])[(430, 300), (520, 290), (550, 370)]) await canvas.ClickAsync(x, y);
        var (mx, my) = await canvas.AtAsync(460, 400);
        await visitor.Page.Mouse.MoveAsync(mx, my);
        await ShootAsync(visitor.Page, name);
    }

    [Theory(Explicit = true)]
    [InlineData("classes", false)]
    [InlineData("classes-dark", true)]
    public async Task Classes(string name, bool dark)
    {
        var files = Directory.GetFiles(SharedData.Locate("coco128/images")).Order(StringComparer.Ordinal).Take(4).Select((f, i) => (Path.GetFileName(f), File.ReadAllBytes(f), i % 2 == 0 ? """{"choice":"animal"}""" : """{"choice":"street"}""")).ToList();
        var (project, _) = await CanvasScenes.ProjectAsync(
            browser, "Scenes", "classification", [.. files.Select(f => (f.Item1, f.Item2, (string?)f.Item3))], labels: [("street", "1", "#2563eb"), ("animal", "2", "#d97706"), ("food", "3", "#059669"), ("indoor", "4", "#db2777")]);
        await using var visitor = await browser.SignedInAsync(new BrowserSettings(Dark: dark));
        await CanvasDriver.OpenAsync(visitor.Page, project);
        await visitor.Page.Keyboard.PressAsync("Enter");
        await ShootAsync(visitor.Page, name);
    }

    [Theory(Explicit = true)]
    [InlineData("grid", "en-US", false)]
    [InlineData("grid-dark", "ko-KR", true)]
    public async Task Grid(string name, string locale, bool dark)
    {
        var files = Directory.GetFiles(SharedData.Locate("coco128/images")).Order(StringComparer.Ordinal).Skip(8).Take(20).Select((f, i) => (Path.GetFileName(f), File.ReadAllBytes(f), (string?)(i % 3 == 0 ? """{"choice":"animal"}""" : """{"choice":"street"}"""))).ToList();
        var (project, _) = await CanvasScenes.ProjectAsync(
            browser, "Scenes", "classification", files, labels: [("street", "1", "#2563eb"), ("animal", "2", "#d97706"), ("food", "3", "#059669"), ("indoor", "4", "#db2777")]);
        await using var visitor = await browser.SignedInAsync(new BrowserSettings(locale, dark));
        await CanvasDriver.OpenAsync(visitor.Page, project);
        var page = visitor.Page;
        await page.Keyboard.PressAsync("Shift+G");
        await Assertions.Expect(page.Locator(".gr-cell")).ToHaveCountAsync(12);
        await page.Locator(".gr-cell").Nth(1).ClickAsync();
        await page.Locator(".gr-cell").Nth(6).ClickAsync();
        if (dark) await page.Keyboard.PressAsync("Enter");
        await page.EvaluateAsync("() => Promise.all([...document.querySelectorAll('.gr-cell img')].map((i) => i.decode()))");
        await ShootAsync(page, name);
    }

    private static string CocoBoxes(JsonNode all, string file)
    {
        var image = all["images"]!.AsArray().First(i => string.Equals((string)i!["file_name"]!, "images/" + file, StringComparison.Ordinal))!;
        var names = all["categories"]!.AsArray().ToDictionary(c => (int)c!["id"]!, c => (string)c!["name"]!);
        var boxes = all["annotations"]!.AsArray().Where(a => (int)a!["image_id"]! == (int)image["id"]!).Select(a => (JsonNode)new JsonObject
        {
            ["label"] = names[(int)a!["category_id"]!],
            ["x"] = (double)a["bbox"]![0]!,
            ["y"] = (double)a["bbox"]![1]!,
            ["width"] = (double)a["bbox"]![2]!,
            ["height"] = (double)a["bbox"]![3]!,
        });
        return new JsonObject { ["boxes"] = new JsonArray([.. boxes]) }.ToJsonString();
    }

    private static async Task ShootAsync(IPage page, string name)
    {
        Directory.CreateDirectory(s_folder);
        await page.EvaluateAsync("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))");
        await page.ScreenshotAsync(new PageScreenshotOptions { Path = Path.Combine(s_folder, $"images-{name}.png"), Animations = ScreenshotAnimations.Disabled });
    }
}
