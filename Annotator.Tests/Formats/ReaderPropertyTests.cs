using System.Text;
using System.Text.Json;
using Annotator.Core.Formats;
using CsCheck;
using static Annotator.Tests.Formats.ReaderDriver;

namespace Annotator.Tests.Formats;

public class ReaderPropertyTests
{
    // Any Unicode scalar but NUL, with those over-represented that mean something in a delimited text.
    private static readonly Gen<string> s_text = Gen.Frequency(
            (4, Gen.OneOfConst(",", ";", "\t", "|", "\"", "\"\"", "\r", "\n", "\r\n", " ", "'", "=", "\uFEFF")),
            (4, Gen.OneOfConst("a", "bc", "0", "가", "漢", "é", "😀", "👩‍👩‍👧")),
            (2, Gen.Int[1, 0x10FFFF].Where(c => c is < 0xD800 or > 0xDFFF).Select(char.ConvertFromUtf32)))
        .Array[0, 12].Select(string.Concat);

    private static readonly Gen<CsvDialect> s_dialect =
        Gen.Select(Gen.OneOfConst(',', ';', '\t', '|', ':'), Gen.OneOfConst('"', '\''), Gen.Bool, (d, q, h) => new CsvDialect(d, q, h));

    private static readonly Gen<string[][]> s_table =
        Gen.Int[1, 5].SelectMany(width => s_text.Array[width].Array[1, 12]);

    private static async Task<byte[]> WriteAsync(CsvDialect dialect, IEnumerable<string[]> rows)
    {
        var target = new MemoryStream();
        await using (var writer = new CsvWriter(target, dialect, leaveOpen: true))
        {
            foreach (string[] row in rows) await writer.WriteRowAsync(row, TestContext.Current.CancellationToken);
        }
        return target.ToArray();
    }

    [Fact]
    public async Task Csv_WriteThenRead_IsTheIdentity() =>
        await Gen.Select(s_dialect, s_table, Gen.OneOfConst(TextEncoding.Utf8, TextEncoding.Utf16LittleEndian, TextEncoding.Utf16BigEndian), Gen.Int[1, 64]).SampleAsync(async (dialect, table, encoding, step) =>
        {
            string[][] rows = dialect.HasHeader ? [[.. table[0].Select((_, i) => "c" + i)], .. table] : table;
            byte[] content = await WriteAsync(dialect, rows);
            if (encoding.IsUtf16()) content = TextEncodings.Decoder(encoding).GetBytes(Encoding.UTF8.GetString(content));
            var (records, rejected, notes) = await ReadAllAsync(new CsvReader(new TrickleStream(content, step), dialect, encoding, new ReaderOptions { BufferLength = 16 }), 3);
            Assert.Empty(rejected);
            Assert.Equal(default, notes);
            Assert.Equal(table, records.Select(r => r.Texts()));
        }, iter: 1500);

    [Fact]
    public async Task Csv_ResumeAtAnyRecord_GivesTheSameRest() =>
        await Gen.Select(s_dialect, Gen.OneOf(s_table.Select((string[][] t) => Encoding.UTF8.GetBytes(string.Join('\n', t.Select(r => string.Join(',', r))))), TextLike), Gen.OneOfConst(TextEncoding.Utf8, TextEncoding.Utf16LittleEndian, TextEncoding.Korean949), Gen.Bool).SampleAsync(
            async (dialect, content, encoding, seekable) => await AssertResumableAsync(
                content, (stream, from) => new CsvReader(stream, dialect, encoding, s_small, from), seekable), iter: 700);

