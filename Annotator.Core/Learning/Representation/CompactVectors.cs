using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Annotator.Core.Learning.Representation;

/// <summary>An item that is like another.</summary>
/// <param name="Id">The item.</param>
/// <param name="Similarity">Cosine of the angle between the two, -1 to 1.</param>
public readonly record struct SimilarItem(long Id, double Similarity);

/// <summary>
/// Unit vectors of many items at one byte a value: 1,000,000 items of 64 take 76 MB. Neighbours are found by comparing with all of them, which at that size
/// takes some hundredths of a second and needs no index that would have to be built or kept. Immutable, safe for concurrent use.
/// </summary>
/// <remarks>A value v is kept as round(127 v / m) with m the greatest of its row; the cosine of two rows is off by less than 0.01.</remarks>
public sealed class CompactVectors
{
    private const uint Magic = 0x56434E41; // "ANCV"
    private const int FormatVersion = 1;
    private const int Levels = 127;

    /// <summary>Bytes before the rows of a file.</summary>
    internal const int HeaderSize = 24;

    private readonly long[] _ids;
    private readonly sbyte[] _values;
    private readonly float[] _scales;

    private CompactVectors(int dimensions, long[] ids, sbyte[] values, float[] scales)
    {
        (Dimensions, _ids, _values, _scales) = (dimensions, ids, values, scales);
    }

    /// <summary>Length of a row.</summary>
    public int Dimensions { get; }

    /// <summary>Number of rows.</summary>
    public int Count => _ids.Length;

    /// <summary>Ids of the rows, ascending.</summary>
    public ReadOnlySpan<long> Ids => _ids;

    /// <summary>Bytes that it takes in memory.</summary>
    public long Bytes => (_ids.LongLength * sizeof(long)) + _values.LongLength + (_scales.LongLength * sizeof(float));

    /// <summary>The row of an item, or -1.</summary>
    public int RowOf(long id) => Array.BinarySearch(_ids, id) is var row and >= 0 ? row : -1;

    /// <summary>Writes one row as it is kept; scaled to length 1 (a row of zeros stays).</summary>
    /// <param name="row">Row number.</param>
    /// <param name="target">Receives <see cref="Dimensions"/> values.</param>
    public void Read(int row, Span<float> target)
    {
        var values = _values.AsSpan(checked(row * Dimensions), Dimensions);
        for (var i = 0; i < values.Length; i++) target[i] = values[i];
        Vectors.Normalize(target[..Dimensions]);
    }

    /// <summary>Rows as floats, row by row.</summary>
    /// <param name="rows">Which; null for all.</param>
    public float[] ToFloats(IReadOnlyList<int>? rows = null)
    {
        var count = rows?.Count ?? Count;
        var all = new float[checked(count * Dimensions)];
        Parallel.For(0, (count + 1023) / 1024, block =>
        {
            for (var i = block * 1024; i < Math.Min(count, (block + 1) * 1024); i++) Read(rows?[i] ?? i, all.AsSpan(i * Dimensions, Dimensions));
        });
        return all;
    }

    /// <summary>The items most like a vector, the most like first.</summary>
    /// <param name="query">A row; its length does not matter.</param>
    /// <param name="limit">How many at the most, at least 1.</param>
    /// <param name="except">An item to be left out.</param>
    /// <param name="cancellationToken">Stops the search.</param>
    public IReadOnlyList<SimilarItem> Nearest(ReadOnlySpan<float> query, int limit, long? except = null, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(limit, 1);
        if (query.Length != Dimensions) throw new ArgumentException($"The query has {query.Length} values, not {Dimensions}.", nameof(query));
        var unit = query.ToArray();
        Vectors.Normalize(unit);
        var best = new PriorityQueue<int, float>(limit + 1);
        var least = float.NegativeInfinity;
        for (var row = 0; row < Count; row++)
        {
            if ((row & 0xFFFF) == 0) cancellationToken.ThrowIfCancellationRequested();
            var similarity = Dot(row, unit);
            if (best.Count == limit && similarity <= least) continue;
            if (_ids[row] == except) continue;
            best.Enqueue(row, similarity);
            if (best.Count > limit) best.Dequeue();
            if (best.Count == limit) best.TryPeek(out _, out least);
        }

        var found = new SimilarItem[best.Count];
        for (var i = found.Length - 1; i >= 0; i--)
        {
            best.TryDequeue(out var row, out var similarity);
            found[i] = new SimilarItem(_ids[row], Math.Clamp(similarity, -1, 1));
        }

        return found;
    }

