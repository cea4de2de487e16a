using Microsoft.AspNetCore.DataProtection;
using System.Collections.Concurrent;
using Annotator.Core;
using Annotator.Core.Accounts;
using Annotator.Core.Labels;
using Annotator.Core.Live;
using Annotator.Core.Llm;
using Annotator.Core.Projects;
using Annotator.Core.Runs;
using Annotator.Core.Storage;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Annotator.Tests.Support;

/// <summary>The core on a real database, without a web server: what tests of one feature need. Several on one database are several nodes.</summary>
public sealed class CoreHost : IAsyncDisposable
{
    private readonly ServiceProvider _services;

    private CoreHost(ServiceProvider services, TestDatabase database, RecordingRunQueue queue) => (_services, Storage, Queue) = (services, database, queue);

    /// <summary>The database it stands on.</summary>
    public TestDatabase Storage { get; }

    /// <summary>Runs that were asked for.</summary>
    public RecordingRunQueue Queue { get; }

    /// <summary>The door to the database.</summary>
    public AnnotatorDatabase Database => Get<AnnotatorDatabase>();

    /// <summary>Builds the core on a database, which is brought up to this version.</summary>
    /// <param name="database">The database.</param>
    /// <param name="configure">More services, which replace those of the core.</param>
    public static async Task<CoreHost> StartAsync(TestDatabase database, Action<IServiceCollection>? configure = null)
    {
        var services = new ServiceCollection();
        var queue = new RecordingRunQueue();
        services.AddLogging(l => l.SetMinimumLevel(LogLevel.None));
        services.AddSingleton(TimeProvider.System);
        services.AddSingleton<ILiveFeed, InProcessLiveFeed>();
        services.AddAnnotatorStorage(database.Provider, database.ConnectionString);
        services.AddSingleton<IBlobStore>(new FolderBlobStore(Path.Combine(database.Folder, "blobs")));
        services.AddSingleton(Options.Create(new LlmProviderOptions()));
        services.AddSingleton(Options.Create(new RunOptions { OwnerTimeoutSeconds = 5 }));
        services.AddSingleton<IRunQueue>(queue);
        services.AddSingleton<ProjectAccess>();
        services.AddDataProtection();
        services.AddAnnotatorCore();
        configure?.Invoke(services);
        var host = new CoreHost(services.BuildServiceProvider(), database, queue);
        await using var db = await host.Database.OpenAsync();
        await db.MigrateAsync();
        return host;
    }

    /// <summary>A service.</summary>
    public T Get<T>()
        where T : notnull => _services.GetRequiredService<T>();

    /// <summary>Makes people.</summary>
    /// <returns>Their ids.</returns>
    public Task<long[]> NewUsersAsync(int count, Role role = Role.Annotator) => Database.WriteAsync(async scope =>
    {
        var made = Enumerable.Range(0, count).Select(_ => Guid.NewGuid().ToString("n")).Select(name => new AppUser
        {
            UserName = name,
            NormalizedUserName = name,
            Email = $"{name}@example.org",
            NormalizedEmail = $"{name}@EXAMPLE.ORG".ToUpperInvariant(),
            DisplayName = name,
            Role = role,
            CreatedAt = scope.Now,
            SecurityStamp = name,
        }).ToArray();
        scope.Db.Users.AddRange(made);
        await scope.Db.SaveChangesAsync();
        return made.Select(u => u.Id).ToArray();
    });

    /// <summary>Makes a text project of single choice.</summary>
    public async Task<Project> NewProjectAsync(IEnumerable<string> labels, ProjectSettings? settings = null)
    {
        var owner = (await NewUsersAsync(1, Role.Admin))[0];
        var task = new TaskDefinition(TaskType.Classification, false, [.. labels.Select(l => new LabelDefinition(l))]);
        var made = await Get<ProjectService>().CreateAsync(new Caller(owner, Role.Admin), new NewProject("Test", Modality.Text, task, Settings: settings));
        return made.Value;
    }

    /// <summary>Executes the runs that were asked for, and those that they ask for, until none is left.</summary>
    public async Task RunAllAsync(CancellationToken cancellationToken = default)
    {
        while (Queue.TryTake(out var run)) await Get<RunService>().ExecuteAsync(run, cancellationToken);
    }

    /// <inheritdoc />
    public ValueTask DisposeAsync() => _services.DisposeAsync();
}

/// <summary>Keeps the runs that were asked for, for the test to execute when it likes.</summary>
public sealed class RecordingRunQueue : IRunQueue
{
    private readonly ConcurrentQueue<long> _runs = new();

    /// <summary>How many wait.</summary>
    public int Count => _runs.Count;

    /// <inheritdoc />
    public void Enqueue(long runId) => _runs.Enqueue(runId);

    /// <inheritdoc />
    public void Enqueue(long runId, TimeSpan delay) => _runs.Enqueue(runId);

    /// <summary>Takes the next one.</summary>
    public bool TryTake(out long runId) => _runs.TryDequeue(out runId);
}
