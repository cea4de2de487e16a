using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Annotator.Core.Storage;
using Annotator.Tests.Support;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Playwright;

namespace Annotator.Tests.Browser;

/// <summary>What the keys of the review page do to the item, to the ribbon and to the facts on the server.</summary>
[Collection(BrowserCollection.Name)]
public partial class ReviewKeysTests(BrowserFixture browser)
{
    private static readonly string[] s_labels = ["card", "loan", "other"];

    private static readonly JsonObject s_unaudited = new() { ["autoAccept"] = false, ["auditShare"] = 0 };

    [Fact]
    public async Task AcceptAndCorrect_TakeOneKeyEach_AndAreRecorded()
    {
        var project = await ReviewScenes.LearntAsync(browser.Api, "One key", waiting: 20);
        await using var visitor = await browser.SignedInAsync();
        var review = await ReviewDriver.OpenAsync(visitor.Page, project);
        await Assertions.Expect(visitor.Page.Locator(".rv-suggestion .an-source-student")).ToBeVisibleAsync();
        await Assertions.Expect(visitor.Page.Locator(".rv-confidence")).ToContainTextAsync("%");
        await Assertions.Expect(visitor.Page.Locator(".rv-reason")).Not.ToBeEmptyAsync();
        var proposed = await review.Proposed.InnerTextAsync();
        var accepted = await review.DecideAsync("Enter");

        // A label that is not the proposed one.
        var key = await visitor.Page.Locator(".rv-label:not([data-proposed]) kbd").First.InnerTextAsync();
        var corrected = await review.DecideAsync(key);
        await review.SavedAsync();

        await Assertions.Expect(review.Saved).ToHaveTextAsync(SavedAt());
        await Assertions.Expect(review.Ribbon).ToHaveCountAsync(2);
        Assert.Equal([("accept", proposed, null)], await ReviewDriver.HistoryOfAsync(browser.Api, project, accepted));
        Assert.Equal(["correct"], await ReviewDriver.LabelledHistoryAsync(browser.Api, project, corrected));
        Assert.Empty(visitor.Troubles);
    }

    [Fact]
    public async Task UndoAndRedo_TakeBackAndRestore()
    {
        var (project, visitor, review) = await OpenAsync("Undo", 6);
        await using var _ = visitor;
        var page = visitor.Page;
        var first = await review.DecideAsync("1");
        var second = await review.DecideAsync("2");
        await review.SavedAsync();

        await page.Keyboard.PressAsync("u");
        await review.ShowsAsync(second, "the last item is back");
        await page.Keyboard.PressAsync("Control+z");
        await review.ShowsAsync(first, "the one before is back");
        await Assertions.Expect(review.Ribbon).ToHaveCountAsync(0);
        await page.Keyboard.PressAsync("Shift+U");
        await review.ShowsAsync(second, "the first is decided again");
        await page.Locator("[data-command=redo]").ClickAsync();
        await review.ShowsOtherAsync(second, "the second is decided again");
        await review.SavedAsync();

        Assert.Equal(["correct", "undo", "correct"], await ReviewDriver.LabelledHistoryAsync(browser.Api, project, first));
        Assert.Equal(["correct", "undo", "correct"], await ReviewDriver.LabelledHistoryAsync(browser.Api, project, second));
        Assert.Equal("loan", (string?)(await browser.Api.ItemAsync(project, second))!["label"]!["choice"]);
        Assert.Empty(visitor.Troubles);
    }

    [Fact]
    public async Task Ribbon_HoldsTwenty_AndReopensEach()
    {
        var (project, visitor, review) = await OpenAsync("Ribbon", 26);
        await using var _ = visitor;
        var page = visitor.Page;
        var decided = new List<string>();
        for (var i = 0; i < 23; i++) decided.Add(await review.DecideAsync("1"));
        await Assertions.Expect(review.Ribbon).ToHaveCountAsync(20);
        var current = await review.ItemAsync();

        await review.Ribbon.Nth(19).ClickAsync();
        await review.ShowsAsync(decided[3], "the oldest on the ribbon is open");
        await page.Keyboard.PressAsync("3");
        await review.ShowsAsync(current, "the item that waited is back");
        await review.SavedAsync();
        Assert.Equal("other", (string?)(await browser.Api.ItemAsync(project, decided[3]))!["label"]!["choice"]);

        // Walking back with the arrow and leaving without a change changes nothing.
        await page.Keyboard.PressAsync("ArrowLeft");
        await page.Keyboard.PressAsync("ArrowLeft");
        await review.ShowsOtherAsync(current, "an earlier decision is open");
        await page.Keyboard.PressAsync("Escape");
        await review.ShowsAsync(current, "back at the queue");
        await review.SavedAsync();
        Assert.Equal(["correct"], await ReviewDriver.LabelledHistoryAsync(browser.Api, project, decided[^2]));
    }

