using System.Text.Json.Nodes;
using Annotator.Core.Accounts;
using Annotator.Tests.Support;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Playwright;

namespace Annotator.Tests.Browser;

/// <summary>No decision is lost or made twice, whatever happens between browser and server.</summary>
[Collection(BrowserCollection.Name)]
public class ReviewOutboxTests(BrowserFixture browser)
{
    private static readonly JsonObject s_settings = new() { ["autoAccept"] = false, ["auditShare"] = 0 };

    [Fact]
    public async Task DroppedConnection_DecisionsWaitAndAreSent()
    {
        var project = await ProjectAsync(browser.Api, "Offline", 20);
        await using var visitor = await browser.SignedInAsync();
        var review = await ReviewDriver.OpenAsync(visitor.Page, project);
        var decided = new List<string> { await review.DecideAsync("1") };
        await review.SavedAsync();
        await Until.HoldsAsync(review.AheadAsync, n => n >= 3, "some items are ahead");
        await visitor.Context.SetOfflineAsync(true);
        for (var i = 0; i < 3; i++) decided.Add(await review.DecideAsync("2"));
        await Assertions.Expect(review.Saved).ToContainTextAsync("3 waiting");
        await Assertions.Expect(review.Banner).ToContainTextAsync("3 decisions wait");
        Assert.Equal(["correct"], await ReviewDriver.LabelledHistoryAsync(browser.Api, project, decided[0]));
        Assert.Empty(await ReviewDriver.HistoryAsync(browser.Api, project, decided[1]));

        await visitor.Context.SetOfflineAsync(false);
        await Assertions.Expect(review.Saved).ToHaveAttributeAsync("data-kind", "saved");
        await Assertions.Expect(review.Banner).ToBeHiddenAsync();
        await OnceEachAsync(browser.Api, project, decided);
    }

    [Fact]
    public async Task ClosedWhileOffline_IsSentByTheNextVisit()
    {
        var project = await ProjectAsync(browser.Api, "Closed", 12);
        await using var visitor = await browser.SignedInAsync();
        var review = await ReviewDriver.OpenAsync(visitor.Page, project);
        await Until.HoldsAsync(review.AheadAsync, n => n >= 3, "some items are ahead");
        await visitor.Page.RouteAsync("**/decisions", route => route.AbortAsync());
        var decided = new List<string> { await review.DecideAsync("1"), await review.DecideAsync("2") };
        await Assertions.Expect(review.Banner).ToContainTextAsync("2 decisions wait");
        await visitor.Page.CloseAsync();
        Assert.Empty(await ReviewDriver.HistoryAsync(browser.Api, project, decided[0]));

        var again = await ReviewDriver.OpenAsync(await visitor.Context.NewPageAsync(), project);
        await again.SavedAsync();
        await Assertions.Expect(again.Ribbon).ToHaveCountAsync(2);
        await OnceEachAsync(browser.Api, project, decided);
    }

    [Fact]
    public async Task AnswerThatNeverArrives_DoesNothingTwice()
    {
        var project = await ProjectAsync(browser.Api, "Half a way", 12);
        await using var visitor = await browser.SignedInAsync();
        var review = await ReviewDriver.OpenAsync(visitor.Page, project);
        var (requests, keys) = (0, new HashSet<string>(StringComparer.Ordinal));
        await visitor.Page.RouteAsync("**/decisions", async route =>
        {
            keys.Add(route.Request.Headers["idempotency-key"]);
            if (requests++ == 0)
            {
                // The server does it, and the answer is lost on the way back.
                await route.FetchAsync();
                await route.AbortAsync();
            }
            else
            {
                await route.ContinueAsync();
            }
        });
        var item = await review.DecideAsync("1");
        await review.SavedAsync();
        Assert.Equal(2, requests);
        Assert.Single(keys);
        var standing = (await browser.Api.ItemAsync(project, item))!["annotations"]!.AsArray();
        Assert.Single(standing);
    }

    [Fact]
    public async Task ServerRestart_DecisionsWaitAndAreSent()
    {
        await using var any = await browser.OpenAsync();
        await using var server = await InProcessServer.StartNewAsync();
        using var api = new TestApi(server.Address);
        var project = await ProjectAsync(api, "Restart", 20);
        await using var visitor = await browser.SignedInAsync(address: server.Address);
        var review = await ReviewDriver.OpenAsync(visitor.Page, project);
        var decided = new List<string> { await review.DecideAsync("1") };
        await review.SavedAsync();
        await Until.HoldsAsync(review.AheadAsync, n => n >= 3, "some items are ahead");
        await server.StopAsync();
        for (var i = 0; i < 3; i++) decided.Add(await review.DecideAsync("2"));
        await Assertions.Expect(review.Banner).ToContainTextAsync("3 decisions wait");
        await server.StartAsync();

        // The page may load itself anew for a circuit of its own: what waited is sent before or after.
        await Until.TrueAsync(async () => (await ReviewDriver.HistoryAsync(api, project, decided[^1])).Count > 0, "the last decision has arrived");
        await OnceEachAsync(api, project, decided);
        await Assertions.Expect(visitor.Page.Locator(".rv[data-ready=true][data-state=item]")).ToBeVisibleAsync();
        decided.Add(await review.DecideAsync("1"));
        await review.SavedAsync();
        await OnceEachAsync(api, project, decided);
    }

