using System.Collections.Concurrent;
using Annotator.Core.Items;
using Annotator.Core.Runs;
using Annotator.Tests.Support;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Annotator.Tests.Faults;

/// <summary>Runs between workers: shared, taken over, cancelled, and never done twice.</summary>
public sealed class RunFaultTests
{
    [Theory]
    [MemberData(nameof(Providers.All), MemberType = typeof(Providers))]
    public async Task ManyWorkers_ShareRuns_AndDoEachStepOnce(string provider)
    {
        const int projects = 4;
        const int runsEach = 5;
        using var database = await TestDatabase.CreateAsync(provider);
        var steps = new Steps();
        await using var first = await StartAsync(database, steps);
        await using var second = provider is "Sqlite" ? null : await StartAsync(database, steps);
        CoreHost[] nodes = second is null ? [first] : [first, second];
        var ids = new List<long>();
        for (var p = 0; p < projects; p++)
        {
            var project = await first.NewProjectAsync(Rows.Labels);
            for (var r = 0; r < runsEach; r++) ids.Add((await first.Get<RunService>().StartAsync(project.Id, StepHandler.RunKind)).Id);
        }

        // Every worker tries every run, again and again, as a job server that delivers twice would.
        await Task.WhenAll(Enumerable.Range(0, 8).Select(worker => Task.Run(async () =>
        {
            var random = new Random(worker);
            var runs = nodes[worker % nodes.Length].Get<RunService>();
            while (true)
            {
                var left = new List<long>();
                foreach (var id in ids)
                {
                    if (await runs.FindAsync(id) is { State: RunState.Queued or RunState.Running }) left.Add(id);
                }

                if (left.Count == 0) return;
                await runs.ExecuteAsync(left[random.Next(left.Count)], CancellationToken.None);
            }
        })));

        Assert.Equal(ids.Count * StepHandler.Steps, steps.Done.Count);
        Assert.All(steps.Done, s => Assert.Equal(1, s.Value));
        Assert.False(steps.Overlapped, "Two runs of one kind worked in one project at a time.");
        await using var db = await first.Database.OpenAsync();
        Assert.All(await db.Runs.ToListAsync(), r => Assert.Equal((RunState.Succeeded, (long)StepHandler.Steps, 1), (r.State, r.Done, r.Attempts)));
    }

    [Theory]
    [MemberData(nameof(Providers.All), MemberType = typeof(Providers))]
    public async Task WorkerWithoutAHeartbeat_IsTakenOver_AndCommitsNothingMore(string provider)
    {
        using var database = await TestDatabase.CreateAsync(provider);
        var steps = new Steps { StopAt = 3 };

        // So long that it gives no sign during the test.
        await using var host = await StartAsync(database, steps, ownerTimeout: 3_600);
        var project = await host.NewProjectAsync(Rows.Labels);
        var run = await host.Get<RunService>().StartAsync(project.Id, StepHandler.RunKind);
        var stuck = Task.Run(() => host.Get<RunService>().ExecuteAsync(run.Id, CancellationToken.None));
        await steps.Stopped.Task.WaitAsync(TimeSpan.FromMinutes(1));

        // Alive: nobody else gets it.
        await host.Get<RunService>().ExecuteAsync(run.Id, CancellationToken.None);
        Assert.Equal(RunState.Running, (await host.Get<RunService>().FindAsync(run.Id))!.State);

        // No sign for too long: the next one that comes goes on where it stood.
        await host.Database.WriteAsync(scope => scope.Db.Runs.ExecuteUpdateAsync(x => x.SetProperty(r => r.OwnedUntil, DateTimeOffset.UnixEpoch)));
        steps.StopAt = -1;
        await host.Get<RunService>().RecoverAsync(ownersAreDead: false);
        await host.RunAllAsync();
        Assert.Equal(RunState.Succeeded, (await host.Get<RunService>().FindAsync(run.Id))!.State);

        // The first one wakes, and finds that it is no longer its run.
        steps.GoOn.SetResult();
        await stuck.WaitAsync(TimeSpan.FromMinutes(1));
        var after = (await host.Get<RunService>().FindAsync(run.Id))!;
        Assert.Equal((RunState.Succeeded, (long)StepHandler.Steps, 2), (after.State, after.Done, after.Attempts));
        Assert.All(steps.Done, s => Assert.Equal(1, s.Value));
    }

