using System.Globalization;
using System.Text.Json.Nodes;
using Annotator.Tests.Support;
using Microsoft.Playwright;

namespace Annotator.Tests.Browser;

/// <summary>A project with a map, and people who are given work.</summary>
internal static class ExplorerScenes
{
    /// <summary>Makes a project of messages with a representation, a group of experts and an assignment.</summary>
    public static async Task<string> MakeAsync(TestApi api, string name, int items)
    {
        var project = await api.CreateProjectAsync(name, PageScenes.Labels, settings: new JsonObject { ["autoAccept"] = false, ["groupDuplicates"] = false });
        var ids = new List<string>();
        foreach (var part in Enumerable.Range(0, items).Chunk(500))
            ids.AddRange(await api.AddAsync(project, part.Select(i => string.Create(CultureInfo.InvariantCulture, $"{PageScenes.Messages[i % PageScenes.Messages.Count].Text}{(i < PageScenes.Messages.Count ? "" : $" ({i / PageScenes.Messages.Count})")}")), part[0] + 1));
        foreach (var part in ids.Select((id, i) => (id, PageScenes.Messages[i % PageScenes.Messages.Count].Intent)).Where((_, i) => i % 3 != 0).Chunk(500)) await api.DecideAsync(project, part);
        foreach (var kind in (string[])["represent", "map", "indexText"])
        {
            var run = await api.SendAsync(HttpMethod.Post, $"/api/v1/projects/{project}/runs", new JsonObject { ["kind"] = kind });
            await api.EndedAsync((string)run!["id"]!);
        }

        var person = (string)(await api.SendAsync(HttpMethod.Post, "/api/v1/users", new JsonObject { ["email"] = $"{Guid.NewGuid():n}@annotator.test", ["name"] = "Noor", ["role"] = "annotator", ["password"] = "a sentence works well" }))!["id"]!;
        await api.SendAsync(HttpMethod.Put, $"/api/v1/projects/{project}/members/{person}", new JsonObject { ["role"] = "annotator" });
        await api.SendAsync(HttpMethod.Patch, $"/api/v1/projects/{project}", new JsonObject
        {
            ["settings"] = new JsonObject
            {
                ["work"] = new JsonObject
                {
                    ["deadline"] = "2031-03-31T20:00:00Z",
                    ["groups"] = new JsonArray(new JsonObject { ["name"] = "Payments", ["people"] = new JsonArray(person) }),
                    ["rules"] = new JsonArray(new JsonObject { ["group"] = "Payments", ["field"] = "topic", ["value"] = "refund" }),
                },
            },
        });
        await api.SendAsync(HttpMethod.Post, $"/api/v1/projects/{project}/assignments", new JsonObject
        {
            ["items"] = new JsonArray([.. ids.Where((_, i) => i % 3 == 0).Take(12).Select(i => (JsonNode?)i)]), ["to"] = new JsonObject { ["user"] = person }, ["dueAt"] = "2031-02-01T12:00:00Z", ["note"] = "Refunds first",
        });
        return project;
    }

    /// <summary>Waits until the points of a map are drawn.</summary>
    public static Task DrawnAsync(IPage page) => page.Locator(".mp-stage[data-points]").WaitForAsync();
}
