using System.Collections.Concurrent;
using System.Net;
using System.Text.Json;
using Annotator.Tests.Support;
using Microsoft.AspNetCore.SignalR.Client;

namespace Annotator.Tests.Api;

/// <summary>"Live": what the hub calls, on one node and across nodes.</summary>
public class LiveTests
{
    [Fact]
    public async Task The_hub_calls_what_the_contract_says()
    {
        await using var host = await AppHost.StartAsync();
        var project = await host.Admin.CreateProjectAsync(labels: ["refund", "delivery"], settings: new { auditShare = 0, autoAccept = false });
        await using var listener = await Listener.ConnectAsync(host, project);

        await host.Admin.AddTextsAsync(project, ["I want a refund now", "where is my delivery"]);
        var prelabelled = await listener.WaitAsync("ItemsPreLabelled");
        Assert.Equal(["confidence", "itemId", "key", "route", "source", "value", "version"], prelabelled[0].EnumerateObject().Select(p => p.Name).Order(StringComparer.Ordinal));

        var lent = (await host.Admin.PostAsync($"/api/v1/projects/{project}/queue/lease", new { count = 1 })).Expect(HttpStatusCode.OK)["items"]![0]!;
        var decision = new { itemId = lent["itemId"]!.GetValue<string>(), lease = lent["lease"]!.GetValue<string>(), action = "correct", value = new { choice = "refund" } };
        (await host.Admin.PostAsync($"/api/v1/projects/{project}/decisions", new { decisions = new[] { decision } })).Expect(HttpStatusCode.OK);
        var decided = await listener.WaitAsync("ItemsDecided");
        Assert.Equal(decision.itemId, decided[0].GetProperty("itemId").GetString());

        var run = (await host.Admin.PostAsync($"/api/v1/projects/{project}/runs", new { kind = "prelabel" })).Expect(HttpStatusCode.Accepted)["id"]!.GetValue<string>();
        var changed = await listener.WaitAsync("RunChanged", m => string.Equals(m.GetProperty("id").GetString(), run, StringComparison.Ordinal) && m.GetProperty("state").GetString() is "succeeded");
        Assert.Equal("prelabel", changed.GetProperty("kind").GetString());

        await listener.Connection.InvokeAsync("Unsubscribe", project);
        listener.Clear();
        await host.Admin.AddTextsAsync(project, ["no refund", "a late delivery"], "more");
        await host.Admin.WaitAsync($"/api/v1/projects/{project}/items", a => a["items"]!.AsArray().Count == 4);
        Assert.DoesNotContain(listener.Messages, m => m.Name is "ItemsPreLabelled");
    }

    [Fact]
    public async Task An_event_of_one_node_reaches_the_clients_of_another_once_and_Redis_may_go_and_come()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var a = await AppHost.StartAsync(("ConnectionStrings:Redis", redis.Address));

        // Each node has a database file of its own here: only the events cross. The ids of the first project are the same.
        await using var b = await AppHost.StartAsync(("ConnectionStrings:Redis", redis.Address));
        var project = await a.Admin.CreateProjectAsync(labels: ["refund", "delivery"]);
        Assert.Equal(project, await b.Admin.CreateProjectAsync(labels: ["refund", "delivery"]));
        await using var listener = await Listener.ConnectAsync(b, project);
        await using var own = await Listener.ConnectAsync(a, project);
        await SendUntilHeardAsync(a, project, listener, "first");
        Assert.Equal(1, listener.Messages.Count(m => m.Name is "ItemsPreLabelled" && m.Body.GetRawText().Contains(listener.LastKey, StringComparison.Ordinal)));

        // Without Redis each node goes on by itself, and says so.
        await redis.KillAsync();
        using var nobody = b.Client(null);
        await WaitAsync(async () => (await nobody.GetAsync("/health/ready")).Expect(HttpStatusCode.OK)["warnings"]!.AsArray().Count == 1);
        own.Clear();
        await a.Admin.AddTextsAsync(project, ["refund please", "delivery please"], "alone");
        await own.WaitAsync("ItemsPreLabelled");

