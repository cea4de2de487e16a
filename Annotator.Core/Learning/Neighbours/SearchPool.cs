namespace Annotator.Core.Learning.Neighbours;

/// <summary>The nearest rows that a search has met so far, sorted, each marked once its links were followed. A workspace of one thread.</summary>
internal sealed class SearchPool
{
    private float[] _distances = new float[256];
    private int[] _rows = new int[256];
    private bool[] _followed = new bool[256];
    private int[] _visited = [];
    private int _visit;
    private int _capacity;
    private int _next;

    internal int Count { get; private set; }

    internal int[] Fresh { get; } = new int[512];

    internal int Row(int i) => _rows[i];

    internal float Distance(int i) => _distances[i];

    /// <summary>Starts a search of the given breadth over at most <paramref name="rows"/> rows.</summary>
    internal void Start(int breadth, int rows)
    {
        if (_visited.Length < rows)
        {
            _visited = new int[rows + rows / 4 + 1024];
            _visit = 0;
        }

        if (_distances.Length < breadth)
        {
            _distances = new float[breadth];
            _rows = new int[breadth];
            _followed = new bool[breadth];
        }

        _capacity = breadth;
        _visit++;
        _next = 0;
        Count = 0;
    }

    /// <summary>True the first time a row is met in this search.</summary>
    internal bool Visit(int row)
    {
        ref var mark = ref _visited[row];
        if (mark == _visit)
            return false;
        mark = _visit;
        return true;
    }

    /// <summary>Enters a row if it is near enough.</summary>
    internal void Offer(int row, float distance)
    {
        if (Count == _capacity && !(distance < _distances[Count - 1]))
            return;
        int low = 0, high = Count;
        while (low < high)
        {
            var middle = (low + high) >> 1;
            if (_distances[middle] <= distance)
                low = middle + 1;
            else
                high = middle;
        }

        var moved = Math.Min(Count, _capacity - 1) - low;
        if (moved > 0)
        {
            Array.Copy(_distances, low, _distances, low + 1, moved);
            Array.Copy(_rows, low, _rows, low + 1, moved);
            Array.Copy(_followed, low, _followed, low + 1, moved);
        }

        _distances[low] = distance;
        _rows[low] = row;
        _followed[low] = false;
        Count = Math.Min(Count + 1, _capacity);
        _next = Math.Min(_next, low);
    }

    /// <summary>The nearest row whose links were not followed yet, or -1.</summary>
    internal int Follow()
    {
        while (_next < Count && _followed[_next])
            _next++;
        if (_next >= Count)
            return -1;
        _followed[_next] = true;
        return _rows[_next];
    }
}
