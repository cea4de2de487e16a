namespace Annotator.Core.Learning.Duplicates;

/// <summary>Append-only storage of the shingle sets of all slots in blocks, so that growth never copies what is there.</summary>
internal sealed class ShingleStore
{
    private const int BlockLength = 1 << 20;

    private readonly List<uint[]> _blocks = [];
    private readonly List<(int Block, int Offset, int Length)> _sets = [];
    private int _used = BlockLength;

    /// <summary>Appends the set of the next slot; empty for a slot that is never compared.</summary>
    internal void Add(ReadOnlySpan<uint> shingles)
    {
        if (shingles.IsEmpty)
        {
            _sets.Add(default);
            return;
        }

        if (_used + shingles.Length > BlockLength)
        {
            _blocks.Add(GC.AllocateUninitializedArray<uint>(Math.Max(BlockLength, shingles.Length)));
            _used = 0;
        }

        shingles.CopyTo(_blocks[^1].AsSpan(_used));
        _sets.Add((_blocks.Count - 1, _used, shingles.Length));
        _used += shingles.Length;
    }

    /// <summary>Lets a slot without a set of its own have the one of <paramref name="other"/>.</summary>
    internal void Share(int slot, int other) => _sets[slot] = _sets[other];

    /// <summary>The set of a slot.</summary>
    internal ReadOnlySpan<uint> this[int slot]
    {
        get
        {
            var (block, offset, length) = _sets[slot];
            return length == 0 ? [] : _blocks[block].AsSpan(offset, length);
        }
    }
}
