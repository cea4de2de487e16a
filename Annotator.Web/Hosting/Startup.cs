using Annotator.Core.Accounts;
using Annotator.Core.Quality.Tallies;
using Annotator.Core.Runs;
using Annotator.Core.Storage;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.Options;

namespace Annotator.Web.Hosting;

/// <summary>How far the start has come, for <c>/health/ready</c>.</summary>
internal sealed class StartState
{
    /// <summary>What is still to be done; null once the product serves.</summary>
    public string? Waiting { get; set; } = "The database is being brought up to this version.";
}

/// <summary>Brings the database up to this version and makes the first administrator, before anything else touches it.</summary>
internal static class DatabaseStart
{
    public static async Task StartDatabaseAsync(this WebApplication app)
    {
        // Taking the lock first: two processes never migrate one SQLite file.
        _ = app.Services.GetRequiredService<DataDirectory>();
        var factory = app.Services.GetRequiredService<Microsoft.EntityFrameworkCore.IDbContextFactory<AnnotatorDbContext>>();
        var storage = app.Services.GetRequiredService<IOptions<StorageOptions>>().Value;
        var deadline = TimeProvider.System.GetUtcNow().AddSeconds(storage.Database.WaitSeconds);
        while (true)
        {
            try
            {
                await using var db = await factory.CreateDbContextAsync();
                await db.MigrateAsync();
                break;
            }
            catch (Exception e) when (e is Npgsql.NpgsqlException or System.Net.Sockets.SocketException && TimeProvider.System.GetUtcNow() < deadline)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(500));
            }
            catch (Exception e) when (e is Npgsql.NpgsqlException or System.Net.Sockets.SocketException)
            {
                throw new StartException(ExitCode.DatabaseUnavailable, $"The database did not answer within {storage.Database.WaitSeconds} s: {e.Message}", e);
            }
        }

        await app.Services.GetRequiredService<SetupService>().BootstrapAsync(app.Services.GetRequiredService<IOptions<BootstrapOptions>>().Value);
        await app.Services.GetRequiredService<TallyUpgrade>().StartAsync();
        app.Services.GetRequiredService<StartState>().Waiting = null;
    }
}

/// <summary>Once the product serves: shows the set-up link, wakes the runs that wait, and from time to time those whose worker is gone.</summary>
internal sealed partial class AfterStart(
    SetupService setup, RunService runs, Idempotency idempotency, IServer server, IHostApplicationLifetime lifetime, IOptions<StorageOptions> storage, TimeProvider time, ILogger<AfterStart> log) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var started = new TaskCompletionSource();
        await using var registration = lifetime.ApplicationStarted.Register(() => started.TrySetResult());
        await started.Task.WaitAsync(stoppingToken);
        await OfferSetupAsync(stoppingToken);

        // Whoever held a run when this process was not there is gone, where no other process can have the database open.
        var ownersAreDead = storage.Value.Database.IsSqlite;
        using var timer = new PeriodicTimer(runs.RecoveryInterval, time);
        do
        {
            try
            {
                if (ownersAreDead) await idempotency.ReleaseAllAsync(stoppingToken);
                await runs.RecoverAsync(ownersAreDead, stoppingToken);
                ownersAreDead = false;
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                LogNotRecovered(e);
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    private async Task OfferSetupAsync(CancellationToken cancellationToken)
    {
        if (!await setup.IsNeededAsync(cancellationToken)) return;
        var address = server.Features.Get<IServerAddressesFeature>()?.Addresses.FirstOrDefault() ?? "http://localhost:5000";
        address = address.Replace("0.0.0.0", "localhost", StringComparison.Ordinal).Replace("[::]", "localhost", StringComparison.Ordinal);
        LogSetup($"{address}/account/setup?token={await setup.OfferAsync(cancellationToken)}");
    }

    [LoggerMessage(20, LogLevel.Warning, "Nobody can sign in yet. Make the first administrator here (works once): {Link}")]
    private partial void LogSetup(string link);

    [LoggerMessage(21, LogLevel.Error, "Runs that wait could not be looked for; it is tried again.")]
    private partial void LogNotRecovered(Exception exception);
}
