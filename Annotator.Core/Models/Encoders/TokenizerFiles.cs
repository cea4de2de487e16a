using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Annotator.Core.Models.Encoders;

/// <summary>What a file of a tokenizer is.</summary>
public enum TokenizerFileKind
{
    /// <summary>Pieces of words, one a line: BERT's <c>vocab.txt</c>.</summary>
    VocabularyText,

    /// <summary>Tokens and their numbers: <c>vocab.json</c>.</summary>
    VocabularyJson,

    /// <summary>Pairs that are joined, one a line: <c>merges.txt</c>.</summary>
    Merges,

    /// <summary>A SentencePiece model.</summary>
    SentencePiece,

    /// <summary>The <c>tokenizer.json</c> of Hugging Face's library.</summary>
    HuggingFace,
}

/// <summary>A file of a tokenizer with what it is. Told by what is in it: names of files are the sender's, and say nothing for certain.</summary>
internal sealed record TokenizerFile(TokenizerFileKind Kind, byte[] Bytes)
{
    /// <summary>What is taken, for messages.</summary>
    public const string Accepted = "Accepted are vocab.txt (WordPiece), vocab.json with merges.txt (BPE), a SentencePiece .model, or a tokenizer.json of type WordPiece or BPE.";

    // Of so many lines and characters the kind shows.
    private const int Looked = 64_000;

    /// <summary>Tells what a file is.</summary>
    /// <exception cref="EncoderRefusedException">It is none that is known.</exception>
    public static TokenizerFile Recognize(byte[] bytes)
    {
        if (bytes.Length == 0) throw new EncoderRefusedException("tokenizer", $"A file of the tokenizer is empty. {Accepted}");
        var start = Encoding.UTF8.GetPreamble().AsSpan().SequenceEqual(bytes.AsSpan(0, Math.Min(3, bytes.Length))) ? 3 : 0;
        if (bytes.AsSpan(start).TrimStart(" \t\r\n"u8) is [(byte)'{', ..]) return new TokenizerFile(IsHuggingFace(bytes.AsSpan(start)) ? TokenizerFileKind.HuggingFace : TokenizerFileKind.VocabularyJson, start == 0 ? bytes : bytes[start..]);

        // A SentencePiece model begins with the field of its first piece, and holds bytes that no text has.
        if (bytes[0] == 0x0A && bytes.Length > 4 && bytes[2] == 0x0A && bytes.AsSpan(0, Math.Min(bytes.Length, Looked)).IndexOfAny((byte)0, (byte)0x15, (byte)0x18) >= 0) return new TokenizerFile(TokenizerFileKind.SentencePiece, bytes);
        var head = bytes.AsSpan(start, Math.Min(bytes.Length - start, Looked));
        if (head.Contains((byte)0) || !IsText(head, whole: start + head.Length == bytes.Length)) throw new EncoderRefusedException("tokenizer", $"A file of the tokenizer is neither text nor a SentencePiece model. {Accepted}");
        var lines = Encoding.UTF8.GetString(head).Split('\n').Select(l => l.TrimEnd('\r')).Where(l => l.Length > 0).ToList();
        if (start + head.Length < bytes.Length && lines.Count > 1) lines.RemoveAt(lines.Count - 1);
        var pairs = lines.Count > 0 && (lines[0].StartsWith("#version", StringComparison.Ordinal) || lines.TrueForAll(l => l.Count(c => c == ' ') == 1));
        return new TokenizerFile(pairs ? TokenizerFileKind.Merges : TokenizerFileKind.VocabularyText, start == 0 ? bytes : bytes[start..]);
    }

    /// <summary>Lines of text, without an empty last one.</summary>
    /// <exception cref="EncoderRefusedException">It is no UTF-8.</exception>
    public static List<string> Lines(byte[] bytes, string what)
    {
        string text;
        try
        {
            text = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true).GetString(bytes);
        }
        catch (DecoderFallbackException e)
        {
            throw new EncoderRefusedException("tokenizer", string.Create(CultureInfo.InvariantCulture, $"{what} is not UTF-8: byte {e.Index} is wrong."), e);
        }

        var lines = text.Split('\n').Select(l => l.TrimEnd('\r')).ToList();
        while (lines.Count > 0 && lines[^1].Length == 0) lines.RemoveAt(lines.Count - 1);
        return lines;
    }

    private static bool IsText(ReadOnlySpan<byte> head, bool whole)
    {
        // The part that is looked at may end within a character.
        for (var cut = 0; cut < (whole ? 1 : 4) && cut < head.Length; cut++)
        {
            if (System.Text.Unicode.Utf8.IsValid(head[..^cut])) return true;
        }

        return false;
    }

    // A vocabulary has numbers only; the library's file says of what type its model is.
    private static bool IsHuggingFace(ReadOnlySpan<byte> json)
    {
        try
        {
            var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = 64 });
            reader.Read();
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                var model = reader.ValueTextEquals("model"u8);
                reader.Read();
                if (model && reader.TokenType == JsonTokenType.StartObject) return true;
                reader.Skip();
            }

            return false;
        }
        catch (JsonException e)
        {
            throw new EncoderRefusedException("tokenizer", string.Create(CultureInfo.InvariantCulture, $"A JSON file of the tokenizer is broken in line {(e.LineNumber ?? 0) + 1}: {e.Message}"), e);
        }
    }
}
