using System.Globalization;
using Annotator.Core.Accounts;
using Annotator.Core.Cascade;
using Annotator.Core.Import;
using Annotator.Core.Review;
using Annotator.Core.Storage;
using Annotator.Tests.Support;
using Annotator.Web.Hosting;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;

namespace Annotator.Tests.Storage;

/// <summary>What the product does about its disk and its secrets before they do harm.</summary>
public sealed class StorageHygieneTests
{
    [Fact]
    public void NetworkFileSystem_IsRefused_BeforeADatabaseIsMade()
    {
        using var database = new TemporaryFolder();
        var refused = Assert.Throws<StartException>(() => DataDirectory.Open(database.Path, $"Data Source={Path.Combine(database.Path, "annotator.db")}", _ => DriveType.Network));
        Assert.Equal(ExitCode.DataDirectoryUnusable, refused.Code);
        Assert.Contains("network file system", refused.Message, StringComparison.Ordinal);
        Assert.Contains("PostgreSQL", refused.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(database.Path));
    }

    [Theory]
    [InlineData("AdminPassword", "Admin123!")]
    [InlineData("AdminPassword", "password1234")]
    [InlineData("AdminPassword", "admin@example.org")]
    [InlineData("ApiToken", "short")]
    [InlineData("ApiToken", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")]
    [InlineData("ApiToken", "changeme-changeme-changeme-changeme")]
    public async Task Start_IsRefused_ForSecretsThatEverybodyKnows(string setting, string secret)
    {
        using var database = await TestDatabase.CreateAsync("Sqlite", nothing: true);
        var refused = await Assert.ThrowsAsync<InvalidOperationException>(() => ProcessHost.StartAsync(database, ($"Annotator:Bootstrap:{setting}", secret)));
        Assert.Contains($"ended with {(int)ExitCode.InvalidSettings}", refused.Message, StringComparison.Ordinal);
        Assert.Contains($"Annotator__Bootstrap__{setting}", refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(secret, refused.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(database.Folder));
    }

    [Fact]
    public async Task Files_AreForTheOwnerOnly()
    {
        if (OperatingSystem.IsWindows()) Assert.Skip("File modes are of Unix.");
        using var database = await TestDatabase.CreateAsync("Sqlite", nothing: true);
        await using var host = await ProcessHost.StartAsync(database);
        var project = await host.NewProjectAsync(Rows.Labels);
        await host.ImportAsync(project, new ByteArrayContent(Rows.Csv(50)), "format=csv&text=text&key=id");
        await Faults.KilledProcessTests.IdleAsync(host, project);
        foreach (var file in Directory.EnumerateFiles(database.Folder, "*", SearchOption.AllDirectories))
            Assert.Equal((file, UnixFileMode.UserRead | UnixFileMode.UserWrite), (file, ModeOf(file)));
    }

    [Fact]
    public async Task FullDisk_FailsWhatDoesNotFit_AndNothingElse()
    {
        using var database = await TestDatabase.CreateAsync("Sqlite");
        await using var host = await CoreHost.StartAsync(database);
        var project = await host.NewProjectAsync(Rows.Labels);
        await StoreAsync(host, project, "first", 10);
        await LimitAsync(host, free: 40);

        // Many at a time, which share transactions: each is stored whole or refused.
        var stored = await Task.WhenAll(Enumerable.Range(0, 40).Select(n => Task.Run(async () =>
        {
            try
            {
                await StoreAsync(host, project, $"n{n}-", 20);
                return true;
            }
            catch (Exception e) when (DiskFull.IsCause(e))
            {
                return false;
            }
        })));
        Assert.Contains(false, stored);
        await Consistency.CheckAsync(host, project);
        await using (var db = await host.Database.OpenAsync()) Assert.Equal(10 + (20 * stored.Count(s => s)), await db.Items.CountAsync());

        // Once there is room again, all goes on.
        await LimitAsync(host, free: 100_000);
        await StoreAsync(host, project, "last", 20);
        await Consistency.CheckAsync(host, project);
    }

    [Fact]
    public void FullDisk_IsToldFromOtherTroubles()
    {
        Assert.True(DiskFull.IsCause(new DbUpdateException("", new SqliteException("", 13))));
        Assert.True(DiskFull.IsCause(new IOException("", 28)));
        Assert.False(DiskFull.IsCause(new SqliteException("", 5)));
        Assert.False(DiskFull.IsCause(new IOException("broken pipe", 32)));
        Assert.False(DiskFull.IsCause(null));
    }

    [Theory]
    [MemberData(nameof(Providers.All), MemberType = typeof(Providers))]
    public async Task AbandonedLeases_GoBack_WithoutAnybodyComing(string provider)
    {
        using var database = await TestDatabase.CreateAsync(provider);
        await using var host = await CoreHost.StartAsync(database);
        var project = await host.NewProjectAsync(Rows.Labels);
        await StoreAsync(host, project, "i", 5);
        var user = (await host.NewUsersAsync(1, Role.Annotator))[0];
        var lent = await host.Get<ReviewQueue>().LeaseAsync(project, user, 3);
        var end = lent[0].Lease.ExpiresAt;

        await host.Get<ReviewQueue>().CleanAsync(end - TimeSpan.FromMinutes(1));
        await using (var db = await host.Database.OpenAsync()) Assert.Equal(3, await db.Leases.CountAsync());
        await host.Get<ReviewQueue>().CleanAsync(end + TimeSpan.FromMinutes(1));
        await using (var db = await host.Database.OpenAsync())
        {
            Assert.Equal(0, await db.Leases.CountAsync());
            Assert.Equal(5, await db.Queue.CountAsync(q => q.Open == 1));
        }

        await Consistency.CheckAsync(host, project);
    }

    [Fact]
    public async Task UploadsThatNobodyWillRead_AreRemoved()
    {
        using var database = await TestDatabase.CreateAsync("Sqlite");
        await using var host = await CoreHost.StartAsync(database);
        var project = await host.NewProjectAsync(Rows.Labels);
        var imports = host.Get<ImportService>();
        using var file = new MemoryStream(Rows.Csv(10));
        Assert.True((await imports.StartAsync(project, new UploadRequest("csv", "text", "id", null, null, null), file, null)).Succeeded);
        var uploads = Path.Combine(database.Folder, "blobs", "uploads");
        var waits = Assert.Single(Directory.GetFiles(uploads));
        await File.WriteAllTextAsync(Path.Combine(uploads, "0123.part"), "half an upload");
        await File.WriteAllTextAsync(Path.Combine(uploads, "4567"), "an upload whose run was never made");

        var later = TimeProvider.System.GetUtcNow() + TimeSpan.FromMinutes(1);
        Assert.Equal(0, await imports.CleanAsync(later - TimeSpan.FromDays(1)));
        Assert.Equal(2, await imports.CleanAsync(later));
        Assert.Equal(waits, Assert.Single(Directory.GetFiles(uploads)));
    }

    private static UnixFileMode ModeOf(string file) => OperatingSystem.IsWindows() ? default : File.GetUnixFileMode(file);

    private static async Task StoreAsync(CoreHost host, Core.Projects.Project project, string prefix, int count)
    {
        var text = new string('x', 500);
        Assert.True((await host.Get<ItemIntake>().StoreAsync(project, [.. Enumerable.Range(0, count).Select(i => new NewItem($"{prefix}{i}", $"{text} {prefix} {i}"))])).Succeeded);
    }

    // The limit is the connection's, and all writing goes through one.
    private static Task LimitAsync(CoreHost host, int free) => host.Database.WriteAsync(async scope =>
    {
        var pages = (await scope.Db.Database.SqlQuery<long>($"SELECT page_count AS \"Value\" FROM pragma_page_count()").ToListAsync()).Single();
        var limit = string.Create(CultureInfo.InvariantCulture, $"PRAGMA max_page_count={pages + free}");
        await scope.Db.Database.ExecuteSqlRawAsync(limit);
    });

    private sealed class TemporaryFolder : IDisposable
    {
        public string Path { get; } = Directory.CreateTempSubdirectory("annotator-test-").FullName;

        public void Dispose() => Directory.Delete(Path, recursive: true);
    }
}