    [Theory]
    [MemberData(nameof(Providers.All), MemberType = typeof(Providers))]
    public async Task CancelledRun_Stops_KeepsWhatItDid_AndLetsTheNextOneStart(string provider)
    {
        using var database = await TestDatabase.CreateAsync(provider);
        var steps = new Steps { StopAt = 4 };
        await using var host = await StartAsync(database, steps);
        var runs = host.Get<RunService>();
        var project = await host.NewProjectAsync(Rows.Labels);
        var run = await runs.StartAsync(project.Id, StepHandler.RunKind);
        var next = await runs.StartAsync(project.Id, StepHandler.RunKind);
        var never = await runs.StartAsync(project.Id, StepHandler.RunKind);
        var working = Task.Run(() => runs.ExecuteAsync(run.Id, CancellationToken.None));
        await steps.Stopped.Task.WaitAsync(TimeSpan.FromMinutes(1));
        await runs.CancelAsync(never.Id);
        await runs.CancelAsync(run.Id);
        await working.WaitAsync(TimeSpan.FromMinutes(1));

        var ended = (await runs.FindAsync(run.Id))!;
        Assert.Equal((RunState.Cancelled, 4L), (ended.State, ended.Done));
        Assert.NotNull(ended.FinishedAt);
        steps.StopAt = -1;
        await host.RunAllAsync();
        Assert.Equal(RunState.Succeeded, (await runs.FindAsync(next.Id))!.State);
        Assert.Equal((RunState.Cancelled, 0L), ((await runs.FindAsync(never.Id))!.State, (await runs.FindAsync(never.Id))!.Done));
    }

    [Theory]
    [MemberData(nameof(Providers.All), MemberType = typeof(Providers))]
    public async Task RunThatWasToStop_WhenItsWorkerDied_IsNotTakenUpAgain(string provider)
    {
        using var database = await TestDatabase.CreateAsync(provider);
        await using var host = await StartAsync(database, new Steps());
        var runs = host.Get<RunService>();
        var project = await host.NewProjectAsync(Rows.Labels);
        var run = await runs.StartAsync(project.Id, StepHandler.RunKind);
        await host.Database.WriteAsync(scope => scope.Db.Runs.ExecuteUpdateAsync(
            x => x.SetProperty(r => r.State, RunState.Running).SetProperty(r => r.Owner, "gone").SetProperty(r => r.OwnedUntil, DateTimeOffset.UnixEpoch).SetProperty(r => r.CancelRequested, true)));
        await host.RunAllAsync();
        Assert.Equal((RunState.Cancelled, 0L), ((await runs.FindAsync(run.Id))!.State, (await runs.FindAsync(run.Id))!.Done));
    }

    [Theory]
    [MemberData(nameof(Providers.All), MemberType = typeof(Providers))]
    public async Task PassingTrouble_IsTriedAgain_AndLastingTroubleFails(string provider)
    {
        using var database = await TestDatabase.CreateAsync(provider);
        var steps = new Steps { FailAt = n => n % 2 == 1 };
        await using var host = await StartAsync(database, steps);
        var runs = host.Get<RunService>();
        var project = await host.NewProjectAsync(Rows.Labels);

        // Trouble at every second step, more often than a run is tried: each time it comes further.
        var run = await runs.StartAsync(project.Id, StepHandler.RunKind);
        await host.RunAllAsync();
        Assert.Equal((RunState.Succeeded, (long)StepHandler.Steps), ((await runs.FindAsync(run.Id))!.State, (await runs.FindAsync(run.Id))!.Done));
        Assert.All(steps.Done, s => Assert.Equal(1, s.Value));

        // Trouble at the same step each time.
        steps.FailAlways = 2;
        var lost = await runs.StartAsync(project.Id, StepHandler.RunKind);
        await host.RunAllAsync();
        var failed = (await runs.FindAsync(lost.Id))!;
        Assert.Equal((RunState.Failed, 2L, "Trouble at 2."), (failed.State, failed.Done, failed.Message));
    }

    [Fact]
    public async Task TwoProcessesOnOnePostgreSql_ImportAndPrelabelTogether()
    {
        const int lines = 3_000;
        const int projects = 2;
        using var database = await TestDatabase.CreateAsync("PostgreSql");
        await using var first = await ProcessHost.StartAsync(database, ("Annotator:Runs:OwnerTimeoutSeconds", "5"));
        await using var second = await ProcessHost.StartAsync(database, ("Annotator:Runs:OwnerTimeoutSeconds", "5"));
        var ids = new List<string>();
        for (var p = 0; p < projects; p++)
        {
            ids.Add(await first.NewProjectAsync(Rows.Labels, new { groupDuplicates = false }));

            // The same file to both: the second finds every key there.
            await first.ImportAsync(ids[p], new ByteArrayContent(Rows.Csv(lines)), "format=csv&text=text&key=id");
            await second.ImportAsync(ids[p], new ByteArrayContent(Rows.Csv(lines)), "format=csv&text=text&key=id");
        }

        // One of them dies in the middle; the other does the rest.
        await Eventually.TrueAsync(async () => (await KilledProcessTests.RunsAsync(first, ids[1])).Exists(r => r["done"]!.GetValue<long>() > 0), TimeSpan.FromMinutes(2), () => first.Output);
        await first.KillAsync();
        foreach (var id in ids) await KilledProcessTests.IdleAsync(second, id);
        foreach (var id in ids)
        {
            var imports = (await KilledProcessTests.RunsAsync(second, id)).Where(r => r["kind"]!.GetValue<string>() is "import").ToList();
            Assert.All(imports, r => Assert.Equal("succeeded", r["state"]!.GetValue<string>()));
            Assert.Equal(lines, imports.Sum(r => r["result"]!["created"]!.GetValue<long>()));
            Assert.Equal(lines, imports.Sum(r => r["result"]!["existing"]!.GetValue<long>()));
            Assert.Equal(lines, (await second.GetAsync($"/api/v1/projects/{id}/metrics"))["items"]!["total"]!.GetValue<long>());
        }

        await second.StopAsync();
        await using var core = await CoreHost.StartAsync(database);
        await using var db = await core.Database.OpenAsync();
        Assert.False(await db.Items.AnyAsync(i => i.State == ItemState.New));
        foreach (var project in await db.Projects.AsNoTracking().ToListAsync()) await Consistency.CheckAsync(db, project);
    }

