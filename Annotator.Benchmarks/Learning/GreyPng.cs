using System.Buffers.Binary;
using System.IO.Compression;

namespace Annotator.Benchmarks.Learning;

/// <summary>Reads 8-bit grey PNG files without interlacing, as the digit set has them; all else is refused.</summary>
internal static class GreyPng
{
    internal static (byte[] Pixels, int Width, int Height) Read(Stream stream)
    {
        using var memory = new MemoryStream();
        stream.CopyTo(memory);
        var bytes = memory.ToArray().AsSpan()[8..];
        int width = 0, height = 0;
        using var packed = new MemoryStream();
        while (bytes.Length >= 12)
        {
            var length = BinaryPrimitives.ReadInt32BigEndian(bytes);
            var body = bytes.Slice(8, length);
            if (bytes.Slice(4, 4).SequenceEqual("IHDR"u8))
            {
                (width, height) = (BinaryPrimitives.ReadInt32BigEndian(body), BinaryPrimitives.ReadInt32BigEndian(body[4..]));
                if (body[8] != 8 || body[9] != 0 || body[12] != 0)
                    throw new NotSupportedException("Only 8-bit grey.");
            }
            else if (bytes.Slice(4, 4).SequenceEqual("IDAT"u8))
            {
                packed.Write(body);
            }

            bytes = bytes[(12 + length)..];
        }

        packed.Position = 0;
        using var inflate = new ZLibStream(packed, CompressionMode.Decompress);
        var pixels = new byte[width * height];
        for (var y = 0; y < height; y++)
        {
            var filter = inflate.ReadByte();
            var row = pixels.AsSpan(y * width, width);
            inflate.ReadExactly(row);
            for (var x = 0; x < width; x++)
            {
                int left = x > 0 ? row[x - 1] : 0, up = y > 0 ? pixels[(y - 1) * width + x] : 0, corner = x > 0 && y > 0 ? pixels[(y - 1) * width + x - 1] : 0;
                row[x] += (byte)(filter switch
                {
                    0 => 0,
                    1 => left,
                    2 => up,
                    3 => (left + up) / 2,
                    _ => Paeth(left, up, corner),
                });
            }
        }

        return (pixels, width, height);
    }

    private static int Paeth(int a, int b, int c)
    {
        int p = a + b - c, pa = Math.Abs(p - a), pb = Math.Abs(p - b), pc = Math.Abs(p - c);
        return pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
    }
}
