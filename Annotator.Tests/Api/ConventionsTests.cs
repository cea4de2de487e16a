using System.Net;
using System.Text;
using Annotator.Core.Accounts;
using Annotator.Tests.Support;

namespace Annotator.Tests.Api;

/// <summary>"Conventions": tokens, problems, lists.</summary>
[Collection(ApiCollection.Name)]
public class ConventionsTests(SharedHost shared)
{
    private readonly AppHost _host = shared.Host;

    [Fact]
    public async Task Without_a_good_token_it_is_401()
    {
        foreach (var token in (string?[])[null, "wrong", AppHost.AdminToken + "x", ""])
        {
            using var client = _host.Client(token);
            var answer = await client.GetAsync("/api/v1/projects");
            answer.ExpectProblem(HttpStatusCode.Unauthorized);
            Assert.StartsWith("Bearer", answer.Headers["WWW-Authenticate"], StringComparison.Ordinal);
            (await client.GetAsync("/api/v1/no/such/address")).ExpectProblem(HttpStatusCode.Unauthorized);
        }

        // A token in the query is for the hub alone.
        using var query = _host.Client(null);
        (await query.GetAsync($"/api/v1/projects?access_token={AppHost.AdminToken}")).ExpectProblem(HttpStatusCode.Unauthorized);
    }

    [Theory]
    [InlineData("{\"name\":", "name")]
    [InlineData("{", "body")]
    [InlineData("", "body")]
    [InlineData("[]", "body")]
    [InlineData("null", "body")]
    [InlineData("{\"name\":5}", "name")]
    [InlineData("{\"name\":\"x\",\"task\":{\"type\":7}}", "task.type")]
    public async Task Malformed_bodies_are_named(string body, string field) =>
        (await _host.Admin.PostRawAsync("/api/v1/projects", body, "application/json")).ExpectProblem(HttpStatusCode.BadRequest, field);

    [Fact]
    public async Task Malformed_JSON_says_where()
    {
        var problem = (await _host.Admin.PostRawAsync("/api/v1/projects", "{\n  \"name\": \"x\",\n  oops\n}", "application/json")).ExpectProblem(HttpStatusCode.BadRequest, "body");
        Assert.Contains("Line 3", problem["errors"]!["body"]![0]!.GetValue<string>(), StringComparison.Ordinal);
        Assert.DoesNotContain("Annotator", problem.ToJsonString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Other_failures_are_problems_too()
    {
        (await _host.Admin.PostRawAsync("/api/v1/projects", "name=x", "application/x-www-form-urlencoded")).ExpectProblem(HttpStatusCode.UnsupportedMediaType);
        (await _host.Admin.GetAsync("/api/v1/no/such/address")).ExpectProblem(HttpStatusCode.NotFound);
        (await _host.Admin.GetAsync("/api/v1/projects/not-a-number")).ExpectProblem(HttpStatusCode.NotFound);
        (await _host.Admin.GetAsync("/api/v1/runs/987654321")).ExpectProblem(HttpStatusCode.NotFound);
        var method = await _host.Admin.DeleteAsync("/api/v1/projects");
        method.ExpectProblem(HttpStatusCode.MethodNotAllowed);
        Assert.Contains("GET", method.Headers["Allow"], StringComparison.Ordinal);
        Assert.Contains("POST", method.Headers["Allow"], StringComparison.Ordinal);
        Assert.DoesNotContain("DELETE", method.Headers["Allow"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_body_that_is_too_large_is_413()
    {
        var project = await _host.Admin.CreateProjectAsync();
        using var body = new StringContent($$"""{"items":[{"key":"k","text":"{{new string('x', 31_000_000)}}"}]}""", Encoding.UTF8, "application/json");
        (await _host.Admin.SendAsync(HttpMethod.Post, $"/api/v1/projects/{project}/items", body, ("Expect", "100-continue"))).ExpectProblem(HttpStatusCode.RequestEntityTooLarge);
    }

    [Fact]
    public async Task Every_list_has_limits_and_a_cursor()
    {
        var project = await _host.Admin.CreateProjectAsync();
        await _host.Admin.AddTextsAsync(project, ["a", "b", "c"]);
        for (var i = 0; i < 3; i++) await _host.AddPersonAsync(Role.Annotator, project);
        var run = (await _host.Admin.PostRawAsync($"/api/v1/projects/{project}/imports?format=csv&text=text", "text\n\"broken\n", "text/csv")).Expect(HttpStatusCode.Accepted)["id"]!.GetValue<string>();
        await _host.Admin.WaitRunAsync(run);
        foreach (var path in (string[])["/api/v1/projects", "/api/v1/users", "/api/v1/users/me/tokens", $"/api/v1/projects/{project}/items", $"/api/v1/projects/{project}/runs", $"/api/v1/projects/{project}/members", $"/api/v1/runs/{run}/rejections"])
        {
            foreach (var limit in (string[])["0", "1001", "-1", "x", ""]) (await _host.Admin.GetAsync($"{path}?limit={limit}")).ExpectProblem(HttpStatusCode.BadRequest, "limit");
            (await _host.Admin.GetAsync($"{path}?cursor=%21%21")).ExpectProblem(HttpStatusCode.BadRequest, "cursor");
            (await _host.Admin.GetAsync($"{path}?limit=1000")).Expect(HttpStatusCode.OK);

            // Page by page comes to the same as all at once.
            var all = (await _host.Admin.GetAsync($"{path}?limit=1000")).Expect(HttpStatusCode.OK);
            Assert.Null(all["next"]);
            Assert.True(all.AsObject().ContainsKey("next"));
            var paged = new List<string>();
            string? next = null;
            do
            {
                var page = (await _host.Admin.GetAsync($"{path}?limit=2{(next is null ? "" : $"&cursor={next}")}")).Expect(HttpStatusCode.OK);
                paged.AddRange(page["items"]!.AsArray().Select(i => Identity(i!.ToJsonString())));
                next = page["next"]?.GetValue<string>();
            }
            while (next is not null && paged.Count < 10_000);

            // Things may come meanwhile, and figures change; what was there is there once.
            Assert.Equal(paged.Count, paged.Distinct(StringComparer.Ordinal).Count());
            foreach (var item in all["items"]!.AsArray()) Assert.Contains(Identity(item!.ToJsonString()), paged);
        }
    }

    private static string Identity(string json)
    {
        var node = System.Text.Json.Nodes.JsonNode.Parse(json)!;
        return (node["id"] ?? node["userId"] ?? node["line"])!.ToJsonString();
    }
}
