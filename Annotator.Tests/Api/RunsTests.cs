using System.Net;
using Annotator.Tests.Support;

namespace Annotator.Tests.Api;

/// <summary>"Runs".</summary>
[Collection(ApiCollection.Name)]
public class RunsTests(SharedHost shared)
{
    private readonly AppHost _host = shared.Host;

    [Theory]
    [InlineData("""{"kind":"prelabel","options":{"stage":"cascade"}}""")]
    [InlineData("""{"kind":"prelabel","options":{"stage":"student"}}""")]
    [InlineData("""{"kind":"prelabel","options":null}""")]
    [InlineData("""{"kind":"train"}""")]
    [InlineData("""{"kind":"deduplicate","options":{}}""")]
    [InlineData("""{"kind":"export","options":{"format":"csv","state":"all"}}""")]
    public async Task A_run_is_accepted_and_ends(string body)
    {
        var project = await _host.Admin.CreateProjectAsync();
        await _host.Admin.AddTextsAsync(project, ["one", "two"]);
        var answer = await _host.Admin.PostAsync($"/api/v1/projects/{project}/runs", body);
        var run = answer.Expect(HttpStatusCode.Accepted);
        Assert.Equal($"/api/v1/runs/{run["id"]!.GetValue<string>()}", answer.Location);
        Assert.Contains(run["state"]!.GetValue<string>(), (string[])["queued", "running", "succeeded"]);
        var ended = await _host.Admin.WaitRunAsync(run["id"]!.GetValue<string>());
        Assert.True(ended["state"]!.GetValue<string>() is "succeeded", ended.ToJsonString());
        foreach (var field in (string[])["id", "kind", "state", "done", "total", "rejected", "message", "startedAt", "finishedAt", "result"]) Assert.True(ended.AsObject().ContainsKey(field), field);
        Assert.NotNull(ended["startedAt"]);
        Assert.NotNull(ended["finishedAt"]);
        var cancelled = await _host.Admin.PostAsync($"{answer.Location}/cancel");
        Assert.Equal("succeeded", cancelled.Expect(HttpStatusCode.Accepted)["state"]!.GetValue<string>());
    }

    [Theory]
    [InlineData("""{"kind":"dance"}""", "kind")]
    [InlineData("""{}""", "kind")]
    [InlineData("""{"kind":"import"}""", "kind")]
    [InlineData("""{"kind":"prelabel","options":{"stage":"oracle"}}""", "options.stage")]
    [InlineData("""{"kind":"prelabel","options":5}""", "options")]
    [InlineData("""{"kind":"export","options":{"format":"docx"}}""", "options.format")]
    public async Task An_unknown_kind_or_option_is_named(string body, string field)
    {
        var project = await _host.Admin.CreateProjectAsync();
        (await _host.Admin.PostAsync($"/api/v1/projects/{project}/runs", body)).ExpectProblem(HttpStatusCode.BadRequest, field);
    }

    [Fact]
    public async Task An_export_run_makes_a_file_to_download()
    {
        var project = await _host.Admin.CreateProjectAsync();
        await _host.Admin.AddTextsAsync(project, ["one", "two"]);
        var run = (await _host.Admin.PostAsync($"/api/v1/projects/{project}/runs", """{"kind":"export","options":{"format":"jsonl","state":"all"}}""")).Expect(HttpStatusCode.Accepted);
        var ended = await _host.Admin.WaitRunAsync(run["id"]!.GetValue<string>());
        Assert.Equal(2, ended["result"]!["items"]!.GetValue<int>());
        var url = ended["result"]!["url"]!.GetValue<string>();
        var file = await _host.Admin.GetAsync(url);
        Assert.Equal(HttpStatusCode.OK, file.Status);
        Assert.Equal((await _host.Admin.GetAsync($"/api/v1/projects/{project}/export?format=jsonl&state=all")).Text, file.Text);
    }

    [Fact]
    public async Task A_waiting_run_is_cancelled_at_once()
    {
        await using var host = await AppHost.StartAsync(("Annotator:Node:Role", "Web"));
        var project = await host.Admin.CreateProjectAsync();
        var run = (await host.Admin.PostAsync($"/api/v1/projects/{project}/runs", """{"kind":"train"}""")).Expect(HttpStatusCode.Accepted)["id"]!.GetValue<string>();
        Assert.Equal("queued", (await host.Admin.GetAsync($"/api/v1/runs/{run}")).Expect(HttpStatusCode.OK)["state"]!.GetValue<string>());
        Assert.Equal("cancelled", (await host.Admin.PostAsync($"/api/v1/runs/{run}/cancel")).Expect(HttpStatusCode.Accepted)["state"]!.GetValue<string>());
    }
}
