using System.Text;
using Annotator.Core.Student;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace Annotator.Tests.Student;

public class TextFeaturesTests
{
    [Theory]
    [InlineData("", 0u, 0u)]
    [InlineData("", 1u, 0x514E28B7u)]
    [InlineData("", 0xffffffffu, 0x81F16F39u)]
    [InlineData("a", 0x9747b28cu, 0x7FA09EA6u)]
    [InlineData("aaaa", 0x9747b28cu, 0x5A97808Au)]
    [InlineData("abc", 0u, 0xB3DD93FAu)]
    [InlineData("Hello, world!", 0x9747b28cu, 0x24884CBAu)]
    [InlineData("The quick brown fox jumps over the lazy dog", 0x9747b28cu, 0x2FA826CDu)]
    public void Hash_PublishedVectors_Agree(string text, uint seed, uint expected) =>
        Assert.Equal(expected, MurmurHash3.Hash(Encoding.UTF8.GetBytes(text), seed));

    [Theory]
    [InlineData(1, 5, 2048)]
    [InlineData(2, 4, 64)]
    public void Compute_ManyScripts_EqualsTheGraph(int shortest, int longest, int maximum)
    {
        var options = new TextFeatureOptions { ShortestCharacters = shortest, LongestCharacters = longest, MaximumLength = maximum };
        var features = new TextFeatures(options);
        using var session = new InferenceSession(StudentGraph.WriteFeatures(options));
        var texts = Texts.Many(3000, 11);
        texts.Add(new string('x', 5000));
        texts.Add(string.Concat(Enumerable.Repeat("긴 글 ", 2000)));
        texts.Add(string.Concat(Enumerable.Repeat("👍a", 1500)));
        texts.Add(new string('가', maximum));
        texts.Add(new string('가', maximum - 1));
        texts.Add(new string('가', maximum + 1));
        foreach (var batch in texts.Chunk(64))
        {
            var rows = RunGraph(session, batch, options.Buckets);
            for (var i = 0; i < batch.Length; i++) AssertSame(features, batch[i], rows[i]);
        }
    }

    [Fact]
    public void Compute_EdgeCaseAlone_EqualsTheGraph()
    {
        var features = new TextFeatures();
        using var session = new InferenceSession(StudentGraph.WriteFeatures(features.Options));
        foreach (var text in Texts.Edge) AssertSame(features, text, RunGraph(session, [text], features.Options.Buckets)[0]);
    }

    [Fact]
    public void Compute_EveryCodePoint_EqualsTheGraph()
    {
        var features = new TextFeatures();
        using var session = new InferenceSession(StudentGraph.WriteFeatures(features.Options));
        var runes = Enumerable.Range(0, 0x110000).Where(Rune.IsValid).Where(value => value < 0x30000 || value % 97 == 0).Select(value => new Rune(value).ToString());
        foreach (var batch in runes.Chunk(500).Select(chunk => string.Concat(chunk)).Chunk(32))
        {
            var rows = RunGraph(session, batch, features.Options.Buckets);
            for (var i = 0; i < batch.Length; i++) AssertSame(features, batch[i], rows[i]);
        }
    }

    [Fact]
    public void Compute_CaseWidthAndSpace_FoldToTheSame()
    {
        var features = new TextFeatures();
        Assert.Equal(Sorted(features, "hello world 12"), Sorted(features, "ＨＥＬＬＯ\u3000World\u00a012"));
    }

    [Fact]
    public void Compute_WordsOfAnyScript_StayWhole()
    {
        // A word gives a bucket of its own and one with what stands before it, the first one with the beginning of the text.
        var features = new TextFeatures();
        int Words(string text) => Sorted(features, text).Count(bucket => bucket >= 1 << features.Options.CharacterBits);
        Assert.Equal(2, Words("한국어"));
        Assert.Equal(2, Words("naïve"));
        Assert.Equal(2, Words("हिन्दी"));
        Assert.Equal(4, Words("한국어 문장"));
        Assert.Equal(0, Words("👍 !?"));
    }

    [Fact]
    public void SparseRows_GrownOverManyChunks_KeepsRows()
    {
        var rows = new SparseRows();
        var random = new SplitMix(5);
        var expected = new List<int[]>();
        for (var i = 0; i < 3000; i++)
        {
            var row = new int[random.Next(i % 1000 == 0 ? 2_000_000 : 900)];
            for (var k = 0; k < row.Length; k++) row[k] = random.Next(1 << 20);
            expected.Add(row);
            Assert.Equal(i, rows.Add(row));
        }

        Assert.Equal(expected.Sum(row => (long)row.Length), rows.TotalIndices);
        for (var i = 0; i < expected.Count; i++) Assert.True(rows[i].SequenceEqual(expected[i]));
        Assert.Throws<ArgumentOutOfRangeException>(() => rows[3000].Length);
    }

    private static int[] Sorted(TextFeatures features, string text)
    {
        var list = new List<int>();
        features.Compute(text, list);
        list.Sort();
        return [.. list];
    }

    private static void AssertSame(TextFeatures features, string text, int[] graph)
    {
        var own = Sorted(features, text);
        Assert.True(own.AsSpan().SequenceEqual(graph), $"differs: {string.Join(' ', text.Take(80).Select(c => ((int)c).ToString("x4")))}");
    }

    private static List<int[]> RunGraph(InferenceSession session, string[] batch, int none)
    {
        using var input = OrtValue.CreateFromStringTensor(new DenseTensor<string>(batch, [batch.Length]));
        using var run = new RunOptions();
        using var outputs = session.Run(run, ["text"], [input], ["buckets"]);
        var values = outputs[0].GetTensorDataAsSpan<long>();
        var width = values.Length / batch.Length;
        var rows = new List<int[]>();
        for (var i = 0; i < batch.Length; i++)
        {
            var row = new List<int>();
            foreach (var value in values.Slice(i * width, width))
            {
                if (value != none) row.Add((int)value);
            }

            row.Sort();
            rows.Add([.. row]);
        }

        return rows;
    }
}
