using Annotator.Core.Accounts;

namespace Annotator.Web.Hosting;

/// <summary>What has to be done once a minute: notes when tokens were last used, and removes what has had its time.</summary>
internal sealed partial class Housekeeping(TokenAuthenticator tokens, Idempotency idempotency, TimeProvider time, ILogger<Housekeeping> log) : BackgroundService
{
    /// <summary>How often.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromMinutes(1);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            await TryAsync("note when tokens were last used", () => tokens.FlushAsync(stoppingToken));
            await TryAsync("remove old idempotency keys", () => idempotency.CleanAsync(stoppingToken));
        }
    }

    private async Task TryAsync(string what, Func<Task> work)
    {
        try
        {
            await work();
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            LogNotDone(e, what);
        }
    }

    [LoggerMessage(40, LogLevel.Warning, "Could not {What}; it is tried again in a minute.")]
    private partial void LogNotDone(Exception exception, string what);
}
