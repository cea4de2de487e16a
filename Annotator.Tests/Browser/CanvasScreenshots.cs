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

    [Theory(Explicit = true)]
    [InlineData("tracks", "en-US", false)]
    [InlineData("tracks-dark", "ko-KR", true)]
    public async Task Tracks(string name, string locale, bool dark)
    {
        var film = await File.ReadAllBytesAsync(SharedData.Locate("video/bottle-detection.mp4"));
        var (project, _) = await CanvasScenes.ProjectAsync(browser, "Bottles", "tracks", [("bottle-detection.mp4", film, null)], modality: "video", labels: [("bottle", "1", "#2563eb"), ("hand", "2", "#d97706")]);
        await using var visitor = await browser.SignedInAsync(new BrowserSettings(locale, dark));
        var canvas = await CanvasDriver.OpenAsync(visitor.Page, project);
        var page = visitor.Page;
        foreach (var (frame, left, top) in ((int, int, int)[])[(150, 120, 60), (210, 300, 70)])
        {
            await page.EvaluateAsync("(f) => window.annotatorReview.view.film.go(f)", frame);
            await canvas.FrameAsync(frame);
            if (frame == 150) await canvas.DragAsync(left, top, left + 60, top + 200);
            else await canvas.DragAsync(150, 160, left + 30, top + 100);
        }

        await page.EvaluateAsync(
            """
            () => {
              const s = window.annotatorReview.view.shapes;
              const key = (frame, x, y, outside) => ({ frame, x, y, width: 58, height: 180, outside });
              const more = [[10, 40, 300], [380, 200, 700], [60, 420, 900]].map(([from, x, to], i) => ({ id: 1000 + i, key: `t${i + 2}`, label: i === 1 ? "hand" : "bottle", sure: i < 2, keyframes: [key(from, x, 80, false), key((from + to) >> 1, x + 90, 90, false), key(to, x + 160, 90, true)] }));
              s.commit([...s.tracks, ...more], s.selectedId);
            }
            """);
        await page.EvaluateAsync("() => window.annotatorReview.view.film.go(185)");
        await canvas.FrameAsync(185);
        await ShootAsync(page, name);
        if (dark) return;
        await page.Keyboard.PressAsync("?");
        await ShootAsync(page, name + "-help");
    }

    [Fact(Explicit = true)]
    public async Task Segments()
    {
        var film = await File.ReadAllBytesAsync(SharedData.Locate("video/bottle-detection.mp4"));
        var (project, _) = await CanvasScenes.ProjectAsync(
            browser, "Conveyor", "segments", [("bottle-detection.mp4", film, """{"segments":[{"label":"moving","start":2,"end":9.5},{"label":"standing","start":12,"end":20}]}""")], modality: "video", labels: [("moving", "1", "#2563eb"), ("standing", "2", "#d97706")]);
        await using var visitor = await browser.SignedInAsync();
        var canvas = await CanvasDriver.OpenAsync(visitor.Page, project);
        await visitor.Page.EvaluateAsync("() => window.annotatorReview.view.film.go(700)");
        await canvas.FrameAsync(700);
        await visitor.Page.Keyboard.PressAsync("n");
        for (var i = 0; i < 9; i++) await visitor.Page.Keyboard.PressAsync("v");
        await canvas.FrameAsync(790);
        await ShootAsync(visitor.Page, "segments");
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
