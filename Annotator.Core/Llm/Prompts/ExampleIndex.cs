using System.Runtime.InteropServices;
using Annotator.Core.Student;

namespace Annotator.Core.Llm.Prompts;

/// <summary>
/// Finds the decided items nearest to others: the cosine of their hashed n-grams, weighted by inverse document frequency, through an inverted
/// index (kNN demonstrations, Liu et al. 2022, "What makes good in-context examples for GPT-3?"). Thread-safe once made.
/// </summary>
public sealed class ExampleIndex
{
    // A correction is worth as much as a confirmation that is so much nearer.
    private const double CorrectionBonus = 0.05;

    // Nearer than this it is the same text again: it shows the answer rather than a like case, and of several only one.
    private const double Repeated = 0.98;

    // Characters of an example that are shown.
    private const int LongestExample = 1_000;

    // Where no tokenizer counts, a byte of text is taken for so many tokens: on the safe side for every tokenizer in use and every script.
    private const double TokensPerByte = 0.4;

    // Of the JSON around a text, and of its answer.
    private const int TokensOfFrame = 24;

    private readonly TextFeatures _features = new(new TextFeatureOptions { CharacterBits = 16, WordBits = 16, ShortestCharacters = 3, LongestCharacters = 5, MaximumLength = 512 });
    private readonly IReadOnlyList<DecidedText> _texts;
    private readonly Dictionary<int, List<(int Text, float Weight)>> _postings = [];
    private readonly float[] _idf;

    /// <summary>Makes an index.</summary>
    /// <param name="texts">The decided items.</param>
    public ExampleIndex(IReadOnlyList<DecidedText> texts)
    {
        ArgumentNullException.ThrowIfNull(texts);
        _texts = texts;
        _idf = new float[_features.Options.Buckets];
        var rows = texts.Select(t => Count(t.Text)).ToList();
        foreach (var bucket in rows.SelectMany(r => r.Keys)) _idf[bucket]++;

        // What stands in a fifth of all texts says nothing, and costs most of the time.
        var common = Math.Max(10, texts.Count / 5);
        for (var i = 0; i < _idf.Length; i++) _idf[i] = _idf[i] == 0 ? MathF.Log(texts.Count + 1) : _idf[i] > common ? 0 : MathF.Log((texts.Count + 1) / _idf[i]);
        for (var t = 0; t < rows.Count; t++)
        {
            foreach (var (bucket, weight) in Weigh(rows[t])) (CollectionsMarshal.GetValueRefOrAddDefault(_postings, bucket, out _) ??= []).Add((t, weight));
        }
    }

    /// <summary>Number of decided items.</summary>
    public int Size => _texts.Count;

    /// <summary>The nearest decided items of a text, nearest first.</summary>
    /// <param name="text">The text.</param>
    /// <param name="count">How many at the most.</param>
    /// <param name="without">Items that are left out, such as the one itself.</param>
    public IReadOnlyList<(DecidedText Text, double Similarity)> Nearest(string text, int count, IReadOnlySet<long> without)
    {
        ArgumentNullException.ThrowIfNull(text);
        ArgumentNullException.ThrowIfNull(without);
        var scores = new float[_texts.Count];
        foreach (var (bucket, weight) in Weigh(Count(text)))
        {
            if (!_postings.TryGetValue(bucket, out var list)) continue;
            foreach (var (t, other) in CollectionsMarshal.AsSpan(list)) scores[t] += weight * other;
        }

        return [.. Enumerable.Range(0, scores.Length)
            .Where(t => scores[t] > 0 && !without.Contains(_texts[t].ItemId))
            .Select(t => (Text: _texts[t], Similarity: (double)scores[t]))
            .OrderByDescending(t => t.Similarity + (t.Text.Corrected ? CorrectionBonus : 0)).ThenBy(t => t.Text.ItemId)
            .Take(count)];
    }

    /// <summary>
    /// Examples for a call: of each of its items the nearest in turn, until they are enough or take too many tokens; the most alike last,
    /// where models look most.
    /// </summary>
    /// <param name="items">The items of the call; their ids are those of the items.</param>
    /// <param name="most">Most examples.</param>
    /// <param name="mostTokens">Most tokens that they take.</param>
    /// <param name="prepare">Changes the texts of examples as those of items are changed; null: not at all.</param>
    /// <param name="count">Counts the tokens of a text; null: an estimate on the safe side.</param>
    public IReadOnlyList<LlmExample> For(IReadOnlyList<LlmItem> items, int most, int mostTokens, Func<string, string>? prepare = null, Func<string, int>? count = null)
    {
        ArgumentNullException.ThrowIfNull(items);
        if (most <= 0 || _texts.Count == 0) return [];
        var own = items.Select(i => long.Parse(i.Id, System.Globalization.CultureInfo.InvariantCulture)).ToHashSet();
        var each = Math.Max(1, (most + items.Count - 1) / items.Count) + 1;
        var near = items.Select(i => Nearest(i.Text, each, own)).ToList();
        var chosen = new List<(LlmExample Example, string Value, double Similarity)>();
        var seen = new HashSet<string>(StringComparer.Ordinal);
        double tokens = 0;
        for (var rank = 0; rank < each; rank++)
        {
            foreach (var (text, similarity) in near.Where(n => n.Count > rank).Select(n => n[rank]).OrderByDescending(n => n.Similarity).ThenBy(n => n.Text.ItemId))
            {
                if (chosen.Count == most) break;
                if (text.Text.Length > LongestExample || !seen.Add(text.Text)) continue;
                if (similarity > Repeated && chosen.Any(c => c.Similarity > Repeated && string.Equals(c.Value, text.Value, StringComparison.Ordinal))) continue;
                if (text.ToExample(prepare) is not { } example) continue;
                var cost = TokensOfFrame + Tokens(text.Text) + (example.Quotes ?? []).Sum(q => TokensOfFrame + Tokens(q.Quote));
                if (tokens + cost > mostTokens) continue;
                tokens += cost;
                chosen.Add((example, text.Value, similarity));
            }
        }

        return [.. chosen.OrderBy(c => c.Similarity).Select(c => c.Example)];

        double Tokens(string of) => count is null ? TokensPerByte * System.Text.Encoding.UTF8.GetByteCount(of) : count(of);
    }

    private Dictionary<int, int> Count(string text)
    {
        var buckets = new List<int>(512);
        _features.Compute(text, buckets);
        var counts = new Dictionary<int, int>(buckets.Count);
        foreach (var bucket in buckets) CollectionsMarshal.GetValueRefOrAddDefault(counts, bucket, out _)++;
        return counts;
    }

    // Logarithmic frequency times inverse document frequency, of length one.
    private List<(int Bucket, float Weight)> Weigh(Dictionary<int, int> counts)
    {
        var weights = new List<(int Bucket, float Weight)>(counts.Count);
        double length = 0;
        foreach (var (bucket, count) in counts)
        {
            if (_idf[bucket] <= 0) continue;
            var weight = (1 + MathF.Log(count)) * _idf[bucket];
            weights.Add((bucket, weight));
            length += weight * weight;
        }

        var scale = length > 0 ? (float)(1 / Math.Sqrt(length)) : 0;
        for (var i = 0; i < weights.Count; i++) weights[i] = (weights[i].Bucket, weights[i].Weight * scale);
        return weights;
    }
}
