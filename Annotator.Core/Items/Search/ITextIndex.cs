using Annotator.Core.Storage;

namespace Annotator.Core.Items.Search;

/// <summary>
/// The database's own index of the texts and keys of items: FTS5 on SQLite, a <c>tsvector</c> with a GIN index on PostgreSQL. It is filled by a run, never by
/// the transaction that stores an item; until then, items behind <see cref="ThroughAsync"/> are read one by one.
/// </summary>
public interface ITextIndex
{
    /// <summary>Characters of a text that are indexed.</summary>
    const int MostCharacters = 50_000;

    /// <summary>So many items of a search are read before the index is asked, to see whether what is looked for is frequent; 0 where the index stops by itself once it has enough.</summary>
    int ReadFirst => 0;

    /// <summary>Sets tables and triggers up; safe where they stand already, and where several nodes start at once.</summary>
    Task SetUpAsync(AnnotatorDbContext db, CancellationToken cancellationToken);

    /// <summary>The item up to which a project is indexed; null where that has not begun.</summary>
    Task<long?> ThroughAsync(AnnotatorDbContext db, long projectId, CancellationToken cancellationToken);

    /// <summary>Indexes items inside the current transaction; those that are in the index already are left alone.</summary>
    /// <param name="db">A context with an open transaction.</param>
    /// <param name="projectId">The project.</param>
    /// <param name="items">Items in the order of their ids.</param>
    /// <param name="through">The item up to which the project is indexed with these.</param>
    /// <param name="cancellationToken">Cancels.</param>
    Task AddAsync(AnnotatorDbContext db, long projectId, IReadOnlyList<TextOfItem> items, long through, CancellationToken cancellationToken);

    /// <summary>Tells the database's planner what many new items have changed, where it does not know by itself.</summary>
    Task MeasureAsync(AnnotatorDbContext db, CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Finds items that the index names, in the order of their ids. Items of other projects may be among them.</summary>
    /// <param name="db">A context.</param>
    /// <param name="projectId">The project.</param>
    /// <param name="query">What is looked for.</param>
    /// <param name="after">Only items with a larger id.</param>
    /// <param name="through">Only items up to this one.</param>
    /// <param name="count">How many at the most.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <returns>Null where the index cannot answer; the items must be read then.</returns>
    Task<List<long>?> FindAsync(AnnotatorDbContext db, long projectId, SearchQuery query, long after, long through, int count, CancellationToken cancellationToken);

    /// <summary>Items whose text or key contains a part, whatever its case: the condition by which those are read that the index does not have.</summary>
    IQueryable<Item> Containing(IQueryable<Item> items, string part);

    /// <summary>Forgets how far a project is indexed, when it is deleted. What was indexed of its items goes with them.</summary>
    Task ForgetAsync(AnnotatorDbContext db, long projectId, CancellationToken cancellationToken);
}

/// <summary>What of an item is indexed.</summary>
/// <param name="Id">The item.</param>
/// <param name="Key">Its key.</param>
/// <param name="Text">Its text.</param>
public sealed record TextOfItem(long Id, string Key, string? Text);
