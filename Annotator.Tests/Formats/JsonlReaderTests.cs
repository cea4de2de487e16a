using Annotator.Core.Formats;
using static Annotator.Tests.Formats.ReaderDriver;

namespace Annotator.Tests.Formats;

public class JsonlReaderTests
{
    private static async Task<(List<RawRecord> Records, List<RejectedLine> Rejected, ReaderNotes Notes)> ReadAsync(string text, ReaderOptions? options = null) =>
        await ReadAllAsync(new JsonlReader(Utf8(text), options: options));

    [Fact]
    public async Task Read_Objects_KeepsStringsAndJson()
    {
        var (records, rejected, notes) = await ReadAsync("""
            {"id":1,"text":"가\n나","tags":["a", {"b":null}],"x":null,"ok":true}

            {"id":2,"text":"","tags":[]}
            """);
        Assert.Empty(rejected);
        Assert.Equal(["id", "text", "tags", "x", "ok"], records[0].Columns.Names);
        Assert.Equal(new RawField("1", true), records[0]["id"]);
        Assert.Equal(new RawField("가\n나", false), records[0]["text"]);
        Assert.Equal(new RawField("""["a", {"b":null}]""", true), records[0]["tags"]);
        Assert.Equal(new RawField(null, true), records[0]["x"]);
        Assert.Equal(["id", "text", "tags"], records[1].Columns.Names);
        Assert.Equal(3L, records[1].LineNumber);
        Assert.Equal(1, notes.BlankLines);
    }

    [Fact]
    public async Task Read_SameProperties_ShareColumns()
    {
        var (records, _, _) = await ReadAsync("{\"a\":1,\"b\":2}\n{\"a\":3,\"b\":4}\n{\"b\":5,\"a\":6}\n");
        Assert.Same(records[0].Columns, records[1].Columns);
        Assert.Equal(["b", "a"], records[2].Columns.Names);
        Assert.Equal("6", records[2]["a"].Text);
    }

    [Theory]
    [InlineData("{\"a\":1", RejectionKind.InvalidJson)]
    [InlineData("{\"a\":1}}", RejectionKind.InvalidJson)]
    [InlineData("{\"a\":1,}", RejectionKind.InvalidJson)]
    [InlineData("nonsense", RejectionKind.InvalidJson)]
    [InlineData("{\"a\":\"\\ud800\"}", RejectionKind.InvalidJson)]
    [InlineData("[1,2]", RejectionKind.NotAnObject)]
    [InlineData("\"text\"", RejectionKind.NotAnObject)]
    [InlineData("{\"a\":1,\"b\":2,\"a\":3}", RejectionKind.DuplicateProperty)]
    [InlineData("{\"a\":{\"b\":1,\"b\":2}}", RejectionKind.DuplicateProperty)]
    [InlineData("{\"a\":[{\"b\":1},{\"b\":{\"c\":1,\"d\":2,\"c\":3}}]}", RejectionKind.DuplicateProperty)]
    [InlineData("{\"a\":{\"b\":1,\"\\u0062\":2}}", RejectionKind.DuplicateProperty)]
    [InlineData("{\"a\":1,\"\\u0061\":2}", RejectionKind.DuplicateProperty)]
    [InlineData("{\"a\":\"x\\u0000y\"}", RejectionKind.NulCharacter)]
    [InlineData("{\"a\":[\"x\\u0000y\"]}", RejectionKind.NulCharacter)]
    public async Task Read_BadLine_IsRejectedWithItsNumber(string line, RejectionKind kind)
    {
        var (records, rejected, _) = await ReadAsync("{\"a\":0}\n" + line + "\n{\"a\":9}\n");
        Assert.Equal(["0", "9"], records.Select(r => r["a"].Text), StringComparer.Ordinal);
        Assert.Equal((2L, kind), (Assert.Single(rejected).LineNumber, rejected[0].Kind));
        Assert.NotEmpty(rejected[0].Reason);
    }

    [Fact]
    public async Task Read_NestedObjectsWithManyProperties_AreCompared()
    {
        string Nested(int last) => "{\"a\":[{" + string.Join(',', Enumerable.Range(0, 100).Append(last).Select(i => $"\"p{i}\":{{\"p\":1}}")) + "},{\"p1\":1}]}";
        var (records, rejected, _) = await ReadAsync(Nested(100) + "\n" + Nested(50));
        Assert.Single(records);
        Assert.Equal(RejectionKind.DuplicateProperty, Assert.Single(rejected).Kind);
    }

    [Fact]
    public async Task Read_EscapedBackslashBeforeU0000_IsNoNul()
    {
        var (records, rejected, _) = await ReadAsync("{\"a\":[\"\\\\u0000\"]}");
        Assert.Empty(rejected);
        Assert.Single(records);
    }

