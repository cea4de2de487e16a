using Annotator.Core.Review;

namespace Annotator.Core.Storage;

/// <summary>What differs between the databases: the gate for writers, the bulk paths, leasing and time.</summary>
public interface ISqlDialect
{
    /// <summary>Name of the provider, as in the settings.</summary>
    string Name { get; }

    /// <summary>The statements by which <see cref="ClaimQueueAsync"/> finds entries, for a look at their plans.</summary>
    IReadOnlyList<string> ClaimStatements { get; }

    /// <summary>Grows with every change of projects, where all changes go through this process: what was read at the same number is not old. Null elsewhere.</summary>
    long? ProjectsVersion { get; }

    /// <summary>Begins a unit of work on a context; where writers wait for each other, several may be committed together.</summary>
    Task<IWriteUnit> BeginAsync(AnnotatorDbContext db, CancellationToken cancellationToken);

    /// <summary>Enters the write gate, to write alone; dispose to leave. On PostgreSQL it is always open.</summary>
    ValueTask<IDisposable> EnterWriteAsync(CancellationToken cancellationToken);

    /// <summary>The time by which leases and owners are judged: the server's clock on PostgreSQL, this machine's otherwise.</summary>
    Task<DateTimeOffset> NowAsync(AnnotatorDbContext db, CancellationToken cancellationToken);

    /// <summary>Holds a project's row to the end of the transaction: for decisions that need others to stand still. SQLite has one writer anyway.</summary>
    Task LockProjectAsync(AnnotatorDbContext db, long projectId, CancellationToken cancellationToken);

    /// <summary>
    /// Holds items, then their places in the queue, to the end of the transaction, so that what is read of them and of their
    /// leases stays true. Everybody takes them in this order. SQLite has one writer anyway.
    /// </summary>
    Task LockItemsAsync(AnnotatorDbContext db, long projectId, IReadOnlyCollection<long> items, CancellationToken cancellationToken);

    /// <summary>Holds places in the queue to the end of the transaction, without waiting for those that somebody else holds.</summary>
    /// <returns>The items whose places are held now.</returns>
    Task<IReadOnlyList<long>> TryLockPlacesAsync(AnnotatorDbContext db, long projectId, IReadOnlyCollection<long> items, CancellationToken cancellationToken);

    /// <summary>Whether an error says no more than that somebody else was in the way: doing it again will work.</summary>
    bool IsConflict(Exception exception);

    /// <summary>Whether an error says that there is a row already that a unique index allows once.</summary>
    bool IsDuplicate(Exception exception);

    /// <summary>Inserts many rows of one entity inside the current transaction, by the fastest path.</summary>
    /// <param name="db">A context with an open transaction.</param>
    /// <param name="rows">The rows.</param>
    /// <param name="ignoreConflicts">Whether rows that break a unique index are left out instead of failing.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <returns>How many rows were inserted.</returns>
    Task<int> InsertAsync<T>(AnnotatorDbContext db, IReadOnlyCollection<T> rows, bool ignoreConflicts, CancellationToken cancellationToken)
        where T : class;

    /// <summary>Inserts many rows, and overwrites all but the key where a row of that primary key is there.</summary>
    Task UpsertAsync<T>(AnnotatorDbContext db, IReadOnlyCollection<T> rows, CancellationToken cancellationToken)
        where T : class;

    /// <summary>Adds rows of numbers, in the order given: where a row of that primary key is there, its other columns grow by those of the new one.</summary>
    Task AddAsync<T>(AnnotatorDbContext db, IReadOnlyCollection<T> rows, CancellationToken cancellationToken)
        where T : class;

    /// <summary>Keeps everybody from changing items and decisions to the end of the transaction, for a count of all of them. SQLite has one writer anyway.</summary>
    Task HoldFactsAsync(AnnotatorDbContext db, CancellationToken cancellationToken);

    /// <summary>Updates many rows of one table, each to its own values.</summary>
    /// <param name="db">A context with an open transaction.</param>
    /// <param name="update">What to set, and which rows.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <returns>For each given row, whether it was there and fitted the guard.</returns>
    Task<bool[]> UpdateAsync(AnnotatorDbContext db, BulkUpdate update, CancellationToken cancellationToken);

    /// <summary>Adds to counters of projects, in the order given.</summary>
    Task AddCountsAsync(AnnotatorDbContext db, IReadOnlyList<CountChange> changes, CancellationToken cancellationToken);

    /// <summary>
    /// Takes the best open entries of a queue for an annotator, and counts one lease on each. No entry that the annotator has
    /// seen or holds is taken; two callers at a time get different entries.
    /// </summary>
    /// <param name="db">A context with an open transaction.</param>
    /// <param name="projectId">The project.</param>
    /// <param name="userId">The annotator.</param>
    /// <param name="lanes">The lanes that the annotator is lent from, below 0; see <see cref="Review.Work.WorkLane"/>.</param>
    /// <param name="count">How many at the most.</param>
    /// <param name="cancellationToken">Cancels.</param>
    Task<IReadOnlyList<QueueEntry>> ClaimQueueAsync(AnnotatorDbContext db, long projectId, long userId, IReadOnlyCollection<long> lanes, int count, CancellationToken cancellationToken);
}

/// <summary>A unit of work under way; disposed without a commit it leaves nothing.</summary>
public interface IWriteUnit : IAsyncDisposable
{
    /// <summary>Commits; when the answer comes it is on the disk.</summary>
    Task CommitAsync();
}

/// <summary>What is added to a counter.</summary>
/// <param name="ProjectId">The project.</param>
/// <param name="Name">Which counter.</param>
/// <param name="Delta">What is added, or taken where it is negative.</param>
public sealed record CountChange(long ProjectId, string Name, long Delta);

/// <summary>Many updates of one table.</summary>
/// <param name="Table">The table.</param>
/// <param name="Keys">Columns that find the row.</param>
/// <param name="Sets">Columns that are set.</param>
/// <param name="Rows">For each row the key values, then the set values, in the order of the columns.</param>
/// <param name="Guard">A further SQL condition on the table, by its name; null for none.</param>
/// <param name="Increments">Columns that grow by one in each row.</param>
public sealed record BulkUpdate(
    string Table,
    IReadOnlyList<BulkColumn> Keys,
    IReadOnlyList<BulkColumn> Sets,
    IReadOnlyList<object?[]> Rows,
    string? Guard = null,
    IReadOnlyList<string>? Increments = null);

/// <summary>A column of a bulk statement.</summary>
/// <param name="Name">Column name.</param>
/// <param name="Type">Kind of its values.</param>
public sealed record BulkColumn(string Name, BulkType Type);

/// <summary>Kinds of values in bulk statements.</summary>
public enum BulkType
{
    /// <summary>Whole number of 64 bits.</summary>
    Long,

    /// <summary>Whole number of 32 bits.</summary>
    Int,

    /// <summary>Floating point.</summary>
    Double,

    /// <summary>Text.</summary>
    Text,

    /// <summary>Yes or no.</summary>
    Bool,
}
