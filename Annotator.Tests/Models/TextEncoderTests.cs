using Annotator.Core.Models;
using Annotator.Core.Models.Encoders;

namespace Annotator.Tests.Models;

/// <summary>What encoders of texts say: known beforehand, since their tables are written here.</summary>
public class TextEncoderTests
{
    private static readonly string[] s_words = ["where", "is", "the", "parcel", "package", "card"];
    private static readonly ToyEncoder s_toy = new(6, [s_words[0]], [s_words[1]], [s_words[2]], [s_words[3], s_words[4]], [s_words[5]]);

    [Theory]
    [InlineData(false, false, true)]
    [InlineData(false, true, false)]
    [InlineData(true, false, false)]
    [InlineData(true, true, true)]
    public void A_vector_is_the_mean_of_the_table_s_rows(bool pooled, bool narrow, bool types)
    {
        using var encoder = Open(s_toy.Graph(pooled, narrow, types), new TextEncoderSpec { Normalize = false });
        Assert.Equal((pooled ? "sentence_embedding" : "last_hidden_state", pooled ? Pooling.None : Pooling.Mean, 6), (encoder.Output, encoder.Pooling, encoder.Dimensions));
        Near(s_toy.Mean("where", "is", "the", "parcel"), encoder.Encode(["Where is the parcel"]));
        Near(s_toy.Mean("where", "is", "the", "parcel"), encoder.Encode(["where is the PACKAGE"]));
    }

    [Fact]
    public void First_token_prefix_length_and_cutting_are_as_asked()
    {
        // The row of [CLS] is zero here, so that the vector of the first token is.
        using var first = Open(s_toy.Graph(), new TextEncoderSpec { Pooling = Pooling.Cls });
        Near(new float[6], first.Encode(["where is"]));
        using var prefixed = Open(s_toy.Graph(), new TextEncoderSpec { Prefix = "the ", Normalize = false });
        Near(s_toy.Mean("the", "card"), prefixed.Encode(["card"]));
        using var unit = Open(s_toy.Graph(), new TextEncoderSpec());
        var vector = unit.Encode(["card"]);
        Assert.Equal(1, vector.Sum(v => v * v), 1e-5);
        using var cut = Open(s_toy.Graph(), new TextEncoderSpec { MaxTokens = 8, Normalize = false });
        Near(s_toy.Mean("card", "card", "card", "is", "is", "is"), cut.Encode(["card card card is is is where where where"]));
    }

    [Fact]
    public void Texts_of_several_lengths_are_encoded_together_as_alone()
    {
        var random = new Random(2);
        string[] texts = [.. Enumerable.Range(0, 300).Select(i => string.Join(' ', Enumerable.Range(0, i % 41).Select(_ => s_words[random.Next(s_words.Length)])))];
        foreach (var pooled in (bool[])[false, true])
        {
            using var encoder = Open(s_toy.Graph(pooled), new TextEncoderSpec { MaxTokens = 32 }, batchTokens: 256);
            var together = encoder.Encode(texts);
            for (var i = 0; i < texts.Length; i += 7) Near(encoder.Encode([texts[i]]), together.AsSpan(i * 6, 6).ToArray());
        }
    }

    [Fact]
    public void A_cancelled_encoding_ends()
    {
        using var encoder = Open(s_toy.Graph(), new TextEncoderSpec());
        using var cancelled = new CancellationTokenSource();
        cancelled.Cancel();
        Assert.Throws<OperationCanceledException>(() => encoder.Encode(["card"], cancelled.Token));
    }

    [Theory]
    [InlineData("ids", "model", "tokens")]
    [InlineData("mask", "model", "no input attention_mask")]
    [InlineData("other", "model", "position_ids")]
    [InlineData("float", "model", "input_ids is of type Single")]
    [InlineData("fixed", "model", "[1, 16]")]
    [InlineData("nan", "model", "not a finite number")]
    [InlineData("domain", "model", "example.org")]
    [InlineData("rows", "tokenizer", "11 rows")]
    [InlineData("unmasked", "model", "attention_mask")]
    [InlineData("positions", "spec.maxTokens", "256 tokens")]
    public void What_is_no_encoder_is_refused_with_the_reason(string spoil, string field, string reason)
    {
        var toy = spoil is "rows" ? new ToyEncoder(6, s_words[..1], [.. s_words[1..], "one"]) : s_toy;
        var graph = toy.Graph(pooled: spoil is "unmasked", spoil: spoil);
        var refused = Assert.Throws<EncoderRefusedException>(() => TextEncoderCheck.Try(graph, [TokenizerFile.Recognize(toy.Vocabulary)], new TextEncoderSpec(), new ModelOptions()));
        Assert.Equal(field, refused.Field);
        Assert.Contains(reason, refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(Pooling.None, false, null, "spec.pooling")]
    [InlineData(Pooling.Mean, true, null, "spec.pooling")]
    [InlineData(null, true, "logits", "spec.output")]
    public void An_output_that_is_not_there_is_named(Pooling? pooling, bool pooled, string? output, string field)
    {
        var refused = Assert.Throws<EncoderRefusedException>(() => Open(s_toy.Graph(pooled), new TextEncoderSpec { Pooling = pooling, Output = output }));
        Assert.Equal(field, refused.Field);
        Assert.Contains(pooled ? "sentence_embedding" : "last_hidden_state", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_check_says_what_it_found()
    {
        var report = TextEncoderCheck.Try(s_toy.Graph(), [TokenizerFile.Recognize(s_toy.Vocabulary)], new TextEncoderSpec { MaxTokens = 64 }, new ModelOptions());
        Assert.Equal((6, "last_hidden_state", Pooling.Mean, TokenizerKind.WordPiece, 11, true), (report.Dimensions, report.Output, report.Pooling, report.Tokenizer, report.Vocabulary, report.Lowercase));
        Assert.Null(report.Warning);
        var strange = new ToyEncoder(6, ["quux"]);
        Assert.NotNull(TextEncoderCheck.Try(strange.Graph(), [TokenizerFile.Recognize(strange.Vocabulary)], new TextEncoderSpec { MaxTokens = 64 }, new ModelOptions()).Warning);
    }

    private static TextEncoder Open(byte[] graph, TextEncoderSpec spec, int batchTokens = 4_096) => TextEncoder.Open(graph, [TokenizerFile.Recognize(s_toy.Vocabulary)], spec, new ModelOptions { EncoderBatchTokens = batchTokens });

    private static void Near(float[] expected, float[] said)
    {
        Assert.Equal(expected.Length, said.Length);
        for (var i = 0; i < expected.Length; i++) Assert.Equal(expected[i], said[i], 1e-5);
    }
}