    [Fact]
    public async Task Read_Depth_IsBounded()
    {
        string Nested(int depth) => string.Concat(Enumerable.Repeat("{\"a\":", depth)) + "1" + new string('}', depth);
        var (records, rejected, _) = await ReadAsync(Nested(64) + "\n" + Nested(65) + "\n" + Nested(100_000) + "\n");
        Assert.Single(records);
        Assert.Equal([RejectionKind.TooDeep, RejectionKind.TooDeep], rejected.Select(r => r.Kind));
    }

    [Fact]
    public async Task Read_LongLinesAndValues_AreRejectedAndPassed()
    {
        var options = new ReaderOptions { MaximumFieldLength = 20, MaximumLineLength = 40, BufferLength = 16, MaximumColumns = 2 };
        var (records, rejected, _) = await ReadAsync(
            "{\"a\":\"" + new string('x', 100) + "\"}\n{\"a\":\"" + new string('y', 21) + "\"}\n{\"a\":1,\"b\":2,\"c\":3}\n{\"a\":\"ok\"}\n", options);
        Assert.Equal([(1L, RejectionKind.LineTooLong), (2L, RejectionKind.FieldTooLong), (3L, RejectionKind.TooManyColumns)], rejected.Select(r => (r.LineNumber, r.Kind)));
        Assert.Equal("ok", Assert.Single(records)["a"].Text);
        Assert.Equal(4L, records[0].LineNumber);
    }

    [Theory]
    [InlineData("[{\"a\":1},{\"a\":2},{\"a\":3}]")]
    [InlineData("  [\n  {\n \"a\": 1\n },\r\n {\"a\" : 2}\r,{\"a\":3}\n]\n")]
    public async Task Read_Array_IsStreamed(string text)
    {
        var (records, rejected, _) = await ReadAllAsync(new JsonlReader(new TrickleStream(System.Text.Encoding.UTF8.GetBytes(text), 2)));
        Assert.Empty(rejected);
        Assert.Equal(["1", "2", "3"], records.Select(r => r["a"].Text), StringComparer.Ordinal);
        Assert.All(records, r => Assert.Equal('{', text[(int)r.ByteOffset]));
    }

    [Fact]
    public async Task Read_ArrayLineNumbers_AreThoseOfTheElements()
    {
        var (records, _, _) = await ReadAsync("[\n{\n\"a\":1\n},\n\n{\"a\":2},{\"a\":3}]");
        Assert.Equal([2L, 6L, 6L], records.Select(r => r.LineNumber));
    }

    [Fact]
    public async Task Read_BrokenArrayElement_GoesOnAtTheNextObject()
    {
        var (records, rejected, _) = await ReadAsync("[\n{\"a\":1},\n{\"a\": \"open},\n{\"a\":2},\n7,\n{\"a\":1 \"b\"},\n{\"a\":3}\n]");
        Assert.Equal(["1", "2", "3"], records.Select(r => r["a"].Text), StringComparer.Ordinal);
        Assert.Equal([(3L, RejectionKind.InvalidJson), (5L, RejectionKind.NotAnObject), (6L, RejectionKind.InvalidJson)], rejected.Select(r => (r.LineNumber, r.Kind)));
    }

    [Theory]
    [InlineData("[{\"a\":1},")]
    [InlineData("[{\"a\":1}")]
    [InlineData("[{\"a\":1},{\"a\":")]
    public async Task Read_ArrayWithBadEnd_SaysSo(string text)
    {
        var (records, rejected, _) = await ReadAsync(text);
        Assert.Equal("1", Assert.Single(records)["a"].Text);
        Assert.Single(rejected);
    }

    [Fact]
    public async Task Read_SeveralArrays_AreOne()
    {
        var (records, rejected, _) = await ReadAsync("[{\"a\":1}]\n[{\"a\":2}]");
        Assert.Empty(rejected);
        Assert.Equal(["1", "2"], records.Select(r => r["a"].Text), StringComparer.Ordinal);
    }

    [Fact]
    public async Task Read_FirstLineAnArrayOfOtherThings_IsABadLine()
    {
        var (records, rejected, _) = await ReadAsync("[1, 2]\n{\"a\":2}\n{\"a\":3}");
        Assert.Equal((1L, RejectionKind.NotAnObject), (Assert.Single(rejected).LineNumber, rejected[0].Kind));
        Assert.Equal(2, records.Count);
    }

    [Fact]
    public async Task Read_Korean949_IsDecoded()
    {
        byte[] content = TextEncodings.Decoder(TextEncoding.Korean949).GetBytes("{\"본문\":\"똠방각하 \\\"네\\\"\"}\n{\"본문\":\"둘\"}");
        var (records, rejected, _) = await ReadAllAsync(new JsonlReader(new MemoryStream(content), TextEncoding.Korean949));
        Assert.Empty(rejected);
        Assert.Equal(["똠방각하 \"네\"", "둘"], records.Select(r => r["본문"].Text), StringComparer.Ordinal);
    }
}
