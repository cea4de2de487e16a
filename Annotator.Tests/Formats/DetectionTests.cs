using System.Text;
using Annotator.Core.Formats;

namespace Annotator.Tests.Formats;

public class DetectionTests
{
    private const string Korean = "번호,본문\n1,배송이 언제 오나요? 주문한 지 일주일이 지났습니다\n2,환불 받고 싶어요\n";

    private static byte[] Encode(TextEncoding encoding, string text) => TextEncodings.Decoder(encoding).GetBytes(text);

    [Theory]
    [InlineData(TextEncoding.Utf8)]
    [InlineData(TextEncoding.Utf16LittleEndian)]
    [InlineData(TextEncoding.Utf16BigEndian)]
    [InlineData(TextEncoding.Korean949)]
    public void Encoding_KoreanWithoutMark_IsDetectedWhereverItIsCut(TextEncoding encoding)
    {
        byte[] content = Encode(encoding, Korean);
        for (int length = 24; length <= content.Length; length++)
            Assert.Equal(encoding, TextEncodingDetector.Detect(content.AsSpan(0, length)).Encoding);
    }

    [Theory]
    [InlineData(TextEncoding.Utf8, 3)]
    [InlineData(TextEncoding.Utf16LittleEndian, 2)]
    [InlineData(TextEncoding.Utf16BigEndian, 2)]
    public void Encoding_Mark_Decides(TextEncoding encoding, int length)
    {
        var detected = TextEncodingDetector.Detect(Encode(encoding, "\uFEFFa"));
        Assert.Equal(new DetectedEncoding(encoding, length, true), detected);
    }

    [Theory]
    [InlineData("café, déjà vu — naïve “quotes” über Ärger, señor, ça va à l'école", TextEncoding.Windows1252)]
    [InlineData("plain ascii, nothing else", TextEncoding.Utf8)]
    [InlineData("", TextEncoding.Utf8)]
    public void Encoding_Western_IsDetected(string text, TextEncoding encoding)
    {
        byte[] content = Encode(TextEncoding.Windows1252, text);
        Assert.Equal(encoding, TextEncodingDetector.Detect(content).Encoding);
    }

    [Fact]
    public void Encoding_Utf8WithOneBrokenCharacter_StaysUtf8()
    {
        byte[] content = [.. Encode(TextEncoding.Utf8, Korean), 0xFF, .. Encode(TextEncoding.Utf8, Korean)];
        Assert.Equal(new DetectedEncoding(TextEncoding.Utf8, 0, false), TextEncodingDetector.Detect(content));
    }

    [Theory]
    [InlineData("id,text,label\n1,\"a, b\",x\n2,c,y\n", ',', '"', true)]
    [InlineData("1;hello, you;x\n2;oh, well;y\n3;no;x\n", ';', '"', false)]
    [InlineData("id\tdocument\tlabel\n1\tgood, \"very\" good; fine\t1\n2\t\"open\t0\n3\tbad\t1\n", '\t', null, true)]
    [InlineData("a|b\n1|2\n3|4\n", '|', '"', true)]
    [InlineData("name,note\n'x, y','it''s'\n'z','w, v'\n", ',', '\'', true)]
    [InlineData("text\nHello, world\nNo comma here\nOne, two, three\n", ',', '"', true)]
    [InlineData("Hello, world\nNo comma here\nOne, two, three\nWhat else is there to say\n", ',', '"', false)]
    [InlineData("", ',', '"', false)]
    public void Dialect_Sample_IsDetected(string text, char delimiter, char? quote, bool header) =>
        Assert.Equal(new CsvDialect(delimiter, quote, header), CsvDialectDetector.Detect(Encoding.UTF8.GetBytes(text), complete: true));

    [Theory]
    [InlineData("good,This film is a delight from start to end\nbad,What a waste of two hours of my life\ngood,Would watch again\n", false)]
    [InlineData("verdict,opinion\ngood,This film is a delight from start to end\nbad,What a waste of two hours of my life\n", true)]
    [InlineData("2021-01-01,5\n2021-01-02,6\n", false)]
    [InlineData("count,amount\n5,6\n7,8\n", true)]
    public void Dialect_Header_IsToldFromValues(string text, bool header) =>
        Assert.Equal(header, CsvDialectDetector.Detect(Encoding.UTF8.GetBytes(text), complete: true).HasHeader);

