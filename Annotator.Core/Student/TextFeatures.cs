using System.Text;

namespace Annotator.Core.Student;

/// <summary>Which n-grams a text is made into, and how many buckets they are hashed into.</summary>
public sealed record TextFeatureOptions : FeatureOptions
{
    /// <summary>Two to the power of this is the number of buckets for character n-grams (10 … 22).</summary>
    public int CharacterBits { get; init; } = 18;

    /// <summary>Two to the power of this is the number of buckets for word n-grams (10 … 22).</summary>
    public int WordBits { get; init; } = 17;

    /// <summary>Shortest character n-gram (1 … <see cref="LongestCharacters"/>).</summary>
    public int ShortestCharacters { get; init; } = 1;

    /// <summary>Longest character n-gram (at most 8).</summary>
    public int LongestCharacters { get; init; } = 5;

    /// <summary>Code points of a text that are read; what follows is ignored, here and in the exported graph.</summary>
    public int MaximumLength { get; init; } = 2048;

    /// <summary>Number of buckets in all.</summary>
    public override int Buckets => (1 << CharacterBits) + (1 << WordBits);

    internal override bool ByRarity => true;

    internal override float WeightOf(int bucket, SoftmaxOptions options) => bucket >= 1 << CharacterBits ? options.WordWeight : 1;

    /// <summary>Where the words of a row begin; each is followed by its pair with the word before it (<see cref="TextFeatures.WordStep"/>).</summary>
    internal int WordsFrom(ReadOnlySpan<int> row)
    {
        var (low, high) = (0, row.Length);
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (row[middle] < 1 << CharacterBits) low = middle + 1; else high = middle;
        }

        return low;
    }

    internal void Validate()
    {
        if (CharacterBits is < 10 or > 22 || WordBits is < 10 or > 22) throw new ArgumentException("Bucket bits must be 10 … 22.", nameof(CharacterBits));
        if (ShortestCharacters < 1 || LongestCharacters < ShortestCharacters || LongestCharacters > 8)
        {
            throw new ArgumentException("Character n-grams must be 1 … 8 long.", nameof(ShortestCharacters));
        }

        if (MaximumLength is < 16 or > 1 << 16) throw new ArgumentException("The length read must be 16 … 65,536.", nameof(MaximumLength));
    }
}

/// <summary>
/// Text to bucket indices: hashed character n-grams over the whole text (with marks at both ends) and hashed words and word pairs. Words are
/// runs of letters, digits and combining marks of any script. Equal, bucket for bucket, to what the exported graph computes inside ONNX.
/// An n-gram is a polynomial over the character numbers modulo 2^31-1 (Karp and Rabin, 1987), then modulo the number of buckets. Thread-safe.
/// </summary>
public sealed class TextFeatures
{
    /// <summary>Base of the polynomial over the characters of an n-gram.</summary>
    internal const long CharacterBase = 1_000_003_711;

    /// <summary>Base of the polynomial over the characters of a word.</summary>
    internal const long WordBase = 48271;

    /// <summary>Base that joins two words.</summary>
    internal const long PairBase = 1_566_083_941;

    /// <summary>Spreads word numbers, so that a word of one letter has no special place.</summary>
    internal const long WordFactor = 742_938_285;

    /// <summary>What stands before the first word of a text: how a text begins says much about what it wants.</summary>
    internal const long FirstWord = 1_234_577_393;

    /// <summary>From one word of a row to the next: a word, its pair with the word before it.</summary>
    internal const int WordStep = 2;

    /// <summary>Makes features with the given options.</summary>
    /// <exception cref="ArgumentException">An option is out of its range.</exception>
    public TextFeatures(TextFeatureOptions? options = null)
    {
        Options = options ?? new TextFeatureOptions();
        Options.Validate();
    }

    /// <summary>The options in use.</summary>
    public TextFeatureOptions Options { get; }

