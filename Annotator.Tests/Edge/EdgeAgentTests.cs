using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using Annotator.Tests.Support;

namespace Annotator.Tests.Edge;

/// <summary>The agent as a process of its own against the real centre.</summary>
public sealed class EdgeAgentTests
{
    [Fact]
    public async Task Killed_and_cut_off_at_random_every_item_is_at_the_centre_once()
    {
        const int files = 6;
        const int lines = 250;
        await using var host = await AppHost.StartAsync();
        var project = await EdgeProjects.CreateAsync(host.Admin, new { reportSeconds = 0.5, uploadBelow = 0.6 });
        await using var link = new SlowLink(host.BaseAddress, TimeSpan.FromMilliseconds(2));
        await using var agent = await EdgeAgent.EnrolAsync(host.Admin, link.Address, project, "gate-1");
        var inbox = Path.Combine(agent.Folder, "in");
        Directory.CreateDirectory(inbox);
        for (var f = 0; f < files; f++)
        {
            await File.WriteAllLinesAsync(
                Path.Combine(inbox, $"{f}.jsonl"),
                Enumerable.Range(f * lines, lines).Select(i => new JsonObject { ["key"] = $"item-{i}", ["text"] = EdgeProjects.Text(i) }.ToJsonString()),
                TestContext.Current.CancellationToken);
        }

        // The first start gets its model; from then on kills and cuts, wherever they fall.
        await agent.StartAsync("--folder", inbox);
        await agent.Process.LineAsync(l => l.Contains("is in service", StringComparison.Ordinal), TimeSpan.FromSeconds(60));
        var random = new Random(7);
        for (var kill = 0; kill < 4; kill++)
        {
            await Task.Delay(random.Next(150, 700), TestContext.Current.CancellationToken);
            if (kill % 2 == 0) link.Cut();
            else link.Hold();
            await agent.KillAsync();
            await agent.StartAsync("--folder", inbox);
            if (kill % 2 == 1) link.Release();
        }

        var device = (await host.Admin.GetAsync($"/api/v1/projects/{project}/edge/devices")).Expect(HttpStatusCode.OK)["items"]![0]!["id"]!.GetValue<string>();
        await host.Admin.WaitAsync($"/api/v1/projects/{project}/edge/devices", a => a["items"]![0]!["labels"]!.GetValue<long>() >= files * lines);
        await Until.TrueAsync(() => Task.FromResult(Directory.GetFiles(inbox).Length == 0), "all files are done");
        var keys = new List<string>();
        string? cursor = null;
        do
        {
            var page = (await host.Admin.GetAsync($"/api/v1/projects/{project}/edge/devices/{device}/labels?limit=1000{(cursor is null ? "" : "&cursor=" + cursor)}")).Expect(HttpStatusCode.OK);
            keys.AddRange(page["items"]!.AsArray().Select(l => l!["key"]!.GetValue<string>()));
            cursor = page["next"]?.GetValue<string>();
        }
        while (cursor is not null);
        Assert.Equal(files * lines, keys.Count);
        Assert.Equal(files * lines, keys.Distinct(StringComparer.Ordinal).Count());

        // Every line of every file has its answer beside it.
        Assert.Equal(files * lines, Directory.GetFiles(Path.Combine(inbox, "done"), "*.labels.jsonl").Sum(f => File.ReadLines(f).Count(l => l.Contains("\"value\"", StringComparison.Ordinal))));
    }

    [Fact]
    public async Task A_device_meets_a_new_kind_of_item_and_labels_it_rightly_after_people_did_with_no_other_step()
    {
        await using var host = await AppHost.StartAsync();
        var project = await EdgeProjects.CreateAsync(host.Admin, new { reportSeconds = 0.2, stages = new[] { 100 }, stageSeconds = 0 });
        await using var agent = await EdgeAgent.EnrolAsync(host.Admin, host.BaseAddress, project, "kiosk");
        var address = FreePort();
        await agent.StartAsync("--http", address);
        using var port = new HttpClient { BaseAddress = new Uri($"http://{address}/"), Timeout = TimeSpan.FromSeconds(60) };
        await agent.Process.LineAsync(l => l.Contains("is in service", StringComparison.Ordinal), TimeSpan.FromSeconds(60));

        // What it knows it labels by itself; what is new goes to people, with the device's name.
        var known = await EdgeAgent.LabelAsync(port, ["hello refund the payment today"]);
        Assert.Equal("refund", known[0]["value"]!["choice"]!.GetValue<string>());
        var strange = Enumerable.Range(0, 12).Select(i => string.Create(CultureInfo.InvariantCulture, $"zebras giraffes okapis watching safari jungle {"abcdefghijkl"[i]}{i}")).ToList();
        Assert.All(await EdgeAgent.LabelAsync(port, strange), a => Assert.Equal("novel", a["reason"]!.GetValue<string>()));
        await host.Admin.WaitAsync($"/api/v1/projects/{project}/edge/devices", a => a["items"]![0]!["items"]!.GetValue<long>() >= strange.Count);

        var decided = 0;
        await Until.TrueAsync(
            async () =>
            {
                var lent = (await host.Admin.PostAsync($"/api/v1/projects/{project}/queue/lease", new { count = 20 })).Expect(HttpStatusCode.OK)["items"]!.AsArray();
                var decisions = lent.Where(i => i!["key"]!.GetValue<string>().StartsWith("kiosk/", StringComparison.Ordinal))
                    .Select(i => new { itemId = i!["itemId"]!.GetValue<string>(), lease = i["lease"]!.GetValue<string>(), action = "correct", value = new { choice = i["data"]!["text"]!.GetValue<string>().Contains("zebras", StringComparison.Ordinal) ? "animal" : "refund" }, seconds = 1 })
                    .ToList();
                if (decisions.Count > 0) (await host.Admin.PostAsync($"/api/v1/projects/{project}/decisions", new { decisions })).Expect(HttpStatusCode.OK);
                decided += decisions.Count;
                return decided >= strange.Count;
            },
            "people label what is new");

        var asked = 0;
        var (value, version) = ("", 0);
        await Until.TrueAsync(
            async () =>
            {
                var answer = (await EdgeAgent.LabelAsync(port, [string.Create(CultureInfo.InvariantCulture, $"giraffes watching zebras safari {asked++}")]))[0];
                (value, version) = (answer["value"]!["choice"]!.GetValue<string>(), answer["modelVersion"]!.GetValue<int>());
                return value is "animal";
            },
            "the device labels the new kind rightly");
        Assert.True(version > 1, $"By version {version}.");
    }