    [Theory]
    [MemberData(nameof(Providers.All), MemberType = typeof(Providers))]
    public async Task UploadThatIsCut_LeavesNothing(string provider)
    {
        using var database = await TestDatabase.CreateAsync(provider);
        await using var host = await ProcessHost.StartAsync(database);
        var project = await host.NewProjectAsync(Rows.Labels);
        using var cut = new CancellationTokenSource();
        var half = new CutContent(Rows.Csv(20_000), cut);
        await Assert.ThrowsAnyAsync<Exception>(() => host.Client.PostAsync($"/api/v1/projects/{project}/imports?format=csv&text=text&key=id", half, cut.Token));

        var uploads = Path.Combine(database.Folder, "blobs", "uploads");
        await Eventually.TrueAsync(() => Task.FromResult(!Directory.Exists(uploads) || Directory.GetFiles(uploads).Length == 0), TimeSpan.FromSeconds(30), () => host.Output);
        Assert.Empty(await KilledProcessTests.RunsAsync(host, project));

        // The same file once more, whole.
        var run = await host.ImportAsync(project, new ByteArrayContent(Rows.Csv(1_000)), "format=csv&text=text&key=id");
        await KilledProcessTests.IdleAsync(host, project);
        Assert.Equal(1_000, (await host.GetAsync($"/api/v1/runs/{run}"))["result"]!["created"]!.GetValue<long>());
    }

    private static Task<CoreHost> StartAsync(TestDatabase database, Steps steps, int ownerTimeout = 5) => CoreHost.StartAsync(
        database,
        services => services.AddSingleton(steps).AddSingleton<IRunHandler, StepHandler>().AddSingleton(Options.Create(new RunOptions { OwnerTimeoutSeconds = ownerTimeout })));

    /// <summary>What happened to the steps of runs, in all nodes.</summary>
    private sealed class Steps
    {
        private readonly ConcurrentDictionary<long, int> _working = new();

        public ConcurrentDictionary<(long Run, int Step), int> Done { get; } = new();

        public TaskCompletionSource Stopped { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public TaskCompletionSource GoOn { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public int StopAt { get; set; } = -1;

        public Func<int, bool> FailAt { get; set; } = _ => false;

        public int FailAlways { get; set; } = -1;

        public ConcurrentDictionary<(long Run, int Step), bool> Failed { get; } = new();

        public bool Overlapped { get; private set; }

        public void Enter(long project)
        {
            if (_working.AddOrUpdate(project, 1, (_, n) => n + 1) > 1) Overlapped = true;
        }

        public void Leave(long project) => _working.AddOrUpdate(project, 0, (_, n) => n - 1);
    }

    /// <summary>Ten steps; what they did is counted after their commit.</summary>
    private sealed class StepHandler(Steps steps) : IRunHandler
    {
        public const string RunKind = "steps";

        public const int Steps = 10;

        public string Kind => RunKind;

        public async Task ExecuteAsync(RunContext run, CancellationToken cancellationToken)
        {
            steps.Enter(run.ProjectId);
            try
            {
                for (var step = run.Cursor<Place>().Step; step < Steps; step++)
                {
                    if (step == steps.StopAt)
                    {
                        steps.Stopped.TrySetResult();
                        await steps.GoOn.Task.WaitAsync(cancellationToken);
                    }

                    if (step == steps.FailAlways || (steps.FailAt(step) && steps.Failed.TryAdd((run.Run.Id, step), true))) throw new InvalidOperationException($"Trouble at {step}.");
                    await run.CheckpointAsync(null, new Place(step + 1), 1, total: Steps, cancellationToken: cancellationToken);
                    steps.Done.AddOrUpdate((run.Run.Id, step), 1, (_, n) => n + 1);
                }
            }
            finally
            {
                steps.Leave(run.ProjectId);
            }
        }

        private sealed record Place(int Step)
        {
            public Place()
                : this(0)
            {
            }
        }
    }

    // Sends half of a body, then breaks the connection.
    private sealed class CutContent(byte[] content, CancellationTokenSource cut) : HttpContent
    {
        protected override async Task SerializeToStreamAsync(Stream stream, System.Net.TransportContext? context)
        {
            await stream.WriteAsync(content.AsMemory(0, content.Length / 2), CancellationToken.None);
            await stream.FlushAsync(CancellationToken.None);
            await cut.CancelAsync();
            await Task.Delay(Timeout.Infinite, cut.Token);
        }

        protected override bool TryComputeLength(out long length)
        {
            length = content.Length;
            return true;
        }
    }
}
