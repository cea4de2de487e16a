using System.Globalization;
using Annotator.Edge.Models;
using Annotator.Edge.Storage;

namespace Annotator.Edge.Sync;

/// <summary>How many bytes of items may still be sent in the present 24 hours; kept across restarts.</summary>
internal sealed class BandwidthBudget(EdgeStore store, TimeProvider time)
{
    private static readonly long s_window = (long)TimeSpan.FromHours(24).TotalMilliseconds;

    /// <summary>The bytes that are left.</summary>
    public long Left(long perDay)
    {
        var (_, used) = Read();
        return Math.Max(0, perDay - used);
    }

    /// <summary>Counts what is about to be sent: a send that breaks off has used the line too.</summary>
    public void Use(long bytes)
    {
        var (since, used) = Read();
        store.Remember((EdgeFacts.BudgetSince, since.ToString(CultureInfo.InvariantCulture)), (EdgeFacts.BudgetUsed, (used + bytes).ToString(CultureInfo.InvariantCulture)));
    }

    private (long Since, long Used) Read()
    {
        var now = time.GetUtcNow().ToUnixTimeMilliseconds();
        if (!long.TryParse(store.Fact(EdgeFacts.BudgetSince), CultureInfo.InvariantCulture, out var since)) return (now, 0);

        // A clock that was set back begins a new window: else nothing would be sent until it has caught up.
        if (now - since >= s_window || now < since) return (now, 0);
        return (since, long.TryParse(store.Fact(EdgeFacts.BudgetUsed), CultureInfo.InvariantCulture, out var used) ? used : 0);
    }
}