    [Fact]
    public async Task TwoTabs_ShareOneOutbox_AndNoItem()
    {
        var project = await ProjectAsync(browser.Api, "Tabs", 30);
        await using var visitor = await browser.SignedInAsync();
        var first = await ReviewDriver.OpenAsync(visitor.Page, project);
        var second = await ReviewDriver.OpenAsync(await visitor.Context.NewPageAsync(), project);
        var bodies = new List<string>();
        await visitor.Context.RouteAsync("**/decisions", async route =>
        {
            bodies.Add(route.Request.PostData ?? "");
            await route.ContinueAsync();
        });
        var decided = new List<string>();
        for (var i = 0; i < 6; i++)
        {
            decided.Add(await first.DecideAsync("1"));
            decided.Add(await second.DecideAsync("2"));
        }

        await first.SavedAsync();
        await second.SavedAsync();
        Assert.Equal(decided.Count, decided.Distinct(StringComparer.Ordinal).Count());
        var sent = bodies.SelectMany(b => JsonNode.Parse(b)!["decisions"]!.AsArray().Select(d => (string)d!["itemId"]!)).ToList();
        Assert.Equal(decided.Order(StringComparer.Ordinal), sent.Order(StringComparer.Ordinal));
        await OnceEachAsync(browser.Api, project, decided);
    }

    [Fact]
    public async Task ExpiredSignIn_ReturnsAndSends()
    {
        var project = await ProjectAsync(browser.Api, "Expired", 20);
        await using var visitor = await browser.SignedInAsync();
        var review = await ReviewDriver.OpenAsync(visitor.Page, project);
        await Until.HoldsAsync(review.AheadAsync, n => n >= 3, "some items are ahead");
        await visitor.Context.ClearCookiesAsync();
        var decided = new List<string> { await review.DecideAsync("1"), await review.DecideAsync("2") };
        await Assertions.Expect(review.Banner).ToContainTextAsync("2 decisions wait");
        var login = await visitor.Page.RunAndWaitForPopupAsync(() => visitor.Page.Locator("[data-signin]").ClickAsync());
        await Visitor.SignInOnAsync(login);
        await Assertions.Expect(review.Banner).ToBeHiddenAsync();
        await review.SavedAsync();
        Assert.Equal(2, await review.Ribbon.CountAsync());
        await OnceEachAsync(browser.Api, project, decided);
        decided.Add(await review.DecideAsync("1"));
        await review.SavedAsync();
    }

    [Fact]
    public async Task SomebodyElseSignsIn_DecisionsStayUnderTheirOwnName()
    {
        var project = await ProjectAsync(browser.Api, "Two names", 20);
        var accounts = browser.Server.Services.GetRequiredService<AccountService>();
        const string Email = "second@annotator.test";
        const string Password = "another horse battery staple";
        await accounts.CreateUserAsync(new Caller(0, Role.Admin), Email, "Second", Role.Admin, Password, TestContext.Current.CancellationToken);
        await using var visitor = await browser.SignedInAsync();
        var review = await ReviewDriver.OpenAsync(visitor.Page, project);
        await Until.HoldsAsync(review.AheadAsync, n => n >= 3, "some items are ahead");
        await visitor.Page.RouteAsync("**/decisions", route => route.AbortAsync());
        var item = await review.DecideAsync("1");
        await Assertions.Expect(review.Banner).ToBeVisibleAsync();

        var tab = await visitor.Context.NewPageAsync();
        await visitor.Context.ClearCookiesAsync();
        await tab.GotoAsync("/account/login");
        await Visitor.SignInOnAsync(tab, Email, Password);
        await tab.WaitForURLAsync(url => !url.Contains("login", StringComparison.Ordinal));
        await visitor.Page.UnrouteAsync("**/decisions");
        await Assertions.Expect(review.Banner).ToContainTextAsync("Somebody else is signed in now: Second");
        Assert.Empty(await ReviewDriver.HistoryAsync(browser.Api, project, item));

        await visitor.Context.ClearCookiesAsync();
        await tab.GotoAsync("/account/login");
        await Visitor.SignInOnAsync(tab);
        await tab.WaitForURLAsync(url => !url.Contains("login", StringComparison.Ordinal));
        await review.SavedAsync();
        Assert.Equal(["correct"], await ReviewDriver.LabelledHistoryAsync(browser.Api, project, item));
    }

