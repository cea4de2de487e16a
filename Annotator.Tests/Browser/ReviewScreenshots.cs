using Annotator.Tests.Support;
using Microsoft.Playwright;

namespace Annotator.Tests.Browser;

/// <summary>
/// Takes the pictures of the review page in docs/screenshots. Not a test: run with
/// <c>dotnet run --project Annotator.Tests -- -explicit only -class Annotator.Tests.Browser.ReviewScreenshots</c>.
/// </summary>
[Collection(BrowserCollection.Name)]
public class ReviewScreenshots(BrowserFixture browser)
{
    [Theory(Explicit = true)]
    [InlineData("light", "en-US", false, 1280, 720)]
    [InlineData("dark", "en-US", true, 1280, 720)]
    [InlineData("korean", "ko-KR", false, 1280, 720)]
    [InlineData("tablet", "en-US", false, 820, 1180)]
    public async Task FewLabels(string name, string locale, bool dark, int width, int height)
    {
        var project = await ReviewScenes.LearntAsync(browser.Api, "Support messages");
        await using var visitor = await browser.SignedInAsync(new BrowserSettings(locale, dark, width, height, Touch: width < 900));
        var page = visitor.Page;
        await OpenAsync(page, project);
        for (var i = 0; i < 7; i++) await page.Keyboard.PressAsync(i % 3 == 2 ? "3" : "Enter");
        await browser.Api.AddAsync(project, ReviewScenes.Messages.Skip(300).Take(8).Select(m => m.Text), 1000);
        await Assertions.Expect(page.Locator(".rv-live-row")).Not.ToHaveCountAsync(0);
        await ShootAsync(page, name);
    }

    [Theory(Explicit = true)]
    [InlineData("many-light", false)]
    [InlineData("many-dark", true)]
    public async Task ManyLabels(string name, bool dark)
    {
        var project = await browser.Api.CreateProjectAsync("Bank intents", ReviewScenes.ManyLabels);
        await browser.Api.AddAsync(project, ["I was charged twice for the same transfer on Monday, why?", "My card was declined abroad", "How do I change the limit?", "Please close my account", "The app is missing my last statement"]);
        await browser.Api.QueuedAsync(project, 5);
        await using var visitor = await browser.SignedInAsync(new BrowserSettings(Dark: dark));
        await OpenAsync(visitor.Page, project);
        await ShootAsync(visitor.Page, name);
        await visitor.Page.Keyboard.PressAsync("/");
        await visitor.Page.Keyboard.TypeAsync("tr ch");
        await ShootAsync(visitor.Page, name + "-filter");
    }

    [Theory(Explicit = true)]
    [InlineData("long", 1280, 720)]
    public async Task LongText(string name, int width, int height)
    {
        var project = await browser.Api.CreateProjectAsync("Letters", ["complaint", "praise", "question", "other"], guidelines: "**Complaint** before *question* where both fit.\n\n- Read to the end.\n- Flag what is not a letter.");
        var text = string.Join("\n\n", ReviewScenes.Messages.Take(60).Chunk(6).Select(c => string.Join(" ", c.Select(m => m.Text))));
        await browser.Api.AddAsync(project, [text], 500);
        await browser.Api.QueuedAsync(project, 1);
        await using var visitor = await browser.SignedInAsync(new BrowserSettings(Width: width, Height: height));
        await OpenAsync(visitor.Page, project);
        await ShootAsync(visitor.Page, name);
    }

    [Theory(Explicit = true)]
    [InlineData("spans", false)]
    [InlineData("spans-dark", true)]
    public async Task Spans(string name, bool dark)
    {
        const string Text = "Marie Curie moved from Warsaw to Paris in 1891 and taught at the University of Paris. 김연아 선수는 2010년 밴쿠버에서 금메달을 땄다.";
        var project = await ReviewScenes.SpansAsync(
            browser.Api, browser.Server, "People and places",
            [(Text, """{"spans":[{"start":0,"end":11,"label":"PER"},{"start":23,"end":29,"label":"LOC"},{"start":33,"end":38,"label":"LOC"},{"start":65,"end":84,"label":"ORG"}]}""")]);
        await using var visitor = await browser.SignedInAsync(new BrowserSettings(Dark: dark));
        var page = visitor.Page;
        await OpenAsync(page, project);
        await page.Keyboard.PressAsync("]");
        await page.Keyboard.PressAsync("Space");
        await page.Keyboard.PressAsync("Space");
        await page.EvaluateAsync("() => { const s = window.annotatorReview.view.spans; s.select(79, 84); s.label('LOC'); s.select(42, 46); s.label('DATE'); s.select(86, 89); }");
        await ShootAsync(page, name);
    }

    [Fact(Explicit = true)]
    public async Task Conflict()
    {
        var project = await ReviewScenes.LearntAsync(browser.Api, "Conflict", waiting: 20);
        await using var visitor = await browser.SignedInAsync();
        var page = visitor.Page;
        await OpenAsync(page, project);
        await page.RouteAsync("**/decisions", route => route.FulfillAsync(new RouteFulfillOptions
        {
            ContentType = "application/json",
            Body = """{"results":[{"itemId":"0","status":"conflict","detail":"Somebody else has decided this item; your decision is kept in its history."}]}""",
        }));
        await page.Keyboard.PressAsync("Enter");
        await Assertions.Expect(page.Locator(".rv-notice")).ToBeVisibleAsync();
        await ShootAsync(page, "conflict");
    }

    [Fact(Explicit = true)]
    public async Task States()
    {
        var project = await ReviewScenes.LearntAsync(browser.Api, "States", waiting: 12);
        await using var visitor = await browser.SignedInAsync();
        var page = visitor.Page;
        await OpenAsync(page, project);
        await page.Keyboard.PressAsync("?");
        await ShootAsync(page, "help");
        await page.Keyboard.PressAsync("Escape");
        await page.Keyboard.PressAsync("f");
        await ShootAsync(page, "flag");
        await page.Keyboard.PressAsync("Escape");
        await page.Keyboard.PressAsync("Shift+S");
        await ShootAsync(page, "skip");
        await page.Keyboard.PressAsync("Escape");
        await visitor.Context.SetOfflineAsync(true);
        await page.Keyboard.PressAsync("Enter");
        await page.Keyboard.PressAsync("2");
        await Assertions.Expect(page.Locator(".rv-banner")).ToBeVisibleAsync();
        await ShootAsync(page, "offline");
        await visitor.Context.SetOfflineAsync(false);
        await Assertions.Expect(page.Locator(".rv-banner")).ToBeHiddenAsync();
        await page.Keyboard.PressAsync("ArrowLeft");
        await ShootAsync(page, "revisit");
        await page.Keyboard.PressAsync("Escape");
        for (var i = 0; i < 16; i++)
        {
            await page.Keyboard.PressAsync("1");
            await Assertions.Expect(page.Locator(".rv-saved[data-kind=saved]")).ToBeVisibleAsync();
        }

        await Assertions.Expect(page.Locator(".rv-nothing h2")).ToBeVisibleAsync();
        await ShootAsync(page, "empty");
    }

    private static async Task OpenAsync(IPage page, string project)
    {
        await page.GotoAsync($"/projects/{project}/review");
        await Assertions.Expect(page.Locator(".rv[data-ready=true][data-state=item]")).ToBeVisibleAsync();
    }

    private static Task ShootAsync(IPage page, string name) => Shots.TakeAsync(page, $"review-{name}");
}
