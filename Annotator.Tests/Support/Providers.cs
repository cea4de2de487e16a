[assembly: AssemblyFixture(typeof(Annotator.Tests.Support.ServersEnd))]

namespace Annotator.Tests.Support;

/// <summary>The databases, for theories.</summary>
public static class Providers
{
    /// <summary>Both.</summary>
    public static TheoryData<string> All { get; } = ["Sqlite", "PostgreSql"];
}

/// <summary>Ends the servers that tests share, after the last test.</summary>
public sealed class ServersEnd : IAsyncDisposable
{
    /// <inheritdoc />
    public ValueTask DisposeAsync() => PostgreSqlCluster.EndSharedAsync();
}
