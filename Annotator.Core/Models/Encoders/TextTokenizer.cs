using System.Globalization;
using System.Text;
using System.Text.Json;
using Microsoft.ML.Tokenizers;

namespace Annotator.Core.Models.Encoders;

/// <summary>Cuts texts into the tokens that an encoder knows. Thread-safe.</summary>
internal sealed class TextTokenizer
{
    /// <summary>The most tokens that a tokenizer may know.</summary>
    public const int MostKnown = 1_000_000;

    // Beyond these no vocabulary has pieces.
    private const int LongestPiece = 1_000;

    // More of a text than so many characters for each token cannot be in the part that is looked at; what would be slow to cut is not cut.
    private const int CharactersOfToken = 32;

    // What XLM-RoBERTa's vocabulary has; it is that of most encoders for many languages.
    private const int PiecesOfXlmRoberta = 250_000;

    private readonly Func<string, IReadOnlyList<int>> _encode;
    private readonly int[] _first;
    private readonly int[] _last;
    private readonly int _unknown;

    internal TextTokenizer(TokenizerKind kind, int known, int highest, bool lowercase, int pad, int unknown, int[] first, int[] last, Func<string, IReadOnlyList<int>> encode)
    {
        (Kind, Known, Highest, Lowercase, Pad) = (kind, known, Math.Max(highest, first.Concat(last).Append(pad).Max()), lowercase, pad);
        (_unknown, _first, _last, _encode) = (unknown, first, last, encode);
    }

    /// <summary>How it cuts.</summary>
    public TokenizerKind Kind { get; }

    /// <summary>Tokens that it knows.</summary>
    public int Known { get; }

    /// <summary>The highest number of a token.</summary>
    public int Highest { get; }

    /// <summary>Whether texts become lower case first.</summary>
    public bool Lowercase { get; }

    /// <summary>The token that fills up shorter texts.</summary>
    public int Pad { get; }

    /// <summary>The tokens of a text, with the marks of its beginning and end; at least one.</summary>
    /// <param name="text">The text.</param>
    /// <param name="most">More than so many are cut off.</param>
    public int[] Encode(string text, int most)
    {
        var longest = most * CharactersOfToken;
        if (text.Length > longest) text = text[..(char.IsHighSurrogate(text[longest - 1]) ? longest - 1 : longest)];
        var tokens = _encode(text);
        var count = Math.Clamp(most - _first.Length - _last.Length, 0, tokens.Count);
        var all = new int[_first.Length + count + _last.Length];
        _first.CopyTo(all, 0);
        for (var i = 0; i < count; i++) all[_first.Length + i] = tokens[i];
        _last.CopyTo(all, _first.Length + count);
        return all.Length > 0 ? all : [_unknown];
    }

    /// <summary>What share of a text's tokens is unknown.</summary>
    public double UnknownShare(string text)
    {
        var tokens = _encode(text);
        return tokens.Count == 0 ? 1 : tokens.Count(t => t == _unknown) / (double)tokens.Count;
    }

    /// <summary>Opens a tokenizer.</summary>
    /// <param name="files">Its files.</param>
    /// <param name="lowercase">Whether texts become lower case; null: as the files say.</param>
    /// <param name="xlmRoberta">Whether a SentencePiece model is numbered as XLM-RoBERTa numbers it; null: told by its size and the model's.</param>
    /// <param name="rows">Rows of the model's table of tokens; 0 where it is not known.</param>
    /// <exception cref="EncoderRefusedException">The files are no tokenizer that is known; the message says why.</exception>
    public static TextTokenizer Open(IReadOnlyList<TokenizerFile> files, bool? lowercase, bool? xlmRoberta, int rows)
    {
        try
        {
            return files.OrderBy(f => f.Kind).ToList() switch
            {
                [] => throw Refused($"The encoder has no tokenizer. {TokenizerFile.Accepted}"),
                [{ Kind: TokenizerFileKind.VocabularyText } vocabulary] => WordPiece(vocabulary, lowercase),
                [{ Kind: TokenizerFileKind.VocabularyJson } vocabulary, { Kind: TokenizerFileKind.Merges } merges] => Bpe(vocabulary, merges, lowercase),
                [{ Kind: TokenizerFileKind.SentencePiece } model] => SentencePiece(model, lowercase, xlmRoberta, rows),
                [{ Kind: TokenizerFileKind.HuggingFace } library] => HuggingFaceTokenizer.Open(library, lowercase),
                [{ Kind: TokenizerFileKind.VocabularyJson }] => throw Refused("A vocab.json needs its merges.txt with it."),
                [{ Kind: TokenizerFileKind.Merges }] => throw Refused("A merges.txt needs its vocab.json with it."),
                var other => throw Refused($"These files are of several tokenizers: {string.Join(", ", other.Select(f => f.Kind))}. {TokenizerFile.Accepted}"),
            };
        }
        catch (Exception e) when (e is ArgumentException or InvalidOperationException or IOException or FormatException or KeyNotFoundException or NotSupportedException or IndexOutOfRangeException or NullReferenceException or OverflowException)
        {
            throw new EncoderRefusedException("tokenizer", $"The tokenizer cannot be read: {e.Message}", e);
        }
    }

