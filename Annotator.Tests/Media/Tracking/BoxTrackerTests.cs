using Annotator.Core.Labels;
using Annotator.Core.Media;
using Annotator.Core.Media.Tracking;
using CsCheck;

namespace Annotator.Tests.Media.Tracking;

/// <summary>From detections to tracks to keyframes, against answers that are known.</summary>
public class BoxTrackerTests
{
    [Fact]
    public void The_filter_says_what_matrices_say()
    {
        // The same filter written out in matrices: x = F x, P = F P F' + Q; K = P H' (H P H' + R)^-1.
        var random = new Random(3);
        var one = new MovingValue(10, 4, 2);
        double[] x = [10, 0];
        double[,] p = { { 4, 0 }, { 0, 2 } };
        for (var step = 0; step < 50; step++)
        {
            double q = random.NextDouble(), qv = random.NextDouble() * 0.1, r = 0.1 + random.NextDouble(), z = random.Next(-5, 30);
            x = [x[0] + x[1], x[1]];
            p = new[,] { { p[0, 0] + p[0, 1] + p[1, 0] + p[1, 1] + q, p[0, 1] + p[1, 1] }, { p[1, 0] + p[1, 1], p[1, 1] + qv } };
            one.Predict(q, qv);
            Assert.Equal(x[0], one.Value, 9);
            double[] k = [p[0, 0] / (p[0, 0] + r), p[1, 0] / (p[0, 0] + r)];
            var off = z - x[0];
            x = [x[0] + (k[0] * off), x[1] + (k[1] * off)];
            p = new[,] { { (1 - k[0]) * p[0, 0], (1 - k[0]) * p[0, 1] }, { p[1, 0] - (k[1] * p[0, 0]), p[1, 1] - (k[1] * p[0, 1]) } };
            one.Correct(z, r);
            Assert.Equal(x[0], one.Value, 9);
            Assert.Equal(x[1], one.Velocity, 9);
            Assert.Equal(p[0, 0], one.Variance, 9);
        }
    }

    [Fact]
    public void Two_that_cross_stay_two()
    {
        // They pass each other three pixels apart, at sixty pixels' width.
        var tracker = new BoxTracker(new TrackerOptions());
        for (var f = 0; f < 60; f++) tracker.Add(f, [Seen("car", f * 8, 100), Seen("car", 480 - (f * 8), 150)]);
        var found = tracker.Finish();
        Assert.Equal(2, found.Count);
        Assert.All(found, o => Assert.Equal(60, o.Boxes.Count));
        Assert.All(found, o => Assert.InRange(o.Boxes.Max(b => b.Y) - o.Boxes.Min(b => b.Y), 0, 2));
    }

    [Fact]
    public void A_gap_is_bridged_a_long_one_is_not_and_a_flicker_is_nothing()
    {
        var tracker = new BoxTracker(new TrackerOptions { Patience = 8 });
        for (var f = 0; f < 100; f++)
        {
            List<Sighting> seen = [];
            if (f is < 20 or >= 26) seen.Add(Seen("car", 10 + (f * 5), 40));
            if (f is < 30 or > 60) seen.Add(Seen("dog", 700, 300));
            if (f is 50) seen.Add(Seen("car", 300, 600));
            tracker.Add(f, seen);
        }

        var found = tracker.Finish();
        Assert.Equal(["car", "dog", "dog"], found.Select(o => o.Label).Order(StringComparer.Ordinal));
        Assert.Equal(94, found.Single(o => o.Label is "car").Boxes.Count);
    }

    [Fact]
    public void Weak_detections_carry_on_and_never_begin_and_one_odd_label_changes_nothing()
    {
        var tracker = new BoxTracker(new TrackerOptions { Strong = 0.5, Patience = 2 });
        for (var f = 0; f < 40; f++)
            tracker.Add(f, [Seen(f == 12 ? "bus" : "car", 10 + (f * 3), 40, f is > 15 and < 30 ? 0.2 : 0.9), Seen("ghost", 500, 500, 0.3)]);
        var one = Assert.Single(tracker.Finish());
        Assert.Equal("car", one.Label);
        Assert.Equal(40, one.Boxes.Count);
    }

    [Fact]
    public void Keyframes_are_few_and_never_further_off_than_is_said() => Gen.Select(Gen.Int[0, 1_000_000], Gen.Double[0, 0.3]).Sample((seed, tolerance) =>
    {
        var random = new Random(seed);
        double x = 100, y = 100, w = 40, h = 60, vx = 2, vy = 1;
        var boxes = new List<Keyframe>();
        for (var f = 0; f < 120; f += 1 + random.Next(3))
        {
            if (random.Next(20) == 0) (vx, vy) = ((random.NextDouble() * 6) - 3, (random.NextDouble() * 6) - 3);
            (x, y, w, h) = (x + vx, y + vy, Math.Max(5, w + random.NextDouble() - 0.5), Math.Max(5, h + random.NextDouble() - 0.5));
            boxes.Add(new Keyframe(f, x, y, w, h, false));
        }

        var thin = TrackKeyframes.Thin(boxes, tolerance);
        var track = new Track("t", "car", thin);
        Assert.Equal((boxes[0], boxes[^1]), (thin[0], thin[^1]));
        foreach (var box in boxes)
        {
            var at = TrackFrames.At(track, box.Frame)!;
            var most = Math.Max(0.5, tolerance * Math.Min(box.Width, box.Height)) + 1e-9;
            Assert.True(Math.Abs(at.X - box.X) <= most && Math.Abs(at.Y - box.Y) <= most && Math.Abs(at.X + at.Width - box.X - box.Width) <= most && Math.Abs(at.Y + at.Height - box.Y - box.Height) <= most);
        }
    });

    [Fact]
    public void A_straight_way_is_two_keyframes_and_ends_where_it_was_not_seen_any_more()
    {
        int[] looked = [.. Enumerable.Range(0, 12).Select(i => i * 5)];
        var seen = new FollowedObject("car", 0.9, [.. looked.Take(8).Select(f => new Keyframe(f, -10 + f, 20, 30, 30, false))]);
        var track = Assert.Single(TrackKeyframes.ToTracks([seen], new ImageSize(100, 80), looked, 60, 0.05).Tracks);
        Assert.Equal((0, false), (track.Keyframes[0].Frame, track.Keyframes[0].Outside));
        Assert.Equal((40, true), (track.Keyframes[^1].Frame, track.Keyframes[^1].Outside));
        Assert.InRange(track.Keyframes.Count, 3, 4);
        Assert.All(track.Keyframes, k => Assert.True(k.X >= 0 && k.X + k.Width <= 100));
    }

    private static Sighting Seen(string label, double x, double y, double score = 0.9) => new(new Box(label, x, y, 60, 60), score);
}
