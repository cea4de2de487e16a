using System.Globalization;
using System.Text.Json.Nodes;
using Annotator.Core.Projects;
using Annotator.Tests.Support;
using Microsoft.Playwright;

namespace Annotator.Tests.Browser;

/// <summary>The pages of the product with something on them, made through the API.</summary>
internal static class PageScenes
{
    private static readonly IReadOnlyList<(string Text, string Intent)> s_messages =
        [.. Resource("sample/support-messages.jsonl").Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonNode.Parse(line)!).Select(m => ((string)m["text"]!, (string)m["intent"]!))];

    /// <summary>The labels of the sample project.</summary>
    public static JsonArray Labels => JsonNode.Parse(Resource("sample/support-labels.json"))!.AsArray();

    /// <summary>Messages of the sample project with their right answers.</summary>
    public static IReadOnlyList<(string Text, string Intent)> Messages => s_messages;

    /// <summary>A project that has learnt from decisions, with some items of every kind.</summary>
    /// <param name="api">The API.</param>
    /// <param name="name">Its name.</param>
    /// <param name="items">How many messages it holds.</param>
    /// <param name="rounds">After how many decisions it is to learn; one student each.</param>
    public static async Task<string> LearntAsync(TestApi api, string name, int items, params IReadOnlyList<int> rounds)
    {
        var project = await api.CreateProjectAsync(name, Labels, guidelines: Resource("sample/support-guidelines.md"), settings: new JsonObject { ["autoAccept"] = true });
        var messages = s_messages.Take(items).ToList();
        var ids = await api.AddAsync(project, messages.Select(m => m.Text));
        var decided = 0;
        foreach (var upTo in rounds)
        {
            await DecideAsync(api, project, messages.Take(decided..upTo).Select((m, i) => (ids[decided + i], m.Intent, 1.6 + (i % 7 * 0.5))));
            decided = upTo;
            await Until.HoldsAsync(
                async () => (int?)(await api.GetAsync($"/api/v1/projects/{project}/metrics"))!["student"]?["trainedOn"] ?? 0, trained => trained >= upTo, $"a student has learnt from {upTo} decisions");
        }

        return project;
    }

    /// <summary>People of a project, one of them invited and not there yet.</summary>
    public static async Task PeopleAsync(TestApi api, string project)
    {
        foreach (var (name, role, password) in ((string, string, string?)[])[("Minseo", "lead", "a sentence works well"), ("Ada", "annotator", "a sentence works well"), ("Dohyun", "annotator", "a sentence works well"), ("Freya", "annotator", null)])
        {
            var person = (string)(await api.SendAsync(HttpMethod.Post, "/api/v1/users", new JsonObject { ["email"] = $"{name.ToLowerInvariant()}@example.org", ["name"] = name, ["role"] = role, ["password"] = password }))!["id"]!;
            await api.SendAsync(HttpMethod.Put, $"/api/v1/projects/{project}/members/{person}", new JsonObject { ["role"] = role });
        }
    }

    /// <summary>All pages of an installation for its administrator.</summary>
    /// <param name="project">A project with items.</param>
    /// <param name="empty">One without.</param>
    /// <param name="item">An item of the first.</param>
    public static IReadOnlyList<(string Name, string Address)> Pages(string project, string empty, string item) =>
    [
        ("projects", "/"),
        ("project", $"/projects/{project}"),
        ("project-empty", $"/projects/{empty}"),
        ("items", $"/projects/{project}/items"),
        ("item", $"/projects/{project}/items?item={item}"),
        ("items-none", $"/projects/{empty}/items"),
        ("upload", $"/projects/{project}/upload"),
        ("runs", $"/projects/{project}/runs"),
        ("export", $"/projects/{project}/export"),
        ("devices", $"/projects/{project}/devices"),
        ("members", $"/projects/{project}/members"),
        ("settings", $"/projects/{project}/settings"),
        ("new-project", "/projects/new"),
        ("users", "/users"),
        ("admin", "/admin"),
        ("profile", "/profile"),
        ("not-found", "/no/such/page"),
    ];

    /// <summary>Opens a page and waits until it shows what it has to show.</summary>
    public static async Task OpenAsync(IPage page, string address)
    {
        await page.GotoAsync(address);
        await SettledAsync(page);
    }

    /// <summary>Waits until a page has its heading and nothing on it is still being read.</summary>
    public static async Task SettledAsync(IPage page)
    {
        await page.Locator("h1").First.WaitForAsync(new LocatorWaitForOptions { State = WaitForSelectorState.Attached });
        try
        {
            // The review page keeps its placeholder for the next time it waits: what is hidden is not busy.
            await page.WaitForFunctionAsync("() => ![...document.querySelectorAll('[aria-busy=true], .an-skeleton')].some(e => e.checkVisibility())");
        }
        catch (TimeoutException e)
        {
            // What is still being read, and whether the page has lost its server, says more than that it took too long.
            var busy = await page.EvaluateAsync<string>(
                "() => [...document.querySelectorAll('[aria-busy=true], .an-skeleton')].slice(0, 5).map(e => e.outerHTML.slice(0, 300)).concat([...document.querySelectorAll('#components-reconnect-modal, #blazor-error-ui, .cn-banner')].map(e => e.outerHTML.slice(0, 300))).join('\\n')");
            throw new TimeoutException($"{page.Url} is still busy:\n{busy}", e);
        }
    }

    private static async Task DecideAsync(TestApi api, string project, IEnumerable<(string Item, string Label, double Seconds)> decisions) =>
        await api.SendAsync(HttpMethod.Post, $"/api/v1/projects/{project}/decisions", new JsonObject
        {
            ["decisions"] = new JsonArray([.. decisions.Select(d => (JsonNode)new JsonObject
            {
                ["itemId"] = d.Item,
                ["action"] = "correct",
                ["value"] = new JsonObject { ["choice"] = d.Label },
                ["seconds"] = Math.Round(d.Seconds, 1),
            })]),
        });

    private static string Resource(string name)
    {
        using var reader = new StreamReader(typeof(SampleProject).Assembly.GetManifestResourceStream(name) ?? throw new InvalidOperationException(string.Create(CultureInfo.InvariantCulture, $"No resource '{name}'.")));
        return reader.ReadToEnd();
    }
}
