using Annotator.Core.Labels;
using CsCheck;

namespace Annotator.Tests.Labels;

/// <summary>Where a track's box is between its keyframes.</summary>
public class TrackFramesTests
{
    private static readonly Gen<Keyframe> s_keyframe = Gen.Select(
        Gen.Int[0, 200], Gen.Double[0, 500], Gen.Double[0, 500], Gen.Double[1, 100], Gen.Double[1, 100], Gen.Bool, Gen.Bool,
        (frame, x, y, width, height, outside, occluded) => new Keyframe(frame, x, y, width, height, outside, occluded));

    private static readonly Gen<Track> s_track = s_keyframe.Array[1, 12].Select(keyframes => new Track("t1", "car", keyframes.DistinctBy(k => k.Frame)));

    [Fact]
    public void AtAKeyframe_ItIsTheKeyframe_UnlessOutside() => s_track.Sample(track =>
        Assert.All(track.Keyframes, k => Assert.Equal(k.Outside ? null : k, TrackFrames.At(track, k.Frame))));

    [Fact]
    public void BeforeTheFirst_ThereIsNothing_AfterTheLastItStands() => Gen.Select(s_track, Gen.Int[1, 500]).Sample((track, far) =>
    {
        Assert.Null(TrackFrames.At(track, track.Keyframes[0].Frame - far));
        var last = track.Keyframes[^1];
        Assert.Equal(last.Outside ? null : last with { Frame = last.Frame + far }, TrackFrames.At(track, last.Frame + far));
    });

    [Fact]
    public void BetweenKeyframes_EverythingLiesOnAStraightLine() => Gen.Select(s_track, Gen.Int[0, 200]).Sample((track, frame) =>
    {
        var after = track.Keyframes.Select((k, i) => (k, i)).FirstOrDefault(p => p.k.Frame > frame).i;
        if (after == 0 || TrackFrames.At(track, frame) is not { } box) return;
        var (from, to) = (track.Keyframes[after - 1], track.Keyframes[after]);
        var share = (frame - from.Frame) / (double)(to.Frame - from.Frame);
        Assert.Equal(from.X + ((to.X - from.X) * share), box.X, 9);
        Assert.Equal(from.Y + ((to.Y - from.Y) * share), box.Y, 9);
        Assert.Equal(from.Width + ((to.Width - from.Width) * share), box.Width, 9);
        Assert.Equal(from.Height + ((to.Height - from.Height) * share), box.Height, 9);
        Assert.Equal(from.Occluded, box.Occluded);
    });

    [Fact]
    public void OccludedKeyframe_KeepsItsFlagInJson()
    {
        var value = new TracksValue([new Track("t1", "car", [new Keyframe(0, 1, 2, 3, 4, false, true), new Keyframe(5, 1, 2, 3, 4, true)])]);
        const string Json = """{"tracks":[{"id":"t1","label":"car","keyframes":[{"frame":0,"x":1,"y":2,"width":3,"height":4,"outside":false,"occluded":true},{"frame":5,"x":1,"y":2,"width":3,"height":4,"outside":true}]}]}""";
        Assert.Equal(Json, LabelJson.Write(value));
        Assert.Equal(value, LabelJson.Read(Json));
    }
}
