using Microsoft.Data.Sqlite;
using Npgsql;

namespace Annotator.Core.Storage;

/// <summary>Tells a full disk from other troubles, whoever met it: the answer to people is another one.</summary>
public static class DiskFull
{
    // SQLITE_FULL, and ENOSPC and EDQUOT as .NET reports them on Unix; on Windows ERROR_DISK_FULL and ERROR_HANDLE_DISK_FULL.
    private const int SqliteFull = 13;
    private static readonly int[] s_system = [28, 122, unchecked((int)0x80070070), unchecked((int)0x80070027)];

    /// <summary>What people are told.</summary>
    public const string Message = "The server's disk is full. Nothing of this was stored; make room, and do it again.";

    /// <summary>Whether an error comes of a full disk.</summary>
    public static bool IsCause(Exception? exception) => exception switch
    {
        null => false,
        SqliteException { SqliteErrorCode: SqliteFull } => true,
        PostgresException { SqlState: PostgresErrorCodes.DiskFull } => true,
        IOException e when Array.IndexOf(s_system, e.HResult) >= 0 => true,
        _ => IsCause(exception.InnerException),
    };
}
