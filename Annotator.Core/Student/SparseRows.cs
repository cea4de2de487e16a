namespace Annotator.Core.Student;

/// <summary>
/// A growing list of rows of feature indices (compressed sparse rows without values: an index that occurs twice counts twice).
/// Rows never change once added, so the owner keeps one of these for a project and only appends. Storage is in chunks; growing copies nothing.
/// Not thread-safe while rows are added; any number of threads may read otherwise.
/// </summary>
public sealed class SparseRows
{
    private const int ChunkLength = 1 << 20;
    private readonly List<int[]> _chunks = [];
    private (int Chunk, int Start, int Length)[] _rows = new (int, int, int)[64];
    private int _used = ChunkLength;

    /// <summary>Number of rows.</summary>
    public int Count { get; private set; }

    /// <summary>Number of indices in all rows together.</summary>
    public long TotalIndices { get; private set; }

    /// <summary>The indices of a row, in the order they were added.</summary>
    /// <param name="row">0-based row number.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such row.</exception>
    public ReadOnlySpan<int> this[int row]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfNegative(row);
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(row, Count);
            var (chunk, start, length) = _rows[row];
            return _chunks[chunk].AsSpan(start, length);
        }
    }

    /// <summary>Adds a row (copied) and returns its number.</summary>
    public int Add(ReadOnlySpan<int> indices)
    {
        if (_chunks.Count == 0 || _chunks[^1].Length - _used < indices.Length)
        {
            _chunks.Add(new int[Math.Max(ChunkLength, indices.Length)]);
            _used = 0;
        }

        indices.CopyTo(_chunks[^1].AsSpan(_used));
        if (Count == _rows.Length) Array.Resize(ref _rows, _rows.Length * 2);
        _rows[Count] = (_chunks.Count - 1, _used, indices.Length);
        _used += indices.Length;
        TotalIndices += indices.Length;
        return Count++;
    }
}
