using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Annotator.Core.Models.Encoders;

/// <summary>
/// Reads the <c>tokenizer.json</c> of Hugging Face's library: models of type WordPiece and BPE with the parts that encoders of texts have. What would be cut otherwise than there is refused by its name.
/// </summary>
internal static class HuggingFaceTokenizer
{
    private const string Instead = "Upload the tokenizer's own files instead: vocab.txt, vocab.json with merges.txt, or the SentencePiece .model.";

    /// <summary>Opens it.</summary>
    /// <exception cref="EncoderRefusedException">It has parts that are not known.</exception>
    public static TextTokenizer Open(TokenizerFile file, bool? lowercase)
    {
        try
        {
            using var document = JsonDocument.Parse(file.Bytes, new JsonDocumentOptions { MaxDepth = 64 });
            return Read(document.RootElement, lowercase);
        }
        catch (JsonException e)
        {
            throw new EncoderRefusedException("tokenizer", string.Create(CultureInfo.InvariantCulture, $"The tokenizer.json is broken in line {(e.LineNumber ?? 0) + 1}: {e.Message}"), e);
        }
    }

    /// <summary>Tokens and their numbers.</summary>
    public static Dictionary<string, int> VocabularyOf(JsonElement element, string what)
    {
        if (element.ValueKind != JsonValueKind.Object) throw TextTokenizer.Refused($"{what} is no object of tokens and their numbers.");
        var vocabulary = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var token in element.EnumerateObject())
        {
            if (token.Value.ValueKind != JsonValueKind.Number || !token.Value.TryGetInt32(out var number)) throw TextTokenizer.Refused($"{what} gives the token \"{OnnxFiles.Short(token.Name)}\" no whole number.");
            if (!vocabulary.TryAdd(token.Name, number)) throw TextTokenizer.Refused($"{what} has the token \"{OnnxFiles.Short(token.Name)}\" twice.");
            if (vocabulary.Count > TextTokenizer.MostKnown) break;
        }

