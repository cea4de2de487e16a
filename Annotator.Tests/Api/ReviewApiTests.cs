using System.Net;
using System.Text.Json.Nodes;
using Annotator.Core.Accounts;
using Annotator.Tests.Support;

namespace Annotator.Tests.Api;

/// <summary>"Review": leases and decisions.</summary>
[Collection(ApiCollection.Name)]
public class ReviewApiTests(SharedHost shared)
{
    private readonly AppHost _host = shared.Host;

    [Fact]
    public async Task A_lease_has_what_the_contract_says()
    {
        var project = await NewAsync(3);
        var lent = await LeaseAsync(_host.Admin, project, 2);
        Assert.Equal(2, lent.Count);
        foreach (var item in lent)
        {
            Assert.All((string[])["itemId", "key", "lease"], f => Assert.False(string.IsNullOrEmpty(item[f]!.GetValue<string>())));
            Assert.NotNull(item["data"]!["text"]);
            Assert.True(item.AsObject().ContainsKey("prediction"));
            Assert.True(item["expiresAt"]!.GetValue<DateTimeOffset>() > TimeProvider.System.GetUtcNow());
        }

        (await _host.Admin.PostAsync($"/api/v1/projects/{project}/queue/lease", new { count = 0 })).ExpectProblem(HttpStatusCode.BadRequest, "count");
        (await _host.Admin.PostAsync($"/api/v1/projects/{project}/queue/lease", new { count = 101 })).ExpectProblem(HttpStatusCode.BadRequest, "count");
        (await _host.Admin.PostAsync($"/api/v1/projects/{project}/queue/lease", new { count = "x" })).ExpectProblem(HttpStatusCode.BadRequest, "count");
        Assert.Single(await LeaseAsync(_host.Admin, project, 10));
        Assert.Empty(await LeaseAsync(_host.Admin, project, 10));
    }