    [Fact]
    public async Task BetweenKeyAndNextItem_LiesNoNetwork()
    {
        var project = await ProjectAsync(browser.Api, "Held", 40);
        await using var link = new SlowLink(browser.Server.Address, TimeSpan.FromMilliseconds(100));
        await using var visitor = await browser.SignedInAsync(address: link.Address);
        var review = await ReviewDriver.OpenAsync(visitor.Page, project);
        await Until.HoldsAsync(review.AheadAsync, n => n >= 3, "some items are ahead");
        link.Hold();
        var decided = new List<string>();
        for (var i = 0; i < 3; i++) decided.Add(await review.DecideAsync("1"));
        Assert.Equal(3, await review.WaitingAsync());
        link.Release();
        await review.SavedAsync();
        await OnceEachAsync(browser.Api, project, decided);
    }

    [Fact]
    public async Task ThreeHundredDecisions_AsFastAsThePageTakesThem_NoneLostNoneDoubledOrderKept()
    {
        const int Count = 300;
        var project = await ProjectAsync(browser.Api, "Fast", Count + 20);
        await using var link = new SlowLink(browser.Server.Address, TimeSpan.FromMilliseconds(50));
        await using var visitor = await browser.SignedInAsync(address: link.Address);
        var page = visitor.Page;
        var review = await ReviewDriver.OpenAsync(page, project);
        var sent = new List<JsonNode>();
        page.Request += (_, request) =>
        {
            if (request.Url.EndsWith("/decisions", StringComparison.Ordinal)) sent.AddRange(JsonNode.Parse(request.PostData!)!["decisions"]!.AsArray().Select(d => d!.DeepClone()));
        };

        // Pressed in the page: as soon as an item is painted, its key comes, every third the other one.
        var decided = await page.EvaluateAsync<string[]>(
            """
            async (count) => {
              const { session } = window.annotatorReview;
              const frame = () => new Promise(requestAnimationFrame);
              const decided = [];
              while (decided.length < count) {
                const id = session.current?.item.itemId;
                if (!id || decided.at(-1)?.startsWith(`${id}:`)) { await frame(); continue; }
                const key = decided.length % 3 === 2 ? "2" : "1";
                decided.push(`${id}:${key === "2" ? "b" : "a"}`);
                document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
                await frame();
              }
              return decided;
            }
            """,
            Count);
        await review.SavedAsync();

        Assert.Equal(decided, sent.Select(d => $"{d["itemId"]}:{d["value"]!["choice"]}"), StringComparer.Ordinal);
        Assert.Equal(Count, decided.Distinct(StringComparer.Ordinal).Count());
        var metrics = await browser.Api.GetAsync($"/api/v1/projects/{project}/metrics");
        Assert.Equal(Count, (int)metrics!["decisions"]!["human"]!);
        foreach (var pair in decided.Where((_, i) => i % 25 == 0).Select(d => d.Split(':')))
        {
            // The student learns meanwhile, so that a label may have been its proposal.
            var fact = Assert.Single(await ReviewDriver.HistoryOfAsync(browser.Api, project, pair[0]));
            Assert.Equal(pair[1], fact.Label);
        }

        var figures = await page.EvaluateAsync<double[]>("() => { const r = window.annotatorReview; return [r.timings.length, r.percentile(0.5), r.percentile(0.95), r.percentile(0.99)]; }");
        TestContext.Current.TestOutputHelper?.WriteLine(FormattableString.Invariant(
            $"key to next item on screen, 100 ms added round trip: {figures[0]} measured, p50 {figures[1]:0.0} ms, p95 {figures[2]:0.0} ms, p99 {figures[3]:0.0} ms"));
        Assert.Equal(Count, (int)figures[0]);
        Assert.Empty(visitor.Troubles);
    }

    private static async Task<string> ProjectAsync(TestApi api, string name, int items)
    {
        var project = await api.CreateProjectAsync(name, ["a", "b", "c"], settings: s_settings.DeepClone().AsObject());
        await api.AddAsync(project, Enumerable.Range(1, items).Select(i => $"{name} item {i} says {i * 7919 % 10007} and {i * 104729 % 9973}"));
        await api.QueuedAsync(project, items);
        return project;
    }

    private static async Task OnceEachAsync(TestApi api, string project, IEnumerable<string> items)
    {
        foreach (var item in items)
        {
            // With a student in service a label may have been its proposal.
            var action = Assert.Single(await ReviewDriver.HistoryAsync(api, project, item));
            Assert.Contains(action, (string[])["correct", "accept"], StringComparer.Ordinal);
        }
    }
}
