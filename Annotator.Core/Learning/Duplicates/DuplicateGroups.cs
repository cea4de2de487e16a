namespace Annotator.Core.Learning.Duplicates;

/// <summary>
/// Disjoint groups of item slots, merged small into large, so that n items are relabelled at most n log n times in all. Each group has a leader,
/// its first item, and a merge happens only where every moved item is within reach of the leader it comes to: this stops chains
/// (a like b, b like c, … y like z) from tying unlike items together.
/// </summary>
internal sealed class DuplicateGroups
{
    private readonly List<int> _leader = [];
    private readonly List<int> _next = [];
    private readonly List<int> _size = [];
    private readonly HashSet<int> _sealed = [];

    /// <summary>Number of slots.</summary>
    internal int Count => _leader.Count;

    /// <summary>Number of groups.</summary>
    internal int Groups { get; private set; }

    /// <summary>Adds a slot in a group of its own.</summary>
    internal int Add()
    {
        var slot = _leader.Count;
        _leader.Add(slot);
        _next.Add(slot);
        _size.Add(1);
        Groups++;
        return slot;
    }

    /// <summary>The leader of the slot's group, which names the group.</summary>
    internal int Leader(int slot) => _leader[slot];

    /// <summary>Number of items in the slot's group.</summary>
    internal int Size(int slot) => _size[_leader[slot]];

    /// <summary>Adds <paramref name="slot"/>, alone in its group so far, to the group of <paramref name="other"/> without asking.</summary>
    internal void Join(int slot, int other)
    {
        if (_leader[slot] != _leader[other])
            Move(_leader[slot], _leader[other]);
    }

    /// <summary>Merges the groups of two slots if each member of the smaller one is within reach of the leader of the larger one.</summary>
    /// <returns>The leader whose group ceased to exist, or -1.</returns>
    internal int TryMerge(int a, int b, Func<int, int, bool> withinReach)
    {
        int from = _leader[a], to = _leader[b];
        if (from == to || _sealed.Contains(from) || _sealed.Contains(to))
            return -1;
        if (_size[from] > _size[to] || (_size[from] == _size[to] && from < to))
            (from, to) = (to, from);
        var slot = from;
        do
        {
            if (!withinReach(slot, to))
                return -1;
            slot = _next[slot];
        }
        while (slot != from);
        Move(from, to);
        return from;
    }

    /// <summary>Takes a slot out into a group of its own that is never merged again, though later items may join it.</summary>
    /// <returns>The new leader of the group it left, or -1 where it was alone.</returns>
    internal int Detach(int slot)
    {
        var leader = _leader[slot];
        var rest = -1;
        if (_size[leader] > 1)
        {
            rest = slot == leader ? _next[slot] : leader;
            var before = slot;
            for (var i = _next[slot]; i != slot; i = _next[i])
            {
                _leader[i] = rest;
                before = i;
            }

            _next[before] = _next[slot];
            _next[slot] = slot;
            _size[rest] = _size[leader] - 1;
            if (slot == leader && _sealed.Remove(leader))
                _sealed.Add(rest);
            _leader[slot] = slot;
            _size[slot] = 1;
            Groups++;
        }

        _sealed.Add(slot);
        return rest;
    }

    /// <summary>All slots of the slot's group, the slot itself first.</summary>
    internal IEnumerable<int> Members(int slot)
    {
        var i = slot;
        do
        {
            yield return i;
            i = _next[i];
        }
        while (i != slot);
    }

    private void Move(int from, int to)
    {
        var slot = from;
        do
        {
            _leader[slot] = to;
            slot = _next[slot];
        }
        while (slot != from);
        // Two circular lists become one by swapping a pair of links.
        (_next[from], _next[to]) = (_next[to], _next[from]);
        _size[to] += _size[from];
        Groups--;
    }
}
