namespace Annotator.Core.Student;

/// <summary>In how many texts of a project each bucket occurs. Grows as texts are added; labels are not needed.</summary>
/// <param name="buckets">Number of buckets, <see cref="TextFeatureOptions.Buckets"/>.</param>
public sealed class DocumentFrequencies(int buckets)
{
    private readonly int[] _counts = new int[buckets];
    private readonly int[] _lastRow = new int[buckets];

    /// <summary>Number of texts counted.</summary>
    public int Texts { get; private set; }

    /// <summary>Counts one text; what occurs in it several times counts once.</summary>
    public void Add(ReadOnlySpan<int> indices)
    {
        Texts++;
        foreach (var bucket in indices)
        {
            if (_lastRow[bucket] == Texts) continue;
            _lastRow[bucket] = Texts;
            _counts[bucket]++;
        }
    }

    /// <summary>Counts the rows of <paramref name="rows"/> that come after the ones counted so far.</summary>
    public void AddNew(SparseRows rows)
    {
        ArgumentNullException.ThrowIfNull(rows);
        while (Texts < rows.Count) Add(rows[Texts]);
    }

    /// <summary>Number of texts that have the bucket.</summary>
    public int Count(int bucket) => _counts[bucket];

    /// <summary>Inverse document frequency, smoothed: ln((n + 1) / (df + 1)) + 1.</summary>
    public float Weight(int bucket) => Weight(_counts[bucket], Texts);

    internal static float Weight(int count, int texts) => MathF.Log((texts + 1f) / (count + 1f)) + 1;
}
