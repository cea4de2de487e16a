using System.ComponentModel.DataAnnotations;
using Annotator.Core.Media;
using Annotator.Core.Storage;

namespace Annotator.Web.Hosting;

/// <summary>Where the installation keeps its data; section <c>Annotator</c>.</summary>
public sealed class StorageOptions
{
    /// <summary>Folder of the embedded default: database, uploads, models, keys.</summary>
    /// <value>Default <c>./data</c>, seen from the content root.</value>
    [Required]
    public string DataDirectory { get; set; } = "data";

    /// <summary>The database.</summary>
    public DatabaseOptions Database { get; set; } = new();

    /// <summary>This process.</summary>
    public NodeOptions Node { get; set; } = new();
}

/// <summary>Which database.</summary>
public sealed class DatabaseOptions
{
    /// <summary>SQLite, the embedded default.</summary>
    public const string Sqlite = "Sqlite";

    /// <summary>PostgreSQL, for several nodes.</summary>
    public const string PostgreSql = "PostgreSql";

    /// <summary><c>Sqlite</c> or <c>PostgreSql</c>.</summary>
    [RegularExpression("^(Sqlite|PostgreSql)$", ErrorMessage = "Must be Sqlite or PostgreSql.")]
    public string Provider { get; set; } = Sqlite;

    /// <summary>Seconds that the start waits for a database server that does not answer yet.</summary>
    /// <value>Default 30; 0 to 600.</value>
    [Range(0, 600)]
    public int WaitSeconds { get; set; } = 30;

    /// <summary>Whether it is SQLite.</summary>
    internal bool IsSqlite => string.Equals(Provider, Sqlite, StringComparison.Ordinal);
}

/// <summary>What this process does.</summary>
public sealed class NodeOptions
{
    /// <summary><c>All</c>; <c>Web</c>: no jobs run here; <c>Worker</c>: jobs only, with health and metrics.</summary>
    [EnumDataType(typeof(NodeRole), ErrorMessage = "Must be All, Web or Worker.")]
    public NodeRole Role { get; set; } = NodeRole.All;
}

/// <summary>What a process does.</summary>
public enum NodeRole
{
    /// <summary>Everything.</summary>
    All,

    /// <summary>Pages and API; no jobs.</summary>
    Web,

    /// <summary>Jobs; of the web only health and metrics.</summary>
    Worker,
}

internal static class StorageSetup
{
    /// <summary>Adds database and blobs. The folder is opened, and its lock taken, when the program is built; see <see cref="DataDirectory"/>.</summary>
    public static StorageOptions AddStorage(this WebApplicationBuilder builder)
    {
        var options = builder.AddSettings<StorageOptions>("Annotator");
        var directory = Path.GetFullPath(options.DataDirectory, builder.Environment.ContentRootPath);
        var connection = builder.Configuration.GetConnectionString("Annotator");
        if (string.IsNullOrWhiteSpace(connection))
        {
            if (!options.Database.IsSqlite) builder.AddSettingError("ConnectionStrings:Annotator", "Is needed where Annotator:Database:Provider is PostgreSql.");
            connection = $"Data Source={Path.Combine(directory, "annotator.db")}";
        }
        else
        {
            CheckConnection(builder, options, ref connection);
        }

        // The rest needs good settings; ThrowIfSettingsAreWrong ends the start before anything is resolved.
        var (provider, sqlite) = (options.Database.IsSqlite ? DatabaseOptions.Sqlite : DatabaseOptions.PostgreSql, options.Database.IsSqlite ? connection : null);
        builder.Services.AddAnnotatorStorage(provider, connection);
        builder.Services.AddSingleton(_ => DataDirectory.Open(directory, sqlite));
        builder.Services.AddSingleton<IBlobStore>(new FolderBlobStore(Path.Combine(directory, "blobs")));
        builder.Services.AddSingleton(new MediaCacheFolder(Path.Combine(directory, "cache", "media")));
        builder.Services.AddSingleton(new DatabaseAddress(provider, connection));
        return options;
    }

    private static void CheckConnection(WebApplicationBuilder builder, StorageOptions options, ref string connection)
    {
        try
        {
            if (options.Database.IsSqlite)
            {
                // A relative file is seen from the content root, like everything else in the settings.
                var sqlite = new Microsoft.Data.Sqlite.SqliteConnectionStringBuilder(connection);
                if (sqlite.DataSource.Length > 0 && !sqlite.DataSource.Contains(":memory:", StringComparison.Ordinal))
                    sqlite.DataSource = Path.GetFullPath(sqlite.DataSource, builder.Environment.ContentRootPath);
                connection = sqlite.ToString();
            }
            else if (new Npgsql.NpgsqlConnectionStringBuilder(connection) is { Host: null or "" })
            {
                builder.AddSettingError("ConnectionStrings:Annotator", "Has no Host.");
            }
        }
        catch (Exception e) when (e is ArgumentException or FormatException or KeyNotFoundException)
        {
            // The text may hold a password; the exception of the parser does not repeat it.
            builder.AddSettingError("ConnectionStrings:Annotator", $"Is not a connection string of {options.Database.Provider}.");
        }
    }
}

/// <summary>Where the database is.</summary>
/// <param name="Provider">The provider.</param>
/// <param name="ConnectionString">The connection string, which may hold a password.</param>
internal sealed record DatabaseAddress(string Provider, string ConnectionString)
{
    /// <summary>Where it is, without anything secret, for messages.</summary>
    public string Place => Provider is DatabaseOptions.Sqlite
        ? new Microsoft.Data.Sqlite.SqliteConnectionStringBuilder(ConnectionString).DataSource
        : new Npgsql.NpgsqlConnectionStringBuilder(ConnectionString) is var b ? $"{b.Host}:{b.Port}/{b.Database}" : "";
}
