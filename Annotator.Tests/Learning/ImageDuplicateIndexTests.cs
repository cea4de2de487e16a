using System.Numerics;
using Annotator.Core.Learning.Duplicates;

namespace Annotator.Tests.Learning;

public class ImageDuplicateIndexTests
{
    [Fact]
    public void Compute_LeftToRightRamp_SetsEveryDifferenceBit()
    {
        var pixels = new byte[90 * 80];
        for (var i = 0; i < pixels.Length; i++)
            pixels[i] = (byte)(i % 90 * 2);
        Assert.Equal(ulong.MaxValue, PerceptualHash.Compute(pixels, 90, 80).Difference);
        Array.Reverse(pixels);
        Assert.Equal(0UL, PerceptualHash.Compute(pixels, 90, 80).Difference);
    }

    [Fact]
    public void Compute_FlatPicture_IsZero() =>
        Assert.Equal(new PerceptualHash(0, 0), PerceptualHash.Compute([.. Enumerable.Repeat((byte)77, 50 * 40)], 50, 40));

    [Fact]
    public void Compute_Frequencies_HalfOfTheBitsAreSet() =>
        Assert.Equal(31, BitOperations.PopCount(PerceptualHash.Compute(Scene(3, 200, 150), 200, 150).Frequency));

    [Fact]
    public void Compute_WrongLength_Throws() =>
        Assert.Throws<ArgumentException>(() => PerceptualHash.Compute(new byte[10], 3, 3));

    [Fact]
    public void Add_ResizedNoisyBrighterCropped_JoinTheirOriginals()
    {
        var index = new ImageDuplicateIndex();
        var random = new Random(1);
        int planted = 0, found = 0, wrong = 0;
        for (var i = 0; i < 80; i++)
        {
            var scene = Scene(i, 160, 120);
            if (index.Add(i * 10, PerceptualHash.Compute(scene, 160, 120)).Kind != DuplicateKind.None)
                wrong++;
            var variants = new[]
            {
                PerceptualHash.Compute(Part(scene, 160, 120, 0, 0, 160, 120, 97, 71), 97, 71),
                PerceptualHash.Compute([.. scene.Select(p => (byte)Math.Clamp(p + random.Next(-20, 21), 0, 255))], 160, 120),
                PerceptualHash.Compute([.. scene.Select(p => (byte)Math.Clamp(p * 1.2 + 10, 0, 255))], 160, 120),
                PerceptualHash.Compute(Part(scene, 160, 120, 4, 3, 152, 114, 152, 114), 152, 114),
            };
            for (var v = 0; v < variants.Length; v++)
            {
                planted++;
                found += index.Add(i * 10 + v + 1, variants[v]).Group == index.GroupOf(i * 10) ? 1 : 0;
            }
        }

        Assert.True(found >= 0.97 * planted, $"{found} of {planted}");
        Assert.True(wrong <= 1, $"{wrong} wrong");
    }

    [Fact]
    public void Search_BeyondTheScanLimit_FindsEveryPairWithin23Bits()
    {
        var random = new Random(2);
        var hashes = new List<PerceptualHash>();
        var index = new HammingIndex(30);
        for (var i = 0; i < HammingIndex.ScanLimit + 1000; i++)
        {
            var hash = new PerceptualHash((ulong)random.NextInt64(), (ulong)random.NextInt64());
            if (i % 3 == 0 && i > 0)
            {
                // Somewhere around the radius from an earlier one.
                hash = hashes[random.Next(i)];
                for (var flips = random.Next(45); flips > 0; flips--)
                    hash = new(hash.Difference ^ 1UL << random.Next(64) & (flips % 2 == 0 ? ulong.MaxValue : 0), hash.Frequency ^ (flips % 2 == 1 ? 1UL << random.Next(63) : 0));
            }

            hashes.Add(hash);
            index.Add(hash);
        }

        for (var q = 0; q < 20; q++)
        {
            var query = hashes[random.Next(hashes.Count)];
            var found = new List<int>();
            index.Search(query, (slot, _) => found.Add(slot));
            var expected = Enumerable.Range(0, hashes.Count).Where(i => query.Distance(hashes[i]) <= 30).ToList();
            Assert.Subset(expected.ToHashSet(), found.ToHashSet());
            Assert.Superset(expected.Where(i => query.Distance(hashes[i]) <= 23).ToHashSet(), found.ToHashSet());
        }
    }

    [Fact]
    public void Restore_GivesTheGroupsBack()
    {
        var index = new ImageDuplicateIndex();
        index.Restore(5, new(0, 0), 4);
        index.Restore(4, new(1, 0), 4);
        Assert.Equal(4, index.GroupOf(5));
        Assert.Equal(4, index.Add(6, new(3, 0)).Group);
        Assert.Equal(4, index.Detach(5));
        Assert.Equal([4L, 6L], index.Members(6));
    }

    /// <summary>A made-up picture: soft blobs of several sizes over a slope.</summary>
    private static byte[] Scene(int seed, int width, int height)
    {
        var random = new Random(seed * 31 + 5);
        var blobs = Enumerable.Range(0, 40).Select(_ => (X: random.NextDouble(), Y: random.NextDouble(), R: 0.03 + 0.1 * random.NextDouble(), A: random.Next(-110, 111))).ToArray();
        double sx = random.Next(-40, 41), sy = random.Next(-40, 41);
        var pixels = new byte[width * height];
        for (var y = 0; y < height; y++)
        {
            for (var x = 0; x < width; x++)
            {
                double u = (double)x / width, v = (double)y / height, value = 120 + sx * u + sy * v;
                foreach (var b in blobs)
                    value += b.A * Math.Exp(-((u - b.X) * (u - b.X) + (v - b.Y) * (v - b.Y)) / (b.R * b.R));
                pixels[y * width + x] = (byte)Math.Clamp(value, 0, 255);
            }
        }

        return pixels;
    }

    private static byte[] Part(byte[] pixels, int width, int height, int left, int top, int partWidth, int partHeight, int toWidth, int toHeight)
    {
        Assert.True(left + partWidth <= width && top + partHeight <= height);
        var part = new byte[toWidth * toHeight];
        for (var y = 0; y < toHeight; y++)
        {
            for (var x = 0; x < toWidth; x++)
                part[y * toWidth + x] = pixels[(top + y * partHeight / toHeight) * width + left + x * partWidth / toWidth];
        }

        return part;
    }
}
