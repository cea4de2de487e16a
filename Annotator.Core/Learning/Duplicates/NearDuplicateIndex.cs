using System.Runtime.Intrinsics;

namespace Annotator.Core.Learning.Duplicates;

/// <summary>
/// Finds exact and near-duplicate texts as they arrive and keeps them in groups. Not safe for concurrent use.
/// </summary>
/// <remarks>
/// A text is compared by the set of its character 3-grams after normalisation (<see cref="TextShingler"/>). Candidates come from MinHash and
/// locality-sensitive hashing (<see cref="MinHasher"/>); each is verified by the Jaccard similarity of the 3-gram sets, so precision is that of
/// the exact method, and only recall is left to chance. The texts themselves are not kept: an item costs about 4 bytes for each of its distinct
/// 3-grams plus 500 bytes, 0.9 GB for 1,000,000 texts of 90 characters; an exact duplicate costs some 100 bytes.
/// <para>Groups: an item joins the group of its most similar match and ties further matching groups to it, both only within the leader rule of
/// <see cref="NearDuplicateOptions.LeaderThreshold"/>.</para>
/// <para>Near linear also where masses of texts are alike: of a group only <see cref="CoreSize"/> members that resemble the leader closely are
/// entered in the tables, later ones find the group through those; and of one chain of a table at most <see cref="ChainLimit"/> entries are
/// looked at, the newest first.</para>
/// </remarks>
public sealed class NearDuplicateIndex : IDuplicateIndex<string>
{
    internal const int CoreSize = 64;
    internal const int ChainLimit = 512;
    private const double CoreSimilarity = 0.85;
    private const int BlockSize = 4096;

    private readonly NearDuplicateOptions _options;
    private readonly int _agreementFloor;
    private readonly Dictionary<UInt128, int> _byContent = [];
    private readonly Dictionary<long, int> _slots = [];
    private readonly List<long> _ids = [];
    private readonly DuplicateGroups _groups = new();
    private readonly ShingleStore _shingles = new();
    private Vector256<ulong>[] _sketches = new Vector256<ulong>[1024];
    private readonly List<int> _original = [];
    private readonly HashSet<int> _removed = [];
    private readonly Dictionary<int, int> _replacement = [];
    private readonly Dictionary<int, long> _names = [];
    private readonly Dictionary<long, int> _restored = [];
    private readonly List<int> _indexed = [];
    private readonly Dictionary<int, int> _core = [];
    private readonly BandTables _tables;
    private int[] _seen = new int[1024];
    private readonly List<(int Slot, double Similarity)> _matches = [];
    private readonly Func<int, int, bool> _withinReach;
    private int _lookup;

    private int[] _points = new int[512];
    private uint[] _scratch = new uint[512];
    private readonly uint[] _minima = new uint[MinHasher.Functions];

    /// <summary>An empty index.</summary>
    /// <param name="options">What counts as a near-duplicate; null for the defaults.</param>
    /// <exception cref="ArgumentOutOfRangeException">An option is out of its range.</exception>
    public NearDuplicateIndex(NearDuplicateOptions? options = null)
    {
        _options = options ?? new();
        _options.Validate();
        _agreementFloor = MinHasher.AgreementFloor(_options.Threshold);
        _tables = new(_options.ExpectedCount);
        _withinReach = (slot, leader) => Similarity(slot, leader, _options.LeaderThreshold) >= 0;
    }

    /// <summary>Number of items.</summary>
    public int Count => _slots.Count;

    /// <summary>Whether an item is in the index.</summary>
    public bool Contains(long id) => _slots.ContainsKey(id);

    /// <summary>Adds one item and says what it duplicates.</summary>
    /// <param name="id">The item's id, not in the index yet.</param>
    /// <param name="text">Its text; ill-formed UTF-16 is tolerated.</param>
    /// <exception cref="ArgumentException">The id is there already.</exception>
    public DuplicateMatch Add(long id, string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var sketch = Prepare(text, ref _points, ref _scratch, _minima);
        return Insert(id, sketch, _scratch, _minima, null);
    }

