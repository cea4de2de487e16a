using Annotator.Tests.Support;
using Microsoft.Playwright;

namespace Annotator.Tests.Browser;

[Collection(BrowserCollection.Name)]
public class ReviewKeysTests(BrowserFixture browser)
{
    [Fact]
    public async Task LabelKey_DecidesAndShowsTheNextItem()
    {
        var project = await browser.Api.CreateProjectAsync("Keys", ["card", "loan", "other"]);
        await browser.Api.AddAsync(project, ["My card is lost", "I want a loan", "What is the time?"]);
        await browser.Api.QueuedAsync(project, 3);
        await using var visitor = await browser.SignedInAsync();
        await visitor.Page.GotoAsync($"/projects/{project}/review");
        var text = visitor.Page.Locator(".rv-text");
        await Assertions.Expect(text).Not.ToBeEmptyAsync();
        var first = await text.InnerTextAsync();
        await visitor.Page.Keyboard.PressAsync("1");
        await Assertions.Expect(text).Not.ToHaveTextAsync(first);
        Assert.Empty(visitor.Troubles);
    }
}
