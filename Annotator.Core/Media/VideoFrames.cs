namespace Annotator.Core.Media;

/// <summary>When each frame of a film is shown, in the order in which they are seen: what makes "frame 812" mean one picture everywhere.</summary>
/// <param name="Count">How many frames there are.</param>
/// <param name="Start">When the first one is shown, in seconds.</param>
/// <param name="Rate">Frames a second where they are evenly spaced; null where they are not.</param>
/// <param name="Times">When each is shown, in seconds, where they are not evenly spaced; else null.</param>
public sealed record VideoFrames(int Count, double Start, double? Rate, IReadOnlyList<double>? Times)
{
    /// <summary>How long the film is in seconds, as far as its frames tell.</summary>
    [System.Text.Json.Serialization.JsonIgnore]
    public double Length => Count == 0 ? 0 : Rate is { } rate ? Count / rate : Times is { Count: > 1 } times ? (times[^1] - times[0]) * Count / (Count - 1) : 0;

    /// <summary>When a frame is shown, in seconds from the first.</summary>
    public double SecondsAt(int frame) => Times is { } times ? times[frame] - Start : Rate is { } rate ? frame / rate : 0;

    // Containers round times to their clock, most of them to a millisecond.
    private const double Rounding = 0.0012;

    /// <summary>Frames by their times.</summary>
    /// <param name="times">Seconds, in any order: films are stored in the order in which they are decoded.</param>
    public static VideoFrames Of(IEnumerable<double> times)
    {
        double[] sorted = [.. times.Order().Select(t => Math.Round(t, 6))];
        if (sorted.Length == 0) return new VideoFrames(0, 0, null, null);
        if (sorted.Length == 1) return new VideoFrames(1, sorted[0], 1, null);
        var step = (sorted[^1] - sorted[0]) / (sorted.Length - 1);
        for (var i = 0; i < sorted.Length; i++)
        {
            if (step <= 0 || Math.Abs(sorted[i] - (sorted[0] + (i * step))) > Rounding) return new VideoFrames(sorted.Length, sorted[0], null, sorted);
        }

        return new VideoFrames(sorted.Length, sorted[0], Math.Round(1 / step, 6), null);
    }
}
