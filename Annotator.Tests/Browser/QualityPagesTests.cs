using System.Globalization;
using System.Text.RegularExpressions;
using Annotator.Core.Accounts;
using Annotator.Core.Items;
using Annotator.Core.Quality.Dashboards;
using Annotator.Core.Storage;
using Annotator.Tests.Support;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Playwright;

namespace Annotator.Tests.Browser;

/// <summary>The dashboards as a lead and an annotator meet them.</summary>
[Collection(PagesCollection.Name)]
public class QualityPagesTests(BrowserFixture browser)
{
    private static readonly SemaphoreSlim s_making = new(1, 1);
    private static TeamScene? s_scene;

    [Theory]
    [InlineData("en-US", false, 1280)]
    [InlineData("ko-KR", true, 820)]
    public async Task EveryPart_HasNothingThatKeepsPeopleOut(string locale, bool dark, int width)
    {
        var scene = await SceneAsync();
        await using var visitor = await browser.SignedInAsync(new BrowserSettings(locale, dark, width));
        var found = new List<string>();
        foreach (var tab in (string[])["quality?tab=progress", "quality?tab=models", "quality?tab=labels", "quality?tab=people", "quality?tab=agreement", "quality?tab=consensus&method=mace", "quality?tab=checks", "quality?tab=certificate", "quality?tab=suspects", "report", "labels", "adjudicate", "discussion", "audit"])
        {
            await PageScenes.OpenAsync(visitor.Page, $"/projects/{scene.Project}/{tab}");
            found.AddRange((await visitor.Page.BarriersAsync()).SelectMany(v => v.Nodes.Take(3).Select(n => $"{tab}: {v.Id} ({v.Impact}): {n.Html}")));
            if (await visitor.Page.EvaluateAsync<bool>("() => document.scrollingElement.scrollWidth > document.scrollingElement.clientWidth + 1")) found.Add($"{tab}: wider than the window");
            var words = await visitor.Page.Locator("main").InnerTextAsync();
            if (locale is "ko-KR") Assert.Contains(words, c => c is >= '가' and <= '힣');
            Assert.DoesNotMatch(@"\b(Chart|Column|Tab|Filter|Progress|Agreement|Sheet)\.[A-Z][A-Za-z]+\b", words);
        }

        Assert.True(found.Count == 0, string.Join('\n', found.Distinct(StringComparer.Ordinal)));
        Assert.Empty(visitor.Troubles);
    }

    [Fact]
    public async Task Lead_ComesFromTheOverviewByAChartToAnItemToADecision_AndTheChartFollows()
    {
        var scene = await SceneAsync();
        var (ada, karl) = (scene.People["Ada"], scene.People["Karl"]);
        await using var visitor = await browser.SignedInAsync();
        var page = visitor.Page;

        // The overview names who stands out, and leads to their work.
        await PageScenes.OpenAsync(page, $"/projects/{scene.Project}");
        await Assertions.Expect(page.Locator(".at-list")).ToContainTextAsync("Karl is paused");
        await page.Locator(".at-list li", new PageLocatorOptions { HasText = "Karl is less often right" }).Locator(".at-go").ClickAsync();
        await page.WaitForURLAsync($"**/quality?tab=people&by={karl}");

        // Somebody else looks at the same chart meanwhile.
        var watching = await visitor.Context.NewPageAsync();
        await PageScenes.OpenAsync(watching, $"/projects/{scene.Project}/quality?tab=agreement");
        await PageScenes.OpenAsync(page, $"/projects/{scene.Project}/quality?tab=agreement");

        // Karl answers wrong on purpose: his cell with Ada is red, and opens what they differ on.
        await page.Locator($".ch-svg a[href$='by={ada}&with={karl}']").ClickAsync();
        await page.WaitForURLAsync("**/items?*");
        await PageScenes.SettledAsync(page);
        await Assertions.Expect(page.Locator(".it-note")).ToContainTextAsync("Ada and Karl");

        // An item of the list of which no lead has said a word: this time they are with Karl.
        var (item, admin, karls) = await DisputedAsync(scene, ada, karl);
        await page.Locator($".it-open[href$='item={item}']").ClickAsync();
        await page.Locator("#it-set").SelectOptionAsync(karls);
        var pair = watching.Locator($".ch-svg a[href$='by={karl}&with={admin}'] > title");
        var before = await pair.CountAsync() == 0 ? null : await pair.TextContentAsync();
        await page.Locator(".it-actions button").First.ClickAsync();
        var panel = page.Locator(".it-panel");
        await Assertions.Expect(panel.Locator(".it-facts")).ToContainTextAsync("Final");
        await Assertions.Expect(panel.Locator(".it-facts dd.it-value").First).ToContainTextAsync(karls);
        await Assertions.Expect(panel.Locator(".it-history")).ToContainTextAsync("admin");

        // The chart of the other has the lead's answer in it, without a reload.
        if (before is null) await Assertions.Expect(pair).ToHaveCountAsync(1);
        else await Assertions.Expect(pair).Not.ToHaveTextAsync(before);

        // On second thoughts: the label that it had is one press away, in its history.
        await panel.Locator(".it-history li", new LocatorLocatorOptions { HasText = "Ada" }).Locator(".it-revert").ClickAsync();
        await Assertions.Expect(panel.Locator(".it-facts dd.it-value").First).Not.ToContainTextAsync(karls);

        // The way back keeps what was looked at.
        await page.Locator(".dn-back").ClickAsync();
        await page.WaitForURLAsync("**/quality?tab=agreement");
        Assert.Empty(visitor.Troubles);
    }

