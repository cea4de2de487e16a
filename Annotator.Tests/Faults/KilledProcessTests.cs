using System.Globalization;
using System.Text.Json.Nodes;
using Annotator.Core.Items;
using Annotator.Tests.Support;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Tests.Faults;

/// <summary>On the embedded default.</summary>
public sealed class KilledOnSqliteTests() : KilledProcessTests("Sqlite");

/// <summary>On PostgreSQL.</summary>
public sealed class KilledOnPostgreSqlTests() : KilledProcessTests("PostgreSql");

/// <summary>kill -9 in the middle of the work: after a restart it is finished, and nothing is lost or done twice.</summary>
/// <param name="provider">On which database; a class each, because they wait much and can wait together.</param>
public abstract class KilledProcessTests(string provider)
{
    private const int Lines = 8_000;

    // Every twentieth line has a cell too many, and is refused.
    private const int Broken = Lines / 20;

    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(4);

    [Fact]
    public async Task Import_AndWhatFollowsIt_SurvivesKills()
    {
        using var database = await TestDatabase.CreateAsync(provider);
        await using var host = await ProcessHost.StartAsync(database, ("Annotator:Runs:OwnerTimeoutSeconds", "5"));
        var project = await host.NewProjectAsync(Rows.Labels);
        var run = await host.ImportAsync(project, new ByteArrayContent(File()), "format=csv&text=text&key=id");

        // Three moments of the import, then one of whatever follows it.
        var random = new Random(20_260_101);
        foreach (var share in Enumerable.Range(0, 3).Select(_ => random.NextDouble()).Order().ToList())
        {
            await ReachAsync(host, run, (long)(share * Lines));
            await host.KillAsync();
            await host.StartAgainAsync();
        }

        await Eventually.TrueAsync(async () => IsOver(await host.GetAsync($"/api/v1/runs/{run}")), s_patience, () => host.Output);
        await Eventually.TrueAsync(async () => (await RunsAsync(host, project)).Count > 1, s_patience, () => host.Output);
        await Task.Delay(TimeSpan.FromMilliseconds(random.Next(400)));
        await host.KillAsync();
        await host.StartAgainAsync();
        await IdleAsync(host, project);

        var import = await host.GetAsync($"/api/v1/runs/{run}");
        Assert.Equal("succeeded", import["state"]!.GetValue<string>());
        Assert.Equal(Lines - Broken, import["done"]!.GetValue<long>());
        Assert.Equal(Broken, import["rejected"]!.GetValue<long>());
        Assert.Equal(Lines - Broken, import["result"]!["created"]!.GetValue<long>());
        var rejections = new List<long>();
        string? cursor = null;
        do
        {
            var page = await host.GetAsync($"/api/v1/runs/{run}/rejections?limit=1000{(cursor is null ? "" : $"&cursor={cursor}")}");
            rejections.AddRange(page["items"]!.AsArray().Select(r => r!["line"]!.GetValue<long>()));
            cursor = page["next"]?.GetValue<string>();
        }
        while (cursor is not null);
        Assert.Equal(Broken, rejections.Distinct().Count());
        Assert.Equal(Broken, rejections.Count);
        await host.StopAsync();

        await using var core = await CoreHost.StartAsync(database);
        await using var db = await core.Database.OpenAsync();
        var stored = await db.Projects.AsNoTracking().SingleAsync();
        var keys = await db.Items.Select(i => i.Key).ToListAsync();
        Assert.Equal(Lines - Broken, keys.Count);
        Assert.Equal(Enumerable.Range(0, Lines).Where(i => !IsBroken(i)).Sum(i => (long)i), keys.Sum(k => long.Parse(k, CultureInfo.InvariantCulture)));
        Assert.False(await db.Items.AnyAsync(i => i.State == ItemState.New));
        await Consistency.CheckAsync(db, stored);
        Assert.Empty(Directory.Exists(Path.Combine(database.Folder, "blobs", "uploads")) ? Directory.GetFiles(Path.Combine(database.Folder, "blobs", "uploads")) : []);
    }

