using Microsoft.Playwright;

namespace Annotator.Tests.Support;

/// <summary>Waiting for something to become true, with an end to it.</summary>
internal static class Until
{
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(50);

    /// <summary>How long is waited where nothing else is said. Long, because a loaded machine is no fault of the product.</summary>
    public static TimeSpan Patience { get; } = TimeSpan.FromSeconds(60);

    /// <summary>Asks again and again until the answer satisfies.</summary>
    /// <returns>The answer that did.</returns>
    /// <exception cref="Xunit.Sdk.XunitException">It never did; says what was waited for and what was there in the end.</exception>
    public static async Task<T> HoldsAsync<T>(Func<Task<T>> read, Func<T, bool> satisfies, string what, TimeSpan? patience = null)
    {
        var end = TimeProvider.System.GetTimestamp();
        var limit = patience ?? Patience;
        while (true)
        {
            var late = TimeProvider.System.GetElapsedTime(end) > limit;
            try
            {
                var value = await read();
                if (satisfies(value)) return value;
                if (late) Assert.Fail($"Not within {limit.TotalSeconds:0} s: {what}. Last: {value}");
            }
            catch (PlaywrightException e) when (!late && e.Message.Contains("Execution context was destroyed", StringComparison.Ordinal))
            {
                // The page was just being loaded anew.
            }

            await Task.Delay(s_pause, TestContext.Current.CancellationToken);
        }
    }

    /// <summary>Asks again and again until the answer is yes.</summary>
    public static Task TrueAsync(Func<Task<bool>> read, string what, TimeSpan? patience = null) => HoldsAsync(read, yes => yes, what, patience);
}
