using System.Text;
using Microsoft.ML.Tokenizers;

namespace Annotator.Core.Llm;

/// <summary>
/// Counts tokens. For OpenAI's models since GPT-4o by their own tokenizer (o200k_base); other models' tokenizers are not known here, so for these the
/// same count and a quarter more, which is on the safe side for the common ones (Llama 3, Gemini, Mistral and Qwen take about as many, older ones more).
/// </summary>
public static class TokenCounter
{
    private const double Unknown = 1.25;

    // Longer texts are counted by their beginning: nobody needs the tokens of a book to the last one.
    private const int LongestCounted = 20_000;

    private static readonly Lazy<TiktokenTokenizer> s_tokenizer = new(() => TiktokenTokenizer.CreateForEncoding("o200k_base"));
    private static readonly string[] s_known = ["gpt-4o", "gpt-4.1", "gpt-4.5", "gpt-5", "o1", "o3", "o4", "chatgpt-4o", "gpt-oss"];

    /// <summary>Tokens of a text, at the least; for a model whose tokenizer is not known, likely at the most.</summary>
    /// <param name="model">Name of the model, with or without the provider before it.</param>
    /// <param name="text">The text.</param>
    public static int Count(string model, string text)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(text);
        if (text.Length == 0) return 0;
        var counted = text.Length <= LongestCounted ? text : text[..(char.IsHighSurrogate(text[LongestCounted - 1]) ? LongestCounted - 1 : LongestCounted)];
        var tokens = (double)s_tokenizer.Value.CountTokens(counted, considerNormalization: false);
        if (counted.Length < text.Length) tokens *= (double)Encoding.UTF8.GetByteCount(text) / Encoding.UTF8.GetByteCount(counted);
        return (int)Math.Ceiling(tokens * (IsKnown(model) ? 1 : Unknown));
    }

    /// <summary>Whether a model's tokenizer is the one that counts.</summary>
    public static bool IsKnown(string model)
    {
        ArgumentNullException.ThrowIfNull(model);
        var name = model[(model.LastIndexOf('/') + 1)..];
        return s_known.Any(k => name.StartsWith(k, StringComparison.OrdinalIgnoreCase));
    }
}