    [Fact]
    public async Task PrelabelRun_WithASlowLlm_SurvivesKills()
    {
        const int items = 400;
        const int perCall = 5;
        using var database = await TestDatabase.CreateAsync(provider);
        var asked = new System.Collections.Concurrent.ConcurrentDictionary<string, int>(StringComparer.Ordinal);
        await using var llm = await FakeLlmServer.StartAsync(request =>
        {
            foreach (var (_, text) in request.Items) asked.AddOrUpdate(text, 1, (_, n) => n + 1);
            return FakeLlmReply.After(Task.Delay(100), FakeLlmReply.Good(request, text => Rows.Labels[text.Length % Rows.Labels.Count]));
        });
        await using var host = await ProcessHost.StartAsync(
            database, ("Annotator:Runs:OwnerTimeoutSeconds", "5"), ("Annotator:Llm:BaseUrl", llm.BaseUrl), ("Annotator:Llm:Model", "fake-1"), ("Annotator:Llm:ApiKey", "none"), ("Annotator:Llm:Concurrency", "4"));
        var project = await host.NewProjectAsync(Rows.Labels, new { groupDuplicates = false, llm = new { enabled = true, itemsPerCall = perCall } });
        await host.ImportAsync(project, new ByteArrayContent(Rows.Csv(items)), "format=csv&text=text&key=id");

        var random = new Random(20_260_102);
        var kills = Enumerable.Range(0, 3).Select(_ => random.Next(items)).Order().ToList();
        foreach (var moment in kills)
        {
            await Eventually.TrueAsync(() => Task.FromResult(asked.Count >= moment), s_patience, () => host.Output);
            await host.KillAsync();
            await host.StartAgainAsync();
        }

        // All runs may have ended for a while where the server was not to be had: those items are asked about again by themselves.
        await Eventually.TrueAsync(
            async () => (await host.GetAsync($"/api/v1/projects/{project}/items?limit=1000"))["items"]!.AsArray().Count(i => i!["prediction"]?["source"]?.GetValue<string>() == "llm") == items,
            s_patience, () => host.Output);
        await IdleAsync(host, project);
        var metrics = await host.GetAsync($"/api/v1/projects/{project}/metrics");
        await host.StopAsync();

        Assert.Equal(items, metrics["items"]!["total"]!.GetValue<long>());
        Assert.Equal(items, asked.Count);

        // What was under way at a kill is asked again, what was stored is not: at most the calls at a time, twice as many whose answers waited to be stored, and as many that
        // were just being stored.
        Assert.InRange(asked.Values.Sum(n => n - 1), 0, kills.Count * 5 * 4 * perCall);
        await using var core = await CoreHost.StartAsync(database);
        await using var db = await core.Database.OpenAsync();
        var said = await db.Predictions.AsNoTracking().Where(p => p.Source == LabelSource.Llm).GroupBy(p => p.Failure).Select(g => new { g.Key, Count = g.Count() }).ToListAsync();
        Assert.True(said is [{ Key: null, Count: items }], string.Join(", ", said.Select(s => $"{s.Key ?? "answered"}: {s.Count}")));
        Assert.Equal(items, await db.Items.CountAsync(i => i.PredictionSource == LabelSource.Llm && (i.State == ItemState.Queued || i.State == ItemState.Final)));
        foreach (var run in await db.Runs.AsNoTracking().Where(r => r.Kind == "prelabel").ToListAsync()) Assert.True(run.Done <= items, $"Run {run.Id} counts {run.Done} of {items} items.");
        await Consistency.CheckAsync(db, await db.Projects.AsNoTracking().SingleAsync());
    }

    [Fact]
    public async Task PrelabelRun_IsTakenUpWhereItStood()
    {
        const int items = 6_000;
        using var database = await TestDatabase.CreateAsync(provider);
        await using var host = await ProcessHost.StartAsync(database, ("Annotator:Runs:OwnerTimeoutSeconds", "5"));
        var project = await host.NewProjectAsync(Rows.Labels, new { groupDuplicates = false });
        await host.ImportAsync(project, new ByteArrayContent(Rows.Csv(items)), "format=csv&text=text&key=id");
        string? prelabel = null;
        await Eventually.TrueAsync(
            async () => (prelabel = (await RunsAsync(host, project)).FirstOrDefault(r => r["kind"]!.GetValue<string>() is "prelabel")?["id"]!.GetValue<string>()) is not null, s_patience, () => host.Output);

        var random = new Random(20_260_103);
        foreach (var share in Enumerable.Range(0, 3).Select(_ => random.NextDouble()).Order().ToList())
        {
            await ReachAsync(host, prelabel!, (long)(share * items));
            await host.KillAsync();
            await host.StartAgainAsync();
        }

        await IdleAsync(host, project);
        var run = await host.GetAsync($"/api/v1/runs/{prelabel}");
        Assert.Equal("succeeded", run["state"]!.GetValue<string>());
        Assert.Equal(items, run["done"]!.GetValue<long>());
        await host.StopAsync();
        await using var core = await CoreHost.StartAsync(database);
        await using var db = await core.Database.OpenAsync();
        Assert.Equal(items, await db.Items.CountAsync(i => i.State == ItemState.Queued));
        await Consistency.CheckAsync(db, await db.Projects.AsNoTracking().SingleAsync());
    }

    internal static bool IsOver(JsonNode run) => run["state"]!.GetValue<string>() is "succeeded" or "failed" or "cancelled";

    internal static async Task<List<JsonNode>> RunsAsync(ProcessHost host, string project) =>
        [.. (await host.GetAsync($"/api/v1/projects/{project}/runs?limit=100"))["items"]!.AsArray().Select(r => r!)];

    // All runs have ended; each ending may have asked for another.
    internal static Task IdleAsync(ProcessHost host, string project) => Eventually.TrueAsync(
        async () => (await RunsAsync(host, project)).TrueForAll(IsOver), s_patience, () => host.Output);

    private static Task ReachAsync(ProcessHost host, string run, long done) => Eventually.TrueAsync(
        async () => await host.GetAsync($"/api/v1/runs/{run}") is var now && (now["done"]!.GetValue<long>() >= done || IsOver(now)), s_patience, () => host.Output);

    private static bool IsBroken(int line) => line % (Lines / Broken) == 7;

    private static byte[] File()
    {
        var text = new System.Text.StringBuilder("id,text\n", Lines * 100);
        foreach (var (id, row, _) in Rows.Take(Lines)) text.Append(CultureInfo.InvariantCulture, $"{id},{row}").Append(IsBroken(id) ? ",a cell too many\n" : "\n");
        return System.Text.Encoding.UTF8.GetBytes(text.ToString());
    }
}
