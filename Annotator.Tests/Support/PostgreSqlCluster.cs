using System.Diagnostics;
using System.Globalization;
using Npgsql;

namespace Annotator.Tests.Support;

/// <summary>
/// A PostgreSQL server of the tests' own: made with <c>initdb</c> in a temporary folder, reached through a socket in that
/// folder, gone with the tests. It starts when the first test asks for it.
/// </summary>
public sealed class PostgreSqlCluster : IAsyncDisposable
{
    private const string Missing = "PostgreSQL is not installed (Debian: apt-get install postgresql).";

    private static readonly SemaphoreSlim s_starting = new(1, 1);
    private static PostgreSqlCluster? s_shared;
    private static string? s_template;
    private static int s_databases;

    private readonly string _folder;
    private readonly ChildProcess _server;

    private PostgreSqlCluster(string folder, ChildProcess server) => (_folder, _server) = (folder, server);

    /// <summary>Where the programs of the newest installed version are; null where there is none.</summary>
    public static string? Programs { get; } = FindPrograms();

    /// <summary>Makes a database without a row, up to this version, on the server that all tests share; skips the test where PostgreSQL is not installed.</summary>
    /// <returns>Its connection string.</returns>
    public static async Task<string> NewDatabaseAsync()
    {
        if (Programs is null) Support.Programs.Missing(Missing);
        await s_starting.WaitAsync();
        try
        {
            s_shared ??= await StartAsync();
            s_template ??= await s_shared.CreateTemplateAsync();
        }
        finally
        {
            s_starting.Release();
        }

        return await s_shared.CreateDatabaseAsync(s_template);
    }

    /// <summary>Starts a server.</summary>
    /// <param name="durable">Whether commits survive a power cut of the machine: tests kill processes, not machines; benchmarks want the cost.</param>
    public static async Task<PostgreSqlCluster> StartAsync(bool durable = false)
    {
        var folder = Directory.CreateTempSubdirectory("annotator-pg-").FullName;
        string[] rights = [];
        if (Environment.IsPrivilegedProcess)
        {
            // The server refuses to run as root.
            var user = File.ReadLines("/etc/passwd").Any(l => l.StartsWith("postgres:", StringComparison.Ordinal)) ? "postgres" : "nobody";
            rights = [Support.Programs.Find("setpriv") ?? "setpriv", $"--reuid={user}", "--clear-groups", "--"];
            await RunAsync(["chown", user, folder], "/");
        }

        var data = Path.Combine(folder, "data");
        await RunAsync([.. rights, Path.Combine(Programs!, "initdb"), "-D", data, "-U", "annotator", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"], folder);
        string[] settings =
        [
            "-D", data, "-k", folder, "-c", "listen_addresses=", "-c", "max_connections=200", "-c", "shared_buffers=256MB", "-c", "max_wal_size=2GB", "-c", "log_checkpoints=off",
            .. durable ? Array.Empty<string>() : ["-c", "fsync=off", "-c", "full_page_writes=off"],
        ];
        string[] command = [.. rights, Path.Combine(Programs!, "postgres"), .. settings];

        // INT: without waiting for clients to leave.
        var server = await ChildProcess.StartAsync(command[0], command[1..], [new("LC_ALL", "C.UTF-8")], folder, endSignal: "INT");
        await server.LineAsync(l => l.Contains("ready to accept connections", StringComparison.Ordinal), TimeSpan.FromSeconds(60));
        return new PostgreSqlCluster(folder, server);
    }

    /// <summary>Makes an empty database.</summary>
    /// <param name="template">The database of which it is a copy; null: it has nothing in it.</param>
    /// <returns>Its connection string.</returns>
    public async Task<string> CreateDatabaseAsync(string? template = null)
    {
        var name = string.Create(CultureInfo.InvariantCulture, $"test{Interlocked.Increment(ref s_databases)}");
        await using var connection = new NpgsqlConnection(Address("postgres"));
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(template is null ? $"CREATE DATABASE {name}" : $"CREATE DATABASE {name} TEMPLATE {template}", connection);
        await command.ExecuteNonQueryAsync();
        return Address(name);
    }

    // A database is copied only while nobody is connected to it.
    private async Task<string> CreateTemplateAsync()
    {
        var address = new NpgsqlConnectionStringBuilder(await CreateDatabaseAsync()) { Pooling = false };
        await MigratedDatabase.MigrateAsync("PostgreSql", address.ToString());
        return address.Database!;
    }

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        NpgsqlConnection.ClearAllPools();
        await _server.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    internal static async ValueTask EndSharedAsync()
    {
        if (s_shared is { } shared) await shared.DisposeAsync();
        (s_shared, s_template) = (null, null);
    }

    private static string? FindPrograms()
    {
        const string versions = "/usr/lib/postgresql";
        var newest = Directory.Exists(versions)
            ? Directory.GetDirectories(versions).Where(d => File.Exists(Path.Combine(d, "bin", "initdb"))).MaxBy(d => int.TryParse(Path.GetFileName(d), CultureInfo.InvariantCulture, out var v) ? v : 0)
            : null;
        return newest is not null ? Path.Combine(newest, "bin") : Path.GetDirectoryName(Support.Programs.Find("initdb"));
    }

    private static async Task RunAsync(string[] command, string folder)
    {
        var start = new ProcessStartInfo(command[0], command[1..]) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = folder };
        using var process = Process.Start(start)!;
        var (output, errors) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync();
        if (process.ExitCode != 0) throw new InvalidOperationException($"{string.Join(' ', command)} ended with {process.ExitCode}: {await output}{await errors}");
    }

    private string Address(string database) => new NpgsqlConnectionStringBuilder
    {
        Host = _folder,
        Username = "annotator",
        Database = database,
        MaxPoolSize = 40,
        IncludeErrorDetail = true,
    }.ToString();
}
