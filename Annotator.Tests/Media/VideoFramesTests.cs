using Annotator.Core.Media;
using CsCheck;

namespace Annotator.Tests.Media;

/// <summary>Telling frames apart by the times that a container gives them.</summary>
public class VideoFramesTests
{
    [Theory]
    [InlineData(25.0)]
    [InlineData(30000.0 / 1001)]
    [InlineData(179.0 / 6)]
    [InlineData(59.94)]
    public void EvenlySpaced_InAnyOrderAndRoundedToMilliseconds_AreARate(double rate)
    {
        var times = Enumerable.Range(0, 900).Select(i => Math.Round(0.08 + (i / rate), 3)).ToList();

        // As with frames that refer to later ones: stored in another order than shown.
        for (var i = 0; i + 2 < times.Count; i += 3) (times[i + 1], times[i + 2]) = (times[i + 2], times[i + 1]);
        var frames = VideoFrames.Of(times);
        Assert.Equal(900, frames.Count);
        Assert.Null(frames.Times);
        Assert.Equal(0.08, frames.Start, 6);
        Assert.Equal(rate, frames.Rate!.Value, 0.01);

        // The middle of each frame's time stays inside the frame, over the whole film.
        Assert.All(Enumerable.Range(0, 900), i => Assert.True(Math.Abs(frames.Start + (i / frames.Rate.Value) - (0.08 + (i / rate))) < 0.3 / rate));
    }

    [Fact]
    public void UnevenlySpaced_KeepEveryTime() => Gen.Double[0.01, 0.2].Array[3, 60].Where(steps => steps.Max() - steps.Min() > 0.02).Sample(steps =>
    {
        var at = 0.0;
        var times = steps.Select(s => at += s).ToList();
        var frames = VideoFrames.Of(times);
        if (frames.Times is { } kept) Assert.Equal(times.Select(t => Math.Round(t, 6)), kept);
        else Assert.All(times.Select((t, i) => Math.Abs(t - (frames.Start + (i / frames.Rate!.Value)))), d => Assert.InRange(d, 0, 0.002));
    });

    [Fact]
    public void NoFramesAndOne_AreNoTrouble()
    {
        Assert.Equal(0, VideoFrames.Of([]).Count);
        Assert.Equal(1, VideoFrames.Of([0.5]).Count);
    }
}
