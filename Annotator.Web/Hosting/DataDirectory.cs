using System.Globalization;
using System.Text;
using Microsoft.Data.Sqlite;

namespace Annotator.Web.Hosting;

/// <summary>
/// The folder of the embedded default, held by one process at a time: two would hand out the same numbers and wait for each
/// other's locks. Held from before the first read of the database to the end of the process.
/// </summary>
internal sealed class DataDirectory : IDisposable
{
    private readonly FileStream? _lock;

    private DataDirectory(string path, FileStream? held)
    {
        (Path, _lock) = (path, held);
    }

    /// <summary>Full path.</summary>
    public string Path { get; }

    /// <summary>Makes the folder where it is missing, and takes the lock of the database file.</summary>
    /// <param name="path">Full path of the folder.</param>
    /// <param name="sqlite">Connection string of the SQLite database; null where the database is elsewhere.</param>
    /// <param name="kindOf">What kind of drive a folder is on; the system's answer by default.</param>
    /// <exception cref="StartException">The folder cannot be used, or another process has it.</exception>
    public static DataDirectory Open(string path, string? sqlite, Func<string, DriveType>? kindOf = null)
    {
        Make(path);
        if (sqlite is null) return new DataDirectory(path, null);

        var file = new SqliteConnectionStringBuilder(sqlite).DataSource;
        if (file.Length == 0 || file.Contains(":memory:", StringComparison.Ordinal))
            throw new StartException(ExitCode.InvalidSettings, "ConnectionStrings:Annotator: a database in memory is lost with each connection; name a file.");
        file = System.IO.Path.GetFullPath(file);
        var folder = System.IO.Path.GetDirectoryName(file)!;
        Make(folder);

        // The write-ahead log needs memory that all connections share, which network file systems do not give: sqlite.org/wal.html.
        if ((kindOf ?? (f => new DriveInfo(f).DriveType))(folder) == DriveType.Network)
            throw new StartException(ExitCode.DataDirectoryUnusable, $"{folder} lies on a network file system, on which SQLite loses data. Use a local folder (Annotator:DataDirectory), or PostgreSQL.");
        var held = Hold(file + ".lock");

        // SQLite takes an empty file for a new database, and gives the files beside it the same mode.
        if (!File.Exists(file)) Create(file, FileMode.CreateNew).Dispose();
        return new DataDirectory(path, held);
    }

    public void Dispose() => _lock?.Dispose();

    private static void Make(string folder)
    {
        try
        {
            var existed = Directory.Exists(folder);
            Directory.CreateDirectory(folder);

            // Keys, password hashes and data are inside: nobody else's business. A folder that was there keeps its mode.
            if (!existed && !OperatingSystem.IsWindows()) File.SetUnixFileMode(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            var probe = System.IO.Path.Combine(folder, $".probe-{Guid.NewGuid():n}");
            File.WriteAllText(probe, "");
            File.Delete(probe);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new StartException(ExitCode.DataDirectoryUnusable, $"The folder {folder} cannot be made or written: {e.Message} (Annotator:DataDirectory)", e);
        }
    }

    // For the owner only, whatever the folder's mode is: inside are keys and password hashes.
    private static FileStream Create(string path, FileMode mode)
    {
        var options = new FileStreamOptions { Mode = mode, Access = FileAccess.ReadWrite, Share = FileShare.None };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        return new FileStream(path, options);
    }

    private static FileStream Hold(string path)
    {
        try
        {
            // Exclusive among processes on Windows by the share mode, elsewhere by flock, which ends with the process however it ends.
            var held = Create(path, FileMode.OpenOrCreate);
            held.SetLength(0);
            held.Write(Encoding.ASCII.GetBytes(Environment.ProcessId.ToString(CultureInfo.InvariantCulture)));
            held.Flush();
            return held;
        }
        catch (IOException e)
        {
            throw new StartException(
                ExitCode.DataDirectoryInUse,
                $"Another process has the database open ({path} is locked). Stop it, or give this one another Annotator:DataDirectory; several processes on one data set need PostgreSQL.",
                e);
        }
        catch (UnauthorizedAccessException e)
        {
            throw new StartException(ExitCode.DataDirectoryUnusable, $"{path} cannot be written: {e.Message}", e);
        }
    }
}
