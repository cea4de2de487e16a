using Xunit.Sdk;
using Xunit.v3;

[assembly: TestCollectionOrderer(typeof(Annotator.Tests.Support.LongestFirst))]

namespace Annotator.Tests.Support;

/// <summary>Starts the collections first that take longest, so that none of them is left alone at the end while a core stands idle.</summary>
public sealed class LongestFirst : ITestCollectionOrderer
{
    private static readonly string[] s_long =
    [
        PagesCollection.Name, BrowserCollection.Name, nameof(Faults.KilledOnPostgreSqlTests), nameof(Faults.KilledOnSqliteTests), nameof(Faults.RunFaultTests),
        nameof(Cascade.HostileEndpointTests), nameof(Review.ConcurrentReviewTests), ApiCollection.Name,
    ];

    /// <inheritdoc />
    public IReadOnlyCollection<TTestCollection> OrderTestCollections<TTestCollection>(IReadOnlyCollection<TTestCollection> testCollections)
        where TTestCollection : ITestCollection => [.. testCollections.OrderBy(Place).ThenBy(c => c.TestCollectionDisplayName, StringComparer.Ordinal)];

    // A class without a collection of its own is named "Test collection for ... (id: ...)".
    private static int Place<T>(T collection)
        where T : ITestCollection
    {
        var name = collection.TestCollectionDisplayName;
        var place = Array.FindIndex(s_long, l => string.Equals(name, l, StringComparison.Ordinal) || name.Contains($".{l} ", StringComparison.Ordinal));
        return place < 0 ? s_long.Length : place;
    }
}
