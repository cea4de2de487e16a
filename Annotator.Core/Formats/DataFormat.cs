namespace Annotator.Core.Formats;

/// <summary>The kinds of files that are read record by record.</summary>
public enum DataFormatKind
{
    /// <summary>Delimited text.</summary>
    Csv,

    /// <summary>JSON objects, one a line or as one array.</summary>
    Jsonl,
}

/// <summary>All that has to be known to read a file. It serialises to JSON, so that an import keeps it with its arguments.</summary>
/// <param name="Kind">Which reader.</param>
/// <param name="Encoding">The text encoding.</param>
/// <param name="Dialect">Delimiter, quote and header of a delimited text; null for JSON.</param>
public sealed record DataFormat(DataFormatKind Kind, TextEncoding Encoding, CsvDialect? Dialect = null)
{
    /// <summary>Opens the reader of this format.</summary>
    /// <param name="stream">The file, standing at its start.</param>
    /// <param name="options">Bounds; null: the defaults.</param>
    /// <param name="from">Where to go on; null: from the start. A stream that can seek is moved there, another is read up to there.</param>
    /// <param name="leaveOpen">Whether the stream outlives the reader.</param>
    public RecordReader Open(Stream stream, ReaderOptions? options = null, ReaderCheckpoint? from = null, bool leaveOpen = false) => Kind switch
    {
        DataFormatKind.Csv => new CsvReader(stream, Dialect ?? new CsvDialect(), Encoding, options, from, leaveOpen),
        DataFormatKind.Jsonl => new JsonlReader(stream, Encoding, options, from, leaveOpen),
        _ => throw new InvalidOperationException($"There is no reader for {Kind}."),
    };
}
