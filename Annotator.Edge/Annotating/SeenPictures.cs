using System.Numerics;

namespace Annotator.Edge.Annotating;

/// <summary>
/// Which pictures were kept to be sent. A camera shows the same for hours: of pictures that are alike, by their difference hash (Krawetz 2013: 64 bits, each whether a cell is brighter
/// than the one to its right), one is worth a person's look.
/// </summary>
internal sealed class SeenPictures
{
    // Two pictures of one scene, a moment apart, differ in fewer bits than this.
    private const int Alike = 5;
    private const int MostKept = 256;
    private const int Cells = 8;

    private readonly Queue<ulong> _hashes = new();

    /// <summary>Whether a picture is unlike all of the last ones; from then on it is one of them.</summary>
    public bool IsNew(Frame frame)
    {
        var hash = HashOf(frame);
        if (_hashes.Any(h => BitOperations.PopCount(h ^ hash) < Alike)) return false;
        _hashes.Enqueue(hash);
        if (_hashes.Count > MostKept) _hashes.Dequeue();
        return true;
    }

    private static ulong HashOf(Frame frame)
    {
        Span<double> cells = stackalloc double[(Cells + 1) * Cells];
        for (var y = 0; y < Cells; y++)
        {
            for (var x = 0; x <= Cells; x++) cells[(y * (Cells + 1)) + x] = Brightness(frame, x * frame.Width / (Cells + 1), (x + 1) * frame.Width / (Cells + 1), y * frame.Height / Cells, (y + 1) * frame.Height / Cells);
        }

        var hash = 0UL;
        for (var y = 0; y < Cells; y++)
        {
            for (var x = 0; x < Cells; x++) hash = (hash << 1) | (cells[(y * (Cells + 1)) + x] > cells[(y * (Cells + 1)) + x + 1] + 0.5 ? 1UL : 0);
        }

        return hash;
    }

    private static double Brightness(Frame frame, int left, int right, int top, int bottom)
    {
        var (sum, count) = (0L, 0);
        for (var y = top; y < Math.Max(top + 1, bottom); y++)
        {
            for (var x = left; x < Math.Max(left + 1, right); x++, count++)
            {
                var at = 3 * ((Math.Min(y, frame.Height - 1) * frame.Width) + Math.Min(x, frame.Width - 1));
                sum += (299 * frame.Pixels[at]) + (587 * frame.Pixels[at + 1]) + (114 * frame.Pixels[at + 2]);
            }
        }

        return sum / 1_000.0 / count;
    }
}
