using System.Text;
using System.Text.Json;
using Annotator.Core.Formats;
using static Annotator.Tests.Formats.ReaderDriver;

namespace Annotator.Tests.Formats;

public class MappingAndExportTests
{
    private static readonly ExportRow s_row = new()
    {
        Id = "i1",
        Key = "k1",
        Text = "=1+1, \"가\"\n두 줄 😀",
        Label = "{\"choice\":\"card_arrival\"}",
        Source = "human",
        Confidence = 0.98,
        Annotators = ["kim", "lee"],
        PredictionVersion = 7,
        DecidedAt = new DateTimeOffset(2026, 1, 2, 12, 4, 7, TimeSpan.FromHours(9)),
        Metadata = "{\"a\":1,\"b\":\"나\"}",
    };

    private static async Task<List<ImportRecord>> MapAsync(RecordReader reader, RecordMapping mapping, List<RejectedLine>? rejections = null)
    {
        var (records, rejected, _) = await ReadAllAsync(reader);
        Assert.Empty(rejected);
        using var mapper = new RecordMapper(mapping);
        var result = new List<ImportRecord>();
        foreach (var record in records)
        {
            if (mapper.TryMap(record, out var mapped, out var problem)) result.Add(mapped);
            else rejections?.Add(problem);
        }
        return result;
    }

    [Fact]
    public async Task Map_Csv_MakesMetadataOfTheRest()
    {
        var rejections = new List<RejectedLine>();
        var mapped = await MapAsync(new CsvReader(Utf8("id,text,label,who,lang,n\n7,hello,a;b,kim,en,1\n,안녕,,,ko,\n9,  ,x,y,z,1\n"), new CsvDialect()), new RecordMapping("text", "id", "label", "who"), rejections);
        Assert.Equal(new ImportRecord("7", false, "hello", "a;b", "kim", "{\"lang\":\"en\",\"n\":\"1\"}", 2), mapped[0]);
        Assert.Equal(new ImportRecord(RecordMapper.DeriveKey("안녕"), true, "안녕", null, null, "{\"lang\":\"ko\",\"n\":\"\"}", 3), mapped[1]);
        Assert.Equal((4L, RejectionKind.MissingText), (Assert.Single(rejections).LineNumber, rejections[0].Kind));
    }

    [Fact]
    public async Task Map_Json_KeepsTypesAndMergesMetadata()
    {
        var rejections = new List<RejectedLine>();
        var mapped = await MapAsync(
            new JsonlReader(Utf8("{\"text\":\"t\",\"id\":5,\"label\":[\"a\",\"b\"],\"n\":1.5,\"none\":null,\"metadata\":{\"n\":2,\"deep\":{\"x\":[1]}}}\n{\"other\":1}\n{\"text\":{\"a\":1}}")),
            new RecordMapping("text", "id", "label"), rejections);
        Assert.Equal(new ImportRecord("5", false, "t", "[\"a\",\"b\"]", null, "{\"n\":1.5,\"none\":null,\"deep\":{\"x\":[1]}}", 1), Assert.Single(mapped));
        Assert.Equal([2L, 3L], rejections.Select(r => r.LineNumber));
    }

    [Fact]
    public void DeriveKey_SameText_IsTheSameKey()
    {
        // SHA-256 of "abc" (FIPS 180-2, appendix B.1), first half.
        Assert.Equal("sha256-ba7816bf8f01cfea414140de5dae2223", RecordMapper.DeriveKey("abc"));
        string longText = new('가', 5000);
        Assert.Equal(RecordMapper.DeriveKey(longText), RecordMapper.DeriveKey(new string('가', 5000)));
    }

    [Fact]
    public void Missing_Columns_AreNamed() =>
        Assert.Equal(["body", "who"], new RecordMapping("body", "id", null, "who").Missing(["id", "text"]));

    [Theory]
    [InlineData("a", "a")]
    [InlineData("a; b ;;a", "a,b")]
    [InlineData("a|b", "a,b")]
    [InlineData("a|x;b", "a|x,b")]
    [InlineData("[\"a;1\", \"b\"]", "a;1,b")]
    [InlineData("[not json", "[not json")]
    [InlineData("  ", "")]
    public void Split_Labels_ByAnySeparator(string cell, string expected) =>
        Assert.Equal(expected, string.Join(',', LabelText.Split(cell)));

    [Fact]
    public void Split_KnownLabelWithSeparator_StaysWhole() =>
        Assert.Equal(["a;b"], LabelText.Split("a;b", new HashSet<string>(StringComparer.Ordinal) { "a;b" }));

    [Theory]
    [InlineData("{\"choice\":\"a;b\"}", "a;b")]
    [InlineData("{\"choices\":[\"a\",\"나\"]}", "a;나")]
    [InlineData("{\"choices\":[\"a;1\",\"나\"]}", "[\"a;1\",\"나\"]")]
    [InlineData("{\"choices\":[]}", "")]
    [InlineData("{\"spans\":[]}", "{\"spans\":[]}")]
    public void FromValue_Label_IsPlainWhereItCan(string value, string cell) => Assert.Equal(cell, LabelText.FromValue(value));

