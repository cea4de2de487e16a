using Microsoft.Data.Sqlite;

namespace Annotator.Tests.Support;

/// <summary>A database of a test's own without a row, up to this version, on one of the two providers, with a folder for files.</summary>
public sealed class TestDatabase : IDisposable
{
    private TestDatabase(string provider, string connectionString, string folder) => (Provider, ConnectionString, Folder) = (provider, connectionString, folder);

    /// <summary><c>Sqlite</c> or <c>PostgreSql</c>.</summary>
    public string Provider { get; }

    /// <summary>Connection string.</summary>
    public string ConnectionString { get; }

    /// <summary>A folder that is gone after the test.</summary>
    public string Folder { get; }

    /// <summary>Makes a database; skips the test where the provider's server is not installed.</summary>
    /// <param name="provider"><c>Sqlite</c> or <c>PostgreSql</c>.</param>
    /// <param name="nothing">For SQLite: whether there is not even a file, as before the first start.</param>
    public static async Task<TestDatabase> CreateAsync(string provider, bool nothing = false)
    {
        var folder = Directory.CreateTempSubdirectory("annotator-test-").FullName;
        try
        {
            if (!string.Equals(provider, "Sqlite", StringComparison.Ordinal)) return new TestDatabase(provider, await PostgreSqlCluster.NewDatabaseAsync(), folder);
            var file = Path.Combine(folder, "annotator.db");
            if (!nothing) await MigratedDatabase.WriteFileAsync(file);
            return new TestDatabase(provider, $"Data Source={file}", folder);
        }
        catch
        {
            Directory.Delete(folder, recursive: true);
            throw;
        }
    }

    /// <summary>Takes a database that somebody else made.</summary>
    public static TestDatabase On(string provider, string connectionString) => new(provider, connectionString, Directory.CreateTempSubdirectory("annotator-test-").FullName);

    /// <inheritdoc />
    public void Dispose()
    {
        if (string.Equals(Provider, "Sqlite", StringComparison.Ordinal)) SqliteConnection.ClearAllPools();
        Directory.Delete(Folder, recursive: true);
    }
}
