using System.Net;
using System.Text.Json.Nodes;
using Annotator.Core.Media;
using Annotator.Tests.Media;
using Annotator.Tests.Support;

namespace Annotator.Tests.Llm;

/// <summary>Images through the LLM stage of the real program, against a server that looks at the image parts it gets.</summary>
public class LlmPicturesTests
{
    private static readonly string[] s_colours = ["red", "green", "blue"];

    [Fact]
    public async Task Images_GetTheirClasses_FromPartsThatAreScaledAndBare()
    {
        await using var llm = await FakeLlmServer.StartAsync(r => r.Json["messages"]!.AsArray().Count == 1 ? FakeLlmReply.Content($"It is {ColourOf(r.Images[0].File)}.")
            : r.Images.Count == 0 ? FakeLlmReply.Good(r, _ => r.Labels[0])
            : FakeLlmReply.Seen(r, file => new JsonObject { ["label"] = ColourOf(file) }));
        await using var host = await StartAsync(llm);
        var probe = (await host.Admin.PostAsync("/api/v1/llm/providers/default/test")).Expect(HttpStatusCode.OK);
        Assert.True(probe["images"]!.GetValue<bool>() && probe["imagesSeen"]!.GetValue<bool>(), probe.ToJsonString());
        var tested = llm.Requests.Count;
        var project = await NewAsync(host, "classification", s_colours, new { enabled = true, itemsPerCall = 10, imagesPerCall = 3, imagePixels = 200 });
        await UploadAsync(host, project, Enumerable.Range(0, 10).Select(i => ($"p{i}.png", i == 4 ? Plain(30, 20, i % 3, i) : Plain(640, 320 + i, i % 3, i))));
        var items = await AnsweredAsync(host, project, 10);
        Assert.All(items, i => Assert.Equal(("llm", s_colours[Number(i) % 3]), (i["prediction"]!["source"]!.GetValue<string>(), i["prediction"]!["value"]!["choice"]!.GetValue<string>())));

        Assert.All(llm.Requests.Skip(tested), r =>
        {
            Assert.Equal("json_schema", r.ResponseFormat);
            Assert.InRange(r.Images.Count, 1, 3);
            Assert.Equal(r.Items.Count, r.Images.Count);

            // The last message: one JSON object as its first part, then the images, and nothing of the files' names.
            var parts = r.Json["messages"]!.AsArray()[^1]!["content"]!.AsArray();
            Assert.Equal(["text", .. Enumerable.Repeat("image_url", r.Images.Count)], parts.Select(p => p!["type"]!.GetValue<string>()));
            Assert.DoesNotContain(".png", r.Messages[^1].Content, StringComparison.Ordinal);
            Assert.All(r.Images, i =>
            {
                var size = ImageFiles.SizeOf(i.File);
                Assert.Contains((size.Width, i.ContentType), (IEnumerable<(int, string)>)[(200, "image/jpeg"), (30, "image/png")]);
            });
        });
        Assert.Equal(10, llm.Requests.Skip(tested).Sum(r => r.Images.Count));

        // The same again costs nothing.
        var run = (await host.Admin.PostAsync($"/api/v1/projects/{project}/runs", new { kind = "prelabel", options = new { stage = "llm" } })).Expect(HttpStatusCode.Accepted);
        await host.Admin.WaitRunAsync(run["id"]!.GetValue<string>());
        Assert.Equal(10, llm.Requests.Skip(tested).Sum(r => r.Images.Count));
    }

