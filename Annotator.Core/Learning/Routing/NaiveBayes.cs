using Annotator.Core.Student;

namespace Annotator.Core.Learning.Routing;

/// <summary>
/// Multinomial naive Bayes over the words of texts, weighted by rarity and scaled to unit length (Rennie et al. 2003). It counts where the student
/// weighs, errs elsewhere for that, and is at its best with few labels (Ng and Jordan 2001).
/// </summary>
internal static class NaiveBayes
{
    // Weight of every word in every class before anything is counted.
    private const float Smoothing = 0.1f;

    /// <summary>What the words of each row say, by counts that the row itself (and its near-duplicates) are left out of.</summary>
    /// <param name="words">The words of all items; null where features are no words.</param>
    /// <param name="labels">Labels, also in parts; one class an item.</param>
    /// <param name="classes">Number of classes.</param>
    /// <param name="groups">Number of each row's group of near-duplicates; -1 for none. Null: there are no groups.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <returns>Probability of each class, [row, class] row-major; empty where features are no words or nothing is labelled.</returns>
    public static float[] Opinions(
        WordRows? words, IReadOnlyList<LabelledRow> labels, int classes, int[]? groups, CancellationToken cancellationToken = default)
    {
        if (words is null || labels.Count == 0) return [];
        var (counts, totals, shares) = Count(words, labels, classes);
        var logarithms = new float[counts.Length];
        for (var w = 0; w < words.Words; w++)
        {
            for (var c = 0; c < classes; c++) logarithms[(w * classes) + c] = MathF.Log(counts[(w * classes) + c] + Smoothing);
        }

        var own = OwnLabels(labels, words.Count, groups);
        var opinions = new float[words.Count * classes];
        var vocabulary = Smoothing * words.Words;
        Parallel.For(0, words.Count, new ParallelOptions { MaxDegreeOfParallelism = 2, CancellationToken = cancellationToken }, i =>
        {
            var opinion = opinions.AsSpan(i * classes, classes);
            var (index, values) = words[i];
            float length = 0;
            foreach (var value in values) length += value;
            for (var k = 0; k < index.Length; k++) SpanMath.AddScaled(logarithms.AsSpan(index[k] * classes, classes), values[k], opinion);

            // Without what the row and its near-duplicates have themselves brought in.
            var mine = new Held(index.Length, classes);
            foreach (var label in own(i))
            {
                var (others, parts) = words[label.Row];
                mine.Add(index, others, parts, label.Class, label.Weight * label.Emphasis);
            }

            for (var c = 0; c < classes; c++)
            {
                var share = shares[c] - mine.Shares[c];
                opinion[c] += MathF.Log(MathF.Max(share, 0) + 1) - (length * MathF.Log(MathF.Max(totals[c] - mine.Totals[c], 0) + vocabulary));
                if (mine.Shares[c] <= 0) continue;
                for (var k = 0; k < index.Length; k++)
                {
                    var held = mine.Counts[(k * classes) + c];
                    if (held > 0) opinion[c] += values[k] * (MathF.Log(MathF.Max(counts[(index[k] * classes) + c] - held, 0) + Smoothing) - logarithms[(index[k] * classes) + c]);
                }
            }

            SpanMath.Softmax(opinion);
        });
        return opinions;
    }

    private static (float[] Counts, float[] Totals, float[] Shares) Count(WordRows words, IReadOnlyList<LabelledRow> labels, int classes)
    {
        var (counts, totals, shares) = (new float[words.Words * classes], new float[classes], new float[classes]);
        foreach (var label in labels)
        {
            var (index, values) = words[label.Row];
            var weight = label.Weight * label.Emphasis;
            shares[label.Class] += weight;
            for (var k = 0; k < index.Length; k++)
            {
                counts[(index[k] * classes) + label.Class] += weight * values[k];
                totals[label.Class] += weight * values[k];
            }
        }

        return (counts, totals, shares);
    }

    // The labels of a row and of the rows of its group.
    private static Func<int, IEnumerable<LabelledRow>> OwnLabels(IReadOnlyList<LabelledRow> labels, int count, int[]? groups)
    {
        int KeyOf(int row) => groups is not null && groups[row] >= 0 ? count + groups[row] : row;
        var of = labels.ToLookup(l => KeyOf(l.Row));
        return row => of[KeyOf(row)];
    }

    // What some rows have brought into the counts of one row's words.
    private sealed class Held(int words, int classes)
    {
        public float[] Counts { get; } = new float[words * classes];

        public float[] Totals { get; } = new float[classes];

        public float[] Shares { get; } = new float[classes];

        public void Add(ReadOnlySpan<int> mine, ReadOnlySpan<int> others, ReadOnlySpan<float> values, int c, float weight)
        {
            Shares[c] += weight;
            var k = 0;
            for (var o = 0; o < others.Length; o++)
            {
                Totals[c] += weight * values[o];
                while (k < mine.Length && mine[k] < others[o]) k++;
                if (k < mine.Length && mine[k] == others[o]) Counts[(k * classes) + c] += weight * values[o];
            }
        }
    }
}
