using System.Globalization;
using System.Text.Json.Nodes;
using Annotator.Tests.Support;
using Microsoft.Playwright;

namespace Annotator.Tests.Browser;

/// <summary>Boxes on an image: drawing, changing and keys, and what of it reaches the server.</summary>
[Collection(BrowserCollection.Name)]
public class CanvasBoxesTests(BrowserFixture browser)
{
    private const int Width = 800;
    private const int Height = 600;

    [Fact]
    public async Task Boxes_AreDrawnByDragAndByTwoPoints_Changed_AndTakenBackStepByStep()
    {
        var (project, visitor, canvas) = await OpenAsync("Draw");
        await using var _ = visitor;
        var keys = canvas.Page.Keyboard;
        var item = await canvas.Review.ItemAsync();

        // Drawn at once, by a drag on free ground.
        await canvas.DragAsync(100, 100, 300, 250);
        await canvas.HoldsAsync("""{"boxes":[{"label":"car","x":100,"y":100,"width":200,"height":150}]}""");

        // Two points, with another class.
        await keys.PressAsync("Escape");
        await keys.PressAsync("2");
        await canvas.ClickAsync(400, 300);
        await canvas.ClickAsync(500, 420);
        await canvas.HoldsAsync("""{"boxes":[{"label":"car","x":100,"y":100,"width":200,"height":150},{"label":"person","x":400,"y":300,"width":100,"height":120}]}""");

        // Moved, resized by a handle, nudged, relabelled.
        await canvas.DragAsync(450, 360, 460, 350);
        await canvas.DragAsync(510, 410, 560, 440);
        await keys.PressAsync("ArrowRight");
        await keys.PressAsync("Shift+ArrowDown");
        await keys.PressAsync("3");
        await canvas.HoldsAsync("""{"boxes":[{"label":"car","x":100,"y":100,"width":200,"height":150},{"label":"dog","x":411,"y":300,"width":150,"height":150}]}""");
        await Assertions.Expect(canvas.Rows).ToHaveCountAsync(2);

        // Every step back, and forward again.
        for (var i = 0; i < 7; i++) await keys.PressAsync("Control+z");
        await canvas.HoldsAsync("""{"boxes":[]}""");
        for (var i = 0; i < 7; i++) await keys.PressAsync("Control+Shift+Z");
        await canvas.HoldsAsync("""{"boxes":[{"label":"car","x":100,"y":100,"width":200,"height":150},{"label":"dog","x":411,"y":300,"width":150,"height":150}]}""");

        await canvas.Review.DecideAsync("Enter");
        await canvas.Review.SavedAsync();
        Assert.Equal(
            """{"boxes":[{"label":"car","x":100,"y":100,"width":200,"height":150},{"label":"dog","x":411,"y":300,"width":150,"height":150}]}""",
            (await browser.Api.ItemAsync(project, item!))!["label"]!.ToJsonString());
        Assert.Empty(visitor.Troubles);
    }

    [Fact]
    public async Task Keys_SelectHideLockCopyAndReorder_TheListFollows()
    {
        const string Two = """{"boxes":[{"label":"car","x":100,"y":100,"width":200,"height":150},{"label":"person","x":400.5,"y":300.25,"width":100,"height":120}]}""";
        var (_, visitor, canvas) = await OpenAsync("Keys", Two, Two);
        await using var __ = visitor;
        var (page, keys) = (canvas.Page, canvas.Page.Keyboard);
        await page.Locator(".rv-scroll").FocusAsync();
        await keys.PressAsync("Tab");
        await Assertions.Expect(page.Locator(".cv-row[aria-current]")).ToContainTextAsync("car");

        // A locked one neither moves nor goes; a hidden one is not hit.
        await keys.PressAsync("l");
        await keys.PressAsync("ArrowRight");
        await keys.PressAsync("Delete");
        await keys.PressAsync("l");
        await keys.PressAsync("h");
        await keys.PressAsync("Escape");
        await canvas.ClickAsync(200, 170);
        await Assertions.Expect(page.Locator(".cv-row[aria-current]")).ToHaveCountAsync(0);
        await keys.PressAsync("Shift+H");
        await keys.PressAsync("Shift+H");
        await canvas.ClickAsync(200, 170);
        await Assertions.Expect(page.Locator(".cv-row[aria-current]")).ToContainTextAsync("car");
        await canvas.HoldsAsync(Two);

        // On top, doubled, deleted again.
        await keys.PressAsync("+");
        await keys.PressAsync("Control+d");
        await Assertions.Expect(canvas.Rows).ToHaveCountAsync(3);
        await keys.PressAsync("Delete");
        await canvas.HoldsAsync("""{"boxes":[{"label":"person","x":400.5,"y":300.25,"width":100,"height":120},{"label":"car","x":100,"y":100,"width":200,"height":150}]}""");

        // Past the last one Tab goes on through the page: nobody is caught.
        await page.Locator(".rv-scroll").FocusAsync();
        for (var i = 0; i < 3; i++) await keys.PressAsync("Tab");
        Assert.NotEqual("rv-scroll rv-scroll-picture", await page.EvaluateAsync<string>("() => document.activeElement.className"));

        // All of them onto the next item.
        await page.Locator(".rv-scroll").FocusAsync();
        await canvas.Review.DecideAsync("Enter");
        await canvas.HoldsAsync(Two);
        await keys.PressAsync("p");
        await Assertions.Expect(canvas.Rows).ToHaveCountAsync(4);
        await keys.PressAsync("?");
        await Assertions.Expect(page.Locator(".rv-dialog")).ToContainTextAsync("Duplicate");
        Assert.Empty(visitor.Troubles);
    }

