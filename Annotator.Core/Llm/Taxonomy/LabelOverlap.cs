namespace Annotator.Core.Llm.Taxonomy;

/// <summary>Finds labels that are hard to tell apart, and labels that hold too much, from two labellings of the same texts.</summary>
internal static class LabelOverlap
{
    // Of the rarer of two labels so much must have been taken for the other.
    private const double ConfusedShare = 0.2;
    private const int FewestConfused = 2;

    // Names that share so much of their letters are looked at in any case (Dice's coefficient of letter pairs).
    private const double AlikeNames = 0.6;

    // A label is wide where it holds so much of the texts, and several times its even share.
    private const double WideShare = 0.25;
    private const double WideTimes = 2.5;
    private const int FewestWide = 12;

    /// <summary>Pairs of labels that were taken for each other, or whose names are nearly the same; the most confused first.</summary>
    /// <param name="labels">Names of the labels.</param>
    /// <param name="first">For each text the label of the first labelling, as a place in the list; any other number for none.</param>
    /// <param name="second">The same of the second.</param>
    /// <param name="most">How many pairs at the most.</param>
    public static IReadOnlyList<(int A, int B, int Confused)> Pairs(IReadOnlyList<string> labels, ReadOnlySpan<int> first, ReadOnlySpan<int> second, int most)
    {
        var counts = new int[labels.Count];
        var confused = new Dictionary<(int, int), int>();
        for (var i = 0; i < first.Length; i++)
        {
            var (a, b) = (Known(first[i]), i < second.Length ? Known(second[i]) : -1);
            if (a >= 0) counts[a]++;
            if (b >= 0) counts[b]++;
            if (a >= 0 && b >= 0 && a != b) confused[(Math.Min(a, b), Math.Max(a, b))] = confused.GetValueOrDefault((Math.Min(a, b), Math.Max(a, b))) + 1;
        }

        var pairs = confused.Where(c => c.Value >= FewestConfused && c.Value >= ConfusedShare * Math.Min(counts[c.Key.Item1], counts[c.Key.Item2]) / 2)
            .Select(c => (A: c.Key.Item1, B: c.Key.Item2, Confused: c.Value)).ToList();
        for (var a = 0; a < labels.Count; a++)
        {
            for (var b = a + 1; b < labels.Count; b++)
            {
                if (Dice(labels[a], labels[b]) >= AlikeNames && !pairs.Any(p => p.A == a && p.B == b)) pairs.Add((a, b, confused.GetValueOrDefault((a, b))));
            }
        }

        int Known(int label) => label < labels.Count ? label : -1;

        return [.. pairs.OrderByDescending(p => p.Confused).ThenBy(p => p.A).ThenBy(p => p.B).Take(most)];
    }

    /// <summary>Labels that hold so much of the texts that they may be several.</summary>
    /// <param name="counts">How many texts each label was given.</param>
    /// <param name="most">How many labels at the most.</param>
    public static IReadOnlyList<int> Wide(IReadOnlyList<int> counts, int most)
    {
        var all = counts.Sum();
        var used = Math.Max(1, counts.Count(c => c > 0));
        return [.. Enumerable.Range(0, counts.Count)
            .Where(l => counts[l] >= FewestWide && counts[l] >= WideShare * all && counts[l] >= WideTimes * all / used)
            .OrderByDescending(l => counts[l]).Take(most)];
    }

    /// <summary>How much two names share, by pairs of neighbouring letters (Dice 1945), 0 to 1.</summary>
    public static double Dice(string a, string b)
    {
        var (x, y) = (Letters(a), Letters(b));
        if (x.Length < 2 || y.Length < 2) return string.Equals(x, y, StringComparison.Ordinal) ? 1 : 0;
        var pairs = new Dictionary<(char, char), int>();
        for (var i = 1; i < x.Length; i++) pairs[(x[i - 1], x[i])] = pairs.GetValueOrDefault((x[i - 1], x[i])) + 1;
        var shared = 0;
        for (var i = 1; i < y.Length; i++)
        {
            if (pairs.GetValueOrDefault((y[i - 1], y[i])) is > 0 and var left)
            {
                pairs[(y[i - 1], y[i])] = left - 1;
                shared++;
            }
        }

        return 2.0 * shared / (x.Length + y.Length - 2);
    }

    private static string Letters(string name) => new([.. name.Where(char.IsLetterOrDigit).Select(char.ToLowerInvariant)]);
}
