using Annotator.Tests.Support;
using Microsoft.Playwright;

namespace Annotator.Tests.Browser;

/// <summary>Labelling stretches of a text with keys and mouse; offsets count code points.</summary>
[Collection(BrowserCollection.Name)]
public class ReviewSpansTests(BrowserFixture browser)
{
    [Fact]
    public async Task Keyboard_SelectsWordByWord_OffsetsCountCodePoints()
    {
        var (project, visitor, review) = await OpenAsync("Keys", "😀 Obama met 김철수 in New York.");
        await using var _ = visitor;
        var page = visitor.Page;
        var item = await review.ItemAsync();
        await page.Keyboard.PressAsync("ArrowRight");
        await Assertions.Expect(page.Locator(".rv-pending")).ToHaveTextAsync("😀");
        await page.Keyboard.PressAsync("ArrowRight");
        await Assertions.Expect(page.Locator(".rv-pending")).ToHaveTextAsync("Obama");
        await page.Keyboard.PressAsync("1");
        await Assertions.Expect(page.Locator(".rv-span")).ToHaveTextAsync("Obama");

        // Backwards from the end: two words at once, and one of them again, nested.
        await page.Keyboard.PressAsync("Escape");
        await page.Keyboard.PressAsync("ArrowLeft");
        await page.Keyboard.PressAsync("Shift+ArrowLeft");
        await page.Keyboard.PressAsync("2");
        await page.Keyboard.PressAsync("Escape");
        await page.Keyboard.PressAsync("ArrowLeft");
        await page.Keyboard.PressAsync("1");
        await Assertions.Expect(page.Locator(".rv-spans li")).ToHaveCountAsync(3);
        await review.DecideAsync("Enter");
        await review.SavedAsync();
        Assert.Equal(
            """{"spans":[{"start":2,"end":7,"label":"PER"},{"start":19,"end":27,"label":"LOC"},{"start":23,"end":27,"label":"PER"}]}""",
            (await browser.Api.ItemAsync(project, item!))!["label"]!.ToJsonString());
        Assert.Empty(visitor.Troubles);
    }

    [Fact]
    public async Task Mouse_SnapsToWords_AltDoesNot_AndEachStepCanBeTakenBack()
    {
        var (project, visitor, review) = await OpenAsync("Mouse", "Chancellor Merkel visited Seoul yesterday");
        await using var _ = visitor;
        var page = visitor.Page;
        var item = await review.ItemAsync();
        await DragAsync(page, "erk", "Merkel");
        await Assertions.Expect(page.Locator(".rv-pending")).ToHaveTextAsync("Merkel");
        await page.Locator(".rv-label", new PageLocatorOptions { HasText = "PER" }).ClickAsync();
        await Assertions.Expect(page.Locator(".rv-span")).ToHaveTextAsync("Merkel");
        await page.Keyboard.DownAsync("Alt");
        await DragAsync(page, "Seo", "Seo");
        await page.Keyboard.UpAsync("Alt");
        await Assertions.Expect(page.Locator(".rv-pending")).ToHaveTextAsync("Seo");
        await page.Keyboard.PressAsync("2");
        await Assertions.Expect(page.Locator(".rv-spans li")).ToHaveCountAsync(2);
        await page.Keyboard.PressAsync("Control+z");
        await Assertions.Expect(page.Locator(".rv-spans li")).ToHaveCountAsync(1);
        await page.Keyboard.PressAsync("Control+Shift+Z");
        await Assertions.Expect(page.Locator(".rv-spans li")).ToHaveCountAsync(2);

        // A span that is clicked can get another label, or go.
        await page.Locator(".rv-span").First.ClickAsync();
        await page.Keyboard.PressAsync("2");
        await page.Keyboard.PressAsync("]");
        await page.Keyboard.PressAsync("Backspace");
        await Assertions.Expect(page.Locator(".rv-spans li")).ToHaveCountAsync(2);
        await page.Keyboard.PressAsync("Delete");
        await Assertions.Expect(page.Locator(".rv-spans li")).ToHaveCountAsync(1);
        await page.Keyboard.PressAsync("Enter");
        await review.SavedAsync();
        Assert.Equal("""{"spans":[{"start":11,"end":17,"label":"LOC"}]}""", (await browser.Api.ItemAsync(project, item!))!["label"]!.ToJsonString());
    }

