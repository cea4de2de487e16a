using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using Annotator.Core.Learning.Representation;

namespace Annotator.Core.Learning.Neighbours;

/// <summary>
/// Approximate nearest neighbours of rows of floats: hierarchical navigable small worlds (Malkov and Yashunin 2018), grown as rows come.
/// Searches may run at once; additions may not, neither with each other nor with searches.
/// </summary>
/// <remarks>
/// Rows are added in batches: all of a batch are searched for in parallel in the graph as it stands (and compared with each other), then linked
/// target by target in parallel. The graph therefore depends on rows, their order, the sizes of the calls and the seed, not on the number of cores.
/// A row of d values costs 4 d + 130 bytes at the default of 14 links: 0.4 GB for 1,000,000 rows of 64.
/// </remarks>
public sealed class NeighbourIndex
{
    private const int BlockBits = 14;
    private const int LargestBatch = 512;

    private readonly NeighbourOptions _options;
    private readonly int _dimensions;
    private readonly int _lowestLinks;
    private readonly int _stride;
    private readonly List<float[]> _rows = [];
    private readonly List<int[]> _links = [];
    private readonly Dictionary<int, int[]> _upper = [];
    private readonly ConcurrentBag<SearchPool> _pools = [];
    private int _entry = -1;
    private int _top = -1;

    /// <summary>An empty index.</summary>
    /// <param name="dimensions">Length of a row, at least 1.</param>
    /// <param name="options">Null for the defaults.</param>
    /// <exception cref="ArgumentOutOfRangeException">An option is out of its range.</exception>
    public NeighbourIndex(int dimensions, NeighbourOptions? options = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(dimensions, 1);
        _options = options ?? new();
        _options.Validate();
        _dimensions = dimensions;
        _lowestLinks = 2 * _options.Links;
        _stride = _lowestLinks + 1;
    }

    /// <summary>Number of rows; they are numbered from 0 in the order of addition.</summary>
    public int Count { get; private set; }

    /// <summary>Length of a row.</summary>
    public int Dimensions => _dimensions;

    /// <summary>Adds one row and returns its number.</summary>
    /// <exception cref="ArgumentException">The row has another length.</exception>
    public int Add(ReadOnlySpan<float> row)
    {
        if (row.Length != _dimensions)
            throw new ArgumentException($"The row has {row.Length} values, not {_dimensions}.", nameof(row));
        Store(row);
        Link(Count - 1, Count);
        return Count - 1;
    }

    /// <summary>Adds rows, on all cores.</summary>
    /// <param name="rows">Row by row.</param>
    /// <param name="cancellationToken">Stops between batches; the rows before stay.</param>
    /// <exception cref="ArgumentException">The values are no whole number of rows.</exception>
    public void AddRange(ReadOnlyMemory<float> rows, CancellationToken cancellationToken = default)
    {
        if (rows.Length % _dimensions != 0)
            throw new ArgumentException($"{rows.Length} values are no rows of {_dimensions}.", nameof(rows));
        var count = rows.Length / _dimensions;
        for (var added = 0; added < count;)
        {
            cancellationToken.ThrowIfCancellationRequested();
            // A batch is a small part of what is there, so that the graph it is searched in is nearly that of one by one.
            var batch = Math.Min(count - added, Math.Clamp(Count / 8, 1, LargestBatch));
            var first = Count;
            for (var i = 0; i < batch; i++)
                Store(rows.Span.Slice((added + i) * _dimensions, _dimensions));
            Link(first, Count);
            added += batch;
        }
    }

