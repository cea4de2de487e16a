using Annotator.Tests.Support;
using Microsoft.Playwright;

namespace Annotator.Tests.Browser;

/// <summary>The review page for everybody's eyes: axe in both colours, on a tablet, with windows open, and in Korean.</summary>
[Collection(BrowserCollection.Name)]
public class ReviewLookTests(BrowserFixture browser)
{
    [Theory]
    [InlineData("en-US", false, 1280, 720)]
    [InlineData("en-US", true, 1280, 720)]
    [InlineData("ko-KR", false, 820, 1180)]
    public async Task Axe_FindsNothing(string locale, bool dark, int width, int height)
    {
        var project = await ReviewScenes.LearntAsync(browser.Api, "Axe", waiting: 30);
        await using var visitor = await browser.SignedInAsync(new BrowserSettings(locale, dark, width, height));
        var page = visitor.Page;
        var review = await ReviewDriver.OpenAsync(page, project);
        await review.DecideAsync("1");
        await browser.Api.AddAsync(project, ["I never got the parcel, order 1234"], 900);
        await Assertions.Expect(page.Locator(".rv-live-row").First).ToBeVisibleAsync();
        await NothingFoundAsync(page);
        foreach (var key in (string[])["?", "Shift+S", "f"])
        {
            await page.Keyboard.PressAsync(key);
            await Assertions.Expect(page.Locator("dialog")).ToBeVisibleAsync();
            await NothingFoundAsync(page);
            await page.Keyboard.PressAsync("Escape");
        }

        await page.Keyboard.PressAsync("ArrowLeft");
        await Assertions.Expect(page.Locator(".rv[data-mode=revisit]")).ToBeVisibleAsync();
        await NothingFoundAsync(page);
    }