    /// <summary>Appends the features of each text to <paramref name="rows"/>, one row a text, in order.</summary>
    public void Append(IEnumerable<string> texts, SparseRows rows)
    {
        ArgumentNullException.ThrowIfNull(texts);
        ArgumentNullException.ThrowIfNull(rows);
        var indices = new List<int>(1024);
        foreach (var text in texts)
        {
            indices.Clear();
            Compute(text, indices);
            rows.Add(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(indices));
        }
    }

    /// <summary>Appends the features of one text to <paramref name="rows"/> and returns the number of the row.</summary>
    public int Append(string text, SparseRows rows)
    {
        ArgumentNullException.ThrowIfNull(rows);
        var indices = new List<int>(512);
        Compute(text, indices);
        return rows.Add(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(indices));
    }

    /// <summary>
    /// Adds the bucket of every n-gram of <paramref name="text"/> to <paramref name="indices"/>; what occurs twice is added twice. First those of characters, then each word
    /// and its pair with the word before it.
    /// </summary>
    public void Compute(string text, List<int> indices)
    {
        ArgumentNullException.ThrowIfNull(text);
        ArgumentNullException.ThrowIfNull(indices);

        // Start mark, text, end mark, cut to two more than the length read.
        var limit = Options.MaximumLength + 2;
        var length = Math.Min(text.Length + 2, limit);
        var rented = System.Buffers.ArrayPool<uint>.Shared.Rent(length);
        var entries = rented.AsSpan(0, length);
        var count = Read(text, entries);
        AddCharacters(entries[..count], indices);
        AddWords(entries[..count], indices);
        System.Buffers.ArrayPool<uint>.Shared.Return(rented);
    }

    private static int Read(string text, Span<uint> entries)
    {
        var basic = CharacterTable.Basic;
        var count = 0;
        entries[count++] = basic[CharacterTable.Start];
        for (var i = 0; i < text.Length && count < entries.Length; i++)
        {
            var c = text[i];
            if (!char.IsSurrogate(c))
            {
                entries[count++] = basic[c];
            }
            else if (char.IsHighSurrogate(c) && i + 1 < text.Length && char.IsLowSurrogate(text[i + 1]))
            {
                entries[count++] = CharacterTable.Compute(new Rune(c, text[++i]));
            }
            else
            {
                entries[count++] = basic[Rune.ReplacementChar.Value];
            }
        }

        if (count < entries.Length) entries[count++] = basic[CharacterTable.End];
        return count;
    }

    private void AddCharacters(ReadOnlySpan<uint> entries, List<int> indices)
    {
        var mask = (1L << Options.CharacterBits) - 1;
        for (var i = 0; i < entries.Length; i++)
        {
            long gram = 0;
            var longest = Math.Min(Options.LongestCharacters, entries.Length - i);
            for (var n = 0; n < longest; n++)
            {
                gram = ((gram * CharacterBase) + CharacterTable.Number(entries[i + n])) % CharacterTable.Prime;
                if (n + 1 >= Options.ShortestCharacters) indices.Add((int)(gram & mask));
            }
        }
    }

    private void AddWords(ReadOnlySpan<uint> entries, List<int> indices)
    {
        var offset = 1 << Options.CharacterBits;
        var mask = (1L << Options.WordBits) - 1;
        var previous = FirstWord;
        for (var i = 0; i < entries.Length; i++)
        {
            if (!CharacterTable.IsWord(entries[i])) continue;
            long word = 0;
            long power = 1;
            for (; i < entries.Length && CharacterTable.IsWord(entries[i]); i++)
            {
                word = (word + (CharacterTable.Number(entries[i]) * power)) % CharacterTable.Prime;
                power = power * WordBase % CharacterTable.Prime;
            }

            indices.Add(offset + (int)(((word * WordFactor) % CharacterTable.Prime) & mask));
            indices.Add(offset + (int)((((previous * PairBase) + word) % CharacterTable.Prime) & mask));
            previous = word;
        }
    }
}
