using System.Text;
using System.Text.Json;
using Annotator.Core.Models.Encoders;

namespace Annotator.Tests.Models;

/// <summary>Files of tokenizers, and the tokens that are cut by them.</summary>
public class TextTokenizerTests
{
    private static readonly string[] s_pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "where", "is", "the", "par", "##cel", "?", "$", "3", "cafe", "택배", "##가", "中", "文"];

    [Theory]
    [InlineData("Where is the PARCEL?", new[] { 2, 5, 6, 7, 8, 9, 10, 3 })]
    [InlineData("where\nis\tthe", new[] { 2, 5, 6, 7, 3 })]
    [InlineData("$3 café", new[] { 2, 11, 12, 13, 3 })]
    [InlineData("中文", new[] { 2, 16, 17, 3 })]
    [InlineData("where zebra", new[] { 2, 5, 1, 3 })]
    [InlineData("", new[] { 2, 3 })]
    [InlineData("[SEP] where", new[] { 2, 1, 1, 1, 5, 3 })]
    public void Pieces_of_words_are_those_of_Bert(string text, int[] expected) =>
        Assert.Equal(expected, Open(null, Encoding.UTF8.GetBytes(string.Join('\n', s_pieces))).Encode(text, 64));

    [Fact]
    public void Hangul_stays_whole_where_case_is_kept_and_comes_apart_with_the_accents()
    {
        var cased = Open(null, Encoding.UTF8.GetBytes(string.Join('\n', [.. s_pieces, "Where"])));
        Assert.False(cased.Lowercase);
        Assert.Equal([2, 14, 15, 3], cased.Encode("택배가", 64));
        Assert.Equal([2, 18, 3], cased.Encode("Where", 64));
        var letters = "택배".Normalize(NormalizationForm.FormD);
        var lower = Open(null, Encoding.UTF8.GetBytes(string.Join('\n', [.. s_pieces, letters])));
        Assert.Equal([2, 18, 3], lower.Encode("택배", 64));
    }

    [Fact]
    public void A_long_text_keeps_its_beginning_and_the_mark_of_its_end()
    {
        var tokenizer = Open(null, Encoding.UTF8.GetBytes(string.Join('\r', s_pieces).Replace("\r", "\r\n", StringComparison.Ordinal)));
        var tokens = tokenizer.Encode(string.Concat(Enumerable.Repeat("where is the ", 10_000)), 8);
        Assert.Equal([2, 5, 6, 7, 5, 6, 7, 3], tokens);
    }

    [Fact]
    public void Byte_pairs_are_those_of_Roberta()
    {
        string[] tokens = ["<s>", "<pad>", "</s>", "<unk>", "l", "o", "w", "Ġ", "e", "r", "lo", "low", "er", "Ġlow", "Ġl", "ê", "°", "Ģ"];
        var vocabulary = JsonSerializer.SerializeToUtf8Bytes(tokens.Select((t, i) => (t, i)).ToDictionary(p => p.t, p => p.i));
        var merges = "#version: 0.2\nl o\nlo w\ne r\nĠ low\n"u8.ToArray();
        var tokenizer = Open(null, merges, vocabulary);
        Assert.Equal(TokenizerKind.Bpe, tokenizer.Kind);
        Assert.Equal([0, 11, 12, 13, 2], tokenizer.Encode("lower low", 64));
        Assert.Equal([0, 15, 16, 17, 2], tokenizer.Encode("가", 64));

        // The same as one file of the library, with its marks and a space before each text.
        var library = JsonSerializer.SerializeToUtf8Bytes(new
        {
            added_tokens = new[] { new { id = 1, content = "<pad>" } },
            normalizer = (object?)null,
            pre_tokenizer = new { type = "ByteLevel", add_prefix_space = true },
            post_processor = new { type = "RobertaProcessing", sep = new object[] { "</s>", 2 }, cls = new object[] { "<s>", 0 } },
            model = new { type = "BPE", unk_token = "<unk>", vocab = tokens.Select((t, i) => (t, i)).ToDictionary(p => p.t, p => p.i), merges = new[] { new[] { "l", "o" }, ["lo", "w"], ["e", "r"], ["Ġ", "low"] } },
        });
        var same = Open(null, library);
        Assert.Equal([0, 13, 12, 13, 2], same.Encode("lower low", 64));
        Assert.Equal(1, same.Pad);
    }

    [Fact]
    public void A_library_s_file_of_pieces_says_what_is_lower_case_and_what_stands_around()
    {
        var tokenizer = Open(null, Library(new { type = "BertNormalizer", lowercase = true, strip_accents = (bool?)null, handle_chinese_chars = true }, new { type = "BertPreTokenizer" }));
        Assert.True(tokenizer.Lowercase);
        Assert.Equal([2, 5, 6, 7, 8, 9, 10, 3], tokenizer.Encode("Where is the PARCEL?", 64));
        var kept = Open(false, Library(new { type = "BertNormalizer", lowercase = true }, new { type = "BertPreTokenizer" }));
        Assert.Equal([2, 1, 6, 3], kept.Encode("Where is", 64));
    }

    [Fact]
    public void Sentence_pieces_are_numbered_by_the_model_or_as_XlmRoberta_does()
    {
        var model = ToyEncoder.SentencePiece("▁where", "▁is", "▁the", "▁par", "cel", "▁");
        var plain = Open(null, model);
        Assert.Equal(TokenizerKind.SentencePiece, plain.Kind);
        Assert.Equal([1, 3, 4, 5, 6, 7], plain.Encode("where is the parcel", 64));
        var xlm = TextTokenizer.Open([TokenizerFile.Recognize(model)], null, true, 0);
        Assert.Equal([0, 4, 5, 6, 7, 8, 2], xlm.Encode("where is the parcel", 64));
        Assert.Equal(1, xlm.Pad);

        // Told by the model's table, which has two rows more than there are pieces.
        Assert.Equal([0, 4, 2], TextTokenizer.Open([TokenizerFile.Recognize(model)], null, null, 11).Encode("where", 64));
    }

    public static TheoryData<string, string[]> Wrong => new()
    {
        { "empty", [""] },
        { "no [UNK]", ["[PAD]\n[CLS]\n[SEP]\nword\n"] },
        { "no [CLS]", ["[PAD]\n[UNK]\n[SEP]\nword\n"] },
        { "Line 4", ["[UNK]\n[CLS]\n[SEP]\n[CLS]\n"] },
        { "merges.txt", ["{\"a\":0}"] },
        { "vocab.json", ["#version: 0.2\na b\n"] },
        { "\"b\"", ["{\"a\":0,\"b\":\"x\"}", "a b\n"] },
        { "number 1", ["{\"a\":1,\"b\":1,\"<unk>\":2}", "a b\n"] },
        { "number -1", ["{\"a\":-1,\"<unk>\":2}", "a b\n"] },
        { "ab", ["{\"a\":0,\"b\":1,\"<unk>\":2}", "a b\n"] },
        { "broken in line 2", ["{\"a\":0,\n\"b\"", "a b\n"] },
        { "Unigram", ["{\"model\":{\"type\":\"Unigram\",\"vocab\":[]}}"] },
        { "Precompiled", ["{\"normalizer\":{\"type\":\"Precompiled\"},\"pre_tokenizer\":{\"type\":\"Whitespace\"},\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[]}}"] },
        { "Metaspace", ["{\"pre_tokenizer\":{\"type\":\"Metaspace\"},\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[]}}"] },
        { "several tokenizers", ["[UNK]\n[CLS]\n[SEP]\n", "{\"a\":0}"] },
        { "neither text nor", ["\u0001\u0000\u0002"] },
        { "cannot be read", ["\n\u0005\n\u0003abc\u0015\u0000"] },
    };

    [Theory]
    [MemberData(nameof(Wrong))]
    public void What_is_no_tokenizer_is_refused_with_the_reason(string reason, string[] files)
    {
        var refused = Assert.Throws<EncoderRefusedException>(() => Open(null, [.. files.Select(Encoding.UTF8.GetBytes)]));
        Assert.Equal("tokenizer", refused.Field);
        Assert.Contains(reason, refused.Message, StringComparison.Ordinal);
    }

    private static TextTokenizer Open(bool? lowercase, params byte[][] files) => TextTokenizer.Open([.. files.Select(TokenizerFile.Recognize)], lowercase, null, 0);

    private static byte[] Library(object normalizer, object splitter) => JsonSerializer.SerializeToUtf8Bytes(new
    {
        version = "1.0",
        normalizer,
        pre_tokenizer = splitter,
        post_processor = new
        {
            type = "TemplateProcessing",
            single = new object[] { new { SpecialToken = new { id = "[CLS]", type_id = 0 } }, new { Sequence = new { id = "A", type_id = 0 } }, new { SpecialToken = new { id = "[SEP]", type_id = 0 } } },
        },
        model = new { type = "WordPiece", unk_token = "[UNK]", continuing_subword_prefix = "##", max_input_chars_per_word = 100, vocab = s_pieces.Select((t, i) => (t, i)).ToDictionary(p => p.t, p => p.i) },
    });
}
