namespace Annotator.Core.Llm;

/// <summary>A picture in the form in which it is sent.</summary>
/// <param name="ContentType"><c>image/jpeg</c> or <c>image/png</c>, which every server that takes images knows.</param>
/// <param name="Bytes">The file.</param>
/// <param name="Width">Width as sent, in pixels.</param>
/// <param name="Height">Height as sent, in pixels.</param>
public sealed record LlmImage(string ContentType, ReadOnlyMemory<byte> Bytes, int Width, int Height)
{
    // The dearest way of counting that is in use takes about 5,700 tokens for a tile of 512 pixels square, which is one for every 46 pixels.
    private const int PixelsPerToken = 40;
    private const int TokensAtLeast = 300;

    /// <summary>The most tokens that a server may count for it, likely far more than it does: what was seen takes its place with the first answer.</summary>
    internal long Weight => TokensAtLeast + ((long)Width * Height / PixelsPerToken);
}

/// <summary>The picture of an item. It is read when its call is made, and not before: a run holds no more pictures than its calls under way.</summary>
/// <param name="Name">Stands for its content and the size at which it is sent.</param>
/// <param name="Width">Width of the whole picture, in pixels: boxes are given in these.</param>
/// <param name="Height">Height of the whole picture, in pixels.</param>
/// <param name="OpenAsync">Reads it and scales it down; null where it is not there any more, or cannot be decoded.</param>
public sealed record LlmPicture(string Name, int Width, int Height, Func<CancellationToken, ValueTask<LlmImage?>> OpenAsync);

/// <summary>A picture with its right answer, shown to the model.</summary>
/// <param name="Labels">Its labels; none where boxes are asked for.</param>
/// <param name="Boxes">Its boxes; null where none are asked for.</param>
internal sealed record LlmPictureExample(IReadOnlyList<string> Labels, IReadOnlyList<LlmBox>? Boxes = null)
{
    /// <summary>The picture as it is sent.</summary>
    public LlmImage Image { get; init; } = new("", default, 0, 0);

    /// <summary>The labels that it uses.</summary>
    public IEnumerable<string> Used => Boxes is null ? Labels : Boxes.Select(b => b.Label);
}

/// <summary>A box as a model gives it.</summary>
/// <param name="Label">Its label.</param>
/// <param name="Top">Upper edge, in thousandths of the picture's height.</param>
/// <param name="Left">Left edge, in thousandths of its width.</param>
/// <param name="Bottom">Lower edge, below the upper one.</param>
/// <param name="Right">Right edge, to the right of the left one.</param>
public sealed record LlmBox(string Label, decimal Top, decimal Left, decimal Bottom, decimal Right)
{
    /// <summary>What the edges are parts of.</summary>
    public const int Whole = 1_000;

    /// <summary>A box in pixels as a model gives it: in whole thousandths, of some area, and inside the picture.</summary>
    /// <param name="box">The box.</param>
    /// <param name="width">Width of the whole picture.</param>
    /// <param name="height">Its height.</param>
    public static LlmBox Of(Labels.Box box, int width, int height)
    {
        ArgumentNullException.ThrowIfNull(box);
        int top = Part(box.Y, height, Whole - 1), left = Part(box.X, width, Whole - 1);
        return new LlmBox(box.Label, top, left, Math.Max(top + 1, Part(box.Y + box.Height, height, Whole)), Math.Max(left + 1, Part(box.X + box.Width, width, Whole)));

        static int Part(double at, int of, int most) => (int)Math.Clamp(Math.Round(at * Whole / Math.Max(1, of)), 0, most);
    }

    /// <summary>The box in pixels of the whole picture. It is not rounded: decimal fractions are mapped to decimal fractions.</summary>
    /// <param name="width">Width of the whole picture.</param>
    /// <param name="height">Its height.</param>
    public Labels.Box ToPixels(int width, int height)
    {
        static double Part(decimal thousandths, int of) => (double)(thousandths * of / Whole);
        return new Labels.Box(Label, Part(Left, width), Part(Top, height), Part(Right - Left, width), Part(Bottom - Top, height));
    }
}