    [Fact]
    public async Task SkipAndFlag_KeepTheirReason()
    {
        var (project, visitor, review) = await OpenAsync("Reasons", 6);
        await using var _ = visitor;
        var page = visitor.Page;
        var plain = await review.DecideAsync("s");
        var item = await review.ItemAsync();
        await page.Keyboard.PressAsync("Shift+S");
        await Assertions.Expect(page.Locator("dialog")).ToBeVisibleAsync();
        await page.Keyboard.PressAsync("2");
        await review.ShowsOtherAsync(item, "skipped with the second reason");
        var flagged = await review.ItemAsync();
        await page.Keyboard.PressAsync("f");
        await page.Keyboard.TypeAsync("s x 1 looks odd");
        await page.Keyboard.PressAsync("Enter");
        await review.ShowsOtherAsync(flagged, "flagged");
        await review.SavedAsync();

        Assert.Equal([("skip", null, null)], await ReviewDriver.HistoryOfAsync(browser.Api, project, plain));
        Assert.Equal([("skip", null, "several-fit")], await ReviewDriver.HistoryOfAsync(browser.Api, project, item!));
        Assert.Equal([("flag", null, "s x 1 looks odd")], await ReviewDriver.HistoryOfAsync(browser.Api, project, flagged!));
    }

    [Fact]
    public async Task SkipNeedsReason_AsksBeforeItSkips()
    {
        var project = await browser.Api.CreateProjectAsync("Reason needed", s_labels, settings: new JsonObject { ["skipNeedsReason"] = true, ["autoAccept"] = false });
        await browser.Api.AddAsync(project, Texts(4));
        await browser.Api.QueuedAsync(project, 4);
        await using var visitor = await browser.SignedInAsync();
        var review = await ReviewDriver.OpenAsync(visitor.Page, project);
        var item = await review.ItemAsync();
        await visitor.Page.Keyboard.PressAsync("s");
        await Assertions.Expect(visitor.Page.Locator("dialog")).ToBeVisibleAsync();
        await visitor.Page.Keyboard.PressAsync("Escape");
        Assert.Equal(item, await review.ItemAsync());
        await visitor.Page.Keyboard.PressAsync("s");
        await visitor.Page.Keyboard.PressAsync("1");
        await review.ShowsOtherAsync(item, "skipped");
        await review.SavedAsync();
        Assert.Equal([("skip", null, "unclear")], await ReviewDriver.HistoryOfAsync(browser.Api, project, item!));
    }

    [Fact]
    public async Task Help_ShowsTheKeysThatAreLive()
    {
        var (_, visitor, review) = await OpenAsync("Help", 4);
        await using var __ = visitor;
        var page = visitor.Page;
        await page.Keyboard.PressAsync("?");
        var help = page.Locator("dialog");
        await Assertions.Expect(help).ToContainTextAsync("card");
        await Assertions.Expect(help.GetByText("Undo", new LocatorGetByTextOptions { Exact = true })).ToHaveCountAsync(0);
        var item = await review.ItemAsync();
        await page.Keyboard.PressAsync("1");
        Assert.Equal(item, await review.ItemAsync());
        await page.Keyboard.PressAsync("Escape");
        await review.DecideAsync("1");
        await page.Keyboard.PressAsync("?");
        await Assertions.Expect(help.GetByText("Undo", new LocatorGetByTextOptions { Exact = true })).ToHaveCountAsync(1);
    }

    [Fact]
    public async Task Remapping_RefusesConflicts_AndOutlivesAReload()
    {
        var (project, visitor, review) = await OpenAsync("Keys of one's own", 8);
        await using var _ = visitor;
        var page = visitor.Page;
        await page.Keyboard.PressAsync("?");
        await page.GetByText("Change keys…").ClickAsync();
        var button = page.Locator("[data-remap=skip]");
        var refusal = page.Locator(".rv-conflict");
        await button.ClickAsync();
        foreach (var taken in (string[])["f", "1", "Backspace"])
        {
            await page.Keyboard.PressAsync(taken);
            await Assertions.Expect(refusal).ToBeVisibleAsync();
            await Assertions.Expect(button).ToHaveAttributeAsync("aria-pressed", "true");
        }

        await page.Keyboard.PressAsync("j");
        await Assertions.Expect(refusal).ToBeHiddenAsync();
        await Assertions.Expect(button).ToHaveTextAsync("J");
        await page.Keyboard.PressAsync("Escape");
        await review.DecideAsync("j");
        await review.SavedAsync();

        await page.ReloadAsync();
        review = await ReviewDriver.OpenAsync(page, project);
        await Assertions.Expect(page.Locator("[data-command=skip] kbd")).ToHaveTextAsync("J");
        var before = await review.ItemAsync();
        await page.Keyboard.PressAsync("s");
        Assert.Equal(before, await review.ItemAsync());
        await review.DecideAsync("j");

        // The shared administrator gets the keys back that other tests expect.
        await page.Keyboard.PressAsync("?");
        await page.GetByText("Change keys…").ClickAsync();
        await page.Locator("[data-restore]").ClickAsync();
        await page.Keyboard.PressAsync("Escape");
        await Assertions.Expect(page.Locator("[data-command=skip] kbd")).ToHaveTextAsync("S");
        await page.ReloadAsync();
        await ReviewDriver.OpenAsync(page, project);
        await Assertions.Expect(page.Locator("[data-command=skip] kbd")).ToHaveTextAsync("S");
    }

