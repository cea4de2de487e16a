using System.Text.Json.Nodes;
using Annotator.Tests.Support;
using Microsoft.Playwright;

namespace Annotator.Tests.Browser;

/// <summary>Many images at once: marking the wrong ones, accepting the rest, taking a page back.</summary>
[Collection(BrowserCollection.Name)]
public class CanvasGridTests(BrowserFixture browser)
{
    [Fact]
    public async Task AllButTheMarked_AreAcceptedWithOneKey_AndTheMarkedGetTheirLabel()
    {
        var (project, visitor, page) = await OpenAsync("All but", 14);
        await using var _ = visitor;
        await Assertions.Expect(page.Locator(".gr-cell[data-state=open]")).ToHaveCountAsync(12);

        // One marked with the mouse, one with keys.
        await page.Locator(".gr-cell").Nth(2).ClickAsync();
        await page.Keyboard.PressAsync("ArrowRight");
        await page.Keyboard.PressAsync("ArrowRight");
        await page.Keyboard.PressAsync("Space");
        var marked = await page.Locator(".gr-cell[data-state=marked]").EvaluateAllAsync<string[]>("all => all.map(c => c.dataset.item)");
        Assert.Equal(2, marked.Length);
        await Assertions.Expect(page.Locator(".rv-actions [data-command=accept]")).ToContainTextAsync("10");
        await page.Keyboard.PressAsync("Enter");
        await Assertions.Expect(page.Locator(".gr-cell[data-state=done]")).ToHaveCountAsync(10);

        // The focus stands on the first of those left; a label each, and the next page is there.
        await page.Keyboard.PressAsync("2");
        await page.Keyboard.PressAsync("3");
        await Assertions.Expect(page.Locator(".gr-cell[data-state=open]")).ToHaveCountAsync(2);
        await page.Keyboard.PressAsync("Enter");
        await SavedAsync(page);
        Assert.Equal(["person", "dog"], await LabelsAsync(project, marked));
        var figures = await browser.Api.GetAsync($"/api/v1/projects/{project}/metrics");
        Assert.Equal(14, (int)figures!["items"]!["final"]!);
        Assert.Empty(visitor.Troubles);
    }

    [Fact]
    public async Task Undo_TakesThePageBack_AndOneCanBeSeenAlone()
    {
        var (project, visitor, page) = await OpenAsync("Undo", 10);
        await using var _ = visitor;
        await Assertions.Expect(page.Locator(".gr-cell[data-state=open]")).ToHaveCountAsync(10);
        await page.Keyboard.PressAsync("Enter");
        await SavedAsync(page);
        await page.Keyboard.PressAsync("u");
        await Assertions.Expect(page.Locator(".gr-cell[data-state=open]")).ToHaveCountAsync(10);
        await Until.HoldsAsync(async () => (int)(await browser.Api.GetAsync($"/api/v1/projects/{project}/metrics"))!["items"]!["final"]!, final => final == 0, "the server has taken them back too");

        // The fourth alone: it is on the stage, and decided there.
        var fourth = await page.Locator(".gr-cell").Nth(3).GetAttributeAsync("data-item");
        await page.Keyboard.PressAsync("Home");
        for (var i = 0; i < 3; i++) await page.Keyboard.PressAsync("ArrowRight");
        await page.Keyboard.PressAsync("i");
        var review = new ReviewDriver(page);
        await review.ShowsAsync(fourth, "the fourth is shown alone");
        await review.DecideAsync("2");
        await page.Keyboard.PressAsync("Shift+G");
        await Assertions.Expect(page.Locator(".gr-cell[data-state=open]")).ToHaveCountAsync(9);
        await SavedAsync(page);
        Assert.Equal(["person"], await LabelsAsync(project, [fourth!]));
        Assert.Empty(visitor.Troubles);
    }

    [Fact]
    public async Task WhatNothingWasProposedFor_IsNotAcceptedAlong()
    {
        var (project, visitor, page) = await OpenAsync("Bare", 5, i => i % 2 == 0 ? """{"choice":"dog"}""" : null);
        await using var _ = visitor;
        await Assertions.Expect(page.Locator(".gr-cell[data-state=marked]")).ToHaveCountAsync(2);
        await page.Keyboard.PressAsync("Enter");
        await Assertions.Expect(page.Locator(".gr-cell[data-state=done]")).ToHaveCountAsync(3);
        await SavedAsync(page);
        Assert.Equal(3, (int)(await browser.Api.GetAsync($"/api/v1/projects/{project}/metrics"))!["items"]!["final"]!);
        await page.Locator(".gr-size").SelectOptionAsync("6");
        await page.Keyboard.PressAsync("1");
        await Assertions.Expect(page.Locator(".gr-cell[data-state=done]")).ToHaveCountAsync(4);
    }

    private static Task SavedAsync(IPage page) => new ReviewDriver(page).SavedAsync();

    private async Task<IReadOnlyList<string?>> LabelsAsync(string project, IReadOnlyList<string> items)
    {
        var labels = new List<string?>();
        foreach (var item in items) labels.Add((string?)((await browser.Api.ItemAsync(project, item))!["label"] as JsonObject)?["choice"]);
        return labels;
    }

    private async Task<(string Project, Visitor Visitor, IPage Page)> OpenAsync(string name, int count, Func<int, string?>? proposal = null)
    {
        var (project, _) = await CanvasScenes.ProjectAsync(
            browser, $"Grid {name}", "classification", [.. Enumerable.Range(0, count).Select(i => ($"g{i}.png", TestPicture.WithRectangle(96, 72, i * 5, 10, (i * 5) + 20, 40), proposal is null ? """{"choice":"car"}""" : proposal(i)))]);
        var visitor = await browser.SignedInAsync();
        var canvas = await CanvasDriver.OpenAsync(visitor.Page, project);
        await canvas.Page.Keyboard.PressAsync("Shift+G");
        return (project, visitor, canvas.Page);
    }
}