    /// <summary>Adds items in order, as <see cref="Add"/> does one by one and with the same result, computing the hashes on all cores.</summary>
    /// <param name="items">Ids and texts.</param>
    /// <param name="cancellationToken">Stops between blocks of some thousand items; those before stay in the index.</param>
    /// <returns>One match for each item, lazily: only what is enumerated is added.</returns>
    /// <exception cref="ArgumentException">An id is there already.</exception>
    public IEnumerable<DuplicateMatch> AddRange(IEnumerable<KeyValuePair<long, string>> items, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(items);
        return Enumerate();

        IEnumerable<DuplicateMatch> Enumerate()
        {
            var block = new Block();
            foreach (var chunk in items.Chunk(BlockSize))
            {
                cancellationToken.ThrowIfCancellationRequested();
                block.Prepare(this, chunk);
                for (var i = 0; i < chunk.Length; i++)
                    yield return Insert(chunk[i].Key, block.Sketches[i], block.Shingles[i], block.MinimaOf(i), null);
            }
        }
    }

    /// <summary>Puts a stored item back with the group it was in, without looking for matches: to rebuild the index after a restart.</summary>
    /// <param name="id">The item's id, not in the index yet.</param>
    /// <param name="text">Its text.</param>
    /// <param name="group">Its group as stored; the items of one group may come in any order.</param>
    /// <exception cref="ArgumentException">The id is there already.</exception>
    public void Restore(long id, string text, long group)
    {
        ArgumentNullException.ThrowIfNull(text);
        var sketch = Prepare(text, ref _points, ref _scratch, _minima);
        Insert(id, sketch, _scratch, _minima, group);
    }

    /// <summary>The items that <paramref name="text"/> would match, most similar first, without adding it. Exact copies of one text count once.</summary>
    /// <param name="text">Any text.</param>
    /// <param name="limit">At most this many.</param>
    public IReadOnlyList<KeyValuePair<long, double>> Find(string text, int limit = 10)
    {
        ArgumentNullException.ThrowIfNull(text);
        var sketch = Prepare(text, ref _points, ref _scratch, _minima);
        if (Same(sketch.Content) is var same and >= 0)
            return [new(_ids[same], 1)];
        if (sketch.Length == 0)
            return [];
        Collect(_scratch.AsSpan(0, sketch.Length), _minima, MinHasher.Sketch(_minima), everyGroupOnce: false);
        return [.. _matches.OrderByDescending(m => m.Similarity).ThenBy(m => m.Slot).Take(limit)
            .Select(m => KeyValuePair.Create(_ids[m.Slot], m.Similarity))];
    }

    /// <summary>The group of an item: the id of its leader.</summary>
    /// <exception cref="KeyNotFoundException">No such item.</exception>
    public long GroupOf(long id) => Name(_slots[id]);

    /// <summary>All items of the group of an item, itself included.</summary>
    /// <exception cref="KeyNotFoundException">No such item.</exception>
    public IReadOnlyList<long> Members(long id) =>
        [.. _groups.Members(_slots[id]).Where(s => !_removed.Contains(s)).Select(s => _ids[s]).Order()];

    /// <summary>
    /// Takes an item out into a group of its own, because a person judged it unlike the others. The decision stays: what is added later may join
    /// the item, but its group is never merged with another.
    /// </summary>
    /// <returns>The id by which the group it left is known from now on, or null where it was alone.</returns>
    /// <exception cref="KeyNotFoundException">No such item.</exception>
    public long? Detach(long id)
    {
        var slot = _slots[id];
        var rest = _groups.Detach(slot);
        if (rest < 0)
            return null;
        if (_names.Remove(slot, out var name))
            _names[rest] = name;
        return Name(rest);
    }

    /// <summary>Forgets an item: it no longer matches and is no longer a member. Its group keeps its name.</summary>
    /// <returns>False where there is no such item.</returns>
    public bool Remove(long id)
    {
        if (!_slots.Remove(id, out var slot))
            return false;
        _removed.Add(slot);
        if (_original[slot] != slot)
            return true;
        // An exact copy takes its place in the tables.
        foreach (var copy in _groups.Members(slot))
        {
            if (_original[copy] != slot || _removed.Contains(copy))
                continue;
            _replacement[slot] = copy;
            if (!_shingles[slot].IsEmpty)
            {
                _shingles.Share(copy, slot);
                _sketches[copy] = _sketches[slot];
                MinHasher.Minima(_shingles[slot], _minima);
                Index(copy, _minima);
            }

            break;
        }

        return true;
    }