    [Fact]
    public async Task WhileTyping_SingleKeysSleep_AndBackspaceNeverDiscards()
    {
        var (project, visitor, review) = await OpenAsync("Typing", 4, ["card", "loan", "savings", "xylophone", "fee", "pin", "limit", "app", "statement", "refund"]);
        await using var _ = visitor;
        var page = visitor.Page;
        var item = await review.ItemAsync();
        await page.Keyboard.PressAsync("/");
        await page.Keyboard.TypeAsync("1sxfu?");
        await page.Keyboard.PressAsync("Control+Backspace");
        for (var i = 0; i < 8; i++) await page.Keyboard.PressAsync("Backspace");
        Assert.Equal(item, await review.ItemAsync());
        Assert.Equal(0, await review.Ribbon.CountAsync());
        await page.Keyboard.PressAsync("Escape");
        await page.Keyboard.PressAsync("Escape");
        await page.Keyboard.PressAsync("Backspace");
        await page.Keyboard.PressAsync("Delete");
        Assert.Equal(item, await review.ItemAsync());
        await review.DecideAsync("1");
        var url = page.Url;
        await page.Keyboard.PressAsync("Backspace");
        Assert.Equal(url, page.Url);
        await review.SavedAsync();

        // What was pressed may be what a model proposed by then.
        Assert.Contains(Assert.Single(await ReviewDriver.HistoryAsync(browser.Api, project, item!)), (string[])["accept", "correct"]);
    }

    [Fact]
    public async Task Filter_ReachesOneOfSeventySevenLabels_WithAFewLetters()
    {
        var (project, visitor, review) = await OpenAsync("Many", 5, ReviewScenes.ManyLabels);
        await using var _ = visitor;
        var page = visitor.Page;
        var first = await review.ItemAsync();
        await page.Keyboard.PressAsync("/");
        await page.Keyboard.TypeAsync("st not");
        await page.Keyboard.PressAsync("Enter");
        await review.ShowsOtherAsync(first, "the label is given");

        // The box keeps the focus: the next one is a few letters away again.
        var second = await review.ItemAsync();
        await page.Keyboard.TypeAsync("loan dec");
        await page.Keyboard.PressAsync("Enter");
        await review.ShowsOtherAsync(second, "the next label is given");
        await review.SavedAsync();
        Assert.Equal([("correct", "statement_not_recognised", null)], await ReviewDriver.HistoryOfAsync(browser.Api, project, first!));
        Assert.Equal([("correct", "loan_declined", null)], await ReviewDriver.HistoryOfAsync(browser.Api, project, second!));
    }

    [Fact]
    public async Task MultipleChoice_TogglesAndSubmits_AndMeansNoneWhenToldTwice()
    {
        var project = await browser.Api.CreateProjectAsync("Several", s_labels, multiple: true, settings: s_unaudited.DeepClone().AsObject());
        await browser.Api.AddAsync(project, Texts(4));
        await browser.Api.QueuedAsync(project, 4);
        await using var visitor = await browser.SignedInAsync();
        var page = visitor.Page;
        var review = await ReviewDriver.OpenAsync(page, project);
        var first = await review.ItemAsync();
        await page.EvaluateAsync("() => { const s = window.annotatorReview.session; for (const l of [...s.current.selection]) s.choose(l); }");
        await page.Keyboard.PressAsync("1");
        await page.Keyboard.PressAsync("2");
        await page.Keyboard.PressAsync("3");
        await page.Keyboard.PressAsync("2");
        await Assertions.Expect(page.Locator(".rv-label[aria-pressed=true]")).ToHaveCountAsync(2);
        await review.DecideAsync("Enter");
        var second = await review.ItemAsync();
        await page.EvaluateAsync("() => { const s = window.annotatorReview.session; for (const l of [...s.current.selection]) s.choose(l); }");
        await page.Keyboard.PressAsync("Enter");
        await Assertions.Expect(review.Remark).ToBeVisibleAsync();
        Assert.Equal(second, await review.ItemAsync());
        await review.DecideAsync("Enter");
        await review.SavedAsync();

        Assert.Equal("""{"choices":["card","other"]}""", (await browser.Api.ItemAsync(project, first!))!["label"]!.ToJsonString());
        Assert.Equal("""{"choices":[]}""", (await browser.Api.ItemAsync(project, second!))!["label"]!.ToJsonString());
    }