    [Fact]
    public async Task Jsonl_ResumeAtAnyRecord_GivesTheSameRest()
    {
        var line = Gen.Frequency(
            (5, s_text.Dictionary(s_text)[0, 4].Select(d => JsonSerializer.Serialize(d))),
            (1, Gen.OneOfConst("", "{", "[1]", "{\"a\":\"x", "{\"a\":\n1}", "}", "7", "\u00E9")));
        var file = Gen.Select(line.Array[1, 8], Gen.Bool, Gen.OneOfConst(",\n", "\n", ",", "\r\n"), (lines, array, separator) =>
            array ? "[" + string.Join(separator, lines) + "]" : string.Join('\n', lines));
        await Gen.Select(file, Gen.Bool, Gen.OneOfConst(TextEncoding.Utf8, TextEncoding.Utf16BigEndian)).SampleAsync(
            async (text, seekable, encoding) => await AssertResumableAsync(
                TextEncodings.Decoder(encoding).GetBytes(text), (stream, from) => new JsonlReader(stream, encoding, s_small, from), seekable), iter: 700);
    }

    [Fact]
    public async Task Read_RandomBytes_NeverThrowsAndTakesAll() =>
        await Gen.Select(Gen.OneOf(Gen.Byte.Array[0, 400], TextLike), s_dialect, Gen.Enum<TextEncoding>(), Gen.Int[1, 50]).SampleAsync(async (content, dialect, encoding, step) =>
        {
            foreach (bool csv in (bool[])[true, false])
            {
                RecordReader Open(Stream stream) => csv ? new CsvReader(stream, dialect, encoding, s_small) : new JsonlReader(stream, encoding, s_small);
                var whole = await ReadAllAsync(Open(new MemoryStream(content)), 100);
                // However the bytes arrive, the outcome is the same.
                var trickled = await ReadAllAsync(Open(new TrickleStream(content, step)), 2);
                Assert.Equal(Describe(whole.Records, whole.Rejected), Describe(trickled.Records, trickled.Rejected));
                Assert.Equal(whole.Notes, trickled.Notes);
            }
            var preview = await ImportPreview.PreviewAsync(new MemoryStream(content), options: s_small, cancellationToken: TestContext.Current.CancellationToken);
            Assert.True(preview.Rows.Count <= ImportPreview.MaximumRows);
        }, iter: 3000);

    private static readonly ReaderOptions s_small = new() { MaximumFieldLength = 30, MaximumLineLength = 60, MaximumColumns = 6, MaximumDepth = 5, BufferLength = 16, SampleLength = 200 };

    // Random bytes rarely get past the first character of a format; these are made of its parts.
    private static Gen<byte[]> TextLike { get; } = Gen.OneOf(
            Gen.OneOfConst("\"", ",", "\n", "\r", "\r\n", "{", "}", "[", "]", ":", "\\", "\"a\":1", "{\"a\":1}", "\0", "\"\"", "x", "1", "true", " ", "\\u0000", "\\ud800").Select(Encoding.UTF8.GetBytes),
            s_text.Select(Encoding.UTF8.GetBytes),
            Gen.Byte.Array[1, 2])
        .Array[0, 60].Select(parts => parts.SelectMany(p => p).ToArray());

    private static async Task AssertResumableAsync(byte[] content, Func<Stream, ReaderCheckpoint?, RecordReader> open, bool seekable)
    {
        var (records, rejected, _) = await ReadAllAsync(open(new MemoryStream(content), null));
        foreach (var record in records)
        {
            Stream stream = seekable ? new MemoryStream(content) : new TrickleStream(content, 5);
            var rest = await ReadAllAsync(open(stream, record.Checkpoint));
            Assert.Equal(
                Describe(records.Where(r => r.ByteOffset >= record.ByteOffset), rejected.Where(r => r.ByteOffset >= record.ByteOffset)),
                Describe(rest.Records, rest.Rejected));
        }

        // And at the end of each batch, which is what an import keeps.
        await using var reader = open(new MemoryStream(content), null);
        int seen = 0;
        await foreach (var batch in reader.ReadBatchesAsync(2))
        {
            seen += batch.Records.Count;
            var rest = await ReadAllAsync(open(new MemoryStream(content), batch.Next));
            Assert.Equal(Describe(records.Skip(seen), []), Describe(rest.Records, []));
        }
    }
}
