using Annotator.Tests.Support;
using Microsoft.Playwright;

namespace Annotator.Tests.Browser;

/// <summary>The review page as a person uses it.</summary>
internal sealed class ReviewDriver(IPage page)
{
    public IPage Page => page;

    public ILocator Text => page.Locator(".rv-text");

    public ILocator Ribbon => page.Locator(".rv-past");

    public ILocator Saved => page.Locator(".rv-saved");

    public ILocator Banner => page.Locator(".rv-banner");

    public ILocator Remark => page.Locator(".rv-notice");

    public ILocator Proposed => page.Locator(".rv-proposed");

    public ILocator Nothing => page.Locator(".rv-nothing h2");

    /// <summary>Opens the page; waits for the first item unless told not to.</summary>
    public static async Task<ReviewDriver> OpenAsync(IPage page, string project, bool withItem = true)
    {
        await page.GotoAsync($"/projects/{project}/review");
        await Assertions.Expect(page.Locator(withItem ? ".rv[data-ready=true][data-state=item]" : ".rv[data-ready=true]")).ToBeVisibleAsync();
        return new ReviewDriver(page);
    }

    /// <summary>The id of the item on screen.</summary>
    public Task<string?> ItemAsync() => page.EvaluateAsync<string?>("() => window.annotatorReview?.session.current?.item.itemId ?? null");

    /// <summary>How many items are in the browser beside the one on screen.</summary>
    public Task<int> AheadAsync() => page.EvaluateAsync<int>("() => window.annotatorReview.queue.ahead.length");

    /// <summary>How many decisions wait in the browser.</summary>
    public Task<int> WaitingAsync() => page.EvaluateAsync<int>("() => window.annotatorReview?.outbox.state.waiting ?? -1");

    /// <summary>Presses a key that decides, and waits for the next item.</summary>
    /// <returns>The item that was decided.</returns>
    public async Task<string> DecideAsync(string key)
    {
        var item = await Until.HoldsAsync(ItemAsync, i => i is not null, "an item is on screen");
        await page.Keyboard.PressAsync(key);
        await ShowsOtherAsync(item, $"{key} shows another item");
        return item!;
    }

    /// <summary>Waits until an item is on screen.</summary>
    public Task ShowsAsync(string? item, string what) => Until.HoldsAsync(ItemAsync, i => string.Equals(i, item, StringComparison.Ordinal), what);

    /// <summary>Waits until another item, or none, is on screen.</summary>
    public Task ShowsOtherAsync(string? item, string what) => Until.HoldsAsync(ItemAsync, i => !string.Equals(i, item, StringComparison.Ordinal), what);

    /// <summary>Waits until nothing waits in the browser any more.</summary>
    public Task SavedAsync() => Until.HoldsAsync(WaitingAsync, n => n == 0, "every decision is saved");

    /// <summary>As <see cref="HistoryAsync"/>, an acceptance told as a correction: a model may propose by then what was pressed.</summary>
    public static async Task<IReadOnlyList<string>> LabelledHistoryAsync(TestApi api, string project, string item) =>
        [.. (await HistoryAsync(api, project, item)).Select(a => a is "accept" ? "correct" : a)];

    /// <summary>The actions that stand in the history of an item, oldest first.</summary>
    public static async Task<IReadOnlyList<string>> HistoryAsync(TestApi api, string project, string item) =>
        [.. (await HistoryOfAsync(api, project, item)).Select(d => d.Action)];

    /// <summary>Decisions on an item, oldest first, with label and comment.</summary>
    public static async Task<IReadOnlyList<(string Action, string? Label, string? Comment)>> HistoryOfAsync(TestApi api, string project, string item)
    {
        var all = (await api.ItemAsync(project, item))!["history"]!.AsArray();
        return [.. all.Select(d => ((string)d!["action"]!, d["value"] is { } v ? (string?)v["choice"] ?? v.ToJsonString() : null, (string?)d["comment"]))];
    }
}
