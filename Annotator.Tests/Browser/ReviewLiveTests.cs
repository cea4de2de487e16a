using System.Text.Json.Nodes;
using Annotator.Tests.Support;
using Microsoft.Playwright;

namespace Annotator.Tests.Browser;

/// <summary>What reaches an open review page without anybody asking for it.</summary>
[Collection(BrowserCollection.Name)]
public class ReviewLiveTests(BrowserFixture browser)
{
    [Fact]
    public async Task NewItems_ShowTheirPreLabelOnEverybodysPage()
    {
        var project = await ReviewScenes.LearntAsync(browser.Api, "Live", waiting: 30);
        await using var one = await browser.SignedInAsync();
        await using var other = await browser.SignedInAsync();
        var first = await ReviewDriver.OpenAsync(one.Page, project);
        var second = await ReviewDriver.OpenAsync(other.Page, project);
        Assert.NotEqual(await first.ItemAsync(), await second.ItemAsync(), StringComparer.Ordinal);

        await browser.Api.AddAsync(project, ["Please send my refund to the other card, order 5577"], 900);
        foreach (var visitor in (Visitor[])[one, other])
        {
            await Assertions.Expect(visitor.Page.Locator(".rv-live-text").First).ToContainTextAsync("order 5577");
            await Assertions.Expect(visitor.Page.Locator(".rv-live-row").First).ToContainTextAsync("%");
        }

        // What one decides, the other's counter knows.
        var remaining = await other.Page.Locator("[data-figure=Remaining]").InnerTextAsync();
        for (var i = 0; i < 3; i++) await first.DecideAsync("1");
        await Assertions.Expect(other.Page.Locator("[data-figure=Remaining]")).Not.ToHaveTextAsync(remaining);
        Assert.Empty(one.Troubles);
        Assert.Empty(other.Troubles);
    }

    [Fact]
    public async Task NewStudent_UpdatesWhatTheBrowserHolds_ButNotWhatWasBegun()
    {
        var project = await ReviewScenes.LearntAsync(browser.Api, "Update", decided: 40, waiting: 200);
        await using var visitor = await browser.SignedInAsync();
        var review = await ReviewDriver.OpenAsync(visitor.Page, project);
        var badge = visitor.Page.Locator(".rv-suggestion .an-source-student .an-number");
        var version = await badge.InnerTextAsync();
        var decide = ReviewScenes.Messages.Skip(40).Take(200).ToList();
        var ids = (await browser.Api.GetAsync($"/api/v1/projects/{project}/items?limit=1000"))!["items"]!.AsArray().ToDictionary(i => (string)i!["text"]!, i => (string)i!["id"]!, StringComparer.Ordinal);
        var held = await visitor.Page.EvaluateAsync<string[]>("() => [window.annotatorReview.session.current.item, ...window.annotatorReview.queue.ahead].map(i => i.itemId)");
        var free = decide.DistinctBy(m => m.Text, StringComparer.Ordinal).Where(m => ids.TryGetValue(m.Text, out var id) && !held.Contains(id, StringComparer.Ordinal)).ToList();

        // Labels of a kind that turns the model's mind.
        await browser.Api.DecideAsync(project, free.Take(80).Select(m => (ids[m.Text], m.Intent)));
        await Assertions.Expect(badge).Not.ToHaveTextAsync(version);
        Assert.True(await visitor.Page.EvaluateAsync<bool>("v => window.annotatorReview.queue.ahead.every(i => `v${i.prediction.version}` !== v)", version));

        // What was shown in the end is what the decision is measured by.
        var shown = await badge.InnerTextAsync();
        await Assertions.Expect(badge).ToHaveTextAsync(shown);
        var item = await review.ItemAsync();
        await visitor.Page.EvaluateAsync("() => window.annotatorReview.session.begin()");
        var begun = await badge.InnerTextAsync();
        await browser.Api.DecideAsync(project, free.Skip(80).Take(60).Select(m => (ids[m.Text], m.Intent)));
        await Until.TrueAsync(
            () => visitor.Page.EvaluateAsync<bool>("v => window.annotatorReview.queue.ahead.some(i => `v${i.prediction.version}` !== v)", begun), "what lies ahead is updated");
        Assert.Equal(begun, await badge.InnerTextAsync());
        Assert.Equal(item, await review.ItemAsync());
        await review.DecideAsync("Enter");
        await review.SavedAsync();
        var fact = (await browser.Api.ItemAsync(project, item!))!["history"]!.AsArray()[^1]!;
        Assert.Equal("accept", (string?)fact["action"]);
        Assert.Equal(begun, $"v{fact["shown"]!["version"]}");
        Assert.Equal(fact["value"]!.ToJsonString(), fact["shown"]!["value"]!.ToJsonString());
    }