        return vocabulary;
    }

    private static TextTokenizer Read(JsonElement root, bool? lowercase)
    {
        var model = Part(root, "model") ?? throw TextTokenizer.Refused($"The tokenizer.json has no model. {TokenizerFile.Accepted}");
        var type = Text(model, "type") ?? (Part(model, "merges") is not null ? "BPE" : Part(model, "max_input_chars_per_word") is not null ? "WordPiece" : "");
        if (type is not ("WordPiece" or "BPE")) throw TextTokenizer.Refused($"The tokenizer.json is of type \"{OnnxFiles.Short(type)}\"; WordPiece and BPE are read. {Instead}");
        var vocabulary = VocabularyOf(Part(model, "vocab") ?? throw TextTokenizer.Refused("The tokenizer.json has no vocabulary."), "The tokenizer.json");
        TextTokenizer.Check(vocabulary, "The tokenizer.json");

        var normalizer = Normalizer(Part(root, "normalizer"), lowercase);
        var splitter = Splitter(Part(root, "pre_tokenizer"));
        var marks = Marks(root, vocabulary);
        if (type is "WordPiece")
        {
            var unknown = Text(model, "unk_token") ?? "[UNK]";
            if (!vocabulary.ContainsKey(unknown)) throw TextTokenizer.Refused($"The tokenizer.json has no token \"{OnnxFiles.Short(unknown)}\", which stands for what is not in it.");

            // BERT's own cutting, and that at spaces and marks of punctuation, are the same here.
            if (splitter is not { Kind: Cut.Words or Cut.Spaces }) throw TextTokenizer.Refused($"The tokenizer.json cuts words in a way that is not known for WordPiece. {Instead}");
            Func<string, string> split = splitter.Kind == Cut.Words ? t => BertWords.Split(normalizer.Apply(t), lowercase: false, stripAccents: false, splitChinese: false) : normalizer.Apply;
            return TextTokenizer.WordPiece(vocabulary, split, normalizer.Lowercase, unknown, Text(model, "continuing_subword_prefix") ?? "##", marks);
        }

        if (Flag(model, "byte_fallback")) throw TextTokenizer.Refused($"The tokenizer.json falls back to bytes, as SentencePiece does. {Instead}");
        var shape = new TextTokenizer.BpeShape
        {
            Bytes = splitter.Kind == Cut.Bytes, SpaceFirst = splitter.SpaceFirst, SpacesOnly = splitter.Kind == Cut.Spaces, Unknown = Text(model, "unk_token"),
            EndOfWord = Text(model, "end_of_word_suffix") is { Length: > 0 } end ? end : null, Within = Text(model, "continuing_subword_prefix") is { Length: > 0 } within ? within : null,
        };
        if (shape.Unknown is { } missing && !vocabulary.ContainsKey(missing)) throw TextTokenizer.Refused($"The tokenizer.json has no token \"{OnnxFiles.Short(missing)}\", which stands for what is not in it.");
        return TextTokenizer.Bpe(vocabulary, [.. Merges(model)], shape, normalizer.Apply, normalizer.Lowercase, marks);
    }

    private static IEnumerable<string> Merges(JsonElement model)
    {
        if (Part(model, "merges") is not { ValueKind: JsonValueKind.Array } merges) throw TextTokenizer.Refused("The tokenizer.json has no merges.");
        foreach (var merge in merges.EnumerateArray())
        {
            // Older files write a pair as one text.
            yield return merge.ValueKind switch
            {
                JsonValueKind.String => merge.GetString()!,
                JsonValueKind.Array when merge.GetArrayLength() == 2 && merge[0].ValueKind == JsonValueKind.String && merge[1].ValueKind == JsonValueKind.String => $"{merge[0].GetString()} {merge[1].GetString()}",
                _ => throw TextTokenizer.Refused("The tokenizer.json has a merge that is not two tokens."),
            };
        }
    }

    private static (Func<string, string> Apply, bool Lowercase) Normalizer(JsonElement? part, bool? lowercase)
    {
        var lower = false;
        var steps = new List<Func<string, string>>();
        Add(part);
        if (lowercase == true && !lower) steps.Insert(0, t => t.ToLowerInvariant());
        return (text => steps.Aggregate(text, (t, step) => step(t)), lowercase ?? lower);

        void Add(JsonElement? element)
        {
            if (element is not { ValueKind: JsonValueKind.Object } step) return;
            switch (Text(step, "type"))
            {
                case "Sequence" when Part(step, "normalizers") is { ValueKind: JsonValueKind.Array } parts:
                    foreach (var one in parts.EnumerateArray()) Add(one);
                    break;
                case "BertNormalizer":
                    var own = lowercase ?? Flag(step, "lowercase", usual: true);
                    var accents = Part(step, "strip_accents") is { ValueKind: JsonValueKind.True or JsonValueKind.False } said ? said.GetBoolean() : own;
                    var chinese = Flag(step, "handle_chinese_chars", usual: true);
                    lower |= own;
                    steps.Add(t => BertWords.Split(t, own, accents, chinese));
                    break;
                case "Lowercase":
                    if (lowercase == false) break;
                    lower = true;
                    steps.Add(t => t.ToLowerInvariant());
                    break;
                case "NFC":
                    steps.Add(t => Form(t, NormalizationForm.FormC));
                    break;
                case "NFD":
                    steps.Add(t => Form(t, NormalizationForm.FormD));
                    break;
                case "NFKC":
                    steps.Add(t => Form(t, NormalizationForm.FormKC));
                    break;
                case "NFKD":
                    steps.Add(t => Form(t, NormalizationForm.FormKD));
                    break;
                case "Strip":
                    steps.Add(t => t.Trim());
                    break;
                case var other:
                    throw TextTokenizer.Refused($"The tokenizer.json normalizes texts by \"{OnnxFiles.Short(other ?? "")}\", which is not known here. {Instead}");
            }
        }
    }

    private enum Cut
    {
        Words,
        Spaces,
        Bytes,
        Pattern,
    }

    private static (Cut Kind, bool SpaceFirst) Splitter(JsonElement? part)
    {
        if (part is not { ValueKind: JsonValueKind.Object } step) throw TextTokenizer.Refused($"The tokenizer.json does not cut texts into words. {Instead}");
        var type = Text(step, "type");
        if (type is "Sequence" && Part(step, "pretokenizers") is { ValueKind: JsonValueKind.Array } parts && parts.GetArrayLength() == 1) return Splitter(parts[0]);
        return type switch
        {
            "BertPreTokenizer" => (Cut.Words, false),
            "Whitespace" => (Cut.Pattern, false),
            "WhitespaceSplit" => (Cut.Spaces, false),
            "ByteLevel" when Flag(step, "use_regex", usual: true) => (Cut.Bytes, Flag(step, "add_prefix_space", usual: true)),
            _ => throw TextTokenizer.Refused($"The tokenizer.json cuts texts by \"{OnnxFiles.Short(type ?? "")}\", which is not known here. {Instead}"),
        };
    }

    // What stands before and after a text, and what fills up.
    private static (int[] First, int[] Last, int Pad) Marks(JsonElement root, Dictionary<string, int> vocabulary)
    {
        var numbers = new Dictionary<string, int>(vocabulary, StringComparer.Ordinal);
        if (Part(root, "added_tokens") is { ValueKind: JsonValueKind.Array } added)
        {
            foreach (var token in added.EnumerateArray())
            {
                if (Text(token, "content") is { } content && Part(token, "id") is { ValueKind: JsonValueKind.Number } id && id.TryGetInt32(out var number) && number is >= 0 and < 2 * TextTokenizer.MostKnown) numbers[content] = number;
            }
        }

        var pad = Part(root, "padding") is { ValueKind: JsonValueKind.Object } padding && Part(padding, "pad_id") is { ValueKind: JsonValueKind.Number } padId && padId.TryGetInt32(out var padNumber) && padNumber >= 0
            ? padNumber : numbers.TryGetValue("[PAD]", out var own) || numbers.TryGetValue("<pad>", out own) ? own : 0;
        var (first, last) = (new List<int>(), new List<int>());
        Add(Part(root, "post_processor"));
        return ([.. first], [.. last], pad);

        int Number(string token) => numbers.TryGetValue(token, out var number) ? number : throw TextTokenizer.Refused($"The tokenizer.json puts \"{OnnxFiles.Short(token)}\" around texts, and has no such token.");

        void Add(JsonElement? element)
        {
            if (element is not { ValueKind: JsonValueKind.Object } step) return;
            switch (Text(step, "type"))
            {
                case "Sequence" when Part(step, "processors") is { ValueKind: JsonValueKind.Array } parts:
                    foreach (var one in parts.EnumerateArray()) Add(one);
                    break;
                case "BertProcessing" or "RobertaProcessing" when Part(step, "cls") is { ValueKind: JsonValueKind.Array } cls && Part(step, "sep") is { ValueKind: JsonValueKind.Array } sep:
                    if (cls.GetArrayLength() == 0 || sep.GetArrayLength() == 0) throw TextTokenizer.Refused("The tokenizer.json does not say what stands around texts.");
                    first.Add(Number(cls[0].GetString() ?? ""));
                    last.Add(Number(sep[0].GetString() ?? ""));
                    break;
                case "TemplateProcessing" when Part(step, "single") is { ValueKind: JsonValueKind.Array } single:
                    var into = first;
                    foreach (var piece in single.EnumerateArray())
                    {
                        if (Part(piece, "Sequence") is not null) into = last;
                        else if (Part(piece, "SpecialToken") is { } special) into.Add(Number(Text(special, "id") ?? ""));
                    }

                    break;
                case "ByteLevel":
                    break;
                case var other:
                    throw TextTokenizer.Refused($"The tokenizer.json finishes texts by \"{OnnxFiles.Short(other ?? "")}\", which is not known here. {Instead}");
            }
        }
    }

    private static string Form(string text, NormalizationForm form) => text.EnumerateRunes().Any(r => r == Rune.ReplacementChar) ? string.Concat(text.EnumerateRunes()).Normalize(form) : text.Normalize(form);

    private static JsonElement? Part(JsonElement element, string name) => element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out var part) && part.ValueKind != JsonValueKind.Null ? part : null;

    private static string? Text(JsonElement element, string name) => Part(element, name) is { ValueKind: JsonValueKind.String } part ? part.GetString() : null;

    private static bool Flag(JsonElement element, string name, bool usual = false) => Part(element, name) is { ValueKind: JsonValueKind.True or JsonValueKind.False } part ? part.GetBoolean() : usual;
}
