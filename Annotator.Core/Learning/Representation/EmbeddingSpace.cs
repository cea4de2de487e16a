using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Annotator.Core.Learning.Representation;

/// <summary>
/// Turns texts into rows of numbers in which like texts are near: latent semantic analysis (Deerwester et al. 1990) of TF-IDF weighted
/// n-grams of words and characters, learned from the project's own texts without labels and without any download. Immutable, and safe for
/// concurrent use.
/// </summary>
/// <remarks>
/// The truncated singular value decomposition is found by randomised subspace iteration (Halko, Martinsson and Tropp 2011) on a sample; any number
/// of texts can be projected afterwards. Deterministic for a seed.
/// </remarks>
public sealed class EmbeddingSpace
{
    private const uint Magic = 0x53454E41; // "ANES"
    private const int FormatVersion = 1;
    private const int Oversampling = 10;

    private readonly int[] _feature;
    private readonly int[] _buckets;
    private readonly float[] _idf;
    private readonly float[] _projection;

    private EmbeddingSpace(int dimensions, int[] buckets, float[] idf, float[] projection)
    {
        Dimensions = dimensions;
        _buckets = buckets;
        _idf = idf;
        _projection = projection;
        _feature = new int[1 << NGramCounter.BucketBits];
        Array.Fill(_feature, -1);
        for (var f = 0; f < buckets.Length; f++)
            _feature[buckets[f]] = f;
    }

    /// <summary>Length of a row.</summary>
    public int Dimensions { get; }

    /// <summary>Number of n-grams that count.</summary>
    public int Features => _buckets.Length;

