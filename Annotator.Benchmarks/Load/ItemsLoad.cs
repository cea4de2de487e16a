using System.Diagnostics;
using System.Globalization;
using System.Text;
using Annotator.Tests.Support;

namespace Annotator.Benchmarks.Load;

/// <summary>
/// Single items through <c>POST …/items</c> with a trained student: times and throughput with 1, 16 and 64 clients that send
/// as fast as they are answered, then at half the highest rate, due by the clock whatever the answers do, over the connections of those 64.
/// <c>-- system-items [SECONDS] [postgresql]</c>.
/// </summary>
internal static class ItemsLoad
{
    private const int MostClients = 64;

    private static int s_next;

    public static async Task<int> RunAsync(string[] args)
    {
        var seconds = LoadHost.Number(args, 0, 10);
        await using var host = await LoadHost.StartAsync(args);
        var project = await host.TrainedProjectAsync();
        var texts = Rows.Take(20_000).Select(r => r.Text).ToArray();
        using var client = host.Server.NewClient(ProcessHost.Token);
        Console.WriteLine($"single items, {host.Database.Provider}, {seconds} s each");
        await ClosedAsync(client, project, texts, clients: 16, seconds: 5);
        var best = 0.0;
        foreach (var clients in (int[])[1, 16, MostClients])
        {
            var (rate, times) = await ClosedAsync(client, project, texts, clients, seconds);
            Console.WriteLine($"  {clients,3} clients  {rate,8:N0} items/s  {times}");
            best = Math.Max(best, rate);
        }

        var half = best / 2;
        using var pooled = host.Server.NewClient(ProcessHost.Token, MostClients);
        await ClosedAsync(pooled, project, texts, MostClients, seconds: 2);
        var paced = await PacedAsync(pooled, project, texts, half, seconds);
        Console.WriteLine($"  {half,8:N0} items/s by the clock        {paced}");
        return 0;
    }

    private static async Task<(double Rate, Latencies Times)> ClosedAsync(HttpClient client, string project, string[] texts, int clients, int seconds)
    {
        var times = new Latencies();
        var watch = Stopwatch.StartNew();
        await Task.WhenAll(Enumerable.Range(0, clients).Select(_ => Task.Run(async () =>
        {
            while (watch.Elapsed.TotalSeconds < seconds) times.Add(await SendAsync(client, project, texts));
        })));
        return (times.Count / watch.Elapsed.TotalSeconds, times);
    }

    // Times count from when a request was due, so that a stall is not hidden by requests that were not sent.
    private static async Task<Latencies> PacedAsync(HttpClient client, string project, string[] texts, double rate, int seconds)
    {
        var times = new Latencies();
        var watch = Stopwatch.StartNew();
        var requests = new List<Task>();
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(1));
        var due = 0;
        while (watch.Elapsed.TotalSeconds < seconds)
        {
            await timer.WaitForNextTickAsync();
            for (; due < watch.Elapsed.TotalSeconds * rate; due++)
            {
                var at = TimeSpan.FromSeconds(due / rate);
                requests.Add(Task.Run(async () =>
                {
                    await SendAsync(client, project, texts);
                    times.Add(watch.Elapsed - at);
                }));
            }
        }

        await Task.WhenAll(requests);
        return times;
    }

    private static async Task<TimeSpan> SendAsync(HttpClient client, string project, string[] texts)
    {
        var n = Interlocked.Increment(ref s_next);
        using var body = new StringContent(string.Create(CultureInfo.InvariantCulture, $"{{\"items\":[{{\"key\":\"s{n}\",\"text\":\"{texts[n % texts.Length]}\"}}]}}"), Encoding.UTF8, "application/json");
        var watch = Stopwatch.StartNew();
        using var response = await client.PostAsync($"/api/v1/projects/{project}/items", body);
        var text = await response.Content.ReadAsStringAsync();
        var took = watch.Elapsed;
        if (!response.IsSuccessStatusCode || !text.Contains("\"created\":true", StringComparison.Ordinal)) throw new InvalidOperationException($"{(int)response.StatusCode}: {text}");
        return took;
    }
}
