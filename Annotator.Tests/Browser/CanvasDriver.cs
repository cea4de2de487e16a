using System.Text.Json;
using System.Text.Json.Nodes;
using Annotator.Tests.Support;
using Microsoft.Playwright;

namespace Annotator.Tests.Browser;

/// <summary>The surface for images as a person uses it: places are named in pixels of the image.</summary>
internal sealed class CanvasDriver(ReviewDriver review)
{
    public IPage Page => review.Page;

    public ReviewDriver Review => review;

    public ILocator Rows => review.Page.Locator(".cv-row");

    public static async Task<CanvasDriver> OpenAsync(IPage page, string project)
    {
        var review = await ReviewDriver.OpenAsync(page, project);
        await Assertions.Expect(page.Locator(".cv[data-state=ready]")).ToBeVisibleAsync();
        return new CanvasDriver(review);
    }

    /// <summary>What is drawn, as it would be sent.</summary>
    public async Task<JsonNode> ValueAsync() => JsonNode.Parse(await Page.EvaluateAsync<string>("() => { const r = window.annotatorReview; return JSON.stringify(r.view.kind.value(r.session.current.parts)); }"))!;

    /// <summary>Waits until what is drawn is as given, as JSON.</summary>
    public Task HoldsAsync(string json) => Until.HoldsAsync(async () => (await ValueAsync()).ToJsonString(), v => JsonNode.DeepEquals(JsonNode.Parse(v), JsonNode.Parse(json)), $"what is drawn is {json}");

    /// <summary>Waits until a frame of the film is on screen.</summary>
    public Task FrameAsync(int frame) => Until.HoldsAsync(
        () => Page.EvaluateAsync<int>("() => { const f = window.annotatorReview.view.film; return f.settled && f.count > 0 ? f.frame : -1; }"), f => f == frame, $"frame {frame} is on screen");

    /// <summary>Where a pixel of the image is on the page.</summary>
    public async Task<(float X, float Y)> AtAsync(double x, double y)
    {
        var place = await Page.EvaluateAsync<JsonElement>(
            "([x, y]) => { const s = window.annotatorReview.view.picture; const b = s.room.getBoundingClientRect(); const [sx, sy] = s.view.toScreen(x, y); return [b.left + sx, b.top + sy]; }", new[] { x, y });
        return (place[0].GetSingle(), place[1].GetSingle());
    }

    /// <summary>Draws the pointer from one pixel to another.</summary>
    public async Task DragAsync(double fromX, double fromY, double toX, double toY)
    {
        var (from, to) = (await AtAsync(fromX, fromY), await AtAsync(toX, toY));
        await Page.Mouse.MoveAsync(from.X, from.Y);
        await Page.Mouse.DownAsync();
        await Page.Mouse.MoveAsync((from.X + to.X) / 2, (from.Y + to.Y) / 2, new MouseMoveOptions { Steps = 3 });
        await Page.Mouse.MoveAsync(to.X, to.Y);
        await Page.Mouse.UpAsync();
    }

    /// <summary>Clicks a pixel.</summary>
    public async Task ClickAsync(double x, double y)
    {
        var place = await AtAsync(x, y);
        await Page.Mouse.ClickAsync(place.X, place.Y);
    }
}
