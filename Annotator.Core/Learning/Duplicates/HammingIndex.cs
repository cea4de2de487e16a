using System.Numerics;

namespace Annotator.Core.Learning.Duplicates;

/// <summary>
/// All hashes within a Hamming radius, exactly: multi-index hashing (Norouzi, Punjani and Fleet 2012). The 128 bits are cut into eight words of
/// 16; where two hashes differ in at most r = 8a + b bits, one of the first b + 1 words differs in at most a bits, or one of the others in at
/// most a - 1. Small sets are scanned, which is faster there.
/// </summary>
internal sealed class HammingIndex
{
    private const int Words = 8;
    private const int ScanLimit = 100_000;

    private static readonly ushort[][] s_masks = [.. Enumerable.Range(0, 17).Select(weight =>
        Enumerable.Range(0, 1 << 16).Where(m => BitOperations.PopCount((uint)m) == weight).Select(m => (ushort)m).ToArray())];

    private readonly int _radius;
    private readonly List<PerceptualHash> _hashes = [];
    private readonly List<int> _seen = [];
    private int[][][]? _buckets;
    private int _lookup;

    internal HammingIndex(int radius)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(radius);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(radius, 48);
        _radius = radius;
    }

    /// <summary>Number of hashes.</summary>
    internal int Count => _hashes.Count;

    internal PerceptualHash this[int slot] => _hashes[slot];

    /// <summary>Adds a hash under the next slot number.</summary>
    internal void Add(PerceptualHash hash)
    {
        _hashes.Add(hash);
        _seen.Add(0);
        if (_buckets is not null)
            Enter(_hashes.Count - 1);
        else if (_hashes.Count > ScanLimit)
            Build();
    }

    /// <summary>Calls <paramref name="found"/> with slot and distance of each hash within the radius.</summary>
    internal void Search(PerceptualHash hash, Action<int, int> found)
    {
        if (_buckets is null)
        {
            for (var slot = 0; slot < _hashes.Count; slot++)
            {
                var distance = hash.Distance(_hashes[slot]);
                if (distance <= _radius)
                    found(slot, distance);
            }

            return;
        }

        _lookup++;
        for (var word = 0; word < Words; word++)
        {
            var reach = _radius / Words - (word <= _radius % Words ? 0 : 1);
            var key = Word(hash, word);
            for (var weight = 0; weight <= reach; weight++)
            {
                foreach (var mask in s_masks[weight])
                    Visit(_buckets[word][key ^ mask], hash, found);
            }
        }
    }

    private void Visit(int[]? bucket, PerceptualHash hash, Action<int, int> found)
    {
        if (bucket is null)
            return;
        foreach (var slot in bucket.AsSpan(1, bucket[0]))
        {
            var distance = hash.Distance(_hashes[slot]);
            if (distance > _radius || _seen[slot] == _lookup)
                continue;
            _seen[slot] = _lookup;
            found(slot, distance);
        }
    }

    private void Build()
    {
        _buckets = new int[Words][][];
        for (var word = 0; word < Words; word++)
            _buckets[word] = new int[1 << 16][];
        for (var slot = 0; slot < _hashes.Count; slot++)
            Enter(slot);
    }

    private void Enter(int slot)
    {
        for (var word = 0; word < Words; word++)
        {
            // The first element of a bucket counts the others.
            ref var bucket = ref _buckets![word][Word(_hashes[slot], word)];
            bucket ??= new int[4];
            if (bucket[0] + 1 == bucket.Length)
                Array.Resize(ref bucket, bucket.Length * 2);
            bucket[++bucket[0]] = slot;
        }
    }

    private static int Word(PerceptualHash hash, int word) =>
        (int)((word < 4 ? hash.Difference >> (16 * word) : hash.Frequency >> (16 * (word - 4))) & 0xFFFF);
}
