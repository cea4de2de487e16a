using System.Buffers.Binary;
using System.Security.Cryptography;
using Annotator.Core.Learning.Duplicates;
using Annotator.Core.Student.Images;
using NetVips;

namespace Annotator.Core.Media;

/// <summary>What is known of an image once it has been decoded.</summary>
/// <param name="Width">Width in pixels as it is shown, after its EXIF orientation.</param>
/// <param name="Height">Height in pixels as it is shown.</param>
public readonly record struct ImageSize(int Width, int Height);

/// <summary>A file is no image that can be shown; the message says why, for the person who sent it.</summary>
public sealed class ImageRefusedException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>
/// Decodes images by libvips: sizes, thumbnails, the small canvas that models look at. Which decoder is used follows from the file's first bytes alone, and only
/// those of the kinds of <see cref="MediaKind"/> may run. EXIF orientation is always applied: a pixel's place is the one that a person sees.
/// </summary>
public static class ImageFiles
{
    /// <summary>Media type of thumbnails.</summary>
    public const string ThumbnailType = "image/webp";

    private const int SmallSide = 64;

    // Up to here a file without loss is hardly larger than one with it.
    private const int LosslessSide = 160;

    private static readonly Lazy<string?> s_missing = new(Prepare);

    /// <summary>Why images cannot be decoded on this machine; null where they can.</summary>
    public static string? Missing => s_missing.Value;

    /// <summary>Reads an image's size without decoding its pixels.</summary>
    /// <param name="file">The whole file.</param>
    /// <exception cref="ImageRefusedException">It is no image, or broken.</exception>
    public static ImageSize SizeOf(byte[] file)
    {
        ArgumentNullException.ThrowIfNull(file);
        using var image = Open(file);
        var turned = image.Contains("orientation") && image.Get("orientation") is int orientation && orientation is >= 5 and <= 8;
        return turned ? new ImageSize(image.PageHeight, image.Width) : new ImageSize(image.Width, image.PageHeight);
    }

    /// <summary>Makes a thumbnail, never larger than the image; of a broken or truncated file it makes none. Small ones keep every pixel.</summary>
    /// <param name="file">The whole file.</param>
    /// <param name="side">Longest side in pixels.</param>
    /// <returns>A WebP file.</returns>
    /// <exception cref="ImageRefusedException">The pixels cannot be decoded to the end.</exception>
    public static byte[] Thumbnail(byte[] file, int side)
    {
        var size = SizeOf(file);
        if (!HasEnd(file)) throw new ImageRefusedException("The image is broken or ends early.");
        using var small = Shrink(file, side, side, Enums.Size.Down);
        using var shown = Plain(small);
        var whole = Math.Max(size.Width, size.Height) <= side;
        return Guarded(() => shown.WebpsaveBuffer(q: 82, lossless: whole, effort: whole ? 2 : 3, keep: Enums.ForeignKeep.None));
    }

    /// <summary>A thumbnail of pixels that have its size already.</summary>
    /// <param name="pixels">Red, green and blue of each pixel, row by row.</param>
    /// <param name="width">Width in pixels.</param>
    /// <param name="height">Height in pixels.</param>
    /// <returns>A WebP file.</returns>
    /// <exception cref="ImageRefusedException">The image library is not there.</exception>
    public static byte[] ThumbnailOf(byte[] pixels, int width, int height) => Guarded(() =>
    {
        using var image = Image.NewFromMemory(pixels, width, height, 3, Enums.BandFormat.Uchar);
        using var shown = image.Copy(interpretation: Enums.Interpretation.Srgb);
        return shown.WebpsaveBuffer(q: 82, effort: 3, keep: Enums.ForeignKeep.None);
    });

    /// <summary>Pixels as a JPEG file.</summary>
    /// <param name="pixels">Red, green and blue of each pixel, row by row.</param>
    /// <param name="width">Width in pixels.</param>
    /// <param name="height">Height in pixels.</param>
    /// <exception cref="ImageRefusedException">The image library is not there.</exception>
    public static byte[] ToJpeg(byte[] pixels, int width, int height) => Guarded(() =>
    {
        using var image = Image.NewFromMemory(pixels, width, height, 3, Enums.BandFormat.Uchar);
        using var shown = image.Copy(interpretation: Enums.Interpretation.Srgb);
        return shown.JpegsaveBuffer(q: 92, keep: Enums.ForeignKeep.None);
    });

    /// <summary>The image as models see it: <see cref="ImageEncoder.Side"/> pixels square, red, green and blue.</summary>
    /// <param name="file">An image; its thumbnail is enough.</param>
    /// <exception cref="ImageRefusedException">The pixels cannot be decoded.</exception>
    public static byte[] Canvas(byte[] file) => Pixels(file, ImageEncoder.Side, ImageEncoder.Side);

