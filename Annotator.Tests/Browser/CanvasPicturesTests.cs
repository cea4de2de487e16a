using System.Text.Json;
using System.Text.Json.Nodes;
using Annotator.Tests.Support;
using Microsoft.Playwright;

namespace Annotator.Tests.Browser;

/// <summary>Whole images that get one label, and polygons on them.</summary>
[Collection(BrowserCollection.Name)]
public class CanvasPicturesTests(BrowserFixture browser)
{
    [Fact]
    public async Task Classification_ShowsTheImage_TakesOneKey_AndTheNextIsThereAtOnce()
    {
        var (project, items) = await CanvasScenes.ProjectAsync(
            browser, "Classes", "classification", [.. Enumerable.Range(0, 6).Select(i => ($"c{i}.png", TestPicture.WithRectangle(640, 480, 40 * i, 40, (40 * i) + 200, 200), (string?)"""{"choice":"car"}"""))]);
        await using var visitor = await browser.SignedInAsync();
        var canvas = await CanvasDriver.OpenAsync(visitor.Page, project);
        var page = visitor.Page;

        // Seen whole, and larger with the wheel, at the cursor.
        var (x, y) = await canvas.AtAsync(100, 100);
        await page.Mouse.MoveAsync(x, y);
        await page.Mouse.WheelAsync(0, -400);
        await Until.HoldsAsync(() => canvas.AtAsync(100, 100), p => Math.Abs(p.X - x) < 1.5 && Math.Abs(p.Y - y) < 1.5, "what is under the cursor stays there");
        await page.Locator(".cv-slider").First.FillAsync("150");
        Assert.Equal("brightness(150%) contrast(100%)", await page.EvaluateAsync<string>("() => document.querySelector('.cv-medium').style.filter"));
        await page.Keyboard.PressAsync("`");

        // What comes next is loaded already, so that it is on the stage within the same task.
        await Until.HoldsAsync(() => page.EvaluateAsync<bool>("() => { const r = window.annotatorReview; return r.queue.ahead.length > 1 && r.queue.ahead.every((i) => r.pictures.get(i.data.url).state === 'ready'); }"), ready => ready, "the images ahead are loaded");
        Assert.True(await page.EvaluateAsync<bool>(
            """
            () => {
              const r = window.annotatorReview;
              r.act("accept");
              return document.querySelector(".cv-medium img").src.endsWith(r.session.current.item.data.url) && r.view.picture.element.dataset.state === "ready";
            }
            """));
        var corrected = await canvas.Review.DecideAsync("2");
        await page.Keyboard.PressAsync("u");
        await canvas.Review.ShowsAsync(corrected, "the last item is back");
        await canvas.Review.DecideAsync("3");
        await canvas.Review.SavedAsync();
        Assert.Equal("correct", (await ReviewDriver.HistoryAsync(browser.Api, project, corrected))[^1]);
        Assert.Equal(6, items.Count);
        Assert.Empty(visitor.Troubles);
    }

    [Fact]
    public async Task ImageThatCannotBeShown_SaysWhy_AndCanBeSkipped()
    {
        var (project, _) = await CanvasScenes.ProjectAsync(browser, "Elsewhere", "boxes", []);
        await browser.Api.SendAsync(HttpMethod.Post, $"/api/v1/projects/{project}/items", JsonNode.Parse("""{"items":[{"key":"far","url":"https://example.org/a.png"}]}"""));
        await browser.Api.QueuedAsync(project, 1);
        await using var visitor = await browser.SignedInAsync();
        var review = await ReviewDriver.OpenAsync(visitor.Page, project);
        await Assertions.Expect(visitor.Page.Locator(".cv[data-state=failed] .cv-message")).ToContainTextAsync("https://example.org/a.png");
        await review.DecideAsync("s");
    }

    [Fact]
    public async Task Polygons_AreDrawnPointByPoint_AndChangedAtTheirCorners()
    {
        var (project, items) = await CanvasScenes.ProjectAsync(browser, "Polygons", "polygons", [("p.png", TestPicture.WithRectangle(800, 600, 100, 100, 300, 250), null)]);
        await using var visitor = await browser.SignedInAsync();
        var canvas = await CanvasDriver.OpenAsync(visitor.Page, project);
        var keys = visitor.Page.Keyboard;
        await keys.PressAsync("n");
        foreach (var (x, y) in ((int, int)[])[(100, 100), (300, 100), (300, 300), (120, 320)]) await canvas.ClickAsync(x, y);

        // The last corner back and set anew; N finishes, as in CVAT.
        await keys.PressAsync("Control+z");
        await canvas.ClickAsync(100, 300);
        await keys.PressAsync("n");
        await NearAsync(canvas, [(100, 100), (300, 100), (300, 300), (100, 300)]);

        // A corner drawn, one put into an edge, one taken away.
        await canvas.DragAsync(300, 300, 350, 350);
        await canvas.DragAsync(200, 100, 200, 60);
        await NearAsync(canvas, [(100, 100), (200, 60), (300, 100), (350, 350), (100, 300)]);
        await keys.DownAsync("Alt");
        await canvas.ClickAsync(200, 60);
        await keys.UpAsync("Alt");
        await NearAsync(canvas, [(100, 100), (300, 100), (350, 350), (100, 300)]);

        // Moved as a whole, and one corner by keys.
        await canvas.DragAsync(200, 200, 210, 200);
        await keys.PressAsync(".");
        await keys.PressAsync("Shift+ArrowUp");
        await NearAsync(canvas, [(110, 90), (310, 100), (360, 350), (110, 300)]);
        await canvas.Review.DecideAsync("Enter");
        await canvas.Review.SavedAsync();
        Assert.Single((await browser.Api.ItemAsync(project, items[0]))!["label"]!["polygons"]!.AsArray());
        Assert.Empty(visitor.Troubles);
    }

    // The pointer stands on whole pixels of the screen, so a corner is where it was meant to within a pixel of the screen.
    private static async Task NearAsync(CanvasDriver canvas, IReadOnlyList<(double X, double Y)> points)
    {
        var told = "";
        await Until.HoldsAsync(
            async () => told = (await canvas.ValueAsync())["polygons"]!.ToJsonString(),
            json =>
            {
                var made = JsonDocument.Parse(json).RootElement;
                if (made.GetArrayLength() != 1 || made[0].GetProperty("points").GetArrayLength() != points.Count) return false;
                return made[0].GetProperty("points").EnumerateArray().Zip(points, (p, q) => Math.Abs(p[0].GetDouble() - q.X) <= 2.5 && Math.Abs(p[1].GetDouble() - q.Y) <= 2.5).All(near => near);
            },
            $"the corners are near {string.Join(' ', points)}");
        Assert.NotEmpty(told);
    }
}