    [Fact]
    public async Task Lead_GoesThroughAListByKeys_AndKeepsTheirPlace()
    {
        var scene = await SceneAsync();
        await using var visitor = await browser.SignedInAsync();
        var page = visitor.Page;

        // Two labels that were set against what everybody had said.
        var wrong = await UnanimousAsync(scene);
        var labels = PageScenes.Labels.Select(l => (string)l!["name"]!).ToList();
        foreach (var item in wrong)
        {
            await browser.Server.Services.GetRequiredService<Core.Items.BulkActions>().RelabelAsync(
                await LeadAsync(scene), scene.People["Ada"], [item], new Core.Labels.ChoiceValue(labels.First(l => l != scene.Truth[item])), TestContext.Current.CancellationToken);
        }

        await PageScenes.OpenAsync(page, $"/projects/{scene.Project}/items?list=majority");
        await page.Locator($".it-open[href$='item={wrong[0]}']").ClickAsync();
        await Assertions.Expect(page.Locator(".it-suggested")).ToContainTextAsync(scene.Truth[wrong[0]]);
        await page.Locator("[data-listens]").WaitForAsync();
        await page.Keyboard.PressAsync("t");

        // It leaves the list, stays open, and the next is where it would have been.
        await Assertions.Expect(page.Locator($".it-open[href$='item={wrong[0]}']")).ToHaveCountAsync(0);
        await Assertions.Expect(page.Locator(".it-panel .it-facts")).ToContainTextAsync(scene.Truth[wrong[0]]);
        var beside = await page.Locator("[data-key=j], [data-key=k]").First.GetAttributeAsync("href");
        await page.Keyboard.PressAsync(await page.Locator("[data-key=j]").CountAsync() > 0 ? "j" : "k");
        await Assertions.Expect(page).ToHaveURLAsync(new Regex(Regex.Escape(beside!) + "$", RegexOptions.None, TimeSpan.FromSeconds(1)));

        // Faster than the page: the key waits for what it presses.
        await page.Keyboard.PressAsync("Escape");
        await Assertions.Expect(page.Locator(".it-panel")).ToHaveCountAsync(0);
        Assert.Empty(visitor.Troubles);
    }

