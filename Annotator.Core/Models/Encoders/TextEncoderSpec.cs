using System.ComponentModel.DataAnnotations;

namespace Annotator.Core.Models.Encoders;

/// <summary>How one vector for a text is made of what an encoder says.</summary>
public enum Pooling
{
    /// <summary>The mean over the tokens of the text, padding left out.</summary>
    Mean,

    /// <summary>What is said of the first token.</summary>
    Cls,

    /// <summary>The model does it itself: its output has one row for a text.</summary>
    None,
}

/// <summary>What cuts texts into an encoder's tokens.</summary>
public enum TokenizerKind
{
    /// <summary>WordPiece as of BERT: a <c>vocab.txt</c>.</summary>
    WordPiece,

    /// <summary>Byte pairs as of RoBERTa and GPT-2: a <c>vocab.json</c> and a <c>merges.txt</c>.</summary>
    Bpe,

    /// <summary>SentencePiece as of XLM-RoBERTa, Llama and T5: a <c>.model</c>.</summary>
    SentencePiece,
}

/// <summary>How texts go into an uploaded encoder and a vector comes out. What is not given is found out from the files.</summary>
public sealed record TextEncoderSpec : IValidatableObject
{
    /// <summary>The longest text that any encoder is asked about, in tokens.</summary>
    public const int MostTokens = 8_192;

    /// <summary>How the tokens' vectors become the text's; null: as the output asks for.</summary>
    [EnumDataType(typeof(Pooling), ErrorMessage = "Must be mean, cls or none.")]
    public Pooling? Pooling { get; init; }

    /// <summary>Tokens of a text that are looked at, the marks of its beginning and end included; the rest is cut off. 8 to 8,192.</summary>
    [Range(8, MostTokens, ErrorMessage = "Must be 8 to 8192.")]
    public int MaxTokens { get; init; } = 256;

    /// <summary>Whether texts become lower case first; null: as the tokenizer's files say.</summary>
    public bool? Lowercase { get; init; }

    /// <summary>Whether a SentencePiece model is numbered as XLM-RoBERTa numbers it (multilingual E5, BGE-M3); null: told by its size and that of the model's table.</summary>
    public bool? XlmRoberta { get; init; }

    /// <summary>Whether vectors are scaled to length 1.</summary>
    public bool Normalize { get; init; } = true;

    /// <summary>What is written before every text, such as <c>query: </c> for models of the E5 family; at most 200 characters.</summary>
    public string Prefix { get; init; } = "";

    /// <summary>Name of the output that is read; null: <c>sentence_embedding</c>, <c>last_hidden_state</c> or what is like them.</summary>
    public string? Output { get; init; }

    /// <inheritdoc/>
    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (Prefix is null || Prefix.Length > 200 || Prefix.Any(char.IsControl)) yield return new("At most 200 characters, none of them a control character.", [nameof(Prefix)]);
        if (Output is { } output && (string.IsNullOrWhiteSpace(output) || output.Length > 200)) yield return new("The name of an output, of 1 to 200 characters, or nothing.", [nameof(Output)]);
    }
}

/// <summary>What the check of an encoder found out.</summary>
public sealed record TextEncoderReport
{
    /// <summary>Numbers in a vector.</summary>
    public int Dimensions { get; init; }

    /// <summary>The output that is read.</summary>
    public string Output { get; init; } = "";

    /// <summary>How the text's vector is made of it.</summary>
    public Pooling Pooling { get; init; }

    /// <summary>What cuts texts into tokens.</summary>
    public TokenizerKind Tokenizer { get; init; }

    /// <summary>Tokens that the tokenizer knows.</summary>
    public int Vocabulary { get; init; }

    /// <summary>Whether texts become lower case first.</summary>
    public bool Lowercase { get; init; }

    /// <summary>Milliseconds for a text of ordinary length on the machine that checked it, several at a time.</summary>
    public double Milliseconds { get; init; }

    /// <summary>What is odd about it without being wrong; null where nothing is.</summary>
    public string? Warning { get; init; }

    /// <summary>Why it is refused; null where it is not.</summary>
    public string? Refused { get; init; }

    /// <summary>What is refused: <c>model</c>, <c>tokenizer</c>, or a field of the spec.</summary>
    public string? Field { get; init; }
}

/// <summary>An encoder's files are not taken, or it failed at its work; the message says why.</summary>
/// <param name="field">What is wrong: <c>model</c>, <c>tokenizer</c>, or a field of the spec.</param>
/// <param name="message">Why, for whoever sent it.</param>
/// <param name="inner">What led to it.</param>
public sealed class EncoderRefusedException(string field, string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>What is wrong: <c>model</c>, <c>tokenizer</c>, or a field of the spec.</summary>
    public string Field { get; } = field;
}