    [Fact]
    public async Task JsonlExport_Row_HasExactlyTheFieldsOfTheApi()
    {
        var target = new MemoryStream();
        await using (var writer = new JsonlExportWriter(target, leaveOpen: true))
        {
            await writer.WriteAsync(s_row, TestContext.Current.CancellationToken);
            await writer.WriteAsync(new ExportRow { Id = "i2", Key = "k2", Url = "s3://b/x.png", Label = "{\n\"boxes\":[]}", Confidence = double.NaN }, TestContext.Current.CancellationToken);
        }
        string[] lines = Encoding.UTF8.GetString(target.ToArray()).Split('\n');
        Assert.Equal(
            """{"id":"i1","key":"k1","text":"=1+1, \"가\"\n두 줄 😀","label":{"choice":"card_arrival"},"source":"human","confidence":0.98,"annotators":["kim","lee"],"predictionVersion":7,"decidedAt":"2026-01-02T03:04:07Z","metadata":{"a":1,"b":"나"}}""",
            lines[0].Replace("\\uD83D\\uDE00", "😀", StringComparison.Ordinal));
        Assert.Equal(
            """{"id":"i2","key":"k2","url":"s3://b/x.png","label":{"boxes":[]},"source":null,"confidence":null,"annotators":[],"predictionVersion":null,"decidedAt":null,"metadata":{}}""", lines[1]);
        Assert.Equal(3, lines.Length);
        foreach (string line in lines[..2]) JsonDocument.Parse(line).Dispose();
    }

    [Fact]
    public async Task Export_ImportedAgain_IsTheSame()
    {
        foreach (bool csv in (bool[])[true, false])
        {
            var target = new MemoryStream();
            await using (IExportWriter writer = csv ? new CsvExportWriter(target, leaveOpen: true) : new JsonlExportWriter(target, leaveOpen: true))
                await writer.WriteAsync(s_row, TestContext.Current.CancellationToken);
            target.Position = 0;
            var preview = await ImportPreview.PreviewAsync(target, cancellationToken: TestContext.Current.CancellationToken);
            Assert.Equal(csv ? DataFormatKind.Csv : DataFormatKind.Jsonl, preview.Format.Kind);
            var record = Assert.Single(await MapAsync(preview.Format.Open(target), new RecordMapping("text", "key", "label")));
            Assert.Equal((s_row.Key, s_row.Text), (record.Key, record.Text));
            Assert.Equal(csv ? "card_arrival" : s_row.Label, record.Label);
            using var metadata = JsonDocument.Parse(record.Metadata!);
            Assert.Equal("나", metadata.RootElement.GetProperty("b").GetString());
            Assert.Equal(1, metadata.RootElement.GetProperty("a").GetInt32());
        }
    }

    [Theory]
    [InlineData("=SUM(A1)")]
    [InlineData("+1")]
    [InlineData("-1")]
    [InlineData("@x")]
    [InlineData("\tx")]
    [InlineData("\rx")]
    [InlineData("\0x")]
    [InlineData("＝1")]
    public async Task CsvExport_SpreadsheetSafe_NeutralisesFormulas(string text)
    {
        foreach (bool safe in (bool[])[true, false])
        {
            var target = new MemoryStream();
            await using (var writer = new CsvExportWriter(target, spreadsheetSafe: safe, byteOrderMark: safe, leaveOpen: true))
                await writer.WriteAsync(new ExportRow { Id = "1", Key = text, Text = text, Annotators = [text] }, TestContext.Current.CancellationToken);
            string content = Encoding.UTF8.GetString(target.ToArray());
            Assert.Equal(safe, content[0] == '\uFEFF');
            string expected = safe ? "'" + text : text;
            if (text.Contains('\r', StringComparison.Ordinal)) expected = "\"" + expected + "\"";
            Assert.Contains($"1,{expected},{expected},,,,{expected},,,\r\n", content, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task CsvExport_Nothing_StillHasAHeader()
    {
        var target = new MemoryStream();
        await using (var writer = new CsvExportWriter(target, urls: true, leaveOpen: true)) { }
        Assert.Equal("id,key,url,label,source,confidence,annotators,predictionVersion,decidedAt,metadata\r\n", Encoding.UTF8.GetString(target.ToArray()));
    }

    [Fact]
    public void DataFormat_Json_RoundTrips()
    {
        var format = new DataFormat(DataFormatKind.Csv, TextEncoding.Korean949, new CsvDialect('\t', null, false));
        Assert.Equal(format, JsonSerializer.Deserialize<DataFormat>(JsonSerializer.Serialize(format)));
    }
}
