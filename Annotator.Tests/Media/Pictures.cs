using System.IO.Compression;
using System.Net.Http.Headers;
using NetVips;

namespace Annotator.Tests.Media;

/// <summary>Images made for tests.</summary>
internal static class Pictures
{
    /// <summary>A PNG with a shape (0 disc, 1 square, 2 cross) at a place and of a size that a seed chooses, on a noisy ground.</summary>
    public static byte[] Shape(int kind, int seed, int side = 40)
    {
        var random = new Random(seed);
        var pixels = new byte[side * side * 3];
        double x = side * (0.4 + (random.NextDouble() * 0.2)), y = side * (0.4 + (random.NextDouble() * 0.2)), r = side * (0.18 + (random.NextDouble() * 0.12));
        for (var row = 0; row < side; row++)
        {
            for (var column = 0; column < side; column++)
            {
                var (dx, dy) = (Math.Abs(column - x), Math.Abs(row - y));
                var inside = kind switch { 0 => (dx * dx) + (dy * dy) < r * r, 1 => Math.Max(dx, dy) < r * 0.9, _ => Math.Min(dx, dy) < r * 0.25 && Math.Max(dx, dy) < r };
                var value = (byte)((inside ? 190 : 40) + random.Next(30));
                for (var c = 0; c < 3; c++) pixels[(((row * side) + column) * 3) + c] = value;
            }
        }

        return Png(pixels, side, side);
    }

    /// <summary>A PNG of a size, all of one colour but a gradient.</summary>
    public static byte[] Plain(int width, int height)
    {
        var pixels = new byte[width * height * 3];
        for (var i = 0; i < pixels.Length; i++) pixels[i] = (byte)(i / 3 % width * 255 / width);
        return Png(pixels, width, height);
    }

    /// <summary>Pixels as a PNG file.</summary>
    public static byte[] Png(byte[] pixels, int width, int height)
    {
        using var image = Image.NewFromMemory(pixels, width, height, 3, Enums.BandFormat.Uchar);
        return image.PngsaveBuffer();
    }

    /// <summary>A zip archive.</summary>
    public static byte[] Zip(params IEnumerable<(string Name, byte[] Content)> files)
    {
        using var memory = new MemoryStream();
        using (var zip = new ZipArchive(memory, ZipArchiveMode.Create, leaveOpen: true))
        {
            foreach (var (name, content) in files)
            {
                using var entry = zip.CreateEntry(name, CompressionLevel.Optimal).Open();
                entry.Write(content);
            }
        }

        return memory.ToArray();
    }

    /// <summary>Files as a form.</summary>
    public static MultipartFormDataContent Form(params (string Name, byte[] Content)[] files)
    {
        var body = new MultipartFormDataContent();
        foreach (var (name, content) in files)
        {
            var part = new ByteArrayContent(content);
            part.Headers.ContentType = MediaTypeHeaderValue.Parse("application/octet-stream");
            body.Add(part, "file", name);
        }

        return body;
    }
}
