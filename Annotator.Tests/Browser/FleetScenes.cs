using System.Globalization;
using System.Text.Json.Nodes;
using Annotator.Tests.Support;

namespace Annotator.Tests.Browser;

/// <summary>A project with devices at work, made through the API as devices do.</summary>
internal static class FleetScenes
{
    private static readonly (string Name, string Platform, double Rate, double P50, double P99, int Waiting, double Drift)[] s_devices =
    [
        ("counter-berlin", "linux-arm64", 3.4, 2.1, 6.8, 0, 0.04),
        ("counter-hamburg", "linux-arm64", 2.9, 2.4, 7.5, 0, 0.06),
        ("kiosk-seoul", "linux-x64", 11.2, 0.9, 3.1, 12, 0.14),
        ("mail-gateway", "linux-x64", 48.6, 0.7, 4.4, 180, 0.31),
        ("old-kiosk", "linux-arm64", 0, 3.0, 9.9, 0, 0.02),
    ];

    /// <summary>Makes the project.</summary>
    public static async Task<string> ProjectAsync(TestApi api, Uri address)
    {
        var project = await PageScenes.LearntAsync(api, "Support messages at the counters", 260, 200);
        await api.SendAsync(HttpMethod.Patch, $"/api/v1/projects/{project}", new JsonObject { ["settings"] = new JsonObject { ["edge"] = new JsonObject { ["stageSeconds"] = 600 } } });
        var run = (string)(await api.SendAsync(HttpMethod.Post, $"/api/v1/projects/{project}/runs", new JsonObject { ["kind"] = "quantize" }))!["id"]!;
        await Until.HoldsAsync(async () => (string?)(await api.GetAsync($"/api/v1/runs/{run}"))!["state"] ?? "", state => state is "succeeded" or "failed", "the student was measured");
        for (var i = 0; i < s_devices.Length; i++)
        {
            var (name, platform, rate, p50, p99, waiting, drift) = s_devices[i];
            var code = ((string)(await api.SendAsync(HttpMethod.Post, $"/api/v1/projects/{project}/edge/codes", new JsonObject()))!["code"]!).Split('.')[0];
            using var nobody = new ApiClient(address, null);
            var made = (await nobody.PostAsync("/api/v1/edge/enrol", new { code, name, platform, agentVersion = "1.0" })).Expect(System.Net.HttpStatusCode.OK);
            using var device = new ApiClient(address, (string)made["token"]!);
            object? refused = i == 4 ? new { serial = 1, reason = "The file's SHA-256 is not that of the manifest.", unusable = false } : null;
            var report = new { agentVersion = "1.0", modelVersion = 1, serial = i < 4 ? 1 : 0, waiting, storedBytes = waiting * 400, itemsPerSecond = rate, latencyP50 = p50, latencyP99 = p99, annotated = (int)(rate * 9_000), failed = 0, confidence = 0.86, drift, refused };
            for (var n = 0; n < 2; n++) (await device.PostAsync("/api/v1/edge/check-in", report)).Expect(System.Net.HttpStatusCode.OK);
            var labels = Enumerable.Range(1, 4 + (i * 7)).Select(s => new { sequence = s, key = string.Create(CultureInfo.InvariantCulture, $"m{s}"), value = new { choice = (string)PageScenes.Labels[s % PageScenes.Labels.Count]!["name"]! }, confidence = 0.8, modelVersion = 1, reason = "none", at = "2026-05-01T00:00:00Z" });
            (await device.PostAsync("/api/v1/edge/labels", new { labels })).Expect(System.Net.HttpStatusCode.OK);
            var items = PageScenes.Messages.Skip(260).Take(2 + i).Select((m, s) => new { sequence = s + 1, key = string.Create(CultureInfo.InvariantCulture, $"m{s + 1}"), text = $"{m.Text} ({name})", reason = "novel" });
            (await device.PostAsync("/api/v1/edge/items", new { items })).Expect(System.Net.HttpStatusCode.OK);
        }

        return project;
    }
}
