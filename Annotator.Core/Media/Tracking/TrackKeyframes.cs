using Annotator.Core.Labels;

namespace Annotator.Core.Media.Tracking;

/// <summary>Few keyframes in place of many boxes: a person corrects the one that is wrong, and what lies between follows.</summary>
public static class TrackKeyframes
{
    /// <summary>
    /// Thins boxes to keyframes by the rule of Douglas and Peucker (1973) over time: between two keyframes no edge of the interpolated box is further from
    /// that of a given one than the tolerance.
    /// </summary>
    /// <param name="boxes">Boxes, frames ascending, at least one.</param>
    /// <param name="tolerance">Greatest distance of an edge, as a share of the shorter side of the box, 0 or more; never below half a pixel.</param>
    /// <returns>Some of the boxes, the first and the last among them.</returns>
    public static IReadOnlyList<Keyframe> Thin(IReadOnlyList<Keyframe> boxes, double tolerance)
    {
        ArgumentNullException.ThrowIfNull(boxes);
        ArgumentOutOfRangeException.ThrowIfZero(boxes.Count);
        ArgumentOutOfRangeException.ThrowIfNegative(tolerance);
        var kept = new bool[boxes.Count];
        kept[0] = kept[^1] = true;
        var open = new Stack<(int From, int To)>();
        open.Push((0, boxes.Count - 1));
        while (open.TryPop(out var range))
        {
            var (worst, at) = (1.0, -1);
            for (var i = range.From + 1; i < range.To; i++)
            {
                var off = Distance(boxes[range.From], boxes[range.To], boxes[i]) / Math.Max(0.5, tolerance * Math.Min(boxes[i].Width, boxes[i].Height));
                if (off > worst) (worst, at) = (off, i);
            }

            if (at < 0) continue;
            kept[at] = true;
            open.Push((range.From, at));
            open.Push((at, range.To));
        }

        return [.. boxes.Where((_, i) => kept[i])];
    }

    // How far the edges of a box are from where they would be between two others: the greatest of the four.
    private static double Distance(Keyframe from, Keyframe to, Keyframe box)
    {
        var share = (double)(box.Frame - from.Frame) / (to.Frame - from.Frame);
        double x = from.X + ((to.X - from.X) * share), y = from.Y + ((to.Y - from.Y) * share);
        double right = x + from.Width + ((to.Width - from.Width) * share), bottom = y + from.Height + ((to.Height - from.Height) * share);
        return Math.Max(
            Math.Max(Math.Abs(x - box.X), Math.Abs(y - box.Y)),
            Math.Max(Math.Abs(right - box.X - box.Width), Math.Abs(bottom - box.Y - box.Height)));
    }

    /// <summary>Objects that were followed as a label value: boxes within the picture, rounded to a tenth of a pixel, out of sight from the frame after the last.</summary>
    /// <param name="objects">The objects.</param>
    /// <param name="size">Size of the picture in pixels.</param>
    /// <param name="lookedAt">Frames that were looked at, ascending.</param>
    /// <param name="frames">How many frames the film has.</param>
    /// <param name="tolerance">As for <see cref="Thin"/>.</param>
    public static TracksValue ToTracks(IReadOnlyList<FollowedObject> objects, ImageSize size, IReadOnlyList<int> lookedAt, int frames, double tolerance)
    {
        ArgumentNullException.ThrowIfNull(objects);
        ArgumentNullException.ThrowIfNull(lookedAt);
        var tracks = new List<Track>();
        foreach (var one in objects)
        {
            var inside = one.Boxes.Select(b => Inside(b, size)).Where(b => b.Width >= 1 && b.Height >= 1).ToList();
            if (inside.Count == 0) continue;
            var keyframes = Thin(inside, tolerance).Select(Rounded).ToList();

            // Up to the next frame that was looked at it may have been there; in that one it was not.
            var next = lookedAt.FirstOrDefault(f => f > inside[^1].Frame, frames);
            if (next < frames) keyframes.Add(keyframes[^1] with { Frame = next, Outside = true });
            tracks.Add(new Track(string.Create(System.Globalization.CultureInfo.InvariantCulture, $"t{tracks.Count + 1}"), one.Label, keyframes));
        }

        return new TracksValue(tracks);
    }

    private static Keyframe Inside(Keyframe box, ImageSize size)
    {
        double left = Math.Clamp(box.X, 0, size.Width), top = Math.Clamp(box.Y, 0, size.Height);
        double right = Math.Clamp(box.X + box.Width, 0, size.Width), bottom = Math.Clamp(box.Y + box.Height, 0, size.Height);
        return box with { X = left, Y = top, Width = right - left, Height = bottom - top };
    }

    private static Keyframe Rounded(Keyframe box) => box with { X = Math.Round(box.X, 1), Y = Math.Round(box.Y, 1), Width = Math.Round(box.Width, 1), Height = Math.Round(box.Height, 1) };
}
