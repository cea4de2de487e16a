using Annotator.Tests.Support;
using Microsoft.Playwright;

namespace Annotator.Tests.Browser;

/// <summary>The pages about the LLM: providers, prompts with their comparison, labels, bias and cost.</summary>
[Collection(PagesCollection.Name)]
public class LlmPagesTests(BrowserFixture browser)
{
    [Fact]
    public async Task Pages_KeepNobodyOut_AndWhatTheyOfferWorks()
    {
        await using var dark = await browser.SignedInAsync(new BrowserSettings("ko-KR", Dark: true, Width: 820));
        await using var llm = await LlmScenes.ServerAsync();
        var (project, version) = await LlmScenes.ProjectAsync(browser.Api, llm, 120, 90);
        var found = new List<string>();
        await using var visitor = await browser.SignedInAsync();
        foreach (var person in (Visitor[])[visitor, dark])
        {
            foreach (var (name, address) in LlmScenes.Pages(project))
            {
                await PageScenes.OpenAsync(person.Page, address);
                found.AddRange((await person.Page.BarriersAsync()).SelectMany(v => v.Nodes.Take(3).Select(n => $"{name}: {v.Id}: {n.Html}")));
                if (await person.Page.EvaluateAsync<bool>("() => document.scrollingElement.scrollWidth > document.scrollingElement.clientWidth + 1")) found.Add($"{name}: wider than the window");
                if (person != dark) continue;
                var words = await person.Page.Locator("main").InnerTextAsync();
                Assert.Contains(words, c => c is >= '가' and <= '힣');
                Assert.DoesNotMatch(@"\b(Tabs|Cost|Bias|Labels|Alarm|AlarmText|Probe|Slice)\.[A-Za-z.]+\b", words);
            }
        }

        Assert.True(found.Count == 0, string.Join('\n', found.Distinct(StringComparer.Ordinal)));
        Assert.Empty(visitor.Troubles);
        Assert.Empty(dark.Troubles);

        // Two versions side by side, by the keyboard.
        var page = visitor.Page;
        await PageScenes.OpenAsync(page, $"/projects/{project}/llm");
        foreach (var number in (int[])[1, version])
        {
            // A page that has come sets the focus on its heading, perhaps between focus and key: then the key is pressed again.
            var box = page.GetByLabel($"Compare version {number}", new PageGetByLabelOptions { Exact = true });
            await Until.TrueAsync(
                async () =>
                {
                    if (!await box.IsCheckedAsync()) await box.PressAsync("Space");
                    return await box.IsCheckedAsync();
                },
                $"version {number} is chosen");
        }

        await Assertions.Expect(page.Locator(".an-llm-diff")).ToContainTextAsync("when a parcel is late");

        // A suggestion is taken, and the labels go into the project.
        await page.GetByRole(AriaRole.Link, new PageGetByRoleOptions { Name = "Labels", Exact = true }).ClickAsync();
        await page.GetByRole(AriaRole.Button, new PageGetByRoleOptions { Name = "Do it: delivery trouble, courier problem" }).ClickAsync();
        await Assertions.Expect(page.GetByLabel("Definition of delivery problem", new PageGetByLabelOptions { Exact = true })).ToHaveCountAsync(1);
        await page.GetByRole(AriaRole.Button, new PageGetByRoleOptions { NameRegex = new System.Text.RegularExpressions.Regex("^Take \\d+ labels", System.Text.RegularExpressions.RegexOptions.None, TimeSpan.FromSeconds(1)) }).ClickAsync();
        await Assertions.Expect(page.Locator(".an-notice-ok")).ToBeVisibleAsync();
        var labels = (await browser.Api.GetAsync($"/api/v1/projects/{project}"))!["task"]!["labels"]!.AsArray().Select(l => (string)l!["name"]!).ToList();
        Assert.Contains("delivery problem", labels);
        Assert.DoesNotContain("courier problem", labels);
    }

