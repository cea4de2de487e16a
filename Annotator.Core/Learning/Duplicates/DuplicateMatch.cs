namespace Annotator.Core.Learning.Duplicates;

/// <summary>How an item is related to what was there before it.</summary>
public enum DuplicateKind
{
    /// <summary>Nothing like it was there.</summary>
    None,

    /// <summary>Similar beyond the threshold to at least one item.</summary>
    Near,

    /// <summary>Equal to an item after normalisation.</summary>
    Exact,
}

/// <summary>What adding an item to an index of duplicates found.</summary>
/// <param name="Id">The item that was added.</param>
/// <param name="Group">The group it is now in: the id of the group's leader, which is the item itself where nothing matched.</param>
/// <param name="Kind">The relation to the nearest item.</param>
/// <param name="Nearest">The nearest item that was there, or null.</param>
/// <param name="Similarity">Similarity to it: Jaccard of 3-grams for text, share of equal hash bits for images; 1 for an exact duplicate, 0 for none.</param>
/// <param name="Absorbed">Groups that ceased to exist because this item ties them to <paramref name="Group"/>; all their members are in it now.</param>
public readonly record struct DuplicateMatch(
    long Id, long Group, DuplicateKind Kind, long? Nearest, double Similarity, IReadOnlyList<long> Absorbed);