    internal static EncoderRefusedException Refused(string message) => new("tokenizer", message);

    /// <summary>Makes a WordPiece tokenizer of pieces in the order of their numbers.</summary>
    /// <param name="pieces">Number of each piece.</param>
    /// <param name="split">Cuts a text into words with one space between two.</param>
    /// <param name="lowercase">What is said of it.</param>
    /// <param name="unknown">The token for what is not known.</param>
    /// <param name="prefix">What pieces within a word begin with.</param>
    /// <param name="marks">The marks around a text, and what fills up.</param>
    internal static TextTokenizer WordPiece(Dictionary<string, int> pieces, Func<string, string> split, bool lowercase, string unknown, string prefix, (int[] First, int[] Last, int Pad) marks)
    {
        // The library reads pieces from lines, numbered as they come.
        var lines = new string[pieces.Values.Max() + 1];
        foreach (var (piece, number) in pieces.Where(p => p.Key.AsSpan().IndexOfAny('\n', '\r') < 0)) lines[number] = piece;
        for (var i = 0; i < lines.Length; i++) lines[i] ??= string.Create(CultureInfo.InvariantCulture, $"\uE000{i}");
        using var stream = new MemoryStream(Encoding.UTF8.GetBytes(string.Join('\n', lines)));
        var tokenizer = WordPieceTokenizer.Create(stream, new WordPieceOptions { UnknownToken = unknown, ContinuingSubwordPrefix = prefix, MaxInputCharsPerWord = 100, PreTokenizer = PreTokenizer.CreateWhiteSpace() });
        return new TextTokenizer(TokenizerKind.WordPiece, pieces.Count, lines.Length - 1, lowercase, marks.Pad, pieces[unknown], marks.First, marks.Last, text => split(text) is { Length: > 0 } words ? tokenizer.EncodeToIds(words) : []);
    }

    /// <summary>Checks the numbers of a vocabulary.</summary>
    internal static void Check(Dictionary<string, int> vocabulary, string what)
    {
        if (vocabulary.Count == 0) throw Refused($"{what} has no tokens.");
        if (vocabulary.Count > MostKnown) throw Refused(string.Create(CultureInfo.InvariantCulture, $"{what} has more than {MostKnown} tokens."));
        var seen = new HashSet<int>();
        foreach (var (token, number) in vocabulary)
        {
            if (token.Length > LongestPiece) throw Refused(string.Create(CultureInfo.InvariantCulture, $"{what} has a token of {token.Length} characters; at most {LongestPiece} are taken."));
            if (number < 0 || number >= 2 * MostKnown) throw Refused(string.Create(CultureInfo.InvariantCulture, $"{what} gives the token \"{OnnxFiles.Short(token)}\" the number {number}; 0 to {(2 * MostKnown) - 1} are taken."));
            if (!seen.Add(number)) throw Refused(string.Create(CultureInfo.InvariantCulture, $"{what} gives the number {number} to two tokens, one of them \"{OnnxFiles.Short(token)}\"."));
        }
    }

