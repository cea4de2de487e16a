using System.Globalization;
using System.Net.Http.Headers;
using System.Text.Json.Nodes;
using Annotator.Core.Items;
using Annotator.Core.Review;
using Annotator.Core.Storage;
using Annotator.Tests.Support;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace Annotator.Tests.Browser;

/// <summary>Projects of images and video as the review page meets them.</summary>
internal static class CanvasScenes
{
    private static readonly (string Name, string Key, string Color)[] s_labels =
        [("car", "1", "#2563eb"), ("person", "2", "#d97706"), ("dog", "3", "#059669")];

    /// <summary>A project of uploaded files, of which each may carry a pre-label.</summary>
    /// <param name="browser">The program.</param>
    /// <param name="name">Its name.</param>
    /// <param name="task">The task, as the API names it.</param>
    /// <param name="files">Name, content and pre-label of each file.</param>
    /// <param name="modality">The modality.</param>
    /// <param name="labels">Labels in place of the usual three.</param>
    public static async Task<(string Project, IReadOnlyList<string> Items)> ProjectAsync(
        BrowserFixture browser, string name, string task, IReadOnlyList<(string Name, byte[] Content, string? Proposal)> files, string modality = "image", IReadOnlyList<(string Name, string Key, string Color)>? labels = null)
    {
        var api = browser.Api;
        var made = await api.SendAsync(HttpMethod.Post, "/api/v1/projects", new JsonObject
        {
            ["name"] = name,
            ["modality"] = modality,
            ["task"] = new JsonObject
            {
                ["type"] = task,
                ["labels"] = new JsonArray([.. (labels ?? s_labels).Select(l => (JsonNode)new JsonObject { ["name"] = l.Name, ["key"] = l.Key, ["color"] = l.Color })]),
            },
            ["settings"] = new JsonObject { ["autoAccept"] = false, ["auditShare"] = 0 },
        });
        var project = (string)made!["id"]!;
        if (files.Count == 0) return (project, []);
        var ids = await UploadAsync(browser.Server.Address, project, files);
        await api.QueuedAsync(project, files.Count);
        foreach (var (id, proposal) in ids.Zip(files, (id, f) => (long.Parse(id, CultureInfo.InvariantCulture), f.Proposal)).Where(p => p.Proposal is not null))
        {
            await browser.Server.Services.GetRequiredService<AnnotatorDatabase>().WriteAsync(async scope =>
            {
                await scope.Db.Items.Where(i => i.Id == id).ExecuteUpdateAsync(
                    x => x.SetProperty(i => i.PredictionValue, proposal).SetProperty(i => i.PredictionConfidence, 0.8).SetProperty(i => i.PredictionSource, LabelSource.Student).SetProperty(i => i.PredictionVersion, 1));
                await scope.Db.Queue.Where(q => q.ItemId == id).ExecuteUpdateAsync(x => x.SetProperty(q => q.Reason, QueueReason.Uncertain));
            });
        }

        return (project, ids);
    }

    /// <summary>Sends files as a client does.</summary>
    /// <returns>The items' ids.</returns>
    public static async Task<IReadOnlyList<string>> UploadAsync(Uri address, string project, IReadOnlyList<(string Name, byte[] Content, string? Proposal)> files)
    {
        using var http = new HttpClient { BaseAddress = address };
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", InProcessServer.AdminToken);
        using var body = new MultipartFormDataContent();
        foreach (var file in files) body.Add(new ByteArrayContent(file.Content), "file", file.Name);
        using var response = await http.PostAsync($"/api/v1/projects/{project}/media", body, TestContext.Current.CancellationToken);
        response.EnsureSuccessStatusCode();
        var answer = JsonNode.Parse(await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken))!;
        return [.. answer["items"]!.AsArray().Select(i => (string)i!["id"]!)];
    }
}
