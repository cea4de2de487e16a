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
        Assert.Equal(2, await canvas.Rows.CountAsync());

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
