using System.Buffers.Binary;
using NetVips;

namespace Annotator.Core.Media;

/// <summary>Reads BMP files without compression, of 1, 4, 8, 24 or 32 bits a pixel (Windows bitmap format, BITMAPINFOHEADER and later).</summary>
internal static class BitmapFile
{
    private const long MostPixels = 1L << 28;

    public static Image Read(byte[] file)
    {
        var bytes = file.AsSpan();
        if (bytes.Length < 54) throw new ImageRefusedException("The BMP file ends early.");
        var start = BinaryPrimitives.ReadUInt32LittleEndian(bytes[10..]);
        var header = BinaryPrimitives.ReadUInt32LittleEndian(bytes[14..]);
        int width = BinaryPrimitives.ReadInt32LittleEndian(bytes[18..]), height = BinaryPrimitives.ReadInt32LittleEndian(bytes[22..]);
        int bits = BinaryPrimitives.ReadUInt16LittleEndian(bytes[28..]), compression = BinaryPrimitives.ReadInt32LittleEndian(bytes[30..]);
        var upsideDown = height > 0;
        if (header < 40 || width < 1 || height is 0 or int.MinValue || (long)width * Math.Abs(height) > MostPixels) throw new ImageRefusedException("The BMP file's header makes no sense.");
        if (compression is not (0 or 3) || bits is not (1 or 4 or 8 or 24 or 32) || (compression == 3 && bits != 32)) throw new ImageRefusedException("Only BMP files without compression are read.");
        height = Math.Abs(height);
        var stride = ((((long)width * bits) + 31) / 32) * 4;
        if (start > bytes.Length || stride * height > bytes.Length - start) throw new ImageRefusedException("The BMP file ends early.");
        var colours = bits <= 8 ? Palette(bytes, (int)(14 + header), bits) : [];
        var pixels = new byte[(long)width * height * 3];
        for (var y = 0; y < height; y++)
        {
            var row = bytes.Slice((int)(start + (stride * (upsideDown ? height - 1 - y : y))), (int)stride);
            var to = pixels.AsSpan(y * width * 3, width * 3);
            for (var x = 0; x < width; x++)
            {
                if (bits >= 24)
                {
                    var at = x * (bits / 8);
                    (to[3 * x], to[(3 * x) + 1], to[(3 * x) + 2]) = (row[at + 2], row[at + 1], row[at]);
                    continue;
                }

                var index = bits == 8 ? row[x] : bits == 4 ? (row[x / 2] >> (x % 2 == 0 ? 4 : 0)) & 15 : (row[x / 8] >> (7 - (x % 8))) & 1;
                if ((index + 1) * 3 > colours.Length) throw new ImageRefusedException("The BMP file names a colour that it does not have.");
                colours.AsSpan(index * 3, 3).CopyTo(to[(3 * x)..]);
            }
        }

        return Image.NewFromMemory(pixels, width, height, 3, Enums.BandFormat.Uchar).Copy(interpretation: Enums.Interpretation.Srgb);
    }

    private static byte[] Palette(ReadOnlySpan<byte> bytes, int from, int bits)
    {
        var count = BinaryPrimitives.ReadInt32LittleEndian(bytes[46..]) is > 0 and <= 256 and var said ? said : 1 << bits;
        if (from + (count * 4) > bytes.Length) throw new ImageRefusedException("The BMP file ends early.");
        var colours = new byte[count * 3];
        for (var i = 0; i < count; i++)
        {
            var entry = bytes.Slice(from + (i * 4), 4);
            (colours[3 * i], colours[(3 * i) + 1], colours[(3 * i) + 2]) = (entry[2], entry[1], entry[0]);
        }

        return colours;
    }
}