    /// <summary>A row as it is kept: scaled to length 1 where the metric is the cosine.</summary>
    public ReadOnlySpan<float> Row(int index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, Count);
        return RowOf(index);
    }

    /// <summary>The rows nearest to a query, nearest first.</summary>
    /// <param name="query">A row of the index's length.</param>
    /// <param name="k">How many, at least 1.</param>
    /// <exception cref="ArgumentException">The query has another length.</exception>
    public IReadOnlyList<Neighbour> Search(ReadOnlySpan<float> query, int k)
    {
        if (query.Length != _dimensions)
            throw new ArgumentException($"The query has {query.Length} values, not {_dimensions}.", nameof(query));
        ArgumentOutOfRangeException.ThrowIfLessThan(k, 1);
        if (Count == 0)
            return [];
        Span<float> unit = new float[_dimensions];
        query.CopyTo(unit);
        if (_options.Metric == DistanceMetric.Cosine)
            Vectors.Normalize(unit);

        var pool = Rent();
        var at = _entry;
        for (var layer = _top; layer > 0; layer--)
            at = Descend(unit, at, layer);
        pool.Start(Math.Max(_options.SearchBreadth, 2 * k), Count);
        Explore(unit, at, 0, pool);
        var found = new Neighbour[Math.Min(k, pool.Count)];
        for (var i = 0; i < found.Length; i++)
            found[i] = new(pool.Row(i), Scale(pool.Distance(i)));
        _pools.Add(pool);
        return found;
    }

    /// <summary>The nearest neighbours of every row, on all cores.</summary>
    /// <param name="k">Neighbours of each row.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    public NeighbourGraph Graph(int k, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(k, 1);
        k = Math.Min(k, Math.Max(0, Count - 1));
        var indices = new int[Count * k];
        var distances = new float[Count * k];
        Array.Fill(indices, -1);
        Array.Fill(distances, float.PositiveInfinity);
        Parallel.For(0, (Count + 255) / 256, new ParallelOptions { CancellationToken = cancellationToken }, block =>
        {
            var pool = Rent();
            for (var row = block * 256; row < Math.Min(Count, block * 256 + 256); row++)
            {
                // The row itself is the best place to start from.
                pool.Start(Math.Max(_options.SearchBreadth, 2 * k) + 1, Count);
                Explore(RowOf(row), row, 0, pool);
                var found = 0;
                for (var i = 0; i < pool.Count && found < k; i++)
                {
                    if (pool.Row(i) == row)
                        continue;
                    indices[row * k + found] = pool.Row(i);
                    distances[row * k + found++] = Scale(pool.Distance(i));
                }
            }

            _pools.Add(pool);
        });
        return new(Count, k, indices, distances);
    }

    private float Scale(float squared) => _options.Metric == DistanceMetric.Cosine ? squared / 2 : squared;

    private SearchPool Rent() => _pools.TryTake(out var pool) ? pool : new();

    private void Store(ReadOnlySpan<float> row)
    {
        if (Count >> BlockBits == _rows.Count)
        {
            _rows.Add(new float[_dimensions << BlockBits]);
            _links.Add(new int[_stride << BlockBits]);
        }

        var target = _rows[^1].AsSpan((Count & ((1 << BlockBits) - 1)) * _dimensions, _dimensions);
        row.CopyTo(target);
        if (_options.Metric == DistanceMetric.Cosine)
            Vectors.Normalize(target);
        var height = Height(Count);
        if (height > 0)
            _upper.Add(Count, new int[height * (_options.Links + 1)]);
        Count++;
    }

    /// <summary>The highest layer of a row: geometric with ratio 1 / Links, from a hash of its number and the seed.</summary>
    private int Height(int row)
    {
        var z = ((ulong)(uint)_options.Seed << 32 | (uint)row) + 0x9E3779B97F4A7C15UL;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9UL;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBUL;
        var uniform = (((z ^ (z >> 31)) >> 11) + 1) / 9007199254740993.0;
        return Math.Min(12, (int)(-Math.Log(uniform) / Math.Log(_options.Links)));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private ReadOnlySpan<float> RowOf(int row) =>
        MemoryMarshal.CreateReadOnlySpan(ref Unsafe.Add(
            ref MemoryMarshal.GetArrayDataReference(_rows[row >> BlockBits]), (nint)(row & ((1 << BlockBits) - 1)) * _dimensions), _dimensions);

    /// <summary>The links of a row on a layer: their number, then the rows, then free places.</summary>
    private Span<int> LinksOf(int row, int layer) => layer == 0
        ? _links[row >> BlockBits].AsSpan((row & ((1 << BlockBits) - 1)) * _stride, _stride)
        : _upper[row].AsSpan((layer - 1) * (_options.Links + 1), _options.Links + 1);

    private int Descend(ReadOnlySpan<float> query, int at, int layer)
    {
        var best = Vectors.SquaredDistance(query, RowOf(at));
        while (true)
        {
            var links = LinksOf(at, layer);
            var next = at;
            foreach (var link in links.Slice(1, links[0]))
            {
                var distance = Vectors.SquaredDistance(query, RowOf(link));
                if (distance < best)
                {
                    best = distance;
                    next = link;
                }
            }

            if (next == at)
                return at;
            at = next;
        }
    }

    private unsafe void Explore(ReadOnlySpan<float> query, int from, int layer, SearchPool pool)
    {
        if (pool.Visit(from))
            pool.Offer(from, Vectors.SquaredDistance(query, RowOf(from)));
        var fresh = pool.Fresh;
        for (var row = pool.Follow(); row >= 0; row = pool.Follow())
        {
            var links = LinksOf(row, layer);
            var count = 0;
            foreach (var link in links.Slice(1, links[0]))
            {
                if (!pool.Visit(link))
                    continue;
                fresh[count++] = link;
                if (Sse.IsSupported)
                {
                    // The rows lie anywhere in memory: fetching all before the first is used hides most of the waiting. A prefetch of an
                    // address that the collector has moved meanwhile is harmless.
                    ref var start = ref MemoryMarshal.GetReference(RowOf(link));
                    var address = (byte*)Unsafe.AsPointer(ref start);
                    for (var offset = 0; offset < _dimensions * sizeof(float) && offset < 512; offset += 64)
                        Sse.Prefetch0(address + offset);
                }
            }

            for (var i = 0; i < count; i++)
                pool.Offer(fresh[i], Vectors.SquaredDistance(query, RowOf(fresh[i])));
        }
    }

    /// <summary>Links the rows from <paramref name="first"/> to <paramref name="last"/>, which are stored but unknown to all others.</summary>
    private void Link(int first, int last)
    {
        if (_entry < 0)
        {
            _entry = first;
            _top = Height(first);
            if (++first == last)
                return;
        }

        var back = new List<(int Layer, int Target, int Source)>[last - first];
        if (last - first == 1)
            back[0] = LinkForward(first, first);
        else
            Parallel.For(first, last, row => back[row - first] = LinkForward(row, first));

        var reverse = back.SelectMany(b => b).ToArray();
        Array.Sort(reverse);
        var starts = Enumerable.Range(0, reverse.Length)
            .Where(i => i == 0 || reverse[i].Target != reverse[i - 1].Target || reverse[i].Layer != reverse[i - 1].Layer).Append(reverse.Length).ToArray();
        if (starts.Length < 64)
        {
            for (var s = 0; s + 1 < starts.Length; s++)
                LinkBack(reverse.AsSpan(starts[s], starts[s + 1] - starts[s]));
        }
        else
        {
            Parallel.For(0, starts.Length - 1, s => LinkBack(reverse.AsSpan(starts[s], starts[s + 1] - starts[s])));
        }

        for (var row = first; row < last; row++)
        {
            var height = Height(row);
            if (height > _top)
                (_entry, _top) = (row, height);
        }
    }

    private List<(int Layer, int Target, int Source)> LinkForward(int row, int batchStart)
    {
        var back = new List<(int, int, int)>(_options.Links);
        var query = RowOf(row);
        var height = Height(row);
        var at = _entry;
        for (var layer = _top; layer > height; layer--)
            at = Descend(query, at, layer);
        var pool = Rent();
        Span<int> chosen = stackalloc int[_options.Links];
        for (var layer = Math.Min(height, _top); layer >= 0; layer--)
        {
            pool.Start(_options.BuildBreadth, Count);
            Explore(query, at, layer, pool);
            at = pool.Row(0);
            // The others of the batch are not in the graph yet.
            for (var mate = batchStart; mate < row; mate++)
            {
                if (layer == 0 || Height(mate) >= layer)
                    pool.Offer(mate, Vectors.SquaredDistance(query, RowOf(mate)));
            }

            var candidates = new (float Distance, int Row)[pool.Count];
            for (var i = 0; i < candidates.Length; i++)
                candidates[i] = (pool.Distance(i), pool.Row(i));
            var count = Choose(candidates, chosen);
            var links = LinksOf(row, layer);
            links[0] = count;
            for (var i = 0; i < count; i++)
            {
                links[i + 1] = chosen[i];
                back.Add((layer, chosen[i], row));
            }
        }

        _pools.Add(pool);
        return back;
    }

    private void LinkBack(ReadOnlySpan<(int Layer, int Target, int Source)> sources)
    {
        var (layer, target, _) = sources[0];
        var links = LinksOf(target, layer);
        var most = layer == 0 ? _lowestLinks : _options.Links;
        if (links[0] + sources.Length <= most)
        {
            foreach (var (_, _, source) in sources)
                links[++links[0]] = source;
            return;
        }

        var row = RowOf(target);
        var candidates = new (float Distance, int Row)[links[0] + sources.Length];
        for (var i = 0; i < links[0]; i++)
            candidates[i].Row = links[i + 1];
        for (var i = 0; i < sources.Length; i++)
            candidates[links[0] + i].Row = sources[i].Source;
        foreach (ref var candidate in candidates.AsSpan())
            candidate.Distance = Vectors.SquaredDistance(row, RowOf(candidate.Row));
        Array.Sort(candidates);
        links[0] = Choose(candidates, links.Slice(1, most));
    }

    /// <summary>
    /// Of candidates in order of distance, those that are nearer to the row than to any chosen before (algorithm 4 of the paper: links in all
    /// directions), then the nearest of the others.
    /// </summary>
    private int Choose(ReadOnlySpan<(float Distance, int Row)> candidates, Span<int> chosen)
    {
        Span<int> passed = stackalloc int[chosen.Length];
        int count = 0, passedCount = 0;
        foreach (var (distance, row) in candidates)
        {
            if (count == chosen.Length)
                break;
            var candidate = RowOf(row);
            var good = true;
            for (var i = 0; i < count && good; i++)
                good = Vectors.SquaredDistance(candidate, RowOf(chosen[i])) >= distance;
            if (good)
                chosen[count++] = row;
            else if (passedCount < passed.Length)
                passed[passedCount++] = row;
        }

        for (var i = 0; i < passedCount && count < chosen.Length; i++)
            chosen[count++] = passed[i];
        return count;
    }
}
