using System.Buffers.Binary;
using System.IO.Compression;

namespace Annotator.Tests.Support;

/// <summary>Pictures made up for a test, as PNG files that every browser reads.</summary>
internal static class TestPicture
{
    private static readonly byte[] s_signature = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A];

    /// <summary>A PNG of eight bits a channel.</summary>
    /// <param name="width">Width in pixels.</param>
    /// <param name="height">Height in pixels.</param>
    /// <param name="paint">The colour of a pixel.</param>
    public static byte[] Png(int width, int height, Func<int, int, (byte Red, byte Green, byte Blue)> paint)
    {
        using var file = new MemoryStream();
        file.Write(s_signature);
        var header = new byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, width);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), height);

        // Eight bits, true colour, no interlace.
        (header[8], header[9]) = (8, 2);
        Chunk(file, "IHDR"u8, header);
        var rows = new byte[height * (1 + (width * 3))];
        for (var y = 0; y < height; y++)
        {
            var at = (y * (1 + (width * 3))) + 1;
            for (var x = 0; x < width; x++, at += 3) (rows[at], rows[at + 1], rows[at + 2]) = paint(x, y);
        }

        using var packed = new MemoryStream();
        using (var zlib = new ZLibStream(packed, CompressionLevel.Fastest, leaveOpen: true)) zlib.Write(rows);
        Chunk(file, "IDAT"u8, packed.ToArray());
        Chunk(file, "IEND"u8, []);
        return file.ToArray();
    }

    /// <summary>A plain picture with a bright rectangle, so that people who look at a failure see something.</summary>
    public static byte[] WithRectangle(int width, int height, int left, int top, int right, int bottom) => Png(
        width, height, (x, y) => x >= left && x < right && y >= top && y < bottom ? ((byte)240, (byte)190, (byte)60) : ((byte)(40 + (x * 60 / width)), (byte)70, (byte)(90 + (y * 60 / height))));

    private static void Chunk(MemoryStream file, ReadOnlySpan<byte> type, ReadOnlySpan<byte> content)
    {
        Span<byte> number = stackalloc byte[4];
        BinaryPrimitives.WriteInt32BigEndian(number, content.Length);
        file.Write(number);
        file.Write(type);
        file.Write(content);
        BinaryPrimitives.WriteUInt32BigEndian(number, Checksum(type, content));
        file.Write(number);
    }

    // The cyclic redundancy check of ISO 3309, as PNG asks for.
    private static uint Checksum(ReadOnlySpan<byte> type, ReadOnlySpan<byte> content)
    {
        var sum = Add(Add(uint.MaxValue, type), content);
        return ~sum;

        static uint Add(uint sum, ReadOnlySpan<byte> bytes)
        {
            foreach (var b in bytes)
            {
                sum ^= b;
                for (var bit = 0; bit < 8; bit++) sum = (sum & 1) == 1 ? (sum >> 1) ^ 0xEDB88320 : sum >> 1;
            }

            return sum;
        }
    }
}
