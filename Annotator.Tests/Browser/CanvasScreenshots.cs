using Annotator.Tests.Support;
using Microsoft.Playwright;

namespace Annotator.Tests.Browser;

/// <summary>
/// Takes the pictures of the surfaces for images and video in docs/screenshots, of made-up pictures and films. Not a test: run <c>eng/shots.sh</c>.
/// </summary>
[Collection(BrowserCollection.Name)]
public class CanvasScreenshots(BrowserFixture browser)
{
    private static readonly (string, string, string)[] s_scenes = [("clear", "1", "#2563eb"), ("crowded", "2", "#d97706"), ("jammed", "3", "#dc2626")];

    [Theory(Explicit = true)]
    [InlineData("boxes", "en-US", false, 1280, 720)]
    [InlineData("boxes-dark", "en-US", true, 1280, 720)]
    [InlineData("boxes-korean", "ko-KR", false, 1280, 720)]
    [InlineData("boxes-tablet", "en-US", false, 820, 1180)]
    public async Task Boxes(string name, string locale, bool dark, int width, int height)
    {
        var files = Enumerable.Range(2, 3).Select(i => (Seed: i, Of: BeltScenes.Picture(i))).Select(p => ($"belt-{p.Seed}.png", p.Of.Png, (string?)BeltScenes.Boxes(p.Of.Parts.Skip(1)))).ToList();
        var (project, _) = await CanvasScenes.ProjectAsync(browser, "Parts on a belt", "boxes", files, labels: BeltScenes.Labels);
        await using var visitor = await browser.SignedInAsync(new BrowserSettings(locale, dark, width, height, Touch: width < 900));
        var canvas = await CanvasDriver.OpenAsync(visitor.Page, project);
        var keys = visitor.Page.Keyboard;
        for (var i = 0; i < 5; i++) await keys.PressAsync(i == 0 ? "]" : "Space");
        await ShootAsync(visitor.Page, name);
        await keys.PressAsync("?");
        if (name is "boxes" || Shots.Everything) await ShootAsync(visitor.Page, name + "-help");
        await keys.PressAsync("Escape");
        Assert.NotNull(canvas);
    }

    [Theory(Explicit = true)]
    [InlineData("polygons", false)]
    [InlineData("polygons-dark", true)]
    public async Task Polygons(string name, bool dark)
    {
        var (png, parts) = BeltScenes.Picture(9, 16);
        var (project, _) = await CanvasScenes.ProjectAsync(browser, "Parts outlined", "polygons", [("belt-9.png", png, null)], labels: BeltScenes.Labels);
        await using var visitor = await browser.SignedInAsync(new BrowserSettings(Dark: dark));
        var canvas = await CanvasDriver.OpenAsync(visitor.Page, project);
        var keys = visitor.Page.Keyboard;
        foreach (var plate in parts.Where(p => p.Kind == 1).Take(3))
        {
            await keys.PressAsync("2");
            foreach (var (x, y) in plate.Corners) await canvas.ClickAsync(x, y);
            await keys.PressAsync("Enter");
            await keys.PressAsync("Escape");
        }

        await ShootAsync(visitor.Page, name);
    }

    [Theory(Explicit = true)]
    [InlineData("classes", false)]
    [InlineData("classes-dark", true)]
    public async Task Classes(string name, bool dark)
    {
        var files = Enumerable.Range(20, 4).Select(i => ($"belt-{i}.png", BeltScenes.Picture(i, i % 2 == 0 ? 5 : 22).Png, (string?)(i % 2 == 0 ? """{"choice":"clear"}""" : """{"choice":"crowded"}"""))).ToList();
        var (project, _) = await CanvasScenes.ProjectAsync(browser, "State of the belt", "classification", files, labels: s_scenes);
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
        var files = Enumerable.Range(40, 20).Select(i => ($"belt-{i}.png", BeltScenes.Picture(i, i % 3 == 0 ? 20 : 4).Png, (string?)(i % 3 == 0 || i % 7 == 0 ? """{"choice":"crowded"}""" : """{"choice":"clear"}"""))).ToList();
        var (project, _) = await CanvasScenes.ProjectAsync(browser, "State of the belt", "classification", files, labels: s_scenes);
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
        var film = await TestFilm.MadeAsync(BeltScenes.Film(48));
        var (project, _) = await CanvasScenes.ProjectAsync(browser, "Parts that go by", "tracks", [("belt.mp4", film, null)], modality: "video", labels: [("plate", "1", "#2563eb"), ("bolt", "2", "#d97706")]);
        await using var visitor = await browser.SignedInAsync(new BrowserSettings(locale, dark));
        var canvas = await CanvasDriver.OpenAsync(visitor.Page, project);
        var page = visitor.Page;
        foreach (var (frame, left, top) in ((int, int, int)[])[(150, 380, 150), (210, 596, 150)])
        {
            await page.EvaluateAsync("(f) => window.annotatorReview.view.film.go(f)", frame);
            await canvas.FrameAsync(frame);
            if (frame == 150) await canvas.DragAsync(left, top, left + 70, top + 150);
            else await canvas.DragAsync(415, 225, left + 35, top + 75);
        }

        await page.EvaluateAsync(
            """
            () => {
              const s = window.annotatorReview.view.shapes;
              const key = (frame, x, y, width, height, outside) => ({ frame, x, y, width, height, outside });
              const more = [
                { id: 1000, key: "t2", label: "bolt", sure: true, keyframes: [key(0, 260, 250, 120, 90, false), key(100, 620, 250, 120, 90, false), key(190, 840, 250, 120, 90, true)] },
                { id: 1001, key: "t3", label: "plate", sure: false, keyframes: [key(160, 16, 330, 80, 150, false), key(300, 520, 330, 80, 150, false), key(400, 880, 330, 80, 150, true)] },
              ];
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
        var film = await TestFilm.MadeAsync(BeltScenes.Film(48));
        var (project, _) = await CanvasScenes.ProjectAsync(
            browser, "Conveyor", "segments", [("belt.mp4", film, """{"segments":[{"label":"moving","start":2,"end":9.5},{"label":"standing","start":12,"end":20}]}""")], modality: "video", labels: [("moving", "1", "#2563eb"), ("standing", "2", "#d97706")]);
        await using var visitor = await browser.SignedInAsync();
        var canvas = await CanvasDriver.OpenAsync(visitor.Page, project);
        await visitor.Page.EvaluateAsync("() => window.annotatorReview.view.film.go(700)");
        await canvas.FrameAsync(700);
        await visitor.Page.Keyboard.PressAsync("n");
        for (var i = 0; i < 9; i++) await visitor.Page.Keyboard.PressAsync("v");
        await canvas.FrameAsync(790);
        await ShootAsync(visitor.Page, "segments");
    }

    private static async Task ShootAsync(IPage page, string name)
    {
        await page.EvaluateAsync("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))");
        await Shots.TakeAsync(page, $"images-{name}");
    }
}