    [Theory]
    [InlineData(true, "accept", 2)]
    [InlineData(false, "correct", 1)]
    public async Task Proposals_AreAcceptedAllOrOneByOne(bool all, string action, int kept)
    {
        const string Two = """{"boxes":[{"label":"car","x":100,"y":100,"width":200,"height":150},{"label":"person","x":400.5,"y":300.25,"width":100,"height":120}]}""";
        var (project, visitor, canvas) = await OpenAsync($"Proposals {all}", Two);
        await using var _ = visitor;
        var item = await canvas.Review.ItemAsync();
        await Assertions.Expect(canvas.Page.Locator(".cv-row[data-sure=false]")).ToHaveCountAsync(2);
        if (all)
        {
            await canvas.Page.Keyboard.PressAsync("Enter");
        }
        else
        {
            await canvas.Page.Keyboard.PressAsync("]");
            await canvas.Page.Keyboard.PressAsync("Space");
            await Assertions.Expect(canvas.Page.Locator(".cv-row[data-sure=false]")).ToHaveCountAsync(1);
            await canvas.Page.Keyboard.PressAsync("Shift+Enter");
        }

        await canvas.Review.ShowsOtherAsync(item, "decided");
        await canvas.Review.SavedAsync();
        Assert.Equal([action], await ReviewDriver.HistoryAsync(browser.Api, project, item!));
        Assert.Equal(kept, (await browser.Api.ItemAsync(project, item!))!["label"]!["boxes"]!.AsArray().Count);
    }

    [Fact]
    public async Task Ctrl_SnapsToTheEdgesOfOthersAndOfTheImage()
    {
        var (project, _) = await CanvasScenes.ProjectAsync(browser, "Snap", "boxes", [("s.png", TestPicture.WithRectangle(640, 480, 100, 100, 200, 200), null)]);
        await using var visitor = await browser.SignedInAsync();
        var canvas = await CanvasDriver.OpenAsync(visitor.Page, project);
        var keys = visitor.Page.Keyboard;
        await keys.PressAsync("n");
        await canvas.DragAsync(100, 100, 200, 200);

        // Begun near the first box's corner, ended near the border: on the edge of both.
        await keys.PressAsync("n");
        await keys.DownAsync("Control");
        await canvas.DragAsync(204, 103, 636, 300);
        await keys.UpAsync("Control");
        await canvas.HoldsAsync("""{"boxes":[{"label":"car","x":100,"y":100,"width":100,"height":100},{"label":"car","x":200,"y":100,"width":440,"height":200}]}""");

        // Moved by itself it goes where it is put; with Ctrl it stops where edges meet.
        await keys.PressAsync("Escape");
        await canvas.ClickAsync(150, 150);
        await keys.DownAsync("Control");
        await canvas.DragAsync(150, 150, 147, 249);
        await keys.UpAsync("Control");
        await canvas.HoldsAsync("""{"boxes":[{"label":"car","x":100,"y":200,"width":100,"height":100},{"label":"car","x":200,"y":100,"width":440,"height":200}]}""");
        Assert.Empty(visitor.Troubles);
    }

