using System.Net;
using System.Text.Json.Nodes;
using Annotator.Tests.Support;

namespace Annotator.Tests.Media;

/// <summary>A project of images from its archive to its end by itself: what was built for texts holds for images.</summary>
public class ImageLearningTests
{
    private const int Count = 200;
    private static readonly string[] s_names = ["disc", "square", "cross"];

    [Fact]
    public async Task Images_are_prelabelled_audited_and_certified_and_few_are_decided()
    {
        await using var host = await AppHost.StartAsync();
        var api = host.Admin;
        var project = (await api.PostAsync("/api/v1/projects", new
        {
            name = "Shapes", modality = "image", task = new { type = "classification", labels = s_names.Select(n => new { name = n }) }, settings = new { targetAccuracy = 0.85 },
        })).Expect(HttpStatusCode.Created)["id"]!.GetValue<string>();
        using var body = new ByteArrayContent(Pictures.Zip(Enumerable.Range(0, Count).Select(i => ($"{i:D3}.png", Pictures.Shape(i % 3, i, side: 32)))));
        await api.WaitRunAsync((await api.SendAsync(HttpMethod.Post, $"/api/v1/projects/{project}/imports?format=zip&name=shapes.zip", body)).Expect(HttpStatusCode.Accepted)["id"]!.GetValue<string>());

        var (decisions, blind, deadline) = (0, 0, TimeProvider.System.GetUtcNow() + TimeSpan.FromMinutes(3));
        while (true)
        {
            Assert.True(TimeProvider.System.GetUtcNow() < deadline, "The project does not come to its end.");

            // As fast as a person at most: what was said is learned before more is.
            if (decisions > 0 && (decisions == 40 || decisions % 60 == 0)) await api.WaitAsync($"/api/v1/projects/{project}/metrics", m => m["student"]?["trainedOn"]?.GetValue<int>() >= decisions || m["steering"]?["phase"]?.GetValue<string>() is "audit" or "done");
            var lent = (await api.PostAsync($"/api/v1/projects/{project}/queue/lease", new { count = 20 })).Expect(HttpStatusCode.OK)["items"]!.AsArray();
            if (lent.Count == 0)
            {
                if ((await api.GetAsync($"/api/v1/projects/{project}/metrics")).Expect(HttpStatusCode.OK)["items"]!["final"]!.GetValue<int>() == Count) break;
                await Task.Delay(50, TestContext.Current.CancellationToken);
                continue;
            }

            blind += lent.Count(i => i!["prediction"] is null);
            decisions += lent.Count;
            var said = lent.Select(i => new { itemId = i!["itemId"]!.GetValue<string>(), lease = i["lease"]!.GetValue<string>(), action = "correct", value = new { choice = TruthOf(i["key"]!) } });
            (await api.PostAsync($"/api/v1/projects/{project}/decisions", new { decisions = said })).Expect(HttpStatusCode.OK);
        }

        var metrics = (await api.GetAsync($"/api/v1/projects/{project}/metrics")).Expect(HttpStatusCode.OK);
        TestContext.Current.TestOutputHelper?.WriteLine($"{decisions} of {Count} decided, {blind} of them blind: {metrics["certificate"]?.ToJsonString()}");
        Assert.True(metrics["certificate"]!["lowerBound"]!.GetValue<double>() >= 0.85, metrics.ToJsonString());
        Assert.True(decisions < Count * 0.9 && blind > 0, $"{decisions} decisions, {blind} blind");
        var all = (await api.GetAsync($"/api/v1/projects/{project}/items?limit=1000")).Expect(HttpStatusCode.OK)["items"]!.AsArray();
        Assert.True(all.Count(i => string.Equals(i!["label"]!["choice"]!.GetValue<string>(), TruthOf(i["key"]!), StringComparison.Ordinal)) >= 0.85 * Count);
        Assert.Contains(all, i => i!["source"]!.GetValue<string>() is "auto");

        // What is like what, which labels are doubtful, whether neighbours may pass labels on: by the same features.
        var like = (await api.WaitAsync($"/api/v1/projects/{project}/items/{all[0]!["id"]!.GetValue<string>()}/similar?limit=5", a => a["items"]!.AsArray().Count == 5))["items"]!.AsArray();
        Assert.True(like.Count(l => string.Equals(TruthOf(l!["key"]!), TruthOf(all[0]!["key"]!), StringComparison.Ordinal)) >= 3, like.ToJsonString());
        (await api.GetAsync($"/api/v1/projects/{project}/suspects?limit=5")).Expect(HttpStatusCode.OK);
        var run = (await api.PostAsync($"/api/v1/projects/{project}/runs", new { kind = "propagate" })).Expect(HttpStatusCode.Accepted)["id"]!.GetValue<string>();
        var propagated = await api.WaitRunAsync(run);
        Assert.True(propagated["state"]!.GetValue<string>() is "succeeded", propagated.ToJsonString());
        TestContext.Current.TestOutputHelper?.WriteLine(propagated["result"]?.ToJsonString() ?? "");
    }

    private static string TruthOf(JsonNode key) => s_names[int.Parse(Path.GetFileNameWithoutExtension(key.GetValue<string>()), System.Globalization.CultureInfo.InvariantCulture) % 3];
}
