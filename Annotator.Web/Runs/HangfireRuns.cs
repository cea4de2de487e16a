using Annotator.Core.Runs;
using Annotator.Web.Accounts;
using Annotator.Web.Hosting;
using Hangfire;
using Hangfire.AspNetCore;
using Hangfire.Dashboard;
using Hangfire.InMemory;
using Hangfire.PostgreSql;
using Hangfire.PostgreSql.Factories;

namespace Annotator.Web.Runs;

/// <summary>Wakes workers through Hangfire. The rows of the runs are the truth: a job that is lost or comes twice does no harm.</summary>
internal sealed class HangfireRunQueue(IBackgroundJobClient jobs) : IRunQueue
{
    public void Enqueue(long runId) => jobs.Enqueue<RunJob>(j => j.ExecuteAsync(runId, CancellationToken.None));

    public void Enqueue(long runId, TimeSpan delay) => jobs.Schedule<RunJob>(j => j.ExecuteAsync(runId, CancellationToken.None), delay);
}

/// <summary>The one job of the product: execute a run.</summary>
public sealed class RunJob(RunService runs)
{
    /// <summary>Executes a run if it is free.</summary>
    [AutomaticRetry(Attempts = 0)]
    public Task ExecuteAsync(long runId, CancellationToken cancellationToken) => runs.ExecuteAsync(runId, cancellationToken);
}

internal static class HangfireSetup
{
    public static void AddJobs(this WebApplicationBuilder builder, StorageOptions storage)
    {
        var options = builder.AddSettings<RunOptions>("Annotator:Runs");
        builder.Services.AddSingleton<IRunQueue, HangfireRunQueue>();
        builder.Services.AddTransient<RunJob>();

        // By the container and not by Hangfire's own static: several programs in one process, as tests have them, keep their jobs apart.
        builder.Services.AddSingleton(services => storage.Database.IsSqlite ? new InMemoryStorage() : PostgreSql(services.GetRequiredService<DatabaseAddress>()));
        builder.Services.AddSingleton<JobActivator>(services => new AspNetCoreJobActivator(services.GetRequiredService<IServiceScopeFactory>()));
        builder.Services.AddHangfire((services, hangfire) => hangfire.SetDataCompatibilityLevel(CompatibilityLevel.Version_180).UseSimpleAssemblyNameTypeSerializer().UseRecommendedSerializerSettings()
            .UseLogProvider(new HangfireLogs(services.GetRequiredService<ILoggerFactory>())));
        if (storage.Node.Role == NodeRole.Web) return;
        builder.Services.AddHangfireServer(server =>
        {
            server.WorkerCount = options.Workers;
            server.SchedulePollingInterval = TimeSpan.FromSeconds(1);
            server.CancellationCheckInterval = TimeSpan.FromSeconds(1);
        });
    }

    private static JobStorage PostgreSql(DatabaseAddress database)
    {
        var options = new PostgreSqlStorageOptions
        {
            InvisibilityTimeout = TimeSpan.FromMinutes(2),
            UseSlidingInvisibilityTimeout = true,
            QueuePollInterval = TimeSpan.FromMilliseconds(250),
            AllowDegradedModeWithoutStorage = false,
        };
        return new PostgreSqlStorage(new NpgsqlConnectionFactory(database.ConnectionString, options), options);
    }

    public static void MapJobs(this WebApplication app) =>
        app.MapHangfireDashboard("/hangfire", new DashboardOptions { Authorization = [new Admins()], AppPath = "/", DisplayStorageConnectionString = false }).RequireAuthorization(Policies.Admin);

    // The endpoint's policy decides; Hangfire's own default would let every local caller in.
    private sealed class Admins : IDashboardAuthorizationFilter
    {
        public bool Authorize(DashboardContext context) => context.GetHttpContext().User.IsInRole(nameof(Core.Accounts.Role.Admin));
    }
}
