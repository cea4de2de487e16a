using Annotator.Core.Storage;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;

namespace Annotator.Tests.Support;

/// <summary>
/// A database that is brought up to this version once and copied for every test that wants a new one: hundreds of tests would else do the
/// same migrations again. Whoever opens a copy still asks for the migrations, and finds none to do.
/// </summary>
internal static class MigratedDatabase
{
    private static readonly Lazy<Task<byte[]>> s_file = new(MakeFileAsync);

    /// <summary>Writes a new SQLite file.</summary>
    /// <param name="path">Where; nothing is there yet.</param>
    public static async Task WriteFileAsync(string path) => await File.WriteAllBytesAsync(path, await s_file.Value);

    /// <summary>Brings a database up to this version.</summary>
    /// <param name="provider"><c>Sqlite</c> or <c>PostgreSql</c>.</param>
    /// <param name="connectionString">Its connection string.</param>
    public static async Task MigrateAsync(string provider, string connectionString)
    {
        await using var services = new ServiceCollection().AddLogging().AddAnnotatorStorage(provider, connectionString).BuildServiceProvider();
        await using var db = await services.GetRequiredService<IDbContextFactory<AnnotatorDbContext>>().CreateDbContextAsync();
        await db.MigrateAsync();
    }

    private static async Task<byte[]> MakeFileAsync()
    {
        var folder = Directory.CreateTempSubdirectory("annotator-template-").FullName;
        try
        {
            var path = Path.Combine(folder, "template.db");
            var connectionString = $"Data Source={path};Pooling=False";
            await MigrateAsync("Sqlite", connectionString);

            // The last connection has gone, and with it the write-ahead log: the file is all there is.
            if (File.Exists(path + "-wal")) throw new InvalidOperationException("The template is still open.");
            return await File.ReadAllBytesAsync(path);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
