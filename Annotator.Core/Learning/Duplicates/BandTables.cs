namespace Annotator.Core.Learning.Duplicates;

/// <summary>
/// The locality-sensitive hash tables: one table of chained slots for each band. No keys are stored (the sketches refuse strangers), so an item
/// costs 4 bytes a band; growth therefore needs the keys again, and the owner recomputes them from the shingle sets.
/// </summary>
internal sealed class BandTables
{
    private readonly int[][] _heads = new int[MinHasher.Bands][];
    private readonly List<int[]>[] _next = new List<int[]>[MinHasher.Bands];
    private int _bits;
    private const int BlockBits = 14;

    internal BandTables(int expected)
    {
        for (var band = 0; band < MinHasher.Bands; band++)
            _next[band] = [];
        Resize(expected);
    }

    /// <summary>Number of entries for which the tables are large enough.</summary>
    internal int Capacity => 1 << _bits;

    /// <summary>Number of entries.</summary>
    internal int Count { get; private set; }

    /// <summary>Empties the tables and sizes them for <paramref name="expected"/> entries.</summary>
    internal void Resize(int expected)
    {
        _bits = Math.Clamp(int.Log2(Math.Max(1, expected - 1)) + 1, 10, 28);
        Count = 0;
        for (var band = 0; band < MinHasher.Bands; band++)
            _heads[band] = new int[1 << _bits];
    }

    /// <summary>Adds a slot under its minima.</summary>
    internal void Add(int slot, ReadOnlySpan<uint> minima)
    {
        Count++;
        for (var band = 0; band < MinHasher.Bands; band++)
        {
            var blocks = _next[band];
            while (blocks.Count <= slot >> BlockBits)
                blocks.Add(new int[1 << BlockBits]);
            ref var head = ref _heads[band][MinHasher.BandKey(minima, band) >> (32 - _bits)];
            blocks[slot >> BlockBits][slot & ((1 << BlockBits) - 1)] = head;
            head = slot + 1;
        }
    }

    /// <summary>The newest slot of the chain of a key, or -1.</summary>
    internal int First(int band, uint key) => _heads[band][key >> (32 - _bits)] - 1;

    /// <summary>The next older slot of the same chain, or -1.</summary>
    internal int Next(int band, int slot) => _next[band][slot >> BlockBits][slot & ((1 << BlockBits) - 1)] - 1;
}
