using System.Diagnostics;
using System.Globalization;
using System.Numerics.Tensors;
using System.Text.Json;
using Annotator.Core.Projects;

namespace Annotator.Core.Models.Encoders;

/// <summary>Tries an encoder of texts in a process of its own, with bounds on time and memory, as <see cref="ModelCheck"/> does with models of images.</summary>
internal static class TextEncoderCheck
{
    // Quantized models say a little else beside others; one that minds the padding says something else altogether.
    private const double LeastAgreement = 0.9;

    // From this share on a tokenizer does not know the text at all.
    private const double MostlyUnknown = 0.9;

    // For the time that it takes, texts of ordinary length are encoded so many times.
    private const int Repeats = 8;

    /// <summary>The child's part: opens the encoder, runs it, writes a report to the standard output.</summary>
    /// <param name="model">Path of the model.</param>
    /// <param name="said">Path of its spec as JSON.</param>
    /// <param name="tokenizer">Paths of its tokenizer's files.</param>
    /// <returns>The exit code.</returns>
    public static int Run(string model, string said, IReadOnlyList<string> tokenizer)
    {
        TextEncoderReport report;
        try
        {
            var spec = JsonSerializer.Deserialize<TextEncoderSpec>(File.ReadAllText(said), ProjectJson.Options)!;
            report = Try(File.ReadAllBytes(model), [.. tokenizer.Select(a => TokenizerFile.Recognize(File.ReadAllBytes(a)))], spec, new ModelOptions());
        }
        catch (EncoderRefusedException e)
        {
            report = new TextEncoderReport { Refused = e.Message, Field = e.Field };
        }
        catch (Exception e) when (e is JsonException or OutOfMemoryException or IndexOutOfRangeException or ArgumentException or OverflowException)
        {
            report = new TextEncoderReport { Refused = e.Message, Field = "model" };
        }

        Console.Out.Write(JsonSerializer.Serialize(report, ProjectJson.Options));
        return 0;
    }

    /// <summary>Checks an encoder.</summary>
    /// <param name="command">How the checking program is started.</param>
    /// <param name="model">The ONNX file.</param>
    /// <param name="tokenizer">Files of its tokenizer.</param>
    /// <param name="spec">What is said of it.</param>
    /// <param name="options">Bounds.</param>
    /// <param name="cancellationToken">Cancels; the process is ended.</param>
    public static async Task<TextEncoderReport> CheckAsync(ModelCheckCommand command, byte[] model, IReadOnlyList<byte[]> tokenizer, TextEncoderSpec spec, ModelOptions options, CancellationToken cancellationToken)
    {
        var files = new List<(string, byte[])> { ("model.onnx", model), ("spec.json", JsonSerializer.SerializeToUtf8Bytes(spec, ProjectJson.Options)) };
        files.AddRange(tokenizer.Select((f, i) => (string.Create(CultureInfo.InvariantCulture, $"tokenizer-{i}"), f)));
        var (text, refused) = await ModelCheck.RunAsync(command, ModelCheckCommand.EncoderVerb, files, options, cancellationToken);
        return refused is null ? JsonSerializer.Deserialize<TextEncoderReport>(text, ProjectJson.Options)! : new TextEncoderReport { Refused = refused, Field = "model" };
    }

    /// <summary>Opens an encoder and tries it on texts of several lengths, together and one by one.</summary>
    /// <exception cref="EncoderRefusedException">It is none, or does not do what is said of it.</exception>
    internal static TextEncoderReport Try(byte[] model, IReadOnlyList<TokenizerFile> tokenizer, TextEncoderSpec spec, ModelOptions options)
    {
        using var encoder = TextEncoder.Open(model, tokenizer, spec, options);
        var texts = TextEncoder.s_samples;
        var together = encoder.Encode(texts);
        for (var i = 0; i < texts.Length; i++)
        {
            var cosine = TensorPrimitives.CosineSimilarity(together.AsSpan(i * encoder.Dimensions, encoder.Dimensions), encoder.Encode([texts[i]]));
            if (!float.IsNaN(cosine) && cosine < LeastAgreement)
                throw new EncoderRefusedException("model", string.Create(CultureInfo.InvariantCulture, $"The model says something else of a text where a longer one is beside it (cosine {cosine:0.00}): it must leave out what attention_mask says is padding."));
        }

        try
        {
            encoder.Encode([string.Join(' ', Enumerable.Repeat(texts[1], (spec.MaxTokens / 8) + 1))]);
        }
        catch (EncoderRefusedException e)
        {
            throw new EncoderRefusedException("spec.maxTokens", $"The model does not take texts of {spec.MaxTokens} tokens; fewer may do. {e.Message}", e);
        }

        string[] ordinary = [.. Enumerable.Repeat(texts[0], Repeats)];
        encoder.Encode(ordinary);
        var clock = Stopwatch.StartNew();
        encoder.Encode(ordinary);
        return new TextEncoderReport
        {
            Dimensions = encoder.Dimensions, Output = encoder.Output, Pooling = encoder.Pooling, Tokenizer = encoder.Tokenizer.Kind, Vocabulary = encoder.Tokenizer.Known, Lowercase = encoder.Tokenizer.Lowercase,
            Milliseconds = Math.Round(clock.Elapsed.TotalMilliseconds / Repeats, 3),
            Warning = encoder.Tokenizer.UnknownShare(texts[0]) > MostlyUnknown && encoder.Tokenizer.UnknownShare(texts[2]) > MostlyUnknown
                ? "The tokenizer knows hardly a piece of an English and of a Korean sentence; is it the one that the model was trained with?" : null,
        };
    }
}