    /// <summary>Reads what <see cref="CompactVectorWriter"/> wrote.</summary>
    /// <exception cref="FormatException">The bytes are no such file, are damaged, or were written by a newer version.</exception>
    public static async Task<CompactVectors> ReadAsync(Stream stream, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(stream);
        var header = new byte[HeaderSize];
        if (await stream.ReadAtLeastAsync(header, HeaderSize, throwOnEndOfStream: false, cancellationToken) < HeaderSize || BinaryPrimitives.ReadUInt32LittleEndian(header) != Magic)
            throw new FormatException("Not a file of vectors.");
        if (BinaryPrimitives.ReadInt32LittleEndian(header.AsSpan(4)) is var version && version != FormatVersion)
            throw new FormatException($"Vectors of format {version}; this version reads {FormatVersion}.");
        var dimensions = BinaryPrimitives.ReadInt32LittleEndian(header.AsSpan(8));
        var count = BinaryPrimitives.ReadInt64LittleEndian(header.AsSpan(16));
        var record = sizeof(long) + sizeof(float) + dimensions;
        if (dimensions is < 1 or > 4096 || count < 0 || count * dimensions > Array.MaxLength || stream.Length != HeaderSize + (count * record)) throw new FormatException("The file of vectors is damaged.");
        var (ids, scales, values) = (new long[count], new float[count], new sbyte[count * dimensions]);
        var buffer = new byte[record * 4096];
        for (var row = 0; row < count;)
        {
            var rows = (int)Math.Min(4096, count - row);
            await stream.ReadExactlyAsync(buffer.AsMemory(0, rows * record), cancellationToken);
            for (var i = 0; i < rows; i++, row++)
            {
                var bytes = buffer.AsSpan(i * record, record);
                ids[row] = BinaryPrimitives.ReadInt64LittleEndian(bytes);
                scales[row] = BinaryPrimitives.ReadSingleLittleEndian(bytes[sizeof(long)..]);
                MemoryMarshal.Cast<byte, sbyte>(bytes[(sizeof(long) + sizeof(float))..]).CopyTo(values.AsSpan(row * dimensions, dimensions));
                if (row > 0 && ids[row] <= ids[row - 1]) throw new FormatException("The file of vectors is damaged.");
            }
        }

        return new CompactVectors(dimensions, ids, values, scales);
    }

    internal static byte[] Header(int dimensions, long count)
    {
        var header = new byte[HeaderSize];
        BinaryPrimitives.WriteUInt32LittleEndian(header, Magic);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(4), FormatVersion);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(8), dimensions);
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(16), count);
        return header;
    }

    /// <summary>Writes one record: id, scale that makes the bytes a unit vector, bytes.</summary>
    internal static void Pack(long id, ReadOnlySpan<float> row, Span<byte> record)
    {
        var greatest = 0f;
        foreach (var value in row) greatest = MathF.Max(greatest, MathF.Abs(value));
        var values = MemoryMarshal.Cast<byte, sbyte>(record[(sizeof(long) + sizeof(float))..]);
        long squared = 0;
        for (var i = 0; i < row.Length; i++)
        {
            values[i] = greatest > 0 ? (sbyte)MathF.Round(Levels * row[i] / greatest) : (sbyte)0;
            squared += values[i] * values[i];
        }

        BinaryPrimitives.WriteInt64LittleEndian(record, id);
        BinaryPrimitives.WriteSingleLittleEndian(record[sizeof(long)..], squared > 0 ? 1 / MathF.Sqrt(squared) : 0);
    }

    private float Dot(int row, float[] query)
    {
        var values = _values.AsSpan(row * Dimensions, Dimensions);
        var (s0, s1, s2, s3) = (Vector128<float>.Zero, Vector128<float>.Zero, Vector128<float>.Zero, Vector128<float>.Zero);
        var i = 0;
        for (; i + 16 <= values.Length; i += 16)
        {
            var (low, high) = Vector128.Widen(Vector128.LoadUnsafe(ref values[i]));
            var (a, b) = Vector128.Widen(low);
            var (c, d) = Vector128.Widen(high);
            s0 = Vector128.MultiplyAddEstimate(Vector128.ConvertToSingle(a), Vector128.LoadUnsafe(ref query[i]), s0);
            s1 = Vector128.MultiplyAddEstimate(Vector128.ConvertToSingle(b), Vector128.LoadUnsafe(ref query[i + 4]), s1);
            s2 = Vector128.MultiplyAddEstimate(Vector128.ConvertToSingle(c), Vector128.LoadUnsafe(ref query[i + 8]), s2);
            s3 = Vector128.MultiplyAddEstimate(Vector128.ConvertToSingle(d), Vector128.LoadUnsafe(ref query[i + 12]), s3);
        }

        var total = Vector128.Sum(s0 + s1 + (s2 + s3));
        for (; i < values.Length; i++) total += values[i] * query[i];
        return total * _scales[row];
    }
}

/// <summary>Writes a file of <see cref="CompactVectors"/> as rows come, in ascending order of ids.</summary>
/// <param name="stream">Where to; seekable, empty.</param>
/// <param name="dimensions">Length of a row.</param>
public sealed class CompactVectorWriter(Stream stream, int dimensions)
{
    private readonly byte[] _record = new byte[sizeof(long) + sizeof(float) + dimensions];
    private long _last = long.MinValue;

    /// <summary>Rows written.</summary>
    public long Count { get; private set; }

    /// <summary>Writes rows.</summary>
    /// <param name="ids">Their ids, ascending, all greater than those before.</param>
    /// <param name="rows">Row by row.</param>
    /// <exception cref="ArgumentException">An id does not grow.</exception>
    public void Write(ReadOnlySpan<long> ids, ReadOnlySpan<float> rows)
    {
        if (Count == 0 && stream.Position == 0) stream.Write(CompactVectors.Header(dimensions, 0));
        for (var i = 0; i < ids.Length; i++)
        {
            if (ids[i] <= _last) throw new ArgumentException($"Id {ids[i]} comes after {_last}.", nameof(ids));
            _last = ids[i];
            CompactVectors.Pack(ids[i], rows.Slice(i * dimensions, dimensions), _record);
            stream.Write(_record);
            Count++;
        }
    }

    /// <summary>Writes the count and goes back to the beginning of the stream.</summary>
    public void Complete()
    {
        stream.Position = 0;
        stream.Write(CompactVectors.Header(dimensions, Count));
        stream.Position = 0;
    }
}
