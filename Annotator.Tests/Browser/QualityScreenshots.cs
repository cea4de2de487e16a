using System.Text.RegularExpressions;
using Annotator.Tests.Support;
using Microsoft.Playwright;

namespace Annotator.Tests.Browser;

/// <summary>Takes the pictures of the dashboards in docs/screenshots. Not a test: run <c>eng/shots.sh</c>.</summary>
[Collection(BrowserCollection.Name)]
public class QualityScreenshots(BrowserFixture browser)
{
    [Fact(Explicit = true)]
    public async Task Dashboards()
    {
        _ = browser.Api;
        var scene = await TeamScene.MakeAsync(browser.Server.Services, browser.Api, "Support messages", 420);
        await scene.OrganiseAsync(browser.Server.Services, browser.Api);
        var lena = scene.People["Lena"];
        foreach (var (suffix, settings) in Shots.Variants(1360, 860))
        {
            await using var visitor = await browser.SignedInAsync(settings);
            foreach (var (name, address) in ((string, string)[])
                [
                    ("overview", ""), ("quality-progress", "quality"), ("quality-models", "quality?tab=models"), ("quality-labels", "quality?tab=labels"), ("quality-people", "quality?tab=people"), ("quality-annotator", $"quality?tab=people&by={lena}"),
                    ("quality-agreement", "quality?tab=agreement"), ("quality-consensus", $"quality?tab=consensus&by={lena}"), ("quality-checks", "quality?tab=checks"), ("quality-certificate", "quality?tab=certificate"), ("suspects", "quality?tab=suspects"),
                    ("report", "report"), ("adjudicate", "adjudicate"), ("discussion", $"discussion?item={scene.Items[0]}"), ("audit", "audit"), ("labels-change", "labels"), ("work", "work"), ("items-chosen", "items?state=final"), ("items-suspects", "items?list=suspects"),
                ])
            {
                await PageScenes.OpenAsync(visitor.Page, $"/projects/{scene.Project}/{address}");
                await PrepareAsync(visitor.Page, name);
                await Shots.TakeAsync(visitor.Page, name + suffix, Shots.Everything || name is not ("items-chosen" or "items-suspects" or "audit"));
            }
        }
    }

    // What a page shows once somebody does what it is for.
    private static async Task PrepareAsync(IPage page, string name)
    {
        switch (name)
        {
            case "items-chosen":
                for (var i = 0; i < 3; i++) await page.Locator("tbody .it-col-choose input").Nth(i).CheckAsync();
                await page.Locator(".bk").WaitForAsync();
                break;
            case "items-suspects":
                await page.Locator(".it-open").First.ClickAsync();
                await page.Locator(".it-suggested").WaitForAsync();
                break;
            case "audit":
                await page.GetByRole(AriaRole.Button, new PageGetByRoleOptions { NameRegex = new Regex("Check the log|기록 검사", RegexOptions.None, TimeSpan.FromSeconds(1)) }).ClickAsync();
                await page.Locator("section code").First.WaitForAsync();
                break;
            case "labels-change":
                await page.Locator(".ql-form select").Nth(0).SelectOptionAsync("Merge");
                await page.Locator(".ql-form select").Nth(1).SelectOptionAsync("delivery_problem");
                await page.Locator(".ql-form select").Nth(2).SelectOptionAsync("order_status");
                await page.Locator(".ql-form button[type=submit]").ClickAsync();
                await page.Locator(".an-notice-warn").WaitForAsync();
                break;
        }
    }
}