    [Fact]
    public async Task Draft_OutlivesTheTab_AndIsGoneOnceDecided()
    {
        var (project, visitor, canvas) = await OpenAsync("Draft", [null]);
        await using var _ = visitor;
        var item = await canvas.Review.ItemAsync();
        await canvas.DragAsync(100, 100, 300, 250);
        await Until.HoldsAsync(() => canvas.Page.EvaluateAsync<int>("() => window.annotatorReview.store.read(['drafts'], (s) => s.drafts.of(window.annotatorReview.place)).then((d) => d.length)"), n => n == 1, "the draft is kept");
        await canvas.Page.CloseAsync();

        var again = await CanvasDriver.OpenAsync(await visitor.Context.NewPageAsync(), project);
        await again.HoldsAsync("""{"boxes":[{"label":"car","x":100,"y":100,"width":200,"height":150}]}""");
        await again.Page.Keyboard.PressAsync("Enter");
        await again.Review.ShowsOtherAsync(item, "decided");
        await again.Review.SavedAsync();
        await Until.HoldsAsync(() => again.Page.EvaluateAsync<int>("() => window.annotatorReview.store.read(['drafts'], (s) => s.drafts.of(window.annotatorReview.place)).then((d) => d.length)"), n => n == 0, "the draft is gone");
    }

    [Fact]
    public async Task Touch_MovesWithOneFinger_ZoomsWithTwo_AndDrawsWhenAsked()
    {
        var (project, _) = await CanvasScenes.ProjectAsync(browser, "Boxes Touch", "boxes", [("touch.png", TestPicture.WithRectangle(Width, Height, 100, 100, 300, 250), null)]);
        await using var visitor = await browser.SignedInAsync(new BrowserSettings(Width: 820, Height: 1180, Touch: true));
        var canvas = await CanvasDriver.OpenAsync(visitor.Page, project);
        var client = await visitor.Context.NewCDPSessionAsync(visitor.Page);
        async Task TouchAsync(string type, params (float X, float Y)[] points) => await client.SendAsync("Input.dispatchTouchEvent", new Dictionary<string, object>
        {
            ["type"] = type,
            ["touchPoints"] = points.Select(p => new Dictionary<string, object> { ["x"] = p.X, ["y"] = p.Y }).ToArray(),
        });
        Task<double[]> ViewAsync() => visitor.Page.EvaluateAsync<double[]>("() => { const v = window.annotatorReview.view.picture.view; return [v.scale, v.x, v.y]; }");

        var before = await ViewAsync();
        var (x, y) = await canvas.AtAsync(400, 300);
        await TouchAsync("touchStart", (x, y));
        await TouchAsync("touchMove", (x + 30, y + 10));
        await TouchAsync("touchMove", (x + 60, y + 20));
        await TouchAsync("touchEnd");
        var moved = await ViewAsync();
        Assert.Equal(before[0], moved[0], 6);
        Assert.True(moved[1] > before[1] + 20, "the image was moved");
        await canvas.HoldsAsync("""{"boxes":[]}""");

        await TouchAsync("touchStart", (x - 40, y), (x + 40, y));
        await TouchAsync("touchMove", (x - 60, y), (x + 60, y));
        await TouchAsync("touchMove", (x - 80, y), (x + 80, y));
        await TouchAsync("touchEnd");
        Assert.InRange((await ViewAsync())[0] / moved[0], 1.7, 2.3);

        // A browser takes a tap that comes right after a pinch for the end of it, and tells nobody: it is tapped until it counts, or the corner would lie out of sight.
        await Until.HoldsAsync(
            async () =>
            {
                await visitor.Page.Locator("[data-tool=fit]").TapAsync();
                return (await ViewAsync())[0];
            },
            scale => Math.Abs(scale - before[0]) < 1e-6,
            "all of the image is in sight");
        await visitor.Page.Locator("[data-tool=draw]").TapAsync();
        await Assertions.Expect(visitor.Page.Locator(".rv-spans-state")).ToContainTextAsync("two corners");
        var (from, to) = (await canvas.AtAsync(100, 100), await canvas.AtAsync(300, 250));
        await TouchAsync("touchStart", from);
        await TouchAsync("touchMove", ((from.X + to.X) / 2, (from.Y + to.Y) / 2));
        await TouchAsync("touchMove", to);
        await TouchAsync("touchEnd");
        await canvas.HoldsAsync("""{"boxes":[{"label":"car","x":100,"y":100,"width":200,"height":150}]}""");
        Assert.Empty(visitor.Troubles);
    }