    [Fact]
    public async Task Axe_FindsNothing_WithManyLabelsAndTheirFilter()
    {
        var project = await browser.Api.CreateProjectAsync("Axe many", ReviewScenes.ManyLabels);
        await browser.Api.AddAsync(project, ["My card was declined abroad"]);
        await browser.Api.QueuedAsync(project, 1);
        await using var visitor = await browser.SignedInAsync();
        await ReviewDriver.OpenAsync(visitor.Page, project);
        await NothingFoundAsync(visitor.Page);
        await visitor.Page.Keyboard.PressAsync("/");
        await visitor.Page.Keyboard.TypeAsync("card");
        await NothingFoundAsync(visitor.Page);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Axe_FindsNothing_WithSpans(bool dark)
    {
        var project = await ReviewScenes.SpansAsync(
            browser.Api, browser.Server, "Axe spans", [("Obama met Merkel in Berlin", """{"spans":[{"start":0,"end":5,"label":"PER"},{"start":20,"end":26,"label":"LOC"}]}""")]);
        await using var visitor = await browser.SignedInAsync(new BrowserSettings(Dark: dark));
        await ReviewDriver.OpenAsync(visitor.Page, project);
        await visitor.Page.Keyboard.PressAsync("]");
        await visitor.Page.Keyboard.PressAsync("Space");
        await NothingFoundAsync(visitor.Page);
    }

    [Fact]
    public async Task Dark_FollowsTheSystem()
    {
        var project = await browser.Api.CreateProjectAsync("Dark", ["a", "b"]);
        await browser.Api.AddAsync(project, ["some text"]);
        await browser.Api.QueuedAsync(project, 1);
        const string Lightness =
            "() => { const [r, g, b] = getComputedStyle(document.querySelector('.rv-stage')).backgroundColor.match(/[\\d.]+/g).map(Number); return (r + g + b) / 3; }";
        await using var light = await browser.SignedInAsync();
        await ReviewDriver.OpenAsync(light.Page, project);
        Assert.True(await light.Page.EvaluateAsync<double>(Lightness) > 200);
        await using var dark = await browser.SignedInAsync(new BrowserSettings(Dark: true));
        await ReviewDriver.OpenAsync(dark.Page, project, withItem: false);
        Assert.True(await dark.Page.EvaluateAsync<double>(Lightness) < 60);
    }

    [Fact]
    public async Task Korean_SpeaksKoreanThroughout()
    {
        var project = await ReviewScenes.LearntAsync(browser.Api, "한국어", waiting: 12);
        await using var visitor = await browser.SignedInAsync(new BrowserSettings("ko-KR"));
        var page = visitor.Page;
        var review = await ReviewDriver.OpenAsync(page, project);
        Assert.Equal("ko", await page.Locator("html").GetAttributeAsync("lang"));
        await Assertions.Expect(page.Locator("[data-command=accept]")).ToContainTextAsync("수락");
        await review.DecideAsync("1");
        await page.Keyboard.PressAsync("?");
        var text = await page.Locator("dialog").InnerTextAsync();
        Assert.DoesNotContain("Review.", text, StringComparison.Ordinal);
        Assert.DoesNotContain("Keys that work", text, StringComparison.Ordinal);
        await page.Keyboard.PressAsync("Escape");

        // An input method reports its own letters: the place of the key on the board still counts.
        var item = await review.ItemAsync();
        await page.EvaluateAsync("() => document.activeElement.dispatchEvent(new KeyboardEvent('keydown', { key: 'ㄴ', code: 'KeyS', bubbles: true, cancelable: true }))");
        await review.ShowsOtherAsync(item, "skipped by the key that Hangul has on S");
    }

    [Theory]
    [InlineData("boxes", "en-US", false)]
    [InlineData("polygons", "ko-KR", true)]
    [InlineData("classification", "en-US", true)]
    public async Task Axe_FindsNothing_WithImages(string task, string locale, bool dark)
    {
        var proposal = task switch
        {
            "boxes" => """{"boxes":[{"label":"car","x":10,"y":10,"width":60,"height":40}]}""",
            "polygons" => """{"polygons":[{"label":"dog","points":[[10,10],[60,10],[40,50]]}]}""",
            _ => """{"choice":"person"}""",
        };
        var (project, _) = await CanvasScenes.ProjectAsync(browser, $"Axe {task}", task, [("axe.png", TestPicture.WithRectangle(160, 120, 10, 10, 70, 50), proposal)]);
        await using var visitor = await browser.SignedInAsync(new BrowserSettings(locale, dark));
        await CanvasDriver.OpenAsync(visitor.Page, project);
        await NothingFoundAsync(visitor.Page);
        await visitor.Page.Keyboard.PressAsync("]");
        await visitor.Page.Keyboard.PressAsync("?");
        await Assertions.Expect(visitor.Page.Locator("dialog")).ToBeVisibleAsync();
        await NothingFoundAsync(visitor.Page);
    }

    [Fact]
    public async Task Axe_FindsNothing_WithTheGridAndWithFilms()
    {
        var (pictures, _) = await CanvasScenes.ProjectAsync(browser, "Axe grid", "classification", [("axe.png", TestPicture.WithRectangle(160, 120, 10, 10, 70, 50), """{"choice":"person"}"""), ("bare.png", TestPicture.WithRectangle(160, 120, 10, 10, 70, 50), null)]);
        var (films, _) = await CanvasScenes.ProjectAsync(
            browser, "Axe film", "tracks", [("axe.mp4", await TestFilm.BrighteningAsync(), """{"tracks":[{"id":"t1","label":"car","keyframes":[{"frame":0,"x":1,"y":2,"width":30,"height":20,"outside":false}]}]}""")], modality: "video");
        await using var visitor = await browser.SignedInAsync();
        await CanvasDriver.OpenAsync(visitor.Page, pictures);
        await visitor.Page.Keyboard.PressAsync("Shift+G");
        await Assertions.Expect(visitor.Page.Locator(".gr-cell")).ToHaveCountAsync(2);
        await NothingFoundAsync(visitor.Page);
        await CanvasDriver.OpenAsync(visitor.Page, films);
        await visitor.Page.Keyboard.PressAsync("]");
        await NothingFoundAsync(visitor.Page);
    }

    private static async Task NothingFoundAsync(IPage page)
    {
        var found = await page.BarriersAsync("wcag2a", "wcag2aa", "wcag21aa", "wcag22aa");
        Assert.True(found.Count == 0, string.Join("\n", found.Select(v => $"{v.Id}: {string.Join("; ", v.Nodes.Select(n => n.Html))}")));
    }
}
