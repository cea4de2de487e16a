using Annotator.Core.Student;

namespace Annotator.Core.Learning.Routing;

/// <summary>
/// Rows of the words that several texts have: their numbers, ascending, and TF-IDF weights of unit length. Texts never change, so what is counted of them is kept, and only texts that came since are
/// counted; how rare a word is, and so every weight, is reckoned anew then. Any number of threads may read one.
/// </summary>
public sealed class WordRows
{
    // A word that only one text has says nothing of the others.
    private const int FewestTexts = 2;

    private readonly TextFeatureOptions _features;

    // As counted: where each row begins, its buckets ascending, and how often the row has each.
    private readonly int[] _countedStarts;
    private readonly int[] _buckets;
    private readonly ushort[] _times;
    private readonly int[] _texts;

    // As weighted.
    private readonly int[] _starts;
    private readonly int[] _index;
    private readonly float[] _values;

    private WordRows(SparseRows rows, TextFeatureOptions features, WordRows? earlier)
    {
        _features = features;
        (_countedStarts, _buckets, _times, _texts) = Read(rows, features, earlier);
        (_starts, _index, _values, Words) = Weigh();
    }

    /// <summary>Number of rows.</summary>
    public int Count => _countedStarts.Length - 1;

    /// <summary>Number of words that several texts have.</summary>
    public int Words { get; }

    /// <summary>The words of a row.</summary>
    /// <param name="row">0-based row number.</param>
    public Row this[int row] => new(_index.AsSpan(_starts[row], _starts[row + 1] - _starts[row]), _values.AsSpan(_starts[row], _starts[row + 1] - _starts[row]));

    /// <summary>Makes the rows.</summary>
    /// <param name="rows">Features of all items.</param>
    /// <param name="features">How they were made.</param>
    /// <param name="earlier">An earlier result over the first of these rows: what is counted there is taken over, and itself where nothing was added.</param>
    /// <returns>The same, to the last bit, with and without an earlier result; null where features are no words.</returns>
    public static WordRows? Of(SparseRows rows, FeatureOptions features, WordRows? earlier = null)
    {
        ArgumentNullException.ThrowIfNull(rows);
        if (features is not TextFeatureOptions text) return null;
        if (earlier is not null && (!text.Equals(earlier._features) || earlier.Count > rows.Count)) earlier = null;
        return earlier?.Count == rows.Count ? earlier : new WordRows(rows, text, earlier);
    }

    private static (int[] Starts, int[] Buckets, ushort[] Times, int[] Texts) Read(SparseRows rows, TextFeatureOptions features, WordRows? earlier)
    {
        var first = features.Buckets - (1 << features.WordBits);
        var known = earlier?.Count ?? 0;
        var (starts, texts) = (new int[rows.Count + 1], earlier is null ? new int[1 << features.WordBits] : (int[])earlier._texts.Clone());
        earlier?._countedStarts.CopyTo(starts, 0);
        List<int> buckets = [.. earlier?._buckets ?? []];
        List<ushort> times = [.. earlier?._times ?? []];
        var found = new List<int>();
        for (var i = known; i < rows.Count; i++)
        {
            found.Clear();
            var row = rows[i];
            for (var k = features.WordsFrom(row); k < row.Length; k += TextFeatures.WordStep) found.Add(row[k] - first);
            found.Sort();
            for (var k = 0; k < found.Count;)
            {
                var same = k + 1;
                while (same < found.Count && found[same] == found[k]) same++;
                buckets.Add(found[k]);
                times.Add((ushort)Math.Min(same - k, ushort.MaxValue));
                texts[found[k]]++;
                k = same;
            }

            starts[i + 1] = buckets.Count;
        }

        return (starts, [.. buckets], [.. times], texts);
    }

    private (int[] Starts, int[] Index, float[] Values, int Words) Weigh()
    {
        var (number, rarity, words) = (new int[_texts.Length], new float[_texts.Length], 0);
        for (var b = 0; b < number.Length; b++)
        {
            number[b] = _texts[b] >= FewestTexts ? words++ : -1;
            if (number[b] >= 0) rarity[b] = DocumentFrequencies.Weight(_texts[b], Count);
        }

        var kept = 0;
        foreach (var bucket in _buckets) kept += number[bucket] >= 0 ? 1 : 0;
        var (starts, index, values, to) = (new int[Count + 1], new int[kept], new float[kept], 0);
        for (var i = 0; i < Count; i++)
        {
            double squares = 0;
            for (var k = _countedStarts[i]; k < _countedStarts[i + 1]; k++)
            {
                if (number[_buckets[k]] < 0) continue;
                var weight = (1 + MathF.Log(_times[k])) * rarity[_buckets[k]];
                index[to] = number[_buckets[k]];
                values[to++] = weight;
                squares += weight * weight;
            }

            var scale = squares > 0 ? (float)(1 / Math.Sqrt(squares)) : 0;
            for (var k = starts[i]; k < to; k++) values[k] *= scale;
            starts[i + 1] = to;
        }

        return (starts, index, values, words);
    }

    /// <summary>Words of a row.</summary>
    /// <param name="index">Their numbers, ascending.</param>
    /// <param name="values">Their weights.</param>
    public readonly ref struct Row(ReadOnlySpan<int> index, ReadOnlySpan<float> values)
    {
        /// <summary>Numbers of the words, ascending.</summary>
        public ReadOnlySpan<int> Index { get; } = index;

        /// <summary>Weights of the words.</summary>
        public ReadOnlySpan<float> Values { get; } = values;

        /// <summary>Numbers and weights.</summary>
        public void Deconstruct(out ReadOnlySpan<int> index, out ReadOnlySpan<float> values)
        {
            index = Index;
            values = Values;
        }
    }
}
