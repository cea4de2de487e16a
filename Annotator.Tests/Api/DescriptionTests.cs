using System.Net;
using System.Text.Json.Nodes;
using Annotator.Tests.Support;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Annotator.Tests.Api;

/// <summary>The OpenAPI document says what there is, in full.</summary>
[Collection(ApiCollection.Name)]
public class DescriptionTests(SharedHost shared)
{
    private readonly AppHost _host = shared.Host;

    [Fact]
    public async Task Every_endpoint_is_described_in_full()
    {
        var document = await DocumentAsync();
        var paths = document["paths"]!.AsObject();
        var routes = _host.Services.GetServices<EndpointDataSource>().SelectMany(s => s.Endpoints).OfType<RouteEndpoint>()
            .Where(e => e.RoutePattern.RawText?.StartsWith("/api/", StringComparison.Ordinal) == true)
            .SelectMany(e => e.Metadata.GetMetadata<IHttpMethodMetadata>()!.HttpMethods.Select(m => (Method: m.ToLowerInvariant(), Path: e.RoutePattern.RawText!.Replace(":long", "", StringComparison.Ordinal).TrimEnd('/'))))
            .Distinct().ToList();
        Assert.True(routes.Count > 30);
        var wrong = new List<string>();
        foreach (var (method, path) in routes)
        {
            if (paths[path]?[method] is not { } operation)
            {
                wrong.Add($"{method} {path} is missing");
                continue;
            }

            void Need(bool good, string what)
            {
                if (!good) wrong.Add($"{method} {path}: {what}");
            }

            Need(operation["summary"] is not null, "no summary");
            Need(operation["tags"] is JsonArray { Count: 1 }, "no subject");
            var responses = operation["responses"]!.AsObject();
            Need(responses.Any(r => r.Key[0] == '2'), "no good answer");
            Need(responses.ContainsKey("401"), "no 401");
            Need(!path.Contains('{', StringComparison.Ordinal) || responses.ContainsKey("404"), "no 404");
            foreach (var (status, response) in responses.Where(r => r.Key[0] is '4' or '5')) Need(response!["content"]?["application/problem+json"] is not null, $"{status} is no problem");
            foreach (var (status, response) in responses.Where(r => r.Key is "200" or "201" or "202")) Need(response!["content"] is not null, $"{status} has no content");
            var parameters = operation["parameters"]?.AsArray() ?? [];
            Need(!string.Equals(method, "post", StringComparison.Ordinal) || parameters.Any(p => p!["name"]!.GetValue<string>() is "Idempotency-Key"), "no idempotency key");
            Need(parameters.All(p => p!["description"] is not null), $"parameters without description: {string.Join(", ", parameters.Where(p => p!["description"] is null).Select(p => p!["name"]))}");
            Need(method is not ("post" or "put" or "patch") || operation["requestBody"] is not null || path.EndsWith("/cancel", StringComparison.Ordinal) || path.EndsWith("/sample", StringComparison.Ordinal)
                || path.EndsWith("/recall", StringComparison.Ordinal) || path.EndsWith("/invitation", StringComparison.Ordinal)
                || path.EndsWith("/test", StringComparison.Ordinal) || path.EndsWith("/promote", StringComparison.Ordinal) || path.EndsWith("/measure", StringComparison.Ordinal), "no body");
        }

        Assert.True(wrong.Count == 0, string.Join('\n', wrong));
        Assert.Equal("bearer", document["components"]!["securitySchemes"]!["bearer"]!["scheme"]!.GetValue<string>());
    }

    [Fact]
    public async Task Choices_are_text_as_the_API_writes_them()
    {
        var document = await DocumentAsync();
        var all = document.ToJsonString();
        foreach (var (name, values) in ((string, string[])[])[
            ("Modality", ["text", "image", "video"]), ("Role", ["annotator", "lead", "admin"]), ("RunState", ["queued", "running", "succeeded", "failed", "cancelled"]), ("DecisionStatus", ["recorded", "conflict", "unknown"])])
        {
            var schema = document["components"]!["schemas"]!.AsObject().Where(s => s.Key.Contains(name, StringComparison.Ordinal)).Select(s => s.Value!["enum"]?.AsArray()).FirstOrDefault(e => e is not null);
            Assert.NotNull(schema);
            foreach (var value in values) Assert.Contains(value, schema.Select(v => v?.GetValue<string>()));
        }

        Assert.DoesNotContain("System.", all, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_reference_page_shows_every_endpoint_to_who_is_signed_in()
    {
        using var nobody = _host.Client(null);
        Assert.Equal(HttpStatusCode.Redirect, (await nobody.GetAsync("/docs/api")).Status);
        Assert.Equal(HttpStatusCode.Unauthorized, (await nobody.GetAsync("/openapi/v1.json")).Status);
        var page = await _host.Admin.GetAsync("/docs/api");
        Assert.Equal(HttpStatusCode.OK, page.Status);
        var text = WebUtility.HtmlDecode(page.Text);
        foreach (var (path, _) in (await DocumentAsync())["paths"]!.AsObject()) Assert.Contains($">{path}</code>", text, StringComparison.Ordinal);
    }

    private async Task<JsonNode> DocumentAsync() => (await _host.Admin.GetAsync("/openapi/v1.json")).Expect(HttpStatusCode.OK);
}
