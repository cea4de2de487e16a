using System.Net;
using System.Text.Json.Nodes;
using Annotator.Core.Media;
using Annotator.Tests.Media;
using Annotator.Tests.Support;

namespace Annotator.Tests.Llm;

/// <summary>Prompts of projects of images: decided images as examples, figures, refinement, edge cases and probes.</summary>
public class PromptsOfPicturesTests
{
    private const string Cure = "when the picture is wide, choose banner";

    private static readonly string[] s_labels = ["banner", "photo"];

    [Fact]
    public async Task Project_OfImages_ShowsDecidedOnes_IsMeasured_Refined_AndProbed()
    {
        await using var llm = await FakeLlmServer.StartAsync(Model);
        await using var host = await AppHost.StartAsync(("Annotator:Llm:BaseUrl", llm.BaseUrl), ("Annotator:Llm:Model", "m"));
        var body = new
        {
            name = "Pictures", modality = "image", task = new { type = "classification", labels = s_labels.Select(l => new { name = l }) },
            settings = new { groupDuplicates = false, llm = new { enabled = true, imagesPerCall = 10, itemsPerCall = 10, imageExamples = 3, imagePixels = 64, checkShare = 0 } },
        };
        var project = (await host.Admin.PostAsync("/api/v1/projects", body)).Expect(HttpStatusCode.Created)["id"]!.GetValue<string>();
        using (var form = Pictures.Form([.. Enumerable.Range(0, 48).Select(i => ($"p{i:00}.png", Picture(i)))]))
            (await host.Admin.SendAsync(HttpMethod.Post, $"/api/v1/projects/{project}/media", form)).Expect(HttpStatusCode.OK);
        await host.Admin.WaitAsync($"/api/v1/projects/{project}/metrics", m => m["llm"]?["items"]?.GetValue<long>() == 48 && m["items"]!["queued"]!.GetValue<long>() == 48);
        var items = (await host.Admin.GetAsync($"/api/v1/projects/{project}/items?limit=100")).Expect(HttpStatusCode.OK)["items"]!.AsArray();
        var decisions = items.Select(i => new { itemId = i!["id"]!.GetValue<string>(), action = "correct", value = new { choice = s_labels[int.Parse(i["key"]!.GetValue<string>()[1..3], null) % 2] } }).ToList();
        (await host.Admin.PostAsync($"/api/v1/projects/{project}/decisions", new { decisions })).Expect(HttpStatusCode.OK);
        await RunAsync(host, project, "represent", new { });

        // Measured with decided images beside those that are asked about: none of them is its own example.
        var before = llm.Requests.Count;
        var measured = (await RunAsync(host, project, "measurePrompt", new { items = 48 }))["result"]!["figures"]!;
        Assert.Equal((48, 0.5), (measured["items"]!.GetValue<int>(), measured["accuracy"]!.GetValue<double>()));
        Assert.All(llm.Requests.Skip(before), r =>
        {
            Assert.Equal(["system", "user", "assistant", "user"], r.Messages.Select(m => m.Role), StringComparer.Ordinal);
            Assert.Equal(3, r.Json["messages"]![1]!["content"]!.AsArray().Count(p => p!["type"]!.GetValue<string>() == "image_url"));
            Assert.All(JsonNode.Parse(r.Messages[2].Content)!["results"]!.AsArray(), a => Assert.Contains(a!["label"]!.GetValue<string>(), s_labels));
        });

        var rules = (await RunAsync(host, project, "findRules", new { }))["result"]!["rules"]!.AsArray();
        Assert.Equal(("banner", "photo", Cure), (rules[0]!["people"]!.GetValue<string>(), rules[0]!["model"]!.GetValue<string>(), rules[0]!["rule"]!.GetValue<string>()));
        Assert.NotEmpty(llm.Requests[^1].Images);

        var refined = (await RunAsync(host, project, "refinePrompt", new { rounds = 1, candidates = 2, items = 48 }))["result"]!;
        var promoted = (await host.Admin.GetAsync($"/api/v1/projects/{project}/prompts/{refined["promoted"]}")).Expect(HttpStatusCode.OK);
        Assert.Equal(1, promoted["figures"]!["accuracy"]!.GetValue<double>());
        Assert.Empty(promoted["content"]!["examples"]!.AsArray());

        var shares = (await RunAsync(host, project, "probeLlm", new { items = 20 }))["result"]!["shares"]!.AsArray();
        Assert.All(shares, s => Assert.Equal(20, s!["same"]!.GetValue<int>()));
    }

    private static async Task<JsonNode> RunAsync(AppHost host, string project, string kind, object options)
    {
        var run = await host.Admin.WaitRunAsync((await host.Admin.PostAsync($"/api/v1/projects/{project}/runs", new { kind, options })).Expect(HttpStatusCode.Accepted)["id"]!.GetValue<string>());
        Assert.True(run["state"]!.GetValue<string>() == "succeeded", run.ToJsonString());
        return run;
    }

    // Every other one is wide.
    private static byte[] Picture(int i) => TestPicture.Png(i % 2 == 0 ? 60 : 30, 30, (x, y) => ((byte)((x * 3) + i), (byte)((y * 5) + (i * 7)), (byte)(i * 5)));

    private static FakeLlmReply Model(FakeLlmRequest request)
    {
        switch (request.Json["response_format"]?["json_schema"]?["name"]?.GetValue<string>())
        {
            case "rule":
                return FakeLlmReply.Content(new JsonObject { ["rule"] = Cure }.ToJsonString());
            case "proposals":
                Assert.InRange(request.Images.Count, 1, 8);
                static JsonObject Proposal(string rule) => new() { ["reason"] = "seen", ["instructions"] = null, ["definitions"] = new JsonArray(), ["rules"] = new JsonArray(rule), ["drop"] = new JsonArray(), ["examples"] = new JsonArray(1) };
                return FakeLlmReply.Content(new JsonObject { ["proposals"] = new JsonArray(Proposal("look twice"), Proposal(Cure)) }.ToJsonString());
        }

        var knows = request.Messages[0].Content.Contains(Cure, StringComparison.Ordinal);
        var coded = request.Messages[0].Content.Contains("- \"class-001\"", StringComparison.Ordinal);
        return FakeLlmReply.Seen(request, file =>
        {
            var wide = knows && ImageFiles.SizeOf(file) is { } size && size.Width > size.Height;
            return new JsonObject { ["label"] = coded ? wide ? "class-001" : "class-002" : wide ? "banner" : "photo" };
        });
    }
}
