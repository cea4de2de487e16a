using System.Net;
using Annotator.Core.Accounts;
using Annotator.Tests.Support;

namespace Annotator.Tests.Edge;

/// <summary>The devices' API: who gets in, what counts once, who is shut out.</summary>
[Collection(ApiCollection.Name)]
public sealed class FleetApiTests(SharedHost shared)
{
    private readonly AppHost _host = shared.Host;

    [Fact]
    public async Task A_code_works_once_and_a_device_is_nobody_to_the_rest_of_the_api()
    {
        var project = await _host.Admin.CreateProjectAsync();
        var made = (await _host.Admin.PostAsync($"/api/v1/projects/{project}/edge/codes", new { minutes = 5 })).Expect(HttpStatusCode.OK);
        var code = made["code"]!.GetValue<string>().Split('.')[0];
        using var nobody = _host.Client(null);
        (await nobody.PostAsync("/api/v1/edge/enrol", new { code = "AAAA-BBBB-CCCC", name = "x" })).ExpectProblem(HttpStatusCode.BadRequest);
        var device = (await nobody.PostAsync("/api/v1/edge/enrol", new { code, name = "door", platform = "test", agentVersion = "1" })).Expect(HttpStatusCode.OK);
        (await nobody.PostAsync("/api/v1/edge/enrol", new { code, name = "door-2" })).ExpectProblem(HttpStatusCode.BadRequest);

        using var api = _host.Client(device["token"]!.GetValue<string>());
        foreach (var path in (string[])["/api/v1/projects", $"/api/v1/projects/{project}", $"/api/v1/projects/{project}/edge/devices", "/openapi/v1.json"])
            Assert.Equal(HttpStatusCode.Unauthorized, (await api.GetAsync(path)).Status);
        Assert.Equal(HttpStatusCode.Unauthorized, (await _host.Admin.PostAsync("/api/v1/edge/check-in", Report())).Status);

        var answer = (await api.PostAsync("/api/v1/edge/check-in", Report())).Expect(HttpStatusCode.OK);
        Assert.Null(answer["manifest"]);
        Assert.Equal(0.7, answer["policy"]!["uploadBelow"]!.GetValue<double>());

        var annotator = await _host.AddPersonAsync(Role.Annotator, project);
        (await annotator.Api.PostAsync($"/api/v1/projects/{project}/edge/codes", new { })).ExpectProblem(HttpStatusCode.Forbidden);
        Assert.Equal(HttpStatusCode.NoContent, (await _host.Admin.DeleteAsync($"/api/v1/projects/{project}/edge/devices/{device["deviceId"]!.GetValue<string>()}")).Status);
        Assert.Equal(HttpStatusCode.Unauthorized, (await api.PostAsync("/api/v1/edge/check-in", Report())).Status);
    }

    [Fact]
    public async Task What_is_sent_twice_counts_once_and_items_wait_for_people_with_their_device()
    {
        var project = await _host.Admin.CreateProjectAsync(settings: new { auditShare = 0 });
        var code = (await _host.Admin.PostAsync($"/api/v1/projects/{project}/edge/codes", new { })).Expect(HttpStatusCode.OK)["code"]!.GetValue<string>().Split('.')[0];
        using var nobody = _host.Client(null);
        var device = (await nobody.PostAsync("/api/v1/edge/enrol", new { code, name = "gate" })).Expect(HttpStatusCode.OK);
        using var api = _host.Client(device["token"]!.GetValue<string>());

        var labels = new { labels = Enumerable.Range(1, 5).Select(i => new { sequence = i, key = $"k{i}", value = new { choice = "yes" }, confidence = 0.4, modelVersion = 1, reason = "uncertain", at = "2026-05-01T00:00:00Z" }) };
        for (var i = 0; i < 2; i++) Assert.Equal(5, (await api.PostAsync("/api/v1/edge/labels", labels)).Expect(HttpStatusCode.OK)["sequences"]!.AsArray().Count);
        var items = new { items = Enumerable.Range(1, 5).Select(i => new { sequence = i, key = $"k{i}", text = $"text {i}", reason = "uncertain" }) };
        for (var i = 0; i < 2; i++) Assert.Equal(5, (await api.PostAsync("/api/v1/edge/items", items)).Expect(HttpStatusCode.OK)["sequences"]!.AsArray().Count);

        var seen = (await _host.Admin.GetAsync($"/api/v1/projects/{project}/edge/devices")).Expect(HttpStatusCode.OK)["items"]![0]!;
        Assert.Equal((5, 5), (seen["labels"]!.GetValue<int>(), seen["items"]!.GetValue<int>()));
        var stored = (await _host.Admin.GetAsync($"/api/v1/projects/{project}/items")).Expect(HttpStatusCode.OK)["items"]!.AsArray();
        Assert.Equal(5, stored.Count);
        Assert.All(stored, i => Assert.Equal("gate", i!["device"]!.GetValue<string>()));
        Assert.All(stored, i => Assert.StartsWith("gate/k", i!["key"]!.GetValue<string>(), StringComparison.Ordinal));

        var wrong = (await api.PostAsync("/api/v1/edge/labels", new { labels = new[] { new { sequence = 0, key = "", value = new { nothing = 1 }, confidence = 3, modelVersion = 1, reason = "none", at = "2026-05-01T00:00:00Z" } } })).ExpectProblem(HttpStatusCode.BadRequest);
        foreach (var field in (string[])["labels[0].sequence", "labels[0].key", "labels[0].value", "labels[0].confidence"]) Assert.NotNull(wrong["errors"]![field]);
    }

    private static object Report() => new { agentVersion = "1", serial = 0, waiting = 0, storedBytes = 0, itemsPerSecond = 0, annotated = 0, failed = 0 };
}