    /// <summary>The exact similarity of two texts as this index sees them: Jaccard of their 3-grams after normalisation; texts too short for that are 1 or 0.</summary>
    public static double Similarity(string a, string b)
    {
        ArgumentNullException.ThrowIfNull(a);
        ArgumentNullException.ThrowIfNull(b);
        int[] pa = [], pb = [];
        uint[] sa = [], sb = [];
        var na = TextShingler.Normalize(a, ref pa);
        var nb = TextShingler.Normalize(b, ref pb);
        var xa = TextShingler.Shingles(pa.AsSpan(0, na), int.MaxValue, ref sa);
        var xb = TextShingler.Shingles(pb.AsSpan(0, nb), int.MaxValue, ref sb);
        return xa.IsEmpty || xb.IsEmpty
            ? pa.AsSpan(0, na).SequenceEqual(pb.AsSpan(0, nb)) && (na > 0 || string.Equals(a, b, StringComparison.Ordinal)) ? 1 : 0
            : Math.Max(0, TextShingler.Jaccard(xa, xb, int.MaxValue));
    }

    private ContentSketch Prepare(string text, ref int[] points, ref uint[] scratch, Span<uint> minima)
    {
        var count = TextShingler.Normalize(text, ref points);
        if (count == 0)
        {
            // Nothing but punctuation: "?!" is equal to "?!" only.
            count = text.Length;
            if (points.Length < count)
                points = new int[count];
            for (var i = 0; i < count; i++)
                points[i] = -1 - text[i];
        }

        var content = TextShingler.ContentHash(points.AsSpan(0, count));
        if (count < _options.MinimumLength)
            return new(content, 0);
        var shingles = TextShingler.Shingles(points.AsSpan(0, count), _options.MaximumShingles, ref scratch);
        MinHasher.Minima(shingles, minima);
        return new(content, shingles.Length);
    }

    private DuplicateMatch Insert(long id, ContentSketch content, uint[] shingleBuffer, ReadOnlySpan<uint> minima, long? storedGroup)
    {
        if (_slots.ContainsKey(id))
            throw new ArgumentException($"Item {id} is in the index already.", nameof(id));
        var slot = _groups.Add();
        _slots.Add(id, slot);
        _ids.Add(id);
        if (slot >= _seen.Length)
        {
            Array.Resize(ref _seen, slot * 2);
            Array.Resize(ref _sketches, slot * 2);
        }


        if (Same(content.Content) is var same and >= 0)
        {
            // The first of equal texts stands for all of them.
            _original.Add(_original[same]);
            _shingles.Add([]);
            if (storedGroup is { } group)
                JoinStored(slot, group);
            else
                _groups.Join(slot, same);
            return new(id, Name(slot), DuplicateKind.Exact, _ids[same], 1, []);
        }

        _original.Add(slot);
        _byContent[content.Content] = slot;
        var shingles = shingleBuffer.AsSpan(0, content.Length);
        _shingles.Add(shingles);
        if (content.Length == 0)
        {
            if (storedGroup is { } group)
                JoinStored(slot, group);
            return new(id, Name(slot), DuplicateKind.None, null, 0, []);
        }

        var sketch = MinHasher.Sketch(minima);
        _sketches[slot] = sketch;
        var result = new DuplicateMatch(id, id, DuplicateKind.None, null, 0, []);
        if (storedGroup is { } stored)
        {
            JoinStored(slot, stored);
        }
        else
        {
            Collect(shingles, minima, sketch, everyGroupOnce: true);
            if (_matches.Count > 0)
                result = Group(id, slot);
        }

        if (IsWorthIndexing(slot))
            Index(slot, minima);
        return result;
    }

    private DuplicateMatch Group(long id, int slot)
    {
        _matches.Sort((a, b) => a.Similarity != b.Similarity ? b.Similarity.CompareTo(a.Similarity) : a.Slot.CompareTo(b.Slot));
        List<long>? absorbed = null;
        var (nearest, similarity) = _matches[0];
        foreach (var (match, _) in _matches)
        {
            var gone = _groups.Size(slot) == 1 ? JoinWithinReach(slot, match) : _groups.TryMerge(slot, match, _withinReach);
            if (gone >= 0 && gone != slot)
                (absorbed ??= []).Add(_names.Remove(gone, out var name) ? name : _ids[gone]);
        }

        return new(id, Name(slot), DuplicateKind.Near, _ids[nearest], similarity, absorbed ?? (IReadOnlyList<long>)[]);
    }

    private int JoinWithinReach(int slot, int match)
    {
        // Joining is allowed to a sealed group too: only merging is not.
        var leader = _groups.Leader(match);
        if (!_withinReach(slot, leader))
            return -1;
        _groups.Join(slot, match);
        return slot;
    }

