using Microsoft.AspNetCore.DataProtection;
using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using Annotator.Core;
using Annotator.Core.Accounts;
using Annotator.Core.Cascade;
using Annotator.Core.Items;
using Annotator.Core.Labels;
using Annotator.Core.Live;
using Annotator.Core.Llm;
using Annotator.Core.Projects;
using Annotator.Core.Runs;
using Annotator.Core.Storage;
using Annotator.Tests.Support;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Annotator.Tests.Learning;

/// <summary>The core on a SQLite file of its own, with runs executed when the test says so.</summary>
internal sealed class LearningHost : IAsyncDisposable, IRunQueue
{
    private readonly string _folder = Directory.CreateTempSubdirectory("annotator-learning-").FullName;
    private readonly ConcurrentQueue<long> _runs = new();
    private ServiceProvider _services = null!;

    public Project Project { get; private set; } = null!;

    public AnnotatorDatabase Database => Get<AnnotatorDatabase>();

    public static async Task<LearningHost> StartAsync(params string[] labels)
    {
        var host = new LearningHost();
        await MigratedDatabase.WriteFileAsync(Path.Combine(host._folder, "annotator.db"));
        host.Build();
        await using (var db = await host.Database.OpenAsync()) await db.MigrateAsync();
        var owner = await host.Database.WriteAsync(async scope =>
        {
            var user = new AppUser { UserName = "o", NormalizedUserName = "O", Email = "o@example.org", NormalizedEmail = "O@EXAMPLE.ORG", DisplayName = "o", Role = Role.Admin, CreatedAt = scope.Now, SecurityStamp = "o" };
            scope.Db.Users.Add(user);
            await scope.Db.SaveChangesAsync();
            return user.Id;
        });
        var task = new TaskDefinition(TaskType.Classification, false, [.. labels.Select(l => new LabelDefinition(l))]);
        host.Project = (await host.Get<ProjectService>().CreateAsync(new Caller(owner, Role.Admin), new NewProject("Test", Modality.Text, task))).Value;
        return host;
    }

    /// <summary>As after a restart: nothing is left but the database and the files.</summary>
    public async Task RestartAsync()
    {
        await _services.DisposeAsync();
        Build();
    }

    public T Get<T>()
        where T : notnull => _services.GetRequiredService<T>();

    void IRunQueue.Enqueue(long runId) => _runs.Enqueue(runId);

    void IRunQueue.Enqueue(long runId, TimeSpan delay) => _runs.Enqueue(runId);

    public async Task RunAllAsync()
    {
        while (_runs.TryDequeue(out var id))
        {
            await Get<RunService>().ExecuteAsync(id, TestContext.Current.CancellationToken);
            var run = await Get<RunService>().FindAsync(id);
            Assert.False(run!.State == RunState.Failed, $"{run.Kind}: {run.Message}");
        }
    }

    /// <summary>Runs one kind, and whatever follows from it; its result.</summary>
    public async Task<JsonNode> RunAsync(string kind, object? options = null)
    {
        await RunAllAsync();
        var run = await Get<RunService>().StartAsync(Project.Id, kind, options);
        await RunAllAsync();
        var ended = await Get<RunService>().FindAsync(run.Id);
        Assert.True(ended!.State == RunState.Succeeded, $"{ended.State}: {ended.Message}");
        return JsonNode.Parse(ended.Result!)!;
    }

    /// <summary>Sends items as the API does and asks for them to be grouped, without executing the runs that follow.</summary>
    public async Task<long[]> SendAsync(IEnumerable<string> texts)
    {
        var ids = new List<long>();
        foreach (var part in texts.Chunk(500))
        {
            var stored = await Get<ItemIntake>().StoreAsync(Project, [.. part.Select(t => new NewItem($"k{Guid.NewGuid():n}", t))], TestContext.Current.CancellationToken);
            ids.AddRange(stored.Value.Select(s => s.Item.Id));
        }

        await Get<RunService>().StartOnceAsync(Project.Id, "deduplicate");
        return [.. ids];
    }

    public Task<Item> ItemAsync(long id) => Database.ReadAsync(db => db.Items.SingleAsync(i => i.Id == id));

    /// <summary>Gives items labels as a person would.</summary>
    public Task DecideAsync(IEnumerable<(long Id, string Label)> decisions) => Database.WriteAsync(async scope =>
    {
        var said = decisions.ToDictionary(d => d.Id, d => d.Label);
        var ids = said.Keys.ToList();
        var items = await scope.Db.Items.AsNoTracking().Where(i => ids.Contains(i.Id)).ToListAsync();
        await ItemTransitions.ApplyAsync(
            scope, [.. items.Select(i => new ItemChange(i, ItemState.Final, Route.Human, Label: new LabelChange(LabelJson.Write(new ChoiceValue(said[i.Id])), LabelSource.Human, null), Votes: 1))]);
    });

    public async ValueTask DisposeAsync()
    {
        await _services.DisposeAsync();
        Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
        Directory.Delete(_folder, recursive: true);
    }

    private void Build()
    {
        var services = new ServiceCollection();
        services.AddLogging(l => l.SetMinimumLevel(LogLevel.None));
        services.AddSingleton(TimeProvider.System);
        services.AddSingleton<ILiveFeed, InProcessLiveFeed>();
        services.AddAnnotatorStorage("Sqlite", $"Data Source={Path.Combine(_folder, "annotator.db")}");
        services.AddSingleton<IBlobStore>(new FolderBlobStore(Path.Combine(_folder, "blobs")));
        services.AddSingleton(Options.Create(new LlmProviderOptions()));
        services.AddSingleton(Options.Create(new RunOptions()));
        services.AddSingleton<IRunQueue>(this);
        services.AddDataProtection();
        services.AddSingleton(Core.Models.ModelCheckCommand.Of(typeof(Web.AnnotatorApp).Assembly.Location));
        services.AddAnnotatorCore();
        _services = services.BuildServiceProvider();
    }
}
