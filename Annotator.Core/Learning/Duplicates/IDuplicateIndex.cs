namespace Annotator.Core.Learning.Duplicates;

/// <summary>Keeps items in groups of near-duplicates, by what is compared of them.</summary>
/// <typeparam name="T">What is compared: a text, a fingerprint.</typeparam>
internal interface IDuplicateIndex<T>
{
    /// <summary>Number of items.</summary>
    int Count { get; }

    /// <summary>Whether an item is there.</summary>
    bool Contains(long id);

    /// <summary>Adds items and says what each of them duplicates.</summary>
    IEnumerable<DuplicateMatch> AddRange(IEnumerable<KeyValuePair<long, T>> items, CancellationToken cancellationToken = default);

    /// <summary>Puts a stored item back with the group it was in.</summary>
    void Restore(long id, T content, long group);

    /// <summary>The group of an item: the id of its leader.</summary>
    long GroupOf(long id);

    /// <summary>All items of the group of an item, itself included.</summary>
    IReadOnlyList<long> Members(long id);

    /// <summary>Takes an item out of its group.</summary>
    long? Detach(long id);
}