    [Fact]
    public async Task Pen_DrawsAtOnce_AndTakesHandles()
    {
        var (_, visitor, canvas) = await OpenAsync("Pen", [null]);
        await using var __ = visitor;
        var client = await visitor.Context.NewCDPSessionAsync(visitor.Page);
        async Task PenAsync(string type, double x, double y)
        {
            var place = await canvas.AtAsync(x, y);
            await client.SendAsync("Input.dispatchMouseEvent", new Dictionary<string, object>
            {
                ["type"] = type, ["x"] = place.X, ["y"] = place.Y, ["pointerType"] = "pen", ["button"] = "left", ["buttons"] = type is "mouseReleased" ? 0 : 1, ["clickCount"] = 1, ["force"] = 0.5,
            });
        }

        async Task StrokeAsync((double X, double Y) from, (double X, double Y) to)
        {
            await PenAsync("mousePressed", from.X, from.Y);
            await PenAsync("mouseMoved", (from.X + to.X) / 2, (from.Y + to.Y) / 2);
            await PenAsync("mouseMoved", to.X, to.Y);
            await PenAsync("mouseReleased", to.X, to.Y);
        }

        await canvas.Page.EvaluateAsync("() => { window.pens = 0; document.addEventListener('pointerdown', (e) => { window.pens += e.pointerType === 'pen' ? 1 : 0; }, true); }");
        await StrokeAsync((100, 100), (300, 250));
        await canvas.HoldsAsync("""{"boxes":[{"label":"car","x":100,"y":100,"width":200,"height":150}]}""");
        await StrokeAsync((300, 250), (340, 280));
        await canvas.HoldsAsync("""{"boxes":[{"label":"car","x":100,"y":100,"width":240,"height":180}]}""");
        Assert.Equal(2, await canvas.Page.EvaluateAsync<int>("() => window.pens"));
        Assert.Empty(visitor.Troubles);
    }

    [Fact]
    public async Task FiveThousandBoxes_AreMovedAndZoomed_TheFrameRateIsTold()
    {
        var boxes = new JsonArray([.. Enumerable.Range(0, 5_000).Select(i => (JsonNode)new JsonObject
        {
            ["label"] = (i % 3) switch { 0 => "car", 1 => "person", _ => "dog" },
            ["x"] = i % 100 * 8,
            ["y"] = i / 100 * 12,
            ["width"] = 20 + (i % 7),
            ["height"] = 14 + (i % 5),
        })]);
        var (_, visitor, canvas) = await OpenAsync("Many", new JsonObject { ["boxes"] = boxes }.ToJsonString());
        await using var __ = visitor;
        var page = canvas.Page;
        await Assertions.Expect(page.Locator(".cv-count")).ToContainTextAsync("5000");
        Assert.InRange(await canvas.Rows.CountAsync(), 5, 60);
        var middle = await canvas.AtAsync(Width / 2, Height / 2);
        await page.Mouse.MoveAsync(middle.X, middle.Y);
        var figures = await page.EvaluateAsync<double[]>(
            """
            async () => {
              const stage = window.annotatorReview.view.picture;
              const frame = () => new Promise(requestAnimationFrame);
              const run = async (move) => {
                stage.frames.reset();
                for (let i = 0; i < 60; i++) { move(i); await frame(); }
                return [stage.frames.rate, stage.frames.slowest, window.annotatorReview.view.shapes.inSight];
              };
              stage.fit();
              const pan = await run((i) => stage.pan(i % 20 < 10 ? 9 : -9, 3));
              stage.fit();
              const zoom = await run((i) => stage.zoom(i % 20 < 10 ? 1.06 : 1 / 1.06, 300, 200));
              return [...pan, ...zoom];
            }
            """);
        TestContext.Current.SendDiagnosticMessage("5,000 boxes, {0} in sight: pan {1} frames/s (p95 {2} ms), zoom {3} frames/s (p95 {4} ms)", Text(figures[2]), Text(figures[0]), Text(figures[1]), Text(figures[3]), Text(figures[4]));
        TestContext.Current.TestOutputHelper?.WriteLine($"5,000 boxes, {Text(figures[2])} in sight: pan {Text(figures[0])} frames/s (p95 {Text(figures[1])} ms), zoom {Text(figures[3])} frames/s (p95 {Text(figures[4])} ms)");

        // Not a measurement on a shared machine, only that it is no slide show.
        Assert.True(figures[0] > 5 && figures[3] > 5, "The page moves.");
    }

    private static string Text(double value) => value.ToString("0.0", CultureInfo.InvariantCulture);

    private async Task<(string Project, Visitor Visitor, CanvasDriver Canvas)> OpenAsync(string name, params string?[] proposals)
    {
        if (proposals.Length == 0) proposals = [null, null];
        var (project, _) = await CanvasScenes.ProjectAsync(
            browser, $"Boxes {name}", "boxes", [.. proposals.Select((p, i) => ($"{name}-{i}.png", TestPicture.WithRectangle(Width, Height, 100 + (i * 20), 100, 300, 250), p))]);
        var visitor = await browser.SignedInAsync();
        return (project, visitor, await CanvasDriver.OpenAsync(visitor.Page, project));
    }
}