    [Fact]
    public async Task Taxonomy_ShowsParentsAsHeadings_AndOffersOnlyLeaves()
    {
        var labels = new JsonArray(
            new JsonObject { ["name"] = "money" }, new JsonObject { ["name"] = "card", ["parent"] = "money", ["key"] = "1" }, new JsonObject { ["name"] = "loan", ["parent"] = "money" },
            new JsonObject { ["name"] = "other" });
        var project = await browser.Api.CreateProjectAsync("Tree", labels, settings: s_unaudited.DeepClone().AsObject());
        await browser.Api.AddAsync(project, Texts(2));
        await browser.Api.QueuedAsync(project, 2);
        await using var visitor = await browser.SignedInAsync();
        var review = await ReviewDriver.OpenAsync(visitor.Page, project);
        await Assertions.Expect(visitor.Page.Locator(".rv-group h3")).ToHaveTextAsync("money");
        await Assertions.Expect(visitor.Page.Locator(".rv-label-name")).ToHaveCountAsync(3);
        var item = await review.DecideAsync("1");
        await review.SavedAsync();
        Assert.Equal("card", Assert.Single(await ReviewDriver.HistoryOfAsync(browser.Api, project, item)).Label);
    }

    [Fact]
    public async Task BlindItem_LooksLikeAnyOther_ButProposesNothing()
    {
        // Every second item is drawn for the audit.
        var project = await ReviewScenes.LearntAsync(browser.Api, "Audit", waiting: 60);
        var id = long.Parse(project, System.Globalization.CultureInfo.InvariantCulture);
        await browser.Server.Services.GetRequiredService<AnnotatorDatabase>().WriteAsync(async scope =>
        {
            await scope.Db.Items.Where(i => i.ProjectId == id && i.Id % 2 == 0).ExecuteUpdateAsync(x => x.SetProperty(i => i.Audit, true));
            await scope.Db.Queue.Where(q => q.ProjectId == id && q.ItemId % 2 == 0).ExecuteUpdateAsync(x => x.SetProperty(q => q.Blind, true));
        });
        await using var visitor = await browser.SignedInAsync();
        var review = await ReviewDriver.OpenAsync(visitor.Page, project);
        var (blind, open) = (0, 0);
        for (var i = 0; i < 30 && (blind == 0 || open == 0); i++)
        {
            var proposes = await visitor.Page.EvaluateAsync<bool>("() => window.annotatorReview.session.prediction !== null");
            await Assertions.Expect(visitor.Page.Locator(".rv-reason")).Not.ToBeEmptyAsync();
            if (proposes)
            {
                open++;
            }
            else
            {
                blind++;
                await Assertions.Expect(visitor.Page.Locator(".rv-label[data-proposed]")).ToHaveCountAsync(0);
                Assert.DoesNotContain("udit", await visitor.Page.Locator(".rv").InnerTextAsync(), StringComparison.Ordinal);
                Assert.DoesNotContain("%", await visitor.Page.Locator(".rv-stage").InnerTextAsync(), StringComparison.Ordinal);
                await visitor.Page.Keyboard.PressAsync("Enter");
                await Assertions.Expect(review.Remark).ToBeVisibleAsync();
            }

            await review.DecideAsync("1");
        }

        Assert.True(blind > 0 && open > 0, $"{blind} blind, {open} with a pre-label");
    }

    [GeneratedRegex(@"^Saved \d\d:\d\d:\d\d$", RegexOptions.None, 1_000)]
    private static partial Regex SavedAt();

    private static IEnumerable<string> Texts(int count) => Enumerable.Range(1, count).Select(i => $"Message number {i} about {(char)('a' + (i % 26))}{i * 7919 % 1000}");

    private async Task<(string Project, Visitor Visitor, ReviewDriver Review)> OpenAsync(string name, int items, IReadOnlyList<string>? labels = null)
    {
        var project = await browser.Api.CreateProjectAsync(name, labels ?? s_labels, settings: s_unaudited.DeepClone().AsObject());
        await browser.Api.AddAsync(project, Texts(items));
        await browser.Api.QueuedAsync(project, items);
        var visitor = await browser.SignedInAsync();
        return (project, visitor, await ReviewDriver.OpenAsync(visitor.Page, project));
    }
}
