using System.Diagnostics.Metrics;
using Annotator.Core.Labels;
using Annotator.Core.Quality;
using Annotator.Core.Storage;
using Annotator.Web.Accounts;
using Annotator.Web.Live;
using Microsoft.EntityFrameworkCore;
using OpenTelemetry.Metrics;

namespace Annotator.Web.Hosting;

/// <summary>
/// What monitors read at <c>/metrics</c>, in the text format of Prometheus: the runtime's and the server's own figures, and the
/// installation's counts of items, labels, decisions, runs and live connections.
/// </summary>
internal static class Metrics
{
    public static void AddPrometheus(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton<InstallationMeter>();
        builder.Services.AddOpenTelemetry().WithMetrics(metrics => metrics
            .AddMeter(InstallationMeter.Name, "System.Runtime", "Microsoft.AspNetCore.Hosting", "Microsoft.AspNetCore.Server.Kestrel", "Microsoft.AspNetCore.Http.Connections", "Npgsql")
            .AddPrometheusExporter());
    }

    public static void MapPrometheus(this WebApplication app)
    {
        // The counts are read for the scrape; observing them must not wait for the database.
        app.UseWhen(
            context => context.Request.Path.Equals("/metrics", StringComparison.Ordinal),
            scrape => scrape.Use(async (context, next) =>
            {
                await context.RequestServices.GetRequiredService<InstallationMeter>().ReadAsync(context.RequestAborted);
                await next(context);
            }));
        app.MapPrometheusScrapingEndpoint("/metrics").RequireAuthorization(Policies.Admin);
    }
}

/// <summary>The installation's counts, as they were read last.</summary>
internal sealed class InstallationMeter : IDisposable
{
    /// <summary>Name of the meter.</summary>
    public const string Name = "Annotator";

    private static readonly TimeSpan Fresh = TimeSpan.FromSeconds(2);

    private readonly AnnotatorDatabase _database;
    private readonly TimeProvider _time;
    private readonly Meter _meter;
    private (Measurement<long>[] Items, Measurement<long>[] Labels, Measurement<long>[] Decisions, Measurement<long>[] Runs) _counts = ([], [], [], []);
    private long _read;

    public InstallationMeter(AnnotatorDatabase database, LiveConnections connections, TimeProvider time, IMeterFactory meters)
    {
        (_database, _time) = (database, time);
        _meter = meters.Create(Name);
        _meter.CreateObservableGauge("annotator.items", () => _counts.Items, description: "Items by state, over all projects.");
        _meter.CreateObservableGauge("annotator.labels", () => _counts.Labels, description: "Final labels by source, over all projects.");
        _meter.CreateObservableGauge("annotator.decisions", () => _counts.Decisions, description: "Decisions of people that gave a label and stand.");
        _meter.CreateObservableGauge("annotator.runs", () => _counts.Runs, description: "Runs by state.");
        _meter.CreateObservableGauge("annotator.live.connections", () => connections.Count, description: "Open connections of the live hub on this node.");
    }

    /// <summary>Reads the counts, unless they were read a moment ago.</summary>
    public async Task ReadAsync(CancellationToken cancellationToken)
    {
        var read = Interlocked.Read(ref _read);
        if (read != 0 && _time.GetElapsedTime(read) < Fresh) return;
        var (counters, runs) = await _database.ReadAsync(
            async db => (
                await db.Counters.GroupBy(c => c.Name).Select(g => new { g.Key, Sum = g.Sum(c => c.Value) }).ToListAsync(cancellationToken),
                await db.Runs.GroupBy(r => r.State).Select(g => new { g.Key, Count = g.LongCount() }).ToListAsync(cancellationToken)),
            cancellationToken);
        Measurement<long>[] Of(string prefix, string tag) =>
            [.. counters.Where(c => c.Key.StartsWith(prefix, StringComparison.Ordinal)).Select(c => new Measurement<long>(c.Sum, new KeyValuePair<string, object?>(tag, c.Key[prefix.Length..])))];
        _counts = (
            Of("state:", "state"),
            Of("label:", "source"),
            [new(counters.FirstOrDefault(c => string.Equals(c.Key, CounterNames.HumanDecisions, StringComparison.Ordinal))?.Sum ?? 0)],
            [.. runs.Select(r => new Measurement<long>(r.Count, new KeyValuePair<string, object?>("state", Names.Of(r.Key))))]);
        Interlocked.Exchange(ref _read, _time.GetTimestamp());
    }

    public void Dispose() => _meter.Dispose();
}
