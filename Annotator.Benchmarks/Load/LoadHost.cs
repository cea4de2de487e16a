using System.Globalization;
using System.Text;
using Annotator.Tests.Support;

namespace Annotator.Benchmarks.Load;

/// <summary>The product as a process of its own on an empty database, for measurements from outside.</summary>
internal sealed class LoadHost : IAsyncDisposable
{
    private readonly PostgreSqlCluster? _cluster;

    private LoadHost(TestDatabase database, ProcessHost server, PostgreSqlCluster? cluster) => (Database, Server, _cluster) = (database, server, cluster);

    /// <summary>Where its data are.</summary>
    public TestDatabase Database { get; }

    /// <summary>The process.</summary>
    public ProcessHost Server { get; private set; }

    /// <summary>Starts it.</summary>
    /// <param name="args">Where one is <c>postgresql</c>, that database with durable commits; else the embedded default.</param>
    /// <param name="settings">More settings.</param>
    public static async Task<LoadHost> StartAsync(string[] args, params (string Key, string? Value)[] settings)
    {
        PostgreSqlCluster? cluster = null;
        TestDatabase database;
        if (args.Contains("postgresql", StringComparer.OrdinalIgnoreCase))
        {
            if (PostgreSqlCluster.Programs is null) throw new InvalidOperationException("PostgreSQL is not installed.");
            cluster = await PostgreSqlCluster.StartAsync(durable: true);
            database = TestDatabase.On("PostgreSql", await cluster.CreateDatabaseAsync());
        }
        else
        {
            database = await TestDatabase.CreateAsync("Sqlite");
        }

        // As it is run: with all that tests go without.
        return new LoadHost(database, await ProcessHost.StartAsync(database, [("DOTNET_TieredPGO", null), .. settings]), cluster);
    }

    /// <summary>A number among the arguments, in order, or its default.</summary>
    public static int Number(string[] args, int index, int otherwise)
    {
        var numbers = args.Where(a => int.TryParse(a, CultureInfo.InvariantCulture, out _)).Select(a => int.Parse(a, CultureInfo.InvariantCulture)).ToList();
        return index < numbers.Count ? numbers[index] : otherwise;
    }

    /// <summary>Makes a project with a trained student: 2,000 texts whose first word tells the label.</summary>
    /// <returns>Its id.</returns>
    public async Task<string> TrainedProjectAsync()
    {
        var project = await Server.NewProjectAsync(Rows.Labels, new { groupDuplicates = false });
        var csv = new StringBuilder("id,text,label\n");
        foreach (var (id, text, label) in Rows.Take(2_000)) csv.Append(CultureInfo.InvariantCulture, $"t{id},{label} {text},{label}\n");
        await Server.ImportAsync(project, new ByteArrayContent(Encoding.UTF8.GetBytes(csv.ToString())), "format=csv&text=text&key=id&label=label");
        await Eventually.TrueAsync(
            async () => (await Server.GetAsync($"/api/v1/projects/{project}/metrics"))["student"] is not null, TimeSpan.FromMinutes(3), () => Server.Output);
        await IdleAsync(project);
        return project;
    }

    /// <summary>Waits until no run is under way.</summary>
    public Task IdleAsync(string project) => Eventually.TrueAsync(
        async () => (await Server.GetAsync($"/api/v1/projects/{project}/runs?limit=50"))["items"]!.AsArray().All(r => r!["state"]!.GetValue<string>() is not ("queued" or "running")),
        TimeSpan.FromMinutes(20),
        () => Server.Output);

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        await Server.DisposeAsync();
        if (_cluster is not null) await _cluster.DisposeAsync();
        Database.Dispose();
    }
}
