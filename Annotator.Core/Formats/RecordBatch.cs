namespace Annotator.Core.Formats;

/// <summary>A place between two records at which reading can be taken up again, by another process if need be.</summary>
/// <param name="ByteOffset">Offset in bytes from the start of the file.</param>
/// <param name="LineNumber">1-based number of the line that starts there.</param>
public readonly record struct ReaderCheckpoint(long ByteOffset, long LineNumber)
{
    /// <summary>The start of a file.</summary>
    public static ReaderCheckpoint Start { get; } = new(0, 1);
}

/// <summary>Why a line was not read.</summary>
public enum RejectionKind
{
    /// <summary>A quoted field that is not closed before the file or the longest field ends.</summary>
    UnterminatedQuote,

    /// <summary>Text between the end of a quoted field and the delimiter.</summary>
    TextAfterQuote,

    /// <summary>Fewer fields than columns.</summary>
    MissingColumns,

    /// <summary>More fields than columns.</summary>
    ExtraColumns,

    /// <summary>More fields than the reader's bound.</summary>
    TooManyColumns,

    /// <summary>A field longer than the reader's bound.</summary>
    FieldTooLong,

    /// <summary>A record longer than the reader's bound.</summary>
    LineTooLong,

    /// <summary>A NUL byte or character, which no database column of text can hold.</summary>
    NulCharacter,

    /// <summary>Bytes that mean nothing in the file's encoding.</summary>
    InvalidEncoding,

    /// <summary>Not well-formed JSON.</summary>
    InvalidJson,

    /// <summary>JSON, but not an object.</summary>
    NotAnObject,

    /// <summary>A JSON object that names a property twice.</summary>
    DuplicateProperty,

    /// <summary>A JSON object nested deeper than the reader's bound.</summary>
    TooDeep,

    /// <summary>A JSON array without its end, or objects behind it.</summary>
    BrokenArray,

    /// <summary>No text in the column that should hold the item.</summary>
    MissingText,
}

/// <summary>A line that did not become a record.</summary>
/// <param name="LineNumber">1-based number of the line on which the record starts.</param>
/// <param name="ByteOffset">Offset in bytes of its start.</param>
/// <param name="Kind">The reason as a code, for translation and counting.</param>
/// <param name="Reason">The reason in English, with figures. It never quotes the content of the file.</param>
public sealed record RejectedLine(long LineNumber, long ByteOffset, RejectionKind Kind, string Reason);

/// <summary>What was read although it is not strictly right. Counts of one batch.</summary>
/// <param name="BlankLines">Empty lines that were passed over.</param>
/// <param name="BareQuotes">Unquoted fields with a quote inside, taken as they stand.</param>
/// <param name="PaddedQuotes">Quoted fields followed by blanks, which were dropped.</param>
public readonly record struct ReaderNotes(int BlankLines, int BareQuotes, int PaddedQuotes);

/// <summary>Consecutive records and rejected lines. An import stores a batch and <see cref="Next"/> in one transaction.</summary>
/// <param name="Records">The records, in the order of the file.</param>
/// <param name="Rejected">The lines that could not be read, in the order of the file.</param>
/// <param name="Next">Where the next batch starts.</param>
/// <param name="Notes">What was forgiven.</param>
public sealed record RecordBatch(
    IReadOnlyList<RawRecord> Records, IReadOnlyList<RejectedLine> Rejected, ReaderCheckpoint Next, ReaderNotes Notes);
