using System.Globalization;
using System.Text.Json.Nodes;
using Annotator.Core.Items;
using Annotator.Core.Projects;
using Annotator.Core.Storage;
using Annotator.Tests.Support;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace Annotator.Tests.Browser;

/// <summary>Projects as the review page meets them, made through the API.</summary>
internal static class ReviewScenes
{
    /// <summary>Messages of the sample project with their right answers, in the order of the file.</summary>
    public static IReadOnlyList<(string Text, string Intent)> Messages { get; } =
        [.. Resource("sample/support-messages.jsonl").Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonNode.Parse(line)!).Select(m => ((string)m["text"]!, (string)m["intent"]!))];

    /// <summary>Seventy-seven intents of a bank's customers, as many as the largest public set of its kind has.</summary>
    public static IReadOnlyList<string> ManyLabels { get; } =
    [
        .. from subject in (string[])["card", "transfer", "account", "loan", "deposit", "refund", "fee", "pin", "limit", "statement", "app"]
           from matter in (string[])["missing", "delayed", "declined", "how_to_change", "charged_twice", "not_recognised", "close"]
           select $"{subject}_{matter}",
    ];

    /// <summary>A project with a few labels that has learnt: its items carry pre-labels of the student.</summary>
    /// <param name="api">The API.</param>
    /// <param name="name">Its name.</param>
    /// <param name="decided">How many messages are decided beforehand.</param>
    /// <param name="waiting">How many wait for people.</param>
    /// <param name="settings">Settings that differ.</param>
    public static async Task<string> LearntAsync(TestApi api, string name, int decided = 96, int waiting = 120, JsonObject? settings = null)
    {
        var labels = JsonNode.Parse(Resource("sample/support-labels.json"))!.AsArray();
        var project = await api.CreateProjectAsync(name, labels, guidelines: Resource("sample/support-guidelines.md"), settings: settings ?? new JsonObject { ["autoAccept"] = false, ["auditShare"] = 0 });
        var messages = Messages.Take(decided + waiting).ToList();
        var ids = await api.AddAsync(project, messages.Select(m => m.Text));
        await api.DecideAsync(project, messages.Take(decided).Select((m, i) => (ids[i], m.Intent)));
        await Until.TrueAsync(async () => (await api.GetAsync($"/api/v1/projects/{project}/metrics"))!["student"] is not null, "a student is in service");
        await Until.HoldsAsync(
            async () => (await api.GetAsync($"/api/v1/projects/{project}/items?state=queued&limit=5"))!.ToJsonString(),
            items => items.Contains("\"student\"", StringComparison.Ordinal),
            "the student has pre-labelled what waits");
        return project;
    }

    /// <summary>A project on spans of texts, in which an item may carry proposals of a language model.</summary>
    public static async Task<string> SpansAsync(TestApi api, InProcessServer server, string name, IReadOnlyList<(string Text, string? Proposal)> items)
    {
        var labels = new JsonArray(
            new JsonObject { ["name"] = "PER", ["key"] = "1", ["color"] = "#2563eb" }, new JsonObject { ["name"] = "LOC", ["key"] = "2", ["color"] = "#d97706" },
            new JsonObject { ["name"] = "ORG", ["key"] = "3", ["color"] = "#059669" }, new JsonObject { ["name"] = "DATE", ["key"] = "4", ["color"] = "#db2777" });
        var project = await api.CreateProjectAsync(name, labels, settings: new JsonObject { ["autoAccept"] = false, ["auditShare"] = 0 }, type: "spans");
        var ids = await api.AddAsync(project, items.Select(i => i.Text));
        await api.QueuedAsync(project, items.Count);
        foreach (var (id, proposal) in ids.Zip(items, (id, i) => (long.Parse(id, CultureInfo.InvariantCulture), i.Proposal)).Where(p => p.Proposal is not null))
        {
            await server.Services.GetRequiredService<AnnotatorDatabase>().WriteAsync(async scope =>
            {
                await scope.Db.Items.Where(i => i.Id == id).ExecuteUpdateAsync(
                    x => x.SetProperty(i => i.PredictionValue, proposal).SetProperty(i => i.PredictionConfidence, 0.8).SetProperty(i => i.PredictionSource, LabelSource.Llm).SetProperty(i => i.PredictionVersion, 1));
                await scope.Db.Queue.Where(q => q.ItemId == id).ExecuteUpdateAsync(x => x.SetProperty(q => q.Reason, QueueReason.Uncertain));
            });
        }

        return project;
    }

    private static string Resource(string name)
    {
        using var reader = new StreamReader(typeof(SampleProject).Assembly.GetManifestResourceStream(name)!);
        return reader.ReadToEnd();
    }
}
