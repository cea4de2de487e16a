using System.Net;
using System.Text.Json.Nodes;
using Annotator.Core.Accounts;
using Annotator.Tests.Support;

namespace Annotator.Tests.Api;

/// <summary>What a lead settles by rule, as a program sees it: second looks, and who is paused.</summary>
[Collection(ApiCollection.Name)]
public sealed class LeadRulesTests(SharedHost shared)
{
    private static readonly string[] s_labels = ["refund", "delivery"];

    [Fact]
    public async Task SecondLook_ByLabelConfidenceAnnotatorAndSlice()
    {
        var admin = shared.Host.Admin;
        var project = await admin.CreateProjectAsync(labels: s_labels, settings: new { autoAccept = false, groupDuplicates = false, auditShare = 0 });
        var (first, second) = (await shared.Host.AddPersonAsync(Role.Annotator, project), await shared.Host.AddPersonAsync(Role.Annotator, project));
        var items = (await admin.PostAsync($"/api/v1/projects/{project}/items", new
        {
            items = Enumerable.Range(0, 12).Select(i => new { key = $"k{i}", text = i % 2 == 0 ? $"number {i}: where is the delivery" : $"number {i}: money back please", metadata = new { ward = i % 2 == 0 ? "C3" : "C4" } }),
        })).Expect(HttpStatusCode.OK)["items"]!.AsArray().Select(i => i!["id"]!.GetValue<string>()).ToList();
        async Task RuleAsync(object rule) => (await admin.PatchAsync($"/api/v1/projects/{project}", new { settings = new { secondLook = rule } })).Expect(HttpStatusCode.OK);
        async Task<string> SayAsync(Person who, string item, string label)
        {
            (await who.Api.PostAsync($"/api/v1/projects/{project}/decisions", new { decisions = new[] { new { itemId = item, action = "correct", value = new { choice = label } } } })).Expect(HttpStatusCode.OK);
            return (await admin.GetAsync($"/api/v1/projects/{project}/items/{item}")).Expect(HttpStatusCode.OK)["state"]!.GetValue<string>();
        }

        await RuleAsync(new { labels = new[] { "refund" } });
        Assert.Equal("final", await SayAsync(first, items[0], "delivery"));
        Assert.NotEqual("final", await SayAsync(first, items[1], "refund"));
        Assert.Equal("final", await SayAsync(second, items[1], "refund"));

        await RuleAsync(new { labels = Array.Empty<string>(), annotators = new[] { second.Id } });
        Assert.Equal("final", await SayAsync(first, items[2], "refund"));
        Assert.NotEqual("final", await SayAsync(second, items[3], "delivery"));

        await RuleAsync(new { annotators = Array.Empty<string>(), field = "ward", value = "C3" });
        Assert.NotEqual("final", await SayAsync(first, items[4], "delivery"));
        Assert.Equal("final", await SayAsync(first, items[5], "delivery"));

        // Shown with what the names of the labels suggest, which is never sure.
        await RuleAsync(new { field = (string?)null, value = (string?)null, belowConfidence = 0.999 });
        Assert.NotNull((await admin.GetAsync($"/api/v1/projects/{project}/items/{items[6]}")).Expect(HttpStatusCode.OK)["prediction"]);
        Assert.NotEqual("final", await SayAsync(first, items[6], "delivery"));
        await RuleAsync(new { belowConfidence = 0 });
        Assert.Equal("final", await SayAsync(first, items[7], "delivery"));
    }

    [Fact]
    public async Task Pause_OfWhoIsOftenWrong_PutsTheirLabelsBack()
    {
        var admin = shared.Host.Admin;
        var project = await admin.CreateProjectAsync(labels: s_labels, settings: new { autoAccept = false, groupDuplicates = false, auditShare = 0, checks = new { goldShare = 0.5, pauseBelow = 0.8, pauseAfter = 5 } });
        var person = await shared.Host.AddPersonAsync(Role.Annotator, project);
        var items = await admin.AddTextsAsync(project, Enumerable.Range(0, 120).Select(i => $"message {i}"));
        foreach (var known in items.Take(30)) (await admin.PutAsync($"/api/v1/projects/{project}/gold/{known}", new { value = new { choice = "refund" } })).Expect(HttpStatusCode.NoContent);

        // Always the other label, until nothing more is lent.
        for (var round = 0; round < 40; round++)
        {
            var lent = (await person.Api.PostAsync($"/api/v1/projects/{project}/queue/lease", new { count = 5 })).Expect(HttpStatusCode.OK)["items"]!.AsArray();
            if (lent.Count == 0) break;
            (await person.Api.PostAsync($"/api/v1/projects/{project}/decisions", new
            {
                decisions = lent.Select(l => new { itemId = l!["itemId"]!.GetValue<string>(), lease = l["lease"]!.GetValue<string>(), action = "correct", value = new { choice = "delivery" } }),
            })).Expect(HttpStatusCode.OK);
        }

        var checks = (await admin.GetAsync($"/api/v1/projects/{project}/annotators/checks")).Expect(HttpStatusCode.OK)["items"]!.AsArray().Single()!;
        Assert.Equal(person.Id, checks["userId"]!.GetValue<string>());
        Assert.True(checks["paused"]!.GetValue<bool>());
        Assert.Equal(0, checks["gold"]!["share"]!.GetValue<double>());

        // What they labelled waits for somebody else, by and by.
        JsonNode metrics = await admin.WaitAsync($"/api/v1/projects/{project}/metrics", m => m["items"]!["final"]!.GetValue<int>() == 0);
        Assert.Equal(0, metrics["decisions"]!["human"]!.GetValue<int>());
        Assert.DoesNotContain((await admin.GetAsync($"/api/v1/projects/{project}/annotators/checks?to=2020-01-01")).Expect(HttpStatusCode.OK)["items"]!.AsArray(), c => c!["gold"]!["count"]!.GetValue<int>() > 0);
        (await admin.PutAsync($"/api/v1/projects/{project}/annotators/{person.Id}/pause", new { paused = false })).Expect(HttpStatusCode.NoContent);
        var again = (await person.Api.PostAsync($"/api/v1/projects/{project}/queue/lease", new { count = 5 })).Expect(HttpStatusCode.OK)["items"]!.AsArray();
        Assert.NotEmpty(again);

        // A lead may do the same by hand, at any time.
        var one = items[^1];
        (await person.Api.PostAsync($"/api/v1/projects/{project}/decisions", new { decisions = new[] { new { itemId = one, action = "correct", value = new { choice = "refund" } } } })).Expect(HttpStatusCode.OK);
        await admin.WaitAsync($"/api/v1/projects/{project}/items/{one}", i => i["state"]!.GetValue<string>() is "final");
        (await admin.PutAsync($"/api/v1/projects/{project}/annotators/{person.Id}/pause", new { takeBack = true })).Expect(HttpStatusCode.NoContent);
        await admin.WaitAsync($"/api/v1/projects/{project}/items/{one}", i => i["state"]!.GetValue<string>() is not "final");
        Assert.Empty((await person.Api.PostAsync($"/api/v1/projects/{project}/queue/lease", new { count = 5 })).Expect(HttpStatusCode.OK)["items"]!.AsArray());
    }
}