    /// <summary>Learns a space.</summary>
    /// <param name="texts">The project's texts, read once; a sample of them is kept while learning.</param>
    /// <param name="options">Null for the defaults.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <exception cref="ArgumentOutOfRangeException">An option is out of its range.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public static EmbeddingSpace Fit(IEnumerable<string> texts, EmbeddingOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(texts);
        options ??= new();
        options.Validate();
        var sample = Sample(texts, options, cancellationToken);
        var (buckets, idf) = ChooseFeatures(sample, options);
        var space = new EmbeddingSpace(options.Dimensions, buckets, idf, new float[buckets.Length * options.Dimensions]);
        var matrix = space.Weigh(sample);
        cancellationToken.ThrowIfCancellationRequested();
        space.Decompose(matrix, options, cancellationToken);
        return space;
    }

    /// <summary>The row of one text.</summary>
    /// <param name="text">Any text.</param>
    /// <param name="row">Receives <see cref="Dimensions"/> values of length 1 together; all 0 where the text has no known n-gram.</param>
    /// <exception cref="ArgumentException">The row has another length.</exception>
    public void Transform(string text, Span<float> row)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (row.Length != Dimensions)
            throw new ArgumentException($"The row has {row.Length} values, not {Dimensions}.", nameof(row));
        Project(s_counter.Value!, text, row);
    }

    /// <summary>The rows of many texts, on all cores: texts.Count x <see cref="Dimensions"/>, row by row.</summary>
    /// <exception cref="OverflowException">More than 2^31 values in all; transform in batches.</exception>
    public float[] Transform(IReadOnlyList<string> texts)
    {
        ArgumentNullException.ThrowIfNull(texts);
        var rows = new float[checked(texts.Count * Dimensions)];
        Parallel.For(0, (texts.Count + 255) / 256, block =>
        {
            var counter = s_counter.Value!;
            for (var i = block * 256; i < Math.Min(texts.Count, block * 256 + 256); i++)
                Project(counter, texts[i], rows.AsSpan(i * Dimensions, Dimensions));
        });
        return rows;
    }

    /// <summary>The space as bytes, of which <see cref="FromBytes"/> makes an equal space; a checksum is at the end.</summary>
    public byte[] ToBytes()
    {
        var body = 20 + 4L * (_buckets.Length + _idf.Length + _projection.Length);
        var bytes = new byte[checked((int)body + SHA256.HashSizeInBytes)];
        var target = bytes.AsSpan();
        BinaryPrimitives.WriteUInt32LittleEndian(target, Magic);
        BinaryPrimitives.WriteInt32LittleEndian(target[4..], FormatVersion);
        BinaryPrimitives.WriteInt32LittleEndian(target[8..], Dimensions);
        BinaryPrimitives.WriteInt32LittleEndian(target[12..], _buckets.Length);
        BinaryPrimitives.WriteInt32LittleEndian(target[16..], NGramCounter.BucketBits);
        target = target[20..];
        foreach (var bucket in _buckets)
        {
            BinaryPrimitives.WriteInt32LittleEndian(target, bucket);
            target = target[4..];
        }

        foreach (var value in (ReadOnlySpan<float[]>)[_idf, _projection])
        {
            foreach (var number in value)
            {
                BinaryPrimitives.WriteSingleLittleEndian(target, number);
                target = target[4..];
            }
        }

        SHA256.HashData(bytes.AsSpan(0, (int)body), target);
        return bytes;
    }

    /// <summary>Reads what <see cref="ToBytes"/> wrote.</summary>
    /// <exception cref="FormatException">The bytes are no such space, are damaged, or were written by a newer version.</exception>
    public static EmbeddingSpace FromBytes(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < 20 + SHA256.HashSizeInBytes || BinaryPrimitives.ReadUInt32LittleEndian(bytes) != Magic)
            throw new FormatException("Not an embedding space.");
        var version = BinaryPrimitives.ReadInt32LittleEndian(bytes[4..]);
        if (version != FormatVersion)
            throw new FormatException($"Embedding space of format {version}; this version reads {FormatVersion}.");
        int dimensions = BinaryPrimitives.ReadInt32LittleEndian(bytes[8..]), features = BinaryPrimitives.ReadInt32LittleEndian(bytes[12..]);
        var body = bytes.Length - SHA256.HashSizeInBytes;
        if (dimensions is < 2 or > 256 || features < 0 || BinaryPrimitives.ReadInt32LittleEndian(bytes[16..]) != NGramCounter.BucketBits
            || body != 20 + 4L * features * (2 + dimensions) || !SHA256.HashData(bytes[..body]).AsSpan().SequenceEqual(bytes[body..]))
            throw new FormatException("The embedding space is damaged.");
        var buckets = new int[features];
        var numbers = new float[features * (1 + dimensions)];
        for (var i = 0; i < features; i++)
        {
            buckets[i] = BinaryPrimitives.ReadInt32LittleEndian(bytes[(20 + 4 * i)..]);
            if (buckets[i] is < 0 or >= 1 << NGramCounter.BucketBits)
                throw new FormatException("The embedding space is damaged.");
        }

        for (var i = 0; i < numbers.Length; i++)
            numbers[i] = BinaryPrimitives.ReadSingleLittleEndian(bytes[(20 + 4 * features + 4 * i)..]);
        return new(dimensions, buckets, numbers[..features], numbers[features..]);
    }

    private static readonly ThreadLocal<NGramCounter> s_counter = new(() => new());

    /// <summary>A uniform sample of a stream (reservoir sampling, Vitter's algorithm R).</summary>
    private static List<string> Sample(IEnumerable<string> texts, EmbeddingOptions options, CancellationToken cancellationToken)
    {
        var random = new Random(options.Seed);
        var sample = new List<string>();
        long seen = 0;
        foreach (var text in texts)
        {
            seen++;
            if ((seen & 0xFFF) == 0)
                cancellationToken.ThrowIfCancellationRequested();
            if (sample.Count < options.SampleSize)
                sample.Add(text);
            else if (random.NextInt64(seen) is var place && place < sample.Count)
                sample[(int)place] = text;
        }

        return sample;
    }

    private static (int[] Buckets, float[] Idf) ChooseFeatures(List<string> sample, EmbeddingOptions options)
    {
        var frequency = new int[1 << NGramCounter.BucketBits];
        Parallel.For(0, (sample.Count + 255) / 256, block =>
        {
            var counter = s_counter.Value!;
            for (var i = block * 256; i < Math.Min(sample.Count, block * 256 + 256); i++)
            {
                counter.Read(sample[i]);
                foreach (var bucket in counter.Buckets)
                    Interlocked.Increment(ref frequency[bucket]);
            }
        });
        // What every text has tells nothing apart.
        var buckets = Enumerable.Range(0, frequency.Length)
            .Where(b => frequency[b] >= Math.Min(options.MinimumDocumentFrequency, Math.Max(1, sample.Count - 1)))
            .OrderByDescending(b => frequency[b]).ThenBy(b => b).Take(options.MaximumFeatures).Order().ToArray();
        return (buckets, [.. buckets.Select(b => (float)Math.Log((1.0 + sample.Count) / (1.0 + frequency[b])) + 1)]);
    }

    /// <summary>The TF-IDF rows of the sample, each of length 1, with 1 + ln(tf).</summary>
    private SparseRows Weigh(List<string> sample)
    {
        var rows = new (int[] Indices, float[] Values)[sample.Count];
        Parallel.For(0, (sample.Count + 255) / 256, block =>
        {
            var counter = s_counter.Value!;
            for (var i = block * 256; i < Math.Min(sample.Count, block * 256 + 256); i++)
            {
                counter.Read(sample[i]);
                var indices = counter.Buckets.Select(b => _feature[b]).Where(f => f >= 0).Order().ToArray();
                var values = indices.Select(f => Weight(counter, f)).ToArray();
                Vectors.Normalize(values);
                rows[i] = (indices, values);
            }
        });
        var starts = new long[rows.Length + 1];
        for (var i = 0; i < rows.Length; i++)
            starts[i + 1] = starts[i] + rows[i].Indices.Length;
        var allIndices = new int[starts[^1]];
        var allValues = new float[starts[^1]];
        for (var i = 0; i < rows.Length; i++)
        {
            rows[i].Indices.CopyTo(allIndices, starts[i]);
            rows[i].Values.CopyTo(allValues, starts[i]);
        }

        return new(_buckets.Length, starts, allIndices, allValues);
    }

    private void Decompose(SparseRows matrix, EmbeddingOptions options, CancellationToken cancellationToken)
    {
        var width = Math.Min(options.Dimensions + Oversampling, Math.Min(matrix.Rows, matrix.Columns));
        if (width == 0)
            return;
        var transposed = matrix.Transpose();
        var right = Subspace.Start(matrix.Columns, width, options.Seed);
        var left = new float[matrix.Rows * width];
        for (var i = 0; i < options.Iterations; i++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            matrix.Multiply(right, width, left);
            // Between orthonormalisations the columns grow alike, so one a round, on the smaller side of the work, is enough.
            transposed.Multiply(left, width, right);
            Subspace.Orthonormalize(right, matrix.Columns, width);
        }

        // Rayleigh-Ritz: the singular vectors within the subspace.
        matrix.Multiply(right, width, left);
        var (_, vectors) = Subspace.Eigen(Subspace.Gram(left, matrix.Rows, width), width);
        Subspace.Rotate(right, matrix.Columns, width, vectors, width);
        var kept = Math.Min(width, Dimensions);
        for (var f = 0; f < matrix.Columns; f++)
            right.AsSpan(f * width, kept).CopyTo(_projection.AsSpan(f * Dimensions, kept));
    }

    private void Project(NGramCounter counter, string text, Span<float> row)
    {
        row.Clear();
        counter.Read(text);
        // The weights' own norm need not be known: the row is scaled to length 1 in the end.
        foreach (var bucket in CollectionsMarshal.AsSpan((List<int>)counter.Buckets))
        {
            var feature = _feature[bucket];
            if (feature >= 0)
                Vectors.AddScaled(_projection.AsSpan(feature * Dimensions, Dimensions), Weight(counter, feature), row);
        }

        Vectors.Normalize(row);
    }

    private float Weight(NGramCounter counter, int feature) => s_termFrequency[counter.Count(_buckets[feature])] * _idf[feature];

    private static readonly float[] s_termFrequency = [0, .. Enumerable.Range(1, 255).Select(c => 1 + MathF.Log(c))];
}