    [Fact]
    public async Task Boxes_AreFoundInTheSmallImage_AndStandInPixelsOfTheWholeOne()
    {
        // Left, top, right and bottom of the bright rectangle in an image of 1000 x 500.
        (int L, int T, int R, int B)[] places = [(100, 50, 300, 200), (0, 0, 1000, 500), (620, 300, 900, 480), (40, 20, 80, 60), (500, 100, 700, 400), (200, 250, 240, 500)];
        await using var llm = await FakeLlmServer.StartAsync(r => FakeLlmReply.Seen(r, file =>
        {
            var (top, left, bottom, right) = FindRectangle(file);
            var box = new JsonObject { ["label"] = "car", ["box"] = new JsonArray(top, left, bottom, right) };

            // One image is answered with a label that there is none of, one with a box that leaves the image: whoever asks again gets the same.
            if ((left, top) is ( < 60, > 20 and < 60)) box["label"] = "lorry";
            if (left is > 480 and < 520) box["box"] = new JsonArray(top, left, bottom, 1_200);
            return new JsonObject { ["boxes"] = new JsonArray(box) };
        }));
        await using var host = await StartAsync(llm);
        var project = await NewAsync(host, "boxes", ["car", "person"], new { enabled = true, imagesPerCall = 6, imagePixels = 500 });
        await UploadAsync(host, project, places.Select((p, i) => ($"p{i}.png", TestPicture.WithRectangle(1_000, 500, p.L, p.T, p.R, p.B))));
        var items = await AnsweredAsync(host, project, 4);
        foreach (var item in items)
        {
            var number = Number(item);
            if (number is 3 or 4)
            {
                Assert.Null(item["prediction"]);
                continue;
            }

            var box = item["prediction"]!["value"]!["boxes"]!.AsArray().Single()!;
            var (x, y) = (box["x"]!.GetValue<double>(), box["y"]!.GetValue<double>());
            var (right, bottom) = (x + box["width"]!.GetValue<double>(), y + box["height"]!.GetValue<double>());
            foreach (var (said, there) in ((double, int)[])[(x, places[number].L), (y, places[number].T), (right, places[number].R), (bottom, places[number].B)]) Assert.InRange(said, there - 4, there + 4);
        }

        var leased = (await host.Admin.PostAsync($"/api/v1/projects/{project}/queue/lease", new { count = 10 })).Expect(HttpStatusCode.OK)["items"]!.AsArray();
        Assert.Equal(["p3.png", "p4.png"], leased.Where(l => l!["reason"]!.GetValue<string>() == "llmFailed").Select(l => l!["key"]!.GetValue<string>()).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task AModelThatTakesNoImages_IsAskedAFewTimes_AndPeopleGetTheItems()
    {
        await using var llm = await FakeLlmServer.StartAsync(r => r.Images.Count > 0 || r.Json["messages"]![0]!["content"] is JsonArray ? FakeLlmReply.Error(400, "this model does not take images") : FakeLlmReply.Good(r, _ => r.Labels[0]));
        await using var host = await StartAsync(llm);
        var texts = await host.Admin.CreateProjectAsync(labels: s_colours);
        await host.Admin.AddTextsAsync(texts, ["a text"]);
        await host.Admin.WaitAsync($"/api/v1/projects/{texts}/metrics", m => m["llm"]?["items"]?.GetValue<long>() == 1);

        var project = await NewAsync(host, "classification", s_colours, new { enabled = true, imagesPerCall = 1 });
        await UploadAsync(host, project, Enumerable.Range(0, 24).Select(i => ($"p{i}.png", Plain(80, 60 + i, i % 3, i))));
        await host.Admin.WaitAsync($"/api/v1/projects/{project}/metrics", m => m["items"]!["queued"]!.GetValue<long>() == 24);
        Assert.InRange(llm.Requests.Count(r => r.Images.Count > 0), 1, 8);

        // A connected provider whose test found the same is not even asked.
        var provider = (await host.Admin.PostAsync("/api/v1/llm/providers", new { name = "No eyes", settings = new { baseUrl = llm.BaseUrl, model = "m" } })).Expect(HttpStatusCode.Created)["id"]!.GetValue<string>();
        var probe = (await host.Admin.PostAsync($"/api/v1/llm/providers/{provider}/test")).Expect(HttpStatusCode.OK);
        Assert.False(probe["images"]!.GetValue<bool>());
        Assert.Null(probe["imagesSeen"]);
        var other = await NewAsync(host, "classification", s_colours, new { enabled = true, provider });
        var run = (await host.Admin.PostAsync($"/api/v1/projects/{other}/runs", new { kind = "prelabel", options = new { stage = "llm" } })).Expect(HttpStatusCode.Accepted);
        var ended = await host.Admin.WaitAsync($"/api/v1/runs/{run["id"]}", r => r["state"]!.GetValue<string>() is not ("queued" or "running"));
        Assert.Contains("takes no images", ended["message"]!.GetValue<string>(), StringComparison.Ordinal);
    }

    private static Task<AppHost> StartAsync(FakeLlmServer llm) => AppHost.StartAsync(("Annotator:Llm:BaseUrl", llm.BaseUrl), ("Annotator:Llm:Model", "m"));

    private static async Task<string> NewAsync(AppHost host, string type, string[] labels, object llm)
    {
        var body = new { name = "Pictures", modality = "image", task = new { type, labels = labels.Select(l => new { name = l }) }, settings = new { groupDuplicates = false, llm } };
        return (await host.Admin.PostAsync("/api/v1/projects", body)).Expect(HttpStatusCode.Created)["id"]!.GetValue<string>();
    }

    private static async Task UploadAsync(AppHost host, string project, IEnumerable<(string, byte[])> files)
    {
        using var form = Pictures.Form([.. files]);
        (await host.Admin.SendAsync(HttpMethod.Post, $"/api/v1/projects/{project}/media", form)).Expect(HttpStatusCode.OK);
    }

    private static async Task<IReadOnlyList<JsonNode>> AnsweredAsync(AppHost host, string project, int answered)
    {
        await host.Admin.WaitAsync($"/api/v1/projects/{project}/metrics", m => m["llm"]?["items"]?.GetValue<long>() == answered && m["items"]!["queued"]!.GetValue<long>() == m["items"]!["total"]!.GetValue<long>());
        return [.. (await host.Admin.GetAsync($"/api/v1/projects/{project}/items?limit=100")).Expect(HttpStatusCode.OK)["items"]!.AsArray().Select(i => i!)];
    }

    private static int Number(JsonNode item) => item["key"]!.GetValue<string>()[1] - '0';

    private static byte[] Plain(int width, int height, int colour, int seed) => TestPicture.Png(width, height, (x, y) => colour switch
    {
        0 => ((byte)(200 + seed), (byte)(x % 20), (byte)(y % 20)),
        1 => ((byte)(x % 20), (byte)(200 + seed), (byte)(y % 20)),
        _ => ((byte)(x % 20), (byte)(y % 20), (byte)(200 + seed)),
    });

    private static string ColourOf(byte[] file)
    {
        var pixels = ImageFiles.Pixels(file, 8, 8);
        var sums = new int[3];
        for (var i = 0; i < pixels.Length; i++) sums[i % 3] += pixels[i];
        return s_colours[Array.IndexOf(sums, sums.Max())];
    }

    // The edges of what is bright, in thousandths of the image as it came.
    private static (int Top, int Left, int Bottom, int Right) FindRectangle(byte[] file)
    {
        var size = ImageFiles.SizeOf(file);
        var pixels = ImageFiles.Pixels(file, size.Width, size.Height);
        var (top, left, bottom, right) = (size.Height, size.Width, 0, 0);
        for (var y = 0; y < size.Height; y++)
        {
            for (var x = 0; x < size.Width; x++)
            {
                if (pixels[((y * size.Width) + x) * 3] < 170) continue;
                (top, left, bottom, right) = (Math.Min(top, y), Math.Min(left, x), Math.Max(bottom, y + 1), Math.Max(right, x + 1));
            }
        }

        return (top * 1_000 / size.Height, left * 1_000 / size.Width, bottom * 1_000 / size.Height, right * 1_000 / size.Width);
    }
}
