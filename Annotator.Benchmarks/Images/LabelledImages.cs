using System.Globalization;
using System.IO.Compression;
using Annotator.Core.Media;
using Annotator.Core.Student.Images;
using NetVips;

namespace Annotator.Benchmarks.Images;

/// <summary>Small images of one class each.</summary>
/// <param name="Name">Name of the set.</param>
/// <param name="Classes">Number of classes.</param>
/// <param name="Labels">Class of each image.</param>
/// <param name="Canvases">The images as the product's models see them.</param>
/// <param name="Pixels">The bare grey pixels, 0 to 1, row by row.</param>
/// <param name="PixelCount">Pixels an image.</param>
internal sealed record LabelledImages(string Name, int Classes, int[] Labels, byte[] Canvases, float[] Pixels, int PixelCount)
{
    public static LabelledImages Load(string name) => string.Equals(name, "mnist", StringComparison.Ordinal) ? Mnist() : Digits();

    private static LabelledImages Mnist()
    {
        var folder = Path.Combine(Student.LabelledTexts.Folder, "mnist");
        var rows = File.ReadLines(Path.Combine(folder, "train.csv")).Skip(1).Select(l => l.Split(',')).ToList();
        var labels = rows.Select(r => int.Parse(r[2], CultureInfo.InvariantCulture)).ToArray();
        var canvases = new byte[rows.Count * ImageEncoder.CanvasBytes];
        var pixels = new float[rows.Count * 28 * 28];
        using var zip = ZipFile.OpenRead(Path.Combine(folder, "train-images.zip"));
        var entries = zip.Entries.ToDictionary(e => e.FullName, StringComparer.Ordinal);
        for (var i = 0; i < rows.Count; i++)
        {
            using var memory = new MemoryStream();
            using (var entry = entries[rows[i][1]].Open()) entry.CopyTo(memory);
            var file = memory.ToArray();
            var thumbnail = ImageFiles.Thumbnail(file, 320);
            ImageFiles.Canvas(thumbnail).CopyTo(canvases, i * ImageEncoder.CanvasBytes);
            var grey = ImageFiles.Pixels(file, 28, 28);
            for (var p = 0; p < 28 * 28; p++) pixels[(i * 28 * 28) + p] = grey[3 * p] / 255f;
        }

        return new LabelledImages("mnist", 10, labels, canvases, pixels, 28 * 28);
    }

    private static LabelledImages Digits()
    {
        var lines = File.ReadAllLines(Path.Combine(Student.LabelledTexts.Folder, "digits", "digits.csv"));
        var header = lines[0].Split(',').ToList();
        var label = header.FindIndex(h => h.Contains("label", StringComparison.OrdinalIgnoreCase) || h.Contains("target", StringComparison.OrdinalIgnoreCase));
        var first = header.FindIndex(h => h is "x0");
        var rows = lines.Skip(1).Where(l => l.Length > 0).Select(l => l.Split(',')).ToList();
        var canvases = new byte[rows.Count * ImageEncoder.CanvasBytes];
        var pixels = new float[rows.Count * 64];
        for (var i = 0; i < rows.Count; i++)
        {
            var grey = new byte[64];
            for (var p = 0; p < 64; p++)
            {
                pixels[(i * 64) + p] = float.Parse(rows[i][first + p], CultureInfo.InvariantCulture) / 16;
                grey[p] = (byte)(pixels[(i * 64) + p] * 255);
            }

            using var image = Image.NewFromMemory(grey, 8, 8, 1, Enums.BandFormat.Uchar);
            ImageFiles.Canvas(image.PngsaveBuffer()).CopyTo(canvases, i * ImageEncoder.CanvasBytes);
        }

        return new LabelledImages("digits", 10, [.. rows.Select(r => int.Parse(r[label], CultureInfo.InvariantCulture))], canvases, pixels, 64);
    }
}