    /// <summary>The image at a size, whatever its shape: red, green and blue of each pixel, row by row.</summary>
    /// <param name="file">An image.</param>
    /// <param name="width">Width in pixels.</param>
    /// <param name="height">Height in pixels.</param>
    /// <exception cref="ImageRefusedException">The pixels cannot be decoded.</exception>
    public static byte[] Pixels(byte[] file, int width, int height)
    {
        ArgumentNullException.ThrowIfNull(file);
        using var sized = Shrink(file, width, height, Enums.Size.Force);
        using var shown = Plain(sized);
        return Guarded(() => shown.WriteToMemory<byte>());
    }

    /// <summary>The image for a model that is asked over the network: upright, never larger than it is, without anything but its pixels.</summary>
    /// <param name="file">The whole file.</param>
    /// <param name="side">Longest side in pixels.</param>
    /// <returns>A PNG file of small images, whose every pixel counts, else a JPEG file; its media type; its size.</returns>
    /// <exception cref="ImageRefusedException">The pixels cannot be decoded to the end.</exception>
    public static (byte[] File, string ContentType, ImageSize Size) ForModel(byte[] file, int side)
    {
        ArgumentNullException.ThrowIfNull(file);
        using var small = Shrink(file, side, side, Enums.Size.Down);
        using var shown = Plain(small);
        var size = new ImageSize(shown.Width, shown.Height);
        return Math.Max(size.Width, size.Height) <= LosslessSide
            ? (Guarded(() => shown.PngsaveBuffer(keep: Enums.ForeignKeep.None)), "image/png", size)
            : (Guarded(() => shown.JpegsaveBuffer(q: 88, keep: Enums.ForeignKeep.None)), "image/jpeg", size);
    }

    /// <summary>The fingerprint by which near-duplicates are found.</summary>
    /// <param name="thumbnail">The image's thumbnail.</param>
    public static PerceptualHash HashOf(byte[] thumbnail)
    {
        ArgumentNullException.ThrowIfNull(thumbnail);
        using var image = Open(thumbnail);
        using var shown = Plain(image);
        if (Math.Max(shown.Width, shown.Height) < SmallSide) return ExactHash(Guarded(() => shown.WriteToMemory<byte>()), shown.Width);
        using var grey = shown.Colourspace(Enums.Interpretation.Bw);
        return PerceptualHash.Compute(Guarded(() => grey.WriteToMemory<byte>()), grey.Width, grey.Height);
    }

