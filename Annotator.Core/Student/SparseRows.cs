namespace Annotator.Core.Student;

/// <summary>
/// A growing list of rows of feature indices (compressed sparse rows): without values, where an index that occurs twice counts twice, or with one value an index.
/// Rows never change once added, so the owner keeps one of these for a project and only appends. Storage is in chunks; growing copies nothing.
/// Not thread-safe while rows are added; any number of threads may read otherwise.
/// </summary>
public sealed class SparseRows
{
    private const int ChunkLength = 1 << 20;
    private readonly List<int[]> _chunks = [];
    private (int Chunk, int Start, int Length)[] _rows = new (int, int, int)[64];
    private int _used = ChunkLength;

    // Values, in chunks of the same shape; rows of all values share one list of indices.
    private readonly List<float[]> _values = [];
    private (int Chunk, int Start)[] _valuesOf = [];
    private int _valueChunk = -1;
    private int _valuesUsed;
    private (int Chunk, int Start, int Length)? _dense;

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

    /// <summary>The values of a row's indices; empty where rows have none.</summary>
    /// <param name="row">0-based row number.</param>
    public ReadOnlySpan<float> ValuesOf(int row)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(row, Count);
        if (row >= _valuesOf.Length) return default;
        var (chunk, start) = _valuesOf[row];
        return chunk < 0 ? default : _values[chunk].AsSpan(start, _rows[row].Length);
    }

    /// <summary>Adds a row with a value for every feature, in the order of their indices (copied), and returns its number; all such rows have one length.</summary>
    public int AddDense(ReadOnlySpan<float> values)
    {
        if (_dense is not { } shape || shape.Length != values.Length)
        {
            if (_dense is not null) throw new ArgumentException($"A row of {values.Length} values among rows of {_dense.Value.Length}.", nameof(values));
            Add([.. Enumerable.Range(0, values.Length)]);
            shape = _rows[--Count];
            _dense = shape;
        }

        if (_valueChunk < 0 || _values[_valueChunk].Length - _valuesUsed < values.Length)
        {
            _values.Add(new float[Math.Max(ChunkLength, values.Length)]);
            (_valueChunk, _valuesUsed) = (_values.Count - 1, 0);
        }

        values.CopyTo(_values[_valueChunk].AsSpan(_valuesUsed));
        if (Count == _rows.Length) Array.Resize(ref _rows, _rows.Length * 2);
        if (_valuesOf.Length < _rows.Length)
        {
            var known = _valuesOf.Length;
            Array.Resize(ref _valuesOf, _rows.Length);
            _valuesOf.AsSpan(known).Fill((-1, 0));
        }

        _rows[Count] = shape;
        _valuesOf[Count] = (_valueChunk, _valuesUsed);
        _valuesUsed += values.Length;
        return Count++;
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
