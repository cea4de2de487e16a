using Annotator.Core.Accounts;
using Annotator.Core.Import;
using Annotator.Core.Llm;
using Annotator.Core.Review;

namespace Annotator.Web.Hosting;

/// <summary>What has to be done once a minute: notes when tokens were last used, and removes what has had its time.</summary>
internal sealed partial class Housekeeping(TokenAuthenticator tokens, Idempotency idempotency, ReviewQueue queue, ImportService imports, LlmAnswerCache answers, TimeProvider time, ILogger<Housekeeping> log) : BackgroundService
{
    /// <summary>How often.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromMinutes(1);

    /// <summary>How long after its end a lease is given back where nobody came to do it.</summary>
    public static readonly TimeSpan AbandonedLease = TimeSpan.FromHours(1);

    /// <summary>How long an upload is kept that belongs to no run.</summary>
    public static readonly TimeSpan AbandonedUpload = TimeSpan.FromDays(1);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            await TryAsync("note when tokens were last used", () => tokens.FlushAsync(stoppingToken));
            await TryAsync("give back items that nobody works on", () => queue.CleanAsync(time.GetUtcNow() - AbandonedLease, stoppingToken));
            await TryAsync("remove uploads that nobody will read", () => imports.CleanAsync(time.GetUtcNow() - AbandonedUpload, stoppingToken));
            await TryAsync("remove answers of models that are too old to be used again", () => answers.CleanAsync(stoppingToken));
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
