using System.Text;
using Annotator.Core.Formats;
using static Annotator.Tests.Formats.ReaderDriver;

namespace Annotator.Tests.Formats;

public class CsvReaderTests
{
    private static readonly CsvDialect s_plain = new(HasHeader: false);

    private static async Task<(List<RawRecord> Records, List<RejectedLine> Rejected, ReaderNotes Notes)> ReadAsync(
        string text, CsvDialect? dialect = null, ReaderOptions? options = null) =>
        await ReadAllAsync(new CsvReader(Utf8(text), dialect ?? new CsvDialect(), options: options));

    [Fact]
    public async Task Read_QuotedFields_FollowRfc4180()
    {
        var (records, rejected, _) = await ReadAsync("id,text\r\n1,\"a, b\"\r\n2,\"two\r\nlines\"\r\n3,\"say \"\"hi\"\"\"\r\n4,\"\"\r\n");
        Assert.Empty(rejected);
        Assert.Equal(["a, b", "two\r\nlines", "say \"hi\"", ""], records.Select(r => r["text"].Text), StringComparer.Ordinal);
        Assert.Equal([2L, 3L, 5L, 6L], records.Select(r => r.LineNumber));
        Assert.Equal(["id", "text"], records[0].Columns.Names);
        Assert.Equal(9, records[0].ByteOffset);
    }

    [Theory]
    [InlineData("\n")]
    [InlineData("\r\n")]
    [InlineData("\r")]
    public async Task Read_AnyLineBreak_CountsLines(string lineBreak)
    {
        var (records, rejected, notes) = await ReadAsync(string.Join(lineBreak, "a,b", "1,2", "", "\"x" + lineBreak + "y\",4", "5,6"));
        Assert.Empty(rejected);
        Assert.Equal([2L, 4L, 6L], records.Select(r => r.LineNumber));
        Assert.Equal("x" + lineBreak + "y", records[1]["a"].Text);
        Assert.Equal(1, notes.BlankLines);
    }

    [Fact]
    public async Task Read_WrongNumberOfColumns_RejectsTheLineAlone()
    {
        var (records, rejected, _) = await ReadAsync("a,b,c\n1,2,3\n1,2\n1,2,3,4\n4,5,6\n");
        Assert.Equal(2, records.Count);
        Assert.Equal([(3L, RejectionKind.MissingColumns), (4L, RejectionKind.ExtraColumns)], rejected.Select(r => (r.LineNumber, r.Kind)));
        Assert.Equal("2 columns where there should be 3", rejected[0].Reason);
    }

    [Fact]
    public async Task Read_UnterminatedQuote_LosesItsLineOnly()
    {
        var (records, rejected, _) = await ReadAsync("id,text\n1,\"open\n2,two\n3,three\n");
        Assert.Equal(["two", "three"], records.Select(r => r["text"].Text), StringComparer.Ordinal);
        var line = Assert.Single(rejected);
        Assert.Equal((2L, RejectionKind.UnterminatedQuote), (line.LineNumber, line.Kind));
    }

