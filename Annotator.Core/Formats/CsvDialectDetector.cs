using System.Globalization;
using System.Text;

namespace Annotator.Core.Formats;

/// <summary>
/// Detects delimiter, quote and header of a delimited text from its beginning, by reading it with each dialect in question:
/// the right one gives records that all have the same number of fields, more than one.
/// </summary>
public static class CsvDialectDetector
{
    private const int MaximumRecords = 500;
    private static readonly char[] s_delimiters = [',', '\t', ';', '|'];

    /// <summary>Words that stand over columns rather than in them.</summary>
    private static readonly HashSet<string> s_headerWords = new(StringComparer.OrdinalIgnoreCase)
    {
        "id", "key", "uid", "guid", "text", "sentence", "content", "body", "message", "document", "review", "comment", "title", "description",
        "label", "labels", "category", "class", "intent", "target", "sentiment", "tag", "annotator", "worker", "user", "date", "time",
        "created_at", "url", "name", "source", "language", "lang", "score", "rating", "metadata",
        "본문", "문장", "내용", "텍스트", "라벨", "레이블", "분류", "번호", "제목", "날짜",
    };

    /// <summary>Detects the dialect.</summary>
    /// <param name="sample">The beginning of the file in its encoding (UTF-8 if the file is UTF-16), without byte order mark.</param>
    /// <param name="complete">Whether <paramref name="sample"/> is all of the file.</param>
    /// <param name="encoding">The encoding of <paramref name="sample"/>.</param>
    /// <param name="options">Bounds of the reader; null: the defaults.</param>
    public static CsvDialect Detect(
        ReadOnlySpan<byte> sample, bool complete, TextEncoding encoding = TextEncoding.Utf8, ReaderOptions? options = null)
    {
        options ??= ReaderOptions.Default;
        // A long sample adds nothing but time: twelve readings of it are made.
        const int enough = 256 << 10;
        if (sample.Length > enough)
        {
            sample = sample[..enough];
            complete = false;
        }

        Candidate? best = null;
        foreach (char? quote in (char?[])['"', '\'', null])
        {
            if (quote == '\'' && !LooksLikeQuote(sample, '\'')) continue;
            foreach (char delimiter in s_delimiters)
            {
                var candidate = Read(sample, complete, encoding, new CsvDialect(delimiter, quote, HasHeader: false), options);
                // Only clearly better displaces a more usual dialect.
                if (best is null || candidate.Score > best.Score + 1e-9) best = candidate;
            }
        }
        // One column: then nothing told the delimiters apart.
        var dialect = best!.Width > 1 ? best.Dialect : new CsvDialect(',', '"', HasHeader: false);
        var rows = best.Width > 1 ? best.Rows : Read(sample, complete, encoding, dialect, options).Rows;
        return dialect with { HasHeader = HasHeader(rows) };
    }

    /// <summary>Whether the first of some rows names the columns.</summary>
    /// <param name="rows">The first rows of a file; rows of another width than the first are passed over.</param>
    internal static bool HasHeader(IReadOnlyList<string[]> rows)
    {
        if (rows.Count == 0) return false;
        string[] first = [.. rows[0].Select(c => c.Trim())];
        if (first.Any(c => c.Length is 0 or > 64 || IsNumber(c))) return false;
        if (first.Distinct(StringComparer.Ordinal).Count() != first.Length) return false;
        if (first.Any(s_headerWords.Contains)) return true;

        var body = rows.Skip(1).Where(r => r.Length == first.Length).ToList();
        if (body.Count == 0) return false;
        int votes = 0;
        for (int c = 0; c < first.Length; c++)
        {
            string[] values = [.. body.Select(r => r[c].Trim())];
            // A name does not come back as a value of its column; where it does, it is a value.
            if (values.Contains(first[c], StringComparer.Ordinal)) votes -= 2;
            if (values.All(IsNumber)) votes += 2;
            double mean = values.Average(v => v.Length);
            if (IsName(first[c]) && mean > 2 * first[c].Length) votes++;
            if (!IsName(first[c])) votes--;
        }
        return votes > 0;
    }