    [Fact]
    public async Task Charts_AreTablesAndFiles_AndFollowTheAddress()
    {
        var scene = await SceneAsync();
        await using var visitor = await browser.SignedInAsync();
        var page = visitor.Page;
        await PageScenes.OpenAsync(page, $"/projects/{scene.Project}/quality?tab=models");
        var card = page.Locator(".ch-card").Nth(1);
        var csv = await page.RunAndWaitForDownloadAsync(() => card.GetByText("CSV", new LocatorGetByTextOptions { Exact = true }).ClickAsync());
        Assert.EndsWith(".csv", csv.SuggestedFilename, StringComparison.Ordinal);
        var lines = (await File.ReadAllTextAsync(await csv.PathAsync())).Split("\r\n", StringSplitOptions.RemoveEmptyEntries);
        Assert.True(lines.Length > 5);
        var png = await page.RunAndWaitForDownloadAsync(() => card.GetByText("PNG", new LocatorGetByTextOptions { Exact = true }).ClickAsync());
        Assert.Equal("\u0089PNG"u8.ToArray()[^3..], (await File.ReadAllBytesAsync(await png.PathAsync()))[1..4]);
        await card.GetByText("Table", new LocatorGetByTextOptions { Exact = true }).ClickAsync();
        await Assertions.Expect(card.Locator("tbody tr")).ToHaveCountAsync(lines.Length - 1);

        // A filter changes the address, and the address brings it back.
        await page.Locator(".ql-filters").GetByLabel("Annotator").SelectOptionAsync(new SelectOptionValue { Label = "Karl" });
        await Assertions.Expect(page).ToHaveURLAsync(new Regex($"by={scene.People["Karl"].ToString(CultureInfo.InvariantCulture)}", RegexOptions.None, TimeSpan.FromSeconds(1)));
        await page.ReloadAsync();
        await PageScenes.SettledAsync(page);
        await Assertions.Expect(page.Locator(".ql-filters").GetByLabel("Annotator")).ToHaveValueAsync(scene.People["Karl"].ToString(CultureInfo.InvariantCulture));
        Assert.Empty(visitor.Troubles);
    }

    [Fact]
    public async Task Annotator_SeesTheirOwnWorkOnly()
    {
        var scene = await SceneAsync();
        const string password = "a sentence works well";
        var user = await browser.Api.SendAsync(HttpMethod.Post, "/api/v1/users", new System.Text.Json.Nodes.JsonObject { ["email"] = "own-work@annotator.test", ["name"] = "Mira", ["role"] = "annotator", ["password"] = password });
        await browser.Api.SendAsync(HttpMethod.Put, $"/api/v1/projects/{scene.Project}/members/{user!["id"]}", new System.Text.Json.Nodes.JsonObject { ["role"] = "annotator" });
        await using var visitor = await browser.SignedInAsync(email: "own-work@annotator.test", password: password);
        await PageScenes.OpenAsync(visitor.Page, $"/projects/{scene.Project}/quality?tab=people&by={scene.People["Karl"]}");
        var words = await visitor.Page.Locator("main").InnerTextAsync();
        Assert.Contains("My work", words, StringComparison.Ordinal);
        Assert.DoesNotContain("Karl", words, StringComparison.Ordinal);
        Assert.Contains("Nothing to show", words, StringComparison.Ordinal);
    }

