using System.Numerics;

namespace Annotator.Core.Learning.Duplicates;

/// <summary>
/// The hashes within a Hamming radius. Up to <see cref="ScanLimit"/> hashes are scanned, which is exact and takes about 1 ns a hash. Beyond that,
/// multi-index hashing (Norouzi, Punjani and Fleet 2012): the 128 bits are cut into eight words of 16, and what agrees with the query in one
/// of them up to <see cref="Reach"/> bits is looked at. That is exact up to 8 x 3 - 1 = 23 bits by the pigeonhole principle; at 30 bits spread
/// evenly it would still find 0.88 of the pairs, and real differences are not spread evenly. Full reach at radius 30 was measured
/// slower than the scan.
/// </summary>
internal sealed class HammingIndex
{
    internal const int ScanLimit = 200_000;
    internal const int Reach = 2;
    private const int Words = 8;

    private static readonly ushort[] s_masks = [.. Enumerable.Range(0, 1 << 16)
        .Where(m => BitOperations.PopCount((uint)m) <= Reach).OrderBy(m => BitOperations.PopCount((uint)m)).Select(m => (ushort)m)];

    private readonly int _radius;
    private PerceptualHash[] _hashes = new PerceptualHash[1024];
    private int[] _seen = [];
    private int[][][]? _buckets;
    private int _lookup;

    internal HammingIndex(int radius)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(radius);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(radius, 48);
        _radius = radius;
    }

    /// <summary>Number of hashes.</summary>
    internal int Count { get; private set; }

    internal PerceptualHash this[int slot] => _hashes[slot];

    /// <summary>Adds a hash under the next slot number.</summary>
    internal void Add(PerceptualHash hash)
    {
        if (Count == _hashes.Length)
            Array.Resize(ref _hashes, Count * 2);
        _hashes[Count++] = hash;
        if (_buckets is not null)
            Enter(Count - 1);
        else if (Count > ScanLimit)
            Build();
    }

    /// <summary>Calls <paramref name="found"/> with slot and distance of each hash within the radius.</summary>
    internal void Search(PerceptualHash hash, Action<int, int> found)
    {
        if (_buckets is null)
        {
            var hashes = _hashes.AsSpan(0, Count);
            for (var slot = 0; slot < hashes.Length; slot++)
            {
                var distance = hash.Distance(hashes[slot]);
                if (distance <= _radius)
                    found(slot, distance);
            }

            return;
        }

        if (_seen.Length < Count)
            Array.Resize(ref _seen, _hashes.Length);
        _lookup++;
        for (var word = 0; word < Words; word++)
        {
            var buckets = _buckets[word];
            var key = Word(hash, word);
            foreach (var mask in s_masks)
            {
                if (buckets[key ^ mask] is { } bucket)
                    Visit(bucket.AsSpan(1, bucket[0]), hash, found);
            }
        }
    }

    private void Visit(ReadOnlySpan<int> bucket, PerceptualHash hash, Action<int, int> found)
    {
        foreach (var slot in bucket)
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
        for (var slot = 0; slot < Count; slot++)
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
