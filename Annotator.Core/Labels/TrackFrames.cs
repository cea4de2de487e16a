namespace Annotator.Core.Labels;

/// <summary>Where a track's box is at each frame: linear between keyframes, out of sight from a keyframe that says so until the next that does not, and still after the last.</summary>
public static class TrackFrames
{
    /// <summary>Frames that a film can have at the most, and the bound of keyframes: over nine hours at thirty a second.</summary>
    public const int MostFrames = 1_000_000;

    // Boxes that differ by less than this are the same: a thousandth of a pixel.
    private const double Same = 1e-3;

    /// <summary>The box at a frame; null before the first keyframe and where the object is out of sight.</summary>
    public static Keyframe? At(Track track, int frame)
    {
        ArgumentNullException.ThrowIfNull(track);
        var keyframes = track.Keyframes;
        int low = 0, high = keyframes.Count - 1, before = -1;
        while (low <= high)
        {
            var middle = (low + high) / 2;
            if (keyframes[middle].Frame <= frame) (before, low) = (middle, middle + 1);
            else high = middle - 1;
        }

        if (before < 0 || keyframes[before].Outside) return null;
        var last = keyframes[before];
        if (last.Frame == frame || before == keyframes.Count - 1) return last with { Frame = frame };
        return Between(last, keyframes[before + 1], frame);
    }

    /// <summary>The fewest keyframes that give the boxes of single frames again.</summary>
    /// <param name="id">Identifier of the track.</param>
    /// <param name="label">Its label.</param>
    /// <param name="boxes">A box for each frame in which the object is seen; frames ascending.</param>
    public static Track Compress(string id, string label, IReadOnlyList<Keyframe> boxes)
    {
        ArgumentNullException.ThrowIfNull(boxes);
        var keyframes = new List<Keyframe>();
        for (var start = 0; start < boxes.Count;)
        {
            // A run of frames without a gap.
            var end = start;
            while (end + 1 < boxes.Count && boxes[end + 1].Frame == boxes[end].Frame + 1) end++;
            keyframes.Add(boxes[start]);
            for (var anchor = start; anchor < end;)
            {
                var reach = anchor + 1;
                while (reach < end && Straight(boxes, anchor, reach + 1)) reach++;
                keyframes.Add(boxes[reach]);
                anchor = reach;
            }

            // What is not said to be seen is not.
            keyframes.Add(boxes[end] with { Frame = boxes[end].Frame + 1, Outside = true });
            start = end + 1;
        }

        return new Track(id, label, keyframes);
    }

    private static bool Straight(IReadOnlyList<Keyframe> boxes, int from, int to)
    {
        for (var i = from + 1; i < to; i++)
        {
            var expected = Between(boxes[from], boxes[to], boxes[i].Frame);
            var box = boxes[i];
            if (Math.Abs(expected.X - box.X) > Same || Math.Abs(expected.Y - box.Y) > Same || Math.Abs(expected.Width - box.Width) > Same || Math.Abs(expected.Height - box.Height) > Same) return false;
        }

        return true;
    }

    private static Keyframe Between(Keyframe from, Keyframe to, int frame)
    {
        var share = (double)(frame - from.Frame) / (to.Frame - from.Frame);
        return new Keyframe(frame, Mix(from.X, to.X, share), Mix(from.Y, to.Y, share), Mix(from.Width, to.Width, share), Mix(from.Height, to.Height, share), false, from.Occluded);
    }

    private static double Mix(double from, double to, double share) => from + ((to - from) * share);
}