    private static Candidate Read(ReadOnlySpan<byte> sample, bool complete, TextEncoding encoding, CsvDialect dialect, ReaderOptions options)
    {
        var parser = new CsvParser(dialect, options);
        var decoder = TextEncodings.Decoder(encoding.IsUtf16() ? TextEncoding.Utf8 : encoding);
        var rows = new List<string[]>();
        var widths = new Dictionary<int, int>();
        int records = 0, malformed = 0, bare = 0;
        while (records < MaximumRecords)
        {
            var step = parser.Parse(sample, final: complete);
            if (step.Kind is ReadStepKind.NeedMore or ReadStepKind.End) break;
            if (step.Kind == ReadStepKind.Record)
            {
                records++;
                widths[parser.Count] = widths.GetValueOrDefault(parser.Count) + 1;
                bare += parser.BareQuotes;
                if (rows.Count < 200) rows.Add(Decode(sample, parser, decoder));
            }
            else if (step.Kind == ReadStepKind.Rejected)
            {
                records++;
                malformed++;
            }
            sample = sample[step.Consumed..];
            if (step.SkipToLineEnd)
            {
                int end = sample.IndexOfAny((byte)'\r', (byte)'\n');
                if (end < 0) break;
                sample = sample[(end + (sample[end..].StartsWith("\r\n"u8) ? 2 : 1))..];
            }
        }
        // A sample without a single line break is one cut record; take it as it is.
        if (records == 0 && !complete && !sample.IsEmpty) return Read(sample, complete: true, encoding, dialect, options);
        if (records == 0 || widths.Count == 0) return new Candidate(dialect, 0, 0, rows);

        var (width, count) = widths.OrderByDescending(w => w.Value).ThenByDescending(w => w.Key).First();
        double share = (double)count / records;
        // The first record sets the number of columns: where it disagrees with the others, the delimiter is one that occurs within text.
        if (rows[0].Length != width) share *= 0.5;
        double score = width == 1 ? 0.25 * share : share * share * (1 + (0.01 * Math.Min(width, 20)));
        score -= ((double)malformed / records) + (0.05 * Math.Min(1, (double)bare / records));
        return new Candidate(dialect, score, width, rows);
    }

    private static string[] Decode(ReadOnlySpan<byte> sample, CsvParser parser, Encoding decoder)
    {
        var row = new string[parser.Count];
        byte[] buffer = new byte[parser.Length];
        for (int i = 0; i < row.Length; i++)
        {
            var cell = parser.Cells[i];
            var content = sample.Slice(cell.Start, cell.Length);
            if (cell.Doubled) content = buffer.AsSpan(0, parser.CopyUnescaped(content, buffer));
            try
            {
                row[i] = decoder.GetString(content);
            }
            catch (DecoderFallbackException)
            {
                row[i] = Encoding.Latin1.GetString(content);
            }
        }
        return row;
    }

    // Apostrophes are everywhere; as a quote one stands at the start of a field in many lines.
    private static bool LooksLikeQuote(ReadOnlySpan<byte> sample, char quote)
    {
        int opening = 0, lines = 1;
        byte before = (byte)'\n';
        foreach (byte b in sample)
        {
            if (b == quote && (before is (byte)'\n' or (byte)'\r' || s_delimiters.Contains((char)before))) opening++;
            if (b == '\n') lines++;
            before = b;
        }
        return opening * 2 >= lines;
    }

    private static bool IsNumber(string value) =>
        double.TryParse(value, NumberStyles.Float | NumberStyles.AllowThousands, CultureInfo.InvariantCulture, out _);

    // A name is short and has none of the marks of a sentence.
    private static bool IsName(string value) =>
        value.Length <= 40 && value.All(c => char.IsLetterOrDigit(c) || c is '_' or '-' or '.' or ' ' or '#' or '(' or ')' or '/') && value.Count(c => c == ' ') <= 3;

    private sealed record Candidate(CsvDialect Dialect, double Score, int Width, List<string[]> Rows);
}