    [Fact]
    public async Task Nobody_gets_an_item_beyond_its_overlap_and_nobody_gets_one_twice()
    {
        var project = await NewAsync(4, overlap: 2);
        var people = await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => _host.AddPersonAsync(Role.Annotator, project)));
        var lent = await Task.WhenAll(people.Select(p => LeaseAsync(p.Api, project, 10)));
        foreach (var own in lent) Assert.Equal(own.Count, own.Select(i => i["itemId"]!.GetValue<string>()).Distinct(StringComparer.Ordinal).Count());
        var all = lent.SelectMany(l => l).GroupBy(i => i["itemId"]!.GetValue<string>(), StringComparer.Ordinal).ToList();
        Assert.All(all, g => Assert.Equal(2, g.Count()));
        Assert.Equal(4, all.Count);
    }

    [Fact]
    public async Task Every_action_is_recorded_and_undo_takes_the_last_back()
    {
        var project = await NewAsync(5);
        var lent = await LeaseAsync(_host.Admin, project, 5);
        var bodies = new object[]
        {
            Decision(lent[0], "correct", """{"choice":"yes"}"""), Decision(lent[1], "skip"), Decision(lent[2], "flag", comment: "odd"), Decision(lent[3], "reject"),
        };
        var results = (await _host.Admin.PostAsync($"/api/v1/projects/{project}/decisions", new { decisions = bodies })).Expect(HttpStatusCode.OK)["results"]!.AsArray();
        Assert.All(results, r => Assert.Equal("recorded", r!["status"]!.GetValue<string>()));
        Assert.Equal(lent.Take(4).Select(i => i["itemId"]!.GetValue<string>()), results.Select(r => r!["itemId"]!.GetValue<string>()));
        Assert.Equal("final", await StateAsync(project, lent[0]));
        Assert.Equal("""{"choice":"yes"}""", (await ItemAsync(project, lent[0]))["label"]!.ToJsonString());

        (await _host.Admin.PostAsync($"/api/v1/projects/{project}/decisions", new { decisions = new[] { Decision(lent[4], "correct", """{"choice":"no"}""") } })).Expect(HttpStatusCode.OK);
        Assert.Equal("final", await StateAsync(project, lent[4]));
        var undone = (await _host.Admin.PostAsync($"/api/v1/projects/{project}/decisions/undo")).Expect(HttpStatusCode.OK);
        Assert.True(undone["undone"]!.GetValue<bool>());
        Assert.NotEqual("final", await StateAsync(project, lent[4]));
        Assert.Null((await ItemAsync(project, lent[4]))["label"]);

        // Decisions are facts: the history has the decision and that it was taken back.
        Assert.Contains((await ItemAsync(project, lent[4]))["history"]!.AsArray(), h => h!["undone"]!.GetValue<bool>());
    }

    [Fact]
    public async Task Accept_takes_the_pre_label()
    {
        var project = await _host.Admin.CreateProjectAsync(labels: ["refund", "delivery"], settings: new { auditShare = 0, autoAccept = false });
        await _host.Admin.AddTextsAsync(project, ["I want a refund", "where is my delivery"]);
        var item = (await LeaseAsync(_host.Admin, project, 2)).Find(i => i["prediction"] is not null);
        Assert.NotNull(item);
        (await _host.Admin.PostAsync($"/api/v1/projects/{project}/decisions", new { decisions = new[] { Decision(item, "accept") } })).Expect(HttpStatusCode.OK);
        Assert.Equal(item["prediction"]!["value"]!.ToJsonString(), (await ItemAsync(project, item))["label"]!.ToJsonString());
    }

    [Fact]
    public async Task Wrong_decisions_are_named_by_place_and_none_is_recorded()
    {
        var project = await NewAsync(2);
        var lent = await LeaseAsync(_host.Admin, project, 2);
        async Task WrongAsync(object second, string field) =>
            (await _host.Admin.PostAsync($"/api/v1/projects/{project}/decisions", new { decisions = new[] { Decision(lent[0], "correct", """{"choice":"yes"}"""), second } })).ExpectProblem(HttpStatusCode.BadRequest, field);
        await WrongAsync(Decision(lent[1], "dance"), "decisions[1].action");
        await WrongAsync(Decision(lent[1], "undo"), "decisions[1].action");
        await WrongAsync(Decision(lent[1], "correct"), "decisions[1].value");
        await WrongAsync(Decision(lent[1], "correct", """{"choice":"perhaps"}"""), "decisions[1].value");
        await WrongAsync(Decision(lent[1], "correct", """{"boxes":[]}"""), "decisions[1].value");
        await WrongAsync(new { action = "skip" }, "decisions[1].itemId");
        (await _host.Admin.PostAsync($"/api/v1/projects/{project}/decisions", "{}")).ExpectProblem(HttpStatusCode.BadRequest, "decisions");
        Assert.NotEqual("final", await StateAsync(project, lent[0]));
        var unknown = (await _host.Admin.PostAsync($"/api/v1/projects/{project}/decisions", """{"decisions":[{"itemId":"987654321","action":"skip"}]}""")).Expect(HttpStatusCode.OK);
        Assert.Equal("unknown", unknown["results"]![0]!["status"]!.GetValue<string>());
    }

    [Fact]
    public async Task Who_comes_second_to_an_item_that_needs_one_gets_a_conflict_that_is_kept()
    {
        var project = await NewAsync(1);
        var (first, second) = (await _host.AddPersonAsync(Role.Annotator, project), await _host.AddPersonAsync(Role.Annotator, project));
        var lent = Assert.Single(await LeaseAsync(first.Api, project, 1));
        (await first.Api.PostAsync($"/api/v1/projects/{project}/decisions", new { decisions = new[] { Decision(lent, "correct", """{"choice":"yes"}""") } })).Expect(HttpStatusCode.OK);
        var late = (await second.Api.PostAsync($"/api/v1/projects/{project}/decisions", new { decisions = new[] { new { itemId = lent["itemId"]!.GetValue<string>(), lease = "of old", action = "correct", value = new { choice = "no" } } } })).Expect(HttpStatusCode.OK);
        Assert.Equal("conflict", late["results"]![0]!["status"]!.GetValue<string>());
        Assert.False(string.IsNullOrEmpty(late["results"]![0]!["detail"]!.GetValue<string>()));
        var item = await ItemAsync(project, lent);
        Assert.Equal("""{"choice":"yes"}""", item["label"]!.ToJsonString());
        Assert.Contains(item["history"]!.AsArray(), h => h!["status"]!.GetValue<string>() is "conflict");
    }

    private async Task<string> NewAsync(int items, int overlap = 1)
    {
        var project = await _host.Admin.CreateProjectAsync(settings: new { overlap });
        await _host.Admin.AddTextsAsync(project, Enumerable.Range(0, items).Select(i => $"something to say, number {i}"));
        return project;
    }

    private static async Task<List<JsonNode>> LeaseAsync(ApiClient api, string project, int count) =>
        [.. (await api.PostAsync($"/api/v1/projects/{project}/queue/lease", new { count })).Expect(HttpStatusCode.OK)["items"]!.AsArray().Select(i => i!)];

    private static JsonObject Decision(JsonNode lent, string action, string? value = null, string? comment = null) => new()
    {
        ["itemId"] = lent["itemId"]!.GetValue<string>(),
        ["lease"] = lent["lease"]!.GetValue<string>(),
        ["action"] = action,
        ["value"] = value is null ? null : JsonNode.Parse(value),
        ["seconds"] = 3.2,
        ["comment"] = comment,
    };

    private async Task<JsonNode> ItemAsync(string project, JsonNode lent) => (await _host.Admin.GetAsync($"/api/v1/projects/{project}/items/{lent["itemId"]!.GetValue<string>()}")).Expect(HttpStatusCode.OK);

    private async Task<string> StateAsync(string project, JsonNode lent) => (await ItemAsync(project, lent))["state"]!.GetValue<string>();
}
