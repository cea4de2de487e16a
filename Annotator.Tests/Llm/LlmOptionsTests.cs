using System.Net;
using System.Text.Json.Nodes;
using Annotator.Tests.Support;

namespace Annotator.Tests.Llm;

/// <summary>Arguments of the LLM's runs and settings of its stage, as the API checks them.</summary>
[Collection(ApiCollection.Name)]
public class LlmOptionsTests(SharedHost shared)
{
    [Theory]
    [InlineData("refinePrompt", "rounds", 99)]
    [InlineData("refinePrompt", "risk", 0.9)]
    [InlineData("measurePrompt", "items", 0)]
    [InlineData("probeLlm", "items", 5)]
    public async Task Options_OutOfBounds_AreRefusedAtOnce(string kind, string field, double value)
    {
        var host = shared.Host;
        var project = await host.Admin.CreateProjectAsync();
        (await host.Admin.PostAsync($"/api/v1/projects/{project}/runs", new JsonObject { ["kind"] = kind, ["options"] = new JsonObject { [field] = value == Math.Floor(value) ? (int)value : value } }.ToJsonString()))
            .ExpectProblem(HttpStatusCode.BadRequest, $"options.{field}");
    }

    [Theory]
    [InlineData("checkShare", 0.9)]
    [InlineData("samples", 10)]
    [InlineData("sampleBelow", 2)]
    [InlineData("narrowAbove", 1)]
    public async Task Settings_OutOfBounds_AreRefused(string field, double value)
    {
        var project = await shared.Host.Admin.CreateProjectAsync();
        var settings = new JsonObject { ["settings"] = new JsonObject { ["llm"] = new JsonObject { [field] = value == Math.Floor(value) ? (int)value : value } } };
        (await shared.Host.Admin.PatchAsync($"/api/v1/projects/{project}", settings.ToJsonString())).ExpectProblem(HttpStatusCode.BadRequest, $"settings.llm.{field}");
    }
}
