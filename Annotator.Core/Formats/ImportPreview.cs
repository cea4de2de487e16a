using System.Text;

namespace Annotator.Core.Formats;

/// <summary>What a file seems to be, from its beginning: shown to the person who imports it, and the default of an import by API.</summary>
/// <param name="Format">Kind, encoding and dialect.</param>
/// <param name="Columns">The column names; for JSON every property seen, in the order of appearance.</param>
/// <param name="Rows">The first records, each with one value a column; null where a record has none.</param>
/// <param name="Rejected">The first lines that could not be read.</param>
/// <param name="Suggested">Which columns seem to hold what; null where there is no column.</param>
public sealed record ImportPreview(
    DataFormat Format, IReadOnlyList<string> Columns, IReadOnlyList<IReadOnlyList<string?>> Rows, IReadOnlyList<RejectedLine> Rejected,
    RecordMapping? Suggested)
{
    /// <summary>Rows and rejected lines that are shown.</summary>
    public const int MaximumRows = 20;

    // Enough to tell labels from keys, little enough to be there at once.
    private const int MaximumRecords = 1000;
    private const int MaximumColumns = 1000;

    /// <summary>Looks at the beginning of a file.</summary>
    /// <param name="stream">The file, standing at its start. One that can seek is put back there; another stands behind the sample.</param>
    /// <param name="kind">The kind, where it is known; null: detected from the first character.</param>
    /// <param name="options">Bounds; null: the defaults.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    public static async Task<ImportPreview> PreviewAsync(
        Stream stream, DataFormatKind? kind = null, ReaderOptions? options = null, CancellationToken cancellationToken = default)
    {
        options ??= ReaderOptions.Default;
        var (sample, complete) = await SampleAsync(stream, options, cancellationToken);
        var format = Detect(sample.Span, complete, kind, options);

        var records = new List<RawRecord>();
        var rejected = new List<RejectedLine>();
        await using var reader = format.Open(new MemoryStream(sample.ToArray(), writable: false), options);
        await foreach (var batch in reader.ReadBatchesAsync(MaximumRecords, cancellationToken))
        {
            records.AddRange(batch.Records);
            rejected.AddRange(batch.Rejected);
            bool end = batch.Next.ByteOffset >= sample.Length;
            if (end && !complete) DropLast(records, rejected);
            if (records.Count >= MaximumRecords) break;
        }

        var columns = ColumnsOf(reader, records);
        IReadOnlyList<string?>[] rows = [.. records.Take(MaximumRows).Select(r => (IReadOnlyList<string?>)[.. columns.Select(c => r[c].Text)])];
        return new ImportPreview(format, columns, rows, [.. rejected.Take(MaximumRows)], ColumnGuess.Suggest(columns, records));
    }

    /// <summary>Detects kind, encoding and dialect alone.</summary>
    /// <inheritdoc cref="PreviewAsync"/>
    public static async Task<DataFormat> DetectAsync(
        Stream stream, DataFormatKind? kind = null, ReaderOptions? options = null, CancellationToken cancellationToken = default)
    {
        options ??= ReaderOptions.Default;
        var (sample, complete) = await SampleAsync(stream, options, cancellationToken);
        return Detect(sample.Span, complete, kind, options);
    }

    private static async Task<(ReadOnlyMemory<byte> Sample, bool Complete)> SampleAsync(
        Stream stream, ReaderOptions options, CancellationToken cancellationToken)
    {
        long origin = stream.CanSeek ? stream.Position : 0;
        byte[] buffer = new byte[options.SampleLength];
        int read = await stream.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, cancellationToken);
        if (stream.CanSeek) stream.Position = origin;
        return (buffer.AsMemory(0, read), read < buffer.Length);
    }

    private static DataFormat Detect(ReadOnlySpan<byte> sample, bool complete, DataFormatKind? kind, ReaderOptions options)
    {
        var detected = TextEncodingDetector.Detect(sample);
        sample = sample[detected.ByteOrderMarkLength..];
        if (detected.Encoding.IsUtf16())
            sample = Encoding.UTF8.GetBytes(TextEncodings.Decoder(detected.Encoding).GetString(sample));
        var actual = kind ?? (IsJson(sample) ? DataFormatKind.Jsonl : DataFormatKind.Csv);
        return new DataFormat(
            actual, detected.Encoding,
            actual == DataFormatKind.Csv ? CsvDialectDetector.Detect(sample, complete, detected.Encoding, options) : null);
    }

    private static bool IsJson(ReadOnlySpan<byte> sample)
    {
        var text = sample.TrimStart(" \t\r\n"u8);
        if (text.StartsWith("["u8)) text = text[1..].TrimStart(" \t\r\n"u8);
        // { and then a name or its end: a delimited text may well start with a brace, but not so.
        if (text.StartsWith("]"u8)) return true;
        return text.StartsWith("{"u8) && text[1..].TrimStart(" \t\r\n"u8) is [(byte)'"' or (byte)'}', ..];
    }

    // The sample was cut: what stands last in it is half a record.
    private static void DropLast(List<RawRecord> records, List<RejectedLine> rejected)
    {
        long record = records.Count > 0 ? records[^1].ByteOffset : -1;
        long line = rejected.Count > 0 ? rejected[^1].ByteOffset : -1;
        if (record > line) records.RemoveAt(records.Count - 1);
        else if (line >= 0) rejected.RemoveAt(rejected.Count - 1);
    }

    private static IReadOnlyList<string> ColumnsOf(RecordReader reader, List<RawRecord> records)
    {
        if (reader is CsvReader) return reader.Columns?.Names ?? [];
        var names = new List<string>();
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var columns in records.Select(r => r.Columns).Distinct())
        {
            foreach (string name in columns.Names)
            {
                if (names.Count < MaximumColumns && seen.Add(name)) names.Add(name);
            }
        }
        return names;
    }
}
