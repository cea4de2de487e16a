namespace Annotator.Core.Edge;

/// <summary>What a rollout needs to know of a device.</summary>
/// <param name="Id">The device.</param>
/// <param name="Serial">Serial of the newest rollout that it has taken.</param>
/// <param name="Annotated">Items labelled by the model it runs.</param>
/// <param name="Failed">Items on which that model failed.</param>
/// <param name="Unusable">Whether it found the signed file itself at fault.</param>
public sealed record RolloutDevice(long Id, long Serial, long Annotated, long Failed, bool Unusable);

/// <summary>What becomes of a rollout.</summary>
/// <param name="Percent">Its share from now on.</param>
/// <param name="Back">Why it is taken back; null where it is not.</param>
public sealed record RolloutVerdict(int Percent, string? Back);

/// <summary>The rules of a staged rollout. They see numbers only.</summary>
public static class RolloutRules
{
    /// <summary>A device's failures count from so many items on: one broken item is no broken model.</summary>
    public const int FewestItems = 20;

    /// <summary>
    /// The devices that a share takes: always the same for a rollout, others for the next, and never none. A larger share has all devices of a smaller one.
    /// </summary>
    /// <param name="serial">Serial of the rollout.</param>
    /// <param name="percent">The share, 0 to 100.</param>
    /// <param name="devices">All devices.</param>
    public static HashSet<long> Chosen(long serial, int percent, IEnumerable<long> devices)
    {
        var all = devices.OrderBy(d => Mix((ulong)d ^ ((ulong)serial << 40))).ToList();
        var count = percent <= 0 ? 0 : (int)Math.Ceiling(all.Count * Math.Min(percent, 100) / 100.0);
        return [.. all.Take(count)];
    }

    /// <summary>Looks at a rollout that is under way.</summary>
    /// <param name="rollout">The rollout.</param>
    /// <param name="devices">All devices of the project.</param>
    /// <param name="settings">The project's settings.</param>
    /// <param name="now">The time.</param>
    public static RolloutVerdict Judge(EdgeRollout rollout, IReadOnlyList<RolloutDevice> devices, EdgeSettings settings, DateTimeOffset now)
    {
        var chosen = Chosen(rollout.Serial, rollout.Percent, devices.Select(d => d.Id));
        var having = devices.Where(d => d.Serial == rollout.Serial).ToList();
        foreach (var device in having)
        {
            var seen = device.Annotated + device.Failed;
            if (seen >= FewestItems && device.Failed > settings.MostErrors * seen)
                return new(rollout.Percent, string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{device.Failed} of {seen} items failed on a device."));
        }

        var unusable = devices.Count(d => d.Unusable && chosen.Contains(d.Id));
        if (unusable > 0 && unusable * 2 >= chosen.Count) return new(rollout.Percent, $"{unusable} of {chosen.Count} devices cannot use the model.");
        if (!rollout.Automatic || now - rollout.StageSince < TimeSpan.FromSeconds(settings.StageSeconds)) return new(rollout.Percent, null);

        // Devices may be away for weeks: those that have it are enough to judge by, none is not.
        if (devices.Count > 0 && having.Count == 0) return new(rollout.Percent, null);
        return new(settings.Stages.FirstOrDefault(s => s > rollout.Percent, 100), null);
    }

    // The finaliser of SplitMix64.
    private static ulong Mix(ulong z)
    {
        z += 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}
