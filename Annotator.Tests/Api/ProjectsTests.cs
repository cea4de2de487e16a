using System.Net;
using Annotator.Core.Accounts;
using Annotator.Tests.Support;

namespace Annotator.Tests.Api;

/// <summary>"Projects".</summary>
[Collection(ApiCollection.Name)]
public class ProjectsTests(SharedHost shared)
{
    private const string Example = """
        { "name": "Bank intents", "modality": "text",
          "task": { "type": "classification", "multiple": false,
                    "labels": [ { "name": "card_arrival", "description": "asks when a card comes", "color": "#2563eb", "key": "1" } ] },
          "guidelines": "markdown shown to annotators and given to the LLM",
          "settings": { "overlap": 1, "targetAccuracy": 0.97, "confidence": 0.95, "autoAccept": true,
                        "llm": { "enabled": true, "budget": 25.0 } } }
        """;

    private readonly AppHost _host = shared.Host;

    [Fact]
    public async Task The_example_of_the_contract_makes_a_project_that_can_be_read_back()
    {
        var answer = await _host.Admin.PostAsync("/api/v1/projects", Example);
        var made = answer.Expect(HttpStatusCode.Created);
        Assert.Equal($"/api/v1/projects/{made["id"]!.GetValue<string>()}", answer.Location);
        var read = (await _host.Admin.GetAsync(answer.Location!)).Expect(HttpStatusCode.OK);
        Assert.Equal("Bank intents", read["name"]!.GetValue<string>());
        Assert.Equal("text", read["modality"]!.GetValue<string>());
        Assert.Equal("classification", read["task"]!["type"]!.GetValue<string>());
        Assert.False(read["task"]!["multiple"]!.GetValue<bool>());
        var label = read["task"]!["labels"]![0]!;
        Assert.Equal(("card_arrival", "asks when a card comes", "#2563eb", "1"), (label["name"]!.GetValue<string>(), label["description"]!.GetValue<string>(), label["color"]!.GetValue<string>(), label["key"]!.GetValue<string>()));
        Assert.Equal(25, read["settings"]!["llm"]!["budget"]!.GetValue<double>());
        Assert.Equal(0.97, read["settings"]!["targetAccuracy"]!.GetValue<double>());
        Assert.EndsWith("Z", read["createdAt"]!.GetValue<string>().Replace("+00:00", "Z", StringComparison.Ordinal), StringComparison.Ordinal);
        Assert.Contains((await _host.Admin.GetAsync("/api/v1/projects")).Expect(HttpStatusCode.OK)["items"]!.AsArray(), p => string.Equals(p!["id"]!.GetValue<string>(), made["id"]!.GetValue<string>(), StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("text", "classification")]
    [InlineData("text", "spans")]
    [InlineData("image", "classification")]
    [InlineData("image", "boxes")]
    [InlineData("image", "polygons")]
    [InlineData("video", "tracks")]
    [InlineData("video", "segments")]
    public async Task Every_task_of_the_contract_can_be_made(string modality, string type) =>
        (await _host.Admin.PostAsync("/api/v1/projects", new { name = type, modality, task = new { type, labels = new object[] { new { name = "top" }, new { name = "below", parent = "top" } } } })).Expect(HttpStatusCode.Created);

    [Theory]
    [InlineData("""{"modality":"text","task":{"type":"classification"}}""", "name")]
    [InlineData("""{"name":"x","task":{"type":"classification"}}""", "modality")]
    [InlineData("""{"name":"x","modality":"smell","task":{"type":"classification"}}""", "modality")]
    [InlineData("""{"name":"x","modality":"text"}""", "task")]
    [InlineData("""{"name":"x","modality":"text","task":{"labels":[]}}""", "task.type")]
    [InlineData("""{"name":"x","modality":"text","task":{"type":"boxes","labels":[{"name":"a"}]}}""", "task.type")]
    [InlineData("""{"name":"x","modality":"text","task":{"type":"classification","labels":[{"name":"a"},{"name":"a"}]}}""", "task.labels[1].name")]
    [InlineData("""{"name":"x","modality":"text","task":{"type":"classification","labels":[{"name":"a","parent":"b"}]}}""", "task.labels[0].parent")]
    [InlineData("""{"name":"x","modality":"text","task":{"type":"classification","labels":[null]}}""", "task.labels[0]")]
    [InlineData("""{"name":"x","modality":"text","task":{"type":"classification"},"settings":{"overlap":99}}""", "settings.overlap")]
    [InlineData("""{"name":"x","modality":"text","task":{"type":"classification"},"settings":{"targetAccuracy":2}}""", "settings.targetAccuracy")]
    public async Task Wrong_input_names_its_field(string body, string field) => (await _host.Admin.PostAsync("/api/v1/projects", body)).ExpectProblem(HttpStatusCode.BadRequest, field);

    [Fact]
    public async Task A_patch_changes_what_it_names_and_nothing_else()
    {
        var path = (await _host.Admin.PostAsync("/api/v1/projects", Example)).Location!;
        var changed = (await _host.Admin.PatchAsync(path, """{"settings":{"llm":{"budget":3}},"name":"Renamed"}""")).Expect(HttpStatusCode.OK);
        Assert.Equal("Renamed", changed["name"]!.GetValue<string>());
        Assert.Equal(3, changed["settings"]!["llm"]!["budget"]!.GetValue<double>());
        Assert.True(changed["settings"]!["llm"]!["enabled"]!.GetValue<bool>());
        Assert.Equal(0.97, changed["settings"]!["targetAccuracy"]!.GetValue<double>());
        Assert.Equal("markdown shown to annotators and given to the LLM", changed["guidelines"]!.GetValue<string>());
        Assert.Equal("card_arrival", changed["task"]!["labels"]![0]!["name"]!.GetValue<string>());

        var labelled = (await _host.Admin.PatchAsync(path, """{"task":{"labels":[{"name":"card_arrival"},{"name":"new"}]}}""")).Expect(HttpStatusCode.OK);
        Assert.Equal(2, labelled["task"]!["labels"]!.AsArray().Count);
        Assert.Equal("classification", labelled["task"]!["type"]!.GetValue<string>());
        (await _host.Admin.PatchAsync(path, """{"settings":{"overlap":0}}""")).ExpectProblem(HttpStatusCode.BadRequest, "settings.overlap");
        (await _host.Admin.PatchAsync(path, """{"settings":{"overlap":"two"}}""")).ExpectProblem(HttpStatusCode.BadRequest, "settings.overlap");
        (await _host.Admin.PatchAsync(path, """{"settings":{"overlap":null}}""")).Expect(HttpStatusCode.OK);
        (await _host.Admin.PatchAsync(path, """{"name":""}""")).ExpectProblem(HttpStatusCode.BadRequest, "name");
    }

    [Fact]
    public async Task A_deleted_project_is_gone_at_once()
    {
        var path = (await _host.Admin.PostAsync("/api/v1/projects", Example)).Location!;
        Assert.Equal(HttpStatusCode.NoContent, (await _host.Admin.DeleteAsync(path)).Status);
        (await _host.Admin.GetAsync(path)).ExpectProblem(HttpStatusCode.NotFound);
        (await _host.Admin.DeleteAsync(path)).ExpectProblem(HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task Leads_make_projects_and_annotators_do_not()
    {
        var (lead, annotator) = (await _host.AddPersonAsync(Role.Lead), await _host.AddPersonAsync(Role.Annotator));
        (await annotator.Api.PostAsync("/api/v1/projects", Example)).ExpectProblem(HttpStatusCode.Forbidden);
        var made = (await lead.Api.PostAsync("/api/v1/projects", Example)).Expect(HttpStatusCode.Created);
        var mine = (await lead.Api.GetAsync("/api/v1/projects")).Expect(HttpStatusCode.OK)["items"]!.AsArray();
        Assert.Equal(made["id"]!.GetValue<string>(), Assert.Single(mine)!["id"]!.GetValue<string>());
        Assert.Empty((await annotator.Api.GetAsync("/api/v1/projects")).Expect(HttpStatusCode.OK)["items"]!.AsArray());
    }
}