    [Fact]
    public async Task Read_UnterminatedQuoteInLongFile_IsBoundedByTheLongestField()
    {
        var text = new StringBuilder("id,text\n1,\"open\n");
        for (int i = 2; i < 3000; i++) text.Append(i).Append(",row\n");
        var (records, rejected, _) = await ReadAsync(text.ToString(), options: new ReaderOptions { MaximumFieldLength = 500, MaximumLineLength = 2000, BufferLength = 64 });
        Assert.Equal(2998, records.Count);
        Assert.Equal(3L, records[0].LineNumber);
        Assert.Contains("500 bytes", Assert.Single(rejected).Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Read_UnterminatedQuoteAfterMultiLineField_ReportsWhereTheRecordStarts()
    {
        var (records, rejected, _) = await ReadAsync("a,b\n\"x\ny\",\"open\nnext,1\n");
        Assert.Equal(["next"], records.Select(r => r["a"].Text), StringComparer.Ordinal);
        Assert.Equal(4L, records[0].LineNumber);
        Assert.Equal(2L, Assert.Single(rejected).LineNumber);
        Assert.Contains("line 2 of this record", rejected[0].Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Read_TextBehindClosingQuote_RejectsTheLine()
    {
        var (records, rejected, _) = await ReadAsync("a,b\n\"He said \"hi\"\",1\n2,3\n");
        Assert.Equal(["2"], records.Select(r => r["a"].Text), StringComparer.Ordinal);
        Assert.Equal((2L, RejectionKind.TextAfterQuote), (Assert.Single(rejected).LineNumber, rejected[0].Kind));
    }

    [Fact]
    public async Task Read_Forgivable_IsCounted()
    {
        var (records, rejected, notes) = await ReadAsync("a,b\n5\" disk,\"x\"  \n\n \"y\",z\n");
        Assert.Empty(rejected);
        Assert.Equal(["5\" disk", "x", " \"y\"", "z"], records.SelectMany(r => r.Texts()), StringComparer.Ordinal);
        Assert.Equal(new ReaderNotes(BlankLines: 1, BareQuotes: 2, PaddedQuotes: 1), notes);
    }

    [Fact]
    public async Task Read_NulAndBrokenUtf8_RejectTheLines()
    {
        byte[] content = [.. "a,b\n1,x\0y\n2,"u8, 0xFF, 0xFE, .. "\n3,ok\n"u8];
        var (records, rejected, _) = await ReadAllAsync(new CsvReader(new MemoryStream(content), new CsvDialect()));
        Assert.Equal("ok", Assert.Single(records)["b"].Text);
        Assert.Equal([(2L, RejectionKind.NulCharacter), (3L, RejectionKind.InvalidEncoding)], rejected.Select(r => (r.LineNumber, r.Kind)));
    }

    [Fact]
    public async Task Read_LongFieldsAndLines_AreRejectedAndPassed()
    {
        var options = new ReaderOptions { MaximumFieldLength = 10, MaximumLineLength = 40, MaximumColumns = 4, BufferLength = 16 };
        string text = string.Join('\n', "1,2", new string('x', 11) + ",b", "\"" + new string('y', 11) + "\",b", string.Join(',', Enumerable.Repeat("12345678", 9)), "1,2,3,4,5", new string('z', 10) + ",ok");
        var (records, rejected, _) = await ReadAsync(text, s_plain, options);
        Assert.Equal([RejectionKind.FieldTooLong, RejectionKind.UnterminatedQuote, RejectionKind.LineTooLong, RejectionKind.TooManyColumns], rejected.Select(r => r.Kind));
        Assert.Equal([2L, 3L, 4L, 5L], rejected.Select(r => r.LineNumber));
        Assert.Equal(["1", "2", "zzzzzzzzzz", "ok"], records.SelectMany(r => r.Texts()), StringComparer.Ordinal);
        Assert.Equal(6L, records[1].LineNumber);
    }

    [Fact]
    public async Task Read_FieldOfExactlyTheLongestLength_IsRead()
    {
        var options = new ReaderOptions { MaximumFieldLength = 10, MaximumLineLength = 40, BufferLength = 16 };
        foreach (string tail in (string[])["", "\n", "\nnext\n"])
        {
            var (records, rejected, _) = await ReadAsync("\"0123456789\"" + tail, s_plain, options);
            Assert.Empty(rejected);
            Assert.Equal("0123456789", records[0].Fields[0].Text);
        }
    }

    [Fact]
    public async Task Read_Header_IsMadeUnique()
    {
        var (records, _, _) = await ReadAsync("text, text ,,text_2\n1,2,3,4\n");
        Assert.Equal(["text", "text_2", "column3", "text_2_2"], records[0].Columns.Names);
    }

    [Fact]
    public async Task Read_BrokenHeader_NumbersTheColumns()
    {
        var (records, rejected, _) = await ReadAsync("\"a\"b,c\n1,2\n");
        Assert.Equal(["column1", "column2"], Assert.Single(records).Columns.Names);
        Assert.Equal(1L, Assert.Single(rejected).LineNumber);
    }

    [Theory]
    [InlineData(TextEncoding.Utf8)]
    [InlineData(TextEncoding.Utf16LittleEndian)]
    [InlineData(TextEncoding.Utf16BigEndian)]
    [InlineData(TextEncoding.Korean949)]
    public async Task Read_KoreanInEachEncoding_IsTheSame(TextEncoding encoding)
    {
        const string text = "번호,본문\n1,\"배송이, 언제\n오나요\"\n2,똠방각하 펲시콜라\n";
        foreach (bool mark in (bool[])[false, true])
        {
            if (mark && encoding == TextEncoding.Korean949) continue;
            byte[] content = TextEncodings.Decoder(encoding).GetBytes(mark ? '\uFEFF' + text : text);
            var (records, rejected, _) = await ReadAllAsync(new CsvReader(new TrickleStream(content, 3), new CsvDialect(), encoding));
            Assert.Empty(rejected);
            Assert.Equal(["1", "배송이, 언제\n오나요", "2", "똠방각하 펲시콜라"], records.SelectMany(r => r.Texts()), StringComparer.Ordinal);
            Assert.Equal(["번호", "본문"], records[0].Columns.Names);
            foreach (var record in records)
            {
                string rest = TextEncodings.Decoder(encoding).GetString(content.AsSpan((int)record.ByteOffset));
                Assert.StartsWith(record.Fields[0].Text!, rest, StringComparison.Ordinal);
            }
        }
    }

    [Fact]
    public async Task Read_BrokenKorean_RejectsTheLine()
    {
        byte[] content = [.. "a\n"u8, 0xB9, 0xE8, (byte)'\n', 0xB9, (byte)'\n', .. "x\n"u8];
        var (records, rejected, _) = await ReadAllAsync(new CsvReader(new MemoryStream(content), new CsvDialect(), TextEncoding.Korean949));
        Assert.Equal(["배", "x"], records.Select(r => r["a"].Text), StringComparer.Ordinal);
        Assert.Equal((3L, RejectionKind.InvalidEncoding), (Assert.Single(rejected).LineNumber, rejected[0].Kind));
    }

    [Fact]
    public async Task Read_AlternatingQuotes_IsNotQuadratic()
    {
        // Each line opens a quote that the next one closes: a reader that starts again at the next line would look at 4 MB for every 8 bytes.
        string text = string.Concat(Enumerable.Repeat("x\",\"y\n", 400_000)) + "\"";
        var (records, rejected, _) = await ReadAsync("\"a\n" + text, s_plain, new ReaderOptions());
        Assert.True(records.Count + rejected.Count > 0);
    }

    [Fact]
    public async Task Read_Cancelled_Throws()
    {
        using var cancelled = new CancellationTokenSource();
        await cancelled.CancelAsync();
        await using var reader = new CsvReader(Utf8("a\n1\n"), new CsvDialect());
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (var _ in reader.ReadBatchesAsync(10, cancelled.Token)) { }
        });
    }

    [Theory]
    [InlineData('a', '"')]
    [InlineData('\n', '"')]
    [InlineData(',', ',')]
    [InlineData('é', '"')]
    public void Constructor_ImpossibleDialect_Throws(char delimiter, char quote) =>
        Assert.ThrowsAny<ArgumentException>(() => new CsvReader(Stream.Null, new CsvDialect(delimiter, quote)));
}
