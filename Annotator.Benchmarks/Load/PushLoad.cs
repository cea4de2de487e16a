using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.Json;
using Annotator.Tests.Support;
using Microsoft.AspNetCore.SignalR.Client;

namespace Annotator.Benchmarks.Load;

/// <summary>
/// From the moment that a program sends an item to the moment that its pre-label arrives at a subscriber of the hub, and that it stands on another
/// person's open review page in Chromium, on loopback, with a trained student. <c>-- system-push [ITEMS] [PER SECOND] [postgresql]</c>.
/// </summary>
internal static class PushLoad
{
    public static async Task<int> RunAsync(string[] args)
    {
        var (items, rate) = (LoadHost.Number(args, 0, 1_000), LoadHost.Number(args, 1, 50));
        await using var host = await LoadHost.StartAsync(args);
        var project = await host.TrainedProjectAsync();
        var sent = new ConcurrentDictionary<string, long>(StringComparer.Ordinal);
        var (pushed, answered) = (new Latencies(), new Latencies());
        await using var hub = new HubConnectionBuilder().WithUrl(new Uri(host.Server.Address, "/hubs/live"), o => o.AccessTokenProvider = () => Task.FromResult<string?>(ProcessHost.Token)).Build();
        var waiting = new SemaphoreSlim(0);
        hub.On<JsonElement>("ItemsPreLabelled", batch =>
        {
            var now = Stopwatch.GetTimestamp();
            foreach (var item in batch.EnumerateArray())
            {
                if (!sent.TryRemove(item.GetProperty("key").GetString()!, out var at)) continue;
                if (item.GetProperty("key").GetString()!.StartsWith('m')) pushed.Add(Stopwatch.GetElapsedTime(at, now));
                waiting.Release();
            }
        });
        await hub.StartAsync();
        await hub.InvokeAsync("Subscribe", project);

        var texts = Rows.Take(items + 100).ToList();
        for (var n = 0; n < 100; n++) await SendAsync(host, project, $"w{n}", texts[n].Text, sent, null);
        using var timer = new PeriodicTimer(TimeSpan.FromSeconds(1.0 / rate));
        var posts = new List<Task>();
        for (var n = 0; n < items; n++)
        {
            await timer.WaitForNextTickAsync();
            posts.Add(SendAsync(host, project, $"m{n}", texts[n + 100].Text, sent, answered));
        }

        await Task.WhenAll(posts);
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        for (var n = 0; n < items + 100; n++) await waiting.WaitAsync(patience.Token);
        Console.WriteLine($"{items:N0} items, {rate} a second, {host.Database.Provider}");
        Console.WriteLine($"  POST answered            {answered}");
        Console.WriteLine($"  POST to hub subscriber   {pushed}");
        await using var page = await OpenPage.OpenAsync(host.Server.Address, project);
        if (page is null) return 0;
        for (var n = 0; n < Math.Min(items, 300); n++)
        {
            await timer.WaitForNextTickAsync();
            if (n % Math.Max(1, rate / 10) != 0) continue;
            page.Sent($"p{n}");
            await SendAsync(host, project, $"p{n}", $"p{n} {texts[n].Text}", sent, null);
        }

        Console.WriteLine($"  POST to open page        {await page.SeenAsync()}");
        return 0;
    }

    private static async Task SendAsync(LoadHost host, string project, string key, string text, ConcurrentDictionary<string, long> sent, Latencies? answered)
    {
        var watch = Stopwatch.StartNew();
        sent[key] = Stopwatch.GetTimestamp();
        await host.Server.PostAsync($"/api/v1/projects/{project}/items", new { items = new[] { new { key, text } } });
        answered?.Add(watch.Elapsed);
    }
}