    [Fact]
    public async Task Provider_IsConnectedByItsForm_AndWhatIsWrongIsTold()
    {
        await using var llm = await FakeLlmServer.StartAsync(r => r.Authorization != "Bearer sk-right" ? FakeLlmReply.Error(401) : FakeLlmReply.Good(r, _ => r.Labels[0]));
        await using var visitor = await browser.SignedInAsync();
        var page = visitor.Page;
        const string name = "Server of the form";
        ILocator Field(string label) => page.GetByLabel(label, new PageGetByLabelOptions { Exact = true });
        ILocator Button(string label) => page.GetByRole(AriaRole.Button, new PageGetByRoleOptions { Name = label, Exact = true });
        var row = page.Locator("tr", new PageLocatorOptions { HasText = name });
        await PageScenes.OpenAsync(page, "/admin/llm");
        await Button("Connect a provider").ClickAsync();
        await Button("Ollama").ClickAsync();
        await Assertions.Expect(Field("Base address")).ToHaveValueAsync("http://127.0.0.1:11434/v1");
        await Field("Name").FillAsync(name);
        await Field("Base address").FillAsync(llm.BaseUrl + "?x=1");
        await Field("Key").FillAsync("sk-wrong");
        await Button("Save").ClickAsync();
        await Assertions.Expect(page.GetByText("no query but api-version")).ToBeVisibleAsync();
        await Field("Base address").FillAsync(llm.BaseUrl);
        await Button("Save").ClickAsync();
        await Button($"Test {name}").ClickAsync();
        await Assertions.Expect(row.GetByText("The key is not accepted (HTTP 401).")).ToBeVisibleAsync();

        // What a project lacks for it stands on its page.
        var provider = (await browser.Api.GetAsync("/api/v1/llm/providers"))!["items"]!.AsArray().Single(p => (string)p!["name"]! == name)!;
        var project = await browser.Api.CreateProjectAsync("Wrong key", ["a", "b"], settings: new System.Text.Json.Nodes.JsonObject { ["llm"] = new System.Text.Json.Nodes.JsonObject { ["enabled"] = true, ["provider"] = (string)provider["id"]! } });
        await browser.Api.AddAsync(project, ["one", "two"]);
        await using (var second = await browser.SignedInAsync(new BrowserSettings(Dark: true, Width: 390)))
        {
            await PageScenes.OpenAsync(second.Page, $"/projects/{project}/llm/cost");
            await Assertions.Expect(second.Page.Locator(".an-notice-warn")).ToContainTextAsync("the key is not accepted (HTTP 401)");
            Assert.Empty(await second.Page.BarriersAsync());
        }

        await Button($"Change {name}").ClickAsync();
        await Assertions.Expect(Field("Key")).ToHaveValueAsync("");
        await Field("Key").FillAsync("sk-right");
        await Button("Save").ClickAsync();
        await Button($"Test {name}").ClickAsync();
        await Assertions.Expect(row.GetByText("works")).ToBeVisibleAsync();
        Assert.Empty(visitor.Troubles);
    }

    [Fact]
    public async Task Pages_WithNothingToShow_SaySo_AndAnnotatorsDoNotReachThem()
    {
        await using var visitor = await browser.SignedInAsync();
        var empty = await browser.Api.CreateProjectAsync("Nothing asked", ["a", "b"]);
        foreach (var (name, words) in ((string, string)[])[("labels", "No proposal yet"), ("bias", "Nothing to compare yet"), ("cost", "Nothing was asked yet.")])
        {
            await PageScenes.OpenAsync(visitor.Page, $"/projects/{empty}/llm/{name}");
            await Assertions.Expect(visitor.Page.GetByText(words)).ToBeVisibleAsync();
        }

        foreach (var path in (string[])["llm/bias", "llm/cost", "llm/taxonomy"])
        {
            using var http = new HttpClient { BaseAddress = browser.Server.Address };
            Assert.Equal(System.Net.HttpStatusCode.Unauthorized, (await http.GetAsync(new Uri($"/api/v1/projects/{empty}/{path}", UriKind.Relative), TestContext.Current.CancellationToken)).StatusCode);
        }
    }
}
