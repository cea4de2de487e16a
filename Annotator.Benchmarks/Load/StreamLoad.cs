using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Threading.Channels;
using Annotator.Tests.Support;
using Annotator.Web.Streaming;
using Microsoft.AspNetCore.SignalR.Client;
using Microsoft.Extensions.DependencyInjection;

namespace Annotator.Benchmarks.Load;

/// <summary>
/// The hub's stream (MessagePack) with a trained student: what one stream carries, then twice that for a while with urgent items between,
/// from another connection: how long the urgent ones take, whether everything that was acknowledged is there, what memory it takes, and how soon it is itself again.
/// <c>-- system-stream [SECONDS] [OVERLOAD SECONDS] [postgresql]</c>.
/// </summary>
internal static class StreamLoad
{
    private const int UrgentPerSecond = 20;

    private static int s_next;

    public static async Task<int> RunAsync(string[] args)
    {
        var (seconds, overload) = (LoadHost.Number(args, 0, 10), LoadHost.Number(args, 1, 60));
        await using var host = await LoadHost.StartAsync(args);
        var project = await host.TrainedProjectAsync();
        var texts = Rows.Take(20_000).Select(r => r.Text).ToArray();
        await using var first = await ConnectAsync(host);
        await using var second = await ConnectAsync(host);
        await StreamAsync(first, project, texts, null, 3, "batch", null);
        var before = await TotalAsync(host, project);

        // What was sent and still lies in the buffers of the line when the sender stops is answered later: the time until then counts.
        var (alone, times, took) = await StreamAsync(first, project, texts, null, seconds, "batch", null);
        var capacity = alone / took.TotalSeconds;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"one stream, {host.Database.Provider}, {seconds} s: {capacity:N0} items/s, {times}"));
        var (calm, calmTimes, _) = await StreamAsync(second, project, texts, UrgentPerSecond, 5, "urgent", null);
        Console.WriteLine($"urgent, nothing else       {calmTimes}");

        // Twice the capacity is offered; what cannot be taken waits at the sender, whose list of acknowledged keys is held against the centre.
        var acknowledged = new ConcurrentBag<string>();
        var batch = StreamAsync(first, project, texts, (int)(2 * capacity), overload, "batch", acknowledged);
        var urgent = StreamAsync(second, project, texts, UrgentPerSecond, overload, "urgent", acknowledged);
        var ((batched, _, batchedTook), (hurried, hurriedTimes, _)) = (await batch, await urgent);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"twice as much for {overload} s: {batched / batchedTook.TotalSeconds:N0} batch items/s acknowledged of {2 * capacity:N0} offered"));
        Console.WriteLine($"  urgent beside it         {hurriedTimes}");
        var (_, afterTimes, _) = await StreamAsync(second, project, texts, UrgentPerSecond, 5, "urgent", null);
        Console.WriteLine($"  urgent right after       {afterTimes}");

        await host.IdleAsync(project);
        var total = await TotalAsync(host, project);
        var all = alone + calm + batched + hurried;
        var memory = await host.Server.Process.PeakMemoryAsync() / 1e6;
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"  acknowledged {acknowledged.Count:N0}, {acknowledged.Distinct(StringComparer.Ordinal).Count():N0} distinct; at the centre {total - before:N0} (at least {all:N0} wanted); peak memory {memory:N0} MB"));
        return total - before >= all ? 0 : 1;
    }

    private static async Task<(long Answered, Latencies Times, TimeSpan Took)> StreamAsync(HubConnection hub, string project, string[] texts, int? perSecond, int seconds, string priority, ConcurrentBag<string>? acknowledged)
    {
        // The sender's own room is small: what is not taken is not made, as with a source that can be held up.
        var sending = Channel.CreateBounded<StreamItem>(64);
        var sent = new ConcurrentDictionary<string, long>(StringComparer.Ordinal);
        var watch = Stopwatch.StartNew();
        var writing = Task.Run(async () =>
        {
            for (var made = 0L; watch.Elapsed.TotalSeconds < seconds; made++)
            {
                if (perSecond is { } rate && made > watch.Elapsed.TotalSeconds * rate)
                {
                    await Task.Delay(2);
                    made--;
                    continue;
                }

                var n = Interlocked.Increment(ref s_next);
                var key = string.Create(CultureInfo.InvariantCulture, $"st{n}");
                sent[key] = Stopwatch.GetTimestamp();
                await sending.Writer.WriteAsync(new StreamItem { Key = key, Text = texts[n % texts.Length], Priority = priority });
            }

            sending.Writer.Complete();
        });
        var (times, answered) = (new Latencies(), 0L);
        await foreach (var answer in hub.StreamAsync<StreamAnswer>("Annotate", project, sending.Reader))
        {
            if (answer.Error is not null) throw new InvalidOperationException(answer.Error);
            if (sent.TryRemove(answer.Key, out var at)) times.Add(Stopwatch.GetElapsedTime(at));
            acknowledged?.Add(answer.Key);
            answered++;
        }

        await writing;
        return (answered, times, watch.Elapsed);
    }

    private static async Task<long> TotalAsync(LoadHost host, string project) => (await host.Server.GetAsync($"/api/v1/projects/{project}/metrics"))["items"]!["total"]!.GetValue<long>();

    private static async Task<HubConnection> ConnectAsync(LoadHost host)
    {
        var hub = new HubConnectionBuilder()
            .WithUrl(new Uri(host.Server.Address, "/hubs/live"), o => o.AccessTokenProvider = () => Task.FromResult<string?>(ProcessHost.Token))
            .AddMessagePackProtocol(o => o.SerializerOptions = JsonElementFormatter.Options).Build();
        await hub.StartAsync();
        return hub;
    }
}
