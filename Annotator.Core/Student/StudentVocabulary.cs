using System.Globalization;
using System.Runtime.InteropServices;
using Google.Protobuf;
using Annotator.Core.Student.Onnx;

namespace Annotator.Core.Student;

/// <summary>
/// Which features a student has seen in training, read off its file: a text that is made of others is of a kind that the student cannot know,
/// however sure it says it is.
/// </summary>
public sealed class StudentVocabulary
{
    private readonly TextFeatures _features;
    private readonly bool[] _known;

    private StudentVocabulary(TextFeatures features, bool[] known) => (_features, _known) = (features, known);

    /// <summary>Reads the vocabulary of a student's file.</summary>
    /// <returns>Null where the file does not say what its features are: it is of an older version.</returns>
    /// <exception cref="StudentFileException">The bytes are no ONNX file.</exception>
    public static StudentVocabulary? Read(byte[] file)
    {
        ArgumentNullException.ThrowIfNull(file);
        ModelProto model;
        try
        {
            model = ModelProto.Parser.ParseFrom(file);
        }
        catch (InvalidProtocolBufferException exception)
        {
            throw new StudentFileException("The file is not a complete ONNX file.", exception);
        }

        var metadata = model.MetadataProps.ToDictionary(entry => entry.Key, entry => entry.Value, StringComparer.Ordinal);
        if (!metadata.TryGetValue("features", out var text) || Options(text, metadata.GetValueOrDefault("maximumLength")) is not { } options) return null;

        // The one table of 32-bit numbers over all buckets: a bucket's row of weights; the last entry, like every bucket that was never seen, points at the empty row.
        const int int32 = 6;
        var table = model.Graph.Initializer.FirstOrDefault(t => t.DataType == int32 && t.Dims.Count == 1 && t.Dims[0] == options.Buckets + 1 && t.RawData.Length == (options.Buckets + 1) * sizeof(int));
        if (table is null) return null;
        var rows = MemoryMarshal.Cast<byte, int>(table.RawData.Span);
        var none = rows[^1];
        var known = new bool[options.Buckets];
        for (var b = 0; b < known.Length; b++) known[b] = rows[b] != none;
        return new StudentVocabulary(new TextFeatures(options), known);
    }

    /// <summary>How much of a text the student has seen: the mean of the share of its words and of its character n-grams; 1 for a text without either.</summary>
    public double Familiarity(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var buckets = new List<int>(512);
        _features.Compute(text, buckets);
        var first = 1 << _features.Options.CharacterBits;
        var (grams, knownGrams, words, knownWords, place) = (0, 0, 0, 0, 0);
        foreach (var bucket in buckets)
        {
            if (bucket < first)
            {
                grams++;
                if (_known[bucket]) knownGrams++;
            }
            else if (place++ is var at && (at == 0 || at % 2 == 1))
            {
                // Words and pairs take turns after the first word; pairs are mostly new in any text, and say nothing.
                words++;
                if (_known[bucket]) knownWords++;
            }
        }

        if (grams == 0 || words == 0) return grams == 0 ? 1 : (double)knownGrams / grams;
        return (((double)knownGrams / grams) + ((double)knownWords / words)) / 2;
    }

    private static TextFeatureOptions? Options(string text, string? maximum)
    {
        var parts = text.Split(' ');
        if (parts.Length != 4 || !parts.All(p => int.TryParse(p, NumberStyles.None, CultureInfo.InvariantCulture, out _))) return null;
        var numbers = parts.Select(p => int.Parse(p, CultureInfo.InvariantCulture)).ToArray();
        var options = new TextFeatureOptions { CharacterBits = numbers[0], WordBits = numbers[1], ShortestCharacters = numbers[2], LongestCharacters = numbers[3] };
        return int.TryParse(maximum, NumberStyles.None, CultureInfo.InvariantCulture, out var length) ? options with { MaximumLength = length } : options;
    }
}
