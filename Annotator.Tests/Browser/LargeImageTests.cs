using System.Net.Http.Headers;
using Annotator.Core.Media;
using Annotator.Tests.Support;
using NetVips;

namespace Annotator.Tests.Browser;

/// <summary>An image of a hundred million pixels, from the upload to a box on one of its details.</summary>
[Collection(BrowserCollection.Name)]
public class LargeImageTests(BrowserFixture browser)
{
    private const int Width = 12_000;
    private const int Height = 8_400;

    [Fact]
    public async Task HundredMegapixels_AreShownByParts_AndABoxIsDrawnToThePixel()
    {
        var (project, items) = await CanvasScenes.ProjectAsync(browser, "Large", "boxes", [("large.jpg", Picture(), null)]);
        var item = (await browser.Api.ItemAsync(project, items[0]))!;
        Assert.Equal(Width * (long)Height, (long)item["metadata"]!["width"]! * (long)item["metadata"]!["height"]!);
        var address = (string)item["url"]!;
        var set = (await browser.Api.GetAsync(address + "/tiles"))!;
        Assert.Equal((Width, Height), ((int)set["width"]!, (int)set["height"]!));

        // The tile of the full scale has the very pixels of its place.
        using var http = new HttpClient { BaseAddress = browser.Server.Address };
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", InProcessServer.AdminToken);
        var side = (int)set["side"]!;
        using var tile = Image.NewFromBuffer(await http.GetByteArrayAsync($"{address}/tiles/0/{9_000 / side}/{6_000 / side}", TestContext.Current.CancellationToken));
        Assert.True(tile[9_020 % side, 6_020 % side][0] > 200 && tile[8_980 % side, 6_020 % side][0] < 60);
        using var missing = await http.GetAsync($"{address}/tiles/0/9999/0", TestContext.Current.CancellationToken);
        Assert.Equal(System.Net.HttpStatusCode.NotFound, missing.StatusCode);

        await using var visitor = await browser.SignedInAsync();
        var canvas = await CanvasDriver.OpenAsync(visitor.Page, project);
        var page = visitor.Page;
        Assert.Equal(0, await page.EvaluateAsync<int>("() => document.querySelectorAll('.cv-medium > img').length"));
        await ReadyAsync(page, "() => true", "the whole is seen");
        Assert.True(await page.EvaluateAsync<int>("() => window.annotatorReview.view.picture.tiled.state.level") >= 3);

        // At the size of the screen's pixels only what is in sight is loaded.
        await page.EvaluateAsync("() => { const p = window.annotatorReview.view.picture; p.actual(); p.view.reveal({ x: 9000, y: 6000, width: 100, height: 80 }); p.invalidate(); }");
        await ReadyAsync(page, "s => s.level === 0", "the detail is seen");
        Assert.InRange(await page.EvaluateAsync<int>("() => document.querySelectorAll('.cv-tiles > img').length"), 4, 160);
        await canvas.DragAsync(9_000, 6_000, 9_100, 6_080);
        var box = (await canvas.ValueAsync())["boxes"]![0]!;
        Assert.InRange((double)box["x"]!, 8_999, 9_001);
        Assert.InRange((double)box["y"]!, 5_999, 6_001);
        Assert.InRange((double)box["width"]!, 99, 101);
        await canvas.Review.DecideAsync("Enter");
        Assert.Empty(visitor.Troubles);
    }

    private static Task ReadyAsync(Microsoft.Playwright.IPage page, string holds, string what) => Until.TrueAsync(
        () => page.EvaluateAsync<bool>($"() => {{ const s = window.annotatorReview.view.picture.tiled?.state; return Boolean(s && s.wanted > 0 && s.ready === s.wanted && ({holds})(s)); }}"), what);

    // Dark, with a bright rectangle that begins at 9,000, 6,000.
    private static byte[] Picture()
    {
        using var dark = Image.Black(Width, Height) + 30;
        using var bright = (Image.Black(100, 80) + 230).Cast(Enums.BandFormat.Uchar);
        using var grey = dark.Cast(Enums.BandFormat.Uchar).Insert(bright, 9_000, 6_000);
        using var coloured = grey.Bandjoin(grey, grey).Copy(interpretation: Enums.Interpretation.Srgb);
        return coloured.JpegsaveBuffer(q: 90);
    }
}