    [Fact]
    public async Task A_tampered_model_is_refused_the_last_good_one_goes_on_and_leads_see_why()
    {
        await using var host = await AppHost.StartAsync();
        var project = await EdgeProjects.CreateAsync(host.Admin, new { reportSeconds = 0.2, autoRollout = true });
        await using var agent = await EdgeAgent.EnrolAsync(host.Admin, host.BaseAddress, project, "lamp");
        var address = FreePort();
        await agent.StartAsync("--http", address);
        using var port = new HttpClient { BaseAddress = new Uri($"http://{address}/"), Timeout = TimeSpan.FromSeconds(60) };
        await agent.Process.LineAsync(l => l.Contains("is in service", StringComparison.Ordinal), TimeSpan.FromSeconds(60));
        var before = (await EdgeAgent.LabelAsync(port, ["hello refund the payment today"]))[0];

        // A newer version, whose file somebody has changed where it lies.
        var blobs = Directory.GetFiles(Path.Combine(host.DataDirectory, "blobs", "students")).ToHashSet(StringComparer.Ordinal);
        (await host.Admin.PatchAsync($"/api/v1/projects/{project}", new { settings = new { edge = new { autoRollout = false } } })).Expect(HttpStatusCode.OK);
        var run = (await host.Admin.PostAsync($"/api/v1/projects/{project}/runs", new { kind = "train" })).Expect(HttpStatusCode.Accepted)["id"]!.GetValue<string>();
        await host.Admin.WaitRunAsync(run);
        var file = Directory.GetFiles(Path.Combine(host.DataDirectory, "blobs", "students")).Single(f => !blobs.Contains(f));
        var bytes = await File.ReadAllBytesAsync(file, TestContext.Current.CancellationToken);
        bytes[bytes.Length / 2] ^= 1;
        await File.WriteAllBytesAsync(file, bytes, TestContext.Current.CancellationToken);
        var version = (await host.Admin.GetAsync($"/api/v1/projects/{project}/model")).Expect(HttpStatusCode.OK)["version"]!.GetValue<int>();
        (await host.Admin.PostAsync($"/api/v1/projects/{project}/edge/rollouts", new { version, percent = 100 })).Expect(HttpStatusCode.OK);

        var device = await host.Admin.WaitAsync($"/api/v1/projects/{project}/edge/devices", a => a["items"]![0]!["refusal"] is not null);
        Assert.Contains("SHA-256", device["items"]![0]!["refusal"]!.GetValue<string>(), StringComparison.Ordinal);
        var after = (await EdgeAgent.LabelAsync(port, ["hello refund the payment, once more"]))[0];
        Assert.Equal(before["modelVersion"]!.GetValue<int>(), after["modelVersion"]!.GetValue<int>());

        // Taken back: the device has nothing to complain of any more, and stays with the good one.
        var newest = (await host.Admin.GetAsync($"/api/v1/projects/{project}/edge/rollouts")).Expect(HttpStatusCode.OK)["items"]![0]!["serial"]!.GetValue<long>();
        var back = (await host.Admin.DeleteAsync($"/api/v1/projects/{project}/edge/rollouts/{newest}")).Expect(HttpStatusCode.OK);
        Assert.Equal(before["modelVersion"]!.GetValue<int>(), back["version"]!.GetValue<int>());
        await host.Admin.WaitAsync($"/api/v1/projects/{project}/edge/devices", a => a["items"]![0]!["refusal"] is null && a["items"]![0]!["serial"]!.GetValue<long>() == newest + 1);
    }

    private static string FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return listener.LocalEndpoint.ToString()!;
    }
}
