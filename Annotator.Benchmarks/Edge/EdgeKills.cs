using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using Annotator.Benchmarks.Load;
using Annotator.Tests.Support;

namespace Annotator.Benchmarks.Edge;

/// <summary>
/// The agent killed at random (SIGKILL) while it labels a folder, the centre killed with it now and then: every item must be at the centre once.
/// <c>-- edge-kills [ITEMS] [KILLS] [postgresql]</c>.
/// </summary>
internal static class EdgeKills
{
    public static async Task<int> RunAsync(string[] args)
    {
        var (items, kills) = (LoadHost.Number(args, 0, 10_000), LoadHost.Number(args, 1, 20));
        await using var host = await LoadHost.StartAsync(args);
        var project = await host.TrainedProjectAsync();
        using (var patch = new HttpRequestMessage(HttpMethod.Patch, $"/api/v1/projects/{project}") { Content = new StringContent("""{"settings":{"edge":{"reportSeconds":0.5}}}""", System.Text.Encoding.UTF8, "application/json") })
            (await host.Server.Client.SendAsync(patch)).EnsureSuccessStatusCode();
        var code = (await host.Server.PostAsync($"/api/v1/projects/{project}/edge/codes", new { }))["code"]!.GetValue<string>();
        var folder = Directory.CreateTempSubdirectory("annotator-edge-").FullName;
        var inbox = Directory.CreateDirectory(Path.Combine(folder, "in")).FullName;
        const int lines = 250;
        var texts = Rows.Take(items).Select(r => r.Text).ToList();
        for (var f = 0; f * lines < items; f++)
        {
            await File.WriteAllLinesAsync(
                Path.Combine(inbox, $"{f:0000}.jsonl"),
                texts.Skip(f * lines).Take(lines).Select((t, i) => new JsonObject { ["key"] = string.Create(CultureInfo.InvariantCulture, $"e{(f * lines) + i}"), ["text"] = t }.ToJsonString()));
        }

        await using (var enrol = await AgentProcess.StartAsync("enrol", "--server", host.Server.Address.AbsoluteUri, "--code", code, "--name", "bench", "--data", folder))
            await enrol.LineAsync(l => l.Contains("Enrolled", StringComparison.Ordinal), TimeSpan.FromSeconds(60));
        string[] run = ["run", "--data", folder, "--folder", inbox];
        var agent = await AgentProcess.StartAsync(run);
        await agent.LineAsync(l => l.Contains("is in service", StringComparison.Ordinal), TimeSpan.FromSeconds(60));
        var watch = Stopwatch.StartNew();
        var random = new Random(11);
        for (var k = 0; k < kills; k++)
        {
            await Task.Delay(random.Next(300, 1_500));
            await agent.KillAsync();
            await agent.DisposeAsync();
            if (k % 5 == 4)
            {
                // Away from the centre for a while, which comes back on the same data.
                await host.Server.KillAsync();
                agent = await AgentProcess.StartAsync(run);
                await Task.Delay(random.Next(500, 2_000));
                await host.Server.StartAgainAsync();
            }
            else
            {
                agent = await AgentProcess.StartAsync(run);
            }
        }

        await Eventually.TrueAsync(
            async () => Directory.GetFiles(inbox).Length == 0 && (await host.Server.GetAsync($"/api/v1/projects/{project}/edge/devices"))["items"]![0]!["labels"]!.GetValue<long>() >= items,
            TimeSpan.FromMinutes(10),
            () => agent.Output);
        var device = (await host.Server.GetAsync($"/api/v1/projects/{project}/edge/devices"))["items"]![0]!;
        var keys = await KeysAsync(host, project, device["id"]!.GetValue<string>());
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{items:N0} items, {kills} kills of the agent, {kills / 5} of the centre, {watch.Elapsed.TotalSeconds:0} s: {keys.Count:N0} labels at the centre, {keys.Distinct(StringComparer.Ordinal).Count():N0} distinct; counted {device["labels"]}, items sent {device["items"]}"));
        await agent.DisposeAsync();
        Directory.Delete(folder, recursive: true);
        return keys.Count == items && keys.Distinct(StringComparer.Ordinal).Count() == items ? 0 : 1;
    }

    private static async Task<List<string>> KeysAsync(LoadHost host, string project, string device)
    {
        var keys = new List<string>();
        string? cursor = null;
        do
        {
            var page = await host.Server.GetAsync($"/api/v1/projects/{project}/edge/devices/{device}/labels?limit=1000{(cursor is null ? "" : "&cursor=" + cursor)}");
            keys.AddRange(page["items"]!.AsArray().Select(l => l!["key"]!.GetValue<string>()));
            cursor = page["next"]?.GetValue<string>();
        }
        while (cursor is not null);
        return keys;
    }
}

/// <summary>The agent of this build, or the published one, where ANNOTATOR_EDGE names it.</summary>
internal static class AgentProcess
{
    public static Task<ChildProcess> StartAsync(params string[] arguments) => Environment.GetEnvironmentVariable("ANNOTATOR_EDGE") is { Length: > 0 } program
        ? ChildProcess.StartAsync(program, arguments)
        : ChildProcess.StartAsync("dotnet", [Path.Combine(AppContext.BaseDirectory, "annotator-edge.dll"), .. arguments]);
}