    private void JoinStored(int slot, long group)
    {
        if (!_restored.TryAdd(group, slot))
        {
            _groups.Join(slot, _restored[group]);
        }
        else
        {
            // Where the item that gave the group its name is gone or comes later, the name stays all the same.
            _names[slot] = group;
        }
    }

    private long Name(int slot)
    {
        var leader = _groups.Leader(slot);
        return _names.TryGetValue(leader, out var name) ? name : _ids[leader];
    }

    /// <summary>The slot that stands for a content, or -1.</summary>
    private int Same(UInt128 content)
    {
        if (!_byContent.TryGetValue(content, out var slot))
            return -1;
        while (_replacement.TryGetValue(slot, out var copy))
            slot = copy;
        return _removed.Contains(slot) ? -1 : slot;
    }

    /// <summary>Gathers the verified matches, one for each group or all of them.</summary>
    private void Collect(ReadOnlySpan<uint> shingles, ReadOnlySpan<uint> minima, in Vector256<ulong> sketch, bool everyGroupOnce)
    {
        _matches.Clear();
        _lookup++;
        var seen = _seen;
        var sketches = _sketches;
        for (var band = 0; band < MinHasher.Bands; band++)
        {
            var steps = 0;
            for (var other = _tables.First(band, MinHasher.BandKey(minima, band)); other >= 0; other = _tables.Next(band, other))
            {
                if (++steps > ChainLimit)
                    break;
                if (seen[other] == _lookup)
                    continue;
                seen[other] = _lookup;
                if (MinHasher.Agreement(sketch, sketches[other]) < _agreementFloor || _removed.Contains(other))
                    continue;
                var similarity = TextShingler.Jaccard(shingles, _shingles[other], _options.MaximumShingles, _options.Threshold);
                if (similarity < 0)
                    continue;
                if (everyGroupOnce)
                    KeepBest(other, similarity);
                else
                    _matches.Add((other, similarity));
            }
        }
    }

    private void KeepBest(int slot, double similarity)
    {
        var leader = _groups.Leader(slot);
        for (var i = 0; i < _matches.Count; i++)
        {
            if (_groups.Leader(_matches[i].Slot) != leader)
                continue;
            if (similarity > _matches[i].Similarity)
                _matches[i] = (slot, similarity);
            return;
        }

        _matches.Add((slot, similarity));
    }

    private double Similarity(int a, int b, double threshold) =>
        TextShingler.Jaccard(_shingles[_original[a]], _shingles[_original[b]], _options.MaximumShingles, threshold);

    private bool IsWorthIndexing(int slot)
    {
        var leader = _groups.Leader(slot);
        if (leader == slot)
            return true;
        var core = _core.GetValueOrDefault(leader);
        if (core >= CoreSize && Similarity(slot, leader, CoreSimilarity) >= 0)
            return false;
        _core[leader] = core + 1;
        return true;
    }

    private void Index(int slot, ReadOnlySpan<uint> minima)
    {
        if (_tables.Count >= _tables.Capacity)
            Grow();
        _tables.Add(slot, minima);
        _indexed.Add(slot);
    }

    private void Grow()
    {
        _tables.Resize(_tables.Capacity * 2);
        var minima = new uint[MinHasher.Functions];
        _indexed.RemoveAll(_removed.Contains);
        foreach (var slot in _indexed)
        {
            MinHasher.Minima(_shingles[slot], minima);
            _tables.Add(slot, minima);
        }
    }

    /// <summary>What identifies a text: its content hash and the number of its shingles, 0 where it is too short to be compared.</summary>
    private readonly record struct ContentSketch(UInt128 Content, int Length);

    /// <summary>The hashes of some thousand texts, computed in parallel.</summary>
    private sealed class Block
    {
        private readonly uint[] _minima = new uint[BlockSize * MinHasher.Functions];

        internal ContentSketch[] Sketches { get; } = new ContentSketch[BlockSize];

        internal uint[][] Shingles { get; } = new uint[BlockSize][];

        internal ReadOnlySpan<uint> MinimaOf(int i) => _minima.AsSpan(i * MinHasher.Functions, MinHasher.Functions);

        internal void Prepare(NearDuplicateIndex index, KeyValuePair<long, string>[] items) =>
            Parallel.For(0, items.Length, () => new int[512], (i, _, points) =>
            {
                Shingles[i] ??= new uint[128];
                Sketches[i] = index.Prepare(items[i].Value, ref points, ref Shingles[i],
                    _minima.AsSpan(i * MinHasher.Functions, MinHasher.Functions));
                return points;
            }, static _ => { });
    }
}
