using Annotator.Core.Learning.Representation;

namespace Annotator.Tests.Learning;

public class CompactVectorsTests
{
    [Theory]
    [InlineData(64)]
    [InlineData(13)]
    public async Task Nearest_AgreesWithTheExactCosine(int dimensions)
    {
        var random = new Random(1);
        var rows = Enumerable.Range(0, 500 * dimensions).Select(_ => (float)(random.NextDouble() - 0.5)).ToArray();
        var vectors = await WriteAndReadAsync(rows, dimensions);
        Assert.Equal(500, vectors.Count);
        var query = rows.AsSpan(0, dimensions).ToArray();
        var exact = Enumerable.Range(0, 500).ToDictionary(i => i * 2L, i => Cosine(query, rows.AsSpan(i * dimensions, dimensions)));
        var found = vectors.Nearest(query, 20);
        Assert.Equal(0, found[0].Id);
        Assert.All(found, f => Assert.InRange(f.Similarity, exact[f.Id] - 0.01, exact[f.Id] + 0.01));
        Assert.All(found, f => Assert.True(exact[f.Id] >= exact.Values.OrderDescending().ElementAt(19) - 0.02));
        Assert.DoesNotContain(vectors.Nearest(query, 20, except: 0), f => f.Id == 0);
        Assert.Equal(-1, vectors.RowOf(1));
        Assert.Equal(3, vectors.RowOf(6));
    }

    [Fact]
    public async Task Read_DamagedFile_IsRefused()
    {
        using var stream = new MemoryStream();
        var writer = new CompactVectorWriter(stream, 4);
        writer.Write([1, 2], [1, 0, 0, 0, 0, 1, 0, 0]);
        writer.Complete();
        var bytes = stream.ToArray();
        foreach (var wrong in (byte[][])[[], bytes[..^1], [.. bytes, 0], [0, .. bytes[1..]]])
            await Assert.ThrowsAsync<FormatException>(() => CompactVectors.ReadAsync(new MemoryStream(wrong), TestContext.Current.CancellationToken));
        Assert.Throws<ArgumentException>(() => writer.Write([2], [1, 0, 0, 0]));
    }

    [Fact]
    public async Task Read_NoRows_IsEmpty()
    {
        using var stream = new MemoryStream();
        var writer = new CompactVectorWriter(stream, 4);
        writer.Write([], []);
        writer.Complete();
        var vectors = await CompactVectors.ReadAsync(stream, TestContext.Current.CancellationToken);
        Assert.Empty(vectors.Nearest([1, 0, 0, 0], 3));
    }

    private static async Task<CompactVectors> WriteAndReadAsync(float[] rows, int dimensions)
    {
        using var stream = new MemoryStream();
        var writer = new CompactVectorWriter(stream, dimensions);
        writer.Write([.. Enumerable.Range(0, rows.Length / dimensions).Select(i => i * 2L)], rows);
        writer.Complete();
        return await CompactVectors.ReadAsync(stream, TestContext.Current.CancellationToken);
    }

    private static double Cosine(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        double dot = 0, x = 0, y = 0;
        for (var i = 0; i < a.Length; i++)
        {
            dot += a[i] * b[i];
            x += a[i] * a[i];
            y += b[i] * b[i];
        }

        return dot / Math.Sqrt(x * y);
    }
}
