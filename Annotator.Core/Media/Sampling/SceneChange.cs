namespace Annotator.Core.Media.Sampling;

/// <summary>
/// Tells where a film shows something else: how much of the colours of a frame were not in the one before (histogram difference, Zhang et al. 1993). It does not mind
/// that things move, only that they are replaced.
/// </summary>
public sealed class SceneChange
{
    // Eight shades of each colour: noise and compression stay within one.
    private const int Shades = 8;

    private int[]? _before;

    /// <summary>Takes the next frame.</summary>
    /// <param name="pixels">Red, green and blue of each pixel, as many as of the frame before; a small version of the frame is enough.</param>
    /// <returns>Share of the pixels whose colour is another one, 0 to 1; 0 for the first.</returns>
    public double Add(ReadOnlySpan<byte> pixels)
    {
        var histogram = new int[Shades * Shades * Shades];
        for (var i = 0; i + 2 < pixels.Length; i += 3) histogram[(pixels[i] / 32 * Shades * Shades) + (pixels[i + 1] / 32 * Shades) + (pixels[i + 2] / 32)]++;
        var before = _before;
        _before = histogram;
        if (before is null || pixels.Length < 3) return 0;
        long common = 0;
        for (var b = 0; b < histogram.Length; b++) common += Math.Min(histogram[b], before[b]);
        return 1 - ((double)common / (pixels.Length / 3));
    }
}