    // Digits and icons have too little in them to be told apart by their coarse shape, where a photograph has enough: they are duplicates only where every pixel is the same.
    private static PerceptualHash ExactHash(byte[] pixels, int width)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData([.. pixels, .. BitConverter.GetBytes(width)], hash);
        return new PerceptualHash(BinaryPrimitives.ReadUInt64LittleEndian(hash), BinaryPrimitives.ReadUInt64LittleEndian(hash[8..]) & (ulong.MaxValue >> 1));
    }

    /// <summary>The same pixels as a PNG file, for kinds that browsers do not show.</summary>
    /// <exception cref="ImageRefusedException">The pixels cannot be decoded to the end.</exception>
    public static byte[] ToPng(byte[] file)
    {
        using var image = Open(file);
        using var upright = image.Autorot();
        using var shown = Plain(upright, keepAlpha: true);
        return Guarded(() => shown.PngsaveBuffer(compression: 6, keep: Enums.ForeignKeep.None));
    }

    /// <summary>Cuts a large image into tiles at scales that halve until a tile holds it whole; upright, in eight bits of red, green and blue.</summary>
    /// <param name="path">The image.</param>
    /// <param name="target">The file that is made: a TIFF of tiles.</param>
    /// <param name="side">Width and height of a tile in pixels.</param>
    /// <param name="quality">Quality of the tiles, 1 to 100.</param>
    /// <exception cref="ImageRefusedException">The pixels cannot be decoded to the end.</exception>
    internal static void MakeTiles(string path, string target, int side, int quality)
    {
        if (Missing is { } reason) throw new ImageRefusedException(reason);
        using var image = Open(File.ReadAllBytes(path));
        using var upright = image.Autorot();
        using var shown = Plain(upright);
        _ = Guarded(() =>
        {
            shown.Tiffsave(target, compression: Enums.ForeignTiffCompression.Jpeg, q: quality, tile: true, tileWidth: side, tileHeight: side, pyramid: true, keep: Enums.ForeignKeep.None);
            return true;
        });
    }

    /// <summary>The scales of a file that <see cref="MakeTiles"/> made, the largest first.</summary>
    /// <param name="path">The file of tiles.</param>
    /// <exception cref="ImageRefusedException">It cannot be read.</exception>
    internal static IReadOnlyList<TileLevel> TileLevels(string path)
    {
        var levels = new List<TileLevel>();
        using var whole = Guarded(() => Image.Tiffload(path));
        var pages = whole.Contains("n-pages") && whole.Get("n-pages") is int count ? count : 1;
        for (var page = 0; page < pages; page++)
        {
            using var level = Guarded(() => Image.Tiffload(path, page: page));
            levels.Add(new TileLevel(page, level.Width, level.Height));
        }

        return levels;
    }

    /// <summary>A part of one of the scales that <see cref="MakeTiles"/> made.</summary>
    /// <param name="path">The file of tiles.</param>
    /// <param name="level">The scale.</param>
    /// <param name="x">Left edge in its pixels.</param>
    /// <param name="y">Top edge.</param>
    /// <param name="width">Width.</param>
    /// <param name="height">Height.</param>
    /// <param name="quality">Quality, 1 to 100.</param>
    /// <returns>A JPEG file.</returns>
    internal static byte[] Tile(string path, int level, int x, int y, int width, int height, int quality) => Guarded(() =>
    {
        using var image = Image.Tiffload(path, page: level);
        using var part = image.ExtractArea(x, y, width, height);
        return part.JpegsaveBuffer(q: quality, keep: Enums.ForeignKeep.None);
    });

    // Decoders make do with what they get, and show the rest grey: the mark of the end must stand behind the pixels.
    private static bool HasEnd(ReadOnlySpan<byte> file)
    {
        if (file.StartsWith((ReadOnlySpan<byte>)[0x89, 0x50, 0x4E, 0x47])) return file.LastIndexOf("IEND"u8) > file.LastIndexOf("IDAT"u8);
        if (file.StartsWith((ReadOnlySpan<byte>)[0xFF, 0xD8])) return file.LastIndexOf((ReadOnlySpan<byte>)[0xFF, 0xD9]) > file.LastIndexOf((ReadOnlySpan<byte>)[0xFF, 0xDA]);
        return !file.StartsWith("RIFF"u8) || file.Length < 8 || BinaryPrimitives.ReadUInt32LittleEndian(file[4..]) <= file.Length - 8;
    }

    private static Image Shrink(byte[] file, int width, int height, Enums.Size size)
    {
        // libvips has no decoder of its own for BMP.
        if (!file.AsSpan().StartsWith("BM"u8)) return Guarded(() => Image.ThumbnailBuffer(file, width, height: height, size: size, failOn: Enums.FailOn.Truncated));
        using var bitmap = BitmapFile.Read(file);
        return Guarded(() => bitmap.ThumbnailImage(width, height: height, size: size));
    }

    private static Image Open(byte[] file)
    {
        if (Missing is { } reason) throw new ImageRefusedException(reason);
        if (MediaKind.Of(file) is not { Modality: Labels.Modality.Image }) throw new ImageRefusedException("Not an image of a known kind.");
        return file.AsSpan().StartsWith("BM"u8) ? BitmapFile.Read(file) : Guarded(() => Image.NewFromBuffer(file, failOn: Enums.FailOn.Truncated));
    }

    // Eight bits of red, green and blue; what is transparent is white.
    private static Image Plain(Image image, bool keepAlpha = false) => Guarded(() =>
    {
        var colour = image.Colourspace(Enums.Interpretation.Srgb);
        if (colour.HasAlpha() && !keepAlpha) colour = colour.Flatten(background: [255]);
        return colour.Format == Enums.BandFormat.Uchar ? colour : colour.Cast(Enums.BandFormat.Uchar);
    });

    private static T Guarded<T>(Func<T> decode)
    {
        if (Missing is { } reason) throw new ImageRefusedException(reason);
        try
        {
            return decode();
        }
        catch (VipsException e)
        {
            // Its first line says what is wrong; the rest are names of its functions.
            var said = e.Message.ReplaceLineEndings("\n").Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
            throw new ImageRefusedException($"The image is broken or ends early ({(said.Length > 1 ? said[1] : said.FirstOrDefault() ?? "no more is known")}).", e);
        }
    }

    private static string? Prepare()
    {
        try
        {
            if (!ModuleInitializer.VipsInitialized) return $"The image library cannot be loaded on this machine: {ModuleInitializer.Exception?.Message}";

            // Every file is another one: nothing is gained by keeping results, and memory is lost.
            NetVips.Cache.Max = 0;
            NetVips.NetVips.Concurrency = 1;
            NetVips.NetVips.BlockUntrusted = true;
            Operation.Block("VipsForeignLoad", true);
            foreach (var decoder in (string[])["Jpeg", "Png", "Webp", "Nsgif", "Heif", "Tiff"]) Operation.Block($"VipsForeignLoad{decoder}", false);
            return null;
        }
        catch (Exception e) when (e is DllNotFoundException or TypeInitializationException or EntryPointNotFoundException)
        {
            return $"The image library cannot be loaded on this machine: {e.Message}";
        }
    }
}