    [Theory]
    [InlineData(true, "accept", 2)]
    [InlineData(false, "correct", 1)]
    public async Task Proposals_AreAcceptedAllOrOneByOne(bool all, string action, int kept)
    {
        var (project, visitor, review) = await OpenAsync("Proposals", "Obama met Merkel in Berlin", """{"spans":[{"start":0,"end":5,"label":"PER"},{"start":20,"end":26,"label":"PER"}]}""");
        await using var _ = visitor;
        var page = visitor.Page;
        var item = await review.ItemAsync();
        await Assertions.Expect(page.Locator(".rv-span-proposed")).ToHaveCountAsync(2);
        if (all)
        {
            await page.Keyboard.PressAsync("Enter");
        }
        else
        {
            await page.Keyboard.PressAsync("]");
            await page.Keyboard.PressAsync("Space");
            await Assertions.Expect(page.Locator(".rv-span-proposed")).ToHaveCountAsync(1);
            await page.Keyboard.PressAsync("Shift+Enter");
        }

        await review.ShowsOtherAsync(item, "decided");
        await review.SavedAsync();
        Assert.Equal([action], await ReviewDriver.HistoryAsync(browser.Api, project, item!));
        Assert.Equal(kept, (await browser.Api.ItemAsync(project, item!))!["label"]!["spans"]!.AsArray().Count);
    }

    [Fact]
    public async Task RightToLeftAndCombiningCharacters_AreNeverCut()
    {
        // "e" with a combining acute, a family of joined people, and Hebrew.
        var (project, visitor, review) = await OpenAsync("Marks", "le\u0301on 👨‍👩‍👧 שלום עולם");
        await using var _ = visitor;
        var page = visitor.Page;
        var item = await review.ItemAsync();
        await page.EvaluateAsync("() => { const s = window.annotatorReview.view.spans; s.select(...s.marks.whole(0, 2)); }");
        await page.Keyboard.PressAsync("1");
        await page.Keyboard.PressAsync("Escape");
        await page.Keyboard.PressAsync("ArrowLeft");
        await page.Keyboard.PressAsync("2");
        await page.Keyboard.PressAsync("Enter");
        await review.ShowsOtherAsync(item, "decided");
        await review.SavedAsync();
        Assert.Equal(
            """{"spans":[{"start":0,"end":3,"label":"PER"},{"start":17,"end":21,"label":"LOC"}]}""",
            (await browser.Api.ItemAsync(project, item!))!["label"]!.ToJsonString());
    }

    [Fact]
    public async Task LongDocument_IsFilledAsItComesIntoView_AndTakesSpansAnywhere()
    {
        var text = string.Join("\n", Enumerable.Range(1, 3_000).Select(i => $"Line {i} tells of person number {i} and of nothing else."));
        var (project, visitor, review) = await OpenAsync("Long", text);
        await using var _ = visitor;
        var page = visitor.Page;
        var item = await review.ItemAsync();
        var drawn = await page.EvaluateAsync<double>("() => document.querySelectorAll('.rv-block span').length / document.querySelectorAll('.rv-block').length");
        Assert.InRange(drawn, 0.01, 0.5);
        await page.Keyboard.PressAsync("ArrowLeft");
        await page.Keyboard.PressAsync("1");
        await page.Locator(".rv-spans-main").ClickAsync();
        await page.Keyboard.PressAsync("Enter");
        await review.SavedAsync();
        var span = (await browser.Api.ItemAsync(project, item!))!["label"]!["spans"]![0]!;
        Assert.Equal("else", text[(int)span["start"]!..(int)span["end"]!]);
    }

    private static async Task DragAsync(IPage page, string part, string word)
    {
        // Where the text stands once it stands still.
        var box = await page.EvaluateAsync<float[]>(
            """
            async ([part, word]) => {
              let before = -1;
              for (let still = 0; still < 5; ) {
                await new Promise(requestAnimationFrame);
                const { left, top, width } = document.querySelector(".rv-text").getBoundingClientRect();
                still = left + top + width === before ? still + 1 : 0;
                before = left + top + width;
              }

              const walker = document.createTreeWalker(document.querySelector(".rv-text"), NodeFilter.SHOW_TEXT);
              for (let node = walker.nextNode(); node; node = walker.nextNode()) {
                const at = node.data.indexOf(word);
                if (at < 0) continue;
                const range = document.createRange();
                const from = at + word.indexOf(part);
                range.setStart(node, from);
                range.setEnd(node, from + part.length);
                const r = range.getBoundingClientRect();
                return [r.left, r.right, r.top + r.height / 2];
              }
              return [];
            }
            """,
            new[] { part, word });
        await page.Mouse.MoveAsync(box[0] + 1, box[2]);
        await page.Mouse.DownAsync();
        await page.Mouse.MoveAsync((box[0] + box[1]) / 2, box[2]);
        await page.Mouse.MoveAsync(box[1], box[2]);
        await page.Mouse.UpAsync();
    }

    private async Task<(string Project, Visitor Visitor, ReviewDriver Review)> OpenAsync(string name, string text, string? proposal = null)
    {
        var project = await ReviewScenes.SpansAsync(browser.Api, browser.Server, $"Spans {name}", [(text, proposal)]);
        var visitor = await browser.SignedInAsync();
        return (project, visitor, await ReviewDriver.OpenAsync(visitor.Page, project));
    }
}
