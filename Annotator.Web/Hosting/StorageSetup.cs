using System.ComponentModel.DataAnnotations;
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
}

/// <summary>Which database.</summary>
public sealed class DatabaseOptions
{
    /// <summary><c>Sqlite</c> or <c>PostgreSql</c>.</summary>
    [RegularExpression("^(Sqlite|PostgreSql)$", ErrorMessage = "Annotator:Database:Provider must be Sqlite or PostgreSql.")]
    public string Provider { get; set; } = "Sqlite";
}

internal static class StorageSetup
{
    public static void AddStorage(this WebApplicationBuilder builder)
    {
        var options = builder.Configuration.GetSection("Annotator").Get<StorageOptions>() ?? new StorageOptions();
        var directory = Path.GetFullPath(options.DataDirectory, builder.Environment.ContentRootPath);
        Directory.CreateDirectory(directory);
        if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(directory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        var connection = builder.Configuration.GetConnectionString("Annotator");
        if (string.IsNullOrEmpty(connection))
        {
            if (!string.Equals(options.Database.Provider, "Sqlite", StringComparison.Ordinal))
                throw new InvalidOperationException("ConnectionStrings:Annotator is needed with Annotator:Database:Provider=PostgreSql.");
            connection = $"Data Source={Path.Combine(directory, "annotator.db")}";
        }

        builder.Services.AddAnnotatorStorage(options.Database.Provider, connection);
        builder.Services.AddSingleton<IBlobStore>(new FolderBlobStore(Path.Combine(directory, "blobs")));
    }
}
