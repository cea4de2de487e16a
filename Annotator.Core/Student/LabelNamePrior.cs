using System.Text;

namespace Annotator.Core.Student;

/// <summary>What a project says of a label before anything has been labelled.</summary>
/// <param name="Name">Its name or key, as written (<c>card_arrival</c>, <c>CardArrival</c> and <c>Card arrival</c> are the same).</param>
/// <param name="Description">What it means, if that is written down.</param>
/// <param name="Examples">Texts that have it, if any are given.</param>
public sealed record LabelDescription(string Name, string? Description = null, IReadOnlyList<string>? Examples = null);

/// <summary>
/// A weak first guess while there are no labels: cosine of TF-IDF n-grams between a text and the words of each label, with document frequencies of
/// the project's own texts. Half of the probability is kept for "do not know", so no class ever gets more than 0.5. Thread-safe.
/// </summary>
public sealed class LabelNamePrior
{
    // A description and examples say more about use, but the name is what people chose to say it with.
    private const float NameShare = 2;
    private const float WordWeight = 3;
    private const float Sharpness = 12;

    private readonly Dictionary<int, List<(int Class, float Value)>> _index = [];
    private readonly DocumentFrequencies _frequencies;
    private readonly int _firstWord;

    /// <summary>Builds the guess from descriptions of the labels.</summary>
    /// <param name="labels">One for each class, in order.</param>
    /// <param name="features">How texts become n-grams.</param>
    /// <param name="frequencies">Frequencies over the project's texts; not changed, and must not be while this is in use.</param>
    public LabelNamePrior(IReadOnlyList<LabelDescription> labels, TextFeatures features, DocumentFrequencies frequencies)
    {
        ArgumentNullException.ThrowIfNull(labels);
        ArgumentNullException.ThrowIfNull(features);
        ArgumentNullException.ThrowIfNull(frequencies);
        Classes = labels.Count;
        _frequencies = frequencies;
        _firstWord = 1 << features.Options.CharacterBits;
        for (var c = 0; c < labels.Count; c++)
        {
            var vector = new Dictionary<int, float>();
            AddText(vector, features, Words(labels[c].Name), NameShare);
            if (!string.IsNullOrWhiteSpace(labels[c].Description)) AddText(vector, features, labels[c].Description!, 1);
            foreach (var example in labels[c].Examples ?? []) AddText(vector, features, example, 1f / labels[c].Examples!.Count);
            var norm = MathF.Sqrt(vector.Values.Sum(value => value * value));
            if (norm == 0) continue;
            foreach (var (bucket, value) in vector.OrderBy(pair => pair.Key))
            {
                if (!_index.TryGetValue(bucket, out var list)) _index[bucket] = list = [];
                list.Add((c, value / norm));
            }
        }
    }

    /// <summary>Number of classes.</summary>
    public int Classes { get; }

    /// <summary>Guesses the class of a text.</summary>
    /// <param name="indices">Features of the text.</param>
    /// <param name="probabilities">Receives one value a class; they sum to 0.5.</param>
    /// <returns>The likeliest class, or -1 where nothing in the text resembles any label.</returns>
    public int Guess(ReadOnlySpan<int> indices, Span<float> probabilities)
    {
        probabilities = probabilities[..Classes];
        probabilities.Clear();
        float squared = 0;
        foreach (var bucket in indices)
        {
            var weight = Weight(bucket);
            squared += weight * weight;
            if (!_index.TryGetValue(bucket, out var list)) continue;
            foreach (var (c, value) in list) probabilities[c] += weight * value;
        }

        var norm = squared > 0 ? Sharpness / MathF.Sqrt(squared) : 0;
        var any = false;
        foreach (ref var value in probabilities)
        {
            value *= norm;
            any |= value > 0;
        }

        var best = any ? Probabilities.Best(probabilities) : -1;
        Probabilities.FromScores(probabilities, false);
        foreach (ref var value in probabilities) value *= 0.5f;
        return best;
    }

    /// <summary>Name of a label as words: "Card_arrivalTime" is "Card arrival Time".</summary>
    internal static string Words(string name)
    {
        var words = new StringBuilder();
        for (var i = 0; i < name.Length; i++)
        {
            if (i > 0 && char.IsUpper(name[i]) && char.IsLower(name[i - 1])) words.Append(' ');
            words.Append(char.IsLetterOrDigit(name[i]) || char.IsSurrogate(name[i]) || name[i] is '\'' ? name[i] : ' ');
        }

        return words.ToString().Trim();
    }

    private void AddText(Dictionary<int, float> vector, TextFeatures features, string text, float share)
    {
        var indices = new List<int>();
        features.Compute(text, indices);
        var squared = indices.Sum(bucket => Weight(bucket) * Weight(bucket));
        if (squared == 0) return;
        var scale = share / MathF.Sqrt(squared);
        foreach (var bucket in indices) vector[bucket] = vector.GetValueOrDefault(bucket) + (scale * Weight(bucket));
    }

    private float Weight(int bucket) => (_frequencies.Weight(bucket) - 1) * (bucket >= _firstWord ? WordWeight : 1);
}
