using System.Globalization;
using System.Text.RegularExpressions;
using Annotator.Core.Accounts;
using Annotator.Core.Items;
using Annotator.Core.Quality.Dashboards;
using Annotator.Core.Storage;
using Annotator.Tests.Support;
using Deque.AxeCore.Commons;
using Deque.AxeCore.Playwright;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Playwright;

namespace Annotator.Tests.Browser;

/// <summary>The dashboards as a lead and an annotator meet them.</summary>
[Collection(PagesCollection.Name)]
public class QualityPagesTests(BrowserFixture browser)
{
    private static readonly AxeRunOptions s_wcag = new() { ResultTypes = [ResultType.Violations], RunOnly = new RunOnlyOptions { Type = "tag", Values = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] } };
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
            found.AddRange((await visitor.Page.RunAxe(s_wcag)).Violations.SelectMany(v => v.Nodes.Take(3).Select(n => $"{tab}: {v.Id} ({v.Impact}): {n.Html}")));
            if (await visitor.Page.EvaluateAsync<bool>("() => document.scrollingElement.scrollWidth > document.scrollingElement.clientWidth + 1")) found.Add($"{tab}: wider than the window");
            var words = await visitor.Page.Locator("main").InnerTextAsync();
            if (locale is "ko-KR") Assert.Contains(words, c => c is >= '가' and <= '힣');
            Assert.DoesNotMatch(@"\b(Chart|Column|Tab|Filter|Progress|Agreement|Sheet)\.[A-Z][A-Za-z]+\b", words);
        }

        Assert.True(found.Count == 0, string.Join('\n', found.Distinct(StringComparer.Ordinal)));
        Assert.Empty(visitor.Troubles);
    }

    [Fact]
    public async Task Lead_ComesFromAChartToAnItemToADecision()
    {
        var scene = await SceneAsync();
        await using var visitor = await browser.SignedInAsync();
        var page = visitor.Page;
        await PageScenes.OpenAsync(page, $"/projects/{scene.Project}/quality?tab=agreement");

        // Karl answers wrong on purpose: his cell with Ada is red, and opens what they differ on.
        var (ada, karl) = (scene.People["Ada"], scene.People["Karl"]);
        await page.Locator($".ch-svg a[href*='by={ada}&with={karl}']").First.ClickAsync();
        await page.WaitForURLAsync("**/items?*");
        await PageScenes.SettledAsync(page);
        await Assertions.Expect(page.Locator(".it-note")).ToContainTextAsync("Ada and Karl");
        await page.Locator(".it-open").First.ClickAsync();
        await page.Locator("#it-panel-title").WaitForAsync();
        var chosen = await page.Locator("#it-set option").Nth(2).GetAttributeAsync("value");
        await page.Locator("#it-set").SelectOptionAsync(chosen!);
        await page.Locator(".it-actions button").First.ClickAsync();
        await Assertions.Expect(page.Locator(".it-panel")).ToContainTextAsync("admin", new LocatorAssertionsToContainTextOptions { IgnoreCase = true });
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
