using System.Net;
using Annotator.Core.Llm.Bias;
using Annotator.Tests.Support;

namespace Annotator.Tests.Llm;

/// <summary>How the LLM leans: figures against worked examples, and the report of the real program.</summary>
public class BiasTests
{
    private static readonly string[] s_kinds = ["refund", "delivery", "praise"];

    // Fisher's tea: 3 of 4 against 1 of 4 (one tail 0.2429); a table of the literature; and the ends.
    [Theory]
    [InlineData(3, 4, 1, 4, 0.4857)]
    [InlineData(4, 4, 0, 4, 0.0286)]
    [InlineData(1, 10, 11, 14, 0.0028)]
    [InlineData(5, 10, 5, 10, 1)]
    [InlineData(0, 0, 3, 5, 1)]
    public void Fisher_IsExact(int right, int of, int otherRight, int ofOther, double p) => Assert.Equal(p, BiasFigures.Fisher(right, of, otherRight, ofOther), 4);

    [Fact]
    public void Homogeneity_FollowsChiSquared()
    {
        Assert.Equal(1, BiasFigures.Homogeneity([10, 20, 30], [1, 2, 3]), 6);

        // G = 2 (30 ln 30/20 + 10 ln 10/20) * 2 by hand = 20.93 with one degree of freedom.
        Assert.Equal(4.77e-6, BiasFigures.Homogeneity([30, 10], [10, 30]), 7);
        Assert.Equal(0.5, BiasFigures.Shift([30, 10], [10, 30]), 9);
    }

    [Fact]
    public async Task Report_ShowsLeanings_Slices_Probes_AndAlarms()
    {
        await using var llm = await FakeLlmServer.StartAsync(r =>
        {
            // In a list that begins with praise it gives praise to whatever is no number: it is drawn to the first label.
            var system = r.Messages[0].Content;
            var first = s_kinds.MinBy(k => system.IndexOf($"- \"{k}\"", StringComparison.Ordinal))!;
            return FakeLlmReply.Good(r, t => r.Labels.Contains("class-001") ? "class-003" : t.Contains("odd", StringComparison.Ordinal) && r.Items.Count > 0 && first != "delivery" ? first : "praise");
        });
        await using var host = await AppHost.StartAsync(("Annotator:Llm:BaseUrl", llm.BaseUrl), ("Annotator:Llm:Model", "m"));
        var project = await host.Admin.CreateProjectAsync(labels: s_kinds, settings: new { groupDuplicates = false, llm = new { enabled = true, checkShare = 0.5 } });
        var items = Enumerable.Range(0, 90).Select(i => new { key = $"k{i}", text = $"{(i % 2 == 0 ? "even" : "odd")} thing {i} of {i * 7919}", metadata = new { channel = i % 3 == 0 ? "mail" : "phone" } }).ToList();
        (await host.Admin.PostAsync($"/api/v1/projects/{project}/items", new { items })).Expect(HttpStatusCode.OK);
        await host.Admin.WaitAsync($"/api/v1/projects/{project}/metrics", m => m["llm"] is { } l && l["items"]!.GetValue<long>() == 90 && m["items"]!["queued"]!.GetValue<long>() == 90);

        // A share of them is shown without the answer.
        var stored = (await host.Admin.GetAsync($"/api/v1/projects/{project}/items?limit=1000")).Expect(HttpStatusCode.OK)["items"]!.AsArray();
        var leased = (await host.Admin.PostAsync($"/api/v1/projects/{project}/queue/lease", new { count = 90 })).Expect(HttpStatusCode.OK)["items"]!.AsArray();
        Assert.InRange(leased.Count(i => i!["prediction"] is null), 20, 70);
        var decisions = stored.Select((i, n) => new { itemId = i!["id"]!.GetValue<string>(), lease = leased.First(l => l!["itemId"]!.GetValue<string>() == i["id"]!.GetValue<string>())!["lease"]!.GetValue<string>(), action = "correct", value = new { choice = n % 3 == 0 ? "delivery" : "praise" } }).ToList();
        (await host.Admin.PostAsync($"/api/v1/projects/{project}/decisions", new { decisions })).Expect(HttpStatusCode.OK);

        var run = (await host.Admin.PostAsync($"/api/v1/projects/{project}/runs", new { kind = "probeLlm", options = new { items = 60 } })).Expect(HttpStatusCode.Accepted);
        run = await host.Admin.WaitRunAsync(run["id"]!.GetValue<string>());
        Assert.True(run["state"]!.GetValue<string>() == "succeeded", run.ToJsonString());

        var report = (await host.Admin.GetAsync($"/api/v1/projects/{project}/llm/bias")).Expect(HttpStatusCode.OK);
        Assert.Equal(90, report["judged"]!.GetValue<int>());
        var delivery = Assert.Single(report["labels"]!.AsArray(), l => l!["label"]!.GetValue<string>() == "delivery")!;
        Assert.True(delivery["biased"]!.GetValue<bool>());
        Assert.Equal(30, delivery["people"]!.GetValue<int>());
        var version = Assert.Single(report["versions"]!.AsArray())!;
        Assert.Equal(leased.Count(i => i!["prediction"] is null), version["blind"]!.GetValue<int>());
        var mail = Assert.Single(report["slices"]!.AsArray(), s => s!["field"]!.GetValue<string>() == "channel" && s["value"]!.GetValue<string>() == "mail")!;
        Assert.Equal(-1, mail["differs"]!.GetValue<int>());
        var probes = report["probes"]!;
        var shares = probes["shares"]!.AsArray().ToDictionary(s => s!["kind"]!.GetValue<string>(), s => s!["same"]!.GetValue<int>(), StringComparer.Ordinal);
        Assert.Equal(60, shares["repetition"]);
        Assert.InRange(shares["order"], 0, 45);
        Assert.True(probes["earlier"]!.GetValue<int>() > probes["later"]!.GetValue<int>());
        var alarms = report["alarms"]!.AsArray().Select(a => a!["kind"]!.GetValue<string>()).ToHashSet(StringComparer.Ordinal);
        Assert.Superset(new HashSet<string>(["label", "slice", "order", "position"], StringComparer.Ordinal), alarms);
        Assert.DoesNotContain("repetition", alarms);
    }
}