    [Fact]
    public async Task TeamOfTwelve_TheFiguresNameWhoErrs_AndFinalLabelsDoNotSuffer()
    {
        var scene = await SceneAsync();
        var services = browser.Server.Services;
        var grant = (await services.GetRequiredService<ProjectAccess>().FindAsync(new Caller(scene.People["Ada"], Role.Admin), scene.Project, TestContext.Current.CancellationToken))!;
        var reader = services.GetRequiredService<DashboardReader>();
        var board = await reader.ReadAsync(grant.Project, DashboardFilter.None, TestContext.Current.CancellationToken);
        var others = board.Annotators.ToDictionary(a => a.Name, a => a.Others, StringComparer.Ordinal);
        var careful = TeamScene.Names.Take(8).Select(n => others[n]).ToList();
        Assert.True(others["Karl"].Upper < careful.Min(c => c.Lower), "the one who answers wrong on purpose is certainly below everybody careful");
        Assert.All((string[])["Ivo", "Jun"], n => Assert.True(others[n].Share < careful.Min(c => c.Share), $"{n} is below everybody careful"));

        // All votes together say it of each of them, whoever they were paired with.
        var estimates = (await services.GetRequiredService<Core.Quality.TeamQualityReader>().EstimatesAsync(grant.Project, null, TestContext.Current.CancellationToken))!.Annotators.ToDictionary(e => board.Annotators.Single(a => a.UserId == e.Key).Name, e => e.Value, StringComparer.Ordinal);
        Assert.All((string[])["Ivo", "Jun", "Karl", "Lena"], n => Assert.True(estimates[n].Accuracy < TeamScene.Names.Take(8).Min(c => estimates[c].Accuracy), $"{n} is estimated below everybody careful"));
        var confused = estimates["Lena"].Confusions[0];
        Assert.All((string[])[confused.Right, confused.Given], v => Assert.Contains(Core.Labels.LabelJson.Read(v).LabelNames.Single(), grant.Project.Schema.Leaves().Take(2)));

        // Two labels exchanged: what they correct most is one of the two into the other.
        var lena = await reader.ReadAsync(grant.Project, new DashboardFilter(UserId: scene.People["Lena"]), TestContext.Current.CancellationToken);
        var labels = grant.Project.Schema.Leaves();
        var top = lena.Confusion.First(p => !string.Equals(p.Shown, p.Given, StringComparison.Ordinal));
        Assert.Equal(labels.Take(2).Order(StringComparer.Ordinal), new[] { top.Shown, top.Given }.Order(StringComparer.Ordinal));

        var final = await services.GetRequiredService<AnnotatorDatabase>().ReadAsync(db => db.Items.Where(i => i.ProjectId == scene.Project && i.State == ItemState.Final).ToListAsync());
        var right = final.Count(i => string.Equals(i.Label!.Single, scene.Truth[i.Id], StringComparison.Ordinal));
        Assert.True(right >= 0.95 * final.Count, $"{right} of {final.Count} final labels are right");
    }

    private async Task<ProjectGrant> LeadAsync(TeamScene scene) =>
        (await browser.Server.Services.GetRequiredService<ProjectAccess>().FindAsync(new Caller(scene.People["Ada"], Role.Admin), scene.Project, TestContext.Current.CancellationToken))!;

    // On what two of them differ, and the administrator has not said a word.
    private async Task<(long Item, long Admin, string Label)> DisputedAsync(TeamScene scene, long one, long other) => await browser.Server.Services.GetRequiredService<AnnotatorDatabase>().ReadAsync(async db =>
    {
        var admin = await db.Users.Where(u => u.Email == InProcessServer.AdminEmail).Select(u => u.Id).SingleAsync(TestContext.Current.CancellationToken);
        var labels = await db.Items.Where(i => i.ProjectId == scene.Project && i.State == ItemState.Final).ToDictionaryAsync(i => i.Id, i => i.LabelValue, TestContext.Current.CancellationToken);
        var item = (await VotesAsync(db, scene)).First(v =>
            v.All(d => d.UserId != admin) && labels.GetValueOrDefault(v.Key) is { } label && v.Any(d => d.UserId == one && d.Value == label) && v.Any(d => d.UserId == other && d.Value != label));
        return (item.Key, admin, Core.Labels.LabelJson.Read(item.First(d => d.UserId == other).Value!).LabelNames.Single());
    });

    // Three people gave the same, right label.
    private async Task<List<long>> UnanimousAsync(TeamScene scene) => await browser.Server.Services.GetRequiredService<AnnotatorDatabase>().ReadAsync(async db =>
        (await VotesAsync(db, scene)).Where(v => v.Count() == 3 && v.All(d => string.Equals(Core.Labels.LabelJson.Read(d.Value!).LabelNames.Single(), scene.Truth[v.Key], StringComparison.Ordinal))).Select(v => v.Key).Take(2).ToList());

    private static async Task<List<IGrouping<long, Core.Review.Decision>>> VotesAsync(AnnotatorDbContext db, TeamScene scene) =>
        [.. (await db.Decisions.Where(d => d.ProjectId == scene.Project && d.UndoneById == null && d.Value != null).ToListAsync(TestContext.Current.CancellationToken)).GroupBy(d => d.ItemId)];

    private async Task<TeamScene> SceneAsync()
    {
        _ = browser.Api;
        await s_making.WaitAsync(TestContext.Current.CancellationToken);
        try
        {
            return s_scene ??= await TeamScene.MakeAsync(browser.Server.Services, browser.Api, "Team quality", 160);
        }
        finally
        {
            s_making.Release();
        }
    }
}