        // Back again: who may have missed something is told to read again, and events cross as before.
        await using var again = await RedisServer.StartAsync(redis.Port);
        await listener.WaitAsync("EventsMissed");
        await SendUntilHeardAsync(a, project, listener, "second");
        await WaitAsync(async () => (await nobody.GetAsync("/health/ready")).Expect(HttpStatusCode.OK)["warnings"]!.AsArray().Count == 0);
    }

    [Fact]
    public async Task A_web_node_runs_no_jobs_and_a_worker_serves_only_probes_and_figures()
    {
        await using var web = await AppHost.StartAsync(("Annotator:Node:Role", "Web"));
        var project = await web.Admin.CreateProjectAsync();
        var run = (await web.Admin.PostAsync($"/api/v1/projects/{project}/runs", new { kind = "prelabel" })).Expect(HttpStatusCode.Accepted)["id"]!.GetValue<string>();
        await web.StopAsync();

        await using var worker = await AppHost.StartAsync(new AppHostOptions
        {
            DataDirectory = web.DataDirectory,
            Settings = new Dictionary<string, string>(StringComparer.Ordinal) { ["Annotator:Node:Role"] = "Worker" },
        });
        await WaitAsync(async () => (await worker.Admin.GetAsync("/metrics")).Text.Contains("annotator_runs{", StringComparison.Ordinal)
            && (await worker.Admin.GetAsync("/metrics")).Text.Split('\n').Any(l => l.StartsWith("annotator_runs{", StringComparison.Ordinal) && l.Contains("state=\"succeeded\"", StringComparison.Ordinal)));
        using var nobody = worker.Client(null);
        Assert.Equal(HttpStatusCode.OK, (await nobody.GetAsync("/health/live")).Status);
        Assert.Equal(HttpStatusCode.OK, (await nobody.GetAsync("/health/ready")).Status);
        foreach (var path in (string[])["/api/v1/projects", $"/api/v1/runs/{run}", "/", "/hangfire", "/openapi/v1.json", "/hubs/live/negotiate"])
            Assert.Equal(HttpStatusCode.NotFound, (await worker.Admin.GetAsync(path)).Status);
    }

    [Fact]
    public async Task Metrics_are_in_the_format_of_Prometheus()
    {
        await using var host = await AppHost.StartAsync();
        var project = await host.Admin.CreateProjectAsync();
        await host.Admin.AddTextsAsync(project, ["a", "b"]);
        var answer = await host.Admin.GetAsync("/metrics");
        Assert.Equal(HttpStatusCode.OK, answer.Status);
        Assert.Equal("text/plain", answer.ContentType);
        Assert.Contains("# TYPE annotator_items gauge", answer.Text, StringComparison.Ordinal);
        Assert.Contains(answer.Text.Split('\n'), l => l.StartsWith("annotator_items{", StringComparison.Ordinal) && l.Contains("state=\"queued\"", StringComparison.Ordinal) && l.Split(' ')[1] is "2");
        Assert.Contains("http_server_request_duration_seconds", answer.Text, StringComparison.Ordinal);
    }

    private static async Task SendUntilHeardAsync(AppHost from, string project, Listener listener, string name)
    {
        // The subscription of a node at Redis takes a moment; an event before it is lost, as pub/sub has it.
        for (var i = 0; ; i++)
        {
            listener.LastKey = $"{name}{i}-0";
            await from.Admin.AddTextsAsync(project, ["I want a refund, number " + i, "where is my delivery, number " + i], $"{name}{i}-");
            if (await listener.HearsAsync("ItemsPreLabelled", m => m.GetRawText().Contains(listener.LastKey, StringComparison.Ordinal), TimeSpan.FromSeconds(2))) return;
            Assert.True(i < 30, "Nothing is heard of the other node.");
        }
    }

    private static async Task WaitAsync(Func<Task<bool>> done)
    {
        var end = TimeProvider.System.GetUtcNow().AddSeconds(60);
        while (!await done())
        {
            Assert.True(TimeProvider.System.GetUtcNow() < end, "It does not come to that.");
            await Task.Delay(100);
        }
    }

    private sealed class Listener : IAsyncDisposable
    {
        private static readonly string[] s_calls = ["ItemsPreLabelled", "ItemsDecided", "ModelTrained", "RunChanged"];
        private readonly ConcurrentQueue<(string Name, JsonElement Body)> _messages = new();

        private Listener(HubConnection connection) => Connection = connection;

        public HubConnection Connection { get; }

        public string LastKey { get; set; } = "";

        public IReadOnlyCollection<(string Name, JsonElement Body)> Messages => _messages;

        public static async Task<Listener> ConnectAsync(AppHost host, string project)
        {
            var connection = new HubConnectionBuilder().WithUrl(new Uri(host.BaseAddress, "/hubs/live"), o => o.AccessTokenProvider = () => Task.FromResult<string?>(AppHost.AdminToken)).Build();
            var listener = new Listener(connection);
            foreach (var call in s_calls) connection.On<JsonElement>(call, body => listener._messages.Enqueue((call, body.Clone())));
            connection.On("EventsMissed", () => listener._messages.Enqueue(("EventsMissed", default)));
            await connection.StartAsync();
            await connection.InvokeAsync("Subscribe", project);
            return listener;
        }

        public void Clear() => _messages.Clear();

        public async Task<JsonElement> WaitAsync(string name, Func<JsonElement, bool>? wanted = null)
        {
            Assert.True(await HearsAsync(name, wanted, TimeSpan.FromSeconds(60)), $"{name} does not come.");
            return _messages.First(m => string.Equals(m.Name, name, StringComparison.Ordinal) && wanted?.Invoke(m.Body) != false).Body;
        }

        public async Task<bool> HearsAsync(string name, Func<JsonElement, bool>? wanted, TimeSpan within)
        {
            var end = TimeProvider.System.GetUtcNow() + within;
            while (!_messages.Any(m => string.Equals(m.Name, name, StringComparison.Ordinal) && wanted?.Invoke(m.Body) != false))
            {
                if (TimeProvider.System.GetUtcNow() > end) return false;
                await Task.Delay(50);
            }

            return true;
        }

        public ValueTask DisposeAsync() => Connection.DisposeAsync();
    }
}
