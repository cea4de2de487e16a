namespace Annotator.Core.Formats;

/// <summary>Bounds within which a file is read. Sizes are bytes of the file (of its UTF-8 form where the file is UTF-16).</summary>
public sealed record ReaderOptions
{
    /// <summary>The defaults: fields of 1 MB, lines of 4 MB, 10,000 columns, depth 64.</summary>
    public static ReaderOptions Default { get; } = new();

    /// <summary>Longest field in bytes. It also bounds how far a quote that is never closed can reach.</summary>
    public int MaximumFieldLength { get; init; } = 1 << 20;

    /// <summary>Longest record in bytes (a CSV record with its line breaks, a JSON object).</summary>
    public int MaximumLineLength { get; init; } = 4 << 20;

    /// <summary>Most columns of a record.</summary>
    public int MaximumColumns { get; init; } = 10_000;

    /// <summary>Deepest nesting of a JSON object, the object itself counted.</summary>
    public int MaximumDepth { get; init; } = 64;

    /// <summary>A batch is handed out once the records in it are this many bytes of the file, so that memory stays bounded.</summary>
    public int MaximumBatchBytes { get; init; } = 8 << 20;

    /// <summary>First size of the read buffer in bytes; it grows with the longest record only.</summary>
    public int BufferLength { get; init; } = 256 << 10;

    /// <summary>How much of the beginning of a file is looked at to detect encoding, dialect and columns, in bytes.</summary>
    public int SampleLength { get; init; } = 1 << 20;

    /// <summary>Throws when a bound is not positive or the field bound is above the line bound.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A bound makes no sense.</exception>
    internal void Validate()
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(MaximumFieldLength, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(MaximumLineLength, MaximumFieldLength);
        ArgumentOutOfRangeException.ThrowIfLessThan(MaximumColumns, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(MaximumDepth, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(MaximumBatchBytes, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(BufferLength, 16);
        ArgumentOutOfRangeException.ThrowIfLessThan(SampleLength, 16);
    }
}
