namespace Annotator.Benchmarks.Learning;

/// <summary>The deterministic data on which the peers were measured: counter-based generators, ported value for value.</summary>
internal static class PeerData
{
    private static readonly string[] s_syllables = "ba de fi go hu ka le mi no pu ra se ti vo wu ya zel mar ton dra".Split(' ');

    /// <summary>Uniform in [0, 1): value <paramref name="k"/> of stream <paramref name="s"/>.</summary>
    internal static double Uniform(ulong s, ulong k)
    {
        var z = s * 0xD1342543DE82EF95UL + (k + 1) * 0x9E3779B97F4A7C15UL;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9UL;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBUL;
        z ^= z >> 31;
        return (z >> 11) / 9007199254740992.0;
    }

    /// <summary>Standard normal: value <paramref name="k"/> of stream <paramref name="s"/>.</summary>
    internal static double Normal(ulong s, ulong k) =>
        Math.Sqrt(-2 * Math.Log(Math.Max(Uniform(s, 2 * k), 1e-300))) * Math.Cos(2 * Math.PI * Uniform(s, 2 * k + 1));

    /// <summary>Ten Gaussians in <paramref name="dimensions"/> dimensions, 5 % of the points labelled.</summary>
    internal static (float[] Rows, int[] Classes, bool[] Labelled) Mixture(int n, int dimensions = 64, double scale = 0.5, double labelled = 0.05)
    {
        const int classes = 10;
        var centres = Enumerable.Range(0, classes * dimensions).Select(k => scale * Normal(1, (ulong)k)).ToArray();
        var rows = new float[(long)n * dimensions];
        Parallel.For(0, n, i =>
        {
            for (var j = 0; j < dimensions; j++)
                rows[(long)i * dimensions + j] = (float)(centres[i % classes * dimensions + j] + Normal(2, (ulong)i * (ulong)dimensions + (ulong)j));
        });
        var isLabelled = new bool[n];
        foreach (var i in Enumerable.Range(0, n).OrderBy(i => Uniform(3, (ulong)i)).Take((int)(n * labelled)))
            isLabelled[i] = true;
        return (rows, [.. Enumerable.Range(0, n).Select(i => i % classes)], isLabelled);
    }

    /// <summary>Short texts of 6 to 18 pseudo-words, 97 characters on average.</summary>
    internal static IEnumerable<string> Texts(int n)
    {
        var vocabulary = Vocabulary();
        var random = 12345UL;
        for (var i = 0; i < n; i++)
        {
            var words = new string[6 + Next(ref random, 13)];
            for (var w = 0; w < words.Length; w++)
                words[w] = vocabulary[Next(ref random, 2000)];
            Next(ref random, 4);
            yield return string.Join(' ', words);
        }
    }

    /// <summary><see cref="Texts"/> in which each tenth text is a near-copy of the one five before: its last word replaced.</summary>
    internal static IEnumerable<string> NearCopies(int n)
    {
        var recent = new Queue<string>();
        var i = 0;
        foreach (var text in Texts(n))
        {
            recent.Enqueue(text);
            if (recent.Count > 6)
                recent.Dequeue();
            yield return i++ % 10 == 9 ? recent.Peek()[..recent.Peek().LastIndexOf(' ')] + " zzzz" : text;
        }
    }

    private static string[] Vocabulary()
    {
        var random = 7UL;
        var seen = new HashSet<string>(StringComparer.Ordinal);
        var words = new List<string>();
        while (words.Count < 2000)
        {
            var word = string.Concat(Enumerable.Range(0, 2 + Next(ref random, 3)).Select(_ => s_syllables[Next(ref random, s_syllables.Length)]));
            if (seen.Add(word))
                words.Add(word);
        }

        return [.. words];
    }

    private static int Next(ref ulong state, int n)
    {
        state = state * 6364136223846793005UL + 1442695040888963407UL;
        return (int)((state >> 33) % (ulong)n);
    }
}
