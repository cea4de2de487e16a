namespace Annotator.Core.Media.Sampling;

/// <summary>A frame and what it is worth.</summary>
/// <param name="Frame">Its number.</param>
/// <param name="Worth">More is better.</param>
public readonly record struct RatedFrame(int Frame, double Worth);

/// <summary>Chooses frames of a film to be annotated.</summary>
public static class FramePlan
{
    /// <summary>Frames so far apart, from the first on.</summary>
    /// <param name="frames">The film's frames.</param>
    /// <param name="seconds">Distance in seconds, above 0.</param>
    public static IReadOnlyList<int> ByInterval(VideoFrames frames, double seconds)
    {
        ArgumentNullException.ThrowIfNull(frames);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(seconds);
        var chosen = new List<int>();
        var next = 0.0;
        for (var frame = 0; frame < frames.Count; frame++)
        {
            // Times are rounded by the container.
            if (frames.SecondsAt(frame) + 0.002 < next) continue;
            chosen.Add(frame);
            while (next <= frames.SecondsAt(frame) + 0.002) next += seconds;
        }

        return chosen;
    }

    /// <summary>The first frame, and those with which another scene begins.</summary>
    /// <param name="changes">Frames ascending, each with how much of it is new.</param>
    /// <param name="least">From how much on it is another scene, 0 to 1.</param>
    /// <param name="gap">Least distance of two in frames: a slow change is one.</param>
    public static IReadOnlyList<int> ByScene(IReadOnlyList<RatedFrame> changes, double least, int gap)
    {
        ArgumentNullException.ThrowIfNull(changes);
        var chosen = new List<int>();
        foreach (var (frame, change) in changes)
        {
            if (chosen.Count == 0 || (change >= least && frame - chosen[^1] >= gap)) chosen.Add(frame);
        }

        return chosen;
    }

    /// <summary>The frames that are worth most, none nearer to another than a gap.</summary>
    /// <param name="rated">Frames with what they are worth.</param>
    /// <param name="most">How many at the most.</param>
    /// <param name="gap">Least distance of two in frames.</param>
    /// <returns>The frames ascending.</returns>
    public static IReadOnlyList<int> ByWorth(IReadOnlyList<RatedFrame> rated, int most, int gap)
    {
        ArgumentNullException.ThrowIfNull(rated);
        var chosen = new SortedSet<int>();
        foreach (var (frame, _) in rated.OrderByDescending(r => r.Worth).ThenBy(r => r.Frame))
        {
            if (chosen.Count == most) break;
            if (chosen.GetViewBetween(frame - Math.Max(0, gap - 1), frame + Math.Max(0, gap - 1)).Count == 0) chosen.Add(frame);
        }

        return [.. chosen];
    }

    /// <summary>No more than so many, evenly thinned.</summary>
    public static IReadOnlyList<int> AtMost(IReadOnlyList<int> frames, int most)
    {
        ArgumentNullException.ThrowIfNull(frames);
        ArgumentOutOfRangeException.ThrowIfLessThan(most, 1);
        return frames.Count <= most ? frames : [.. Enumerable.Range(0, most).Select(i => frames[(int)((long)i * frames.Count / most)])];
    }
}
