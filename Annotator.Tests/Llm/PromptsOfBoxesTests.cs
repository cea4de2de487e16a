using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;
using Annotator.Tests.Media;
using Annotator.Tests.Support;

namespace Annotator.Tests.Llm;

/// <summary>A project of boxes from decided pictures as examples over a measured version to a refined one that is taken into use, and back.</summary>
public class PromptsOfBoxesTests
{
    private const string Cure = "when a sign stands on a pole, draw the box around the pole too";
    private const int Items = 44;

    [Fact]
    public async Task Project_OfBoxes_ShowsExamples_IsMeasured_Refined_Promoted_AndRolledBack()
    {
        await using var llm = await FakeLlmServer.StartAsync(Model);
        await using var host = await AppHost.StartAsync(("Annotator:Llm:BaseUrl", llm.BaseUrl), ("Annotator:Llm:Model", "m"), ("Annotator:Llm:PromptPrice", "1"), ("Annotator:Llm:CompletionPrice", "1"));
        var project = (await host.Admin.PostAsync("/api/v1/projects", new
        {
            name = "Signs", modality = "image", task = new { type = "boxes", labels = new[] { new { name = "sign" } } },
            settings = new { groupDuplicates = false, llm = new { enabled = true, imagesPerCall = 10, itemsPerCall = 10, imageExamples = 3, imagePixels = 64, checkShare = 0 } },
        })).Expect(HttpStatusCode.Created)["id"]!.GetValue<string>();
        using (var form = Pictures.Form([.. Enumerable.Range(0, Items).Select(i => ($"p{i:00}.png", Picture(i)))]))
            (await host.Admin.SendAsync(HttpMethod.Post, $"/api/v1/projects/{project}/media", form)).Expect(HttpStatusCode.OK);
        await host.Admin.WaitAsync($"/api/v1/projects/{project}/metrics", m => m["llm"]?["items"]?.GetValue<long>() == Items && m["items"]!["queued"]!.GetValue<long>() == Items);

        // The model draws the upper half; people draw the whole, in pixels of pictures of 60 by 30.
        var items = (await host.Admin.GetAsync($"/api/v1/projects/{project}/items?limit=100")).Expect(HttpStatusCode.OK)["items"]!.AsArray();
        Assert.All(items, i => Assert.Equal("{\"label\":\"sign\",\"x\":6,\"y\":3,\"width\":48,\"height\":9}", i!["prediction"]!["value"]!["boxes"]![0]!.ToJsonString()));
        var decisions = items.Select(i => new { itemId = i!["id"]!.GetValue<string>(), action = "correct", value = new { boxes = new[] { new { label = "sign", x = 6, y = 3, width = 48, height = 24 } } } });
        (await host.Admin.PostAsync($"/api/v1/projects/{project}/decisions", new { decisions })).Expect(HttpStatusCode.OK);
        await RunAsync(host, project, "represent", new { });

        var before = llm.Requests.Count;
        var figures = (await RunAsync(host, project, "measurePrompt", new { items = Items }))["result"]!["figures"]!;
        Assert.Equal((Items, 0.0), (figures["items"]!.GetValue<int>(), figures["accuracy"]!.GetValue<double>()));
        Assert.All(llm.Requests.Skip(before), r => Assert.All(
            JsonNode.Parse(r.Messages[2].Content)!["results"]!.AsArray(), a => Assert.Equal("[100,100,900,900]", a!["boxes"]![0]!["box"]!.ToJsonString())));

        var refined = (await RunAsync(host, project, "refinePrompt", new { rounds = 1, candidates = 2, items = Items }))["result"]!;
        var promoted = refined["promoted"]!.GetValue<int>();
        var version = (await host.Admin.GetAsync($"/api/v1/projects/{project}/prompts/{promoted.ToString(CultureInfo.InvariantCulture)}")).Expect(HttpStatusCode.OK);
        Assert.True(version["active"]!.GetValue<bool>());
        Assert.Equal((1.0, 1.0), (version["figures"]!["accuracy"]!.GetValue<double>(), version["figures"]!["likeness"]!.GetValue<double>()));
        var comparison = (await host.Admin.GetAsync($"/api/v1/projects/{project}/prompts/compare?before=1&after={promoted.ToString(CultureInfo.InvariantCulture)}")).Expect(HttpStatusCode.OK);
        Assert.True(comparison["better"]!.GetValue<int>() > 10 && comparison["worse"]!.GetValue<int>() == 0);

        // New pictures are asked about with what was learned, until the older version is taken into use again.
        async Task<string> DrawnAsync(int number)
        {
            using (var form = Pictures.Form([($"q{number:00}.png", Picture(number))])) (await host.Admin.SendAsync(HttpMethod.Post, $"/api/v1/projects/{project}/media", form)).Expect(HttpStatusCode.OK);
            string? drawn = null;
            await Until.TrueAsync(
                async () => (drawn = (await host.Admin.GetAsync($"/api/v1/projects/{project}/items?limit=100")).Expect(HttpStatusCode.OK)["items"]!.AsArray()
                    .Single(i => i!["key"]!.GetValue<string>() == $"q{number:00}.png")!["prediction"]?["value"]?["boxes"]?[0]?["height"]?.ToJsonString()) is not null,
                "the picture is labelled");
            return drawn!;
        }

        Assert.Equal("24", await DrawnAsync(50));
        (await host.Admin.PostAsync($"/api/v1/projects/{project}/prompts/1/promote")).Expect(HttpStatusCode.OK);
        Assert.Equal("9", await DrawnAsync(51));
    }

    private static async Task<JsonNode> RunAsync(AppHost host, string project, string kind, object options)
    {
        var run = await host.Admin.WaitRunAsync((await host.Admin.PostAsync($"/api/v1/projects/{project}/runs", new { kind, options })).Expect(HttpStatusCode.Accepted)["id"]!.GetValue<string>());
        Assert.True(run["state"]!.GetValue<string>() == "succeeded", run.ToJsonString());
        return run;
    }

    private static byte[] Picture(int i) => TestPicture.Png(60, 30, (x, y) => ((byte)((x * 3) + i), (byte)((y * 5) + (i * 7)), (byte)(i * 5)));

    private static FakeLlmReply Model(FakeLlmRequest request)
    {
        if (request.Json["response_format"]?["json_schema"]?["name"]?.GetValue<string>() == "proposals")
        {
            static JsonObject Proposal(string rule) => new() { ["reason"] = "seen", ["instructions"] = null, ["definitions"] = new JsonArray(), ["rules"] = new JsonArray(rule), ["drop"] = new JsonArray(), ["examples"] = new JsonArray() };
            return FakeLlmReply.Content(new JsonObject { ["proposals"] = new JsonArray(Proposal("look twice"), Proposal(Cure)) }.ToJsonString());
        }

        var bottom = request.Messages[0].Content.Contains(Cure, StringComparison.Ordinal) ? 900 : 400;
        return FakeLlmReply.Seen(request, _ => new JsonObject { ["boxes"] = new JsonArray(new JsonObject { ["label"] = "sign", ["box"] = new JsonArray(100, 100, bottom, 900) }) });
    }
}