    [Fact]
    public async Task Preview_Csv_SuggestsColumns()
    {
        var text = new StringBuilder("id;subject line;intent;region\n");
        for (int i = 0; i < 100; i++) text.Append("t-").Append(i).Append(";message number ").Append(i).Append(" about something;").Append(i % 3 == 0 ? "refund" : "delivery").Append(';').Append(i % 2).Append('\n');
        byte[] content = Encode(TextEncoding.Utf16LittleEndian, text.ToString());
        var stream = new MemoryStream(content);
        var preview = await ImportPreview.PreviewAsync(stream, cancellationToken: TestContext.Current.CancellationToken);
        Assert.Equal(0, stream.Position);
        Assert.Equal(new DataFormat(DataFormatKind.Csv, TextEncoding.Utf16LittleEndian, new CsvDialect(';')), preview.Format);
        Assert.Equal(["id", "subject line", "intent", "region"], preview.Columns);
        Assert.Equal(20, preview.Rows.Count);
        Assert.Equal(["t-0", "message number 0 about something", "refund", "0"], preview.Rows[0]);
        Assert.Equal(new RecordMapping("subject line", "id", "intent"), preview.Suggested);
    }

    [Fact]
    public async Task Preview_Jsonl_CollectsPropertiesAndDropsTheCutLine()
    {
        string text = string.Concat(Enumerable.Range(0, 100).Select(i => $"{{\"uid\":{i},\"sentence\":\"hello {i}\"{(i % 2 == 0 ? ",\"extra\":[1]" : "")}}}\n"));
        var preview = await ImportPreview.PreviewAsync(
            ReaderDriver.Utf8(text), options: new ReaderOptions { SampleLength = 333 }, cancellationToken: TestContext.Current.CancellationToken);
        Assert.Equal(DataFormatKind.Jsonl, preview.Format.Kind);
        Assert.Equal(["uid", "sentence", "extra"], preview.Columns);
        Assert.Empty(preview.Rejected);
        Assert.Equal(["0", "hello 0", "[1]"], preview.Rows[0]);
        Assert.Null(preview.Rows[1][2]);
        Assert.Equal(new RecordMapping("sentence", "uid"), preview.Suggested);
    }

    [Fact]
    public async Task Preview_EmptyFile_HasNothing()
    {
        var preview = await ImportPreview.PreviewAsync(new MemoryStream(), cancellationToken: TestContext.Current.CancellationToken);
        Assert.Empty(preview.Columns);
        Assert.Empty(preview.Rows);
        Assert.Null(preview.Suggested);
    }

    [Fact]
    public async Task Preview_SharedDataSets_FindsTextAndLabel()
    {
        string root = typeof(DetectionTests).Assembly.GetCustomAttributes(typeof(System.Reflection.AssemblyMetadataAttribute), false)
            .Cast<System.Reflection.AssemblyMetadataAttribute>().First(a => string.Equals(a.Key, "RepoRoot", StringComparison.Ordinal)).Value!;
        string data = Path.Combine(root, "..", "shared", "data");
        string[] sets = ["banking77", "agnews", "nsmc", "sms-spam", "sst2", "trec6"];
        bool present = sets.All(s => File.Exists(Path.Combine(data, s, "train.csv")));
        Assert.SkipWhen(!present && !string.Equals(Environment.GetEnvironmentVariable("CI"), "true", StringComparison.Ordinal), "the shared data sets are not here");
        foreach (string set in sets)
        {
            await using var file = File.OpenRead(Path.Combine(data, set, "train.csv"));
            var preview = await ImportPreview.PreviewAsync(file, cancellationToken: TestContext.Current.CancellationToken);
            Assert.Equal(new DataFormat(DataFormatKind.Csv, TextEncoding.Utf8, new CsvDialect()), preview.Format);
            Assert.Equal(("text", "label"), (preview.Suggested!.Text, preview.Suggested.Label));
            var (records, rejected, _) = await ReaderDriver.ReadAllAsync(preview.Format.Open(file), 1000);
            Assert.Empty(rejected);
            Assert.True(records.Count > 1000);
        }
    }
}