    [Fact]
    public async Task ChangeUnderTheFinger_IsNotAccepted()
    {
        var project = await ReviewScenes.LearntAsync(browser.Api, "Finger", waiting: 20);
        await using var visitor = await browser.SignedInAsync();
        var review = await ReviewDriver.OpenAsync(visitor.Page, project);
        var item = await review.ItemAsync();
        var accepted = await visitor.Page.EvaluateAsync<string>(
            """
            () => {
              const { session } = window.annotatorReview;
              const { itemId, prediction } = session.current.item;
              const choice = prediction.value.choice === "praise_thanks" ? "order_status" : "praise_thanks";
              session.prelabelled([{ itemId, value: { choice }, confidence: 0.9, source: "student", version: 99 }]);
              return String(session.accept());
            }
            """);
        Assert.Equal("changed", accepted);
        Assert.Equal(item, await review.ItemAsync());
        await Assertions.Expect(visitor.Page.Locator(".rv-updated")).ToBeVisibleAsync();
    }

    [Fact]
    public async Task EmptyQueue_SaysWhy_AndGoesOnByItself()
    {
        var project = await browser.Api.CreateProjectAsync("Dry", ["a", "b"], settings: new JsonObject { ["autoAccept"] = false, ["auditShare"] = 0, ["leaseSeconds"] = 600 });
        await using var visitor = await browser.SignedInAsync();
        var review = await ReviewDriver.OpenAsync(visitor.Page, project, withItem: false);
        await Assertions.Expect(review.Nothing).ToHaveTextAsync("No items yet");
        await browser.Api.AddAsync(project, ["the first one to come in"]);
        await Assertions.Expect(review.Text).ToHaveTextAsync("the first one to come in");
        await visitor.Page.Keyboard.PressAsync("1");
        await Assertions.Expect(review.Nothing).ToHaveTextAsync("All done");
        await browser.Api.AddAsync(project, ["a second one comes in later"], 2);
        await Assertions.Expect(review.Text).ToHaveTextAsync("a second one comes in later");

        // A second tab of the same person finds the rest in other hands.
        await using var other = await browser.SignedInAsync();
        var late = await ReviewDriver.OpenAsync(other.Page, project, withItem: false);
        await Assertions.Expect(late.Nothing).ToBeVisibleAsync();
        Assert.DoesNotContain(await late.Nothing.InnerTextAsync(), (string[])["All done", "No items yet"], StringComparer.Ordinal);
        await visitor.Page.CloseAsync();
        await Assertions.Expect(late.Text).ToHaveTextAsync("a second one comes in later");
        Assert.Empty(other.Troubles);
    }

    [Fact]
    public async Task LentNothingForAMoment_TriesAgainWithoutBlinking()
    {
        var project = await browser.Api.CreateProjectAsync("Pace", ["a", "b"], settings: new JsonObject { ["autoAccept"] = false, ["auditShare"] = 0 });
        await browser.Api.AddAsync(project, Enumerable.Range(1, 30).Select(i => $"text number {i * 7919}"));
        await browser.Api.QueuedAsync(project, 30);
        await using var visitor = await browser.SignedInAsync();
        var review = await ReviewDriver.OpenAsync(visitor.Page, project);
        var empty = 0;
        await visitor.Page.RouteAsync("**/queue/lease", async route =>
        {
            if (empty++ < 3) await route.FulfillAsync(new RouteFulfillOptions { ContentType = "application/json", Body = """{"items":[]}""" });
            else await route.ContinueAsync();
        });
        await visitor.Page.EvaluateAsync(
            """
            () => {
              window.blinks = 0;
              const watch = new MutationObserver(() => {
                if (document.querySelector(".rv-stage").hidden || !document.querySelector(".rv-nothing").hidden || !document.querySelector(".rv-skeleton").hidden) window.blinks++;
              });
              watch.observe(document.querySelector(".rv"), { subtree: true, attributes: true, attributeFilter: ["hidden"] });
            }
            """);
        for (var i = 0; i < 16; i++) await review.DecideAsync("1");
        await Until.HoldsAsync(review.ItemAsync, i => i is not null, "the next item is there");
        Assert.True(empty > 3);
        Assert.Equal(0, await visitor.Page.EvaluateAsync<int>("() => window.blinks"));
    }
}