    private static TextTokenizer WordPiece(TokenizerFile file, bool? lowercase)
    {
        var lines = TokenizerFile.Lines(file.Bytes, "The vocab.txt");
        if (lines.Count > MostKnown) throw Refused(string.Create(CultureInfo.InvariantCulture, $"The vocab.txt has more than {MostKnown} lines."));
        var pieces = new Dictionary<string, int>(lines.Count, StringComparer.Ordinal);
        for (var i = 0; i < lines.Count; i++)
        {
            if (lines[i].Length > 0 && !pieces.TryAdd(lines[i], i)) throw Refused(string.Create(CultureInfo.InvariantCulture, $"Line {i + 1} of the vocab.txt repeats line {pieces[lines[i]] + 1}: \"{OnnxFiles.Short(lines[i])}\"."));
        }

        Check(pieces, "The vocab.txt");
        var unknown = Find(pieces, "[UNK]", "<unk>") ?? throw Refused("The vocab.txt has no [UNK], which stands for what is not in it.");
        var first = Find(pieces, "[CLS]", "<s>") ?? throw Refused("The vocab.txt has no [CLS], which begins a text.");
        var last = Find(pieces, "[SEP]", "</s>") ?? throw Refused("The vocab.txt has no [SEP], which ends a text.");

        // Pieces with capitals are there for texts that keep theirs.
        var lower = lowercase ?? !pieces.Keys.Any(p => p is not (['[', ..] or ['<', ..]) && p.Any(char.IsUpper));
        return WordPiece(pieces, t => BertWords.Split(t, lower, stripAccents: lower, splitChinese: true), lower, unknown, "##", ([pieces[first]], [pieces[last]], pieces.GetValueOrDefault(Find(pieces, "[PAD]", "<pad>") ?? unknown)));
    }

    private static TextTokenizer Bpe(TokenizerFile file, TokenizerFile pairs, bool? lowercase)
    {
        var vocabulary = Vocabulary(file.Bytes);
        Check(vocabulary, "The vocab.json");
        var merges = TokenizerFile.Lines(pairs.Bytes, "The merges.txt").Where((l, i) => l.Length > 0 && !(i == 0 && l.StartsWith("#version", StringComparison.Ordinal))).ToList();
        var (first, last) = Find(vocabulary, "<s>", "<|startoftext|>") switch
        {
            "<s>" when vocabulary.TryGetValue("</s>", out var end) => ([vocabulary["<s>"]], [end]),
            "<|startoftext|>" when vocabulary.TryGetValue("<|endoftext|>", out var end) => ([vocabulary["<|startoftext|>"]], [end]),
            _ => (Array.Empty<int>(), Array.Empty<int>()),
        };

        // Bytes are written as characters, and the space as one that nothing else is written with.
        var bytes = vocabulary.Keys.Any(k => k.StartsWith('Ġ'));
        var pad = vocabulary.GetValueOrDefault(Find(vocabulary, "<pad>", "[PAD]", "<|endoftext|>") ?? "", 0);
        var lower = lowercase ?? false;
        return Bpe(vocabulary, merges, new BpeShape { Bytes = bytes, EndOfWord = merges.Exists(m => m.EndsWith("</w>", StringComparison.Ordinal)) ? "</w>" : null }, lower ? t => t.ToLowerInvariant() : t => t, lower, (first, last, pad));
    }

    /// <summary>How byte pairs are cut.</summary>
    internal sealed record BpeShape
    {
        /// <summary>Whether texts are cut as bytes.</summary>
        public bool Bytes { get; init; }

        /// <summary>Whether a space is put before a text.</summary>
        public bool SpaceFirst { get; init; }

        /// <summary>What pieces at the end of a word end with.</summary>
        public string? EndOfWord { get; init; }

        /// <summary>What pieces within a word begin with.</summary>
        public string? Within { get; init; }

        /// <summary>The token for what is not known.</summary>
        public string? Unknown { get; init; }

        /// <summary>Whether words are cut at spaces only.</summary>
        public bool SpacesOnly { get; init; }
    }

    internal static TextTokenizer Bpe(Dictionary<string, int> vocabulary, List<string> merges, BpeShape shape, Func<string, string> prepare, bool lowercase, (int[] First, int[] Last, int Pad) marks)
    {
        for (var i = 0; i < merges.Count; i++)
        {
            if (merges[i].Count(c => c == ' ') != 1 || merges[i] is [' ', ..] or [.., ' ']) throw Refused(string.Create(CultureInfo.InvariantCulture, $"Pair {i + 1} of the merges is not two tokens with a space between: \"{OnnxFiles.Short(merges[i])}\"."));
        }

        var unknown = shape.Unknown ?? Find(vocabulary, "<unk>", "[UNK]");
        if (unknown is null && !shape.Bytes) throw Refused("The vocabulary has no <unk>, which stands for what is not in it.");
        var tokenizer = BpeTokenizer.Create(new BpeOptions(vocabulary)
        {
            Merges = merges, ByteLevel = shape.Bytes, UnknownToken = unknown, EndOfWordSuffix = shape.EndOfWord, ContinuingSubwordPrefix = shape.Within,
            PreTokenizer = shape.Bytes ? RobertaPreTokenizer.Instance : shape.SpacesOnly ? PreTokenizer.CreateWhiteSpace() : PreTokenizer.CreateWordOrNonWord(),
        });
        return new TextTokenizer(
            TokenizerKind.Bpe, vocabulary.Count, vocabulary.Values.Max(), lowercase, marks.Pad, unknown is null ? marks.Pad : vocabulary[unknown], marks.First, marks.Last,
            text => prepare(text) is { Length: > 0 } ready ? tokenizer.EncodeToIds(shape.SpaceFirst && ready[0] != ' ' ? ' ' + ready : ready) : []);
    }

    private static TextTokenizer SentencePiece(TokenizerFile file, bool? lowercase, bool? xlmRoberta, int rows)
    {
        using var stream = new MemoryStream(file.Bytes);
        var tokenizer = SentencePieceTokenizer.Create(stream, addBeginningOfSentence: false, addEndOfSentence: false);
        var known = tokenizer.Vocabulary.Count;
        if (known > MostKnown) throw Refused(string.Create(CultureInfo.InvariantCulture, $"The SentencePiece model has more than {MostKnown} pieces."));
        var lower = lowercase ?? false;
        IReadOnlyList<int> Cut(string text) => tokenizer.EncodeToIds(lower ? text.ToLowerInvariant() : text, addBeginningOfSentence: false, addEndOfSentence: false);
        var (unknown, begin, end) = (tokenizer.UnknownId, tokenizer.BeginningOfSentenceId, tokenizer.EndOfSentenceId);

        // Numbered as fairseq does: four marks first, the pieces one further than in the model.
        if (xlmRoberta ?? (unknown == 0 && begin == 1 && end == 2 && (known == PiecesOfXlmRoberta || rows == known + 2)))
            return new TextTokenizer(TokenizerKind.SentencePiece, known + 2, known, lower, pad: 1, unknown: 3, [0], [2], text => [.. Cut(text).Select(t => t == unknown ? 3 : t + 1)]);

        // Llama and its like begin a text, T5 ends it.
        var marks = begin >= 0 && !string.IsNullOrEmpty(tokenizer.BeginningOfSentenceToken) ? (First: new[] { begin }, Last: Array.Empty<int>()) : (First: [], Last: end >= 0 ? [end] : []);
        return new TextTokenizer(TokenizerKind.SentencePiece, known, known - 1, lower, tokenizer.Vocabulary.GetValueOrDefault("<pad>", Math.Max(0, unknown)), unknown, marks.First, marks.Last, Cut);
    }

    private static string? Find(Dictionary<string, int> tokens, params ReadOnlySpan<string> names)
    {
        foreach (var name in names)
        {
            if (tokens.ContainsKey(name)) return name;
        }

        return null;
    }

    private static Dictionary<string, int> Vocabulary(byte[] json)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            return HuggingFaceTokenizer.VocabularyOf(document.RootElement, "The vocab.json");
        }
        catch (JsonException e)
        {
            throw new EncoderRefusedException("tokenizer", string.Create(CultureInfo.InvariantCulture, $"The vocab.json is broken in line {(e.LineNumber ?? 0) + 1}: {e.Message}"), e);
        }
    }
}
